// However many rows there are: those in sight are in the document, where they are to be seen, and the last can be reached.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ROW, rowsInSight } from './rows-in-sight.ts';

const counts = fc.oneof(fc.nat(200), fc.nat(50_000_000));
const heights = fc.integer({ min: 100, max: 2_000 });

test('what is in sight is covered by rows, at their places', () => {
  fc.assert(
    fc.property(counts, heights, fc.double({ min: 0, max: 1, noNaN: true }), (count, height, share) => {
      const whole = Math.min(count * ROW, 15_000_000);
      const top = share * Math.max(0, whole - height);
      const { first, last, before, after } = rowsInSight(count, top, height);
      assert.ok(first >= 0 && first <= last && last <= count);
      assert.ok(last - first <= height / ROW + 23, `${last - first} rows`);
      assert.ok(before <= top + 1 || first === 0, `${before} before ${top}`);
      const end = before + (last - first) * ROW;
      assert.ok(end >= Math.min(top + height, whole) - 1, `${end} of ${top + height}`);
      assert.ok(Math.abs(end + after - whole) <= ROW + 1, `${end + after} of ${whole}`);
      if (share === 0) assert.equal(first, 0);
      if (share === 1) assert.equal(last, count);
    }),
    { numRuns: 1000 },
  );
});

test('a table that fits is scrolled pixel by pixel', () => {
  assert.deepEqual(rowsInSight(1000, 3000, 600), { first: 90, last: 130, before: 2700, after: 26_100 });
});

test('each row of two million comes into sight', () => {
  const [count, height] = [2_000_000, 600];
  let next = 0;
  for (let top = 0; top <= 15_000_000 - height; top += 100) {
    const { first, last } = rowsInSight(count, top, height);
    assert.ok(first <= next, `${next} is left out`);
    next = Math.max(next, last);
  }
  assert.equal(next, count);
});
