// The port RecordLog over a JetStream stream that keeps the last message of each subject: one subject a folder chunk,
// so a scanner reads what is known by a direct get and writes on the condition that nobody else has.
import type { StoredMsg } from '@nats-io/jetstream';
import type { ArchiveIdentity, LogEntry, LogLedger, RecordLog } from '../../core/ports/record-log.ts';
import type { Chunk, KnownChunk } from '../../core/ports/scan-ledger.ts';
import { decodeEntry, encodeEntry } from '../../core/wire/messages.ts';
import { isTaken } from './conflicts.ts';
import type { Cluster } from './connection.ts';
import { fitting } from './message-size.ts';
import { storedMessages } from './stored-messages.ts';
import { RECORDS } from './streams.ts';
import { archiveRecords, chunkSubject, entrySubject, folderSubject } from './subjects.ts';

export class NatsRecordLog implements RecordLog {
  private readonly cluster: Cluster;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  async write(entry: LogEntry, expected: number | undefined): Promise<number | undefined> {
    const expect = expected === undefined ? {} : { expect: { lastSubjectSequence: expected } };
    try {
      const data = fitting(this.cluster, encodeEntry(entry), 'its record');
      const { seq } = await this.cluster.jetstream.publish(entrySubject(entry), data, expect);
      return seq;
    } catch (error) {
      if (isTaken(error)) return undefined;
      throw error;
    }
  }

  ledger(archive: ArchiveIdentity): LogLedger {
    return new NatsLedger(this.cluster, archive);
  }

  async end(): Promise<number> {
    return (await this.cluster.manager.streams.info(RECORDS)).state.last_seq;
  }

  async size(): Promise<number> {
    return (await this.cluster.manager.streams.info(RECORDS)).state.messages;
  }

  /** Every entry of an archive, in the order of writing. One that is written meanwhile may come again, as it is then. */
  async *entries(archive: ArchiveIdentity): AsyncIterable<{ entry: LogEntry; sequence: number }> {
    for await (const { data, seq } of storedMessages(this.cluster, RECORDS, archiveRecords(archive.name)))
      yield { entry: decodeEntry(data), sequence: seq };
  }
}

async function lastOf({ manager }: Cluster, subject: string): Promise<StoredMsg | undefined> {
  return (await manager.direct.getMessage(RECORDS, { last_by_subj: subject })) ?? undefined;
}

interface Seen {
  readonly subject: string;
  readonly entry: LogEntry | undefined;
  readonly position: number;
}

/** The stages ask several things of one folder in a row: what was fetched for it is kept until the next folder. */
class NatsLedger implements LogLedger {
  private readonly cluster: Cluster;
  private readonly archive: ArchiveIdentity;
  private folder: string | undefined;
  private readonly seen = new Map<string, Promise<Seen>>();

  constructor(cluster: Cluster, archive: ArchiveIdentity) {
    this.cluster = cluster;
    this.archive = archive;
  }

  async subfolders(folder: string): Promise<string[]> {
    const { entry } = await this.folderEntry(folder);
    return entry?.entry === 'folder' ? [...entry.subfolders] : [];
  }

  async chunkBits(folder: string): Promise<number> {
    const { entry } = await this.folderEntry(folder);
    return entry?.entry === 'folder' ? entry.bits : 0;
  }

  async chunk(folder: string, chunk: Chunk): Promise<KnownChunk | undefined> {
    const bits = Math.min(await this.chunkBits(folder), chunk.bits);
    const known = { bits, index: chunk.index >>> (chunk.bits - bits) };
    const { entry } = await this.look(folder, chunkSubject(this.archive.name, folder, known));
    if (entry?.entry !== 'chunk' || entry.record === undefined) return undefined;
    return { ...known, record: entry.record, staged: false, headers: entry.headers };
  }

  async chunkPosition(folder: string, chunk: Chunk): Promise<number> {
    return (await this.look(folder, chunkSubject(this.archive.name, folder, chunk))).position;
  }

  async folderPosition(folder: string): Promise<number> {
    return (await this.folderEntry(folder)).position;
  }

  private folderEntry(folder: string): Promise<Seen> {
    return this.look(folder, folderSubject(this.archive.name, folder));
  }

  private look(folder: string, subject: string): Promise<Seen> {
    if (this.folder !== folder) {
      this.folder = folder;
      this.seen.clear();
    }
    let seen = this.seen.get(subject);
    if (seen === undefined) {
      seen = this.fetch(subject);
      this.seen.set(subject, seen);
    }
    return seen;
  }

  private async fetch(subject: string): Promise<Seen> {
    const found = await lastOf(this.cluster, subject);
    if (found === undefined) return { subject, entry: undefined, position: 0 };
    return { subject, entry: decodeEntry(found.data), position: found.seq };
  }
}
