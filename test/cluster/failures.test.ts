// What can go wrong around a cluster while it scans: a part that is away for some seconds, an index that takes nothing,
// a mount that goes, a person who interrupts. The scan waits, and ends right by itself; nothing is lost or doubled.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCluster } from '../../adapters/nats/connection.ts';
import { NatsRecordLog } from '../../adapters/nats/record-log.ts';
import type { IndexOutcome, Jobs, Workspace } from '../../cli/workspaces/workspace.ts';
import { type RunningCluster, startCluster } from '../../scripts/parts/cluster.ts';
import { MissingPart } from '../../scripts/parts/parts.ts';
import { startDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { indexAnswers } from '../index/index-here.ts';
import { dicomFile, LONG_AGO, writeFile } from '../index/make-archive.ts';
import { clusterWorkspace, index, localWorkspace } from './clusters.ts';

const FILES = 1500;

describe('a cluster in trouble', () => {
  const home = temporaryFolder({ after });
  const archive = path.join(home, 'archive');
  let cluster: RunningCluster | undefined;
  let missing = '';
  let here: Workspace;
  let there: Workspace;
  let generation = 0;

  /** Every file gets another description. */
  function change(): void {
    generation++;
    for (let i = 0; i < FILES; i++) {
      const content = dicomFile({
        SeriesInstanceUID: `1.2.${Math.floor(i / 3)}`,
        SOPInstanceUID: `1.9.${i}`,
        StudyInstanceUID: `1.3.${i % 200}`,
        StudyDate: String(20000101 + (i % 28)),
        SeriesDescription: `generation ${generation} of ${i % 50}`,
      });
      writeFile(archive, `y${i % 5}/f${i % 60}/${i}`, content, LONG_AGO + generation * 100);
    }
  }

  async function answers(workspace: Workspace): Promise<unknown> {
    const opened = await workspace.openIndex(undefined);
    try {
      return await indexAnswers(opened, (name) => (name === 'troubled' ? archive : name));
    } finally {
      await opened.close();
    }
  }

  async function isRight(outcome: IndexOutcome): Promise<void> {
    assert.equal(outcome.report.instances, FILES);
    assert.deepEqual(outcome.unreadable, []);
    await index(here, archive);
    assert.deepEqual(await answers(there), await answers(here));
  }

  const scenario = (name: string, body: (running: RunningCluster, t: TestContext) => Promise<void>) =>
    void test(name, { timeout: 90_000 }, async (t) => {
      if (cluster === undefined) return t.skip(`NOT RUN: ${missing}`);
      change();
      await body(cluster, t);
    });

  /** Starts a scan; what it gives is looked at later. */
  function begin(): Promise<IndexOutcome> {
    const scan = index(there, 'troubled');
    scan.catch(() => {});
    return scan;
  }

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

  before(async () => {
    const stateFolder = path.join(home, 'cluster');
    fs.mkdirSync(stateFolder);
    fs.mkdirSync(archive);
    try {
      cluster = await startCluster({ stateFolder, archives: new Map([['troubled', archive]]), scanners: 2 });
    } catch (error) {
      if (!(error instanceof MissingPart) || process.env['DITAG_REQUIRE_PARTS'] === '1') throw error;
      missing = error.message;
      return;
    }
    here = localWorkspace(home);
    there = clusterWorkspace(cluster.addresses.nats);
    jobs = await there.jobs();
  });
  after(async () => {
    await jobs?.close();
    await cluster?.stop();
  });

  scenario('nothing goes wrong', async () => isRight(await begin()));

  scenario('records that are delivered again change nothing', async (running) => {
    await isRight(await begin());
    const before = await answers(there);
    const nats = await openCluster({ url: running.addresses.nats }, 'test');
    const log = new NatsRecordLog(nats);
    // The same states once more: new positions, nothing new in them.
    for await (const { entry, sequence } of log.entries({ name: 'troubled', number: 1 }))
      await log.write(entry, sequence);
    await nats.close();
    await isRight(await begin());
    assert.deepEqual(await answers(there), before);
  });

  scenario('an index that takes nothing holds up the scan, and it ends when it does again', async (running) => {
    await putSettings(running, { 'index.blocks.read_only_allow_delete': true });
    const scan = begin();
    await untilStatus('publishing');
    await sleep(1_000);
    assert.equal((await scans())[0]!.status, 'publishing');
    await putSettings(running, { 'index.blocks.read_only_allow_delete': null });
    await isRight(await scan);
    assert.deepEqual(await jobs!.failed(), []);
  });

  scenario('Elasticsearch is away during a scan', async (running) => {
    const scan = begin();
    await untilStatus('scanning', 'publishing');
    await running.restartElasticsearch();
    await isRight(await scan);
  });

  scenario('the mount is away during a scan', async () => {
    const scan = begin();
    await untilStatus('scanning');
    fs.renameSync(archive, `${archive}-away`);
    await sleep(1_500);
    fs.renameSync(`${archive}-away`, archive);
    // What could not be read while it was away keeps what is known of it, and is read by the next scan.
    await scan;
    await isRight(await begin());
  });

  scenario('a scan that is under way is not begun again, and can be cancelled', async () => {
    const scan = begin();
    const id = await untilStatus('scanning', 'publishing');
    await assert.rejects(index(there, 'troubled'), { code: 'scan-running' });
    const cancelled = await jobs!.cancel(id);
    if (cancelled) await assert.rejects(scan, { code: 'scan-cancelled' });
    else await scan;
    await isRight(await begin());
  });

  scenario('of scans that are asked for at once one begins', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, begin));
    const refused = outcomes.filter((each) => each.status === 'rejected');
    for (const { reason } of refused) assert.equal(reason.code, 'scan-running');
    assert.equal(refused.length, 5);
    await isRight(await begin());
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
    await isRight(await begin());
  });

  scenario('all but one folder are replaced, and that is accepted', async () => {
    await begin();
    for (const name of fs.readdirSync(archive))
      fs.renameSync(path.join(archive, name), path.join(archive, `new ${name}`));
    await assert.rejects(index(there, 'troubled'), { code: 'archive-other' });
    const { report } = await index(there, 'troubled', { acceptDeletions: true });
    assert.equal(report.instances, FILES);
    await index(here, archive, { acceptDeletions: true });
    assert.deepEqual(await answers(there), await answers(here));
  });
});
