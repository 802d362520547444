// The port ArchiveFiles on the local file system. How many calls are under way at a time is found out, not set: calls
// that take microseconds are made one after the other in this thread; where they take longer, as on a network mount,
// tasks run side by side in the thread pool, more of them as long as that brings more calls a second.
// Imported, because the global is looked up anew each time.
import { performance } from 'node:perf_hooks';
import type { ArchiveFiles, FileAnswer, FileCall, FileTask } from '../../core/ports/archive-files.ts';
import { callLater, callNow, Paths } from './file-calls.ts';

/** A call that takes longer than this is worth a thread of its own (milliseconds). */
const SLOW_CALL = 0.2;
/** Direct calls are judged by the hundred or so: when this share of them was slow, they are made side by side. */
const JUDGED_CALLS = 96;
const SLOW_SHARE = 0.25;
/** After so many calls side by side one is made directly; so many quick ones in a row, and all are. */
const PROBE_EVERY = 512;
const QUICK_PROBES = 6;
const FEWEST = 8;
/**
 * Tasks for each thread of the pool, beside the fewest: a thread that has ended a call finds the next one waiting. To be
 * woken for it takes longer than the call's own work.
 */
const TASKS_A_THREAD = 2;

/** Limits of the adaptation. */
export interface FilesystemOptions {
  /** Most calls under way at a time: as many as the thread pool (UV_THREADPOOL_SIZE) has threads for it. One: never side by side. */
  readonly mostCalls: number;
}

export class FilesystemArchiveFiles implements ArchiveFiles {
  private readonly paths: Paths;
  private readonly pace: Pace;
  private underWay = 0;
  /** Each starts more tasks of one `runAll` when there is room again. */
  private readonly waiting = new Set<() => void>();

  /** @param root byte path of the archive's root */
  constructor(root: string, options: FilesystemOptions) {
    this.paths = new Paths(root);
    this.pace = new Pace(options.mostCalls);
  }

  /** Are calls made one after the other, in this thread? */
  get isDirect(): boolean {
    return this.pace.direct;
  }

  async run<T>(task: FileTask<T>): Promise<T> {
    if (this.pace.direct) return this.runNow(task);
    return new Promise((resolve, reject) => {
      this.underWay++;
      const ended = () => {
        this.underWay--;
        this.startWaiting();
      };
      this.step(
        task,
        () => task.next(),
        (value) => {
          ended();
          resolve(value);
        },
        (error) => {
          ended();
          reject(error);
        },
      );
    });
  }

  runAll(tasks: Iterable<FileTask<void>>): Promise<void> {
    const iterator = tasks[Symbol.iterator]();
    // No promise a task: on a slow mount they would cost as much as the calls.
    return new Promise((resolve, reject) => {
      let running = 0;
      let exhausted = false;
      let failed: { error: unknown } | undefined;
      const settle = () => {
        if (running > 0 || !exhausted) return;
        this.waiting.delete(start);
        if (failed === undefined) resolve();
        else reject(failed.error);
      };
      const fail = (error: unknown) => {
        failed ??= { error };
        exhausted = true;
      };
      const start = () => {
        try {
          while (!exhausted && (this.pace.direct || this.underWay < this.pace.most)) {
            const next = iterator.next();
            if (next.done === true) exhausted = true;
            else if (this.pace.direct) this.runNow(next.value);
            else launch(next.value);
          }
        } catch (error) {
          fail(error);
        }
        if (exhausted) settle();
        else this.waiting.add(start);
      };
      const launch = (task: FileTask<void>) => {
        running++;
        this.underWay++;
        const ended = () => {
          running--;
          this.underWay--;
          if (exhausted) settle();
          this.startWaiting();
        };
        this.step(
          task,
          () => task.next(),
          ended,
          (error) => {
            fail(error);
            ended();
          },
        );
      };
      start();
    });
  }

  /** Runs a task at once, in this thread. */
  runNow<T>(task: FileTask<T>): T {
    const { paths } = this;
    const start = performance.now();
    let calls = 0;
    let step = task.next();
    while (step.done !== true) {
      calls++;
      let answer: FileAnswer;
      try {
        answer = callNow(paths, step.value);
      } catch (error) {
        step = task.throw(error);
        continue;
      }
      step = task.next(answer);
    }
    // What a task does between its calls is short beside a slow one.
    this.pace.callsTook(calls, performance.now() - start);
    return step.value;
  }

  private startWaiting(): void {
    for (const start of this.waiting) {
      if (!this.pace.direct && this.underWay >= this.pace.most) return;
      this.waiting.delete(start);
      start();
    }
  }

  /** Advances a task by `next` and goes on, call by call, until it ends. */
  private step<T>(
    task: FileTask<T>,
    next: () => IteratorResult<FileCall, T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ): void {
    let step: IteratorResult<FileCall, T>;
    try {
      step = next();
      // Calls that never wait for a network are made in this thread.
      while (step.done !== true && (isLocal(step.value) || this.pace.probes()))
        step = this.callInThread(task, step.value);
    } catch (error) {
      reject(error);
      return;
    }
    if (step.done === true) {
      resolve(step.value);
      return;
    }
    callLater(this.paths, step.value, (error, answer) => {
      this.pace.callEnded();
      this.step(task, () => (error === null ? task.next(answer) : task.throw(error)), resolve, reject);
    });
  }

  private callInThread<T>(task: FileTask<T>, call: FileCall): IteratorResult<FileCall, T> {
    let answer: FileAnswer;
    const start = performance.now();
    try {
      answer = callNow(this.paths, call);
    } catch (error) {
      return task.throw(error);
    }
    if (!isLocal(call)) this.pace.probeTook(performance.now() - start);
    return task.next(answer);
  }
}

/** Attributes of an open file are at hand, and closing one that was only read waits for nothing. */
function isLocal(call: FileCall): boolean {
  return call.call === 'fstat' || call.call === 'close';
}

/**
 * Decides how calls are made. Direct calls are judged by how many of them were slow, not by their mean: on a busy
 * machine a few are interrupted for milliseconds, on a slow mount a good part of all are slow.
 */
class Pace {
  direct = true;
  /** Most tasks side by side. */
  most = FEWEST;
  private readonly limit: number;
  private calls = 0;
  private slow = 0;
  private ended = 0;
  private sinceProbe = 0;
  private quickProbes = 0;
  private windowStart = 0;
  private bestRate = 0;

  constructor(mostCalls: number) {
    this.limit = mostCalls > 1 ? TASKS_A_THREAD * mostCalls + FEWEST : 1;
  }

  callsTook(calls: number, milliseconds: number): void {
    if (milliseconds > SLOW_CALL * calls) this.slow += calls;
    this.calls += calls;
    if (this.calls < JUDGED_CALLS) return;
    if (this.slow > this.calls * SLOW_SHARE && this.limit > 1) {
      this.direct = false;
      this.most = Math.min(this.limit, 4 * FEWEST);
      this.bestRate = 0;
      this.ended = 0;
      this.quickProbes = 0;
      this.windowStart = performance.now();
    }
    this.calls = 0;
    this.slow = 0;
  }

  probes(): boolean {
    if (++this.sinceProbe < PROBE_EVERY) return false;
    this.sinceProbe = 0;
    return true;
  }

  probeTook(milliseconds: number): void {
    this.quickProbes = milliseconds < SLOW_CALL ? this.quickProbes + 1 : 0;
    if (this.quickProbes >= QUICK_PROBES) this.direct = true;
  }

  /** Hill climbing: after each quarter of a second, more at a time if the last step up brought more calls a second. */
  callEnded(): void {
    this.ended++;
    const now = performance.now();
    if (now - this.windowStart < 250) return;
    const rate = this.ended / (now - this.windowStart);
    if (rate > this.bestRate * 1.05) {
      this.bestRate = rate;
      this.most = Math.min(this.limit, Math.ceil(this.most * 1.5));
    } else if (rate < this.bestRate * 0.7) {
      this.bestRate = rate;
      this.most = Math.min(this.limit, Math.max(FEWEST, Math.floor(this.most * 0.75)));
    }
    this.windowStart = now;
    this.ended = 0;
  }
}
