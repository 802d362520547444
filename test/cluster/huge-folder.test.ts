// One folder with very many files: its parts are shared out among the scanners, and put together they are the folder.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ScanQueue } from '../../core/ports/scan-queue.ts';
import { writeGeneration } from '../index/make-archive.ts';
import { ComparedCluster } from './clusters.ts';
import { ServicesHere } from './services-here.ts';

/** Enough for four parts. */
const FILES = 16_500;

describe('a huge folder in a cluster', () => {
  const compared = new ComparedCluster({ after }, 'huge');
  const { archive } = compared;
  /** Parts of the folder that each scanner was given. */
  const taken = [0, 0];
  let services: ServicesHere | undefined;

  before(() => {
    for (let i = 0; i < FILES; i++) writeGeneration(archive, `all/${i}`, i, 1);
    return compared.start(0, async (cluster) => {
      services = new ServicesHere(cluster.addresses, compared.archives);
      for (const scanner of taken.keys()) {
        // One part at a time, so that none gets all.
        await services.startScanner({ jobs: 1 }, (queue) => counting(queue, () => void taken[scanner]!++));
      }
    });
  });

  function counting(queue: ScanQueue, count: () => void): ScanQueue {
    return {
      add: (...work) => queue.add(...work),
      left: (...scan) => queue.left(...scan),
      drop: (...scan) => queue.drop(...scan),
      async *take(...wanted) {
        for await (const work of queue.take(...wanted)) {
          for (const { job } of work.work.jobs) if (job === 'read-files') count();
          yield work;
        }
      },
    };
  }

  test('is read by all scanners, and again when some of it has changed', { timeout: 120_000 }, async (t) => {
    if ((await compared.orSkip(t)) === undefined) return;
    // Before the cluster.
    t.after(() => services!.stop());
    await compared.isRight(await compared.begin());
    const first = taken[0]! + taken[1]!;
    assert.ok(
      taken.every((parts) => parts > 0),
      `${taken}`,
    );
    assert.equal(first, 4);
    for (let i = 0; i < FILES; i += 7) writeGeneration(archive, `all/${i}`, i, 2);
    const again = await compared.begin();
    await compared.isRight(again);
    assert.equal(again.unchanged, FILES - Math.ceil(FILES / 7));
    assert.equal(taken[0]! + taken[1]!, 2 * first);
  });
});
