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

test('a column that is asked for twice is there once, in its first place', () => {
  for (const name of ['json', 'ndjson'] as const) {
    const format = parsedFormat(name, ['KVP', 'PatientID', 'KVP']);
    const lines = Buffer.from('a,b,c,d,e,f\n');
    const text = `${format.begin()}${format.batch({ rows: 1, lines, more: [['120', 'a', '120']] })}${format.end()}`;
    const keys = Array.from(text.matchAll(/"(\w+)":/g), ([, key]) => key);
    assert.equal(new Set(keys).size, 7);
    assert.deepEqual([keys.length, keys.at(-1)], [7, 'KVP']);
  }
});

test('columns of a table stand below one another, whatever the script; a value of 40 characters is whole', () => {
  const format = parsedFormat('table', []);
  format.begin();
  const [whole, long] = ['x'.repeat(40), 'y'.repeat(41)];
  const lines = Buffer.from(`山田^太郎,b,${whole},d,e,f\nname,b,${long},d,e,f\n`);
  format.batch({ rows: 2, lines, more: undefined });
  const [, rule, wide, narrow] = format.end().trimEnd().split('\n') as [string, string, string, string];
  assert.ok(wide.includes(whole) && narrow.includes(`${'y'.repeat(39)}…`));
  const first = rule.indexOf(' ');
  // Four characters of two places each.
  assert.equal(wide.indexOf(' b ') + 4, narrow.indexOf(' b '));
  assert.equal(narrow.indexOf(' b '), first + 1);
});
