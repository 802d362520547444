import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoggedBatch } from '../../core/ports/record-log.ts';
import { Indexer } from './app.ts';

test('two batches are under way at a time, and what was begun is done before the indexer ends', async () => {
  const done: number[] = [];
  let asked = 0;
  async function* batches(_most: number, signal: AbortSignal): AsyncIterable<LoggedBatch> {
    while (!signal.aborted) {
      const number = ++asked;
      const entry = { entry: 'archive', archive: { name: 'a', number: 1 }, indexedAt: undefined } as const;
      const entries = [{ sequence: number, entry }];
      yield { entries, done: async () => void done.push(number), later: () => {}, working: () => {} };
    }
  }
  // An index that answers when it is told to.
  const begun: number[] = [];
  const answers = new Map<number, () => void>();
  const indexer = new Indexer({
    feed: { batches },
    index: {
      put: ([first]) => {
        begun.push(first!.sequence);
        return new Promise((resolve) => answers.set(first!.sequence, () => resolve([])));
      },
    },
    failed: { add: () => assert.fail('nothing is refused') },
    logger: { warn: (_, message) => assert.fail(message) },
  });
  const ended = indexer.run();
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  await turn();
  assert.deepEqual([begun, asked], [[1, 2], 2]);
  // The later one may be done first.
  answers.get(2)!();
  await turn();
  assert.deepEqual([begun, done], [[1, 2, 3], [2]]);
  indexer.stop();
  answers.get(1)!();
  await turn();
  assert.deepEqual(done, [2, 1]);
  let isOver = false;
  void ended.then(() => (isOver = true));
  await turn();
  assert.equal(isOver, false);
  answers.get(3)!();
  await ended;
  assert.deepEqual([begun, done, asked], [[1, 2, 3], [2, 1, 3], 3]);
});
