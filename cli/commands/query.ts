// `ditag query`: finds series and prints them.
import { setImmediate } from 'node:timers/promises';
import { ditagError } from '../../core/errors/errors.ts';
import { makeQuery } from '../../core/query/query.ts';
import { csvFormat, ROW_FORMATS, type RowFormat, type RowFormatName } from '../../core/query/row-format.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { projectName } from '../options.ts';
import { fileOutput, type Output, streamOutput } from '../output.ts';

export interface QueryOptions {
  readonly sdate?: string;
  readonly edate?: string;
  readonly date?: string;
  readonly targets?: string;
  readonly pattern?: string;
  readonly where?: readonly string[];
  readonly whereNot?: readonly string[];
  readonly columns?: string;
  readonly format?: string;
  readonly count?: boolean;
  readonly output?: string;
  readonly projectName?: string;
}

/** Milliseconds after which a long answer lets Ctrl-C be noticed. */
const BREATHE_EVERY = 50;

/** `ditag project query`: the project has to be named. */
export function projectQuery(options: QueryOptions, context: CommandContext): Promise<ExitCode> {
  return query({ ...options, projectName: projectName(options.projectName) }, context);
}

export async function query(options: QueryOptions, context: CommandContext): Promise<ExitCode> {
  const { workspace, stdout, stderr } = context;
  // A file that was begun is to be removed; without one, Ctrl-C may end the process wherever it is.
  const signal = options.output === undefined ? undefined : context.signal;
  const asked = await makeQuery(options);
  const format = formatName(options.format);
  if (options.targets !== undefined && options.pattern === undefined) {
    stderr.write('--targets without --pattern filters nothing.\n');
  }
  const index = await workspace.openIndex(options.projectName);
  try {
    if (options.count === true) {
      const count = await index.count(asked);
      const output = outputOf(options.output, stdout);
      await output.write(`${count}\n`);
      await output.finish();
      return 0;
    }
    const more = asked.columns.map((target) => target.name);
    const { begin, batch, end } = await rowFormat(format, more);
    const output = outputOf(options.output, stdout);
    let found = 0;
    let isBegun = false;
    let breathed = performance.now();
    try {
      for await (const rows of index.search(asked)) {
        // An index that cannot answer says so with the first rows: then nothing is printed.
        if (!isBegun) await output.write(begin());
        isBegun = true;
        found += rows.rows;
        await output.write(batch(rows));
        if (signal !== undefined && performance.now() - breathed > BREATHE_EVERY) {
          await setImmediate();
          breathed = performance.now();
          signal.throwIfAborted();
        }
      }
      if (!isBegun) await output.write(begin());
      await output.write(end());
      await output.finish();
    } catch (error) {
      await output.abandon();
      throw error;
    }
    stderr.write(`Found ${found} matching series.\n`);
    return 0;
  } finally {
    await index.close();
  }
}

function outputOf(file: string | undefined, stdout: NodeJS.WriteStream): Output {
  return file === undefined ? streamOutput(stdout) : fileOutput(file);
}

/** The formats that have to read the rows are loaded when they are asked for. */
async function rowFormat(name: RowFormatName, more: readonly string[]): Promise<RowFormat> {
  if (name === 'csv') return csvFormat(more);
  const { parsedFormat } = await import('../../core/query/parsed-formats.ts');
  return parsedFormat(name, more);
}

function formatName(text: string | undefined): RowFormatName {
  const name = text ?? 'csv';
  if (!(ROW_FORMATS as readonly string[]).includes(name)) {
    throw ditagError('bad-option', {
      option: '--format',
      value: name,
      allowed: `choose one of ${ROW_FORMATS.join(', ')}`,
    });
  }
  return name as RowFormatName;
}
