// The port DownloadStore: what came is told in batches, each a message of its own, so that several may tell at once; what a
// series has is all its messages, in their order.
import { randomUUID } from 'node:crypto';
import type { DownloadStore } from '../../core/ports/project-store.ts';
import type { ReceivedInstance } from '../../core/projects/received.ts';
import { encodeFrame } from '../../core/wire/frame.ts';
import {
  type DownloadMessage,
  decodeDownload,
  decodeNotAskedFor,
  decodeReceived,
  type ReceivedMessage,
} from '../../core/wire/project-messages.ts';
import { type Cluster, STORED_AGAIN } from './connection.ts';
import { fitting } from './message-size.ts';
import { storedMessages } from './stored-messages.ts';
import { PROJECTS } from './streams.ts';
import { downloadSubject, notAskedForSubject, receivedSubject } from './subjects.ts';

/** What comes of a series within so long is told together (milliseconds), and at most so much. */
const WAIT = 100;
const MOST = 2_000;

interface Batch {
  readonly received: ReceivedInstance[];
  readonly removed: string[];
  reason: string | undefined;
  readonly told: Promise<void>;
  tell(): void;
}

export class NatsDownloadStore implements DownloadStore {
  readonly startedAt: string;
  private readonly cluster: Cluster;
  private readonly name: string;
  private readonly folder: string;
  private readonly batches = new Map<string, Batch>();
  /** Batches of a series are told in their order. */
  private readonly telling = new Map<string, Promise<void>>();
  /** Messages only come to those that are there: what was read is not read again. */
  private readonly sizes = { bySeries: new Map<string, Map<string, number>>(), next: 1 };
  private readonly notAsked = { subjects: new Set<string>(), next: 1 };
  private summing: Promise<void> = Promise.resolve();

  constructor(
    cluster: Cluster,
    name: string,
    { folder, startedAt }: { readonly folder: string; readonly startedAt: string },
  ) {
    this.startedAt = startedAt;
    this.cluster = cluster;
    this.name = name;
    this.folder = folder;
  }

  add(SeriesInstanceUID: string, received: ReceivedInstance): Promise<void> {
    return this.put(SeriesInstanceUID, (batch) => batch.received.push(received));
  }

  async addNotAskedFor(SeriesInstanceUID: string, received: ReceivedInstance): Promise<void> {
    const subject = notAskedForSubject(this.name, this.folder, received.path);
    await this.cluster.jetstream.publish(subject, encodeFrame({ SeriesInstanceUID, ...received }), STORED_AGAIN);
  }

  remove(SeriesInstanceUID: string, SOPInstanceUID: string): Promise<void> {
    // In one message what goes is read before what comes.
    if ((this.batches.get(SeriesInstanceUID)?.received.length ?? 0) > 0) this.batches.get(SeriesInstanceUID)!.tell();
    return this.put(SeriesInstanceUID, (batch) => batch.removed.push(SOPInstanceUID));
  }

  setReason(SeriesInstanceUID: string, reason: string): Promise<void> {
    return this.put(SeriesInstanceUID, (batch) => (batch.reason = reason));
  }

  async receivedOf(SeriesInstanceUID: string): Promise<readonly ReceivedInstance[]> {
    const { received } = await this.read(SeriesInstanceUID);
    return [...received.values()].sort((a, b) => (a.SOPInstanceUID < b.SOPInstanceUID ? -1 : 1));
  }

  async reasonOf(SeriesInstanceUID: string): Promise<string> {
    return (await this.read(SeriesInstanceUID)).reason;
  }

  async *notAskedFor(): AsyncIterable<ReceivedInstance & { readonly SeriesInstanceUID: string }> {
    const all = [];
    for await (const { data } of this.stored(notAskedForSubject(this.name, this.folder)))
      all.push(decodeNotAskedFor(data));
    yield* all.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async setComplete(isComplete: boolean): Promise<void> {
    const subject = downloadSubject(this.name, this.folder);
    const found = await this.cluster.manager.direct.getMessage(PROJECTS, { last_by_subj: subject });
    const { completedAt: _, ...before } = decodeDownload(found!.data);
    const message: DownloadMessage = isComplete ? { ...before, completedAt: new Date().toISOString() } : before;
    await this.cluster.jetstream.publish(subject, encodeFrame(message), STORED_AGAIN);
  }

  async begun(): Promise<ReadonlyMap<string, string>> {
    await this.allTold();
    const paths = new Map<string, Map<string, string>>();
    for await (const { data } of this.stored(receivedSubject(this.name, this.folder)))
      takeReceived(paths, data, ({ path }) => path);
    const begun = new Map<string, string>();
    for (const [uid, series] of paths)
      for (const path of series.values()) begun.set(uid, path.slice(0, path.lastIndexOf('/')));
    return begun;
  }

  private async allTold(): Promise<void> {
    for (const batch of [...this.batches.values()]) batch.tell();
    await Promise.all(this.telling.values());
  }

  /** Of the whole download. */
  async sums(): Promise<{ readonly received: number; readonly bytes: number; readonly notAskedFor: number }> {
    const { sizes, notAsked } = this;
    // One after the other: none reads what another one is reading.
    const summed = this.summing.then(() => this.readSums());
    this.summing = summed.catch(() => {});
    await summed;
    let [received, bytes] = [0, 0];
    for (const series of sizes.bySeries.values())
      for (const size of series.values()) {
        received++;
        bytes += size;
      }
    return { received, bytes, notAskedFor: notAsked.subjects.size };
  }

  private async readSums(): Promise<void> {
    const { sizes, notAsked } = this;
    await this.allTold();
    for await (const { data, seq } of this.stored(receivedSubject(this.name, this.folder), sizes.next)) {
      takeReceived(sizes.bySeries, data, ({ size }) => size);
      sizes.next = seq + 1;
    }
    for await (const { subject, seq } of this.stored(notAskedForSubject(this.name, this.folder), notAsked.next)) {
      notAsked.subjects.add(subject);
      notAsked.next = seq + 1;
    }
  }

  private async read(SeriesInstanceUID: string) {
    this.batches.get(SeriesInstanceUID)?.tell();
    await this.telling.get(SeriesInstanceUID);
    const received = new Map<string, ReceivedInstance>();
    let reason = '';
    for await (const { data } of this.stored(receivedSubject(this.name, this.folder, SeriesInstanceUID))) {
      const message = decodeReceived(data);
      for (const uid of message.removed) received.delete(uid);
      for (const one of message.received) received.set(one.SOPInstanceUID, one);
      reason = message.reason ?? reason;
    }
    return { received, reason };
  }

  /** @param first the sequence from which on */
  private stored(filter: string, first?: number) {
    return storedMessages(this.cluster, PROJECTS, filter, first);
  }

  private put(SeriesInstanceUID: string, change: (batch: Batch) => unknown): Promise<void> {
    let batch = this.batches.get(SeriesInstanceUID);
    batch ??= this.begin(SeriesInstanceUID);
    change(batch);
    if (batch.received.length >= MOST) batch.tell();
    return batch.told;
  }

  private begin(SeriesInstanceUID: string): Batch {
    const { promise: told, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => batch.tell(), WAIT);
    const batch: Batch = {
      received: [],
      removed: [],
      reason: undefined,
      told,
      tell: () => {
        clearTimeout(timer);
        if (this.batches.get(SeriesInstanceUID) === batch) this.batches.delete(SeriesInstanceUID);
        const { received, removed, reason } = batch;
        const message: ReceivedMessage = {
          SeriesInstanceUID,
          received,
          removed,
          ...(reason === undefined ? {} : { reason }),
        };
        const before = this.telling.get(SeriesInstanceUID) ?? Promise.resolve();
        const telling = before.then(() => this.tell(message)).then(resolve, reject);
        this.telling.set(SeriesInstanceUID, telling);
        void telling.then(() => {
          if (this.telling.get(SeriesInstanceUID) === telling) this.telling.delete(SeriesInstanceUID);
        });
      },
    };
    told.catch(() => {});
    this.batches.set(SeriesInstanceUID, batch);
    return batch;
  }

  private async tell(message: ReceivedMessage): Promise<void> {
    const subject = receivedSubject(this.name, this.folder, message.SeriesInstanceUID, randomUUID());
    const data = fitting(this.cluster, encodeFrame(message), 'what came of a series');
    await this.cluster.jetstream.publish(subject, data, STORED_AGAIN);
  }
}

/** Brings a message into what is known of each instance, by series and SOPInstanceUID. */
function takeReceived<T>(
  all: Map<string, Map<string, T>>,
  data: Uint8Array,
  partOf: (received: ReceivedInstance) => T,
): void {
  const { SeriesInstanceUID, received, removed } = decodeReceived(data);
  const series = all.get(SeriesInstanceUID) ?? new Map<string, T>();
  all.set(SeriesInstanceUID, series);
  for (const uid of removed) series.delete(uid);
  for (const one of received) series.set(one.SOPInstanceUID, partOf(one));
}
