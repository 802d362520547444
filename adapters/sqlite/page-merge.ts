// Brings changed rows into the pages: both are in the same order, so each page is rewritten at most once, and pages
// without a change are not touched. A page that grows too full is cut; one that empties is removed.
import { Buffer } from 'node:buffer';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import {
  ATTRIBUTES,
  encodePage,
  FLAG_HIDDEN,
  int32,
  LINE_BLOCKS,
  MOST_ROWS,
  type PageRow,
  pageColumns,
  uidOfLine,
} from './series-page.ts';

const TEMPORARY = `
CREATE TEMP TABLE row_change (
  date INTEGER NOT NULL, uid TEXT NOT NULL, series INTEGER NOT NULL, kind INTEGER NOT NULL,
  slot INTEGER, instances INTEGER, flags INTEGER, hidden INTEGER, codes BLOB, line BLOB
)`;

const DELETE = 0;
const AMEND = 1;
const PUT = 2;

interface Change {
  readonly date: number;
  readonly uid: string;
  readonly series: number;
  readonly kind: number;
  readonly slot: number;
  readonly instances: number | null;
  readonly flags: number | null;
  readonly hidden: number | null;
  readonly codes: Uint8Array;
  readonly line: Uint8Array;
}

interface PageHead {
  readonly id: number;
  readonly date: number;
  readonly uid: string;
}

/** Collects changes of rows, then applies them in one pass. Within one transaction. */
export class PageMerge {
  private readonly database: DatabaseSync;
  private readonly insert: StatementSync;
  private count = 0;

  constructor(database: DatabaseSync) {
    this.database = database;
    database.exec('DROP TABLE IF EXISTS temp.row_change');
    database.exec(TEMPORARY);
    this.insert = database.prepare('INSERT INTO row_change VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  }

  /** The row of a series goes: `date` and `uid` are those under which it stands. */
  remove(date: number, uid: string, series: number): void {
    this.count++;
    this.insert.run(date, uid, series, DELETE, null, null, null, null, null, null);
  }

  /** The row stays where it is; what is given changes. */
  amend(
    date: number,
    uid: string,
    series: number,
    change: { instances?: number; flags?: number; hidden?: boolean },
  ): void {
    this.count++;
    const hidden = change.hidden === undefined ? null : change.hidden ? 1 : 0;
    this.insert.run(date, uid, series, AMEND, null, change.instances ?? null, change.flags ?? null, hidden, null, null);
  }

  /** A new row. An old one of the same series is to be removed under its own date, before. */
  put(row: PageRow): void {
    this.count++;
    const codes = new Uint8Array(row.codes.buffer, row.codes.byteOffset, row.codes.byteLength);
    this.insert.run(row.date, row.uid, row.series, PUT, row.slot, row.instances, row.flags, null, codes, row.line);
  }

  /** Applies everything. Returns the number of pages written. */
  apply(): number {
    if (this.count === 0) return 0;
    const heads = this.database
      .prepare('SELECT id, first_date AS date, first_uid AS uid FROM page ORDER BY first_date, first_uid')
      .all() as unknown as PageHead[];
    const pages = new PageStore(this.database);
    // SQLite compares TEXT as UTF-8 bytes, which is the order of code points: the same as that of the answers.
    const changes = this.database
      .prepare('SELECT * FROM row_change ORDER BY date, uid, rowid')
      .iterate() as Iterable<Change>;
    const output = new PageOutput(pages);
    let at = -1;
    for (const sameKey of byKey(changes)) {
      const { date, uid } = sameKey[0]!;
      let next = Math.max(at, 0);
      while (next + 1 < heads.length && !isBefore(date, uid, heads[next + 1]!)) next++;
      if (next !== at) {
        output.finish();
        at = next;
        if (heads[at] !== undefined) output.begin(pages.take(heads[at]!.id));
      }
      output.merge(date, uid, sameKey);
    }
    output.finish();
    this.database.exec('DELETE FROM row_change');
    return pages.written;
  }
}

/** Changes of one date and UID at a time: few, mostly one. */
function* byKey(changes: Iterable<Change>): Iterable<Change[]> {
  let group: Change[] = [];
  for (const change of changes) {
    const first = group[0];
    if (first !== undefined && (first.date !== change.date || first.uid !== change.uid)) {
      yield group;
      group = [];
    }
    group.push({ ...change });
  }
  if (group.length > 0) yield group;
}

/** The rows of the page that is being rewritten, on their way to one or more new pages. */
class PageOutput {
  private readonly pages: PageStore;
  private before: readonly PageRow[] = [];
  private next = 0;
  private out: PageRow[] = [];

  constructor(pages: PageStore) {
    this.pages = pages;
  }

  begin(rows: readonly PageRow[]): void {
    this.before = rows;
    this.next = 0;
  }

  merge(date: number, uid: string, changes: readonly Change[]): void {
    const { before } = this;
    while (this.next < before.length && compareKeys(before[this.next]!, date, uid) < 0) this.push(before[this.next++]!);
    let here: PageRow[] = [];
    while (this.next < before.length && compareKeys(before[this.next]!, date, uid) === 0)
      here.push(before[this.next++]!);
    // In the order in which they were told: a row that is put has nothing of what was amended before.
    for (const change of changes) {
      if (change.kind === DELETE) here = here.filter((row) => row.series !== change.series);
      else if (change.kind === PUT) here.push(rowOf(change));
      else here = here.map((row) => (row.series === change.series ? amendRow(row, change) : row));
    }
    here.sort((a, b) => a.series - b.series);
    for (const row of here) this.push(row);
  }

  finish(): void {
    while (this.next < this.before.length) this.push(this.before[this.next++]!);
    this.pages.write(this.out);
    this.out = [];
    this.before = [];
    this.next = 0;
  }

  private push(row: PageRow): void {
    const last = this.out[this.out.length - 1];
    if (this.out.length >= 4 * MOST_ROWS && last!.uid !== row.uid) {
      this.pages.write(this.out);
      this.out = [];
    }
    this.out.push(row);
  }
}

function rowOf({ date, uid, series, slot, instances, flags, codes, line }: Change): PageRow {
  return { date, uid, series, slot, instances: instances ?? 0, flags: flags ?? 0, codes: int32(codes), line };
}

function compareKeys(row: PageRow, date: number, uid: string): number {
  return row.date !== date ? row.date - date : compareUids(row.uid, uid);
}

function isBefore(date: number, uid: string, head: PageHead): boolean {
  return date !== head.date ? date < head.date : compareUids(uid, head.uid) < 0;
}

function compareUids(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function amendRow(row: PageRow, { instances, flags, hidden }: Change): PageRow {
  let changed = flags === null ? row.flags : (flags & ~FLAG_HIDDEN) | (row.flags & FLAG_HIDDEN);
  if (hidden !== null) changed = hidden === 1 ? changed | FLAG_HIDDEN : changed & ~FLAG_HIDDEN;
  return { ...row, instances: instances ?? row.instances, flags: changed };
}

/** Reads and writes whole pages. */
class PageStore {
  written = 0;
  private readonly selectColumns: StatementSync;
  private readonly selectCodes: StatementSync;
  private readonly selectLines: StatementSync;
  private readonly insertPage: StatementSync;
  private readonly insertCodes: StatementSync;
  private readonly insertLines: StatementSync;
  private readonly deletes: StatementSync[];

  constructor(database: DatabaseSync) {
    const sql = (text: string) => database.prepare(text);
    this.selectColumns = sql('SELECT columns FROM page WHERE id = ?');
    this.selectCodes = sql('SELECT codes FROM page_codes WHERE id = ?');
    this.selectLines = sql('SELECT lines FROM page_lines WHERE id BETWEEN ? AND ? ORDER BY id');
    this.insertPage = sql('INSERT INTO page (first_date, last_date, first_uid, rows, columns) VALUES (?, ?, ?, ?, ?)');
    this.insertCodes = sql('INSERT INTO page_codes (id, codes) VALUES (?, ?)');
    this.insertLines = sql('INSERT INTO page_lines (id, lines) VALUES (?, ?)');
    this.deletes = [
      sql('DELETE FROM page WHERE id = ?'),
      sql('DELETE FROM page_lines WHERE id BETWEEN ? AND ?'),
      sql('DELETE FROM page_codes WHERE id BETWEEN ? * 64 AND ? * 64 + 63'),
    ];
  }

  /** The rows of a page, which is removed. */
  take(id: number): PageRow[] {
    const rows = this.read(id);
    this.deletes[0]!.run(id);
    this.deletes[1]!.run(id * LINE_BLOCKS, (id + 1) * LINE_BLOCKS - 1);
    this.deletes[2]!.run(id, id);
    return rows;
  }

  private read(id: number): PageRow[] {
    const columns = pageColumns((this.selectColumns.get(id) as { columns: Uint8Array }).columns);
    const blocks = this.selectLines.all(id * LINE_BLOCKS, (id + 1) * LINE_BLOCKS - 1) as { lines: Uint8Array }[];
    const lines = Buffer.concat(blocks.map((block) => block.lines));
    const codes = Array.from({ length: ATTRIBUTES }, (_, attribute) => {
      return int32((this.selectCodes.get(id * 64 + attribute) as { codes: Uint8Array }).codes);
    });
    const rows: PageRow[] = [];
    for (let i = 0; i < columns.rows; i++) {
      const line = lines.subarray(i === 0 ? 0 : columns.ends[i - 1]!, columns.ends[i]!);
      rows.push({
        date: columns.dates[i]!,
        uid: uidOfLine(line),
        series: columns.series[i]!,
        slot: columns.slots[i]!,
        instances: columns.instances[i]!,
        flags: columns.flags[i]!,
        codes: Int32Array.from(codes, (column) => column[i]!),
        line: Buffer.from(line),
      });
    }
    return rows;
  }

  /** Writes rows, which are in order, as one or more pages; rows of one UID stay together. */
  write(rows: readonly PageRow[]): void {
    if (rows.length === 0) return;
    // Cut evenly, so that the pages have room to grow before they are cut again.
    const parts = Math.ceil(rows.length / MOST_ROWS);
    const size = Math.ceil(rows.length / parts);
    for (let start = 0; start < rows.length; ) {
      let end = Math.min(start + size, rows.length);
      while (end < rows.length && rows[end]!.uid === rows[end - 1]!.uid) end++;
      this.writePage(rows.slice(start, end));
      start = end;
    }
  }

  private writePage(rows: readonly PageRow[]): void {
    this.written++;
    const page = encodePage(rows);
    const first = rows[0]!;
    const last = rows[rows.length - 1]!;
    const id = Number(this.insertPage.run(first.date, last.date, first.uid, rows.length, page.columns).lastInsertRowid);
    page.codes.forEach((codes, attribute) => void this.insertCodes.run(id * 64 + attribute, codes));
    page.lines.forEach((lines, block) => {
      this.insertLines.run(id * LINE_BLOCKS + block, lines);
    });
  }
}
