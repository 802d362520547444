import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from './pace.ts';

/** After any pause (milliseconds). */
const LATER = 3_600_000;

test('refusals halve the retrievals and pause longer each time', () => {
  const pace = new Pace(8);
  assert.equal(pace.limit(0), 8);
  pace.refused(0);
  // Others that were under way at that moment.
  pace.refused(10);
  assert.deepEqual([pace.limit(999), pace.limit(1_000)], [0, 4]);
  pace.refused(1_000);
  assert.deepEqual([pace.limit(2_999), pace.limit(3_000)], [0, 2]);
  for (let i = 1; i <= 20; i++) pace.refused(i * LATER);
  assert.equal(pace.limit(21 * LATER), 1);
});

test('what goes well gives one more at a time, up to the most', () => {
  const pace = new Pace(3);
  pace.refused(0);
  assert.equal(pace.limit(LATER), 1);
  const limits: number[] = [];
  for (let i = 0; i < 40; i++) {
    pace.wentWell(10, 100);
    limits.push(pace.limit(LATER));
  }
  assert.deepEqual([limits[6], limits[7], limits[15], limits[39]], [1, 2, 3, 3]);
});

test('a PACS that grows slow gets fewer, without a pause', () => {
  const pace = new Pace(4);
  for (let i = 0; i < 10; i++) pace.wentWell(100, 100);
  for (let i = 0; i < 10; i++) pace.wentWell(100, 2_000);
  assert.ok(pace.limit(0) < 4 && pace.limit(0) >= 1);
});

test('after what went well a refusal pauses as shortly as the first', () => {
  const pace = new Pace(8);
  pace.refused(0);
  pace.refused(LATER);
  pace.wentWell(1, 1);
  pace.refused(2 * LATER);
  assert.deepEqual([pace.limit(2 * LATER + 999), pace.limit(2 * LATER + 1_000)], [0, 1]);
});
