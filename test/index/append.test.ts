// Several archives in one index: a series that lies in two of them is one row, as the archive that was indexed first
// has it; without --append only the archive that was named stays.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { nameHash } from '../../core/instance/folder-chunks.ts';
import { temporaryFolder } from '../cli/run-ditag.ts';
import { answersOf, indexHere, rowsOf } from './index-here.ts';
import { dicomFile, makeArchive, plainSeries, writeFile } from './make-archive.ts';

interface Place {
  readonly database: string;
  readonly a: string;
  readonly b: string;
  readonly c: string;
}

function place(t: TestContext): Place {
  const folder = temporaryFolder(t, 'memory');
  const at = (name: string) => path.join(folder, name);
  return { database: at('dicom.db'), a: at('a'), b: at('b'), c: at('c') };
}

/** UID and SeriesDescription of every row. */
async function shown(database: string): Promise<string[]> {
  const rows = await rowsOf(database, { columns: 'SeriesInstanceUID,SeriesDescription' });
  return rows.filter((row) => row.length === 2).map((row) => row.join(' '));
}

function instance(uid: string, SeriesDescription: string, more = {}) {
  return {
    SeriesInstanceUID: uid,
    SOPInstanceUID: `${uid}.1`,
    StudyInstanceUID: `${uid}.9`,
    SeriesDescription,
    ...more,
  };
}

test('--append keeps the others; without it only the named archive stays', async (t) => {
  const { database, a, b, c } = place(t);
  makeArchive(a, { 1: instance('1.1', 'A'), both: instance('1.5', 'A') });
  makeArchive(b, { 1: instance('1.2', 'B'), both: instance('1.5', 'B') });
  makeArchive(c, { 1: instance('1.3', 'C') });
  await indexHere(database, a);
  await indexHere(database, b, { append: true });
  const { report: kept } = await indexHere(database, c, { append: true });
  assert.deepEqual(kept?.removedArchives, []);
  assert.deepEqual(await shown(database), ['1.1 A', '1.2 B', '1.3 C', '1.5 A']);
  const { report } = await indexHere(database, b);
  assert.deepEqual(report?.removedArchives, [a, c]);
  assert.deepEqual(await shown(database), ['1.2 B', '1.5 B']);
  assert.deepEqual((await indexHere(database, b)).report?.removedArchives, []);
  const fresh = `${database}2`;
  await indexHere(fresh, b);
  assert.deepEqual(await answersOf(database), await answersOf(fresh));
});

test('a series in two archives is one row: the archive indexed first speaks', async (t) => {
  const { database, a, b } = place(t);
  makeArchive(a, { 1: instance('1.5', 'A', { StudyDate: '20200101' }), 2: instance('1.1', 'only A') });
  makeArchive(b, { 1: instance('1.5', 'B', { StudyDate: '20100101' }), 2: instance('1.1', 'also B') });
  await indexHere(database, b);
  await indexHere(database, a, { append: true });
  assert.deepEqual(await shown(database), ['1.1 also B', '1.5 B']);
  // Again in another order: which was first does not change.
  await indexHere(database, a, { append: true });
  await indexHere(database, b, { append: true });
  assert.deepEqual(await shown(database), ['1.1 also B', '1.5 B']);
  // When the first loses its file, the second speaks; when it comes back, the first does again.
  fs.rmSync(path.join(b, '1'));
  await indexHere(database, b, { append: true });
  assert.deepEqual(await shown(database), ['1.1 also B', '1.5 A']);
  writeFile(b, '1', dicomFile(instance('1.5', 'B again')));
  await indexHere(database, b, { append: true });
  assert.deepEqual(await shown(database), ['1.1 also B', '1.5 B again']);
});

test('a series that came to the first archive later, while both change', async (t) => {
  const { database, a, b } = place(t);
  makeArchive(a, { 0: 'text' });
  makeArchive(b, { 0: 'text', 1: instance('1.5', 'B') });
  await indexHere(database, a);
  await indexHere(database, b, { append: true });
  writeFile(a, '1', dicomFile(instance('1.5', 'A')));
  await indexHere(database, a, { append: true });
  assert.deepEqual(await shown(database), ['1.5 A']);
  // In one run the first archive goes and the second's speaker is another.
  writeFile(b, '1', dicomFile(instance('1.5', 'B, changed')));
  await indexHere(database, b);
  assert.deepEqual(await shown(database), ['1.5 B, changed']);
  const fresh = `${database}2`;
  await indexHere(fresh, b);
  assert.deepEqual(await answersOf(database), await answersOf(fresh));
});

test('counts are those of the archive, also where another one shows its series', async (t) => {
  const { database, a, b } = place(t);
  for (const root of [a, b]) makeArchive(root, { ...plainSeries('x', '1.5', 3), ...plainSeries('y', '1.6', 2) });
  const { report: first } = await indexHere(database, a);
  const { report: second } = await indexHere(database, b, { append: true });
  assert.deepEqual([first!.files, first!.instances, first!.series, first!.studies], [5, 5, 2, 2]);
  assert.deepEqual([second!.files, second!.instances, second!.series, second!.studies], [5, 5, 2, 2]);
});

test('of two archives with the same bytes nothing is doubled', async (t) => {
  const { database, a, b } = place(t);
  for (const root of [a, b]) makeArchive(root, plainSeries('x', '1.5', 3));
  await indexHere(database, a);
  await indexHere(database, b, { append: true });
  const { statistics } = (await answersOf(database)) as { statistics: Record<string, unknown> };
  assert.deepEqual([statistics['series'], statistics['studies'], statistics['instances']], [1, 1, 3]);
});

test('many archives in and out: the index answers as the archives indexed in the order of their first time', async (t) => {
  const { database, a, b, c } = place(t);
  const roots = [a, b, c];
  for (const [i, root] of roots.entries()) {
    makeArchive(root, {
      0: 'text',
      1: instance('1.5', `from ${i}`, { StudyDate: `2020010${i + 1}` }),
      2: instance(`1.${i}`, 'own'),
    });
  }
  let seed = 7;
  const random = (below: number) => ((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % 1000) % below;
  for (let run = 0; run < 24; run++) {
    const root = roots[random(3)]!;
    const append = random(4) > 0;
    writeFile(
      root,
      '1',
      dicomFile(instance('1.5', `run ${run}`, { StudyDate: `2020010${1 + random(9)}` })),
      1_600_000_000 + run * 10,
    );
    await indexHere(database, root, { append });
    const fresh = `${database}-${run}`;
    for (const one of orderOf(database)) await indexHere(fresh, one, { append: true });
    // The other archives' trees are unchanged since they were indexed, but for the file that this run has written.
    const [own, anew] = [await shown(database), await shown(fresh)];
    assert.deepEqual(own, anew, `run ${run}`);
  }
});

/** The archives of an index in the order in which they were indexed first. */
function orderOf(database: string): string[] {
  const index = new DatabaseSync(database, { readOnly: true });
  const names = (index.prepare('SELECT name FROM archive ORDER BY id').all() as { name: string }[]).map(
    (row) => row.name,
  );
  index.close();
  return names;
}

test('a series in two archives stays one row when more files of it come to the other one', async (t) => {
  const { database, a, b } = place(t);
  makeArchive(a, { both: instance('1.5', 'A') });
  makeArchive(b, { 1: instance('1.5', 'B') });
  await indexHere(database, a);
  await indexHere(database, b, { append: true });
  makeArchive(b, { 2: instance('1.5', 'B', { SOPInstanceUID: '1.5.2' }) });
  await indexHere(database, b, { append: true });
  assert.deepEqual(await shown(database), ['1.5 A']);
});

test('series of which the UIDs have the same hash are two', async (t) => {
  const { database, a } = place(t);
  const same = ['1.2.64316', '1.2.1300000'] as const;
  assert.equal(nameHash(same[0]), nameHash(same[1]));
  makeArchive(a, { 1: instance(same[0], 'one'), 2: instance(same[1], 'other') });
  await indexHere(database, a);
  assert.deepEqual(await shown(database), [`${same[1]} other`, `${same[0]} one`]);
  makeArchive(a, { 2: instance(same[1], 'changed') });
  await indexHere(database, a);
  assert.deepEqual(await shown(database), [`${same[1]} changed`, `${same[0]} one`]);
});
