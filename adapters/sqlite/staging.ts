// What a scan has found out and the index does not show yet, in a file of its own beside the index. An interrupted
// scan leaves it behind; the next one of the same archive goes on from it. Publishing empties it.
import fs from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import zlib from 'node:zlib';
import { nameHash } from '../../core/instance/folder-chunks.ts';
import { decodeHeader, type FlatHeader } from '../../core/instance/header-codec.ts';
import type { ChunkEvent, ScanEvent } from '../../core/jobs/jobs.ts';
import type { Chunk } from '../../core/ports/scan-ledger.ts';
import { createPrivateFile, setJournal } from './open-database.ts';

/** PRAGMA user_version of a staging file: to be raised with every change of its tables. */
const STAGING_FORMAT = 2;

const STAGING_SCHEMA = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS chunk (
  -- Never given again: headers name it.
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  scan INTEGER NOT NULL,
  hash INTEGER NOT NULL,
  folder TEXT NOT NULL,
  bits INTEGER NOT NULL,
  chunk INTEGER NOT NULL,
  files INTEGER NOT NULL,
  instances INTEGER NOT NULL,
  skipped TEXT,
  parts TEXT NOT NULL,
  record BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS chunk_hash ON chunk (hash);
-- Headers wait by the pack: together they compress well. The table header says which stands where.
CREATE TABLE IF NOT EXISTS header_pack (id INTEGER PRIMARY KEY, headers BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS header (
  id INTEGER PRIMARY KEY,
  hash INTEGER NOT NULL,
  uid TEXT NOT NULL,
  folder TEXT NOT NULL,
  name TEXT NOT NULL,
  -- With whose record it came: when that is replaced, its file may have been another one.
  chunk INTEGER NOT NULL,
  issues INTEGER NOT NULL,
  pack INTEGER NOT NULL,
  position INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS header_hash ON header (hash);
CREATE TABLE IF NOT EXISTS vanished (id INTEGER PRIMARY KEY, folder TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS emptied (id INTEGER PRIMARY KEY, folder TEXT NOT NULL);
`;

const QUICK = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } };
/** Characters of the headers in one pack, about. */
const PACK_LENGTH = 256 * 1024;
const PACKS_REMEMBERED = 8;
/** Packs that are kept as they were written, beside being written: of an archive of some thousand series all. */
const PACKS_KEPT = 32;
/** Pages of the log before it is brought into the file: less often than SQLite does, since the file is soon removed. */
const LOG_PAGES = 8192;
/** It is mostly appended to, beside an index that needs the memory more (kibibytes). */
const CACHE = 8192;

/** A chunk that a scan has found changed. */
export interface StagedChunk {
  readonly folder: string;
  readonly bits: number;
  readonly chunk: number;
  readonly files: number;
  readonly instances: number;
  readonly skipped: string | null;
  /** JSON of the chunk's SeriesParts. */
  readonly parts: string;
  readonly record: Uint8Array;
}

/** A full header, and the bits of `Issue` that it showed. */
export interface StagedHeader {
  readonly header: FlatHeader;
  readonly issues: number;
}

export function stagingPath(databasePath: string): string {
  return `${databasePath}-scan`;
}

/** Opens the file; one of another format, or that was damaged by a power cut, is begun anew: it only saves time. */
function openStaging(path: string): DatabaseSync {
  const open = () => new DatabaseSync(path, { timeout: 60_000 });
  const database = open();
  try {
    const { user_version: format } = database.prepare('PRAGMA user_version').get() as { user_version: number };
    const { n } = database.prepare('SELECT count(*) AS n FROM sqlite_master').get() as { n: number };
    if (format === STAGING_FORMAT || n === 0) return database;
  } catch {
    // Not readable as a database: treated like one of another format.
  }
  database.close();
  for (const suffix of ['', '-wal', '-shm', '-journal']) fs.rmSync(path + suffix, { force: true });
  createPrivateFile(path);
  return open();
}

/** The writing side: one scan at a time. */
export class Staging {
  private readonly database: DatabaseSync;
  private readonly path: string;
  private scan = 0;
  private isBroken = false;
  private readonly addChunk: StatementSync;
  private readonly dropChunk: StatementSync;
  private readonly touchChunk: StatementSync;
  private readonly addHeader: StatementSync;
  private readonly addPack: StatementSync;
  private readonly findPack: StatementSync;
  /** Headers of the pack that is being filled, and its number. */
  private pack: string[] = [];
  private packLength = 0;
  private packId = 0;
  private readonly packsKept = new Map<number, string[]>();
  private readonly packsRead = new Map<number, string[]>();
  private readonly addVanished: StatementSync;
  private readonly addEmptied: StatementSync;
  private readonly findHeader: StatementSync;

  constructor(databasePath: string) {
    this.path = stagingPath(databasePath);
    createPrivateFile(this.path);
    this.database = openStaging(this.path);
    setJournal(this.database, this.path);
    this.database.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}; PRAGMA cache_size = -${CACHE}`);
    this.database.exec(`BEGIN; PRAGMA user_version = ${STAGING_FORMAT}; ${STAGING_SCHEMA} COMMIT`);
    const sql = (text: string) => this.database.prepare(text);
    this.addChunk = sql(
      'INSERT INTO chunk (scan, hash, folder, bits, chunk, files, instances, skipped, parts, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.dropChunk = sql('DELETE FROM chunk WHERE hash = ? AND folder = ? AND (bits < ? OR (bits = ? AND chunk = ?))');
    this.touchChunk = sql('UPDATE chunk SET scan = ? WHERE hash = ? AND folder = ? AND bits = ? AND chunk = ?');
    this.addHeader = sql(
      'INSERT INTO header (hash, uid, folder, name, chunk, issues, pack, position) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.addPack = sql('INSERT INTO header_pack (id, headers) VALUES (?, ?)');
    this.findPack = sql('SELECT headers FROM header_pack WHERE id = ?');
    this.addVanished = sql('INSERT INTO vanished (folder) VALUES (?)');
    this.addEmptied = sql('INSERT INTO emptied (folder) VALUES (?)');
    this.findHeader = sql(
      'SELECT issues, pack, position FROM header WHERE hash = ? AND uid = ? AND folder = ? AND name = ? AND EXISTS (SELECT 1 FROM chunk WHERE chunk.id = header.chunk)',
    );
  }

  /** Starts a scan: what another archive's scan left is dropped, what this one's did is kept. Returns if any was kept. */
  begin(archive: string): boolean {
    const kept = this.meta('archive') === archive;
    if (!kept) this.clear();
    this.scan = Number(this.meta('scan') ?? 0) + 1;
    const set = this.database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
    set.run('archive', archive);
    set.run('scan', this.scan);
    this.database.exec('DELETE FROM vanished; DELETE FROM emptied');
    this.database.exec('DELETE FROM header WHERE pack NOT IN (SELECT id FROM header_pack)');
    this.packId = (
      this.database.prepare('SELECT coalesce(max(id), 0) + 1 AS id FROM header_pack').get() as { id: number }
    ).id;
    return kept && this.database.prepare('SELECT 1 FROM chunk LIMIT 1').get() !== undefined;
  }

  /** Keeps events until `commit`. */
  add(events: readonly ScanEvent[]): void {
    // After a failure SQLite may have rolled back what was staged: nothing may be added as if it were still there.
    if (this.isBroken) throw new Error('staging has failed before');
    this.isBroken = true;
    if (!this.database.isTransaction) this.database.exec('BEGIN IMMEDIATE');
    for (const event of events) {
      if (event.event === 'chunk') this.addChunkEvent(event);
      else if (event.event === 'folders-vanished') {
        for (const name of event.names) this.addVanished.run(event.folder === '' ? name : `${event.folder}/${name}`);
      } else if (event.event === 'folder-kept' && event.reason === 'lists-empty') this.addEmptied.run(event.folder);
    }
    this.isBroken = false;
  }

  commit(): void {
    if (this.isBroken) throw new Error('staging has failed before');
    if (!this.database.isTransaction) return;
    this.isBroken = true;
    this.writePack();
    this.database.exec('COMMIT');
    this.isBroken = false;
  }

  private addChunkEvent({ folder, chunk, record, staged, parts, headers, tally }: ChunkEvent): void {
    const hash = nameHash(folder);
    const { bits, index } = chunk;
    if (record === undefined) {
      if (staged) this.touchChunk.run(this.scan, hash, folder, bits, index);
      return;
    }
    this.dropChunk.run(hash, folder, bits, bits, index);
    const skipped = Object.keys(tally.skipped).length === 0 ? null : JSON.stringify(tally.skipped);
    const values = [tally.files, tally.instances, skipped, JSON.stringify(parts), record];
    const { lastInsertRowid: id } = this.addChunk.run(this.scan, hash, folder, bits, index, ...values);
    for (const { SeriesInstanceUID, name, issues, header } of headers) {
      const place = [id, issues, this.packId, this.pack.length];
      this.addHeader.run(nameHash(SeriesInstanceUID), SeriesInstanceUID, folder, name, ...place);
      this.pack.push(header);
      this.packLength += header.length;
      if (this.packLength > PACK_LENGTH) this.writePack();
    }
  }

  /** The chunks that this scan has found changed, in the order of finding. */
  chunks(): Iterable<StagedChunk> {
    return this.database
      .prepare(
        'SELECT folder, bits, chunk, files, instances, skipped, parts, record FROM chunk WHERE scan = ? ORDER BY id',
      )
      .iterate(this.scan) as Iterable<StagedChunk>;
  }

  vanishedFolders(): Iterable<{ folder: string }> {
    return this.database.prepare('SELECT folder FROM vanished').iterate() as Iterable<{ folder: string }>;
  }

  /** Known folders that listed empty. */
  emptiedFolders(): string[] {
    return (this.database.prepare('SELECT folder FROM emptied').all() as { folder: string }[]).map((row) => row.folder);
  }

  /** The full header of a file as its record has it, where this or an interrupted scan has read it with that. */
  header(uid: string, folder: string, name: string): StagedHeader | undefined {
    const row = this.findHeader.get(nameHash(uid), uid, folder, name) as
      | { issues: number; pack: number; position: number }
      | undefined;
    const header = row === undefined ? undefined : this.readPack(row.pack)[row.position];
    return header === undefined ? undefined : { header: decodeHeader(header), issues: row!.issues };
  }

  private writePack(): void {
    if (this.pack.length === 0) return;
    this.addPack.run(this.packId, zlib.zstdCompressSync(this.pack.join('\n'), QUICK));
    if (this.packsKept.size < PACKS_KEPT) this.packsKept.set(this.packId, this.pack);
    this.packId++;
    this.pack = [];
    this.packLength = 0;
  }

  private readPack(id: number): string[] {
    let pack = this.packsKept.get(id) ?? this.packsRead.get(id);
    if (pack === undefined) {
      const row = this.findPack.get(id) as { headers: Uint8Array } | undefined;
      if (row === undefined) return [];
      pack = zlib.zstdDecompressSync(row.headers).toString().split('\n');
      // Series are published in about the order in which they were read.
      if (this.packsRead.size >= PACKS_REMEMBERED) this.packsRead.delete(this.packsRead.keys().next().value!);
      this.packsRead.set(id, pack);
    }
    return pack;
  }

  /** Forgets everything: it is in the index now, or not wanted. */
  clear(): void {
    this.packsKept.clear();
    this.packsRead.clear();
    this.database.exec(
      'DELETE FROM chunk; DELETE FROM header; DELETE FROM header_pack; DELETE FROM vanished; DELETE FROM emptied; DELETE FROM meta',
    );
  }

  close(): void {
    if (!this.isBroken) this.commit();
    // What is not committed by now is rolled back.
    this.database.close();
  }

  /** Closes and removes the file. */
  remove(): void {
    this.close();
    for (const suffix of ['', '-wal', '-shm', '-journal']) fs.rmSync(this.path + suffix, { force: true });
  }

  private meta(key: string): unknown {
    return (this.database.prepare('SELECT value FROM meta WHERE key = ?').get(key) as { value: unknown } | undefined)
      ?.value;
  }
}

/** The reading side, for scan workers. */
export class StagedChunks {
  private readonly database: DatabaseSync;
  private readonly find: StatementSync;
  private readonly mostBits: StatementSync;

  constructor(databasePath: string) {
    this.database = new DatabaseSync(stagingPath(databasePath), { readOnly: true, timeout: 60_000 });
    this.find = this.database.prepare(
      'SELECT bits, chunk, record FROM chunk WHERE hash = ? AND folder = ? ORDER BY bits DESC',
    );
    this.mostBits = this.database.prepare('SELECT max(bits) AS bits FROM chunk WHERE hash = ? AND folder = ?');
  }

  /** False when no interrupted scan left anything. */
  any(): boolean {
    return this.database.prepare('SELECT 1 FROM chunk LIMIT 1').get() !== undefined;
  }

  bits(folder: string): number {
    return (this.mostBits.get(nameHash(folder), folder) as { bits: number | null }).bits ?? 0;
  }

  chunk(folder: string, { bits, index }: Chunk): (Chunk & { record: Uint8Array }) | undefined {
    for (const row of this.find.iterate(nameHash(folder), folder) as Iterable<{
      bits: number;
      chunk: number;
      record: Uint8Array;
    }>) {
      if (row.bits <= bits && row.chunk === index >>> (bits - row.bits))
        return { bits: row.bits, index: row.chunk, record: row.record };
    }
    return undefined;
  }

  close(): void {
    this.database.close();
  }
}
