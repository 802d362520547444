// The port WorkQueue over a work-queue stream: one subject a send, one durable consumer a PACS, which all gateways share.
// The server gives out no more items of it than may wait for an acknowledgement: that is the limit of associations.
import { AckPolicy, type Consumer, JetStreamApiError, type JsMsg } from '@nats-io/jetstream';
import type { PacsAddress, TakenItem, WorkItem, WorkQueue } from '../../core/ports/work-queue.ts';
import { decodeItem, encodeItem } from '../../core/wire/gateway-messages.ts';
import { type Cluster, STORED_AGAIN } from './connection.ts';
import { decodeOrPutAside } from './decode-or-put-aside.ts';
import { fitting } from './message-size.ts';
import { CONSUMER_EXISTS, STORE_ACK_WAIT, STORES } from './streams.ts';
import { pacsStores, pacsToken, storeSubject, storesOfSend } from './subjects.ts';

/** A request for an item is made anew after this (milliseconds). */
const EXPIRES = 5_000;
/** A PACS to which nothing is sent for so long is forgotten (nanoseconds). */
const FORGOTTEN = 30 * 86_400 * 1e9;

export class NatsWorkQueue implements WorkQueue {
  private readonly cluster: Cluster;
  private readonly onUnreadable: (reason: string) => void;
  private readonly consumers = new Map<string, Promise<Consumer>>();

  /** @param onUnreadable is told why an item cannot be read; it is not given out again */
  constructor(cluster: Cluster, onUnreadable: (reason: string) => void = () => {}) {
    this.cluster = cluster;
    this.onUnreadable = onUnreadable;
  }

  async open(pacs: PacsAddress, associations: number): Promise<string> {
    const { consumers } = this.cluster.manager;
    const queue = pacsToken(pacs);
    const limit = { max_ack_pending: associations };
    try {
      await consumers.add(STORES, {
        durable_name: queue,
        filter_subject: pacsStores(queue),
        ack_policy: AckPolicy.Explicit,
        ack_wait: STORE_ACK_WAIT,
        inactive_threshold: FORGOTTEN,
        ...limit,
      });
    } catch (error) {
      if (!(error instanceof JetStreamApiError && error.code === CONSUMER_EXISTS)) throw error;
      // The newest send says how many.
      await consumers.update(STORES, queue, limit);
    }
    return queue;
  }

  async add(item: WorkItem): Promise<void> {
    const data = fitting(this.cluster, encodeItem(item), 'an item of work');
    const msgID = `${item.send}.${item.item}`;
    await this.cluster.jetstream.publish(storeSubject(pacsToken(item.pacs), item.send), data, {
      msgID,
      ...STORED_AGAIN,
    });
  }

  async busy(): Promise<readonly string[]> {
    const busy: string[] = [];
    for await (const { name, num_pending, num_ack_pending } of this.cluster.manager.consumers.list(STORES)) {
      if (num_pending > 0 || num_ack_pending > 0) busy.push(name);
    }
    return busy;
  }

  async take(queue: string, signal: AbortSignal): Promise<TakenItem | undefined> {
    if (signal.aborted) return undefined;
    const consumer = await this.consumer(queue);
    const messages = await consumer.fetch({ max_messages: 1, expires: EXPIRES });
    const stop = () => messages.stop();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      for await (const message of messages) {
        if (!signal.aborted) return await this.taken(message);
        message.nak();
      }
      return undefined;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Throws where it was forgotten: a later send opens it again. */
  private consumer(queue: string): Promise<Consumer> {
    const known = this.consumers.get(queue) ?? this.cluster.jetstream.consumers.get(STORES, queue);
    this.consumers.set(queue, known);
    known.catch(() => this.consumers.delete(queue));
    return known;
  }

  private async taken(message: JsMsg): Promise<TakenItem | undefined> {
    const item = await decodeOrPutAside(message, decodeItem, async (_, reason) => this.onUnreadable(reason));
    if (item === undefined) return undefined;
    return {
      item,
      attempt: message.info.deliveryCount,
      done: async () => {
        await message.ackAck();
      },
      later: (milliseconds) => message.nak(milliseconds),
      working: () => message.working(),
    };
  }

  async left(send: string): Promise<number> {
    const { state } = await this.cluster.manager.streams.info(STORES, { subjects_filter: storesOfSend(send) });
    return Object.values(state.subjects ?? {}).reduce((sum, items) => sum + items, 0);
  }

  async drop(send: string): Promise<void> {
    await this.cluster.manager.streams.purge(STORES, { filter: storesOfSend(send) });
  }
}
