// What can never succeed (a record that the index refuses, a message that cannot be read) is put aside with its reason,
// so that the rest goes on and nothing is lost.

export type FailedOrigin = 'records' | 'jobs';

export interface FailedMessage {
  readonly id: string;
  readonly origin: FailedOrigin;
  /** ISO 8601. */
  readonly at: string;
  readonly reason: string;
}

export interface FailedMessages {
  /** Keeps the message of this position. */
  add(origin: FailedOrigin, sequence: number, reason: string): Promise<void>;
  /** The oldest first. */
  list(): Promise<readonly FailedMessage[]>;
  /** Has it tried again. False where there is none of this id. */
  retry(id: string): Promise<boolean>;
}
