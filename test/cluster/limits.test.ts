// A cluster at its limits: JetStream has no room, the record log has none, the index is far behind. The scan waits and
// does not say that it is complete; when there is room again it ends, and what is indexed is the truth.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, openCluster } from '../../adapters/nats/connection.ts';
import { indexerConsumer, RECORDS } from '../../adapters/nats/streams.ts';
import type { Jobs } from '../../cli/workspaces/workspace.ts';
import type { RunningCluster, RunningService } from '../../scripts/parts/cluster.ts';
import { writeGeneration } from '../index/make-archive.ts';
import { ComparedCluster } from './clusters.ts';
import { ServicesHere } from './services-here.ts';

const FOLDERS = 600;
/** A stream that is not ditag's. */
const OTHER = 'OTHER';
const MEGABYTE = 1024 * 1024;
/** What the NATS server may keep. */
const MOST_STORED = 64 * MEGABYTE;
/** Room for a part of what a scan stores (bytes). */
const ROOM = 64 * 1024;
/** Nothing has been stored for so long: the scan waits (milliseconds). */
const STILL = 1_500;
/** Nothing takes longer here (milliseconds). */
const LONGEST = 20_000;
/** Entries that may wait for the index. */
const MOST_WAITING = 100;

describe('a cluster at its limits', () => {
  const compared = new ComparedCluster({ after }, 'limits');
  const { archive, stateFolder } = compared;
  let nats: Cluster;
  let jobs: Jobs;
  let generation = 0;

  /** Every folder has another file. */
  function change(): void {
    generation++;
    for (let i = 0; i < FOLDERS; i++) writeGeneration(archive, `y${i % 5}/f${i}/${i}`, i, generation);
    // And some are new.
    for (let i = 0; i < FOLDERS; i++) {
      const n = generation * FOLDERS + i;
      writeGeneration(archive, `g${generation}/f${i}/${n}`, n, generation);
    }
  }

  const natsConfig = `jetstream {
    store_dir: ${JSON.stringify(path.join(stateFolder, 'nats'))}
    sync_interval: always
    max_file_store: ${MOST_STORED}
  }`;
  before(() =>
    compared.start(
      0,
      async (cluster) => {
        nats = await openCluster({ url: cluster.addresses.nats }, 'test');
        jobs = await compared.there.jobs();
      },
      { natsConfig },
    ),
  );
  after(() => Promise.all([jobs?.close(), nats?.close()]));

  const scenario = (name: string, body: (running: RunningCluster) => Promise<void>) =>
    void test(name, { timeout: 60_000 }, async (t) => {
      const cluster = await compared.orSkip(t);
      if (cluster === undefined) return;
      change();
      await body(cluster);
      assert.deepEqual(await jobs.failed(), []);
    });

  const written = async () => (await nats.manager.streams.info(RECORDS)).state.last_seq;

  async function until(what: string, check: () => Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + LONGEST; Date.now() < deadline; await sleep(50)) if (await check()) return;
    assert.fail(`it did not come to be that ${what}`);
  }

  /** Waits until the server has refused what a scan stores; it is not told to be complete then. */
  async function untilRefused(scanner: RunningService, reason: string): Promise<void> {
    const isTold = (line: string) => line.includes('"work failed"') && line.includes(reason);
    await until(`${reason} is told`, async () => fs.readFileSync(scanner.logFile, 'utf8').split('\n').some(isTold));
    await sleep(STILL);
    assert.equal(await status(), 'scanning');
  }

  /** Waits until nothing more is stored. Returns the position of the last entry. */
  async function untilStill(): Promise<number> {
    let last = await written();
    await until('nothing more is stored', async () => {
      await sleep(STILL);
      const before = last;
      last = await written();
      return last === before;
    });
    return last;
  }

  const status = async () => (await jobs.scans())[0]!.status;

  /** Stores something else, until there is only so much room (bytes). */
  async function fill(room: number): Promise<void> {
    await nats.manager.streams.add({ name: OTHER, subjects: ['other'] });
    for (;;) {
      const left = MOST_STORED - (await nats.manager.getAccountInfo()).storage - room;
      if (left <= 0) return;
      await nats.jetstream.publish('other', new Uint8Array(Math.min(left, MEGABYTE)));
    }
  }

  scenario('JetStream is full before a scan', async (running) => {
    const scanner = await running.start('scanner');
    await fill(0);
    await assert.rejects(compared.begin(), { code: 'jetstream-full' });
    await nats.manager.streams.delete(OTHER);
    // What was refused stands in the way of nothing.
    await compared.isRight(await compared.begin());
    await scanner.stop();
  });

  scenario('JetStream is full during a scan', async (running) => {
    const scanner = await running.start('scanner');
    await fill(ROOM);
    const scan = compared.begin();
    await untilRefused(scanner, 'insufficient resources');
    await nats.manager.streams.delete(OTHER);
    await compared.isRight(await scan);
    await scanner.stop();
  });

  scenario('the record log is full during a scan', async (running) => {
    const scanner = await running.start('scanner');
    const { bytes } = (await nats.manager.streams.info(RECORDS)).state;
    await nats.manager.streams.update(RECORDS, { max_bytes: bytes + ROOM });
    const scan = compared.begin();
    await untilRefused(scanner, 'maximum bytes exceeded');
    await nats.manager.streams.update(RECORDS, { max_bytes: -1 });
    await compared.isRight(await scan);
    await scanner.stop();
  });

  scenario('the indexers are away during a scan', async (running) => {
    await running.service('indexer').stop();
    const services = new ServicesHere(running.addresses, compared.archives);
    try {
      for (let i = 0; i < 2; i++) await services.startScanner({ mostWaiting: MOST_WAITING });
      const before = await written();
      const scan = compared.begin();
      await until('the bound is passed', async () => (await written()) - before > MOST_WAITING);
      const stored = (await untilStill()) - before;
      // What was under way when the bound was passed is carried out.
      assert.ok(stored < FOLDERS, `${stored} entries are stored`);
      assert.equal(await status(), 'scanning');
      const { num_pending, num_ack_pending } = await nats.manager.consumers.info(RECORDS, indexerConsumer(1));
      assert.equal(num_pending + num_ack_pending, stored);
      await running.start('indexer');
      await compared.isRight(await scan);
    } finally {
      await services.stop();
    }
  });
});
