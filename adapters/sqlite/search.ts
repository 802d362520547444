// Answers a query from the pages: they stand in the order of the answer, so rows stream out page by page, and a date
// range reads only its own pages. Rows are bytes that were made when the series was indexed; they are copied, not built.
import { Buffer } from 'node:buffer';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import type { RowBatch } from '../../core/ports/instance-index.ts';
import type { Query } from '../../core/query/query.ts';
import type { Target } from '../../core/query/target.ts';
import { HeaderTarget } from './header-target.ts';
import { type KeptNumbers, NOTHING_KEPT } from './kept-numbers.ts';
import { RowSelection } from './row-selection.ts';
import {
  int32,
  issuesOfFlags,
  LINE_BLOCKS,
  LINE_ROWS,
  MOST_ROWS,
  type PageColumns,
  pageColumns,
  uidOfLine,
} from './series-page.ts';
import type { PageAccess } from './target-tests.ts';
import { freshTexts, type TextsOf } from './value-texts.ts';

/** More rows of a page than this are likely to need most of its blocks of lines. */
const MANY_ROWS = 12;
/** Values of further columns stand far apart: of the first rows only so many are fetched together, then four times that. */
const FIRST_ROWS = 16;

/** What is known of a state of the index from questions before. */
export interface Known {
  readonly texts: TextsOf;
  readonly numbers: KeptNumbers;
}

function nothingKnown(database: DatabaseSync): Known {
  return { texts: freshTexts(database), numbers: NOTHING_KEPT };
}

/** A page, and rows of it that a query selects. */
export interface SelectedPage {
  readonly page: Page;
  readonly rows: Uint16Array;
}

/** All pages in order, hidden rows included. */
export function* allPages(database: DatabaseSync): Iterable<Page> {
  yield* pagesOf(database, { from: -1, to: Number.MAX_SAFE_INTEGER, descending: false }, NOTHING_KEPT);
}

interface PagesWanted {
  readonly from: number;
  readonly to: number;
  readonly descending: boolean;
}

function* pagesOf(database: DatabaseSync, { from, to, descending }: PagesWanted, numbers: KeptNumbers): Iterable<Page> {
  const order = descending ? 'first_date DESC, first_uid DESC' : 'first_date, first_uid';
  const pages = database.prepare(
    `SELECT id, rows FROM page WHERE last_date >= ? AND first_date <= ? ORDER BY ${order}`,
  );
  const statements = pageStatements(database);
  for (const { id, rows } of pages.all(from, to) as { id: number; rows: number }[])
    yield new Page(statements, { id, rows, numbers });
}

/** The selected rows in order, page by page; a page may come in several parts. Descending, pages come the other way round, each whole. */
export function* selectPages(
  database: DatabaseSync,
  query: Query,
  {
    descending = false,
    known = nothingKnown(database),
  }: { readonly descending?: boolean; readonly known?: Known } = {},
): Iterable<SelectedPage> {
  const { texts, numbers } = known;
  const selection = new RowSelection(database, query, texts);
  if (selection.isOver) return;
  const { from, to } = selection;
  for (const page of pagesOf(database, { from, to, descending }, numbers)) {
    if (descending) {
      const parts = [...selection.rows(page)];
      if (parts.length > 0) yield { page, rows: parts.length === 1 ? parts[0]! : joined(parts) };
    } else for (const rows of selection.rows(page)) yield { page, rows };
    if (selection.isOver) return;
  }
}

/** The answer to a query. */
export function* searchRows(database: DatabaseSync, query: Query, known: Known): Iterable<RowBatch> {
  const columns = columnsOf(database, query, known.texts);
  let most = columns.length === 0 ? MOST_ROWS : FIRST_ROWS;
  for (const { page, rows } of selectPages(database, query, { known })) {
    for (let at = 0; at < rows.length; ) {
      const some = rows.subarray(at, at + most);
      const more = columns.length === 0 ? undefined : moreColumns(page, some, columns);
      yield { rows: some.length, lines: linesOf(page, some), more };
      at += some.length;
      most = Math.min(most * 4, MOST_ROWS);
    }
  }
}

function joined(parts: readonly Uint16Array[]): Uint16Array {
  return Uint16Array.from(parts.flatMap((part) => [...part]));
}

/** The values of the columns that a query asks for. */
export function columnsOf(database: DatabaseSync, query: Query, texts: TextsOf): ValueOfRow[] {
  return query.columns.map((target) => valuesOf(database, target, texts));
}

function moreColumns(page: Page, rows: Uint16Array, columns: readonly ValueOfRow[]): string[][] {
  return Array.from(rows, (row) => columns.map((value) => value(page, row)));
}

/** The CSV lines of rows of a page. */
export function linesOf(page: Page, rows: Uint16Array): Uint8Array {
  if (rows.length > MANY_ROWS) page.readAllLines();
  let size = 0;
  for (const row of rows) size += page.lineEnd(row) - page.lineStart(row);
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  for (let i = 0; i < rows.length; ) {
    // Neighbours are copied together.
    const first = rows[i]!;
    const block = page.lineBlock(first);
    let last = i;
    while (last + 1 < rows.length && rows[last + 1] === rows[last]! + 1 && rows[last + 1]! < block.endRow) last++;
    const start = page.lineStart(first) - block.start;
    const end = page.lineEnd(rows[last]!) - block.start;
    out.set(block.lines.subarray(start, end), at);
    at += end - start;
    i = last + 1;
  }
  return out;
}

type ValueOfRow = (page: Page, row: number) => string;

function valuesOf(database: DatabaseSync, target: Target, textsOf: TextsOf): ValueOfRow {
  if (target.isSeriesInstanceUID) return (page, row) => page.uid(row);
  if (target.isIssues) return (page, row) => issuesOfFlags(page.columns.flags[row]!);
  if (target.attribute >= 0) {
    const texts = textsOf(target.attribute);
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
  private readonly blocks: (LineBlock | undefined)[] = [];

  private readonly numbers: KeptNumbers;
  private columnsRead: PageColumns | undefined;

  constructor(
    statements: ReturnType<typeof pageStatements>,
    { id, rows, numbers }: { readonly id: number; readonly rows: number; readonly numbers: KeptNumbers },
  ) {
    this.statements = statements;
    this.id = id;
    this.rows = rows;
    this.numbers = numbers;
  }

  get columns(): PageColumns {
    this.columnsRead ??= this.numbers.columnsOf(this.id, () =>
      pageColumns((this.statements.columns.get(this.id) as { columns: Uint8Array }).columns),
    );
    return this.columnsRead;
  }

  codes(attribute: number): Int32Array {
    let codes = this.codesRead[attribute];
    if (codes === undefined) {
      const key = this.id * 64 + attribute;
      codes = this.numbers.codesOf(key, () => int32((this.statements.codes.get(key) as { codes: Uint8Array }).codes));
      this.codesRead[attribute] = codes;
    }
    return codes;
  }

  /** Offset of a row's line in the lines of the page, and of the first byte behind it. */
  lineStart(row: number): number {
    return row === 0 ? 0 : this.columns.ends[row - 1]!;
  }

  lineEnd(row: number): number {
    return this.columns.ends[row]!;
  }

  /** The lines that are kept together with a row's. */
  lineBlock(row: number): LineBlock {
    const number = Math.floor(row / LINE_ROWS);
    let block = this.blocks[number];
    if (block === undefined) {
      const { lines } = this.statements.lines.get(this.id * LINE_BLOCKS + number) as { lines: Uint8Array };
      block = this.keepBlock(number, lines);
    }
    return block;
  }

  /** Reads all lines at once: cheaper than block by block, where many rows are wanted. */
  readAllLines(): void {
    const first = this.id * LINE_BLOCKS;
    const blocks = this.statements.allLines.all(first, first + LINE_BLOCKS - 1) as { lines: Uint8Array }[];
    blocks.forEach(({ lines }, number) => void this.keepBlock(number, lines));
  }

  private keepBlock(number: number, lines: Uint8Array): LineBlock {
    const block = { lines, start: this.lineStart(number * LINE_ROWS), endRow: (number + 1) * LINE_ROWS };
    this.blocks[number] = block;
    return block;
  }

  uid(row: number): string {
    const { lines, start } = this.lineBlock(row);
    return uidOfLine(lines.subarray(this.lineStart(row) - start, this.lineEnd(row) - start));
  }
}

/** Lines of some rows of a page: where they start in the lines of the page, and the first row behind them. */
interface LineBlock {
  readonly lines: Uint8Array;
  readonly start: number;
  readonly endRow: number;
}

export function pageStatements(
  database: DatabaseSync,
): Record<'columns' | 'codes' | 'lines' | 'allLines', StatementSync> {
  return {
    columns: database.prepare('SELECT columns FROM page WHERE id = ?'),
    codes: database.prepare('SELECT codes FROM page_codes WHERE id = ?'),
    lines: database.prepare('SELECT lines FROM page_lines WHERE id = ?'),
    allLines: database.prepare('SELECT lines FROM page_lines WHERE id BETWEEN ? AND ? ORDER BY id'),
  };
}
