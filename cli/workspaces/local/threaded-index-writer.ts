// The port IndexWriter, carried out by the index thread.
import { Worker } from 'node:worker_threads';
import { DitagError } from '../../../core/errors/errors.ts';
import type { ScanEvent } from '../../../core/jobs/jobs.ts';
import type { IndexWriter, IndexWriterStart, PublishOptions, PublishReport } from '../../../core/ports/index-writer.ts';
import { endWorker } from './end-worker.ts';
import type { IndexThreadData, IndexThreadReply, IndexThreadRequest, IndexThreadStart } from './index-thread.ts';
import { transferablesOf } from './transfer.ts';

/** Batches of events that may wait for the index thread: past that, scanning waits for it. */
const MOST_WAITING = 16;
/** The heap of the index thread (megabytes): it streams, and keeps little. */
const HEAP = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 160 };

interface Pending {
  readonly resolve: (value: IndexWriterStart | PublishReport | undefined) => void;
  readonly reject: (error: Error) => void;
}

export class ThreadedIndexWriter implements IndexWriter {
  readonly start: IndexWriterStart;
  private readonly thread: Thread;
  private isClosed = false;

  private constructor(thread: Thread, start: IndexWriterStart) {
    this.thread = thread;
    this.start = start;
  }

  /** Starts the thread and opens the index in it. Throws what SqliteIndexWriter throws. */
  static async open(
    data: IndexThreadData,
    progress: (done: number, all: number) => void,
  ): Promise<ThreadedIndexWriter> {
    const thread = new Thread(data, progress);
    try {
      return new ThreadedIndexWriter(thread, (await thread.ask({ ask: 'open' })) as IndexWriterStart);
    } catch (error) {
      await thread.end();
      throw error;
    }
  }

  /** Resolves at once while few batches wait for the thread, so that scanning goes on beside writing. */
  async stage(events: readonly ScanEvent[]): Promise<void> {
    await this.thread.send({ ask: 'stage', events }, MOST_WAITING);
  }

  async publish(options: PublishOptions): Promise<PublishReport> {
    return (await this.thread.ask({ ask: 'publish', options })) as PublishReport;
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    try {
      await this.thread.ask({ ask: 'close' });
    } finally {
      await this.thread.end();
    }
  }

  /** Ends the thread: a publication that is under way is rolled back, what was committed stays. */
  async abandon(): Promise<void> {
    await this.thread.end();
  }
}

class Thread {
  private readonly ending = new Int32Array(new SharedArrayBuffer(4));
  private readonly worker: Worker;
  private readonly pending: Pending[] = [];
  private failure: Error | undefined;
  /** Senders that wait until fewer requests are unanswered. */
  private waiting: (() => void)[] = [];

  constructor(data: IndexThreadData, progress: (done: number, all: number) => void) {
    const file = import.meta.url.endsWith('.ts') ? './index-thread.ts' : './index-thread.js';
    const workerData: IndexThreadStart = { ...data, ending: this.ending };
    this.worker = new Worker(new URL(file, import.meta.url), { workerData, resourceLimits: HEAP });
    this.worker.on('message', (reply: IndexThreadReply) => {
      if (reply.reply === 'progress') progress(reply.done, reply.all);
      else if (reply.reply === 'done') this.settle((pending) => pending.resolve(reply.value));
      else {
        const error = reply.code === undefined ? new Error(reply.message) : new DitagError(reply.code, reply.message);
        this.settle((pending) => pending.reject(error));
      }
    });
    this.worker.on('error', (error) => this.fail(error as Error));
    this.worker.on('exit', (code) => this.fail(new Error(`the index thread ended with code ${code}`)));
  }

  ask(request: IndexThreadRequest): Promise<IndexWriterStart | PublishReport | undefined> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      this.pending.push({ resolve, reject });
      this.worker.postMessage(request);
    });
  }

  /** Sends a request whose answer matters only if it failed; waits while `most` requests are unanswered. */
  async send(request: IndexThreadRequest & { ask: 'stage' }, most: number): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.pending.push({ resolve: () => {}, reject: (error) => this.fail(error) });
    this.worker.postMessage(request, transferablesOf(request.events));
    while (this.pending.length > most && this.failure === undefined) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    if (this.failure !== undefined) throw this.failure;
  }

  async end(): Promise<void> {
    this.fail(new Error('the index thread has ended'));
    Atomics.store(this.ending, 0, 1);
    await endWorker(this.worker, { ask: 'end' } satisfies IndexThreadRequest);
  }

  private settle(how: (pending: Pending) => void): void {
    // After a failure nobody waits for the answers to what was sent before it.
    const pending = this.pending.shift();
    if (pending !== undefined) how(pending);
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const pending of this.pending.splice(0)) pending.reject(this.failure);
    this.wake();
  }
}
