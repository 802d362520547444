// Writes that are made on a condition: what the server says where somebody else was there first.
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';

/** Whether a write was refused because the subject or key holds something else than what was expected. */
export function isTaken(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
      error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
  );
}
