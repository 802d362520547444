// Which folder rows hold files of which series, within one publication: series that have to be folded anew, and the
// parts of staged folders, which are decoded once however many series and folders there are in between.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { nameHash } from '../../core/instance/folder-chunks.ts';
import { decodeFolderRecord } from '../../core/instance/folder-record.ts';
import { type PlacedPart, partsOfRecord, type SeriesPart } from '../../core/instance/series-fold.ts';
import type { FolderTree } from './folder-tree.ts';

const TEMPORARY = `
CREATE TEMP TABLE IF NOT EXISTS touched (series INTEGER PRIMARY KEY);
CREATE TEMP TABLE IF NOT EXISTS staged_part (series INTEGER, folder INTEGER, part TEXT, PRIMARY KEY (series, folder)) WITHOUT ROWID;
DELETE FROM touched;
DELETE FROM staged_part;
`;

/** Decoded folders kept while series are folded: those of one study lie together. */
const REMEMBERED_FOLDERS = 64;

export class SeriesParts {
  private readonly archive: number;
  private readonly tree: FolderTree;
  private readonly database: DatabaseSync;
  private readonly sql: Record<
    'find' | 'insert' | 'touch' | 'add' | 'addStaged' | 'remove' | 'ofSeries' | 'place' | 'record',
    StatementSync
  >;
  private readonly folders = new Map<number, ReadonlyMap<string, SeriesPart>>();

  constructor(database: DatabaseSync, archive: number, tree: FolderTree) {
    database.exec(TEMPORARY);
    this.database = database;
    this.archive = archive;
    this.tree = tree;
    const sql = (text: string) => database.prepare(text);
    this.sql = {
      find: sql('SELECT id, uid, archive FROM series WHERE hash = ?'),
      insert: sql(
        'INSERT INTO series (archive, hash, uid, date, slot, speaker, stamp, issues, hidden) VALUES (?, ?, ?, 0, -1, 0, 0, 0, 0)',
      ),
      touch: sql('INSERT OR IGNORE INTO touched VALUES (?)'),
      add: sql('INSERT OR IGNORE INTO part VALUES (?, ?)'),
      addStaged: sql('INSERT OR REPLACE INTO staged_part VALUES (?, ?, ?)'),
      remove: sql('DELETE FROM part WHERE series = ? AND folder = ?'),
      ofSeries: sql(
        'SELECT p.folder, s.part FROM part p LEFT JOIN staged_part s ON s.series = p.series AND s.folder = p.folder WHERE p.series = ?',
      ),
      place: sql('SELECT parent, bits FROM folder WHERE id = ?'),
      record: sql('SELECT record FROM folder WHERE id = ?'),
    };
  }

  /** A folder row has got a record with these parts. */
  add(folder: number, parts: readonly SeriesPart[]): void {
    for (const part of parts) {
      const series = this.seriesId(part.SeriesInstanceUID);
      this.sql.touch.run(series);
      this.sql.add.run(series, folder);
      this.sql.addStaged.run(series, folder, JSON.stringify(part));
    }
  }

  /** A folder row has no longer files of these series. */
  remove(folder: number, uids: readonly string[]): void {
    this.folders.delete(folder);
    for (const uid of uids) {
      const series = this.seriesId(uid);
      this.sql.touch.run(series);
      this.sql.remove.run(series, folder);
    }
  }

  /** All series of another archive have to go. */
  touchArchive(archive: number): void {
    this.database.prepare('INSERT OR IGNORE INTO touched SELECT id FROM series WHERE archive = ?').run(archive);
  }

  /** Series of this archive with this stamp have to be folded. */
  touchStamp(stamp: number): void {
    const sql = 'INSERT OR IGNORE INTO touched SELECT id FROM series WHERE archive = ? AND stamp = ?';
    this.database.prepare(sql).run(this.archive, stamp);
  }

  /** Ids of the series to be folded, and their number. */
  touched(): { readonly count: number; readonly ids: Iterable<{ series: number }> } {
    const { n } = this.database.prepare('SELECT count(*) AS n FROM touched').get() as { n: number };
    return {
      count: n,
      ids: this.database.prepare('SELECT series FROM touched ORDER BY series').iterate() as Iterable<{
        series: number;
      }>,
    };
  }

  /** The parts of a series with the folders that they are in. */
  *of(series: number, uid: string): Iterable<PlacedPart> {
    const rows = this.sql.ofSeries.all(series) as { folder: number; part: string | null }[];
    for (const { folder, part } of rows) {
      const found = part !== null ? (JSON.parse(part) as SeriesPart) : this.partsOfFolder(folder).get(uid);
      if (found !== undefined) yield { folder: this.pathOf(folder), part: found };
    }
  }

  /** Rows of the folders that hold files of a series. */
  foldersOf(uid: string): number[] {
    return (this.sql.ofSeries.all(this.seriesId(uid)) as { folder: number }[]).map(({ folder }) => folder);
  }

  /** What lies in the record of a folder row: SeriesInstanceUID and SOPInstanceUID of each instance. */
  *filesIn(folder: number): Iterable<readonly [string, string]> {
    const { record } = this.sql.record.get(folder) as { record: Uint8Array };
    const { kinds, series, files } = decodeFolderRecord(record);
    for (const { kind, SOPInstanceUID } of files) {
      const { series: at } = kinds[kind]!;
      if (at >= 0) yield [series[at]!, SOPInstanceUID];
    }
  }

  private seriesId(uid: string): number {
    const hash = nameHash(uid);
    for (const row of this.sql.find.iterate(hash) as Iterable<{ id: number; uid: string; archive: number }>) {
      if (row.uid === uid && row.archive === this.archive) return row.id;
    }
    return Number(this.sql.insert.run(this.archive, hash, uid).lastInsertRowid);
  }

  /** The path of the folder that a row with a record is about. */
  private pathOf(id: number): string {
    const { parent, bits } = this.sql.place.get(id) as { parent: number; bits: number };
    return this.tree.pathOf(bits === 0 ? id : parent);
  }

  private partsOfFolder(id: number): ReadonlyMap<string, SeriesPart> {
    let parts = this.folders.get(id);
    if (parts === undefined) {
      const { record } = this.sql.record.get(id) as { record: Uint8Array };
      parts = new Map(partsOfRecord(decodeFolderRecord(record)).map((part) => [part.SeriesInstanceUID, part]));
      if (this.folders.size >= REMEMBERED_FOLDERS) this.folders.delete(this.folders.keys().next().value!);
      this.folders.set(id, parts);
    }
    return parts;
  }
}
