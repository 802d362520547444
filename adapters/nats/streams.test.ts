// Streams are made once, by whoever comes first; what somebody has set differently is told and stays. And what can
// never be read, or not yet, is treated as docs/wire.md says.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeEntry, encodeWork } from '../../core/wire/messages.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';
import { natsHere } from '../../test/contracts/nats-here.ts';
import { chunkEntry, takeEntries } from '../../test/contracts/record-log.ts';
import { A, work } from '../../test/contracts/scan-queue.ts';
import type { Cluster } from './connection.ts';
import { NatsFailedMessages } from './failed-messages.ts';
import { NatsRecordFeed } from './record-feed.ts';
import { NatsRecordLog } from './record-log.ts';
import { NatsScanQueue } from './scan-queue.ts';
import { type Drift, ensureIndexer, ensureStreams, JOBS, RECORDS, streamTable } from './streams.ts';
import { archiveToken, entrySubject, jobSubject } from './subjects.ts';

const nats = natsHere({ after });

async function until(check: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 250; i++) {
    if (await check()) return;
    await sleep(20);
  }
  assert.fail('it never came to be');
}

function newer(frame: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(frame);
  copy[0] = 99;
  return copy;
}

test('ten that come at once make the streams once, as the table has them', async (t) => {
  const clusters = await partOrSkip(t, () => Promise.all(Array.from({ length: 10 }, () => nats.fresh())));
  if (clusters === undefined) return;
  const cluster = clusters[0]!;
  for (const { name } of streamTable(1)) await cluster.manager.streams.delete(name).catch(() => false);
  const drifts = await Promise.all(clusters.map((each) => ensureStreams(each.manager)));
  assert.deepEqual(drifts.flat(), []);
  assert.deepEqual(await ensureStreams(cluster.manager), []);
  await Promise.all(clusters.map((each) => ensureIndexer(each.manager, 1)));
  const { config } = await cluster.manager.consumers.info(RECORDS, 'indexer-1');
  const { ack_policy, ack_wait, max_ack_pending, max_deliver, durable_name } = config;
  assert.deepEqual([ack_policy, ack_wait, max_ack_pending, durable_name], ['explicit', 20e9, 4096, 'indexer-1']);
  assert.equal(max_deliver, -1);
});

test('what is set differently is told and left as it is', async (t) => {
  const cluster = await partOrSkip(t, () => nats.fresh());
  if (cluster === undefined) return;
  await cluster.manager.streams.update(RECORDS, { max_msgs_per_subject: 3 });
  const told = [{ stream: RECORDS, setting: 'max_msgs_per_subject', found: 3, wanted: 1 }];
  assert.deepEqual(await ensureStreams(cluster.manager), told);
  assert.deepEqual(await ensureStreams(cluster.manager), told);
  const drift = await ensureStreams(cluster.manager, 3);
  assert.ok(drift.some(({ setting, found, wanted }) => setting === 'num_replicas' && found === 1 && wanted === 3));
});

test('consumers that are set differently are told too, and give out what they have', async (t) => {
  const cluster = await partOrSkip(t, () => nats.fresh());
  if (cluster === undefined) return;
  const { consumers } = cluster.manager;
  assert.deepEqual(await ensureIndexer(cluster.manager, 1), []);
  await consumers.update(RECORDS, 'indexer-1', { max_ack_pending: 7 });
  const told: Drift[] = [];
  const tell = (drift: Drift) => void told.push(drift);
  const feed = new NatsRecordFeed(cluster, async () => 1, assert.fail, tell);
  await cluster.jetstream.publish(entrySubject(chunkEntry('b', 0, 0)), encodeEntry(chunkEntry('b', 0, 0, 'x')));
  assert.deepEqual(await takeEntries(feed, 1), [1]);
  assert.deepEqual(told, [
    { stream: RECORDS, consumer: 'indexer-1', setting: 'max_ack_pending', found: 7, wanted: 4096 },
  ]);
  told.length = 0;
  const before = new NatsScanQueue(cluster, assert.fail);
  await before.add(work('b'));
  const take = async (queue: NatsScanQueue) => {
    const enough = new AbortController();
    for await (const taken of queue.take([A], 1, enough.signal)) {
      await taken.done();
      enough.abort();
    }
  };
  await take(before);
  await consumers.update(JOBS, `scan-${archiveToken('a')}`, { ack_wait: 5e9 });
  const queue = new NatsScanQueue(cluster, assert.fail, tell);
  await queue.add(work('b'));
  await take(queue);
  assert.deepEqual(
    told.map(({ stream, setting, found }) => [stream, setting, found]),
    [[JOBS, 'ack_wait', 5e9]],
  );
});

interface Puts {
  readonly aside: [number, string][];
  readonly feed: NatsRecordFeed;
  readonly queue: NatsScanQueue;
  readonly failed: NatsFailedMessages;
}

function ports(cluster: Cluster): Puts {
  const aside: [number, string][] = [];
  const failed = new NatsFailedMessages(cluster);
  const put = (origin: 'records' | 'jobs') => async (sequence: number, reason: string) => {
    aside.push([sequence, reason]);
    await failed.add(origin, sequence, reason);
  };
  const feed = new NatsRecordFeed(cluster, async () => 1, put('records'));
  return { aside, failed, feed, queue: new NatsScanQueue(cluster, put('jobs')) };
}

test('messages of a newer version wait, and hold up nothing else', async (t) => {
  const cluster = await partOrSkip(t, () => nats.fresh());
  if (cluster === undefined) return;
  const { aside, feed, queue, failed } = ports(cluster);
  const entry = chunkEntry('newer', 0, 0, 'x');
  await cluster.jetstream.publish(entrySubject(entry), newer(encodeEntry(entry)));
  await cluster.jetstream.publish(entrySubject(chunkEntry('b', 0, 0)), encodeEntry(chunkEntry('b', 0, 0, 'x')));
  assert.deepEqual(await takeEntries(feed, 1), [2]);
  assert.equal(await feed.waiting(), 1);
  assert.equal(await feed.isPast(2), false);
  await cluster.jetstream.publish(jobSubject('a', 's1'), newer(encodeWork(work('newer'))));
  await queue.add(work('b'));
  const enough = new AbortController();
  for await (const taken of queue.take([A], 2, enough.signal)) {
    assert.equal(taken.work.jobs[0]!.folder, 'b');
    await taken.done();
    enough.abort();
  }
  assert.equal(await queue.left(A, 's1'), 1);
  assert.deepEqual([aside, await failed.list()], [[], []]);
});

test('messages that are damaged are put aside with the reason, and can be tried again', async (t) => {
  const cluster = await partOrSkip(t, () => nats.fresh());
  if (cluster === undefined) return;
  const { aside, feed, queue, failed } = ports(cluster);
  const entry = chunkEntry('damaged', 0, 0, 'x');
  const frame = encodeEntry(entry);
  await cluster.jetstream.publish(entrySubject(entry), frame.subarray(0, 9));
  await cluster.jetstream.publish(entrySubject(chunkEntry('b', 0, 0)), encodeEntry(chunkEntry('b', 0, 0, 'x')));
  assert.deepEqual(await takeEntries(feed, 1), [2]);
  await until(() => feed.isPast(2));
  await cluster.jetstream.publish(jobSubject('a', 's1'), frame);
  await queue.add(work('b'));
  const enough = new AbortController();
  for await (const taken of queue.take([A], 2, enough.signal)) {
    await taken.done();
    enough.abort();
  }
  await until(async () => (await queue.left(A, 's1')) === 0);
  assert.equal(aside.length, 2);
  const listed = await failed.list();
  assert.deepEqual(
    listed.map(({ id, origin }) => [id, origin]),
    [
      ['records-1', 'records'],
      ['jobs-1', 'jobs'],
    ],
  );
  for (const { reason, at } of listed) {
    assert.match(reason, /^A message cannot be read: /);
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 10_000);
  }
  assert.equal(await failed.retry('records-7'), undefined);
  assert.equal(await failed.retry('nonsense'), undefined);
  assert.equal(await failed.retry('records-1'), 'tried-again');
  assert.equal(await failed.retry('jobs-1'), 'tried-again');
  assert.deepEqual(await failed.list(), []);
  assert.equal(await feed.waiting(), 1);
  assert.equal(await queue.left(A, 's1'), 1);
});

test('a record that was replaced meanwhile is not brought back by trying it again', async (t) => {
  const cluster = await partOrSkip(t, () => nats.fresh());
  if (cluster === undefined) return;
  const { failed, feed } = ports(cluster);
  const entry = chunkEntry('a', 0, 0, 'old');
  const { seq } = await cluster.jetstream.publish(entrySubject(entry), encodeEntry(entry));
  await failed.add('records', seq, 'the index\n refuses it');
  await cluster.jetstream.publish(entrySubject(entry), encodeEntry(chunkEntry('a', 0, 0, 'new')));
  assert.equal((await failed.list())[0]!.reason, 'the index refuses it');
  assert.equal(await failed.retry(`records-${seq}`), 'replaced');
  assert.deepEqual(await takeEntries(feed, 1), [seq + 1]);
  assert.equal((await cluster.manager.streams.info(RECORDS)).state.last_seq, seq + 1);
  assert.equal((await cluster.manager.streams.info(JOBS)).state.messages, 0);
});

test('an indexer that is held up holds no more than a few batches', async (t) => {
  const cluster = await partOrSkip(t, () => nats.fresh());
  if (cluster === undefined) return;
  const { feed } = ports(cluster);
  const log = new NatsRecordLog(cluster);
  const entries = Array.from({ length: 1500 }, (_, i) => log.write(chunkEntry(`f${i}`, 0, 0, 'x'), 0));
  await Promise.all(entries);
  const enough = new AbortController();
  for await (const batch of feed.batches(50, enough.signal)) {
    await sleep(500);
    const { num_ack_pending } = await cluster.manager.consumers.info(RECORDS, 'indexer-1');
    assert.ok(num_ack_pending <= 150, `${num_ack_pending} entries are held`);
    await batch.done();
    enough.abort();
  }
});

test('an entry says which one it has replaced since its generation began', async (t) => {
  const cluster = await partOrSkip(t, () => nats.fresh());
  if (cluster === undefined) return;
  const log = new NatsRecordLog(cluster);
  const entry = (text: string) => chunkEntry('f', 0, 0, text);
  const first = (await log.write(entry('1'), 0))!;
  const second = (await log.write(entry('2'), first))!;
  // What is written in the millisecond in which a generation begins may count as written after it.
  await sleep(50);
  const feed = new NatsRecordFeed(
    cluster,
    async () => 2,
    async () => {},
  );
  const enough = new AbortController();
  const seen: [number, number | undefined][] = [];
  let last = second;
  for await (const batch of feed.batches(10, enough.signal)) {
    for (const { sequence, replaces } of batch.entries) seen.push([sequence, replaces]);
    await batch.done();
    if (seen.length === 1) last = (await log.write(entry('3'), last))!;
    else if (seen.length === 2) last = (await log.write(entry('4'), undefined))!;
    else enough.abort();
  }
  assert.deepEqual(seen, [
    [second, undefined],
    [second + 1, second],
    [second + 2, undefined],
  ]);
});
