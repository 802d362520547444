// The files of series, from the records of the folder rows that have them. A record is decoded for several of the
// series at once, since those that are asked for together often lie together.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { typedPath } from '../../core/instance/byte-path.ts';
import { nameHash } from '../../core/instance/folder-chunks.ts';
import { decodeFolderRecord } from '../../core/instance/folder-record.ts';
import {
  fileBatches,
  filesBySeries,
  type RecordPlace,
  recordBatches,
  seriesFile,
} from '../../core/instance/series-files.ts';
import { seriesIdentity } from '../../core/instance/series-identity.ts';
import type { SeriesFile } from '../../core/ports/instance-index.ts';
import { FolderTree } from './folder-tree.ts';
import { BLOCK, HeaderBlockReader, type HeaderColumn } from './header-blocks.ts';

/** Series for which a record is decoded at once. */
const TOGETHER = 100;
/** Files that are kept for series whose turn comes later. */
const MOST_KEPT = 50_000;

/** The files of series, one after the other. */
export function* seriesFiles(database: DatabaseSync, series: readonly string[]): Iterable<readonly SeriesFile[]> {
  const reader = new SeriesFileReader(database);
  for (let at = 0; at < series.length; at += TOGETHER) yield* reader.filesOf(series.slice(at, at + TOGETHER));
}

/** The files of every archive, folder by folder. */
export function* everyFile(database: DatabaseSync): Iterable<readonly SeriesFile[]> {
  const archives = database.prepare('SELECT id, name FROM archive ORDER BY id').all();
  for (const { id, name } of archives as unknown as { id: number; name: string }[]) {
    const tree = new FolderTree(database, id, false);
    const archive = typedPath(name);
    const rows = database.prepare('SELECT id, parent, bits, record FROM folder WHERE archive = ? AND instances > 0');
    for (const row of rows.iterate(id) as Iterable<PartRow & { record: Uint8Array }>) {
      const folder = tree.pathOf(row.bits === 0 ? row.id : row.parent);
      yield* recordBatches({ archive, folder }, decodeFolderRecord(row.record));
    }
  }
}

/** Where the header of a series is, of the archive that speaks; undefined where the series is not in the index. */
export function slotOf(database: DatabaseSync, SeriesInstanceUID: string): number | undefined {
  const find = database.prepare('SELECT slot FROM series WHERE hash = ? AND uid = ? AND hidden = 0 AND slot >= 0');
  return (find.get(nameHash(SeriesInstanceUID), SeriesInstanceUID) as { slot: number } | undefined)?.slot;
}

/** A folder row that has files of a series. */
interface PartRow {
  readonly id: number;
  readonly parent: number;
  readonly bits: number;
}

/** A series as one archive has it. */
interface SeriesRow {
  readonly id: number;
  readonly archive: number;
  readonly slot: number;
  readonly name: string;
}

/** Header columns that are kept, each of 4,096 series. */
const MOST_COLUMNS = 16;

class SeriesFileReader {
  private readonly database: DatabaseSync;
  private readonly sql: Record<'find' | 'parts' | 'record', StatementSync>;
  private readonly trees = new Map<number, FolderTree>();
  /** Files of later series in records that were decoded already, by `keptKey`. */
  private readonly kept = new Map<string, readonly SeriesFile[]>();
  private keptFiles = 0;
  private readonly headers: HeaderBlockReader;
  private readonly columns = new Map<string, HeaderColumn | undefined>();

  constructor(database: DatabaseSync) {
    this.database = database;
    this.headers = new HeaderBlockReader(database);
    const sql = (text: string) => database.prepare(text);
    this.sql = {
      // A series in several archives has a row for each; the first is that of the archive which speaks.
      find: sql(
        'SELECT s.id, s.archive, s.slot, a.name FROM series s JOIN archive a ON a.id = s.archive WHERE s.hash = ? AND s.uid = ? AND s.slot >= 0 ORDER BY s.hidden, s.archive',
      ),
      parts: sql('SELECT f.id, f.parent, f.bits FROM part p JOIN folder f ON f.id = p.folder WHERE p.series = ?'),
      record: sql('SELECT record FROM folder WHERE id = ?'),
    };
  }

  *filesOf(group: readonly string[]): Iterable<readonly SeriesFile[]> {
    for (const [i, uid] of group.entries()) {
      const rows = this.sql.find.all(nameHash(uid), uid) as unknown as SeriesRow[];
      for (const row of this.alike(rows)) yield* fileBatches(this.filesOfRow(row, uid, group.slice(i)));
    }
    this.kept.clear();
    this.keptFiles = 0;
  }

  /** Without archives that have another patient's or study's series under the UID. */
  private alike(rows: readonly SeriesRow[]): readonly SeriesRow[] {
    const [speaking] = rows;
    if (speaking === undefined || rows.length === 1) return rows;
    const identity = this.identityOf(speaking);
    return rows.filter((row) => this.identityOf(row) === identity);
  }

  private identityOf({ slot }: SeriesRow): string {
    const block = Math.floor(slot / BLOCK);
    return seriesIdentity((key) => {
      const column = this.column(key, block);
      return column === undefined ? '' : column.values[column.codes[slot % BLOCK] ?? 0]!;
    });
  }

  private column(key: string, block: number): HeaderColumn | undefined {
    const place = `${key} ${block}`;
    if (!this.columns.has(place)) {
      if (this.columns.size >= MOST_COLUMNS) this.columns.clear();
      const id = this.headers.keyId(key);
      this.columns.set(place, id === undefined ? undefined : this.headers.column(id, block));
    }
    return this.columns.get(place);
  }

  /** @param series the one of the row, and those that are asked for after it */
  private filesOfRow({ id: row, archive: number, name }: SeriesRow, uid: string, series: readonly string[]) {
    const tree = this.treeOf(number);
    const archive = typedPath(name);
    const files: SeriesFile[] = [];
    for (const { id, parent, bits } of this.sql.parts.all(row) as unknown as PartRow[]) {
      const place = { archive, folder: tree.pathOf(bits === 0 ? id : parent) };
      const own = this.taken(id, uid) ?? this.read(id, place, series);
      for (const file of own) files.push(file);
    }
    return files;
  }

  private treeOf(archive: number): FolderTree {
    let tree = this.trees.get(archive);
    if (tree === undefined) {
      tree = new FolderTree(this.database, archive, false);
      this.trees.set(archive, tree);
    }
    return tree;
  }

  private taken(id: number, uid: string): readonly SeriesFile[] | undefined {
    const key = keptKey(id, uid);
    const files = this.kept.get(key);
    if (files === undefined) return undefined;
    this.kept.delete(key);
    this.keptFiles -= files.length;
    return files;
  }

  /** The files of the first series; those of the others are kept, as long as there is room. */
  private read(id: number, place: RecordPlace, series: readonly string[]): readonly SeriesFile[] {
    const record = decodeFolderRecord((this.sql.record.get(id) as { record: Uint8Array }).record);
    let first: readonly SeriesFile[] = [];
    for (const [uid, entries] of filesBySeries(record, new Set(series))) {
      const isFirst = uid === series[0];
      if (!isFirst && (this.kept.has(keptKey(id, uid)) || this.keptFiles + entries.length > MOST_KEPT)) continue;
      const files = entries.map((entry) => seriesFile(place, record, entry));
      if (isFirst) first = files;
      else {
        this.kept.set(keptKey(id, uid), files);
        this.keptFiles += files.length;
      }
    }
    return first;
  }
}

function keptKey(folder: number, uid: string): string {
  return `${folder} ${uid}`;
}
