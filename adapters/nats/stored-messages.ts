// Reads what a stream holds now, without a consumer.
import { setTimeout as sleep } from 'node:timers/promises';
import { type CompletionResult, JetStreamError, type JetStreamManager, type StoredMsg } from '@nats-io/jetstream';
import { ConnectionError, TimeoutError } from '@nats-io/transport-node';
import type { Cluster } from './connection.ts';

/** Messages fetched at a time. */
const BATCH = 500;
/** How many messages of the filter come after this one (ADR-31 of NATS). */
const PENDING = 'Nats-Num-Pending';
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
    let isLast = true;
    try {
      for await (const message of batchOf(manager, stream, start, filter)) {
        // A batch may end early: the server sends no more than 64 MB at a time.
        isLast = message.header.get(PENDING) === '0';
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
    if (isLast) return;
  }
}

/**
 * A batch as it comes. The client's own iterator would wait for ever for what was lost behind the first message, and keep
 * its subscription. Throws TimeoutError where nothing comes for too long.
 */
async function* batchOf(manager: JetStreamManager, stream: string, seq: number, filter: string) {
  let come: StoredMsg[] = [];
  let ended: CompletionResult | undefined;
  let wake = () => {};
  const callback = (done: CompletionResult | null, message: StoredMsg) => {
    if (done === null) come.push(message);
    else ended = done;
    wake();
  };
  const batch = await manager.direct.getBatch(stream, { seq, next_by_subj: filter, batch: BATCH, callback });
  try {
    for (;;) {
      const taken = come;
      come = [];
      yield* taken;
      if (come.length > 0) continue;
      if (ended?.err !== undefined) throw ended.err;
      if (ended !== undefined) return;
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new TimeoutError()), STALLED);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    batch.stop();
  }
}
