// What can never succeed (a record that the index refuses, a message that cannot be read) is put aside with its reason,
// so that the rest goes on and nothing is lost.

export type FailedOrigin = 'records' | 'jobs';

export interface FailedMessage {
  readonly id: string;
  readonly origin: FailedOrigin;
  /** ISO 8601. */
  readonly at: string;
  readonly reason: string;
  /** The scan that it belongs to; undefined for a record. */
  readonly scan: string | undefined;
}

export interface FailedMessages {
  /** Keeps the message of this position. */
  add(origin: FailedOrigin, sequence: number, reason: string): Promise<void>;
  /** The oldest first. */
  list(): Promise<readonly FailedMessage[]>;
  /** How many records of an archive are kept that are still the newest of their files. */
  records(archive: string): Promise<number>;
  /**
   * Has it tried again. `replaced`: a newer record of the same files was written since, and it is forgotten instead.
   * Undefined where there is none of this id.
   */
  retry(id: string): Promise<'tried-again' | 'replaced' | undefined>;
  /** Keeps it no longer. */
  forget(id: string): Promise<void>;
}
