// Calls of node:fs on a disk that may be quick: then they are made at once, since a message to the thread pool and back
// costs more than they do; else in the pool. Which it is, is found out. What waits for the disk (fsync) is none of these,
// and where a call may wait for a server, as on a network mount, all are made in the pool.
import fs from 'node:fs';
// Imported, because the global is looked up anew each time.
import { performance } from 'node:perf_hooks';
import { isLocalFileSystem } from '../../core/instance/file-systems.ts';
import { call, inPool, type MakeCall } from './instance-store-calls.ts';

/** The disk is slow where calls take longer than this on average (milliseconds). */
const SLOW = 0.5;
/**
 * Calls that count in the average, about. One that takes long says nothing: on a busy machine the thread was waiting for a
 * processor, not for the disk.
 */
const REMEMBERED = 64;
/** When it has been slow the pool makes them for so long; twice as long where the disk is no quicker after that (milliseconds). */
const IN_THE_POOL = 1000;
const LONGEST_IN_THE_POOL = 32_000;
/** What a folder lies on is asked again after this: something may have been mounted there (milliseconds). */
const KNOWN_FOR = 10_000;
const MOST_FOLDERS = 4096;

export class QuickCalls {
  private readonly now: () => number;
  /** Of the calls that were made at once lately (milliseconds). */
  private average = 0;
  private slowUntil = Number.NEGATIVE_INFINITY;
  private pause = IN_THE_POOL;
  private readonly folders = new Map<string, { readonly until: number; readonly isLocal: Promise<boolean> }>();

  /** @param now a clock in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.now = now;
  }

  /** How calls on files of a folder are made. @param folder a byte path. Rejects with the error of statfs. */
  async in(folder: string): Promise<MakeCall> {
    return (await this.isLocal(folder)) ? this.make : inPool;
  }

  /** Makes calls on a file system of this machine. */
  readonly make: MakeCall = async (atOnce, later) => (this.isQuick ? this.timed(atOnce) : call(later));

  /** Are calls on a file system of this machine to be made at once, now? */
  get isQuick(): boolean {
    return this.now() >= this.slowUntil;
  }

  /** Makes a call at once, and remembers how long it took. Throws its error. */
  timed<T>(atOnce: () => T): T {
    const start = this.now();
    try {
      return atOnce();
    } finally {
      const end = this.now();
      this.average += (end - start - this.average) / REMEMBERED;
      if (this.average > SLOW) this.isSlow(start, end);
    }
  }

  private isSlow(start: number, end: number): void {
    const again = start - this.slowUntil < IN_THE_POOL;
    this.pause = again ? Math.min(2 * this.pause, LONGEST_IN_THE_POOL) : IN_THE_POOL;
    this.slowUntil = end + this.pause;
    this.average = 0;
  }

  private isLocal(folder: string): Promise<boolean> {
    const now = this.now();
    const known = this.folders.get(folder);
    if (known !== undefined && now < known.until) return known.isLocal;
    if (this.folders.size >= MOST_FOLDERS) this.folders.clear();
    const isLocal = call<fs.StatsFs>((done) => fs.statfs(Buffer.from(folder, 'latin1'), done)).then(({ type }) =>
      isLocalFileSystem(type),
    );
    this.folders.set(folder, { until: now + KNOWN_FOR, isLocal });
    // One that is not there now may be there the next time.
    isLocal.catch(() => this.folders.delete(folder));
    return isLocal;
  }
}
