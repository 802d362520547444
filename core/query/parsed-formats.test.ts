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
