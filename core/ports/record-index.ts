// The writing side of a cluster's index: entries of the record log become folders, series and values that queries find.
// The index is derived: the same entries in any order, any number of times, by any number of writers, give the same.
import type { LoggedEntry } from './record-log.ts';

/** An entry that the index can never take. */
export interface RefusedEntry {
  readonly sequence: number;
  readonly reason: string;
}

export interface RecordIndex {
  /**
   * Brings entries into the index. Resolves when each is stored, or is among the refused; an entry that is older than
   * what is stored of its chunk changes nothing. Rejects when the index cannot take them now: then any part of them
   * may be stored, and all are to be put again.
   */
  put(entries: readonly LoggedEntry[]): Promise<readonly RefusedEntry[]>;
  /** Resolves when all that was put before shows in answers. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}
