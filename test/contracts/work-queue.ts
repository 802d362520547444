// The contract of the ports WorkQueue and StoreResults: an item is carried out at least once, and of one PACS no more
// of them at a time than it has associations, whoever takes them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResultPage, StoreResults } from '../../core/ports/store-results.ts';
import type { PacsAddress, StoreItem, TakenItem, WorkQueue } from '../../core/ports/work-queue.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';

interface Taker {
  readonly queue: WorkQueue;
  readonly results: StoreResults;
  /** Ends it without a word. */
  die(): Promise<void>;
}

const A: PacsAddress = { host: 'a', port: 104, calledAETitle: 'A', callingAETitle: 'B', isTls: false };
const B: PacsAddress = { ...A, calledAETitle: 'C' };
/** Nothing more is given out (milliseconds). */
const STILL = 300;

function item(number: number, pacs = A, send = 's1'): StoreItem {
  const SOPInstanceUID = `1.2.3.${number}`;
  const file = { SeriesInstanceUID: '1.2.3', SOPInstanceUID, SOPClassUID: '1.2', archive: 'a', size: 1, mtime: -1 };
  return { send, item: number, pacs, files: [{ ...file, path: `x\xe9/${number}` }] };
}

async function next(queue: WorkQueue, name: string): Promise<TakenItem> {
  for (;;) {
    const taken = await queue.take(name, new AbortController().signal);
    if (taken !== undefined) return taken;
  }
}

/** What comes within a short time. */
async function atOnce(queue: WorkQueue, name: string): Promise<TakenItem | undefined> {
  return queue.take(name, AbortSignal.timeout(STILL));
}

export function workQueueContract(name: string, make: () => Promise<() => Promise<Taker>>): void {
  const contract = (title: string, check: (open: () => Promise<Taker>) => Promise<void>) =>
    void test(`${name}: ${title}`, { timeout: 60_000 }, async (t) => {
      const open = await partOrSkip(t, make);
      if (open === undefined) return;
      await check(open);
    });

  contract('an item comes as it was added, once, and counts until it is done', async (open) => {
    const { queue } = await open();
    const own = await queue.open(A, 2);
    await queue.add(item(0));
    await queue.add(item(0));
    assert.equal(await queue.left('s1'), 1);
    assert.deepEqual(await queue.busy(), [own]);
    const taken = await next(queue, own);
    assert.deepEqual([taken.item, taken.attempt], [item(0), 1]);
    assert.equal(await queue.left('s1'), 1);
    await taken.done();
    assert.deepEqual([await queue.left('s1'), await queue.busy()], [0, []]);
    assert.equal(await atOnce(queue, own), undefined);
  });

  contract('two takers together have no more at a time than there are associations', async (open) => {
    const [one, other] = [await open(), await open()];
    const own = await one.queue.open(A, 3);
    for (let i = 0; i < 8; i++) await one.queue.add(item(i));
    const held = [await next(one.queue, own), await next(other.queue, own), await next(other.queue, own)];
    assert.deepEqual(await Promise.all([one, other].map(({ queue }) => atOnce(queue, own))), [undefined, undefined]);
    await held.pop()!.done();
    held.push(await next(one.queue, own));
    assert.equal(await atOnce(other.queue, own), undefined);
    // The newest says how many there are, whoever it is; the other PACS has its own.
    assert.equal(await other.queue.open({ ...A, callingAETitle: 'OTHER' }, 4), own);
    held.push(await next(other.queue, own));
    assert.equal(await atOnce(one.queue, own), undefined);
    const its = await one.queue.open(B, 1);
    assert.notEqual(its, own);
    await one.queue.add(item(0, B, 's2'));
    assert.equal((await next(one.queue, its)).item.send, 's2');
    assert.equal(new Set(held.map((taken) => taken.item.item)).size, 4);
  });

  contract('what a taker had when it died comes to another one', async (open) => {
    const [one, other] = [await open(), await open()];
    const own = await one.queue.open(A, 1);
    await one.queue.add(item(0));
    await next(one.queue, own);
    await one.die();
    const taken = await next(other.queue, own);
    assert.deepEqual([taken.item, taken.attempt], [item(0), 2]);
    taken.later(0);
    assert.equal((await next(other.queue, own)).attempt, 3);
  });

  contract('what is forgotten comes to nobody, and what of it is under way ends as if nothing was', async (open) => {
    const { queue } = await open();
    const own = await queue.open(A, 2);
    for (let i = 0; i < 5; i++) await queue.add(item(i));
    await queue.add(item(0, A, 's2'));
    const taken = await next(queue, own);
    await queue.drop('s1');
    assert.deepEqual([await queue.left('s1'), await queue.left('s2')], [0, 1]);
    await taken.done();
    assert.equal((await next(queue, own)).item.send, 's2');
    assert.equal(await atOnce(queue, own), undefined);
  });

  contract('results come in their order, from any place on, and of an item what is known', async (open) => {
    const { results } = await open();
    const page = (send: string, number: number, attempt: number, at: number): ResultPage => ({
      send,
      item: number,
      attempt,
      page: at,
      results: [{ file: at, outcome: 'stored', status: 0, reason: '', bytes: 5 }],
      isLast: at === 1,
    });
    const added = [page('s1', 0, 1, 0), page('s1', 1, 1, 0), page('s1', 0, 2, 1)];
    for (const one of [...added, page('s2', 0, 1, 0)]) await results.add(one);
    const all = await Array.fromAsync(results.pages('s1', 0));
    assert.deepEqual(
      all.map((one) => one.page),
      added,
    );
    assert.deepEqual(
      (await Array.fromAsync(results.pages('s1', all[0]!.next))).map((one) => one.page),
      added.slice(1),
    );
    assert.deepEqual(await Array.fromAsync(results.pages('s1', all[2]!.next)), []);
    assert.deepEqual(await results.known('s1', 0), { files: new Set([0, 1]), tries: 2, refusals: 0 });
    await results.remove('s1');
    assert.deepEqual(await Array.fromAsync(results.pages('s1', 0)), []);
    assert.equal((await Array.fromAsync(results.pages('s2', 0))).length, 1);
  });
}
