// `ditag project download`: has the PACS send what the project expects, until each instance is on disk or is known to be
// unobtainable.
import { DitagError, ditagError } from '../../core/errors/errors.ts';
import type { StoreFailure } from '../../core/ports/instance-store.ts';
import { printable } from '../../core/projects/printable.ts';
import { parseWindow } from '../../core/projects/time-window.ts';
import type { DownloadProgress } from '../../core/stages/download-project.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { keptOptions, projectName, threadCount, wholeNumber } from '../options.ts';
import type { ProgressReporter } from '../reporters/progress.ts';
import { grouped } from '../reporters/statistics-text.ts';
import { readSeriesInput } from '../series-input.ts';
import { type ProjectPacsOptions, portNumber } from '../workspaces/pacs.ts';
import type { Project, ProjectDownloadOutcome, Receiving, ZipOptions } from '../workspaces/project.ts';

export interface ProjectDownloadOptions extends Pick<ProjectPacsOptions, 'myAet' | 'myaet'> {
  readonly projectName?: string;
  readonly threads?: string;
  readonly output?: string;
  readonly input?: string;
  readonly scpPort?: string;
  readonly method?: string;
  readonly acceptFrom?: string;
  readonly window?: string;
  readonly rounds?: string;
  readonly patience?: string;
  readonly zipProject?: boolean;
  readonly quiet?: boolean;
}

const THREADS = 4;
const SCP_PORT = '11112';
const ROUNDS = 3;
const PATIENCE = 120;
const NOT_STORED: Readonly<Record<StoreFailure, string>> = {
  identity: 'their data sets are of other instances than the PACS said, or of none',
  'no-space': 'there was no space',
  failed: 'the disk refused them',
};
/** Series with something missing that are told of (all stand in the manifest), and zips that could not be made. */
const MOST_TOLD = 50;

export async function projectDownload(options: ProjectDownloadOptions, context: CommandContext): Promise<ExitCode> {
  const { workspace, pacs, stdin, stderr } = context;
  const name = projectName(options.projectName);
  const quiet = options.quiet === true;
  const receiving = receivingOf(options);
  const settings = {
    threads: threadCount(options.threads) ?? THREADS,
    rounds: wholeNumber('--rounds', options.rounds, 1, 100) ?? ROUNDS,
    patience: 1000 * (wholeNumber('--patience', options.patience, 1, 86_400) ?? PATIENCE),
    window: windowOf(options.window),
  };
  const series = options.input === undefined ? undefined : new Set(await readSeriesInput(options.input, stdin));
  if (series?.size === 0) throw ditagError('empty-series-list', { source: options.input! });
  const project = await workspace.project(name, { isNew: false });
  try {
    await using lock = await project.lock('download', keptOptions(options));
    const within = { ...context, signal: AbortSignal.any([context.signal, lock.lost]) };
    const { accessions, series: known } = await project.store.totals();
    if (accessions === 0) throw ditagError('not-indexed-project', { project: name });
    const { pacs: ofProject } = await project.settings();
    const peerSettings = pacs.projectSettings(ownName(options), ofProject);
    const unknown = series === undefined ? 0 : await countUnknown(project, series);
    if (unknown > 0)
      stderr.write(`${grouped(unknown)} of the listed series are not in the project: they are left out.\n`);
    if (known > 0) await pacs.reach(peerSettings);
    const { signal } = within;
    const peer = pacs.peer(peerSettings);
    const progress = await context.progress(quiet);
    let outcome: ProjectDownloadOutcome;
    try {
      outcome = await project.download({
        ...settings,
        ...{ peer, receiving, output: options.output ?? '.', series, signal },
        onFolder: (folder, isContinued) => {
          if (!quiet) stderr.write(`${isContinued ? 'Continued in' : 'Into'} ${folder}\n`);
        },
        onPrepared: (done, all) =>
          progress.update(() => {
            return {
              step: 'comparing',
              done: done / all,
              text: `${grouped(done)} series`,
              unit: 'series',
              amount: done,
            };
          }),
        onProgress: (at) => showProgress(progress, at),
        onWarning: (text) => stderr.write(`${text}\n`),
      });
    } finally {
      progress.stop();
    }
    const zipping = { failures: [] as readonly string[], thrown: undefined as unknown };
    // What is missing is told first, whatever becomes of the zips.
    if (options.zipProject === true && !signal.aborted) {
      const { folder } = outcome;
      const zips = zip(project, { folder, peer, threads: settings.threads, signal }, await context.progress(quiet));
      zipping.failures = await zips.catch((error) => {
        zipping.thrown = error;
        return [];
      });
    }
    const code = await ended(project, outcome, { quiet, series, unknown }, within);
    tellFailures(zipping.failures, stderr);
    if (zipping.thrown !== undefined) throw zipping.thrown;
    const all = code === 0 && zipping.failures.length > 0 ? 1 : code;
    if (all === 0) lock.finished();
    else await lock.confirm();
    return all;
  } finally {
    await project.close();
  }
}

async function zip(
  project: Project,
  options: Omit<ZipOptions, 'onSubject'>,
  progress: ProgressReporter,
): Promise<readonly string[]> {
  const onSubject = (done: number, all: number) =>
    progress.update(() => {
      return {
        step: 'zipping',
        done: done / all,
        text: `${done} of ${all} subjects`,
        unit: 'subjects',
        amount: done,
      };
    });
  try {
    return await project.zip({ ...options, onSubject });
  } finally {
    progress.stop();
  }
}

async function ended(
  project: Project,
  outcome: ProjectDownloadOutcome,
  { quiet, series, unknown }: { quiet: boolean; series: ReadonlySet<string> | undefined; unknown: number },
  context: CommandContext,
): Promise<ExitCode> {
  const { stderr, signal } = context;
  const { folder, manifest, expected, received, bytes, notAskedFor, open, stopped, notStored, refusedCallers } =
    outcome;
  // With a list, only what it names is asked for, and only of that there may be more.
  const doubts = await (series === undefined ? doubtsOf(project) : doubtsOfSeries(project, series));
  if (!quiet)
    stderr.write(
      `${summary(expected, received, bytes, doubts.length > 0)}${manifest ? ` The manifest is ${folder}/manifest.csv.` : ''}\n`,
    );
  if (notAskedFor > 0)
    stderr.write(`${grouped(notAskedFor)} instances came that were not asked for: they are kept aside.\n`);
  for (const [reason, count] of notStored)
    stderr.write(`${grouped(count)} instances came and were not stored: ${NOT_STORED[reason]}.\n`);
  for (const caller of refusedCallers)
    stderr.write(`${printable(caller)} wanted to send and was refused: --accept-from would let it.\n`);
  // The project was taken from this command, which tells so.
  if (signal.reason instanceof DitagError) return 1;
  if (signal.aborted) {
    stderr.write('Interrupted. Run the same command again: it goes on where it was.\n');
    return 130;
  }
  if (stopped !== undefined) stderr.write(`${stopped.message}\n`);
  tellMissing(open, stderr);
  for (const doubt of doubts) stderr.write(`${doubt}\n`);
  return received === expected && unknown === 0 && doubts.length === 0 ? 0 : 1;
}

/** The project has all else of its PACS. */
function ownName({ myAet, myaet }: ProjectDownloadOptions): ProjectPacsOptions {
  const given = myAet ?? myaet;
  return given === undefined ? {} : { myAet: given };
}

function summary(expected: number, received: number, bytes: number, isDoubted: boolean): string {
  const size = `${(bytes / 1e6).toFixed(1)} MB`;
  if (received === expected && isDoubted)
    return `All ${grouped(expected)} expected instances are on disk (${size}); there may be more.`;
  if (expected === 0) return 'Nothing to download: no instances are expected.';
  if (received === expected) return `Complete: all ${grouped(expected)} instances are on disk (${size}).`;
  return `Not complete: ${grouped(received)} of ${grouped(expected)} instances are on disk (${size}), ${grouped(expected - received)} are missing.`;
}

/** Why there may be more than what is expected: what is not expected cannot be missed. */
async function doubtsOf({ store, name }: Project): Promise<string[]> {
  const { open, failed, incomplete } = (await store.totals()).outcomes;
  const again = `ditag project index --project-name ${name}`;
  const doubts: string[] = [];
  if (open + failed > 0)
    doubts.push(`${grouped(open + failed)} accession numbers are not looked up yet: run \`${again}\`.`);
  if (incomplete > 0)
    doubts.push(
      `${grouped(incomplete)} accession numbers are found incompletely, so there may be more: run \`${again} --refresh\`.`,
    );
  return doubts;
}

/** The same of some series: those of which nobody has said how many instances there are. */
async function doubtsOfSeries({ store, name }: Project, chosen: ReadonlySet<string>): Promise<string[]> {
  const incomplete = new Set<string>();
  for await (const { accession, outcome } of store.targets()) if (outcome === 'incomplete') incomplete.add(accession);
  let doubted = 0;
  for await (const { SeriesInstanceUID, accession, announced } of store.series())
    if (chosen.has(SeriesInstanceUID) && announced === undefined && incomplete.has(accession)) doubted++;
  if (doubted === 0) return [];
  const again = `ditag project index --project-name ${name} --refresh`;
  return [
    `${grouped(doubted)} of the series are of accession numbers that are found incompletely, and not counted, so there may be more: run \`${again}\`.`,
  ];
}

function tellFailures(failures: readonly string[], stderr: NodeJS.WriteStream): void {
  for (const failure of failures.slice(0, MOST_TOLD)) stderr.write(`${failure}\n`);
  const more = failures.length - MOST_TOLD;
  if (more > 0) stderr.write(`… and ${grouped(more)} more zips could not be made.\n`);
}

/** By accession number and series. */
function tellMissing(open: ProjectDownloadOutcome['open'], stderr: NodeJS.WriteStream): void {
  for (const [{ accession, SeriesInstanceUID, expected, received }, reason] of open.slice(0, MOST_TOLD))
    stderr.write(
      `${printable(`Missing of ${accession}, series ${SeriesInstanceUID}: ${grouped(expected - received)}; ${reason || 'not downloaded yet'}`)}\n`,
    );
  const more = open.length - MOST_TOLD;
  if (more > 0) stderr.write(`… and ${grouped(more)} more series: the manifest has them all.\n`);
}

function showProgress(progress: ProgressReporter, at: DownloadProgress): void {
  progress.update(() => {
    const { received, expected, bytes } = at;
    const volume = `${grouped(received)} of ${grouped(expected)} instances, ${(bytes / 1e6).toFixed(1)} MB`;
    const done = expected === 0 ? 1 : received / expected;
    return { step: 'downloading', done, text: `${volume}, ${doingText(at)}`, unit: 'instances', amount: received };
  });
}

/** What each association is doing, or what is waited for. */
function doingText({ doing, allowed, opensIn }: DownloadProgress): string {
  if (opensIn > 0) return `waits ${Math.ceil(opensIn / 60_000)} min for its hours`;
  const each = doing.map(({ received, expected }) => `${grouped(received)}/${grouped(expected)}`).join(' ');
  return `${doing.length} of ${allowed} associations at work${each === '' ? '' : ` (${each})`}`;
}

function receivingOf({ method = 'move', scpPort, acceptFrom }: ProjectDownloadOptions): Receiving {
  if (method !== 'move' && method !== 'get')
    throw ditagError('bad-option', { option: '--method', value: method, allowed: 'choose move or get' });
  if (method === 'get') return { method };
  const senders = (acceptFrom ?? '').split(',').map((sender) => sender.trim());
  const port = Number(portNumber(scpPort ?? SCP_PORT, '--scp-port'));
  return { method, port, acceptFrom: senders.filter((sender) => sender !== '') };
}

function windowOf(text: string | undefined) {
  if (text === undefined) return undefined;
  const window = parseWindow(text);
  if (window !== undefined) return window;
  throw ditagError('bad-option', { option: '--window', value: text, allowed: 'write hours such as 19:00-06:00' });
}

async function countUnknown({ store }: Project, wanted: ReadonlySet<string>): Promise<number> {
  let known = 0;
  for await (const { SeriesInstanceUID } of store.series()) if (wanted.has(SeriesInstanceUID)) known++;
  return wanted.size - known;
}
