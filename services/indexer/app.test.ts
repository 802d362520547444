// The order in which an indexer does what it does: with an index that answers when the test says so, as none would.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoggedBatch, LoggedEntry } from '../../core/ports/record-log.ts';
import { Indexer } from './app.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A chunk's new state at this place in the log. */
function entryOf(sequence: number, folder: string): LoggedEntry {
  const archive = { name: 'a', number: 1 };
  const chunk = { bits: 0, index: 0 };
  return { sequence, entry: { entry: 'chunk', archive, folder, chunk, record: undefined, headers: [] } };
}

/** An indexer that gets an entry of each of these folders as a batch of its own, then waits for more. */
function indexerOf(folders: readonly string[], later: () => void = () => {}) {
  const begun: number[] = [];
  const done: number[] = [];
  const givenBack: number[] = [];
  const answers = new Map<number, (refused?: Error) => void>();
  let asked = 0;
  async function* batches(_most: number, signal: AbortSignal): AsyncIterable<LoggedBatch> {
    const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    while (!signal.aborted && asked < folders.length) {
      const sequence = ++asked;
      yield {
        entries: [entryOf(sequence, folders[sequence - 1]!)],
        done: async () => void done.push(sequence),
        later: () => {
          givenBack.push(sequence);
          later();
        },
        working: () => {},
      };
    }
    await ended;
  }
  const warnings: string[] = [];
  const indexer = new Indexer({
    feed: { batches },
    index: {
      put: ([first]) => {
        const { sequence } = first!;
        begun.push(sequence);
        return new Promise((resolve, reject) =>
          answers.set(sequence, (refused) => (refused === undefined ? resolve([]) : reject(refused))),
        );
      },
    },
    failed: { add: () => assert.fail('nothing is refused') },
    logger: { warn: (_, message) => void warnings.push(message) },
  });
  return { indexer, begun, done, givenBack, answers, warnings, asked: () => asked };
}

test('two batches are under way at a time, and what was begun is done before the indexer ends', async () => {
  const { indexer, begun, done, answers, asked } = indexerOf(['a', 'b', 'c', 'd', 'e']);
  const ended = indexer.run();
  await turn();
  assert.deepEqual([begun, asked()], [[1, 2], 2]);
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
  assert.deepEqual([begun, done, asked()], [[1, 2, 3], [2, 1, 3], 3]);
});

test('of a chunk that changes twice the older state is done with before the newer one is begun', async () => {
  const { indexer, begun, answers } = indexerOf(['a', 'a', 'b']);
  const ended = indexer.run();
  await turn();
  assert.deepEqual(begun, [1]);
  answers.get(1)!();
  await turn();
  assert.deepEqual(begun, [1, 2, 3]);
  indexer.stop();
  for (const sequence of [2, 3]) answers.get(sequence)!();
  await ended;
});

test('while an index that takes nothing is left alone, nothing new is begun, and the batch is tried again', async () => {
  const { indexer, begun, done, answers, warnings } = indexerOf(['a', 'b', 'c']);
  const ended = indexer.run();
  await turn();
  answers.get(1)!(new Error('429'));
  await turn();
  answers.get(2)!();
  await sleep(50);
  assert.deepEqual([begun, done], [[1, 2], [2]]);
  while (begun.length < 4) await sleep(10);
  assert.deepEqual([...begun].sort(), [1, 1, 2, 3]);
  assert.deepEqual(warnings, ['the index takes nothing now']);
  assert.equal(indexer.counts.retries, 1);
  indexer.stop();
  for (const sequence of [1, 3]) answers.get(sequence)!();
  await ended;
  assert.deepEqual([...done].sort(), [1, 2, 3]);
  assert.equal(indexer.counts.entries, 3);
});

test('an indexer that is stopped while it leaves the index alone gives its batch back at once', async () => {
  const { indexer, givenBack, answers, done, warnings } = indexerOf(['a'], () => {
    throw new Error('the connection is closed');
  });
  const ended = indexer.run();
  for (let failures = 0; failures < 3; failures++) {
    while (!answers.has(1)) await sleep(5);
    const refuse = answers.get(1)!;
    answers.delete(1);
    refuse(new Error('503'));
    await turn();
  }
  // It would be left alone for a second now.
  const start = performance.now();
  indexer.stop();
  await ended;
  assert.ok(performance.now() - start < 500);
  assert.deepEqual([givenBack, done], [[1], []]);
  // Also where it cannot be given back, nothing ends the process.
  assert.equal(warnings.at(-1), 'a batch was given up');
});
