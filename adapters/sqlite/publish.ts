// From staged chunks to the index's new state, in one transaction: folder rows, series, headers, rows of the answers.
// What a series is comes from a fold over the records of its folders (core/instance/series-fold.ts), so the order in
// which they were staged does not show.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { HeaderElement } from '../../core/dicom/header-values.ts';
import { ditagError } from '../../core/errors/errors.ts';
import { isInChunk, nameHash } from '../../core/instance/folder-chunks.ts';
import { decodeFolderRecord, decodeSeriesOfRecord, type FileEntry } from '../../core/instance/folder-record.ts';
import {
  foldSeries,
  type PlacedPart,
  partsOfRecord,
  type SeriesFold,
  type SeriesPart,
} from '../../core/instance/series-fold.ts';
import type { PublishOptions, PublishPorts, PublishReport } from '../../core/ports/index-writer.ts';
import { FolderTree } from './folder-tree.ts';
import { HeaderBlockWriter } from './header-blocks.ts';
import { PageMerge } from './page-merge.ts';
import { FLAG_MIXED, ISSUES_SHIFT } from './series-page.ts';
import { indexedValues, rowDate, rowLine } from './series-rows.ts';
import type { StagedChunk, Staging } from './staging.ts';
import { skippedCounts } from './statistics.ts';
import { ValueCodes } from './value-dictionary.ts';

/** More vanished files than this share of the known ones are not believed without being told. */
const BELIEVED_SHARE = 0.1;
/** Below this many files a share says nothing. */
const BELIEVED_FILES = 20;
/** Decoded folders kept while series are folded: those of one study lie together. */
const REMEMBERED_FOLDERS = 64;

/**
 * Series to be folded, and their parts in the folders that were staged: these are decoded once, when they are applied,
 * however many series and folders there are in between.
 */
const TEMPORARY = `
CREATE TEMP TABLE IF NOT EXISTS touched (series INTEGER PRIMARY KEY);
CREATE TEMP TABLE IF NOT EXISTS staged_part (series INTEGER, folder INTEGER, part TEXT, PRIMARY KEY (series, folder)) WITHOUT ROWID;
DELETE FROM touched;
DELETE FROM staged_part;
`;

interface SeriesRow {
  readonly id: number;
  readonly archive: number;
  readonly uid: string;
  readonly date: number;
  readonly slot: number;
  readonly speaker: number;
  readonly stamp: number;
  readonly hidden: number;
}

/** One publication. Made inside a transaction that the caller commits or rolls back. */
export class Publication {
  private readonly database: DatabaseSync;
  private readonly staging: Staging;
  private readonly archive: number;
  private readonly options: PublishOptions;
  private readonly ports: PublishPorts;
  private readonly name: string;
  private readonly tree: FolderTree;
  private readonly headers: HeaderBlockWriter;
  private readonly codes: ValueCodes;
  private readonly pages: PageMerge;
  private readonly sql: ReturnType<typeof statements>;
  /** Records that were replaced by those of smaller chunks: row id, and the id of the folder's own row. */
  private readonly split = new Map<number, number>();
  private readonly folders = new Map<number, ReadonlyMap<string, SeriesPart>>();

  constructor(
    database: DatabaseSync,
    staging: Staging,
    archive: { id: number; name: string },
    options: PublishOptions,
    ports: PublishPorts,
  ) {
    this.database = database;
    this.staging = staging;
    this.archive = archive.id;
    this.name = archive.name;
    this.options = options;
    this.ports = ports;
    database.exec(TEMPORARY);
    this.tree = new FolderTree(database, archive.id, true);
    this.headers = new HeaderBlockWriter(database);
    this.codes = new ValueCodes(database);
    this.pages = new PageMerge(database);
    this.sql = statements(database);
  }

  run(): PublishReport {
    const known = this.count('SELECT coalesce(sum(files), 0) AS n FROM folder WHERE archive = ?', this.archive);
    let vanished = 0;
    for (const folder of this.staging.vanishedFolders()) vanished += this.removeFolder(folder);
    this.tree.forget();
    let changedChunks = 0;
    for (const chunk of this.staging.chunks()) {
      vanished += this.applyChunk({ ...chunk });
      changedChunks++;
    }
    this.removeSplitRecords();
    if (!this.options.acceptDeletions && vanished > Math.max(BELIEVED_FILES, known * BELIEVED_SHARE)) {
      throw ditagError('too-many-deletions', { vanished, known, archive: this.name });
    }
    if (!this.options.append) this.removeOtherArchives();
    this.foldTouched();
    this.headers.flush();
    this.pages.apply();
    return { ...this.totals(), changedChunks };
  }

  /** Removes a folder with everything below it. Returns the number of its files. */
  private removeFolder(path: string): number {
    const top = this.tree.idOf(path);
    if (top === undefined) return 0;
    let files = 0;
    const pending = [top];
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      for (const row of this.sql.below.all(id) as { id: number }[]) pending.push(row.id);
      const row = this.sql.folder.get(id) as { files: number; record: Uint8Array | null };
      files += row.files;
      if (row.record !== null) this.removeParts(id, decodeSeriesOfRecord(row.record));
      this.sql.deleteFolder.run(id);
    }
    return files;
  }

  /** Puts a staged record in place of the known one. Returns the number of known files that it no longer has. */
  private applyChunk(chunk: StagedChunk): number {
    const own = this.tree.ensure(chunk.folder);
    const record = decodeFolderRecord(chunk.record);
    const names = new Set(record.files.map((file) => file.name));
    const here = { bits: chunk.bits, index: chunk.chunk };
    let vanished = 0;
    for (const old of this.recordsBehind(own, chunk)) {
      const known = decodeFolderRecord(old.record);
      for (const { name } of known.files) if (!names.has(name) && isInChunk(name, here)) vanished++;
      // A record that was split is replaced by several: it goes when all of them are in.
      if (old.bits < chunk.bits) this.split.set(old.id, own);
      else this.removeRecord(old.id, own, known.series);
    }
    if (record.files.length === 0) return vanished;
    const { bits, files, instances, skipped } = chunk;
    let id = own;
    if (bits === 0) this.sql.update.run(files, instances, skipped, chunk.record, own);
    else {
      const added = this.sql.insertChunk.run(
        this.archive,
        own,
        chunk.chunk,
        bits,
        chunk.chunk,
        files,
        instances,
        skipped,
        chunk.record,
      );
      id = Number(added.lastInsertRowid);
    }
    for (const part of partsOfRecord(record)) {
      const series = this.seriesId(part.SeriesInstanceUID);
      this.sql.touch.run(series);
      this.sql.addPart.run(series, id);
      this.sql.addStagedPart.run(series, id, JSON.stringify(part));
    }
    return vanished;
  }

  private removeRecord(id: number, own: number, series: readonly string[]): void {
    this.removeParts(id, series);
    if (id !== own) this.sql.deleteFolder.run(id);
    else this.sql.update.run(0, 0, null, null, own);
  }

  private removeSplitRecords(): void {
    for (const [id, own] of this.split) {
      const { record } = this.sql.folder.get(id) as { record: Uint8Array };
      this.removeRecord(id, own, decodeSeriesOfRecord(record));
    }
  }

  private recordsBehind(own: number, chunk: StagedChunk): { id: number; bits: number; record: Uint8Array }[] {
    const rows: { id: number; bits: number; record: Uint8Array }[] = [];
    const row = this.sql.folder.get(own) as { record: Uint8Array | null };
    if (row.record !== null) rows.push({ id: own, bits: 0, record: row.record });
    const parts = this.sql.chunks.all(own, chunk.bits) as {
      id: number;
      bits: number;
      chunk: number;
      record: Uint8Array;
    }[];
    for (const part of parts) if (part.chunk === chunk.chunk >>> (chunk.bits - part.bits)) rows.push(part);
    return rows;
  }

  /** A folder row has no longer files of these series, which are to be folded anew. */
  private removeParts(folder: number, uids: readonly string[]): void {
    for (const uid of uids) {
      const series = this.seriesId(uid);
      this.sql.touch.run(series);
      this.sql.deletePart.run(series, folder);
    }
  }

  private seriesId(uid: string): number {
    const hash = nameHash(uid);
    for (const row of this.sql.seriesOfHash.iterate(hash) as Iterable<{ id: number; uid: string; archive: number }>) {
      if (row.uid === uid && row.archive === this.archive) return row.id;
    }
    return Number(this.sql.insertSeries.run(this.archive, hash, uid).lastInsertRowid);
  }

  private foldTouched(): void {
    const all = this.count('SELECT count(*) AS n FROM touched');
    let done = 0;
    const ids = this.database.prepare('SELECT series FROM touched ORDER BY series');
    for (const { series } of ids.iterate() as Iterable<{ series: number }>) {
      this.foldOne(series);
      if (++done % 1000 === 0) this.ports.progress(done, all);
    }
  }

  private foldOne(id: number): void {
    const row = this.sql.series.get(id) as SeriesRow | undefined;
    if (row === undefined) return;
    const fold = row.archive === this.archive ? foldSeries(this.partsOf(row)) : undefined;
    if (fold === undefined) this.removeSeries(row);
    else this.putSeries(row, fold);
    this.chooseShown(row.uid);
  }

  private *partsOf(row: SeriesRow): Iterable<PlacedPart> {
    const rows = this.sql.parts.all(row.id) as { folder: number; part: string | null }[];
    for (const { folder, part } of rows) {
      if (part !== null) yield { folder: this.pathOf(folder), part: JSON.parse(part) as SeriesPart };
      else {
        const known = this.partsOfFolder(folder).get(row.uid);
        if (known !== undefined) yield { folder: this.pathOf(folder), part: known };
      }
    }
  }

  /** The path of the folder that a row with a record is about. */
  private pathOf(id: number): string {
    const { parent, bits } = this.sql.place.get(id) as { parent: number; bits: number };
    return this.tree.pathOf(bits === 0 ? id : parent);
  }

  private partsOfFolder(id: number): ReadonlyMap<string, SeriesPart> {
    let parts = this.folders.get(id);
    if (parts === undefined) {
      const { record } = this.sql.folder.get(id) as { record: Uint8Array };
      parts = new Map(partsOfRecord(decodeFolderRecord(record)).map((part) => [part.SeriesInstanceUID, part]));
      if (this.folders.size >= REMEMBERED_FOLDERS) this.folders.delete(this.folders.keys().next().value!);
      this.folders.set(id, parts);
    }
    return parts;
  }

  private removeSeries(row: SeriesRow): void {
    if (row.slot >= 0) {
      this.headers.free(row.slot);
      this.pages.remove(row.date, row.uid, row.id);
    }
    this.sql.deleteSeries.run(row.id);
  }

  private putSeries(row: SeriesRow, fold: SeriesFold): void {
    const { speaker, instances } = fold;
    const flags = (fold.mixed ? FLAG_MIXED : 0) | (fold.issues << ISSUES_SHIFT);
    const folder = this.tree.ensure(speaker.folder);
    const stamp = stampOf(speaker.file);
    if (row.slot >= 0 && row.speaker === folder && row.stamp === stamp) {
      this.pages.amend(row.date, row.uid, row.id, { instances, flags });
      return;
    }
    const elements = this.headerOf(row.uid, speaker);
    if (elements === undefined && row.slot >= 0) {
      // The new speaker cannot be read now: the old header stays, and the next run tries again.
      this.pages.amend(row.date, row.uid, row.id, { instances, flags });
      return;
    }
    const values = indexedValues(elements ?? []);
    const slot = this.headers.add(elements ?? []);
    const date = rowDate(values);
    if (row.slot >= 0) {
      this.headers.free(row.slot);
      this.pages.remove(row.date, row.uid, row.id);
    }
    const codes = Int32Array.from(values, (value, attribute) => this.codes.code(attribute, value));
    this.pages.put({
      date,
      uid: row.uid,
      series: row.id,
      slot,
      instances,
      flags,
      codes,
      line: rowLine(values, row.uid),
    });
    if (row.hidden === 1) this.pages.amend(date, row.uid, row.id, { hidden: true });
    this.sql.updateSeries.run(date, slot, folder, elements === undefined ? -1 : stamp, row.id);
  }

  private headerOf(uid: string, speaker: SeriesFold['speaker']): readonly HeaderElement[] | undefined {
    const { folder, file } = speaker;
    return this.staging.header(uid, folder, file.name) ?? this.ports.readHeader(folder, file.name);
  }

  /** A series that lies in several archives is shown once: as the archive that was indexed first has it. */
  private chooseShown(uid: string): void {
    const rows = (this.sql.seriesOfUid.all(nameHash(uid), uid) as unknown as SeriesRow[]).filter(
      (row) => row.slot >= 0,
    );
    rows.forEach((row, i) => {
      const hidden = i > 0 ? 1 : 0;
      if (row.hidden === hidden) return;
      this.sql.setHidden.run(hidden, row.id);
      this.pages.amend(row.date, row.uid, row.id, { hidden: hidden === 1 });
    });
  }

  private removeOtherArchives(): void {
    const others = this.database.prepare('SELECT id FROM archive WHERE id <> ?').all(this.archive) as { id: number }[];
    for (const { id } of others) {
      this.database.prepare('INSERT OR IGNORE INTO touched SELECT id FROM series WHERE archive = ?').run(id);
      this.database.prepare('DELETE FROM part WHERE series IN (SELECT id FROM series WHERE archive = ?)').run(id);
      this.database.prepare('DELETE FROM folder WHERE archive = ?').run(id);
      this.database.prepare('DELETE FROM archive WHERE id = ?').run(id);
    }
  }

  private totals(): Omit<PublishReport, 'changedChunks'> {
    const { files, instances } = this.database
      .prepare(
        'SELECT coalesce(sum(files), 0) AS files, coalesce(sum(instances), 0) AS instances FROM folder WHERE archive = ?',
      )
      .get(this.archive) as { files: number; instances: number };
    const skipped = skippedCounts(this.database, this.archive);
    const series = this.count('SELECT count(*) AS n FROM series WHERE archive = ?', this.archive);
    return { files, instances, series, studies: 0, skipped };
  }

  private count(sql: string, ...parameters: number[]): number {
    return (this.database.prepare(sql).get(...parameters) as { n: number }).n;
  }
}

/** Tells whether a file is still the one whose header was read: name, size and time in 32 bits each are not needed, one hash is. */
function stampOf(file: FileEntry): number {
  return nameHash(`${file.name}\n${file.size}\n${file.mtime}\n${file.SOPInstanceUID}`);
}

function statements(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  return {
    folder: sql('SELECT files, record FROM folder WHERE id = ?'),
    place: sql('SELECT parent, bits FROM folder WHERE id = ?'),
    below: sql('SELECT id FROM folder WHERE parent = ?'),
    chunks: sql("SELECT id, bits, chunk, record FROM folder WHERE parent = ? AND name = '' AND bits <= ?"),
    deleteFolder: sql('DELETE FROM folder WHERE id = ?'),
    update: sql('UPDATE folder SET files = ?, instances = ?, skipped = ?, record = ? WHERE id = ?'),
    insertChunk: sql(
      "INSERT INTO folder (archive, parent, hash, name, bits, chunk, files, instances, skipped, record) VALUES (?, ?, ?, '', ?, ?, ?, ?, ?, ?)",
    ),
    touch: sql('INSERT OR IGNORE INTO touched VALUES (?)'),
    addPart: sql('INSERT OR IGNORE INTO part VALUES (?, ?)'),
    deletePart: sql('DELETE FROM part WHERE series = ? AND folder = ?'),
    parts: sql(
      'SELECT p.folder, s.part FROM part p LEFT JOIN staged_part s ON s.series = p.series AND s.folder = p.folder WHERE p.series = ?',
    ),
    addStagedPart: sql('INSERT OR REPLACE INTO staged_part VALUES (?, ?, ?)'),
    seriesOfHash: sql('SELECT id, uid, archive FROM series WHERE hash = ?'),
    insertSeries: sql(
      'INSERT INTO series (archive, hash, uid, date, slot, speaker, stamp, hidden) VALUES (?, ?, ?, 0, -1, 0, 0, 0)',
    ),
    series: sql('SELECT * FROM series WHERE id = ?'),
    seriesOfUid: sql('SELECT * FROM series WHERE hash = ? AND uid = ? ORDER BY archive'),
    updateSeries: sql('UPDATE series SET date = ?, slot = ?, speaker = ?, stamp = ? WHERE id = ?'),
    deleteSeries: sql('DELETE FROM series WHERE id = ?'),
    setHidden: sql('UPDATE series SET hidden = ? WHERE id = ?'),
  };
}
