// `ditag jobs`: the scans of a cluster, and what it has put aside because it can never succeed.
import { ditagError } from '../../core/errors/errors.ts';
import type { ScanState } from '../../core/jobs/scan-state.ts';
import type { ScanTally } from '../../core/jobs/scan-tally.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { streamOutput } from '../output.ts';
import { grouped } from '../reporters/statistics-text.ts';
import type { Jobs } from '../workspaces/workspace.ts';

/** Scans that ended are listed up to this many. */
const MOST_ENDED = 20;

async function withJobs({ workspace }: CommandContext, use: (jobs: Jobs) => Promise<ExitCode>): Promise<ExitCode> {
  const jobs = await workspace.jobs();
  try {
    return await use(jobs);
  } finally {
    await jobs.close();
  }
}

/** `ditag jobs list`. */
export async function listJobs(context: CommandContext): Promise<ExitCode> {
  return withJobs(context, async (jobs) => {
    const output = streamOutput(context.stdout);
    let ended = 0;
    for (const scan of await jobs.scans()) {
      if (scan.endedAt !== undefined && ++ended > MOST_ENDED) continue;
      await output.write(scanLine(scan, await jobs.tally(scan.id)));
    }
    await output.finish();
    return 0;
  });
}

function scanLine({ id, status, startedAt, archive, failure }: ScanState, { files, opened }: ScanTally): string {
  const found = `${grouped(files)} files looked at, ${grouped(opened)} read`;
  const why = failure === undefined ? '' : `: ${failure.message}`;
  return `${id}  ${status.padEnd(10)}  ${startedAt.slice(0, 19)}Z  ${archive.name}  ${found}${why}\n`;
}

/** `ditag jobs cancel ID`. Throws `no-job`. */
export async function cancelJob(id: string, context: CommandContext): Promise<ExitCode> {
  return withJobs(context, async (jobs) => {
    if (!(await jobs.cancel(id))) throw ditagError('no-job', { what: 'running scan', id, list: ' list' });
    context.stderr.write(`Cancelled ${id}. What it has read is kept.\n`);
    return 0;
  });
}

/** `ditag jobs failed`. */
export async function listFailed(context: CommandContext): Promise<ExitCode> {
  return withJobs(context, async (jobs) => {
    const output = streamOutput(context.stdout);
    for (const { id, at, reason } of await jobs.failed()) await output.write(`${id}  ${at.slice(0, 19)}Z  ${reason}\n`);
    await output.finish();
    return 0;
  });
}

/** `ditag jobs retry ID`. Throws `no-job`. */
export async function retryFailed(id: string, context: CommandContext): Promise<ExitCode> {
  return withJobs(context, async (jobs) => {
    if (!(await jobs.retry(id))) throw ditagError('no-job', { what: 'failed message', id, list: ' failed' });
    context.stderr.write(`${id} is tried again.\n`);
    return 0;
  });
}
