// Answers a query from the pages: they stand in the order of the answer, so rows stream out page by page, and a date
// range reads only its own pages. Rows are bytes that were made when the series was indexed; they are copied, not built.
import { Buffer } from 'node:buffer';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import type { RowBatch } from '../../core/ports/instance-index.ts';
import type { Query } from '../../core/query/query.ts';
import type { Target } from '../../core/query/target.ts';
import { HeaderTarget } from './header-target.ts';
import { type PageAccess, RowSelection } from './row-selection.ts';
import { int32, type PageColumns, pageColumns, uidOfLine } from './series-page.ts';
import { ValueTexts } from './value-dictionary.ts';

/** A page and the rows of it that a query selects. */
export interface SelectedPage {
  readonly page: Page;
  readonly rows: Uint16Array;
}

/** All pages in order, hidden rows included. */
export function* allPages(database: DatabaseSync): Iterable<Page> {
  yield* pagesOf(database, -1, Number.MAX_SAFE_INTEGER);
}

function* pagesOf(database: DatabaseSync, from: number, to: number): Iterable<Page> {
  const pages = database.prepare(
    'SELECT id, rows FROM page WHERE last_date >= ? AND first_date <= ? ORDER BY first_date, first_uid',
  );
  const statements = pageStatements(database);
  for (const { id, rows } of pages.all(from, to) as { id: number; rows: number }[])
    yield new Page(statements, id, rows);
}

/** The pages with selected rows, in order. */
export function* selectPages(database: DatabaseSync, query: Query): Iterable<SelectedPage> {
  const selection = new RowSelection(database, query);
  for (const page of pagesOf(database, query.from ?? -1, query.to ?? Number.MAX_SAFE_INTEGER)) {
    const rows = selection.rows(page);
    if (selection.isOver) return;
    if (rows.length > 0) yield { page, rows };
  }
}

/** The answer to a query. */
export function* searchRows(database: DatabaseSync, query: Query): Iterable<RowBatch> {
  const columns = query.columns.map((target) => valuesOf(database, target));
  for (const { page, rows } of selectPages(database, query)) {
    const more = columns.length === 0 ? undefined : moreColumns(page, rows, columns);
    yield { rows: rows.length, lines: linesOf(page, rows), more };
  }
}

function moreColumns(page: Page, rows: Uint16Array, columns: readonly ValueOfRow[]): string[][] {
  return Array.from(rows, (row) => columns.map((value) => value(page, row)));
}

function linesOf(page: Page, rows: Uint16Array): Uint8Array {
  const { lines, columns } = page;
  if (rows.length === columns.rows) return lines;
  const { ends } = columns;
  const startOf = (row: number) => (row === 0 ? 0 : ends[row - 1]!);
  let size = 0;
  for (const row of rows) size += ends[row]! - startOf(row);
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  for (let i = 0; i < rows.length; ) {
    // Neighbours are copied together.
    let last = i;
    while (last + 1 < rows.length && rows[last + 1] === rows[last]! + 1) last++;
    const start = startOf(rows[i]!);
    const end = ends[rows[last]!]!;
    out.set(lines.subarray(start, end), at);
    at += end - start;
    i = last + 1;
  }
  return out;
}

type ValueOfRow = (page: Page, row: number) => string;

function valuesOf(database: DatabaseSync, target: Target): ValueOfRow {
  if (target.isSeriesInstanceUID) return (page, row) => page.uid(row);
  if (target.attribute >= 0) {
    const texts = new ValueTexts(database, target.attribute);
    return (page, row) => texts.text(page.codes(target.attribute)[row]!);
  }
  const header = new HeaderTarget(database, target);
  return (page, row) => header.text(page.columns.slots[row]!);
}

/** One page; its parts are read when they are first looked at. */
export class Page implements PageAccess {
  readonly rows: number;
  private readonly id: number;
  private readonly statements: ReturnType<typeof pageStatements>;
  private readonly codesRead: (Int32Array | undefined)[] = new Array(INDEXED_ATTRIBUTES.length);
  private linesRead: Uint8Array | undefined;

  private columnsRead: PageColumns | undefined;

  constructor(statements: ReturnType<typeof pageStatements>, id: number, rows: number) {
    this.statements = statements;
    this.id = id;
    this.rows = rows;
  }

  get columns(): PageColumns {
    this.columnsRead ??= pageColumns((this.statements.columns.get(this.id) as { columns: Uint8Array }).columns);
    return this.columnsRead;
  }

  codes(attribute: number): Int32Array {
    let codes = this.codesRead[attribute];
    if (codes === undefined) {
      codes = int32((this.statements.codes.get(this.id * 64 + attribute) as { codes: Uint8Array }).codes);
      this.codesRead[attribute] = codes;
    }
    return codes;
  }

  get lines(): Uint8Array {
    this.linesRead ??= (this.statements.lines.get(this.id) as { lines: Uint8Array }).lines;
    return this.linesRead;
  }

  uid(row: number): string {
    const { ends } = this.columns;
    return uidOfLine(this.lines.subarray(row === 0 ? 0 : ends[row - 1]!, ends[row]!));
  }
}

export function pageStatements(database: DatabaseSync): Record<'columns' | 'codes' | 'lines', StatementSync> {
  return {
    columns: database.prepare('SELECT columns FROM page WHERE id = ?'),
    codes: database.prepare('SELECT codes FROM page_codes WHERE id = ?'),
    lines: database.prepare('SELECT lines FROM page_lines WHERE id = ?'),
  };
}
