// Shares the jobs of a scan out to worker threads until none is left: the embedded mode's job queue. The jobs wait on
// a stack, so the archive is walked depth first and few of them wait at a time, however large it is.
import { Worker } from 'node:worker_threads';
import { joinPath } from '../../../core/instance/byte-path.ts';
import type { ScanEvent, ScanJob } from '../../../core/jobs/jobs.ts';
import type { JobOutcome, ScanBatch, ScanBatchDone, ScanWorkerData } from './scan-worker.ts';

/** Batches that a worker has at a time: while one is on its way back the next is being worked on. */
const BATCHES_AHEAD = 3;
const MOST_JOBS = 64;
/** A batch should take about this long (milliseconds): long enough to be worth a message, short enough to share out. */
const BATCH_TIME = 25;

/** The heap of a scan worker (megabytes). */
const HEAP = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 512 };

export interface ScanPoolOptions {
  readonly threads: number;
  readonly worker: ScanWorkerData;
  /** Gets what was found, and the part of the archive (0 to 1) that is done. While it does not resolve, no new jobs are given out. */
  readonly onEvents: (events: readonly ScanEvent[], done: number) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Waiting jobs, and the share of the archive that each stands for: its folder's, divided among the folder's parts. */
type Waiting =
  | { readonly job: ScanJob; readonly share: number }
  | { readonly folder: string; readonly names: readonly string[]; next: number; readonly share: number };

/** Scans the whole archive. Resolves when nothing is left to do; rejects when a worker failed or `signal` aborted. */
export async function runScan(options: ScanPoolOptions): Promise<void> {
  const stack: Waiting[] = [{ job: { job: 'scan-folder', folder: '' }, share: 1 }];
  const underWay = new Map<number, readonly { job: ScanJob; share: number }[]>();
  let nextId = 0;
  let done = 0;
  let taking = 0;
  const workers = Array.from(
    { length: options.threads },
    () => new Worker(workerFile(), { workerData: options.worker, resourceLimits: HEAP }),
  );
  const state = workers.map(() => ({ batches: 0, size: 1 }));
  try {
    await new Promise<void>((resolve, reject) => {
      const feed = (): void => {
        // Breadth before depth among workers: each gets a first batch before one gets a second.
        for (let ahead = 0; ahead < BATCHES_AHEAD; ahead++) {
          workers.forEach((worker, i) => {
            const own = state[i]!;
            if (own.batches > ahead || stack.length === 0) return;
            const jobs = take(stack, own.size);
            const batch: ScanBatch = { id: nextId++, jobs: jobs.map(({ job }) => job) };
            underWay.set(batch.id, jobs);
            own.batches++;
            worker.postMessage(batch);
          });
        }
        if (underWay.size === 0 && stack.length === 0 && taking === 0) resolve();
      };
      workers.forEach((worker, i) => {
        worker.on('message', ({ id, outcomes, took }: ScanBatchDone) => {
          const jobs = underWay.get(id)!;
          underWay.delete(id);
          const own = state[i]!;
          own.batches--;
          if (took > BATCH_TIME * 2) own.size = Math.max(1, own.size >> 1);
          else if (took < BATCH_TIME && jobs.length === own.size) own.size = Math.min(MOST_JOBS, own.size * 2);
          const events: ScanEvent[] = [];
          outcomes.forEach((outcome, n) => {
            done += push(stack, outcome, jobs[n]!);
            events.push(...outcome.events);
          });
          taking++;
          options.onEvents(events, done).then(() => {
            taking--;
            feed();
          }, reject);
        });
        worker.on('error', reject);
        worker.on('exit', (code) => reject(new Error(`a scan worker ended with code ${code}`)));
      });
      options.signal.addEventListener('abort', () => reject(options.signal.reason as Error), { once: true });
      if (options.signal.aborted) reject(options.signal.reason as Error);
      feed();
    });
  } finally {
    await Promise.all(
      workers.map((worker) => {
        worker.removeAllListeners();
        return worker.terminate();
      }),
    );
  }
}

/** The worker's file: TypeScript in development, JavaScript in the package. */
function workerFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './scan-worker.ts' : './scan-worker.js', import.meta.url);
}

/** Puts what came of a job on the stack. Returns the share of the archive that is done with it. */
function push(stack: Waiting[], { subfolders, jobs }: JobOutcome, from: { job: ScanJob; share: number }): number {
  const parts = subfolders.length + jobs.length;
  if (parts === 0) return from.share;
  // Files read at once count as one part, like a sub-folder.
  const own = from.job.job === 'scan-folder' && jobs.length === 0 ? 1 : 0;
  const share = from.share / (parts + own);
  if (subfolders.length > 0) stack.push({ folder: from.job.folder, names: subfolders, next: 0, share });
  for (let i = jobs.length - 1; i >= 0; i--) stack.push({ job: jobs[i]!, share });
  return own * share;
}

function take(stack: Waiting[], most: number): { job: ScanJob; share: number }[] {
  const taken: { job: ScanJob; share: number }[] = [];
  while (taken.length < most) {
    const top = stack[stack.length - 1];
    if (top === undefined) break;
    if ('job' in top) {
      taken.push(top);
      stack.pop();
      // A chunk of a huge folder is work enough for one batch.
      if (top.job.job === 'read-files') break;
      continue;
    }
    const folder = joinPath(top.folder, top.names[top.next++]!);
    taken.push({ job: { job: 'scan-folder', folder }, share: top.share });
    if (top.next === top.names.length) stack.pop();
  }
  return taken;
}
