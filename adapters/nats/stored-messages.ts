// Reads what a stream holds now, without a consumer.
import { JetStreamError, type StoredMsg } from '@nats-io/jetstream';
import type { Cluster } from './connection.ts';

/** Messages fetched at a time. */
const BATCH = 500;
const NOT_FOUND = 404;

/** All messages of a subject filter, in the order of writing. @param first the sequence from which on */
export async function* storedMessages(
  { manager }: Cluster,
  stream: string,
  filter: string,
  first = 1,
): AsyncIterable<StoredMsg> {
  let start = first;
  for (;;) {
    let got = 0;
    try {
      const batch = await manager.direct.getBatch(stream, { seq: start, next_by_subj: filter, batch: BATCH });
      for await (const message of batch) {
        got++;
        start = message.seq + 1;
        yield message;
      }
    } catch (error) {
      // Where nothing (more) is found the server says so by an error.
      if (!(error instanceof JetStreamError && (error as { code?: number }).code === NOT_FOUND)) throw error;
    }
    if (got < BATCH) return;
  }
}
