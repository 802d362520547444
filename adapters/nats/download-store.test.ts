// Sums of a download that several note at once, on a real server: what was read before is not read again, and still true.
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { partOrSkip } from '../../scripts/parts/parts.ts';
import { natsHere } from '../../test/contracts/nats-here.ts';
import { NatsProjectStore } from './project-store.ts';
import { ensureStreams } from './streams.ts';

const nats = natsHere({ after });

test('sums follow what is noted, noted again, and taken back', { timeout: 60_000 }, async (t: TestContext) => {
  const cluster = await partOrSkip(t, () => nats.fresh());
  if (cluster === undefined) return;
  await ensureStreams(cluster.manager);
  const open = () => new NatsProjectStore(cluster, 'project').download('folder');
  const [one, other] = [await open(), await open()];
  const received = (uid: string, size: number) => ({
    SOPInstanceUID: uid,
    path: `s/${uid}.dcm`,
    size,
    sha256: 'a'.repeat(64),
  });
  const sums = async (how: { sums: typeof one.sums }) => Object.values(await how.sums());
  assert.deepEqual(await sums(one), [0, 0, 0]);
  await one.add('1', received('1.1', 100));
  await Promise.all([one.add('1', received('1.2', 10)), other.add('2', received('2.1', 1))]);
  assert.deepEqual(await Promise.all([sums(one), sums(one), sums(other)]), [
    [3, 111, 0],
    [3, 111, 0],
    [3, 111, 0],
  ]);
  await other.remove('1', '1.1');
  await other.addNotAskedFor('3', received('3.1', 5));
  await one.add('2', received('2.1', 2));
  assert.deepEqual(await sums(one), [2, 12, 1]);
  await one.addNotAskedFor('3', received('3.1', 5));
  await one.add('1', received('1.1', 200));
  assert.deepEqual(
    [await sums(one), await sums(other), await sums(await open())],
    [
      [3, 212, 1],
      [3, 212, 1],
      [3, 212, 1],
    ],
  );
});
