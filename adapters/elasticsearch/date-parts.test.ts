import assert from 'node:assert/strict';
import { test } from 'node:test';
import { datePartsOf } from './date-parts.ts';

const counts = (...each: readonly (readonly [number, number])[]) => each.map(([month, series]) => ({ month, series }));

test('months are put together up to a page, and follow each other without a gap', () => {
  const months = counts([20250100, 40], [20250200, 50], [20250300, 20], [20260500, 100], [20260600, 1]);
  assert.deepEqual(datePartsOf(months, 100), [
    { from: undefined, before: 20250300 },
    { from: 20250300, before: 20260500 },
    { from: 20260500, before: 20260600 },
    { from: 20260600, before: undefined },
  ]);
});

test('a month that is larger than a page is a part by itself, and nothing is one part', () => {
  assert.deepEqual(datePartsOf(counts([0, 500], [20250100, 10], [20250200, 900]), 100), [
    { from: undefined, before: 20250100 },
    { from: 20250100, before: 20250200 },
    { from: 20250200, before: undefined },
  ]);
  assert.deepEqual(datePartsOf([], 100), [{ from: undefined, before: undefined }]);
});
