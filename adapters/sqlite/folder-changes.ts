// Brings staged folder records into the index: new and changed ones in place of the known, vanished folders out. Keeps
// account of what vanishes: files that are gone from one place and stand in another have moved, the rest is missed.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { ditagError } from '../../core/errors/errors.ts';
import { type FileFinding, knownFinding, recordOfFindings } from '../../core/instance/file-finding.ts';
import { chunkIndex, isInChunk } from '../../core/instance/folder-chunks.ts';
import {
  decodeFolderRecord,
  encodeFolderRecord,
  type FileEntry,
  type FolderRecord,
} from '../../core/instance/folder-record.ts';
import { mostBelieved } from '../../core/instance/lost-instances.ts';
import { partsOfRecord, type SeriesPart } from '../../core/instance/series-fold.ts';
import type { FolderTree } from './folder-tree.ts';
import type { SeriesParts } from './series-parts.ts';
import type { StagedChunk, Staging } from './staging.ts';

/** What becomes of more missed instances than are believed. */
export type Deletions = 'accept' | 'refuse' | 'hold';

const TEMPORARY = `
CREATE TEMP TABLE IF NOT EXISTS missed (uid TEXT, sop TEXT, PRIMARY KEY (uid, sop)) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS looked_at (folder INTEGER PRIMARY KEY);
DELETE FROM missed;
DELETE FROM looked_at;
`;

export interface FolderChangesReport {
  readonly changedChunks: number;
  /** Files that are new in chunks that changed, and known ones that are in them no more. */
  readonly appeared: number;
  readonly vanished: number;
  /** Files of folders that are gone as a whole. */
  readonly goneFiles: number;
  /** Instances whose files are gone, and that are held, where that is asked for. */
  readonly heldInstances?: number;
  /** Known folders that list empty and whose instances stand nowhere else: they were kept. */
  readonly keptFolders: readonly string[];
}

/** A record in place of which smaller chunks have come: which of them so far. */
interface SplitRecord {
  /** Id of the folder's own row. */
  readonly own: number;
  readonly oldBits: number;
  readonly bits: number;
  readonly chunks: Set<number>;
}

/** A record in the index, and by how many bits its folder is cut there. */
interface KnownRecord {
  readonly id: number;
  readonly bits: number;
  readonly record: Uint8Array;
}

export class FolderChanges {
  private readonly database: DatabaseSync;
  private readonly archive: { readonly id: number; readonly name: string };
  private readonly tree: FolderTree;
  private readonly parts: SeriesParts;
  private readonly sql: Record<
    | 'row'
    | 'instances'
    | 'below'
    | 'chunks'
    | 'remove'
    | 'update'
    | 'insertChunk'
    | 'restore'
    | 'miss'
    | 'look'
    | 'found',
    StatementSync
  >;
  private appeared = 0;
  private vanished = 0;
  private goneFiles = 0;
  private heldInstances = 0;
  /** Records that are being replaced by those of smaller chunks, by row id. */
  private readonly split = new Map<number, SplitRecord>();

  constructor(database: DatabaseSync, archive: { id: number; name: string }, tree: FolderTree, parts: SeriesParts) {
    database.exec(TEMPORARY);
    this.database = database;
    this.archive = archive;
    this.tree = tree;
    this.parts = parts;
    const sql = (text: string) => database.prepare(text);
    this.sql = {
      row: sql('SELECT record FROM folder WHERE id = ?'),
      instances: sql('SELECT instances FROM folder WHERE id = ?'),
      below: sql('SELECT id FROM folder WHERE parent = ?'),
      chunks: sql("SELECT id, bits, chunk, record FROM folder WHERE parent = ? AND name = '' AND bits <= ?"),
      remove: sql('DELETE FROM folder WHERE id = ?'),
      update: sql('UPDATE folder SET files = ?, instances = ?, skipped = ?, record = ? WHERE id = ?'),
      insertChunk: sql(
        "INSERT INTO folder (archive, parent, hash, name, bits, chunk, files, instances, skipped, record) VALUES (?, ?, ?, '', ?, ?, ?, ?, ?, ?)",
      ),
      restore: sql(
        "INSERT INTO folder (id, archive, parent, hash, name, bits, chunk, files, instances, skipped, record) VALUES (?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?)",
      ),
      miss: sql('INSERT OR IGNORE INTO missed VALUES (?, ?)'),
      look: sql('INSERT OR IGNORE INTO looked_at VALUES (?)'),
      found: sql('DELETE FROM missed WHERE uid = ? AND sop = ?'),
    };
  }

  /**
   * Throws `too-many-deletions` where `deletions` are to be refused and are too many, and what `throwIfEnded` throws. Held:
   * vanished folders stay, and of the others the files whose instances are gone.
   */
  apply(staging: Staging, deletions: Deletions, throwIfEnded?: () => void): FolderChangesReport {
    const known = this.database
      .prepare('SELECT coalesce(sum(instances), 0) AS n FROM folder WHERE archive = ?')
      .get(this.archive.id) as { n: number };
    const isHeld = deletions === 'hold';
    for (const { folder } of staging.vanishedFolders()) {
      if (isHeld) this.heldInstances += this.instancesBelow(folder);
      else this.removeFolder(folder);
    }
    let changedChunks = 0;
    for (const chunk of staging.chunks()) {
      throwIfEnded?.();
      this.applyChunk({ ...chunk }, isHeld);
      changedChunks++;
    }
    for (const [id, split] of this.split) this.removeSplitRecord(id, split);
    const emptied = staging.emptiedFolders();
    // What two of them have in common stands in neither now.
    const away = new Set(emptied.flatMap((folder) => this.subtree(folder)));
    const keptFolders = emptied.filter((folder) => !this.hasMoved(folder, away, throwIfEnded));
    if (deletions === 'refuse') this.refuseMassDeletion(known.n, throwIfEnded);
    const { appeared, vanished, goneFiles, heldInstances } = this;
    return { changedChunks, keptFolders, appeared, vanished, goneFiles, ...(isHeld ? { heldInstances } : {}) };
  }

  private record(id: number): Uint8Array | null {
    return (this.sql.row.get(id) as { record: Uint8Array | null }).record;
  }

  /** Ids of the rows of a folder and everything below it. */
  private subtree(path: string): number[] {
    const top = this.tree.idOf(path);
    const ids = top === undefined ? [] : [top];
    for (let i = 0; i < ids.length; i++)
      for (const row of this.sql.below.all(ids[i]!) as { id: number }[]) ids.push(row.id);
    return ids;
  }

  private instancesBelow(path: string): number {
    let instances = 0;
    for (const id of this.subtree(path)) instances += (this.sql.instances.get(id) as { instances: number }).instances;
    return instances;
  }

  private removeFolder(path: string): void {
    for (const id of this.subtree(path)) {
      const record = this.record(id);
      if (record !== null) {
        const decoded = decodeFolderRecord(record);
        this.goneFiles += decoded.files.length;
        this.miss(decoded, () => true);
        this.parts.remove(id, decoded.series);
      }
      this.sql.remove.run(id);
    }
    this.tree.forget();
  }

  private miss({ kinds, series, files }: FolderRecord, isGone: (file: FileEntry) => boolean): void {
    for (const file of files) {
      const { series: at } = kinds[file.kind]!;
      if (at >= 0 && isGone(file)) this.sql.miss.run(series[at]!, file.SOPInstanceUID);
    }
  }

  /** Puts a staged record in place of the known one. */
  private applyChunk(staged: StagedChunk, isHeld: boolean): void {
    const own = this.tree.ensure(staged.folder);
    const before = this.recordsBehind(own, staged);
    const chunk = isHeld ? this.withLostFiles(staged, before) : staged;
    if (before.length > 0) this.removeRecordsBehind(own, chunk, before);
    else this.appeared += chunk.files;
    if (chunk.files > 0) this.putChunk(own, chunk);
  }

  /** The chunk with the known files whose instances are in it no more, but for those in whose place there is another one. */
  private withLostFiles(chunk: StagedChunk, before: readonly KnownRecord[]): StagedChunk {
    const now = decodeFolderRecord(chunk.record);
    const held = new Set(now.files.map((file) => file.SOPInstanceUID));
    const taken = new Set(now.files.filter((file) => file.SOPInstanceUID !== '').map(({ name }) => name));
    const here = { bits: chunk.bits, index: chunk.chunk };
    const lost = new Map<string, FileFinding>();
    for (const old of before) {
      const known = decodeFolderRecord(old.record);
      for (const file of known.files) {
        const { name, SOPInstanceUID: uid } = file;
        if (uid === '' || held.has(uid) || taken.has(name) || !isInChunk(name, here)) continue;
        lost.set(name, knownFinding(known, file));
      }
    }
    if (lost.size === 0) return chunk;
    this.heldInstances += lost.size;
    const others = now.files.filter(({ name }) => !lost.has(name)).map((file) => knownFinding(now, file));
    const record = recordOfFindings([...others, ...lost.values()].sort((a, b) => (a.name < b.name ? -1 : 1)));
    const parts = partsOfRecord(record);
    const instances = parts.reduce((sum, part) => sum + part.instances, 0);
    const files = record.files.length;
    return { ...chunk, files, instances, parts: JSON.stringify(parts), record: encodeFolderRecord(record) };
  }

  private putChunk(own: number, chunk: StagedChunk): void {
    const { bits, files, instances, skipped } = chunk;
    const parts = JSON.parse(chunk.parts) as SeriesPart[];
    if (bits === 0) {
      this.sql.update.run(files, instances, skipped, chunk.record, own);
      this.parts.add(own, parts);
      return;
    }
    const values = [bits, chunk.chunk, files, instances, skipped, chunk.record] as const;
    const added = this.sql.insertChunk.run(this.archive.id, own, chunk.chunk, ...values);
    this.parts.add(Number(added.lastInsertRowid), parts);
  }

  private removeRecordsBehind(own: number, chunk: StagedChunk, before: readonly KnownRecord[]): void {
    const now = decodeFolderRecord(chunk.record).files;
    // A file that is still there may hold another instance now, or none.
    const held = new Set(now.map((file) => file.SOPInstanceUID));
    const here = { bits: chunk.bits, index: chunk.chunk };
    const names = new Set<string>();
    for (const old of before) {
      const known = decodeFolderRecord(old.record);
      for (const { name } of known.files) if (isInChunk(name, here)) names.add(name);
      this.miss(known, ({ name, SOPInstanceUID }) => !held.has(SOPInstanceUID) && isInChunk(name, here));
      // A record that was split is replaced by several: it goes when all of them are in.
      if (old.bits < chunk.bits) this.noteSplit(old, own, chunk);
      else this.removeRecord(old.id, own, known.series);
    }
    const both = now.filter(({ name }) => names.has(name)).length;
    this.appeared += now.length - both;
    this.vanished += names.size - both;
  }

  private noteSplit(old: KnownRecord, own: number, { bits, chunk }: StagedChunk): void {
    const split = this.split.get(old.id) ?? { own, oldBits: old.bits, bits, chunks: new Set<number>() };
    split.chunks.add(chunk);
    this.split.set(old.id, split);
  }

  /** A record goes when all chunks that it was split into are there; else what none of them covers stays in it. */
  private removeSplitRecord(id: number, { own, oldBits, bits, chunks }: SplitRecord): void {
    const record = decodeFolderRecord(this.record(id)!);
    this.removeRecord(id, own, record.series);
    if (chunks.size === 2 ** (bits - oldBits)) return;
    const files = record.files.filter(({ name }) => !chunks.has(chunkIndex(name, bits)));
    const kept = { ...record, files };
    const parts = partsOfRecord(kept);
    const instances = parts.reduce((sum, part) => sum + part.instances, 0);
    const encoded = encodeFolderRecord(kept);
    // Its place in the tree is free again: a folder's own row, or a row of its own for a chunk.
    if (id === own) this.sql.update.run(files.length, instances, null, encoded, own);
    else {
      const index = chunkIndex(files[0]?.name ?? '', oldBits);
      this.sql.restore.run(id, this.archive.id, own, index, oldBits, index, files.length, instances, null, encoded);
    }
    this.parts.add(id, parts);
  }

  private removeRecord(id: number, own: number, series: readonly string[]): void {
    this.parts.remove(id, series);
    if (id !== own) this.sql.remove.run(id);
    else this.sql.update.run(0, 0, null, null, own);
  }

  /** Known records of a folder that cover a chunk: its own, or those of larger chunks. */
  private recordsBehind(own: number, chunk: StagedChunk): KnownRecord[] {
    const rows: KnownRecord[] = [];
    const record = this.record(own);
    if (record !== null) rows.push({ id: own, bits: 0, record });
    const chunks = this.sql.chunks.all(own, chunk.bits) as {
      id: number;
      bits: number;
      chunk: number;
      record: Uint8Array;
    }[];
    for (const part of chunks) if (part.chunk === chunk.chunk >>> (chunk.bits - part.bits)) rows.push(part);
    return rows;
  }

  /**
   * A folder that lists empty is a missing mount, unless all its instances stand somewhere else now: then it goes.
   * @param away rows of all folders that list empty
   */
  private hasMoved(path: string, away: ReadonlySet<number>, throwIfEnded?: () => void): boolean {
    for (const id of this.subtree(path)) {
      throwIfEnded?.();
      if (this.record(id) !== null && !this.standsElsewhere(id, away)) return false;
    }
    this.removeFolder(path);
    return true;
  }

  /** By folders, each of which is decoded once: there may be a series for each file. */
  private standsElsewhere(id: number, away: ReadonlySet<number>): boolean {
    const missing = new Set<string>();
    const others = new Set<number>();
    for (const uid of decodeFolderRecord(this.record(id)!).series)
      for (const folder of this.parts.foldersOf(uid)) if (!away.has(folder)) others.add(folder);
    for (const [uid, sop] of this.parts.filesIn(id)) missing.add(`${uid} ${sop}`);
    for (const folder of others) {
      for (const [uid, sop] of this.parts.filesIn(folder)) missing.delete(`${uid} ${sop}`);
      if (missing.size === 0) break;
    }
    return missing.size === 0;
  }

  /** What is missed and stands in a folder has moved. By folders, each of which is decoded once. */
  private refuseMassDeletion(known: number, throwIfEnded?: () => void): void {
    const limit = mostBelieved(known);
    const count = this.database.prepare('SELECT count(*) AS n FROM missed');
    const missed = () => (count.get() as { n: number }).n;
    if (missed() <= limit) return;
    const uids = this.database.prepare('SELECT DISTINCT uid FROM missed').iterate() as Iterable<{ uid: string }>;
    for (const { uid } of uids) for (const folder of this.parts.foldersOf(uid)) this.sql.look.run(folder);
    const folders = this.database.prepare('SELECT folder FROM looked_at').iterate() as Iterable<{ folder: number }>;
    for (const { folder } of folders) {
      throwIfEnded?.();
      for (const [uid, sop] of this.parts.filesIn(folder)) this.sql.found.run(uid, sop);
    }
    const n = missed();
    if (n > limit) throw ditagError('too-many-deletions', { missed: n, known, archive: this.archive.name });
  }
}
