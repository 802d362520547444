// The contract of the port ScanQueue: work is carried out at least once, by one taker at a time, and is counted until it
// is done. An adapter's test calls `scanQueueContract` with a way to make an empty queue with several takers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ArchiveIdentity } from '../../core/ports/record-log.ts';
import type { ScanQueue, ScanWork, TakenWork } from '../../core/ports/scan-queue.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';

export interface QueueUnderTest {
  /** A queue of a process of its own. */
  open(): Promise<{ readonly queue: ScanQueue /** Ends it without a word. */; die(): Promise<void> }>;
}

export const A: ArchiveIdentity = { name: 'a', number: 1 };
const B: ArchiveIdentity = { name: 'b', number: 2 };

export function work(folder: string, archive = A, scan = 's1'): ScanWork {
  return { scan, archive, acceptDeletions: false, isNew: false, jobs: [{ job: 'scan-folder', folder }] };
}

const folderOf = ({ work: { jobs } }: TakenWork) => jobs[0]!.folder;

/** Takes until `count` pieces came, and says of each what becomes of it. */
async function take(
  queue: ScanQueue,
  archives: readonly ArchiveIdentity[],
  count: number,
  deal: (taken: TakenWork) => Promise<void> | void = (taken) => taken.done(),
): Promise<string[]> {
  const enough = new AbortController();
  const folders: string[] = [];
  if (count === 0) return folders;
  for await (const taken of queue.take(archives, 4, enough.signal)) {
    folders.push(folderOf(taken));
    await deal(taken);
    if (folders.length >= count) enough.abort();
  }
  return folders;
}

export function scanQueueContract(name: string, make: () => Promise<QueueUnderTest>): void {
  const contract = (title: string, check: (port: QueueUnderTest) => Promise<void>) =>
    void test(`${name}: ${title}`, { timeout: 60_000 }, async (t) => {
      const made = await partOrSkip(t, make);
      if (made === undefined) return;
      await check(made);
    });

  contract('work comes as it was added, once, and counts until it is done', async ({ open }) => {
    const { queue } = await open();
    const types = new Map([['link', 'link' as const]]);
    const jobs = [
      { job: 'scan-folder', folder: 'x\xe9', slice: { bits: 2, index: 1, chunkBits: 4 } },
      { job: 'read-files', folder: 'x', chunk: { bits: 1, index: 1 }, names: ['f', 'link'], types, listedAt: 12.5 },
    ] as const;
    await queue.add({ ...work(''), acceptDeletions: true, jobs });
    assert.equal(await queue.left(A, 's1'), 1);
    const signal = new AbortController();
    for await (const taken of queue.take([A], 1, signal.signal)) {
      assert.deepEqual(taken.work, { scan: 's1', archive: A, acceptDeletions: true, isNew: false, jobs });
      assert.equal(taken.attempt, 1);
      assert.equal(await queue.left(A, 's1'), 1);
      assert.equal(await queue.left(A, 's2'), 0);
      await taken.done();
      assert.equal(await queue.left(A, 's1'), 0);
      signal.abort();
    }
  });

  contract('work that is added again under one name is there once', async ({ open }) => {
    const [one, other] = [await open(), await open()];
    await one.queue.add(work('f'), 's1 begins');
    await other.queue.add(work('f'), 's1 begins');
    await other.queue.add(work('f'));
    assert.equal(await one.queue.left(A, 's1'), 2);
  });

  contract('of several takers each piece goes to one', async ({ open }) => {
    const takers = await Promise.all([open(), open(), open()]);
    for (let i = 0; i < 90; i++) await takers[0]!.queue.add(work(`f${i}`));
    const taken = await Promise.all(takers.map(({ queue }) => take(queue, [A], 20)));
    taken.push(await take(takers[0]!.queue, [A], 30));
    assert.deepEqual(taken.flat().sort(), Array.from({ length: 90 }, (_, i) => `f${i}`).sort());
    assert.equal(await takers[0]!.queue.left(A, 's1'), 0);
  });

  contract('a taker that is busy leaves the rest to others', async ({ open }) => {
    const [busy, other] = [await open(), await open()];
    for (let i = 0; i < 100; i++) await busy.queue.add(work(`f${i}`));
    const signal = new AbortController();
    const its = busy.queue.take([A], 4, signal.signal)[Symbol.asyncIterator]();
    await its.next();
    // What was handed out, and four that were fetched ahead.
    const folders = await take(other.queue, [A], 95);
    assert.equal(new Set(folders).size, 95);
    signal.abort();
    await its.next();
  });

  contract('what is given back comes again, with its number and a higher attempt', async ({ open }) => {
    const { queue } = await open();
    await queue.add(work('f'));
    const seen: [number, number][] = [];
    await take(queue, [A], 3, (taken) => {
      seen.push([taken.position, taken.attempt]);
      return seen.length < 3 ? taken.later(20) : taken.done();
    });
    assert.deepEqual(
      seen,
      [1, 2, 3].map((attempt) => [seen[0]![0], attempt]),
    );
  });

  contract('what a taker had when it died comes to another one', async ({ open }) => {
    const [one, other] = [await open(), await open()];
    for (let i = 0; i < 6; i++) await one.queue.add(work(`f${i}`));
    const its = one.queue.take([A], 4, new AbortController().signal)[Symbol.asyncIterator]();
    await its.next();
    await one.die();
    const folders = await take(other.queue, [A], 6);
    assert.equal(new Set(folders).size, 6);
    assert.equal(await other.queue.left(A, 's1'), 0);
  });

  contract('a taker that stops gives back at once what it had not begun', async ({ open }) => {
    const [one, other] = [await open(), await open()];
    for (let i = 0; i < 20; i++) await one.queue.add(work(`f${i}`));
    const own = await take(one.queue, [A], 1);
    const began = performance.now();
    const folders = await take(other.queue, [A], 19);
    assert.equal(new Set([...own, ...folders]).size, 20);
    assert.ok(performance.now() - began < 5_000);
  });

  contract('a taker takes of its archives only, and of each in turn', async ({ open }) => {
    const { queue } = await open();
    for (let i = 0; i < 50; i++) await queue.add(work(`a${i}`));
    for (let i = 0; i < 3; i++) await queue.add(work(`b${i}`, B, 's2'));
    await queue.add(work('c', { name: 'c', number: 3 }, 's3'));
    const folders = await take(queue, [A, B], 53);
    assert.equal(folders.filter((folder) => folder === 'c').length, 0);
    assert.ok(folders.findLastIndex((folder) => folder.startsWith('b')) < 20, folders.join());
    assert.equal(await queue.left({ name: 'c', number: 3 }, 's3'), 1);
  });

  contract('the work of one scan can be dropped', async ({ open }) => {
    const { queue } = await open();
    for (let i = 0; i < 5; i++) await queue.add(work(`f${i}`));
    await queue.add(work('kept', A, 's2'));
    await queue.drop(A, 's1');
    assert.equal(await queue.left(A, 's1'), 0);
    assert.deepEqual(await take(queue, [A], 1), ['kept']);
  });
}
