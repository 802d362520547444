import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWindow, untilClosed, untilOpen } from './time-window.ts';

const at = (hour: number, minute: number) => new Date(2026, 5, 10, hour, minute, 30);
const MINUTE = 60_000;

test('a window over midnight', () => {
  const window = parseWindow('19:00-06:00')!;
  assert.deepEqual(window, { from: 1140, to: 360 });
  assert.equal(untilOpen(window, at(19, 0)), 0);
  assert.equal(untilOpen(window, at(23, 59)), 0);
  assert.equal(untilOpen(window, at(5, 59)), 0);
  assert.equal(untilOpen(window, at(6, 0)), 13 * 60 * MINUTE - 30_000);
  assert.equal(untilOpen(window, at(18, 59)), 30_000);
});

test('a window within a day', () => {
  const window = parseWindow(' 8:30-24:00 ')!;
  assert.equal(untilOpen(window, at(8, 30)), 0);
  assert.equal(untilOpen(window, at(23, 59)), 0);
  assert.equal(untilOpen(window, at(0, 0)), 8.5 * 60 * MINUTE - 30_000);
  assert.equal(untilOpen(parseWindow('01:00-02:00')!, at(3, 0)), 22 * 60 * MINUTE - 30_000);
});

test('what is no window', () => {
  for (const text of ['', '19-06', '25:00-06:00', '19:60-06:00', '19:00', '06:00-06:00', '24:01-03:00'])
    assert.equal(parseWindow(text), undefined, text);
});

test('how long it stays open', () => {
  const window = parseWindow('19:00-06:00')!;
  assert.equal(untilClosed(window, at(19, 0)), 11 * 60 * MINUTE - 30_000);
  assert.equal(untilClosed(window, at(5, 59)), 30_000);
  assert.equal(untilClosed(parseWindow('08:00-24:00')!, at(23, 0)), 60 * MINUTE - 30_000);
});
