// `ditag send`: sends the series of a list to the PACS, and says what became of every instance.
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { DitagError, ditagError, type ErrorCode } from '../../core/errors/errors.ts';
import { writeFailure } from '../../core/errors/file-failure.ts';
import { shownPath } from '../../core/instance/byte-path.ts';
import { isSent, type SendResult } from '../../core/instance/send-outcome.ts';
import { csvLine } from '../../core/query/csv.ts';
import { readColumns } from '../../core/query/series-list.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { threadCount } from '../options.ts';
import { SendCounts } from '../reporters/send-summary.ts';
import { grouped } from '../reporters/statistics-text.ts';
import { readingInput, readSeriesInput } from '../series-input.ts';
import type { PacsOptions } from '../workspaces/pacs.ts';

export interface SendOptions extends PacsOptions {
  readonly input?: string;
  readonly threads?: string;
  readonly results?: string;
  readonly retry?: string;
  readonly quiet?: boolean;
  /** Started over HTTP: files of its own are nothing that a caller could name. */
  readonly isForOthers?: boolean;
}

const THREADS = 4;
/** Pauses before a PACS that gives no association is asked again: somebody waits, who may have mistyped it (milliseconds). */
const FIRST_PAUSES = [1_000, 2_000, 4_000];
const FOR_NOW: ReadonlySet<ErrorCode> = new Set(['association-rejected', 'pacs-unreachable']);
const RESULT_COLUMNS = [
  'SeriesInstanceUID',
  'SOPInstanceUID',
  'SOPClassUID',
  'outcome',
  'status',
  'reason',
  'bytes',
  'archive',
  'path',
] as const;

export async function send(options: SendOptions, context: CommandContext): Promise<ExitCode> {
  const { workspace, pacs, stdin, stderr } = context;
  const quiet = options.quiet === true;
  const threads = threadCount(options.threads) ?? THREADS;
  const settings = pacs.settings(options);
  const earlier = options.retry === undefined ? undefined : await readEarlier(options.retry);
  const series = await listOf(options, earlier, stdin);
  using results = options.results === undefined ? undefined : new ResultsFile(options.results, options);
  const progress = await context.progress(quiet);
  const counts = new SendCounts();
  // Series of which it is known how many instances are to go, and how many those are in all.
  let known = 0;
  let toGo = 0;
  const at = () => {
    const text = `${grouped(counts.sent)} instances sent, ${grouped(counts.notSent)} not, ${counts.volume}`;
    return {
      step: 'sending',
      // Of the series that are not known yet as many are expected as of the others.
      done: toGo === 0 ? 0 : Math.min(0.999, (counts.sent + counts.notSent) / ((toGo * series.length) / known)),
      text,
      unit: 'instances',
      amount: counts.sent,
    };
  };
  try {
    // A PACS may take long to answer even that.
    progress.update(at);
    await asked(
      () => pacs.echo(settings),
      (text) => {
        progress.stop();
        stderr.write(text);
      },
    );
    results?.begin(earlier, series);
    await workspace.send({
      series,
      peer: pacs.peer(settings),
      threads,
      skip: (SOPInstanceUID, SeriesInstanceUID) => earlier?.sent.get(SeriesInstanceUID)?.has(SOPInstanceUID) === true,
      onSeries: (instances) => {
        known++;
        toGo += instances;
      },
      onResult: (result) => {
        counts.add(result);
        results?.add(result);
        progress.update(at);
      },
      // From here on an interruption waits for what is under way; before, nothing is.
      signal: context.signal,
    });
  } finally {
    progress.stop();
  }
  if (!context.signal.aborted) results?.complete();
  const { aetitle, destination, port } = settings;
  if (!quiet) stderr.write(counts.summary(series.length, `${aetitle} at ${destination}:${port}`));
  stderr.write(counts.reasons());
  if (context.signal.aborted) {
    const again =
      options.results === undefined || options.isForOthers === true
        ? ''
        : `; --retry ${options.results}, with another file for --results, leaves out what was stored`;
    stderr.write(`Interrupted: the rest was not sent. Run the same command again${again}.\n`);
    return 130;
  }
  return counts.notSent === 0 ? 0 : 1;
}

/** Asks for a C-ECHO, again where there is no association for now. @param tell what a person is told meanwhile */
async function asked(echo: () => Promise<string | undefined>, tell: (text: string) => void): Promise<void> {
  for (const pause of [...FIRST_PAUSES, undefined]) {
    try {
      const unkept = await echo();
      if (unkept !== undefined) tell(`${unkept}\n`);
      return;
    } catch (error) {
      if (!(error instanceof DitagError)) throw error;
      if (error.code === 'no-echo') {
        // It may take instances all the same.
        tell(`${error.message} Its settings are not kept.\n`);
        return;
      }
      if (pause === undefined || error.retry !== 'later' || !FOR_NOW.has(error.code)) throw error;
      tell(`${error.message} It is asked again in ${pause / 1000} s.\n`);
      await setTimeout(pause);
    }
  }
}

/** The results of an earlier run. */
interface Earlier {
  /** Series of which something was not stored. */
  readonly series: readonly string[];
  /** Of the instances that were stored, by SeriesInstanceUID and SOPInstanceUID: one may lie in several series. */
  readonly sent: ReadonlyMap<string, ReadonlyMap<string, EarlierOutcome>>;
}

interface EarlierOutcome {
  readonly outcome: string;
  readonly status: string;
  readonly reason: string;
}

async function readEarlier(file: string): Promise<Earlier> {
  const series = new Set<string>();
  const sent = new Map<string, Map<string, EarlierOutcome>>();
  const add = ([SeriesInstanceUID, SOPInstanceUID, outcome, status, reason]: readonly string[]) => {
    if (!isSent(outcome!)) series.add(SeriesInstanceUID!);
    // A copy says nothing of the file that was to be sent.
    else if (outcome !== 'copy') {
      const own = sent.get(SeriesInstanceUID!) ?? new Map<string, EarlierOutcome>();
      sent.set(SeriesInstanceUID!, own.set(SOPInstanceUID!, { outcome: outcome!, status: status!, reason: reason! }));
    }
  };
  const columns = ['SeriesInstanceUID', 'SOPInstanceUID', 'outcome'];
  const told = ['status', 'reason'];
  await readingInput(file, () => readColumns(fs.createReadStream(file), columns, add, told, true), 'bad-results');
  return { series: [...series], sent };
}

/**
 * The list of --input or stdin; with --retry alone, the series of which something was not stored, and those that a run which
 * did not come to its end had before it.
 */
async function listOf(
  { input, retry }: SendOptions,
  earlier: Earlier | undefined,
  stdin: NodeJS.ReadStream,
): Promise<readonly string[]> {
  if (input !== undefined || earlier === undefined) return readSeriesInput(input, stdin);
  const listed = listedBeside(retry!);
  const rest = fs.existsSync(listed) ? await readSeriesInput(listed, stdin) : [];
  return [...new Set([...rest, ...earlier.series])];
}

const EARLIER = 'in an earlier run';

function earlierReason(reason: string): string {
  if (reason === '' || reason.endsWith(EARLIER)) return reason || EARLIER;
  return `${reason}; ${EARLIER}`;
}

/** Where the list of a run stands beside its results, until it has come to its end. */
function listedBeside(results: string): string {
  return `${results}.listed`;
}

/** Whatever names it has. */
function isSameFile(one: string, other: string): boolean {
  try {
    const [a, b] = [fs.statSync(one), fs.statSync(other)];
    return a.dev === b.dev && a.ino === b.ino;
  } catch {
    // One of them is not there, or cannot be looked at: whoever opens it says why.
    return path.resolve(one) === path.resolve(other);
  }
}

/** What became of each instance, written as it is known: also of a run that is killed it tells what was stored. */
class ResultsFile implements Disposable {
  private readonly file: string;
  /** From when it is begun with. */
  private handle: number | undefined;

  constructor(file: string, { retry, input }: SendOptions) {
    this.file = file;
    for (const [option, read] of [
      ['--retry', retry],
      ['--input', input],
    ] as const) {
      if (read === undefined || !isSameFile(read, file)) continue;
      const allowed = `name another file than ${option} has, which is still needed`;
      throw ditagError('bad-option', { option: '--results', value: file, allowed });
    }
    // Whether it can be written is found out now; what it holds stays until there is something new to say, and an empty
    // one would be no results for --retry, whatever ends the command until then.
    this.writing(() => {
      const isNew = fs.lstatSync(file, { throwIfNoEntry: false }) === undefined;
      const there = fs.statSync(file, { throwIfNoEntry: false });
      // A pipe that is opened and closed has told its reader the end.
      if (there !== undefined && !there.isFile() && !there.isDirectory()) return;
      fs.closeSync(fs.openSync(file, 'a', 0o600));
      if (isNew) fs.rmSync(file);
    });
  }

  /**
   * Begins anew, readable by its owner only. The results of a run with --retry are, for the next one, those of all runs
   * together; and as long as a run is not complete its list stands beside, since series that it did not come to have no
   * line.
   */
  begin(earlier: Earlier | undefined, series: readonly string[]): void {
    this.writing(() => {
      this.handle = fs.openSync(this.file, 'a', 0o600);
      // A pipe or a device is written to as it stands.
      if (!fs.fstatSync(this.handle).isFile()) return;
      const listed = ['SeriesInstanceUID', ...series].map((one) => csvLine([one]));
      fs.writeFileSync(listedBeside(this.file), listed.join(''), { mode: 0o600 });
      fs.fchmodSync(this.handle, 0o600);
      fs.ftruncateSync(this.handle);
    });
    this.write(csvLine(RESULT_COLUMNS));
    for (const [SeriesInstanceUID, own] of earlier?.sent ?? [])
      for (const [SOPInstanceUID, { outcome, status, reason }] of own)
        this.write(
          csvLine([SeriesInstanceUID, SOPInstanceUID, '', outcome, status, earlierReason(reason), '', '', '']),
        );
  }

  add({ SeriesInstanceUID, file, outcome, status, reason, bytes }: SendResult): void {
    const statusNumber = status === undefined ? '' : `${status.toString(16).toUpperCase().padStart(4, '0')}H`;
    const { SOPInstanceUID = '', SOPClassUID = '', archive = '', path: own = '' } = file ?? {};
    const size = bytes === 0 ? '' : String(bytes);
    const places = [shownPath(archive), shownPath(own)];
    this.write(
      csvLine([SeriesInstanceUID, SOPInstanceUID, SOPClassUID, outcome, statusNumber, reason, size, ...places]),
    );
  }

  /** Each instance has its line. */
  complete(): void {
    fs.rmSync(listedBeside(this.file), { force: true });
  }

  [Symbol.dispose](): void {
    if (this.handle !== undefined) fs.closeSync(this.handle);
  }

  /** A whole line or nothing: one that the disk took the beginning of would be read as what it is not. */
  private write(text: string): void {
    this.writing(() => {
      const bytes = Buffer.from(text);
      let at = 0;
      try {
        while (at < bytes.length) at += fs.writeSync(this.handle!, bytes, at);
      } catch (error) {
        if (at > 0 && fs.fstatSync(this.handle!).isFile())
          fs.ftruncateSync(this.handle!, fs.fstatSync(this.handle!).size - at);
        throw error;
      }
    });
  }

  private writing<T>(write: () => T): T {
    try {
      return write();
    } catch (error) {
      throw writeFailure(this.file, error);
    }
  }
}
