// `ditag project index`: asks the PACS for the accession numbers of a list, and makes the project's index of the answers.
import type { Buffer } from 'node:buffer';
import fs from 'node:fs';
import path from 'node:path';
import { DitagError, ditagError } from '../../core/errors/errors.ts';
import { readFailure } from '../../core/errors/file-failure.ts';
import { type AccessionOutcome, isWhollyKnown, type Target } from '../../core/projects/expected.ts';
import { readTargetList, startLine, type TargetList } from '../../core/projects/target-list.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { expandHome } from '../configuration/configuration.ts';
import { replaceFile } from '../configuration/private-file.ts';
import { keptOptions, projectName, threadCount, wholeNumber } from '../options.ts';
import { grouped } from '../reporters/statistics-text.ts';
import type { ProjectPacsOptions } from '../workspaces/pacs.ts';
import type { Project } from '../workspaces/project.ts';

export interface ProjectIndexOptions extends ProjectPacsOptions {
  readonly projectName?: string;
  readonly targetList?: string;
  /** The list itself where it is not read from `targetList`, but is to be kept there, for whoever asks again. */
  readonly listText?: string;
  readonly startAtLine?: string;
  readonly startAtAccession?: string;
  readonly refresh?: boolean;
  readonly threads?: string;
  readonly quiet?: boolean;
}

const THREADS = 4;
const MOST_LINE = 1e9;

export async function projectIndex(options: ProjectIndexOptions, context: CommandContext): Promise<ExitCode> {
  const { workspace, pacs, stderr } = context;
  const name = projectName(options.projectName);
  const threads = threadCount(options.threads) ?? THREADS;
  const line = wholeNumber('--start-at-line', options.startAtLine, 1, MOST_LINE);
  if (line !== undefined && options.startAtAccession !== undefined) {
    const allowed = 'give it or --start-at-line, not both';
    throw ditagError('bad-option', { option: '--start-at-accession', value: options.startAtAccession, allowed });
  }
  const project = await workspace.project(name, { isNew: true });
  try {
    await using lock = await project.lock('index', keptOptions(options));
    const within = { ...context, signal: AbortSignal.any([context.signal, lock.lost]) };
    const known = await project.settings();
    const settings = pacs.projectSettings(options, known.pacs);
    const listFile = options.targetList === undefined ? known.targetList : path.resolve(expandHome(options.targetList));
    if (listFile === undefined) throw ditagError('no-target-list', {});
    const list = readTargetList(options.listText ?? readText(listFile));
    const from = startLine(list, { line, accession: options.startAtAccession });
    if (from === undefined) throw notInList(options, listFile);
    await pacs.reach(settings);
    const { destination: host, port, aetitle } = settings;
    if (options.listText !== undefined) replaceFile(listFile, options.listText);
    // A list of its own stays that of the project.
    const ownList = options.listText === undefined ? undefined : known.targetList;
    await project.change({ pacs: { host, port, aetitle }, target_list: ownList ?? listFile });
    const { added, newlyRefused } = await addTargets(project, list);
    if (options.quiet !== true) stderr.write(listSummary(list, added));
    if (list.odd > 0)
      stderr.write(
        `${grouped(list.odd)} of them have a comma, a semicolon, a quotation mark or a comment in them: a line is taken as one accession number, as it stands.\n`,
      );
    const isAll = from === 1;
    const open = await project.store.targetsToAsk(options.refresh === true);
    const targets = isAll ? open : open.filter(({ accession }) => (list.lastLines.get(accession) ?? 0) >= from);
    const settled = await find(
      project,
      targets,
      { peer: pacs.peer(settings), threads, quiet: options.quiet === true },
      within,
    );
    if (settled === 0) lock.finished();
    else await lock.confirm();
    return settled === 0 && newlyRefused > 0 ? 1 : settled;
  } finally {
    await project.close();
  }
}

async function find(
  project: Project,
  targets: readonly Target[],
  { peer, threads, quiet }: { peer: ReturnType<CommandContext['pacs']['peer']>; threads: number; quiet: boolean },
  context: CommandContext,
): Promise<ExitCode> {
  const { stderr, signal } = context;
  const progress = await context.progress(quiet);
  const counts = new Map<AccessionOutcome, number>();
  let done = 0;
  const count = (outcome: AccessionOutcome) => counts.get(outcome) ?? 0;
  let failure: unknown;
  try {
    await project.find({
      targets,
      peer,
      threads,
      signal,
      onAnswer: ({ outcome }) => {
        done++;
        counts.set(outcome, count(outcome) + 1);
        progress.update(() => {
          const text = `${grouped(count('found'))} found, ${grouped(count('not-found'))} not found, ${grouped(count('failed'))} failed`;
          return {
            step: 'asking',
            done: Math.min(1, done / targets.length),
            text,
            unit: 'accession numbers',
            amount: done,
          };
        });
      },
    });
  } catch (error) {
    failure = error;
  } finally {
    progress.stop();
  }
  // What is known can be queried, however it ended.
  await project.index();
  if (failure !== undefined && !signal.aborted) throw failure;
  const { outcomes, accessions, studies, series, instances } = await project.store.totals();
  const told = [`${grouped(outcomes.found)} of ${grouped(accessions)} accession numbers found`];
  for (const [outcome, text] of OTHERS) if (outcomes[outcome] > 0) told.push(`${grouped(outcomes[outcome])} ${text}`);
  const found = `${grouped(studies)} studies, ${grouped(series)} series, ${grouped(instances)} instances`;
  if (!quiet) stderr.write(`${told.join(', ')}: ${found}.\n`);
  // The project was taken from this command, which tells so.
  if (signal.reason instanceof DitagError) return 1;
  if (signal.aborted) {
    stderr.write('Interrupted. Run the same command again: it asks only for what is open.\n');
    return 130;
  }
  return isWhollyKnown(outcomes) ? 0 : 1;
}

const OTHERS = [
  ['incomplete', 'found incompletely'],
  ['not-found', 'not found'],
  ['refused', 'refused'],
  ['failed', 'failed'],
  ['open', 'not asked for yet'],
] as const;

/** Also those that are refused: the report tells of them. Gives how many are new. */
async function addTargets({ store }: Project, { targets, refused }: TargetList) {
  const added = await store.addTargets(targets);
  const newlyRefused = await store.addTargets(refused.map(({ text: accession, line }) => ({ accession, line })));
  for (const { text: accession, reason } of refused)
    await store.keep({ accession, outcome: 'refused', reason, studies: [] });
  return { added, newlyRefused };
}

function listSummary({ lines, targets, refused, blank, comments, duplicates }: TargetList, added: number): string {
  const parts = [`${grouped(targets.length)} accession numbers`];
  if (duplicates > 0) parts.push(`${grouped(duplicates)} repeated`);
  if (refused.length > 0) parts.push(`${grouped(refused.length)} refused`);
  if (blank + comments > 0) parts.push(`${grouped(blank + comments)} blank lines and comments`);
  return `${grouped(lines)} lines: ${parts.join(', ')}; ${grouped(added)} are new.\n`;
}

function notInList({ startAtLine, startAtAccession }: ProjectIndexOptions, list: string) {
  const [option, value] =
    startAtAccession === undefined ? ['--start-at-line', startAtLine!] : ['--start-at-accession', startAtAccession];
  return ditagError('bad-option', { option, value, allowed: `${list} does not have it` });
}

function readText(file: string): string {
  try {
    return decoded(fs.readFileSync(file));
  } catch (error) {
    throw readFailure(file, error);
  }
}

/** As spreadsheets save text: in UTF-8, or in UTF-16 with a byte order mark. */
function decoded(bytes: Buffer): string {
  const mark = bytes.subarray(0, 2).toString('hex');
  const encoding = mark === 'fffe' ? 'utf-16le' : mark === 'feff' ? 'utf-16be' : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}
