// The port ScanRegistry: states of scans and the archives' numbers in key-value buckets, what scans find and hold back
// in a stream with one subject a piece of work, so that a piece that is done twice counts once.
import { JetStreamApiCodes, JetStreamApiError, JetStreamError, type StoredMsg } from '@nats-io/jetstream';
import { type KV, type KvEntry, Kvm } from '@nats-io/kv';
import type { ArchiveIdentity } from '../../core/ports/record-log.ts';
import type { HeldChange, KnownScan, ScanRegistry, ScanState, ScanTally } from '../../core/ports/scan-registry.ts';
import { decodeHeld, decodeTally, encodeHeld, encodeTally } from '../../core/wire/messages.ts';
import type { Cluster } from './connection.ts';
import { ARCHIVES, SCAN_STATES, SCANS } from './streams.ts';
import { archiveToken, heldSubject, scanSubjects, tallySubject } from './subjects.ts';

/** Messages fetched at a time. */
const BATCH = 500;
const NOT_FOUND = 404;
/** Folders that were kept are listed up to this many. */
const MOST_KEPT = 10_000;

/** Starts the keys by which numbers are taken. */
const NUMBER = 'number-';

const NOTHING = {
  sums: { files: 0, instances: 0, opened: 0, unchanged: 0, vanished: 0, appeared: 0, changedChunks: 0 },
  kept: [] as ScanTally['kept'][number][],
  next: 1,
};

export class NatsScanRegistry implements ScanRegistry {
  private readonly cluster: Cluster;
  private readonly states: KV;
  private readonly numbers: KV;
  /** Tallies only come to those that are there: what was added up is added to. */
  private readonly tallied = new Map<string, typeof NOTHING>();
  private watched: Promise<ReadonlyMap<string, KnownScan>> | undefined;

  private constructor(cluster: Cluster, states: KV, numbers: KV) {
    this.cluster = cluster;
    this.states = states;
    this.numbers = numbers;
  }

  /** Makes the buckets that are missing. */
  static async open(cluster: Cluster, replicas = 1): Promise<NatsScanRegistry> {
    const buckets = new Kvm(cluster.connection);
    const options = { history: 1, replicas };
    return new NatsScanRegistry(
      cluster,
      await buckets.create(SCAN_STATES, options),
      await buckets.create(ARCHIVES, options),
    );
  }

  async archive(name: string): Promise<ArchiveIdentity> {
    const key = archiveToken(name);
    for (;;) {
      const found = await this.numbers.get(key);
      if (found !== null && found.operation === 'PUT') return found.json<ArchiveIdentity>();
      const archive = { name, number: (await this.lastNumber()) + 1 };
      try {
        // The number is taken first: of two that name new archives at once only one gets it.
        await this.numbers.create(`${NUMBER}${archive.number}`, name);
        await this.numbers.create(key, JSON.stringify(archive));
        return archive;
      } catch (error) {
        if (!isTaken(error)) throw error;
      }
    }
  }

  async archives(): Promise<readonly ArchiveIdentity[]> {
    const all: ArchiveIdentity[] = [];
    for await (const key of await this.numbers.keys()) {
      if (key.startsWith(NUMBER)) continue;
      const found = await this.numbers.get(key);
      if (found !== null) all.push(found.json<ArchiveIdentity>());
    }
    return all.sort((a, b) => a.number - b.number);
  }

  /** Of the numbers that were given, or taken by one that never came to use it. */
  private async lastNumber(): Promise<number> {
    let last = 0;
    for await (const key of await this.numbers.keys()) {
      if (key.startsWith(NUMBER)) last = Math.max(last, Number(key.slice(NUMBER.length)));
    }
    return last;
  }

  async add(state: ScanState): Promise<void> {
    await this.states.create(state.id, JSON.stringify(state));
  }

  async find(id: string): Promise<KnownScan | undefined> {
    const found = await this.states.get(id);
    return found === null || found.operation !== 'PUT' ? undefined : knownScan(found);
  }

  async all(): Promise<readonly KnownScan[]> {
    this.watched ??= this.watch();
    const scans = [...(await this.watched).values()];
    return scans.sort((a, b) => (a.state.startedAt < b.state.startedAt ? 1 : -1));
  }

  /** Scanners ask for all scans several times a second: the server tells what changes instead. */
  private async watch(): Promise<ReadonlyMap<string, KnownScan>> {
    const known = new Map<string, KnownScan>();
    const changes = await this.states.watch();
    const follow = async () => {
      for await (const entry of changes) note(known, entry);
      this.watched = undefined;
    };
    const first = await this.states.keys();
    for await (const key of first) {
      const found = await this.states.get(key);
      if (found !== null) note(known, found);
    }
    void follow().catch(() => (this.watched = undefined));
    return known;
  }

  async replace(state: ScanState, revision: number): Promise<boolean> {
    try {
      await this.states.update(state.id, JSON.stringify(state), revision);
      return true;
    } catch (error) {
      if (isTaken(error)) return false;
      throw error;
    }
  }

  async addTally(scan: string, piece: string, tally: ScanTally): Promise<void> {
    await this.addOnce(tallySubject(scan, piece), encodeTally(tally));
  }

  async tally(scan: string): Promise<ScanTally> {
    let { sums, kept, next } = this.tallied.get(scan) ?? NOTHING;
    sums = { ...sums };
    kept = [...kept];
    for await (const message of this.messages(tallySubject(scan, '*'), next)) {
      const tally = decodeTally(message.data);
      for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += tally[name];
      if (kept.length < MOST_KEPT) kept.push(...tally.kept);
      next = message.seq + 1;
    }
    this.tallied.set(scan, { sums, kept, next });
    return { ...sums, kept };
  }

  async hold(scan: string, piece: string, number: number, change: HeldChange): Promise<void> {
    await this.addOnce(heldSubject(scan, piece, number), encodeHeld(change));
  }

  async *held(scan: string): AsyncIterable<HeldChange> {
    for await (const message of this.messages(heldSubject(scan, '*', '*'))) yield decodeHeld(message.data);
  }

  async forget(scan: string): Promise<void> {
    this.tallied.delete(scan);
    await this.cluster.manager.streams.purge(SCANS, { filter: scanSubjects(scan) });
  }

  /** The first message of a subject stays: work that is done again finds its own records unchanged. */
  private async addOnce(subject: string, data: Uint8Array): Promise<void> {
    try {
      await this.cluster.jetstream.publish(subject, data, { expect: { lastSubjectSequence: 0 } });
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
  }

  /** All messages of a subject filter, in the order of writing. */
  private async *messages(filter: string, first = 1): AsyncIterable<StoredMsg> {
    let start = first;
    for (;;) {
      let got = 0;
      try {
        const { direct } = this.cluster.manager;
        const batch = await direct.getBatch(SCANS, { seq: start, next_by_subj: filter, batch: BATCH });
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
}

function note(known: Map<string, KnownScan>, entry: KvEntry): void {
  if ((known.get(entry.key)?.revision ?? 0) > entry.revision) return;
  if (entry.operation === 'PUT') known.set(entry.key, knownScan(entry));
  else known.delete(entry.key);
}

function knownScan(entry: KvEntry): KnownScan {
  return { state: entry.json<ScanState>(), revision: entry.revision, changedAt: entry.created.getTime() };
}

/** Somebody else was there first. */
export function isTaken(error: unknown): boolean {
  return (
    error instanceof JetStreamApiError &&
    (error.code === JetStreamApiCodes.StreamWrongLastSequence ||
      error.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
  );
}
