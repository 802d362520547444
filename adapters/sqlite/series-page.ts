// One page of rows: some thousand series in the order in which queries answer, as columns of numbers and one blob of
// CSV lines. Decoding is a view on the bytes, not a copy.
import { Buffer } from 'node:buffer';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import { issuesText } from '../../core/instance/series-issues.ts';

/** Most rows of a page; a fuller one is cut in two. */
export const MOST_ROWS = 4096;
/** Rows whose lines are kept together: a few rows of a page are read without the rest. */
export const LINE_ROWS = 512;
/** Ids of a page's blocks of lines: page * LINE_BLOCKS and on. */
export const LINE_BLOCKS = 128;
/** Number of value codes in a row. */
export const ATTRIBUTES = INDEXED_ATTRIBUTES.length;

/** Bits of a row's flags; `Issue` bits follow from ISSUES_SHIFT on. */
export const FLAG_MIXED = 1;
export const FLAG_HIDDEN = 2;
export const ISSUES_SHIFT = 8;

/** The issues that a row's flags say. */
export function issuesOfFlags(flags: number): string {
  return issuesText(flags >> ISSUES_SHIFT, (flags & FLAG_MIXED) !== 0);
}

/** The numbers of a page's rows, one array a column. `ends` are the offsets behind each row's CSV line. */
export interface PageColumns {
  readonly rows: number;
  readonly dates: Int32Array;
  readonly slots: Int32Array;
  readonly series: Int32Array;
  readonly instances: Int32Array;
  readonly flags: Int32Array;
  readonly ends: Int32Array;
}

const COLUMNS = 6;

/** Decodes `page.columns`. */
export function pageColumns(bytes: Uint8Array): PageColumns {
  const all = int32(bytes);
  const rows = all.length / COLUMNS;
  const column = (i: number) => all.subarray(i * rows, (i + 1) * rows);
  return {
    rows,
    dates: column(0),
    slots: column(1),
    series: column(2),
    instances: column(3),
    flags: column(4),
    ends: column(5),
  };
}

/** Bytes of the database as 32 bit integers; copied only where they are not aligned. */
export function int32(bytes: Uint8Array): Int32Array {
  if (bytes.byteOffset % 4 === 0) return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const copy = bytes.slice();
  return new Int32Array(copy.buffer, 0, copy.length / 4);
}

/** One row, as it is moved between pages. */
export interface PageRow {
  readonly date: number;
  readonly uid: string;
  readonly series: number;
  readonly slot: number;
  readonly instances: number;
  readonly flags: number;
  readonly codes: Int32Array;
  readonly line: Uint8Array;
}

/** The SeriesInstanceUID of a row: the last column of its line. */
export function uidOfLine(line: Uint8Array): string {
  const end = line.length - 1;
  if (line[end - 1] === 0x22) return quotedUid(Buffer.from(line.buffer, line.byteOffset, end).toString('utf8'));
  let start = end;
  while (start > 0 && line[start - 1] !== 0x2c) start--;
  return Buffer.from(line.buffer, line.byteOffset + start, end - start).toString('utf8');
}

/** A malformed UID with a comma or a quote is quoted like any other value. */
function quotedUid(line: string): string {
  let quoted = false;
  let start = 0;
  for (let i = 0; i < line.length; i++) {
    if (line[i] === '"') quoted = !quoted;
    else if (line[i] === ',' && !quoted) start = i + 1;
  }
  return line.slice(start + 1, -1).replaceAll('""', '"');
}

/** Encoded parts of a page. */
export interface EncodedPage {
  readonly columns: Uint8Array;
  /** One a row and attribute: `codes[attribute]`. */
  readonly codes: Uint8Array[];
  /** One for each LINE_ROWS rows. */
  readonly lines: Uint8Array[];
}

/** Encodes rows, which are in order. */
export function encodePage(rows: readonly PageRow[]): EncodedPage {
  const n = rows.length;
  const columns = new Int32Array(COLUMNS * n);
  const codes = Array.from({ length: ATTRIBUTES }, () => new Int32Array(n));
  let end = 0;
  rows.forEach((row, i) => {
    end += row.line.length;
    columns[i] = row.date;
    columns[n + i] = row.slot;
    columns[2 * n + i] = row.series;
    columns[3 * n + i] = row.instances;
    columns[4 * n + i] = row.flags;
    columns[5 * n + i] = end;
    for (let attribute = 0; attribute < ATTRIBUTES; attribute++) codes[attribute]![i] = row.codes[attribute]!;
  });
  return {
    columns: new Uint8Array(columns.buffer),
    codes: codes.map((column) => new Uint8Array(column.buffer)),
    lines: Array.from({ length: Math.ceil(n / LINE_ROWS) }, (_, block) =>
      Buffer.concat(rows.slice(block * LINE_ROWS, (block + 1) * LINE_ROWS).map((row) => row.line)),
    ),
  };
}
