// What can go wrong around a cluster while it scans: a part that is away for some seconds, an index that takes nothing,
// a mount that goes, a person who interrupts. The scan waits, and ends right by itself; nothing is lost or doubled.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCluster } from '../../adapters/nats/connection.ts';
import { NatsRecordLog } from '../../adapters/nats/record-log.ts';
import type { Jobs } from '../../cli/workspaces/workspace.ts';
import type { RunningCluster } from '../../scripts/parts/cluster.ts';
import { startDitag } from '../cli/run-ditag.ts';
import { writeGeneration } from '../index/make-archive.ts';
import { ComparedCluster, index } from './clusters.ts';

const FILES = 1500;

describe('a cluster in trouble', () => {
  const compared = new ComparedCluster({ after }, 'troubled');
  const { archive, home } = compared;
  let generation = 0;

  /** Every file gets another description. */
  function change(): void {
    generation++;
    for (let i = 0; i < FILES; i++) writeGeneration(archive, `y${i % 5}/f${i % 60}/${i}`, i, generation);
  }

  const scenario = (name: string, body: (running: RunningCluster) => Promise<void>) =>
    void test(name, { timeout: 90_000 }, async (t) => {
      const cluster = await compared.orSkip(t);
      if (cluster === undefined) return;
      change();
      await body(cluster);
    });

  async function putSettings(running: RunningCluster, body: unknown): Promise<void> {
    const url = `${running.addresses.elasticsearch}/_all/_settings`;
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'PUT', headers, body: JSON.stringify(body) });
    assert.equal(response.status, 200, await response.text());
  }

  /** One connection for all that look: each has its own places in the streams. */
  let jobs: Jobs | undefined;
  const scans = () => jobs!.scans();

  /** Waits until the newest scan is in one of these states. */
  async function untilStatus(...wanted: string[]): Promise<string> {
    for (let i = 0; i < 600; i++) {
      const newest = (await scans())[0];
      if (newest !== undefined && wanted.includes(newest.status)) return newest.id;
      await sleep(50);
    }
    return assert.fail(`no scan came to be ${wanted.join(' or ')}`);
  }

  before(() =>
    compared.start(2, async () => {
      jobs = await compared.there.jobs();
    }),
  );
  after(() => jobs?.close());

  scenario('nothing goes wrong', async () => compared.isRight(await compared.begin()));

  scenario('records that are delivered again change nothing', async (running) => {
    await compared.isRight(await compared.begin());
    const before = await compared.answers(compared.there);
    const nats = await openCluster({ url: running.addresses.nats }, 'test');
    const log = new NatsRecordLog(nats);
    // The same states once more: new positions, nothing new in them.
    for await (const { entry, sequence } of log.entries({ name: 'troubled', number: 1 }))
      await log.write(entry, sequence);
    await nats.close();
    await compared.isRight(await compared.begin());
    assert.deepEqual(await compared.answers(compared.there), before);
  });

  scenario('an index that takes nothing holds up the scan, and it ends when it does again', async (running) => {
    await putSettings(running, { 'index.blocks.read_only_allow_delete': true });
    const scan = compared.begin();
    await untilStatus('publishing');
    await sleep(1_000);
    assert.equal((await scans())[0]!.status, 'publishing');
    await putSettings(running, { 'index.blocks.read_only_allow_delete': null });
    await compared.isRight(await scan);
    assert.deepEqual(await jobs!.failed(), []);
  });

  scenario('Elasticsearch is away during a scan', async (running) => {
    const scan = compared.begin();
    await untilStatus('scanning', 'publishing');
    await running.restartElasticsearch();
    await compared.isRight(await scan);
  });

  for (const [what, leave] of [
    ['the mount is away', () => {}],
    ['the mount point is empty', () => fs.mkdirSync(archive)],
  ] as const) {
    scenario(`${what} during a scan: the archive waits, and nothing of it goes`, async (running) => {
      const nats = await openCluster({ url: running.addresses.nats }, 'test');
      const log = new NatsRecordLog(nats);
      const counted = async () => {
        const opened = await compared.there.openIndex(undefined);
        try {
          return (await opened.statistics()).instances;
        } finally {
          await opened.close();
        }
      };
      try {
        const scan = compared.begin();
        await untilStatus('scanning');
        fs.renameSync(archive, `${archive}-away`);
        leave();
        // What was read before it went may still be on its way.
        await sleep(1_000);
        const written = await log.end();
        await sleep(1_500);
        assert.equal((await scans())[0]!.status, 'scanning');
        assert.equal(await log.end(), written);
        assert.equal(await counted(), FILES);
        fs.rmSync(archive, { recursive: true, force: true });
        fs.renameSync(`${archive}-away`, archive);
        await compared.isRight(await scan);
        assert.equal(await counted(), FILES);
      } finally {
        await nats.close();
      }
    });
  }

  scenario('a scan that is under way is not begun again, and can be cancelled', async () => {
    const scan = compared.begin();
    const id = await untilStatus('scanning', 'publishing');
    await assert.rejects(index(compared.there, 'troubled'), { code: 'scan-running' });
    const cancelled = await jobs!.cancel(id);
    if (cancelled) await assert.rejects(scan, { code: 'scan-cancelled' });
    else await scan;
    await compared.isRight(await compared.begin());
  });

  scenario('of scans that are asked for at once one begins', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => compared.begin()));
    const refused = outcomes.filter((each) => each.status === 'rejected');
    for (const { reason } of refused) assert.equal(reason.code, 'scan-running');
    assert.equal(refused.length, 5);
    await compared.isRight(await compared.begin());
  });

  scenario('Ctrl-C leaves the scan to the cluster', async (running) => {
    const args = ['--nats', running.addresses.nats, 'index', '--archive', 'troubled'];
    const { child, ended } = startDitag(args, { home });
    await Promise.race([untilStatus('scanning', 'publishing'), ended]);
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    assert.equal(code, 130, stderr);
    assert.match(stderr, /goes on without this command: `ditag jobs`/);
    await untilStatus('done');
    await compared.isRight(await compared.begin());
  });

  scenario('all but one folder are replaced, and that is accepted', async () => {
    await compared.begin();
    for (const name of fs.readdirSync(archive))
      fs.renameSync(path.join(archive, name), path.join(archive, `new ${name}`));
    await assert.rejects(index(compared.there, 'troubled'), { code: 'archive-other' });
    const { report } = await index(compared.there, 'troubled', { acceptDeletions: true });
    assert.equal(report.instances, FILES);
    await index(compared.here, archive, { acceptDeletions: true });
    await compared.areSame();
  });
});
