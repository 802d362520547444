// Shares the jobs of a scan out to worker threads until none is left: the embedded mode's job queue. The jobs wait on
// a stack, so the archive is walked depth first and few of them wait at a time, however large it is.
import { Worker } from 'node:worker_threads';
import { joinPath } from '../../../core/instance/byte-path.ts';
import type { ScanEvent, ScanJob } from '../../../core/jobs/jobs.ts';
import { endWorker } from './end-worker.ts';
import type { JobOutcome, ScanBatch, ScanBatchDone, ScanWorkerStart } from './scan-worker.ts';

/** Batches that a worker has at a time: while one is on its way back the next is being worked on. */
const BATCHES_AHEAD = 3;
const MOST_JOBS = 64;
/** How long workers that have nothing to do may take to close what they have open (milliseconds). */
const NO_HURRY = 60_000;
/** A batch should take about this long (milliseconds): long enough to be worth a message, short enough to share out. */
const BATCH_TIME = 25;

/** The heap of a scan worker (megabytes). */
const HEAP = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 256 };

export interface ScanOptions {
  readonly start: ScanWorkerStart;
  /**
   * Gets what was found, and the part of the archive (0 to 1) that is done. While it does not resolve, no new jobs are
   * given out.
   */
  readonly onEvents: (events: readonly ScanEvent[], done: number) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Waiting jobs, and the share of the archive that each stands for: its folder's, divided among the folder's parts. */
type Waiting =
  | { readonly job: ScanJob; readonly share: number }
  | { readonly folder: string; readonly names: readonly string[]; next: number; readonly share: number };

/** Worker threads, started at once and put to work by `scan`; disposing ends them before that. */
export class ScanPool implements AsyncDisposable {
  private readonly workers: readonly Worker[];
  private ending: Promise<void> | undefined;
  /** Of a worker, also before it had anything to do. */
  private failure: unknown;

  constructor(threads: number) {
    this.workers = Array.from({ length: threads }, () => {
      const worker = new Worker(workerFile(), { resourceLimits: HEAP });
      return worker.on('error', (error) => {
        this.failure ??= error;
      });
    });
  }

  /** Scans a whole archive. Resolves when nothing is left to do; rejects when a worker failed or `signal` aborted. */
  scan(options: ScanOptions): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const { signal } = options;
    // A signal that outlives many scans does not keep what each of them held.
    const over = new AbortController();
    const scanned = new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: over.signal });
      if (signal.aborted) reject(signal.reason);
      new Scan(this.workers, options, resolve, reject).feed();
    });
    return scanned.finally(() => over.abort());
  }

  /** Lets the workers close what they have open, and ends them. */
  end(): Promise<void> {
    return this.endAll(NO_HURRY);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.endAll();
  }

  /** Once: a worker that is ending is not ended again. */
  private endAll(patience?: number): Promise<void> {
    this.ending ??= Promise.all(this.workers.map((worker) => endWorker(worker, 'end', patience))).then(() => {});
    return this.ending;
  }
}

interface WorkerState {
  readonly worker: Worker;
  /** Batches that it has, and jobs in the next one. */
  batches: number;
  size: number;
}

/** One scan: its waiting jobs, and who has which. */
class Scan {
  private readonly options: ScanOptions;
  private readonly resolve: () => void;
  private readonly reject: (error: unknown) => void;
  private readonly states: WorkerState[];
  private readonly stack: Waiting[] = [{ job: { job: 'scan-folder', folder: '' }, share: 1 }];
  private readonly underWay = new Map<number, readonly { job: ScanJob; share: number }[]>();
  private nextId = 0;
  private done = 0;
  /** Events that were handed on and not yet taken. */
  private handedOn = 0;

  constructor(workers: readonly Worker[], options: ScanOptions, resolve: () => void, reject: (error: unknown) => void) {
    this.options = options;
    this.resolve = resolve;
    this.reject = reject;
    this.states = workers.map((worker) => ({ worker, batches: 0, size: 1 }));
    for (const state of this.states) {
      state.worker.on('message', (batch: ScanBatchDone) => this.take(state, batch));
      state.worker.on('error', reject);
      state.worker.on('exit', (code) => reject(new Error(`a scan worker ended with code ${code}`)));
      state.worker.postMessage(options.start);
    }
  }

  /** Gives out jobs. Breadth before depth: each worker gets a first batch before one gets a second. */
  feed(): void {
    const { stack } = this;
    for (let ahead = 0; ahead < BATCHES_AHEAD; ahead++) {
      for (const state of this.states) {
        if (state.batches > ahead || stack.length === 0) continue;
        const jobs = takeJobs(stack, state.size);
        const batch: ScanBatch = { id: this.nextId++, jobs: jobs.map(({ job }) => job) };
        this.underWay.set(batch.id, jobs);
        state.batches++;
        state.worker.postMessage(batch);
      }
    }
    if (this.underWay.size === 0 && stack.length === 0 && this.handedOn === 0) this.resolve();
  }

  private take(state: WorkerState, { id, outcomes, took }: ScanBatchDone): void {
    const jobs = this.underWay.get(id)!;
    this.underWay.delete(id);
    state.batches--;
    if (took > BATCH_TIME * 2) state.size = Math.max(1, state.size >> 1);
    else if (took < BATCH_TIME && jobs.length === state.size) state.size = Math.min(MOST_JOBS, state.size * 2);
    const events: ScanEvent[] = [];
    outcomes.forEach((outcome, n) => {
      this.done += pushJobs(this.stack, outcome, jobs[n]!);
      events.push(...outcome.events);
    });
    this.handedOn++;
    this.options.onEvents(events, this.done).then(() => {
      this.handedOn--;
      this.feed();
    }, this.reject);
  }
}

/** The worker's file: TypeScript in development, JavaScript in the package. */
function workerFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './scan-worker.ts' : './scan-worker.js', import.meta.url);
}

/** Puts what came of a job on the stack. Returns the share of the archive that is done with it. */
function pushJobs(stack: Waiting[], { subfolders, jobs }: JobOutcome, from: { job: ScanJob; share: number }): number {
  const parts = subfolders.length + jobs.length;
  if (parts === 0) return from.share;
  // Files read at once count as one part, like a sub-folder.
  const own = from.job.job === 'scan-folder' && jobs.length === 0 ? 1 : 0;
  const share = from.share / (parts + own);
  if (subfolders.length > 0) stack.push({ folder: from.job.folder, names: subfolders, next: 0, share });
  for (let i = jobs.length - 1; i >= 0; i--) stack.push({ job: jobs[i]!, share });
  return own * share;
}

function takeJobs(stack: Waiting[], most: number): { job: ScanJob; share: number }[] {
  const taken: { job: ScanJob; share: number }[] = [];
  while (taken.length < most) {
    const top = stack[stack.length - 1];
    if (top === undefined) break;
    if ('job' in top) {
      taken.push(top);
      stack.pop();
      // A chunk or a slice of a huge folder is work enough for one batch.
      if (top.job.job === 'read-files' || top.job.slice !== undefined) break;
      continue;
    }
    const folder = joinPath(top.folder, top.names[top.next++]!);
    taken.push({ job: { job: 'scan-folder', folder }, share: top.share });
    if (top.next === top.names.length) stack.pop();
  }
  return taken;
}
