// The port ArchiveFiles on the local file system. How many calls are under way at a time is found out, not set: calls
// that take microseconds are made one after the other in this thread; where they take longer, as on a network mount,
// tasks run side by side in the thread pool, more of them as long as that brings more calls a second.
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

/** Limits of the adaptation. */
export interface FilesystemOptions {
  /** Most calls under way at a time; the thread pool (UV_THREADPOOL_SIZE) should be as large. */
  readonly mostCalls: number;
}

export class FilesystemArchiveFiles implements ArchiveFiles {
  private readonly paths: Paths;
  private readonly pace: Pace;
  private underWay = 0;
  private readonly waiting: (() => void)[] = [];

  /** @param root byte path of the archive's root */
  constructor(root: string, options: FilesystemOptions) {
    this.paths = new Paths(root);
    this.pace = new Pace(options.mostCalls);
  }

  async run<T>(task: FileTask<T>): Promise<T> {
    if (this.pace.direct) return this.runNow(task);
    return this.runLater(task);
  }

  async runAll(tasks: Iterable<FileTask<void>>): Promise<void> {
    const iterator = tasks[Symbol.iterator]();
    const running = new Set<Promise<void>>();
    let failed: { error: unknown } | undefined;
    for (let next = iterator.next(); next.done !== true && failed === undefined; next = iterator.next()) {
      if (this.pace.direct) {
        this.runNow(next.value);
        continue;
      }
      const promise: Promise<void> = this.runLater(next.value).then(
        () => void running.delete(promise),
        (error: unknown) => {
          running.delete(promise);
          failed ??= { error };
        },
      );
      running.add(promise);
      if (running.size >= this.pace.most) await Promise.race(running);
    }
    while (running.size > 0) await Promise.race(running);
    if (failed !== undefined) throw failed.error;
  }

  /** Runs a task at once, in this thread. */
  runNow<T>(task: FileTask<T>): T {
    let step = task.next();
    while (step.done !== true) {
      let answer: FileAnswer;
      const start = performance.now();
      try {
        answer = callNow(this.paths, step.value);
      } catch (error) {
        this.pace.callTook(performance.now() - start);
        step = task.throw(error);
        continue;
      }
      this.pace.callTook(performance.now() - start);
      step = task.next(answer);
    }
    return step.value;
  }

  private async runLater<T>(task: FileTask<T>): Promise<T> {
    await this.place();
    try {
      return await this.stepLater(task);
    } finally {
      this.underWay--;
      this.waiting.shift()?.();
    }
  }

  /** Waits until fewer tasks are under way than the pace allows. */
  private async place(): Promise<void> {
    while (this.underWay >= this.pace.most) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.underWay++;
  }

  private stepLater<T>(task: FileTask<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const advance = (next: () => IteratorResult<FileCall, T>): void => {
        let step: IteratorResult<FileCall, T>;
        try {
          step = next();
        } catch (error) {
          reject(error);
          return;
        }
        if (step.done === true) {
          resolve(step.value);
          return;
        }
        if (this.pace.probes()) {
          const start = performance.now();
          try {
            const answer = callNow(this.paths, step.value);
            this.pace.probeTook(performance.now() - start);
            advance(() => task.next(answer));
          } catch (error) {
            advance(() => task.throw(error));
          }
          return;
        }
        callLater(this.paths, step.value, (error, answer) => {
          this.pace.callEnded();
          advance(() => (error === null ? task.next(answer) : task.throw(error)));
        });
      };
      advance(() => task.next());
    });
  }
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

  constructor(limit: number) {
    this.limit = limit;
  }

  callTook(milliseconds: number): void {
    if (milliseconds > SLOW_CALL) this.slow++;
    if (++this.calls < JUDGED_CALLS) return;
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
      this.most = Math.max(FEWEST, Math.floor(this.most * 0.75));
    }
    this.windowStart = now;
    this.ended = 0;
  }
}
