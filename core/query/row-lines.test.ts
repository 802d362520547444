import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { firstRows } from './row-lines.ts';

test('rows are cut where their lines end, and their further columns with them', () => {
  const text = ['a,1\n', '"b\n,""",2\n', 'c,3\n'];
  const batch = { rows: 3, lines: Buffer.from(text.join('')), more: [['x'], ['y'], ['z']] };
  for (const count of [0, 1, 2, 3, 4]) {
    const { rows, lines, more } = firstRows(batch, count);
    assert.deepEqual(
      [rows, Buffer.from(lines).toString(), more],
      [Math.min(count, 3), text.slice(0, count).join(''), batch.more.slice(0, count)],
    );
  }
  assert.equal(firstRows({ ...batch, more: undefined }, 1).more, undefined);
});

test('rows that are not as they were written are damaged: told, and never looked through without end', () => {
  const lines = Buffer.from('a,b\n"c,d\n');
  assert.throws(() => firstRows({ rows: 3, lines, more: undefined }, 2), { code: 'damaged-rows' });
});
