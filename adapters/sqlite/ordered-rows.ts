// Some rows of an answer in an order of the asker's, after a place in it. By StudyDate they are read as they stand; by an
// attribute every selected row is looked at, and the best are kept: whether one is among them is known from its code,
// once its text has been compared.
import { Buffer } from 'node:buffer';
import type { DatabaseSync } from 'node:sqlite';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import type { OrderedRows, OrderRequest } from '../../core/ports/instance-index.ts';
import { compareCodePoints } from '../../core/query/code-points.ts';
import type { Query } from '../../core/query/query.ts';
import { parsePlace, placeText, type RowPlace } from '../../core/query/row-place.ts';
import { columnsOf, type Known, linesOf, type Page, selectPages } from './search.ts';

/** A row that may be among those wanted. */
interface Candidate {
  readonly text: string;
  readonly page: Page;
  readonly row: number;
}

interface Behind {
  readonly place: RowPlace | undefined;
  readonly known: Known;
}

/** What is known of a code that was looked at: behind the place, at it, before it or behind all that are wanted. */
const BEHIND = 1;
const AT = 2;
const OUT = 3;

export function orderedRows(database: DatabaseSync, query: Query, request: OrderRequest, known: Known): OrderedRows {
  const { orderBy, after } = request;
  const place = after === undefined ? undefined : parsePlace(after);
  const isByDate = orderBy === 'StudyDate';
  const found = isByDate
    ? byDate(database, query, request, { place, known })
    : byText(database, query, request, { place, known });
  const values = query.columns.length === 0 ? undefined : columnsOf(database, query, known.texts);
  const lines = found.map(({ page, row }) => linesOf(page, Uint16Array.of(row)));
  return {
    rows: found.length,
    lines: Buffer.concat(lines),
    more: values && found.map(({ page, row }) => values.map((value) => value(page, row))),
    places: found.map(({ text, page, row }) =>
      placeText({ value: text, date: page.columns.dates[row]!, SeriesInstanceUID: page.uid(row) }),
    ),
  };
}

function byDate(
  database: DatabaseSync,
  query: Query,
  { rows: most, descending }: OrderRequest,
  { place, known }: Behind,
): Candidate[] {
  const found: Candidate[] = [];
  const narrowed = place === undefined ? query : narrow(query, place.date, descending);
  for (const { page, rows } of selectPages(database, narrowed, { descending, known })) {
    for (const row of directed(rows, descending)) {
      if (place !== undefined && !isBehind(page, row, place, descending)) continue;
      found.push({ text: '', page, row });
      if (found.length === most) return found;
    }
  }
  return found;
}

/** Leaves out pages that lie before the place; rows without a date match no bound. */
function narrow(query: Query, date: number, descending: boolean): Query {
  if (descending || date === 0) return query;
  return { ...query, from: Math.max(query.from ?? date, date) };
}

function byText(
  database: DatabaseSync,
  query: Query,
  { orderBy, rows: most, descending }: OrderRequest,
  { place, known }: Behind,
): Candidate[] {
  const attribute = INDEXED_ATTRIBUTES.indexOf(orderBy);
  const texts = known.texts(attribute);
  const direction = descending ? -1 : 1;
  const compare = (a: string, b: string) => direction * compareCodePoints(a, b);
  const classes = new Uint8Array(texts.count);
  const found: Candidate[] = [];
  const classOf = (text: string) => {
    if (found.length === most && compare(text, found[most - 1]!.text) >= 0) return OUT;
    const behind = place === undefined ? 1 : compare(text, place.value);
    return behind > 0 ? BEHIND : behind === 0 ? AT : OUT;
  };
  for (const { page, rows } of selectPages(database, query, { descending, known })) {
    const codes = page.codes(attribute);
    for (const row of directed(rows, descending)) {
      const code = codes[row]!;
      if (classes[code] === OUT) continue;
      const text = texts.text(code);
      // A text that was wanted may not be any more, since better ones were found.
      classes[code] = classOf(text);
      if (classes[code] === OUT) continue;
      if (classes[code] === AT && !isBehind(page, row, place!, descending)) continue;
      insert(found, { text, page, row }, compare);
      if (found.length > most) found.pop();
    }
  }
  return found;
}

/** Behind those that are equal: rows come in the order of their dates. */
function insert(found: Candidate[], candidate: Candidate, compare: (a: string, b: string) => number): void {
  let low = 0;
  let high = found.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(found[middle]!.text, candidate.text) <= 0) low = middle + 1;
    else high = middle;
  }
  found.splice(low, 0, candidate);
}

function isBehind(page: Page, row: number, place: RowPlace, descending: boolean): boolean {
  const date = page.columns.dates[row]!;
  if (date !== place.date) return date > place.date !== descending;
  const uid = page.uid(row);
  return uid !== place.SeriesInstanceUID && uid > place.SeriesInstanceUID !== descending;
}

function directed(rows: Uint16Array, descending: boolean): Uint16Array {
  return descending ? rows.slice().reverse() : rows;
}
