// `ditag jobs`: the scans of a cluster, work for projects, and what it has put aside because it can never succeed.
import { ditagError } from '../../core/errors/errors.ts';
import type { ProjectJob } from '../../core/jobs/project-job.ts';
import type { ScanState } from '../../core/jobs/scan-state.ts';
import type { ScanTally } from '../../core/jobs/scan-tally.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { typedOptions } from '../options.ts';
import { streamOutput } from '../output.ts';
import { grouped } from '../reporters/statistics-text.ts';
import { STDIN } from '../series-input.ts';
import type { Jobs, RetryOutcome } from '../workspaces/workspace.ts';

/** Scans that ended are listed up to this many. */
const MOST_ENDED = 20;

async function withJobs<T>({ workspace }: CommandContext, use: (jobs: Jobs) => Promise<T>): Promise<T> {
  const jobs = await workspace.jobs();
  try {
    return await use(jobs);
  } finally {
    await jobs.close();
  }
}

/** `ditag jobs list`. */
export async function listJobs(context: CommandContext): Promise<ExitCode> {
  return withJobs<ExitCode>(context, async (jobs) => {
    const output = streamOutput(context.stdout);
    for (const job of await jobs.projects()) await output.write(projectLine(job));
    let ended = 0;
    for (const scan of await jobs.scans()) {
      if (scan.endedAt !== undefined && ++ended > MOST_ENDED) continue;
      await output.write(scanLine(scan, await jobs.tally(scan.id)));
    }
    await output.finish();
    return 0;
  });
}

function projectLine({ id, what, project, startedAt, isCancelled, endedAt }: ProjectJob): string {
  const start = `${startedAt.slice(0, 19)}Z  project ${project}`;
  // Also one that was cancelled and cannot hear it: its command has died.
  if (endedAt === undefined && isCancelled === true) return `${id}  ending  ${start}, ${what}\n`;
  if (endedAt === undefined) return `${id}  ${what === 'index' ? 'asking' : 'downloading'}  ${start}\n`;
  const left = isCancelled === true ? 'cancelled' : 'not done';
  return `${id}  ${left}  ${start}, ${what}: \`ditag jobs resume ${id}\` goes on with it\n`;
}

function scanLine({ id, status, startedAt, archive, failure }: ScanState, tally: ScanTally): string {
  const { files, opened, kept, unreadWork, refusedRecords } = tally;
  const found = [`${grouped(files)} files looked at`, `${grouped(opened)} read`];
  if (kept.length > 0) found.push(`${grouped(kept.length)} folder(s) kept as they were known`);
  if (unreadWork > 0) found.push(`${grouped(unreadWork)} message(s) that could not be read`);
  if (refusedRecords > 0) found.push(`${grouped(refusedRecords)} record(s) that the index refuses`);
  const why = failure === undefined ? '' : `: ${failure.message}`;
  return `${id}  ${status.padEnd(10)}  ${startedAt.slice(0, 19)}Z  ${archive.name}  ${found.join(', ')}${why}\n`;
}

/** `ditag jobs cancel ID`. Throws `no-job`. */
export async function cancelJob(id: string, context: CommandContext): Promise<ExitCode> {
  return withJobs<ExitCode>(context, async (jobs) => {
    const cancelled = await jobs.cancel(id);
    if (cancelled === undefined)
      throw ditagError('no-job', { what: 'running scan or work of gateways for a project', id, list: ' list' });
    const more =
      cancelled === 'scan'
        ? 'What it has read is kept'
        : `What has come is kept; \`ditag jobs resume ${id}\` goes on with it`;
    context.stderr.write(`Cancelled ${id}. ${more}.\n`);
    return 0;
  });
}

/** `ditag jobs resume ID`: the command again, with the options that it had. Throws `no-job`, and what that throws. */
export async function resumeJob(id: string, context: CommandContext): Promise<ExitCode> {
  const job = await withJobs(context, async (jobs) => (await jobs.projects()).find((one) => one.id === id));
  if (job === undefined) throw ditagError('no-job', { what: 'work for a project to resume', id, list: ' list' });
  const { what, options } = job;
  if (options['input'] === STDIN) {
    const allowed = 'its list of series came from standard input: run that command again with the list';
    throw ditagError('bad-option', { option: '--input', value: STDIN, allowed });
  }
  context.stderr.write(`Resuming: ditag project ${what} ${typedOptions(options)}\n`);
  if (what === 'index') return (await import('./project-index.ts')).projectIndex(options, context);
  return (await import('./project-download.ts')).projectDownload(options, context);
}

/** `ditag jobs failed`. */
export async function listFailed(context: CommandContext): Promise<ExitCode> {
  return withJobs<ExitCode>(context, async (jobs) => {
    const output = streamOutput(context.stdout);
    for (const { id, at, reason } of await jobs.failed()) await output.write(`${id}  ${at.slice(0, 19)}Z  ${reason}\n`);
    await output.finish();
    return 0;
  });
}

/** `ditag jobs retry ID`. Exit code 1 where its scan has ended. Throws `no-job`. */
export async function retryFailed(id: string, context: CommandContext): Promise<ExitCode> {
  return withJobs<ExitCode>(context, async (jobs) => {
    const outcome = await jobs.retry(id);
    if (outcome === undefined) throw ditagError('no-job', { what: 'failed message', id, list: ' failed' });
    context.stderr.write(`${id} ${retryText(outcome)}\n`);
    return outcome.is === 'scan-ended' ? 1 : 0;
  });
}

function retryText(outcome: RetryOutcome): string {
  switch (outcome.is) {
    case 'tried-again':
      return 'is tried again.';
    case 'replaced':
      return 'needs no further try: a newer record of the same files was written since. It is off the list.';
    case 'scan-ended': {
      const of = outcome.archive === undefined ? '' : ` of ${outcome.archive}`;
      const command = `ditag index --archive ${outcome.archive ?? 'ARCHIVE'}`;
      return `belongs to the scan ${outcome.scan}${of}, which has ended: \`${command}\` reads it again. It is off the list.`;
    }
  }
}
