// The port RecordFeed: the records of the log as they are written, handed to the indexers through one durable consumer
// that all of them share. An entry stays with its indexer until it is in the index.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, JsMsg } from '@nats-io/jetstream';
import type { LoggedBatch, LoggedEntry, RecordFeed } from '../../core/ports/record-log.ts';
import { decodeEntry } from '../../core/wire/messages.ts';
import type { Cluster } from './connection.ts';
import { decodeOrPutAside, type PutAside } from './decode-or-put-aside.ts';
import { Pull } from './pull.ts';
import { type Drift, ensureIndexer, indexerConsumer, RECORDS } from './streams.ts';

/** Header of a message that says which one its writer has replaced (JetStream keeps it with the message). */
const EXPECTED = 'Nats-Expected-Last-Subject-Sequence';
/** A batch is gathered for so long while more keep coming, and no longer than a pause in which none came (milliseconds). */
const GATHER = 250;
const PAUSE = 25;
/** How long it takes until a feed that broke off says so (milliseconds). */
const BROKEN_OFF = 1_000;

export class NatsRecordFeed implements RecordFeed {
  private readonly cluster: Cluster;
  private readonly generation: () => Promise<number>;
  private readonly putAside: PutAside;
  private readonly onDrift: (drift: Drift) => void;

  /**
   * @param generation the generation of the index that is fed
   * @param putAside keeps a message that can never be read
   * @param onDrift is told what somebody has set differently
   */
  constructor(
    cluster: Cluster,
    generation: () => Promise<number>,
    putAside: PutAside,
    onDrift: (drift: Drift) => void = () => {},
  ) {
    this.cluster = cluster;
    this.generation = generation;
    this.putAside = putAside;
    this.onDrift = onDrift;
  }

  async *batches(most: number, signal: AbortSignal): AsyncIterable<LoggedBatch> {
    for (const drift of await ensureIndexer(this.cluster.manager, await this.generation())) this.onDrift(drift);
    let wake: () => void = () => {};
    const wakeUp = () => wake();
    signal.addEventListener('abort', wakeUp, { once: true });
    const consumer = await this.consumer();
    const began = new Date((await consumer.info(true)).created);
    const pull = new Pull(consumer, most, wakeUp);
    try {
      while (!signal.aborted) {
        if (pull.size === 0) {
          // A generation that is over has no place in the log any more: whoever feeds it has time to learn that.
          const isLost = pull.lost !== undefined;
          const timer = isLost ? setTimeout(wakeUp, BROKEN_OFF) : undefined;
          await new Promise<void>((resolve) => (wake = resolve));
          clearTimeout(timer);
          if (isLost) return;
          continue;
        }
        await gather(pull, most);
        const batch = await this.decode(pull.take(most), began);
        if (batch.entries.length > 0) yield batch;
      }
    } finally {
      signal.removeEventListener('abort', wakeUp);
      pull.stop();
    }
  }

  async isPast(position: number): Promise<boolean> {
    const consumer = await this.consumer();
    const { ack_floor, delivered, num_ack_pending } = await consumer.info();
    // What was replaced after it was delivered may hold the floor down. That nothing is pending would say too little: the
    // server confirms an entry before it counts it as one that a consumer has to deliver.
    return ack_floor.stream_seq >= position || (delivered.stream_seq >= position && num_ack_pending === 0);
  }

  async waiting(): Promise<number> {
    const consumer = await this.consumer();
    const { num_pending, num_ack_pending } = await consumer.info();
    return num_pending + num_ack_pending;
  }

  private async consumer(): Promise<Consumer> {
    return this.cluster.jetstream.consumers.get(RECORDS, indexerConsumer(await this.generation()));
  }

  private async decode(messages: readonly JsMsg[], began: Date): Promise<LoggedBatch> {
    const entries: LoggedEntry[] = [];
    const taken: JsMsg[] = [];
    for (const message of messages) {
      const entry = await decodeOrPutAside(message, decodeEntry, this.putAside);
      if (entry === undefined) continue;
      entries.push({ sequence: message.seq, entry, replaces: replacedBy(message, began) });
      taken.push(message);
    }
    return {
      entries,
      done: async () => {
        // The acknowledgements go out in order: when the last one is confirmed, all have arrived.
        for (const message of taken.slice(0, -1)) message.ack();
        await taken.at(-1)?.ackAck();
      },
      later: (milliseconds) => taken.forEach((message) => void message.nak(milliseconds)),
      working: () => taken.forEach((message) => void message.working()),
    };
  }
}

/** What the writer of an entry said that it replaces; see LoggedEntry. @param began when its consumer was made */
function replacedBy({ headers, info }: JsMsg, began: Date): number | undefined {
  const expected = headers?.get(EXPECTED);
  if (expected === undefined || expected === '' || info.timestampNanos / 1e6 < began.getTime()) return undefined;
  return Number(expected);
}

/** A write costs the index as much for a few entries as for many: what keeps coming is waited for. */
async function gather(pull: Pull, most: number): Promise<void> {
  const start = performance.now();
  for (let size = 0; pull.size > size && pull.size < most && performance.now() - start < GATHER; ) {
    size = pull.size;
    await sleep(PAUSE);
  }
}
