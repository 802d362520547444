// Where instances that arrive over the network are kept. The bytes of a data set are taken as they come and never
// changed; an instance is there when `commit` says so, and never before.
import type { Buffer } from 'node:buffer';
import type { FileMeta } from '../dimse/file-meta.ts';

/** What is known of an instance before its data set comes. */
export type ArrivingInstance = FileMeta;

export interface InstanceStore {
  begin(arriving: ArrivingInstance): IncomingFile;
  /** Discards what has not been committed. */
  close(): Promise<void>;
}

/** One instance on its way in: `write` for each piece, then `commit` or `discard`. */
export interface IncomingFile {
  /**
   * Takes the next bytes of the data set, and holds none of them afterwards. False: more than a bounded amount waits for
   * the disk, so pause until `drained` resolves.
   */
  write(bytes: Buffer): boolean;
  /** Never rejects: what went wrong is said by `commit`. */
  drained(): Promise<void>;
  /** Resolves when the instance is on disk, synced with its folder, under its name. Rejects with StoreError; it may be sent again. */
  commit(): Promise<StoredInstance>;
  /** Nothing stays of it, unless `commit` was called before: that one is carried out. */
  discard(): Promise<void>;
}

/** Where an instance is. UIDs are those of the command, and of the data set where it has them. */
export interface StoredInstance {
  readonly SOPInstanceUID: string;
  readonly SOPClassUID: string;
  /** '' for none. */
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  /** Relative to the archive in which the store keeps what is committed, and nothing else. */
  readonly path: string;
  /** Size of what arrived, with its file meta. */
  readonly bytes: number;
  /**
   * 'already-there': the same data set was there before, nothing was written. 'differs': another data set with this
   * SOPInstanceUID was there before, both are kept.
   */
  readonly outcome: 'stored' | 'already-there' | 'differs';
  /** Another data set has the first name of this SOPInstanceUID: so of what differs, now or when it came before. */
  readonly isOther?: boolean;
  /** Of the whole file at `path`, in hexadecimal digits; undefined where the store does not make it. */
  readonly sha256?: string;
}

/** Why an instance was not stored; each is a C-STORE status (PS3.4 table B.2-1): A900, A700, and 0110 of PS3.7 annex C. */
export const STORE_FAILURES = ['identity', 'no-space', 'failed'] as const;
export type StoreFailure = (typeof STORE_FAILURES)[number];

export class StoreError extends Error {
  readonly reason: StoreFailure;

  constructor(reason: StoreFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.reason = reason;
  }
}
