// Runs the command `query` in this process: some hundred times quicker than a process of its own, for the many cases
// that differ only in options. What comes before the command (main.ts) is tested with processes, see run-ditag.ts.
import path from 'node:path';
import { Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import type { CommandContext } from '../../cli/command.ts';
import { type QueryOptions, query } from '../../cli/commands/query.ts';
import { readConfiguration } from '../../cli/configuration/configuration.ts';
import { LocalWorkspace } from '../../cli/workspaces/local/local-workspace.ts';
import type { Workspace } from '../../cli/workspaces/workspace.ts';
import { DitagError } from '../../core/errors/errors.ts';
import type { Ended } from './run-ditag.ts';

const OPTIONS = {
  sdate: { type: 'string' },
  edate: { type: 'string' },
  date: { type: 'string' },
  targets: { type: 'string' },
  pattern: { type: 'string' },
  where: { type: 'string', multiple: true },
  'where-not': { type: 'string', multiple: true },
  columns: { type: 'string' },
  format: { type: 'string' },
  count: { type: 'boolean' },
  output: { type: 'string' },
  'project-name': { type: 'string' },
} as const;

/** On this machine. @param home folder in which .ditag/config.ini stands */
export function queryHere(args: readonly string[], home: string): Promise<Ended> {
  const configuration = readConfiguration(path.join(home, '.ditag', 'config.ini'), { environment: {} });
  return queryIn(new LocalWorkspace(configuration), args);
}

/** In any workspace. */
export async function queryIn(workspace: Workspace, args: readonly string[]): Promise<Ended> {
  const { values } = parseArgs({ args: withEquals(args), options: OPTIONS });
  const { 'where-not': whereNot, 'project-name': projectName, ...others } = values;
  const options = { ...others, whereNot, projectName } as QueryOptions;
  return commandIn(workspace, (context) => query(options, context));
}

/** Runs a command as the command line does, without a process. */
export async function commandIn(
  workspace: Workspace,
  command: (context: CommandContext) => Promise<number>,
): Promise<Ended> {
  const stdout = new Collected();
  const stderr = new Collected();
  let code: number;
  try {
    const { signal } = new AbortController();
    const progress = async () => ({ update: () => {}, stop: () => {} });
    // None of these commands talks to a PACS.
    code = await command({ workspace, stdout, stderr, signal, progress } as unknown as CommandContext);
  } catch (error) {
    if (!(error instanceof DitagError)) throw error;
    stderr.write(`${error.message}\n`);
    code = error.exitCode;
  }
  return { code, signal: null, stdout: stdout.text(), stderr: stderr.text() };
}

/** `--name value` as `--name=value`, so that a value may start with a dash. */
function withEquals(args: readonly string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const takesValue = arg.startsWith('--') && !arg.includes('=') && arg !== '--count';
    out.push(takesValue ? `${arg}=${args[++i]}` : arg);
  }
  return out;
}

class Collected extends Writable {
  private readonly parts: Buffer[] = [];

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: () => void): void {
    this.parts.push(Buffer.from(chunk));
    done();
  }

  text(): string {
    return Buffer.concat(this.parts).toString('utf8');
  }
}
