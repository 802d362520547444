// Rows in an order of the asker's where an attribute has so many values that the first pages are answered value by value.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import { csvLine } from '../../core/query/csv.ts';
import { makeQuery } from '../../core/query/query.ts';
import { NOTHING_KEPT } from './kept-numbers.ts';
import { orderedRows } from './ordered-rows.ts';
import { PageMerge } from './page-merge.ts';
import { SCHEMA } from './schema.ts';
import { searchRows } from './search.ts';
import { ATTRIBUTES } from './series-page.ts';
import { ValueCodes } from './value-codes.ts';
import { freshTexts } from './value-texts.ts';

const SERIES = 9_000;
const NAME = INDEXED_ATTRIBUTES.indexOf('PatientName');

function indexOfManyNames(): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  database.exec(SCHEMA);
  const codes = new ValueCodes(database);
  const merge = new PageMerge(database);
  for (let series = 0; series < SERIES; series++) {
    const name = `Name ${series}`;
    const uid = `1.2.${series}`;
    const date = 20000101 + (series % 28);
    merge.put({
      date,
      uid,
      series,
      slot: series,
      instances: 1,
      flags: 0,
      codes: Int32Array.from({ length: ATTRIBUTES }, (_, i) => (i === NAME ? codes.code(NAME, name) : 0)),
      line: Buffer.from(csvLine(['', '', name, '', String(date), uid])),
    });
  }
  codes.flush();
  merge.apply();
  return database;
}

const linesOf = (bytes: Uint8Array) => Buffer.from(bytes).toString().trimEnd().split('\n');

test('newest first is the order of all answers reversed, whatever the pattern', async () => {
  const database = indexOfManyNames();
  for (const pattern of ['1', '.', '7$', 'Name 4']) {
    const query = await makeQuery({ targets: 'PatientName', pattern });
    const known = { texts: freshTexts(database), numbers: NOTHING_KEPT };
    const all = [...searchRows(database, query, known)].flatMap(({ lines }) => linesOf(lines));
    const wanted = Array.from({ length: SERIES }, (_, i) => `Name ${i}`).filter((name) =>
      new RegExp(pattern).test(name),
    );
    assert.equal(all.length, wanted.length);
    for (const descending of [true, false]) {
      const request = { orderBy: 'StudyDate', descending, rows: SERIES, after: undefined } as const;
      const { lines } = orderedRows(database, query, request, known);
      assert.deepEqual(linesOf(lines), descending ? all.toReversed() : all, `${pattern} ${descending}`);
    }
  }
  database.close();
});
