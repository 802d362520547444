// Numbers are read once as long as they fit; what does not fit is read each time, and what is kept stays.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeptNumbers, NOTHING_KEPT } from './kept-numbers.ts';
import { pageColumns } from './series-page.ts';

test('as much is kept as fits', () => {
  let reads = 0;
  const codes = (rows: number) => () => {
    reads++;
    return new Int32Array(rows);
  };
  const columns = () => {
    reads++;
    return pageColumns(new Uint8Array(6 * 4 * 10));
  };
  const kept = new KeptNumbers(640);
  const first = kept.codesOf(1, codes(100));
  assert.equal(kept.codesOf(1, codes(100)), first);
  assert.equal(kept.columnsOf(1, columns), kept.columnsOf(1, columns));
  assert.equal(reads, 2);
  // 640 bytes are taken.
  assert.notEqual(kept.codesOf(2, codes(1)), kept.codesOf(2, codes(1)));
  assert.equal(kept.codesOf(1, codes(100)), first);
  assert.equal(reads, 4);
  assert.notEqual(NOTHING_KEPT.codesOf(1, codes(1)), NOTHING_KEPT.codesOf(1, codes(1)));
});
