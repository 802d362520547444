// What used to end without a word, or with the wrong one: an index that holds no archive, records that are larger than a
// message of NATS, messages of a scan that cannot be read, and what was put aside and is tried again.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, openCluster } from '../../adapters/nats/connection.ts';
import { NatsFailedMessages } from '../../adapters/nats/failed-messages.ts';
import { NatsRecordLog } from '../../adapters/nats/record-log.ts';
import { jobSubject } from '../../adapters/nats/subjects.ts';
import { indexArchive } from '../../cli/commands/index-archive.ts';
import { listFailed, retryFailed } from '../../cli/commands/jobs.ts';
import { stats } from '../../cli/commands/stats.ts';
import type { RunningCluster } from '../../scripts/parts/cluster.ts';
import { commandIn, queryIn } from '../cli/query-here.ts';
import type { Ended } from '../cli/run-ditag.ts';
import { type Element, makeArchive, plainSeries } from '../index/make-archive.ts';
import { ComparedCluster, index } from './clusters.ts';

const NAME = 'gaps';
/** So that messages come to be too large: a full header of one file takes up to some 256 kB. */
const SMALL_MESSAGES = 'max_payload: 128KB';
/** Values of `longValues` that no message then holds. */
const TOO_MANY = 70;

/** So many values of 4,096 characters that do not compress. */
function longValues(count: number): Element[] {
  const value = (): string => randomBytes(3072).toString('base64');
  return [
    [0x00190010, 'LO', 'ACME'],
    ...Array.from({ length: count }, (_, i) => [0x00191000 + i, 'LT', value()] as const),
  ];
}

describe('a cluster that takes small messages only', () => {
  const compared = new ComparedCluster({ after }, NAME);
  const { archive, here } = compared;
  let nats: Cluster | undefined;

  const scenario = (name: string, body: (running: RunningCluster) => Promise<void>) =>
    void test(name, { timeout: 60_000 }, async (t) => {
      const running = await compared.orSkip(t);
      if (running !== undefined) await body(running);
    });

  before(() =>
    compared.start(
      1,
      async ({ addresses }) => {
        nats = await openCluster({ url: addresses.nats }, 'test');
      },
      { natsConfig: SMALL_MESSAGES },
    ),
  );
  after(() => nats?.close());

  const indexThere = (): Promise<Ended> =>
    commandIn(compared.there, (context) => indexArchive({ archive: NAME }, context));
  const failedThere = (): Promise<Ended> => commandIn(compared.there, listFailed);
  const retryThere = (id: string): Promise<Ended> => commandIn(compared.there, (context) => retryFailed(id, context));
  const countThere = async (): Promise<string> => (await queryIn(compared.there, ['--count'])).stdout.trim();

  scenario('an index that holds no archive answers like one that is not there', async ({ addresses }) => {
    for (const args of [[], ['--count'], ['--columns=Rows', '--where=Modality=MR']]) {
      const [local, remote] = [await queryIn(here, args), await queryIn(compared.there, args)];
      assert.deepEqual([remote.code, remote.stdout], [local.code, local.stdout], args.join(' '));
      assert.match(remote.stderr, /^There is no index at \S+ yet: run `ditag index --archive DIR` first\.\n$/);
      assert.equal(remote.code, 2);
    }
    const told = await commandIn(compared.there, (context) => stats({}, context));
    assert.deepEqual([told.code, told.stdout], [2, '']);
    const response = await fetch(`${addresses.api}/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    const { code, title } = (await response.json()) as { code: string; title: string };
    assert.deepEqual([response.status, code], [503, 'no-index'], title);
  });

  scenario('a folder whose record is larger than a message is cut until it fits', async () => {
    for (let i = 0; i < 600; i++) {
      makeArchive(archive, plainSeries(`flat`, `1.2.${i}`, 1, { elements: longValues(1) }));
      fs.renameSync(path.join(archive, 'flat/0001.dcm'), path.join(archive, `flat/${i}.dcm`));
    }
    makeArchive(archive, plainSeries('flat/below', '1.3', 2));
    await compared.isRight(await index(compared.there, NAME), 'first');
    const again = await index(compared.there, NAME);
    assert.deepEqual([again.unchanged, again.opened], [602, 0]);
    fs.rmSync(path.join(archive, 'flat/17.dcm'));
    makeArchive(archive, plainSeries('flat', '1.4', 1));
    await compared.isRight(await index(compared.there, NAME), 'changed');
  });

  scenario('a header that no message can hold is named, with what to do, and all else is read', async () => {
    makeArchive(archive, plainSeries('big', '1.5', 3));
    await compared.isRight(await index(compared.there, NAME));
    const known = Number(await countThere());
    makeArchive(archive, plainSeries('big/new', '1.6', 1, { elements: longValues(TOO_MANY) }));
    makeArchive(archive, plainSeries('big/new/below', '1.7', 1));
    // The first file of its series is the one whose header is kept.
    const file = path.join(archive, 'big/0001.dcm');
    fs.rmSync(file);
    makeArchive(archive, plainSeries('other', '1.5', 1, { elements: longValues(TOO_MANY) }));
    fs.renameSync(path.join(archive, 'other/0001.dcm'), file);
    makeArchive(archive, plainSeries('other', '1.8', 1));
    const began = performance.now();
    const { code, stderr } = await indexThere();
    assert.equal(code, 1, stderr);
    const todo = /could not be read \(.* takes \d+ bytes.*: raise max_payload in its configuration to at least \d+\)$/;
    const named = stderr.split('\n').filter((line) => todo.test(line));
    assert.deepEqual(named.map((line) => line.slice(0, line.indexOf(':'))).sort(), ['  big', '  big/new'], stderr);
    // Five attempts take longer than 15 s.
    assert.ok(performance.now() - began < 12_000);
    // `big/new/below` and `other`; what was known of `big` is kept.
    assert.equal(Number(await countThere()), known + 2);
    assert.deepEqual((await failedThere()).stdout, '');
    fs.rmSync(path.join(archive, 'big'), { recursive: true });
  });

  /** Starts a scan and puts a message into its work that cannot be read. Gives what the command said. */
  async function damagedScan(): Promise<Ended> {
    const jobs = await compared.there.jobs();
    try {
      const known = new Set((await jobs.scans()).map(({ id }) => id));
      const ended = indexThere();
      for (;;) {
        const scan = (await jobs.scans()).find(({ id }) => !known.has(id));
        if (scan === undefined) await sleep(5);
        else {
          await nats!.jetstream.publish(jobSubject(NAME, scan.id), Uint8Array.of(1, 2, 3));
          return await ended;
        }
      }
    } finally {
      await jobs.close();
    }
  }

  scenario('a scan with a message that cannot be read says so, and is not complete', async () => {
    const { code, stderr } = await damagedScan();
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^1 message\(s\) of the scan could not be read .*`ditag jobs failed`.*\n/m);
    const { stdout } = await failedThere();
    assert.match(stdout, /^jobs-\d+ {2}\S+Z {2}A message cannot be read: /);
    assert.equal((await indexThere()).code, 0, 'the next scan is complete again');
  });

  scenario('what was put aside of a scan that has ended is not tried again: it is said what to do', async () => {
    const [id] = (await failedThere()).stdout.split(' ');
    const { code, stderr } = await retryThere(id!);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^jobs-\d+ .* scan \w+ of gaps, which has ended: `ditag index --archive gaps` reads it again\./,
    );
    assert.equal((await failedThere()).stdout, '');
    assert.equal((await retryThere(id!)).code, 2);
  });

  scenario('a record that was put aside comes into the index when it is tried again', async ({ addresses }) => {
    const log = new NatsRecordLog(nats!);
    let position = 0;
    for await (const { entry, sequence } of log.entries({ name: NAME, number: 1 }))
      if (entry.entry === 'chunk' && entry.folder === 'flat/below') position = sequence;
    const failed = new NatsFailedMessages(nats!);
    await failed.add('records', position, 'put aside by a test');
    const known = Number(await countThere());
    // As if the index had refused it.
    for (const found of [
      'ditag-series/_search?q=SeriesInstanceUID:1.3',
      'ditag-folders/_search?q=path:flat%5C/below',
    ]) {
      const documents = await fetch(`${addresses.elasticsearch}/${found}`);
      const { hits } = (await documents.json()) as { hits: { hits: { _id: string; _index: string }[] } };
      assert.equal(hits.hits.length, 1, found);
      for (const { _id, _index } of hits.hits) {
        const url = `${addresses.elasticsearch}/${_index}/_doc/${encodeURIComponent(_id)}?refresh=true`;
        assert.equal((await fetch(url, { method: 'DELETE' })).status, 200);
      }
    }
    assert.equal(Number(await countThere()), known - 1);
    const { code, stderr } = await retryThere(`records-${position}`);
    assert.deepEqual([code, stderr], [0, `records-${position} is tried again.\n`]);
    // Without a scan's end nobody refreshes the index but Elasticsearch itself, every 30 s.
    const refresh = () => fetch(`${addresses.elasticsearch}/ditag-series/_refresh`, { method: 'POST' });
    for (let i = 0; i < 100 && Number(await countThere()) < known; i++) {
      await sleep(50);
      await refresh();
    }
    assert.equal(Number(await countThere()), known);
    assert.equal((await failedThere()).stdout, '');
  });
});
