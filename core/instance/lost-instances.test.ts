// What changes of chunks take out of an archive, and from how many on it is only counted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordOfFindings, skippedFinding } from './file-finding.ts';
import { encodeFolderRecord } from './folder-record.ts';
import { type ChunkChange, LostInstances } from './lost-instances.ts';

const CHUNK = { bits: 0, index: 0 };

/** A record of instances, `SERIES/INSTANCE`, and of a file that is none. */
function record(...instances: readonly string[]): Uint8Array {
  const none = skippedFinding('zz.txt', 'not-dicom', 1, 1);
  const findings = instances.map((one) => {
    const [SeriesInstanceUID, SOPInstanceUID] = one.split('/') as [string, string];
    return { ...none, name: one.replace('/', '-'), skipped: '' as const, SOPInstanceUID, SeriesInstanceUID };
  });
  return encodeFolderRecord(recordOfFindings([...findings, none]));
}

async function lostOf(changes: readonly ChunkChange[], most?: number): Promise<LostInstances> {
  const lost = new LostInstances(most);
  await lost.add(
    (async function* () {
      yield* changes;
    })(),
  );
  for (const { after } of changes) if (after !== undefined) lost.take(after);
  return lost;
}

function listed(lost: LostInstances, most = 10): string[][] {
  return Array.from(lost.series(most), (batch) =>
    [...batch].flatMap(([uid, instances]) => Array.from(instances, (instance) => `${uid}/${instance}`)),
  );
}

test('lost is what neither its own chunk nor another changed one has now', async () => {
  const lost = await lostOf([
    { folder: 'a', chunk: CHUNK, before: record('1/1', '1/2', '1/3', '2/1'), after: record('1/1') },
    // 1/2 has moved here, 1/3 here too and into another series; what was here all the time is not looked for.
    { folder: 'b', chunk: CHUNK, before: record('3/9', '3/1'), after: record('3/9', '1/2', '4/3') },
    { folder: 'c', chunk: { bits: 1, index: 1 }, before: record('5/5'), after: undefined },
  ]);
  assert.equal(lost.count, 1);
  assert.deepEqual(listed(lost).flat(), ['5/5']);
  assert.deepEqual(
    [lost.isChanged('a', CHUNK), lost.isChanged('c', CHUNK), lost.isChanged('c', { bits: 1, index: 1 })],
    [true, false, true],
  );
  assert.equal(lost.isCut, false);
});

test('series come so many at a time', async () => {
  const before = record('1/1', '2/2', '3/3', '3/4', '4/5');
  const lost = await lostOf([{ folder: 'a', chunk: CHUNK, before, after: undefined }]);
  assert.deepEqual(listed(lost, 2), [
    ['1/1', '2/2'],
    ['3/3', '3/4', '4/5'],
  ]);
  assert.equal(lost.count, 5);
});

test('what stays in its chunk is not counted towards how many are kept apart', async () => {
  const many = Array.from({ length: 50 }, (_, i) => `1/${i}`);
  const changes = ['a', 'b', 'c'].map((folder) => {
    const before = many.map((one) => `${one}.${folder}`);
    return { folder, chunk: CHUNK, before: record(...before), after: record(...before.slice(1)) };
  });
  const lost = await lostOf(changes, 3);
  assert.deepEqual([lost.isCut, lost.count], [false, 3]);
});

test('more than are kept apart are counted to the end', async () => {
  const changes = Array.from({ length: 20 }, (_, i) => {
    return { folder: `${i}`, chunk: CHUNK, before: record(`1/${i}`, `2/${i}.1`), after: undefined };
  });
  const lost = await lostOf(changes, 7);
  assert.deepEqual([lost.isCut, lost.count, listed(lost)], [true, 40, []]);
  assert.deepEqual([(await lostOf(changes, 40)).isCut, (await lostOf(changes, 39)).isCut], [false, true]);
});
