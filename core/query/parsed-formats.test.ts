import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { parsedFormat } from './parsed-formats.ts';

test('a table shows no character that a terminal would obey', () => {
  const text = 'a\x1b[31mb\x9b31mc\x85d\x7fe\u2028f\u202eg\u2066h';
  const format = parsedFormat('table', []);
  format.begin();
  format.batch({ rows: 1, lines: Buffer.from(`1,2,3,4,5,"${text}"\n`), more: undefined });
  const [, row] = format.end().trimEnd().split('\n').slice(-2) as [string, string];
  assert.match(row, /a \[31mb 31mc d e f g h$/);
});

test('keys stand in the order of the columns, also those that look like numbers', () => {
  const format = parsedFormat('ndjson', ['Rows', '60020010']);
  const lines = Buffer.from('"a ""1""",b,c,d,e,f\n');
  const line = String(format.batch({ rows: 1, lines, more: [['512', 'x']] }));
  assert.deepEqual([...line.matchAll(/"(\w+)":/g)].map(([, key]) => key).slice(-3), [
    'SeriesInstanceUID',
    'Rows',
    '60020010',
  ]);
  assert.deepEqual(Object.entries(JSON.parse(line)).slice(0, 2), [
    ['60020010', 'x'],
    ['StudyDescription', 'a "1"'],
  ]);
});

test('rows that cannot be read again are damaged', () => {
  const lines = Buffer.from('a,b,c\nd\n');
  assert.throws(() => parsedFormat('json', []).batch({ rows: 2, lines, more: undefined }), { code: 'damaged-rows' });
});
