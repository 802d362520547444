// What was put aside comes back to where it came from, on a real server.
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { partOrSkip } from '../../scripts/parts/parts.ts';
import { natsHere } from '../../test/contracts/nats-here.ts';
import { A, work } from '../../test/contracts/scan-queue.ts';
import type { Cluster } from './connection.ts';
import { NatsFailedMessages } from './failed-messages.ts';
import { NatsRecordLog } from './record-log.ts';
import { NatsScanQueue } from './scan-queue.ts';

const nats = natsHere({ after });
const chunk = { bits: 0, index: 0 };
const record = { entry: 'chunk', archive: A, folder: 'f', chunk, record: Uint8Array.of(1), headers: [] } as const;

const onNats = (title: string, check: (cluster: Cluster) => Promise<void>) =>
  void test(title, { timeout: 30_000 }, async (t: TestContext) => {
    const cluster = await partOrSkip(t, () => nats.fresh());
    if (cluster !== undefined) await check(cluster);
  });

onNats('work that was put aside names its scan, and is taken again', async (cluster) => {
  const failed = new NatsFailedMessages(cluster);
  const queue = new NatsScanQueue(cluster, (sequence, reason) => failed.add('jobs', sequence, reason));
  await queue.add(work('f'));
  const signal = new AbortController();
  let taken = 0;
  for await (const piece of queue.take([A], 1, signal.signal)) {
    assert.deepEqual(piece.work, work('f'));
    if (++taken === 2) signal.abort();
    else await failed.add('jobs', piece.position, 'of a test');
    await piece.done();
    if (taken > 1) continue;
    const [found, ...others] = await failed.list();
    assert.deepEqual([found!.origin, found!.reason, found!.scan, others], ['jobs', 'of a test', 's1', []]);
    assert.equal(await failed.retry(found!.id), 'tried-again');
    assert.deepEqual(await failed.list(), []);
    assert.equal(await failed.retry(found!.id), undefined);
  }
  assert.equal(taken, 2);
});

onNats('work that cannot be read is put aside with the scan that its subject tells', async (cluster) => {
  const put: [string, string][] = [];
  const queue = new NatsScanQueue(cluster, async (_, reason, scan) => void put.push([reason, scan]));
  await queue.add(work('g', A, 's2'));
  await queue.drop(A, 's2');
  await queue.add(work('whole', A, 's3'));
  const { subjects } = (await cluster.manager.streams.info('DITAG_JOBS', { subjects_filter: '>' })).state;
  const [subject] = Object.keys(subjects ?? {});
  await cluster.jetstream.publish(subject!.replace(/s3$/, 's2'), Uint8Array.of(1, 2, 3));
  await queue.add(work('last', A, 's4'));
  const signal = new AbortController();
  const folders: string[] = [];
  for await (const piece of queue.take([A], 1, signal.signal)) {
    folders.push(piece.work.jobs[0]!.folder);
    await piece.done();
    if (folders.length === 2) signal.abort();
  }
  assert.deepEqual(folders, ['whole', 'last']);
  assert.deepEqual(put, [['A message cannot be read: no version.', 's2']]);
  for (let i = 0; i < 100 && (await queue.left(A, 's2')) > 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await queue.left(A, 's2'), 0);
});

onNats('a record is written anew unless a newer one of its chunk is there', async (cluster) => {
  const failed = new NatsFailedMessages(cluster);
  const log = new NatsRecordLog(cluster);
  const first = (await log.write(record, 0))!;
  await failed.add('records', first, 'of a test');
  assert.equal((await failed.list())[0]!.scan, undefined);
  assert.equal(await failed.retry(`records-${first}`), 'tried-again');
  const second = await log.end();
  assert.equal(second, first + 1);
  await failed.add('records', second, 'of a test');
  const third = (await log.write({ ...record, record: Uint8Array.of(2) }, second))!;
  assert.equal(await failed.retry(`records-${second}`), 'replaced');
  assert.equal(await log.end(), third);
  assert.deepEqual(await failed.list(), []);
});

onNats('what is put aside can be forgotten', async (cluster) => {
  const failed = new NatsFailedMessages(cluster);
  const position = (await new NatsRecordLog(cluster).write(record, 0))!;
  await failed.add('records', position, 'of a test');
  await failed.forget(`records-${position}`);
  assert.deepEqual(await failed.list(), []);
  assert.equal(await failed.retry('nonsense'), undefined);
});
