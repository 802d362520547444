// Calls of node:fs on a disk that may be quick: then they are made at once, since a message to the thread pool and back
// costs more than they do; else in the pool. Which it is, is found out. What waits for the disk (fsync) is none of these.
import fs from 'node:fs';
// Imported, because the global is looked up anew each time.
import { performance } from 'node:perf_hooks';
import { isNetworkFileSystem } from '../../core/instance/network-file-systems.ts';
import { call, type MakeCall } from './instance-store-calls.ts';

/** After a slow call the pool makes them for so long; twice as long where the disk is no quicker after that (milliseconds). */
const IN_THE_POOL = 1000;
const LONGEST_IN_THE_POOL = 32_000;

export interface QuickCallsOptions {
  /** A call that takes longer than this is slow (milliseconds). */
  readonly slow: number;
  /** A clock in milliseconds. */
  readonly now?: () => number;
}

export class QuickCalls {
  private readonly isNetwork: boolean;
  private readonly slow: number;
  private readonly now: () => number;
  private slowUntil = Number.NEGATIVE_INFINITY;
  private inThePool = IN_THE_POOL;

  /**
   * @param type that of statfs(2) of the file system. On a network a call may wait for as long as the server is away: all
   *   go through the pool then.
   */
  constructor(type: number, { slow, now = () => performance.now() }: QuickCallsOptions) {
    this.isNetwork = isNetworkFileSystem(type);
    this.slow = slow;
    this.now = now;
  }

  /** For calls in `folder`. Rejects with the error of statfs. */
  static async in(folder: string | Buffer, options: QuickCallsOptions): Promise<QuickCalls> {
    const { type } = await call<fs.StatsFs>((done) => fs.statfs(folder, done));
    return new QuickCalls(type, options);
  }

  readonly make: MakeCall = async (atOnce, inPool) => {
    const start = this.now();
    if (this.isNetwork || start < this.slowUntil) return call(inPool);
    try {
      return atOnce();
    } finally {
      const end = this.now();
      if (end - start > this.slow) this.wasSlow(start, end);
    }
  };

  private wasSlow(start: number, end: number): void {
    const again = start - this.slowUntil < IN_THE_POOL;
    this.inThePool = again ? Math.min(2 * this.inThePool, LONGEST_IN_THE_POOL) : IN_THE_POOL;
    this.slowUntil = end + this.inThePool;
  }
}
