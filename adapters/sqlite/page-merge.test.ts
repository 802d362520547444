// Pages after any sequence of changes hold what a plain sorted array holds.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import fc from 'fast-check';
import { csvLine } from '../../core/query/csv.ts';
import { NOTHING_KEPT } from './kept-numbers.ts';
import { PageMerge } from './page-merge.ts';
import { SCHEMA } from './schema.ts';
import { Page, pageStatements } from './search.ts';
import { ATTRIBUTES, FLAG_HIDDEN, LINE_ROWS, MOST_ROWS, type PageRow } from './series-page.ts';

interface Row {
  readonly date: number;
  readonly uid: string;
  readonly series: number;
  readonly slot: number;
  readonly instances: number;
  readonly flags: number;
  readonly codes: readonly number[];
}

const line = (row: Row) => Buffer.from(csvLine(['d,"', '', `name ${row.slot}`, '', String(row.date), row.uid]));

function pageRow(row: Row): PageRow {
  return { ...row, codes: Int32Array.from(row.codes), line: line(row) };
}

function emptyIndex(): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  database.exec(SCHEMA);
  return database;
}

/** All rows of all pages, in the order of answers; checks what is noted of each page. */
function rowsOf(database: DatabaseSync): (Row & { line: string })[] {
  const rows: (Row & { line: string })[] = [];
  const statements = pageStatements(database);
  const heads = database.prepare('SELECT * FROM page ORDER BY first_date, first_uid').all() as {
    id: number;
    first_date: number;
    last_date: number;
    first_uid: string;
    rows: number;
  }[];
  for (const head of heads) {
    const page = new Page(statements, { ...head, numbers: NOTHING_KEPT });
    const { columns } = page;
    assert.equal(columns.rows, head.rows);
    assert.ok(head.rows > 0);
    assert.deepEqual(
      [columns.dates[0], columns.dates.at(-1), page.uid(0)],
      [head.first_date, head.last_date, head.first_uid],
    );
    for (let i = 0; i < columns.rows; i++) {
      rows.push({
        date: columns.dates[i]!,
        uid: page.uid(i),
        series: columns.series[i]!,
        slot: columns.slots[i]!,
        instances: columns.instances[i]!,
        flags: columns.flags[i]!,
        codes: Array.from({ length: ATTRIBUTES }, (_, attribute) => page.codes(attribute)[i]!),
        line: lineOf(page, i),
      });
    }
  }
  const blocks = heads.reduce((sum, head) => sum + Math.ceil(head.rows / LINE_ROWS), 0);
  for (const [table, expected] of [
    ['page_lines', blocks],
    ['page_codes', heads.length * ATTRIBUTES],
  ] as const) {
    const { n } = database.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number };
    assert.equal(n, expected, `${table}: nothing is left behind`);
  }
  return rows;
}

function lineOf(page: Page, row: number): string {
  const { lines, start } = page.lineBlock(row);
  return Buffer.from(lines.subarray(page.lineStart(row) - start, page.lineEnd(row) - start)).toString();
}

const byKey = (a: Row, b: Row) =>
  a.date - b.date || Buffer.compare(Buffer.from(a.uid), Buffer.from(b.uid)) || a.series - b.series;

test('pages after changes are a plain sorted array', () => {
  const change = fc.record({
    series: fc.nat(60),
    date: fc.constantFrom(0, 19820111, 20200101, 20200102),
    uid: fc.constantFrom('1.2', '1.10', '1.2.3', '9', '1.2.30'),
    kind: fc.constantFrom('put', 'put', 'remove', 'amend', 'hide', 'show'),
    value: fc.nat(1000),
  });
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 25 }), { minLength: 1, maxLength: 6 }), (rounds) => {
      const database = emptyIndex();
      const expected = new Map<number, Row>();
      for (const round of rounds) {
        const merge = new PageMerge(database);
        // In one round a series is put at most once, as a publication does it; amendments may follow.
        const done = new Set<number>();
        for (const { series, date, uid, kind, value } of round) {
          const row = expected.get(series);
          if (kind === 'put') {
            if (done.has(series)) continue;
            done.add(series);
            if (row !== undefined) merge.remove(row.date, row.uid, series);
            const put = {
              date,
              uid,
              series,
              slot: value,
              instances: value + 1,
              flags: 0,
              codes: Array.from({ length: ATTRIBUTES }, (_, i) => value * 16 + i),
            };
            merge.put(pageRow(put));
            expected.set(series, put);
          } else if (row === undefined) continue;
          else if (kind === 'remove') {
            if (done.has(series)) continue;
            done.add(series);
            merge.remove(row.date, row.uid, series);
            expected.delete(series);
          } else if (kind === 'amend') {
            const flags = (value & 0xff) << 8;
            merge.amend(row.date, row.uid, series, { instances: value, flags });
            expected.set(series, { ...row, instances: value, flags: flags | (row.flags & FLAG_HIDDEN) });
          } else {
            const hidden = kind === 'hide';
            merge.amend(row.date, row.uid, series, { hidden });
            expected.set(series, { ...row, flags: hidden ? row.flags | FLAG_HIDDEN : row.flags & ~FLAG_HIDDEN });
          }
        }
        merge.apply();
        const sorted = [...expected.values()].sort(byKey).map((row) => ({ ...row, line: line(row).toString() }));
        assert.deepEqual(rowsOf(database), sorted);
      }
      database.close();
    }),
    { numRuns: 150 },
  );
});

test('many rows are cut into pages; only pages with changes are written', () => {
  const database = emptyIndex();
  const row = (series: number): Row => ({
    date: 20000101 + (series % 7),
    uid: `1.2.${series % 9973}`,
    series,
    slot: series,
    instances: 1,
    flags: 0,
    codes: new Array(ATTRIBUTES).fill(series) as number[],
  });
  const count = MOST_ROWS * 3 + 17;
  const expected = Array.from({ length: count }, (_, series) => row(series));
  const first = new PageMerge(database);
  for (const one of expected) first.put(pageRow(one));
  assert.equal(first.apply(), 4);
  const withLine = (rows: readonly Row[]) =>
    [...rows].sort(byKey).map((one) => ({ ...one, line: line(one).toString() }));
  assert.deepEqual(rowsOf(database), withLine(expected));
  const second = new PageMerge(database);
  const more = row(count);
  second.put(pageRow(more));
  assert.equal(second.apply(), 1);
  assert.deepEqual(rowsOf(database), withLine([...expected, more]));
  const third = new PageMerge(database);
  for (const one of expected) if (one.series % 3 !== 0) third.remove(one.date, one.uid, one.series);
  third.apply();
  assert.deepEqual(rowsOf(database), withLine([...expected.filter(({ series }) => series % 3 === 0), more]));
  assert.equal(new PageMerge(database).apply(), 0);
  database.close();
});

test('rows of one UID that lie in several archives stay on one page', () => {
  const database = emptyIndex();
  const merge = new PageMerge(database);
  // An even cut would be between two rows of one UID: half of them is no multiple of 3.
  const rows: Row[] = Array.from({ length: MOST_ROWS + 52 }, (_, series) => ({
    date: 20200101,
    uid: `1.${String(10_000 + Math.floor(series / 3))}`,
    series,
    slot: series,
    instances: 1,
    flags: 0,
    codes: new Array(ATTRIBUTES).fill(0) as number[],
  }));
  for (const row of rows) merge.put(pageRow(row));
  merge.apply();
  const pages = database.prepare('SELECT id, rows FROM page').all() as { id: number; rows: number }[];
  assert.equal(pages.length, 2);
  const uids = pages.flatMap((head) => {
    const page = new Page(pageStatements(database), { ...head, numbers: NOTHING_KEPT });
    return [...new Set(Array.from({ length: head.rows }, (_, i) => page.uid(i)))];
  });
  assert.equal(new Set(uids).size, uids.length, 'no UID lies on two pages');
  assert.equal(rowsOf(database).length, rows.length);
  database.close();
});
