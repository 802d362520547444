// Which scans a scanner forgets, and that those that are under way do not wait for it.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ScanState } from '../../core/jobs/scan-state.ts';
import type { KnownScan } from '../../core/ports/scan-registry.ts';
import { type KeeperPorts, ScanKeeper } from './scan-keeper.ts';

const DAY = 86_400_000;

function ended(id: string, daysAgo: number): KnownScan {
  const endedAt = new Date(Date.now() - daysAgo * DAY).toISOString();
  const flags = { append: true, acceptDeletions: false, knownFiles: 0, knownInstances: 0 };
  const state: ScanState = {
    id,
    archive: { name: 'a', number: 1 },
    ...flags,
    startedAt: endedAt,
    endedAt,
    status: 'done',
  };
  return { state, revision: 1, changedAt: Date.parse(endedAt) };
}

/** A keeper over a registry that is played, until the test ends. */
function kept(t: TestContext, all: readonly KnownScan[], remove: (id: string) => Promise<void>) {
  const looks: number[] = [];
  const told: string[] = [];
  const registry = {
    all: async () => all,
    active: async () => {
      looks.push(performance.now());
      return [];
    },
    remove,
  };
  const logger = { info: () => {}, warn: (_: object, message: string) => void told.push(message) };
  const ending = new AbortController();
  const keeper = new ScanKeeper({ registry, logger, queue: {} } as unknown as KeeperPorts, ending.signal);
  const running = keeper.run();
  t.after(async () => {
    ending.abort();
    await running;
  });
  return { looks, told };
}

test('scans are forgotten 30 days after their end, and the oldest of more than 1,000', async (t) => {
  const removed: string[] = [];
  const old = [ended('old', 31), ended('very-old', 90), ended('not-yet', 29.9)];
  const underWay = ended('scanning', 40);
  old.push({ ...underWay, state: { ...underWay.state, status: 'scanning' } });
  kept(t, [...Array.from({ length: 990 }, (_, i) => ended(`s${i}`, i / 100)), ...old], async (id) => {
    removed.push(id);
  });
  for (let i = 0; i < 100 && removed.length < 2; i++) await sleep(20);
  assert.deepEqual(removed, ['old', 'very-old']);
  const many: string[] = [];
  kept(
    t,
    Array.from({ length: 1_003 }, (_, i) => ended(`s${i}`, i / 1000)),
    async (id) => {
      many.push(id);
    },
  );
  for (let i = 0; i < 100 && many.length < 3; i++) await sleep(20);
  await sleep(50);
  assert.deepEqual(many, ['s1000', 's1001', 's1002']);
});

test('scans under way are looked at while others are forgotten, and when that fails', async (t) => {
  const slow = kept(t, [ended('old', 31)], () => new Promise(() => {}));
  const failing = kept(t, [ended('old', 31)], () => Promise.reject(new Error('no responders')));
  for (let i = 0; i < 200 && Math.min(slow.looks.length, failing.looks.length) < 3; i++) await sleep(20);
  assert.ok(slow.looks.length >= 3 && failing.looks.length >= 3);
  assert.deepEqual(failing.told, ['scans that ended could not be forgotten']);
});
