// What `index` believes: files that changed, came, went and moved; listings that cannot be true; interrupted runs.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { DitagError } from '../../core/errors/errors.ts';
import { isHere } from '../../scripts/parts/parts.ts';
import { temporaryFolder } from '../cli/run-ditag.ts';
import { answersOf, indexHere, rowsOf } from './index-here.ts';
import { dicomFile, LONG_AGO, makeArchive, plainSeries, writeFile } from './make-archive.ts';

function place(t: TestContext): { database: string; archive: string } {
  const folder = temporaryFolder(t, 'memory');
  return { database: path.join(folder, 'dicom.db'), archive: path.join(folder, 'archive') };
}

async function patients(database: string): Promise<string[]> {
  return (await rowsOf(database, { columns: 'PatientName,SOPInstanceUID' }))
    .filter((row) => row.length === 2)
    .map((row) => row.join(' '));
}

const person = (PatientName: string, sop = '1') =>
  dicomFile({ SeriesInstanceUID: '1.2', SOPInstanceUID: `1.2.${sop}`, PatientName });

async function sameAsFresh(database: string, archive: string): Promise<void> {
  const fresh = `${database}-fresh`;
  fs.rmSync(fresh, { force: true });
  await indexHere(fresh, archive);
  assert.deepEqual(await answersOf(database), await answersOf(fresh));
}

test('only what changed is opened: size, time, new names', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, { ...plainSeries('a', '1.2', 5), ...plainSeries('b', '1.3', 5), text: 'no DICOM' });
  assert.equal((await indexHere(database, archive)).opened, 11);
  assert.equal((await indexHere(database, archive)).opened, 0);
  writeFile(archive, 'a/0002.dcm', person('Another and much longer name'), LONG_AGO);
  assert.equal((await indexHere(database, archive)).opened, 1, 'another size');
  fs.utimesSync(path.join(archive, 'b/0001.dcm'), LONG_AGO + 1, LONG_AGO + 1);
  assert.equal((await indexHere(database, archive)).opened, 1, 'another time');
  writeFile(archive, 'c/new', person('New'));
  assert.equal((await indexHere(database, archive)).opened, 1, 'a new file');
  fs.renameSync(path.join(archive, 'a/0001.dcm'), path.join(archive, 'a/0009.dcm'));
  assert.equal((await indexHere(database, archive)).opened, 1, 'a renamed file');
  fs.rmSync(path.join(archive, 'a/0003.dcm'));
  assert.equal((await indexHere(database, archive)).opened, 0, 'a file that is gone');
  await sameAsFresh(database, archive);
});

test('fractions of a second count', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, { 1: person('A') });
  fs.utimesSync(path.join(archive, '1'), LONG_AGO, LONG_AGO + 0.123456);
  await indexHere(database, archive);
  assert.equal((await indexHere(database, archive)).opened, 0);
  fs.writeFileSync(path.join(archive, '1'), person('B'));
  fs.utimesSync(path.join(archive, '1'), LONG_AGO, LONG_AGO + 0.123459);
  assert.equal((await indexHere(database, archive)).opened, 1);
  assert.deepEqual(await patients(database), ['B 1.2.1']);
});

test('a clock that was centuries ahead disturbs neither its own file nor the next ones', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, { ...plainSeries('a', '1.2', 4), b: person('B', '9') });
  // The latest time that ext4 can keep is in the year 2446.
  const far = 15_000_000_000.000002;
  fs.utimesSync(path.join(archive, 'a/0002.dcm'), far, far);
  const isKept = Math.abs(fs.statSync(path.join(archive, 'a/0002.dcm')).mtimeMs / 1000 - far) <= 1;
  const missing =
    'this file system keeps no such time: set TMPDIR to a folder on ext4 with inodes of 256 bytes, or btrfs';
  if (!isHere(t, isKept, missing)) return;
  await indexHere(database, archive);
  assert.equal((await indexHere(database, archive)).opened, 0);
  for (const [before, after] of [
    [far, far + 3600],
    [-300_000_000, -100_000_000],
  ] as const) {
    fs.utimesSync(path.join(archive, 'b'), before, before);
    await indexHere(database, archive);
    makeArchive(archive, { b: person(before === far ? 'C' : 'D', '9') });
    fs.utimesSync(path.join(archive, 'b'), after, after);
    assert.equal((await indexHere(database, archive)).opened, 1);
  }
});

test('a file written within two seconds of its listing is read again', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, { old: person('Old', '2') });
  fs.writeFileSync(path.join(archive, 'just-now'), person('A'));
  assert.equal((await indexHere(database, archive)).opened, 2);
  assert.equal((await indexHere(database, archive)).opened, 1, 'the fresh one only');
  const file = path.join(archive, 'just-now');
  fs.utimesSync(file, LONG_AGO, LONG_AGO);
  assert.equal((await indexHere(database, archive)).opened, 1);
  assert.equal((await indexHere(database, archive)).opened, 0);
});

test('a fresh file that is rewritten with the same size at once shows its new header at the next run', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, { text: 'no DICOM' });
  fs.writeFileSync(path.join(archive, 'x'), person('A'));
  await indexHere(database, archive);
  assert.deepEqual(await patients(database), ['A 1.2.1']);
  fs.writeFileSync(path.join(archive, 'x'), person('B'));
  await indexHere(database, archive);
  assert.deepEqual(await patients(database), ['B 1.2.1']);
});

test('the first file in path order speaks, in whatever order the files came', async (t) => {
  const { database, archive } = place(t);
  // Component by component, byte by byte: `a/z` before `a-b/a`, `B` before `a`, `é` last.
  const order = ['B/1', 'a/0', 'a/z', 'a-b/a', 'b', 'é'];
  const index = async () => {
    await indexHere(database, archive);
    return (await patients(database)).join();
  };
  makeArchive(archive, { README: 'no DICOM' });
  for (const name of [...order].reverse()) {
    writeFile(archive, name, person(name));
    assert.equal(await index(), `${name} 1.2.1`);
  }
  writeFile(archive, order[0]!, person('changed'), LONG_AGO + 5);
  assert.equal(await index(), 'changed 1.2.1');
  for (const [i, name] of order.slice(0, -1).entries()) {
    fs.rmSync(path.join(archive, name));
    for (const folder of ['B', 'a', 'a-b'])
      if (fs.existsSync(path.join(archive, folder)) && fs.readdirSync(path.join(archive, folder)).length === 0)
        fs.rmdirSync(path.join(archive, folder));
    assert.equal(await index(), `${order[i + 1]!} 1.2.1`);
    await sameAsFresh(database, archive);
  }
});

test('what has moved is not missed, however much it is', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, { ...plainSeries('a/b', '1.2', 40), ...plainSeries('c', '1.3', 3), README: 'no DICOM' });
  await indexHere(database, archive);
  // The folder goes whole, or stays behind empty.
  fs.renameSync(path.join(archive, 'a/b'), path.join(archive, 'z'));
  assert.equal((await indexHere(database, archive)).kept, 0);
  fs.rmdirSync(path.join(archive, 'a'));
  await indexHere(database, archive);
  await sameAsFresh(database, archive);
  // One of the moved files got lost on the way: the folder that lists empty is kept, and with it all that was in it.
  fs.renameSync(path.join(archive, 'z'), path.join(archive, 'y'));
  fs.mkdirSync(path.join(archive, 'z'));
  fs.rmSync(path.join(archive, 'y/0007.dcm'));
  assert.equal((await indexHere(database, archive)).kept, 1);
  fs.rmdirSync(path.join(archive, 'z'));
  assert.equal((await indexHere(database, archive)).kept, 0);
  await sameAsFresh(database, archive);
});

test('a folder of many series that is renamed, or emptied by moving, takes about as long as its first run', async (t) => {
  const { database, archive } = place(t);
  const files: Record<string, Buffer> = { keep: person('A') };
  for (let i = 0; i < 3_000; i++)
    files[`f/${i}`] = dicomFile({ SeriesInstanceUID: `1.3.${i}`, SOPInstanceUID: `1.3.${i}.1`, PatientName: 'A' });
  makeArchive(archive, files);
  const timed = async () => {
    const before = performance.now();
    await indexHere(database, archive);
    const took = performance.now() - before;
    const { statistics } = (await answersOf(database)) as { statistics: { instances: number } };
    assert.equal(statistics.instances, 3_001);
    return took;
  };
  const first = await timed();
  fs.renameSync(path.join(archive, 'f'), path.join(archive, 'g'));
  const renamed = await timed();
  fs.mkdirSync(path.join(archive, 'h'));
  for (const name of fs.readdirSync(path.join(archive, 'g')))
    fs.renameSync(path.join(archive, 'g', name), path.join(archive, 'h', name));
  const emptied = await timed();
  // Once for each series the whole folder was read again: some thirty times as long.
  const most = 8 * first + 1_000;
  assert.ok(renamed < most && emptied < most, `${renamed} and ${emptied} ms, the first run ${first} ms`);
});

test('moved and renamed folders are not doubled', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, { ...plainSeries('a/b', '1.2', 3), ...plainSeries('c', '1.3', 3) });
  await indexHere(database, archive);
  fs.renameSync(path.join(archive, 'a'), path.join(archive, 'z'));
  await indexHere(database, archive);
  await sameAsFresh(database, archive);
  const { statistics } = (await answersOf(database)) as { statistics: { instances: number; series: number } };
  assert.deepEqual([statistics.instances, statistics.series], [6, 2]);
});

test('more than 10 % of the files gone at once changes nothing, until it is accepted', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, {
    ...plainSeries('a', '1.2', 270),
    ...plainSeries('b', '1.3', 30),
    ...plainSeries('c', '1.4', 1),
  });
  await indexHere(database, archive);
  const before = await answersOf(database);
  fs.rmSync(path.join(archive, 'b'), { recursive: true });
  fs.rmSync(path.join(archive, 'a/0001.dcm'));
  await assert.rejects(indexHere(database, archive), (error) => {
    assert.ok(error instanceof DitagError);
    assert.equal(error.code, 'too-many-deletions');
    assert.equal(error.exitCode, 1);
    assert.match(error.message, /^31 of 301 known instances are gone from .*--accept-deletions\.$/);
    return true;
  });
  assert.deepEqual(await answersOf(database), before);
  await indexHere(database, archive, { acceptDeletions: true });
  await sameAsFresh(database, archive);
});

for (const [what, change] of [
  [
    'are empty',
    (archive: string) => {
      for (const name of fs.readdirSync(path.join(archive, 'b'))) fs.truncateSync(path.join(archive, 'b', name));
    },
  ],
  ['hold other instances', (archive: string) => makeArchive(archive, plainSeries('b', '1.999', 20))],
] as const)
  test(`more than 10 % of the instances gone at once changes nothing, where their files ${what}`, async (t) => {
    const { database, archive } = place(t);
    makeArchive(archive, { ...plainSeries('a', '1.2', 60), ...plainSeries('b', '1.3', 20) });
    await indexHere(database, archive);
    const before = await answersOf(database);
    change(archive);
    await assert.rejects(indexHere(database, archive), {
      code: 'too-many-deletions',
      message: /^20 of 80 known instances/,
    });
    assert.deepEqual(await answersOf(database), before);
    await indexHere(database, archive, { acceptDeletions: true });
    await sameAsFresh(database, archive);
  });

test('deletions that are held: what is new comes in, what is gone stays until it is accepted', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, {
    ...plainSeries('a', '1.2', 60),
    ...plainSeries('b', '1.3', 20),
    ...plainSeries('c', '1.4', 10),
  });
  await indexHere(database, archive);
  fs.rmSync(path.join(archive, 'b'), { recursive: true });
  fs.rmSync(path.join(archive, 'c/0001.dcm'));
  makeArchive(archive, { ...plainSeries('d', '1.5', 7) });
  const { report } = await indexHere(database, archive, { holdDeletions: true });
  assert.deepEqual([report!.heldInstances, report!.instances, report!.series], [21, 97, 4]);
  // The same again, and it is still known what is gone.
  const again = await indexHere(database, archive, { holdDeletions: true });
  assert.deepEqual([again.report!.heldInstances, again.report!.instances], [21, 97]);
  await indexHere(database, archive, { acceptDeletions: true });
  await sameAsFresh(database, archive);
  // Files that are text now stay as what they were; of those in whose place there is another instance nothing is left.
  const names = fs.readdirSync(path.join(archive, 'a'));
  for (const name of names.slice(0, 30)) fs.writeFileSync(path.join(archive, 'a', name), 'text');
  const files = plainSeries('a', '1.999', 60);
  makeArchive(archive, Object.fromEntries(Object.entries(files).slice(30, 40)));
  const text = await indexHere(database, archive, { holdDeletions: true });
  assert.deepEqual([text.report!.heldInstances, text.report!.instances], [30, 76]);
  await indexHere(database, archive, { acceptDeletions: true });
  await sameAsFresh(database, archive);
  const { report: none } = await indexHere(database, archive, { holdDeletions: true });
  assert.equal(none!.heldInstances, undefined);
});

test('up to 10 % is believed', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, { ...plainSeries('a', '1.2', 270), ...plainSeries('b', '1.3', 30) });
  await indexHere(database, archive);
  fs.rmSync(path.join(archive, 'b'), { recursive: true });
  await indexHere(database, archive);
  await sameAsFresh(database, archive);
});

test('a known folder that lists empty keeps its files, until it is accepted', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, {
    ...plainSeries('a', '1.2', 3),
    ...plainSeries('b/x', '1.3', 3),
    ...plainSeries('b/y', '1.4', 3),
  });
  await indexHere(database, archive);
  const before = await answersOf(database);
  for (const name of fs.readdirSync(path.join(archive, 'a'))) fs.rmSync(path.join(archive, 'a', name));
  fs.rmSync(path.join(archive, 'b/x'), { recursive: true });
  fs.rmSync(path.join(archive, 'b/y'), { recursive: true });
  writeFile(archive, 'c', 'no DICOM');
  assert.equal((await indexHere(database, archive)).kept, 2);
  const { statistics } = before as { statistics: { instances: number } };
  assert.equal(
    ((await answersOf(database)) as { statistics: { instances: number } }).statistics.instances,
    statistics.instances,
  );
  assert.equal((await indexHere(database, archive, { acceptDeletions: true })).kept, 0);
  await sameAsFresh(database, archive);
  assert.equal(
    (await indexHere(database, archive)).kept,
    0,
    'an empty folder that was accepted is no question any more',
  );
});

test('a file and a folder change places', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, { ...plainSeries('x', '1.2', 2), y: person('Y', '7'), README: 'no DICOM' });
  await indexHere(database, archive);
  fs.rmSync(path.join(archive, 'x'), { recursive: true });
  fs.rmSync(path.join(archive, 'y'));
  makeArchive(archive, { ...plainSeries('y', '1.2', 2), x: person('X', '8') });
  await indexHere(database, archive);
  await sameAsFresh(database, archive);
});

test('an interrupted run changes no answer; the next one goes on from it', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, {
    ...plainSeries('a', '1.2', 20),
    ...plainSeries('b', '1.3', 20),
    ...plainSeries('c', '1.4', 20),
  });
  const first = await indexHere(database, archive, { stopAfter: 5 });
  assert.equal(first.report, undefined);
  assert.ok(first.opened > 0 && first.opened < 60);
  await assert.rejects(answersOf(database), /There is no index at/);
  const second = await indexHere(database, archive);
  assert.equal(second.resumed, true);
  assert.equal(second.opened, 60 - first.opened);
  await sameAsFresh(database, archive);
  const before = await answersOf(database);
  makeArchive(archive, { ...plainSeries('d', '1.5', 20), ...plainSeries('e', '1.6', 20) });
  fs.rmSync(path.join(archive, 'c/0001.dcm'));
  await indexHere(database, archive, { stopAfter: 6 });
  assert.deepEqual(await answersOf(database), before);
  // What the interrupted run saw is not what is there now.
  fs.rmSync(path.join(archive, 'e'), { recursive: true });
  writeFile(archive, 'd/0001.dcm', person('changed', '77'), LONG_AGO + 9);
  await indexHere(database, archive);
  await sameAsFresh(database, archive);
});

test('a header that an earlier run has read is not taken for a file that has changed since', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, plainSeries('a', '1.3', 20));
  await indexHere(database, archive);
  for (let i = 2; i <= 20; i++) fs.rmSync(path.join(archive, `a/${String(i).padStart(4, '0')}.dcm`));
  const isRefused = () => assert.rejects(indexHere(database, archive), { code: 'too-many-deletions' });
  writeFile(archive, 's/b.dcm', person('first'), LONG_AGO + 1);
  await isRefused();
  // Changed, and no longer the one that speaks: its header is not read this time.
  writeFile(archive, 's/b.dcm', person('second'), LONG_AGO + 2);
  writeFile(archive, 's/a.dcm', person('other', '2'), LONG_AGO + 2);
  await isRefused();
  fs.rmSync(path.join(archive, 's/a.dcm'));
  await indexHere(database, archive, { acceptDeletions: true });
  assert.match((await patients(database)).join(), /second/);
  await sameAsFresh(database, archive);
});

test('what is new and what is gone is counted against the index, whatever runs have staged in between', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, { ...plainSeries('a', '1.2', 20), ...plainSeries('b', '1.3', 20) });
  const first = await indexHere(database, archive);
  assert.deepEqual([first.report!.appeared, first.report!.vanished], [40, 0]);
  for (let i = 1; i <= 10; i++) fs.rmSync(path.join(archive, `a/${String(i).padStart(4, '0')}.dcm`));
  writeFile(archive, 'b/new.dcm', person('new'), LONG_AGO);
  await assert.rejects(indexHere(database, archive), { code: 'too-many-deletions' });
  const accepted = await indexHere(database, archive, { acceptDeletions: true });
  assert.equal(accepted.opened, 0);
  assert.deepEqual([accepted.report!.appeared, accepted.report!.vanished], [1, 10]);
});

test('of two folders that list empty neither is believed for what it has in common with the other', async (t) => {
  const { database, archive } = place(t);
  makeArchive(archive, { ...plainSeries('a', '1.2', 3), ...plainSeries('b', '1.2', 3), ...plainSeries('c', '1.4', 3) });
  await indexHere(database, archive);
  const before = await answersOf(database);
  for (const folder of ['a', 'b'])
    for (const name of fs.readdirSync(path.join(archive, folder))) fs.rmSync(path.join(archive, folder, name));
  const { report } = await indexHere(database, archive);
  assert.deepEqual([...report!.keptFolders].sort(), ['a', 'b']);
  assert.deepEqual(await answersOf(database), before);
});

test('an interrupted run of another archive is of no consequence', async (t) => {
  const { database, archive } = place(t);
  const other = `${archive}-other`;
  makeArchive(archive, plainSeries('a', '1.2', 3));
  makeArchive(other, plainSeries('a', '1.3', 3));
  await indexHere(database, archive, { stopAfter: 2 });
  assert.equal((await indexHere(database, other)).resumed, false);
  const fresh = `${database}-fresh`;
  await indexHere(fresh, other);
  assert.deepEqual(await answersOf(database), await answersOf(fresh));
});

test('which issues a series shows does not depend on the order in which its files came', async (t) => {
  const { database, archive } = place(t);
  const instance = (uid: string, text: Buffer) => ({
    ...{ SeriesInstanceUID: '1.2', SOPInstanceUID: uid },
    // Beyond the identity: only a full header shows it.
    elements: [[0x00324000, 'LT', text]] as [number, string, Buffer][],
  });
  const wrong = instance('1.2.2', Buffer.from('caf\xe9 ', 'latin1'));
  const right = instance('1.2.1', Buffer.from('tea '));
  const issues = async () => {
    const rows = await rowsOf(database, { columns: 'SeriesInstanceUID,Issues' });
    return rows.find(([uid]) => uid === '1.2')?.[1];
  };
  makeArchive(archive, { 'b.dcm': wrong });
  await indexHere(database, archive);
  assert.match(String(await issues()), /CharacterSetWrong/);
  makeArchive(archive, { 'a.dcm': right });
  await indexHere(database, archive);
  await sameAsFresh(database, archive);
  const after = await issues();
  fs.rmSync(database);
  await indexHere(database, archive);
  assert.equal(await issues(), after);
});
