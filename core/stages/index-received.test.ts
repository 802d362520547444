import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { IndexReceived } from './index-received.ts';

const PAUSES = { quiet: 100, most: 500, again: 1_000 };

/** Time of its own, and a scan that ends, or fails, when it is told to. */
function indexing(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const scans: { end(): void; fail(): void }[] = [];
  const failures: unknown[] = [];
  const scan = () =>
    new Promise<void>((resolve, reject) => scans.push({ end: resolve, fail: () => reject(new Error('busy')) }));
  const index = new IndexReceived(scan, (error) => failures.push(error), PAUSES);
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const pass = (milliseconds: number) => {
    now += milliseconds;
    t.mock.timers.tick(milliseconds);
  };
  return { index, scans, failures, settle, pass };
}

test('many instances are one scan, when none came for a while', async (t) => {
  const { index, scans, settle, pass } = indexing(t);
  for (let n = 0; n < 4; n++) {
    index.received();
    pass(99);
  }
  assert.equal(scans.length, 0);
  pass(1);
  assert.equal(scans.length, 1);
  scans[0]!.end();
  await settle();
  pass(100_000);
  assert.equal(scans.length, 1);
});

test('where they never cease, a scan comes all the same', (t) => {
  const { index, scans, pass } = indexing(t);
  for (let n = 0; n < 9; n++) {
    index.received();
    pass(50);
  }
  assert.equal(scans.length, 0);
  index.received();
  pass(50);
  assert.equal(scans.length, 1);
});

test('what comes during a scan gets another one, never two at a time', async (t) => {
  const { index, scans, settle, pass } = indexing(t);
  index.received();
  pass(100);
  index.received();
  pass(10_000);
  assert.equal(scans.length, 1);
  scans[0]!.end();
  await settle();
  pass(1_000);
  assert.equal(scans.length, 2);
  index.received();
  scans[1]!.end();
  await settle();
  // It waits as any other instance does.
  pass(99);
  assert.equal(scans.length, 2);
  pass(1);
  assert.equal(scans.length, 3);
});

test('a scan that fails is told and tried again after its pause, however many instances come meanwhile', async (t) => {
  const { index, scans, failures, settle, pass } = indexing(t);
  index.received();
  pass(100);
  scans[0]!.fail();
  await settle();
  assert.deepEqual(failures.map(String), ['Error: busy']);
  for (let n = 0; n < 10; n++) {
    index.received();
    pass(99);
  }
  assert.equal(scans.length, 1);
  pass(10);
  assert.equal(scans.length, 2);
  scans[1]!.end();
  await settle();
  // Afterwards all is as before.
  index.received();
  pass(100);
  assert.equal(scans.length, 3);
});

test('a scan that fails is tried again also where nothing more comes', async (t) => {
  const { index, scans, settle, pass } = indexing(t);
  index.received();
  pass(100);
  scans[0]!.fail();
  await settle();
  pass(1_000);
  assert.equal(scans.length, 2);
});

test('its end waits for a scan behind which nothing came', async (t) => {
  const { index, scans, settle, pass } = indexing(t);
  index.received();
  pass(100);
  let isClosed = false;
  const closed = index.close().then(() => (isClosed = true));
  await settle();
  assert.deepEqual([scans.length, isClosed], [1, false]);
  scans[0]!.end();
  await closed;
  assert.equal(scans.length, 1);
});

test('its end waits for the scan, and for another one where something came that it may have missed', async (t) => {
  const { index, scans, settle, pass } = indexing(t);
  index.received();
  pass(100);
  index.received();
  let isClosed = false;
  const closed = index.close().then(() => (isClosed = true));
  await settle();
  assert.deepEqual([scans.length, isClosed], [1, false]);
  scans[0]!.end();
  await settle();
  assert.deepEqual([scans.length, isClosed], [2, false]);
  scans[1]!.end();
  await closed;
  pass(100_000);
  assert.equal(scans.length, 2);
});

test('its end does not wait for a pause, and not for what fails', async (t) => {
  const { index, scans, failures, settle } = indexing(t);
  index.received();
  const closed = index.close();
  await settle();
  scans[0]!.fail();
  await closed;
  assert.equal(failures.length, 1);
});

test('where nothing was received nothing is scanned', async (t) => {
  const { index, scans } = indexing(t);
  await index.close();
  index.received();
  assert.equal(scans.length, 0);
});
