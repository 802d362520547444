// What the server says where it does not store a message: somebody else was there first, or there is no room.
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';

/** Whether a write was refused because the subject or key holds something else than what was expected. */
export function isTaken(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
      error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
  );
}

/** The server's codes for limits of its own, of the account and of the stream that are reached (its errors.json). */
const FULL: readonly number[] = [10_002, 10_023, 10_047, 10_054, 10_077];

/** Whether a write was refused because JetStream has no room for it. */
export function isFull(error: unknown): boolean {
  return error instanceof JetStreamApiError && FULL.includes(error.code);
}
