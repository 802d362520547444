// Reads what a stream holds now, without a consumer.
import { setTimeout as sleep } from 'node:timers/promises';
import { JetStreamError, type StoredMsg } from '@nats-io/jetstream';
import { ConnectionError, TimeoutError } from '@nats-io/transport-node';
import type { Cluster } from './connection.ts';

/** Messages fetched at a time. */
const BATCH = 500;
const NOT_FOUND = 404;
/** A server that is starting answers so before JetStream does. */
const NOT_SERVED = 503;
const LOOK_EVERY = 500;
/** One that does not come within this was lost when the server went (milliseconds). */
const STALLED = 5_000;
/** Then it is asked for again, so often in a row. */
const MOST_TRIES = 12;

/** All messages of a subject filter, in the order of writing. @param first the sequence from which on */
export async function* storedMessages(
  { manager, connection }: Cluster,
  stream: string,
  filter: string,
  first = 1,
): AsyncIterable<StoredMsg> {
  let start = first;
  for (let tries = 1; ; tries++) {
    let got = 0;
    try {
      const batch = await manager.direct.getBatch(stream, { seq: start, next_by_subj: filter, batch: BATCH });
      // The client itself waits for ever for those behind the first.
      for await (const message of unlessStalled(batch)) {
        got++;
        tries = 0;
        start = message.seq + 1;
        yield message;
      }
    } catch (error) {
      const isStarting = (error as { code?: number }).code === NOT_SERVED;
      const isLost = isStarting || error instanceof TimeoutError || error instanceof ConnectionError;
      if (isLost && !connection.isClosed() && tries < MOST_TRIES) {
        await sleep(LOOK_EVERY);
        continue;
      }
      // Where nothing (more) is found the server says so by an error.
      if (!(error instanceof JetStreamError && (error as { code?: number }).code === NOT_FOUND)) throw error;
    }
    if (got < BATCH) return;
  }
}

/** Throws TimeoutError where it is waited for too long. */
async function* unlessStalled(
  batch: AsyncIterable<StoredMsg> & { stop(error?: Error): void },
): AsyncIterable<StoredMsg> {
  let waitsSince: number | undefined;
  const timer = setInterval(() => {
    if (waitsSince !== undefined && performance.now() - waitsSince > STALLED) batch.stop(new TimeoutError());
  }, 1_000);
  try {
    const messages = batch[Symbol.asyncIterator]();
    for (;;) {
      waitsSince = performance.now();
      const next = await messages.next();
      waitsSince = undefined;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    clearInterval(timer);
    batch.stop();
  }
}
