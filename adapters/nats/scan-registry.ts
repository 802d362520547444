// The port ScanRegistry: states of scans and the archives' numbers in key-value buckets, what scans find and hold back
// in a stream with one subject a piece of work, so that a piece that is done twice counts once.
import { type KV, type KvEntry, Kvm } from '@nats-io/kv';
import { isActive, type ScanState } from '../../core/jobs/scan-state.ts';
import { type ScanTally, TallySum } from '../../core/jobs/scan-tally.ts';
import type { ArchiveIdentity } from '../../core/ports/record-log.ts';
import type { HeldChange, KnownScan, ScanRegistry } from '../../core/ports/scan-registry.ts';
import { decodeHeld, decodeTally, encodeHeld, encodeTally } from '../../core/wire/messages.ts';
import { isTaken } from './conflicts.ts';
import type { Cluster } from './connection.ts';
import { fitting } from './message-size.ts';
import { storedMessages } from './stored-messages.ts';
import { ARCHIVES, SCAN_STATES, SCANS } from './streams.ts';
import { archiveToken, heldSubject, scanSubjects, tallySubject } from './subjects.ts';

/** Starts the keys by which numbers are taken. */
const NUMBER = 'number-';
/** Starts the keys that say which scan of an archive is under way. */
const ACTIVE = 'active-';
/** A scan that claims an archive and is not known yet is about to be (milliseconds). */
const NAMED_FIRST = 30_000;
const STATES_STREAM = `KV_${SCAN_STATES}`;
const ARCHIVES_STREAM = `KV_${ARCHIVES}`;
const ARCHIVES_SUBJECT = `$KV.${ARCHIVES}.`;
/** Scans whose tallies are remembered added up. */
const MOST_TALLIED = 100;

export class NatsScanRegistry implements ScanRegistry {
  private readonly cluster: Cluster;
  private readonly states: KV;
  private readonly numbers: KV;
  /** By key, the scan that is known to have ended. */
  private readonly ended = new Map<string, string>();
  /** Tallies only come to those that are there: what was added up is added to. */
  private readonly tallied = new Map<string, { readonly sum: TallySum; readonly next: number }>();

  private constructor(cluster: Cluster, states: KV, numbers: KV) {
    this.cluster = cluster;
    this.states = states;
    this.numbers = numbers;
  }

  /** @param replicas of buckets that are missing and are made; undefined: they are there, since services made them */
  static async open(cluster: Cluster, replicas?: number): Promise<NatsScanRegistry> {
    return new NatsScanRegistry(
      cluster,
      await openBucket(cluster, SCAN_STATES, replicas),
      await openBucket(cluster, ARCHIVES, replicas),
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
      if (key.startsWith(NUMBER) || key.startsWith(ACTIVE)) continue;
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

  async add(state: ScanState): Promise<string | undefined> {
    for (;;) {
      const holder = await this.take(state.archive, state.id);
      // What claims an archive for itself and is not known was lost between the two: it goes on here.
      if (holder !== undefined && (holder !== state.id || (await this.find(holder)) !== undefined)) return holder;
      try {
        await this.states.create(state.id, JSON.stringify(state));
        return undefined;
      } catch (error) {
        if (!isTaken(error)) throw error;
      }
    }
  }

  async claim(archive: ArchiveIdentity, id: string): Promise<boolean> {
    const holder = await this.take(archive, id);
    return holder === undefined || holder === id;
  }

  /** Claims an archive for a scan. Returns the scan that has it, undefined where it has it now. */
  private async take({ number }: ArchiveIdentity, id: string): Promise<string | undefined> {
    const key = `${ACTIVE}${number}`;
    for (;;) {
      try {
        const found = await this.numbers.get(key);
        if (found === null || found.operation !== 'PUT') {
          await this.numbers.create(key, id);
          return undefined;
        }
        const holder = found.string();
        if (holder === id) return holder;
        const other = await this.find(holder);
        const isFresh = Date.now() - found.created.getTime() < NAMED_FIRST;
        if (other === undefined ? isFresh : isActive(other.state)) return holder;
        await this.numbers.update(key, id, found.revision);
        return undefined;
      } catch (error) {
        // Another one has claimed the archive meanwhile: it is looked at who.
        if (!isTaken(error)) throw error;
      }
    }
  }

  async find(id: string): Promise<KnownScan | undefined> {
    const found = await this.states.get(id);
    return found === null || found.operation !== 'PUT' ? undefined : knownScan(found);
  }

  async active(): Promise<readonly KnownScan[]> {
    // Read from the bucket's stream: listing keys takes a consumer each time, and a watch lags.
    const named = new Map<string, { readonly id: string; readonly namedAt: number }>();
    for await (const message of storedMessages(this.cluster, ARCHIVES_STREAM, `${ARCHIVES_SUBJECT}>`)) {
      const key = message.subject.slice(ARCHIVES_SUBJECT.length);
      if (key.startsWith(ACTIVE) && message.data.length > 0)
        named.set(key, { id: message.string(), namedAt: message.time.getTime() });
    }
    const scans = new Map<string, KnownScan>();
    for (const [key, { id, namedAt }] of named) {
      // One that has ended stays the last of its archive until the next begins.
      if (this.ended.get(key) === id || scans.has(id)) continue;
      const found = await this.find(id);
      if (found !== undefined && isActive(found.state)) scans.set(id, found);
      // One that is not known yet may be about to be.
      else if (found !== undefined || Date.now() - namedAt > NAMED_FIRST) this.ended.set(key, id);
    }
    return [...scans.values()];
  }

  async all(): Promise<readonly KnownScan[]> {
    const scans: KnownScan[] = [];
    for await (const message of storedMessages(this.cluster, STATES_STREAM, `$KV.${SCAN_STATES}.>`)) {
      if (message.data.length === 0) continue;
      const changedAt = message.time.getTime();
      scans.push({ state: message.json<ScanState>(), revision: message.seq, changedAt });
    }
    return scans.sort((a, b) => (a.state.startedAt < b.state.startedAt ? 1 : -1));
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
    await this.addOnce(tallySubject(scan, piece), fitting(this.cluster, encodeTally(tally), 'what was found'));
  }

  async tally(scan: string): Promise<ScanTally> {
    const known = this.tallied.get(scan);
    const sum = TallySum.ofScan();
    if (known !== undefined) sum.add(known.sum);
    let next = known?.next ?? 1;
    for await (const message of storedMessages(this.cluster, SCANS, tallySubject(scan, '*'), next)) {
      sum.add(decodeTally(message.data));
      next = message.seq + 1;
    }
    // Behind the others, the first of which is forgotten.
    this.tallied.delete(scan);
    this.tallied.set(scan, { sum, next });
    if (this.tallied.size > MOST_TALLIED) this.tallied.delete(this.tallied.keys().next().value!);
    return sum;
  }

  async hold(scan: string, piece: string, number: number, change: HeldChange): Promise<void> {
    await this.addOnce(heldSubject(scan, piece, number), fitting(this.cluster, encodeHeld(change), 'its record'));
  }

  async letGo(scan: string, piece: string): Promise<void> {
    await this.cluster.manager.streams.purge(SCANS, { filter: heldSubject(scan, piece, '*') });
  }

  async *held(scan: string): AsyncIterable<HeldChange> {
    for await (const message of storedMessages(this.cluster, SCANS, heldSubject(scan, '*', '*')))
      yield decodeHeld(message.data);
  }

  async remove(scan: string): Promise<void> {
    this.tallied.delete(scan);
    await this.cluster.manager.streams.purge(SCANS, { filter: scanSubjects(scan) });
    await this.states.purge(scan);
  }

  /** The first message of a subject stays: work that is done again finds its own records unchanged. */
  private async addOnce(subject: string, data: Uint8Array): Promise<void> {
    try {
      await this.cluster.jetstream.publish(subject, data, { expect: { lastSubjectSequence: 0 } });
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
  }
}

/** @param replicas of the bucket where it is missing and is made; undefined: it is there */
export function openBucket({ connection }: Cluster, name: string, replicas: number | undefined): Promise<KV> {
  const buckets = new Kvm(connection);
  return replicas === undefined ? buckets.open(name) : buckets.create(name, { history: 1, replicas });
}

function knownScan(entry: KvEntry): KnownScan {
  return { state: entry.json<ScanState>(), revision: entry.revision, changedAt: entry.created.getTime() };
}
