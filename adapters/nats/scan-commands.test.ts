// A scan is asked for until somebody answers, on a real server: whoever was asked first may be gone.
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StartedScan, StartScan } from '../../core/ports/scan-commands.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';
import { natsHere } from '../../test/contracts/nats-here.ts';
import type { Cluster } from './connection.ts';
import { NatsScanCommandSource, NatsScanCommands, newScan } from './scan-commands.ts';

const nats = natsHere({ after });
const scanners: NatsScanCommandSource[] = [];
const PATIENCE = { most: 2_000, askAgain: 200 };

const onNats = (title: string, check: (cluster: Cluster) => Promise<void>) =>
  void test(title, { timeout: 30_000 }, async (t: TestContext) => {
    const cluster = await partOrSkip(t, () => nats.fresh());
    if (cluster === undefined) return;
    await check(cluster);
    // The next test has the same server.
    for (const source of scanners.splice(0)) await source.stop();
  });

const request = (): StartScan => ({ scan: newScan(), archive: 'a', append: true, acceptDeletions: false });
const started = ({ scan }: StartScan): StartedScan => ({ scan, archive: { name: 'a', number: 1 }, knownFiles: 7 });
const silent = () => new Promise<never>(() => {});

function scanner({ connection }: Cluster, start: (asked: StartScan) => Promise<StartedScan>): NatsScanCommandSource {
  const source = new NatsScanCommandSource(connection, () => {});
  source.serve('a', '/mnt/a', start);
  scanners.push(source);
  return source;
}

onNats('a scanner that takes the request and dies is followed by one that comes later', async (cluster) => {
  const asked: StartScan[] = [];
  scanner(cluster, (what) => {
    asked.push(what);
    return silent();
  });
  const wanted = request();
  const answer = new NatsScanCommands(cluster.connection, PATIENCE).start(wanted);
  while (asked.length === 0) await sleep(5);
  await scanners.pop()!.stop();
  // In between nobody is there at all.
  await sleep(500);
  scanner(cluster, async (what) => {
    asked.push(what);
    return started(what);
  });
  assert.deepEqual(await answer, started(wanted));
  assert.ok(asked.length >= 2);
  assert.deepEqual(new Set(asked.map(({ scan }) => scan)), new Set([wanted.scan]));
});

onNats('an answer that takes long is waited for', async (cluster) => {
  let times = 0;
  scanner(cluster, async (what) => {
    // Only the first request is ever answered.
    if (times++ > 0) return silent();
    await sleep(900);
    return started(what);
  });
  const wanted = request();
  assert.deepEqual(await new NatsScanCommands(cluster.connection, PATIENCE).start(wanted), started(wanted));
  assert.ok(times > 1);
});

onNats('where nobody answers it is said which scan may begin all the same', async (cluster) => {
  scanner(cluster, silent);
  const wanted = request();
  await assert.rejects(new NatsScanCommands(cluster.connection, PATIENCE).start(wanted), (error: Error) => {
    assert.match(
      error.message,
      new RegExp(`^No scanner has said within 2 s .*"a".* the scan ${wanted.scan} has begun`),
    );
    return (error as Error & { code: string }).code === 'scanner-silent';
  });
});

onNats('where there is no scanner it is said at once', async (cluster) => {
  const began = performance.now();
  const commands = new NatsScanCommands(cluster.connection);
  await assert.rejects(commands.start(request()), { code: 'no-scanner' });
  assert.ok(performance.now() - began < 10_000);
});
