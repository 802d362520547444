// A scan of which nothing comes tells what it waits for, on a real NATS server.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { NatsIndexGenerations } from '../../../adapters/nats/index-generations.ts';
import { NatsScanCommandSource } from '../../../adapters/nats/scan-commands.ts';
import { NatsScanQueue } from '../../../adapters/nats/scan-queue.ts';
import { NatsScanRegistry } from '../../../adapters/nats/scan-registry.ts';
import { ensureIndexer } from '../../../adapters/nats/streams.ts';
import type { ScanState } from '../../../core/jobs/scan-state.ts';
import { partOrSkip } from '../../../scripts/parts/parts.ts';
import { natsHere } from '../../../test/contracts/nats-here.ts';
import { watchScan } from './watch-scan.ts';

const nats = natsHere({ after });
const SCAN = 'scan-1';

test('what a scan waits for is told while nothing comes, and not any more when it goes on', {
  timeout: 60_000,
}, async (t) => {
  const cluster = await partOrSkip(t, () => nats.fresh());
  if (cluster === undefined) return;
  const registry = await NatsScanRegistry.open(cluster, 1);
  await NatsIndexGenerations.open(cluster, 1);
  const archive = await registry.archive('a');
  const state: ScanState = {
    id: SCAN,
    archive,
    append: false,
    acceptDeletions: false,
    startedAt: new Date().toISOString(),
    status: 'scanning',
    knownFiles: 0,
    knownInstances: 0,
  };
  await registry.add(state);
  const queue = new NatsScanQueue(cluster, async () => {});
  const jobs = [{ job: 'scan-folder', folder: '' }] as const;
  await queue.add({ scan: SCAN, archive, acceptDeletions: false, isNew: true, jobs });

  const scanner = new NatsScanCommandSource(cluster.connection, () => {});
  const told: (string | undefined)[] = [];
  // Each thing that it is found to wait for is brought, then the next one.
  const bring: Record<string, () => unknown> = {
    'a-scanner': () => scanner.serve('a', '/mnt/a', () => new Promise<never>(() => {})),
    'the-index': () => ensureIndexer(cluster.manager, 1),
    'the-archive': async () => {
      const { state: now, revision } = (await registry.find(SCAN))!;
      await registry.replace({ ...now, status: 'done', endedAt: new Date().toISOString() }, revision);
    },
  };
  const watched = await watchScan(cluster, SCAN, {
    url: 'here',
    still: 300,
    signal: AbortSignal.timeout(50_000),
    onProgress: ({ waitsFor }) => {
      if (waitsFor === told.at(-1)) return;
      told.push(waitsFor);
      if (waitsFor !== undefined) void bring[waitsFor]!();
    },
  });
  await scanner.stop();
  assert.deepEqual(told, ['a-scanner', 'the-index', 'the-archive']);
  assert.equal(watched.state.status, 'done');
});
