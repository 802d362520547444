// The jobs of a cluster's scans: they wait until one of the scanners that can see the archive takes them. Jobs travel
// by the handful, since a message costs more than most of them.
import type { ScanJob } from '../jobs/jobs.ts';
import type { ArchiveIdentity } from './record-log.ts';

/** Jobs of one scan that are carried out by one scanner. */
export interface ScanWork {
  readonly scan: string;
  readonly archive: ArchiveIdentity;
  readonly acceptDeletions: boolean;
  /** Nothing was known of the archive when the scan began. */
  readonly isNew: boolean;
  readonly jobs: readonly ScanJob[];
}

/** Work that a scanner has taken. It comes to another one when it is neither done nor worked on for ten seconds. */
export interface TakenWork {
  readonly work: ScanWork;
  /** Its place in the queue. */
  readonly position: number;
  /** How often it was taken, this time included. */
  readonly attempt: number;
  /** Everything that came of it is stored: it is not given out again. Resolves when the queue knows. */
  done(): Promise<void>;
  /** Gives it back: it is taken again after `milliseconds`. */
  later(milliseconds: number): void;
  working(): void;
}

export interface ScanQueue {
  /** Resolves when the work is stored. @param once work that several may add is stored once under this name (for two minutes) */
  add(work: ScanWork, once?: string): Promise<void>;
  /**
   * Takes work on these archives; at most `atATime` pieces wait here to be taken. Ends when `signal` aborts; throws where the
   * delivery broke off: it is to be asked for again.
   */
  take(archives: readonly ArchiveIdentity[], atATime: number, signal: AbortSignal): AsyncIterable<TakenWork>;
  /** Pieces of a scan's work that are not done, whoever has them. */
  left(archive: ArchiveIdentity, scan: string): Promise<number>;
  /** Forgets the work of a scan that nobody has taken yet. */
  drop(archive: ArchiveIdentity, scan: string): Promise<void>;
}
