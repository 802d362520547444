// Calls of node:fs on a disk that may be quick: then they are made at once, since a message to the thread pool and back
// costs more than they do; else in the pool. Which it is, is found out. What waits for the disk (fsync) is none of these.
import fs from 'node:fs';
// Imported, because the global is looked up anew each time.
import { performance } from 'node:perf_hooks';
import { isNetworkFileSystem } from '../../core/instance/network-file-systems.ts';
import { call, type MakeCall } from './instance-store-calls.ts';

/** After a call that took longer than the first, calls go through the pool for the second (milliseconds). */
const SLOW_CALL = 8;
const IN_THE_POOL = 1000;

export class QuickCalls {
  private readonly isNetwork: boolean;
  private readonly now: () => number;
  private slowUntil = Number.NEGATIVE_INFINITY;

  /**
   * @param folder where the calls are made. On a network each may wait for as long as the server is away: all go through
   *   the pool then. Throws the error of statfs.
   * @param now a clock in milliseconds
   */
  constructor(folder: string, now: () => number = () => performance.now()) {
    this.isNetwork = isNetworkFileSystem(fs.statfsSync(folder).type);
    this.now = now;
  }

  readonly make: MakeCall = async (atOnce, later) => {
    const start = this.now();
    if (this.isNetwork || start < this.slowUntil) return call(later);
    try {
      return atOnce();
    } finally {
      const end = this.now();
      if (end - start > SLOW_CALL) this.slowUntil = end + IN_THE_POOL;
    }
  };
}
