// `ditag index`: indexes an archive and says what it found.

import { DitagError, ditagError } from '../../core/errors/errors.ts';
import { shownPath } from '../../core/instance/byte-path.ts';
import { SKIP_REASON_TEXT, type SkipReason } from '../../core/instance/skipped.ts';
import { csvLine } from '../../core/query/csv.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { threadCount } from '../options.ts';
import { fileOutput, type Output, tryFileOutput } from '../output.ts';
import { grouped } from '../reporters/statistics-text.ts';
import type { IndexOutcome, ScanWaitsFor } from '../workspaces/workspace.ts';

export interface IndexArchiveOptions {
  readonly archive?: string;
  readonly append?: boolean;
  readonly threads?: string;
  readonly skipped?: string;
  readonly rebuild?: boolean;
  readonly acceptDeletions?: boolean;
  readonly quiet?: boolean;
}

/** Folders and files of which something was kept are named up to this many. */
const NAMED_FOLDERS = 10;
const NAMED_FILES = 10;
/** Milliseconds between two lines of a rebuild's progress. */
const TELL_EVERY = 2_000;

const WAITS_FOR: Readonly<Record<ScanWaitsFor, string>> = {
  'a-scanner': 'waiting for a scanner of this archive: start one, the scan goes on then',
  'the-index': 'waiting for the index: look whether an indexer and Elasticsearch run',
  'the-archive': 'nothing comes from the archive: look whether it is mounted where its scanners run',
};

export async function indexArchive(options: IndexArchiveOptions, context: CommandContext): Promise<ExitCode> {
  const { workspace, stderr, signal } = context;
  const quiet = options.quiet === true;
  if (options.rebuild === true) return rebuild(options, { workspace, stderr, signal });
  const progress = await context.progress(quiet);
  const threads = threadCount(options.threads);
  // Opened first: a run of hours must not end with a file that cannot be written.
  if (options.skipped !== undefined) await tryFileOutput(options.skipped);
  let outcome: IndexOutcome;
  try {
    outcome = await workspace.index({
      archive: options.archive,
      append: options.append === true,
      threads,
      acceptDeletions: options.acceptDeletions === true,
      onStart: ({ archive, resumed, knownFiles }) => {
        if (quiet) return;
        const known = knownFiles > 0 ? `, ${grouped(knownFiles)} files known` : '';
        stderr.write(
          `Indexing ${archive}${known}${resumed ? ', going on from what an unfinished run has found' : ''}\n`,
        );
      },
      onProgress: ({ step, done, files, instances, waitsFor }) => {
        progress.update(() => {
          const waits = waitsFor === undefined ? '' : `; ${WAITS_FOR[waitsFor]}`;
          const text = `${grouped(files)} files, ${grouped(instances)} instances${waits}`;
          // All files are published, none is looked at any more.
          const amount = step === 'publishing' ? Math.round(done * files) : files;
          return { step, done, text, unit: 'files', amount };
        });
      },
      signal,
    });
  } finally {
    progress.stop();
  }
  if (!quiet) stderr.write(summary(outcome));
  const kept =
    newFolders(outcome) + keptFolders(outcome) + keptFiles(outcome) + unreadWork(outcome) + refusedRecords(outcome);
  stderr.write(kept + lostPath(outcome));
  if (options.skipped !== undefined) {
    try {
      await listSkipped(fileOutput(options.skipped), workspace, outcome);
    } catch (error) {
      if (!(error instanceof DitagError)) throw error;
      stderr.write(`${error.message} The index is whole; its list of skipped files is not.\n`);
      return 1;
    }
  }
  return kept === '' ? 0 : 1;
}

/** `ditag index --rebuild`. */
async function rebuild(
  { archive, quiet }: IndexArchiveOptions,
  { workspace, stderr, signal }: Pick<CommandContext, 'workspace' | 'stderr' | 'signal'>,
): Promise<ExitCode> {
  if (archive !== undefined) {
    throw ditagError('bad-option', {
      option: '--archive',
      value: archive,
      allowed: '--rebuild is for the whole index',
    });
  }
  let told = performance.now();
  const onProgress = (done: number) => {
    if (quiet === true || performance.now() - told < TELL_EVERY) return;
    told = performance.now();
    stderr.write(`rebuilding: ${Math.floor(done * 100)}%\n`);
  };
  const onWaiting = () => {
    if (performance.now() - told < TELL_EVERY) return;
    told = performance.now();
    stderr.write('rebuilding: no indexer has begun with it yet; start one\n');
  };
  const { entries, seconds } = await workspace.rebuild({ onProgress, onWaiting, signal });
  if (quiet !== true)
    stderr.write(`Built the index anew from ${grouped(entries)} entries in ${seconds.toFixed(1)} s.\n`);
  return 0;
}

async function listSkipped(
  output: Output,
  workspace: CommandContext['workspace'],
  { archive, unreadable, unreadFiles }: IndexOutcome,
): Promise<void> {
  const index = await workspace.openIndex(undefined);
  try {
    await output.write(csvLine(['reason', 'path']));
    // Folders that could not be listed: what lies in them was not looked at.
    for (const { folder } of unreadable) await output.write(csvLine(['unreadable', shownPath(folder) || '.']));
    // Known files that could not be read now: what is known of them is still in the index.
    for (const file of unreadFiles) await output.write(csvLine(['unreadable', shownPath(file)]));
    for await (const skipped of index.skippedFiles()) {
      if (skipped.archive === archive) await output.write(csvLine([skipped.reason, shownPath(skipped.path)]));
    }
    await output.finish();
  } catch (error) {
    await output.abandon();
    throw error;
  } finally {
    await index.close();
  }
}

function summary({ report, opened, unchanged, seconds }: IndexOutcome): string {
  const gone = report.vanished + (report.goneFiles ?? 0);
  const rate = seconds === 0 ? 0 : Math.round(report.files / seconds);
  const lines = [
    `Files: ${grouped(report.files)} (${grouped(opened)} read, ${grouped(unchanged)} unchanged; ${grouped(report.appeared)} new, ${grouped(gone)} gone from their place)`,
    `Instances: ${grouped(report.instances)}, series: ${grouped(report.series)}, studies: ${grouped(report.studies)}`,
  ];
  for (const [reason, n] of Object.entries(report.skipped)) {
    lines.push(`Skipped, ${SKIP_REASON_TEXT[reason as SkipReason] ?? reason}: ${grouped(n)}`);
  }
  for (const name of report.removedArchives)
    lines.push(`No longer in the index: ${name} (--append keeps other archives)`);
  lines.push(`${seconds.toFixed(1)} s, ${grouped(rate)} files/s`);
  return `${lines.join('\n')}\n`;
}

/** Says that known files could not be read; '' where there are none. */
function keptFiles({ unread, unreadFiles }: IndexOutcome): string {
  if (unread === 0) return '';
  const lines = unreadFiles.slice(0, NAMED_FILES).map((file) => `  ${shownPath(file)}`);
  if (unread > lines.length) lines.push(`  … and ${grouped(unread - lines.length)} more`);
  return (
    `${grouped(unread)} known file(s) could not be read: what is known of them was kept, and the next run reads them again` +
    ` (links that lead nowhere go with --accept-deletions):\n${lines.join('\n')}\n`
  );
}

/** Says that messages of the scan could not be read; '' where there are none. */
function unreadWork({ unreadWork: count, archive }: IndexOutcome): string {
  if (count === 0) return '';
  return `${grouped(count)} message(s) of the scan could not be read and were put aside (\`ditag jobs failed\`): what they asked for was not done. \`ditag index --archive ${archive}\` looks at it again.\n`;
}

/** Says that the index refuses records; '' where it does not. */
function refusedRecords({ refusedRecords: count }: IndexOutcome): string {
  if (count === 0) return '';
  return `${grouped(count)} record(s) of the archive are refused by the index and were put aside: what they hold is not in it. \`ditag jobs failed\` says why, \`ditag jobs retry ID\` has one tried again.\n`;
}

/** Says of which folders the known content was kept, and why; '' where there are none. */
function keptFolders({ report, unreadable }: IndexOutcome): string {
  const kept = [
    ...unreadable.filter(({ isNew }) => !isNew).map(({ folder, reason }) => ({ folder, why: whyUnreadable(reason) })),
    ...report.keptFolders.map((folder) => ({ folder, why: 'lists empty, but held files before' })),
  ];
  if (kept.length === 0) return '';
  const lines = kept.slice(0, NAMED_FOLDERS).map(({ folder, why }) => `  ${shownPath(folder) || '.'}: ${why}`);
  if (kept.length > NAMED_FOLDERS) lines.push(`  … and ${grouped(kept.length - NAMED_FOLDERS)} more`);
  const hint = report.keptFolders.length > 0 ? '; --accept-deletions removes those that list empty' : '';
  return `What is known of ${grouped(kept.length)} folder(s) was kept${hint}:\n${lines.join('\n')}\n`;
}

/** Says which folders of which nothing is known could not be listed; '' where there are none. */
function newFolders({ unreadable }: IndexOutcome): string {
  const all = unreadable.filter(({ isNew }) => isNew);
  if (all.length === 0) return '';
  const lines = all
    .slice(0, NAMED_FOLDERS)
    .map(({ folder, reason }) => `  ${shownPath(folder) || '.'}: ${whyUnreadable(reason)}`);
  if (all.length > NAMED_FOLDERS) lines.push(`  … and ${grouped(all.length - NAMED_FOLDERS)} more`);
  return `${grouped(all.length)} folder(s) of which nothing is known could not be looked into:\n${lines.join('\n')}\n`;
}

function lostPath({ isPathKept }: IndexOutcome): string {
  if (isPathKept !== false) return '';
  return 'No line of the configuration can hold the path of this archive: the next run has to be given --archive.\n';
}

/** A reason is the code of a file call that failed, or a sentence. */
function whyUnreadable(reason: string): string {
  return /^E[A-Z0-9]+$/.test(reason) ? `could not be listed (${reason})` : `could not be read (${reason})`;
}
