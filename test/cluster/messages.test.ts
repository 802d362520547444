// Messages that do not go their plain way, end to end: delivered three times, of a newer ditag, refused by the index for
// ever. The index ends as the truth, everything else goes on meanwhile, and nothing is dropped without a word.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { indexDefinition, indexProperties } from '../../adapters/elasticsearch/mappings.ts';
import { type Cluster, openCluster } from '../../adapters/nats/connection.ts';
import { JOBS, RECORDS } from '../../adapters/nats/streams.ts';
import { entrySubject, jobSubject } from '../../adapters/nats/subjects.ts';
import { listFailed, retryFailed } from '../../cli/commands/jobs.ts';
import type { Jobs } from '../../cli/workspaces/workspace.ts';
import type { RecordFeed } from '../../core/ports/record-log.ts';
import type { ScanQueue } from '../../core/ports/scan-queue.ts';
import { WIRE_VERSION } from '../../core/wire/frame.ts';
import { encodeEntry, encodeWork } from '../../core/wire/messages.ts';
import type { RunningCluster } from '../../scripts/parts/cluster.ts';
import { commandIn } from '../cli/query-here.ts';
import { chunkEntry } from '../contracts/record-log.ts';
import { makeArchive, plainSeries, writeGeneration } from '../index/make-archive.ts';
import { ComparedCluster, index } from './clusters.ts';
import { ServicesHere } from './services-here.ts';

const FILES = 120;
const NAME = 'messages';
/** So often each message is delivered. */
const TIMES = 3;

describe('messages of a cluster', () => {
  const compared = new ComparedCluster({ after }, NAME);
  const { archive } = compared;
  let nats: Cluster | undefined;
  let jobs: Jobs | undefined;
  let generation = 0;

  /** Every file gets another description. */
  function change(): void {
    generation++;
    for (let i = 0; i < FILES; i++) writeGeneration(archive, `f${i % 40}/${i}`, i, generation);
  }

  const scenario = (name: string, body: (running: RunningCluster, t: TestContext) => Promise<void>) =>
    void test(name, { timeout: 60_000 }, async (t) => {
      const cluster = await compared.orSkip(t);
      if (cluster === undefined) return;
      change();
      await body(cluster, t);
      assert.deepEqual(await jobs!.failed(), []);
    });

  before(() =>
    compared.start(1, async (cluster) => {
      nats = await openCluster({ url: cluster.addresses.nats }, 'test');
      jobs = await compared.there.jobs();
    }),
  );
  after(() => Promise.all([jobs?.close(), nats?.close()]));

  const newestScan = async () => (await jobs!.scans())[0];

  async function until(what: string, check: () => Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(50)) if (await check()) return;
    assert.fail(`it did not come to be that ${what}`);
  }

  scenario('all work and all records are delivered three times', async (running) => {
    for (const name of ['scanner', 'indexer'] as const) await running.service(name).stop();
    const services = new ServicesHere(running.addresses, compared.archives);
    const records = new Map<number, number>();
    try {
      await services.startScanner({}, workAgain);
      await services.startIndexer((feed) => recordsAgain(feed, records));
      const outcome = await compared.begin();
      assert.deepEqual([outcome.opened, outcome.report.appeared, outcome.report.vanished], [FILES, FILES, 0]);
      await compared.isRight(outcome);
      assert.ok(records.size >= 40 && Math.min(...records.values()) >= TIMES);
    } finally {
      await services.stop();
      for (const name of ['indexer', 'scanner'] as const) await running.start(name);
    }
  });

  scenario('messages of a newer ditag wait, and nothing else does', async () => {
    const { jetstream, manager } = nats!;
    const entry = chunkEntry('newer', 0, 0);
    const record = await jetstream.publish(entrySubject(entry), newer(encodeEntry(entry)));
    const scan = compared.begin();
    await until('the scan has begun', async () => (await newestScan())?.status === 'scanning');
    const { id, archive: identity } = (await newestScan())!;
    const work = { scan: id, archive: identity, acceptDeletions: false, isNew: false, jobs: [] };
    const job = await jetstream.publish(jobSubject(NAME, id), newer(encodeWork(work)));
    await until('all else is read', async () => (await jobs!.tally(id)).opened === FILES);
    await until('all else is indexed', async () => {
      const { num_pending, num_ack_pending } = await manager.consumers.info(RECORDS, 'indexer-1');
      return num_pending + num_ack_pending === 1;
    });
    // Its end would say that it is complete.
    await sleep(1_000);
    assert.equal((await newestScan())!.status, 'scanning');
    for (const [stream, seq] of [
      [JOBS, job.seq],
      [RECORDS, record.seq],
    ] as const)
      assert.equal((await manager.streams.getMessage(stream, { seq }))?.data[0], WIRE_VERSION + 1);
    // A newer scanner has done the work; then a newer indexer the record, whose next state an older one can read again.
    await manager.streams.deleteMessage(JOBS, job.seq);
    await until('the scan waits for the record', async () => (await newestScan())!.status === 'publishing');
    await sleep(500);
    assert.equal((await newestScan())!.status, 'publishing');
    await jetstream.publish(entrySubject(entry), encodeEntry(chunkEntry('newer', 0, 0)));
    await compared.isRight(await scan);
  });

  const failedThere = async () => (await commandIn(compared.there, listFailed)).stdout;

  /** Makes an index of Elasticsearch anew, with other fields. */
  async function remake(running: RunningCluster, kind: 'folders' | 'series', change: (fields: Fields) => void) {
    const definition = structuredClone(indexDefinition(kind, {})) as { mappings: { properties: Fields } };
    change(definition.mappings.properties);
    await toElasticsearch(running, 'DELETE', `ditag-${kind}-1`);
    await toElasticsearch(running, 'PUT', `ditag-${kind}-1`, { ...definition, aliases: { [`ditag-${kind}`]: {} } });
  }

  scenario('a record that the index refuses is put aside, and comes in when the cause is gone', async (running) => {
    // As an index that was made before this reason was known. What was in it comes again: all files have changed.
    await remake(running, 'folders', (fields) => delete (fields['skipped'] as Properties).properties['not-dicom']);
    makeArchive(archive, { 'f3/notes.txt': 'Doe^Jane was here, and nothing else that is an image' });
    const { report, refusedRecords } = await compared.begin();
    assert.equal(report.instances, FILES - 3, 'those of the refused folder');
    assert.equal(refusedRecords, 1);
    const listed = /^(records-\d+) {2}\S+Z {2}(folder: .*not-dicom.*)\n$/.exec(await failedThere());
    assert.ok(listed !== null, await failedThere());
    const id = listed[1]!;
    // While the cause is there it is put aside again.
    await jobs!.retry(id);
    await until('it is put aside again', async () =>
      /^records-\d+ {2}\S+Z {2}folder: .*not-dicom/.test(await failedThere()),
    );
    const again = (await failedThere()).split(' ')[0]!;
    assert.notEqual(again, id);
    await toElasticsearch(running, 'PUT', 'ditag-folders-1/_mapping', indexProperties('folders'));
    const retried = await commandIn(compared.there, (context) => retryFailed(again, context));
    assert.deepEqual([retried.code, retried.stderr], [0, `${again} is tried again.\n`]);
    const scanned = await compared.begin();
    assert.deepEqual([scanned.opened, scanned.refusedRecords, scanned.report.instances], [0, 0, FILES]);
    await index(compared.here, archive);
    await compared.areSame();
    fs.rmSync(path.join(archive, 'f3/notes.txt'));
  });

  scenario('what the index refuses stands in no log, and is there after a rebuild', async (running) => {
    await remake(running, 'series', (fields) => (fields['PatientID'] = { type: 'long' }));
    makeArchive(archive, plainSeries('f3/refused', '1.7.7', 2, { PatientID: 'SECRET-4711', PatientName: 'Secret^A' }));
    makeArchive(archive, plainSeries('f4/taken', '1.7.8', 2, { PatientID: '4711', PatientName: 'Secret^B' }));
    const outcome = await compared.begin();
    const told = await failedThere();
    assert.match(told, /^records-\d+ .*series 1\.7\.7: .*PatientID.*\n$/);
    const hasValues = /SECRET|Secret|generation \d/;
    const logs = fs.readdirSync(compared.stateFolder).filter((name) => /^(scanner|indexer|api)-/.test(name));
    assert.ok(logs.length >= 3);
    for (const name of logs)
      assert.doesNotMatch(fs.readFileSync(path.join(compared.stateFolder, name), 'utf8'), hasValues);
    assert.doesNotMatch(told, hasValues);
    const there = await compared.there.rebuild({
      onWaiting: () => {},
      onProgress: () => {},
      signal: new AbortController().signal,
    });
    assert.ok(there.entries > 40, `${there.entries} entries`);
    for (const { id } of await jobs!.failed()) await jobs!.retry(id);
    await compared.isRight(outcome);
  });
});

type Fields = Record<string, unknown>;
interface Properties {
  readonly properties: Fields;
}

async function toElasticsearch({ addresses }: RunningCluster, method: string, where: string, body?: unknown) {
  const headers = { 'content-type': 'application/json' };
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(`${addresses.elasticsearch}/${where}`, { method, headers, ...sent });
  assert.equal(response.status, 200, await response.text());
}

function newer(frame: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(frame);
  copy[0] = WIRE_VERSION + 1;
  return copy;
}

/** A queue that hears of each piece of work only the last time that it is done: the others it gives out again. */
function workAgain(queue: ScanQueue): ScanQueue {
  return {
    add: (work) => queue.add(work),
    async *take(archives, atATime, signal) {
      for await (const taken of queue.take(archives, atATime, signal)) {
        const done = async () => (taken.attempt < TIMES ? taken.later(0) : taken.done());
        yield { ...taken, done };
      }
    },
    left: (archive, scan) => queue.left(archive, scan),
    drop: (archive, scan) => queue.drop(archive, scan),
  };
}

/** The same of records. @param delivered how often each was, by position */
function recordsAgain(feed: RecordFeed, delivered: Map<number, number>): RecordFeed {
  return {
    async *batches(most, signal) {
      for await (const batch of feed.batches(most, signal)) {
        for (const { sequence } of batch.entries) delivered.set(sequence, (delivered.get(sequence) ?? 0) + 1);
        const isEnough = batch.entries.every(({ sequence }) => delivered.get(sequence)! >= TIMES);
        yield { ...batch, done: async () => (isEnough ? batch.done() : batch.later(0)) };
      }
    },
    isPast: (position) => feed.isPast(position),
    waiting: () => feed.waiting(),
  };
}
