// What is known of a project in its file: what one answer leaves of another, what is asked for next, several at a time,
// and files that are not of a project. What every store has to do is in the contract suite.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { DitagError } from '../../core/errors/errors.ts';
import type { AccessionAnswer, FoundStudy } from '../../core/projects/expected.ts';
import { temporaryFolder } from '../../test/cli/run-ditag.ts';
import { SqliteProjectStore } from './project-store.ts';

function openStore(t: TestContext, file = path.join(temporaryFolder(t, 'memory'), 'trial.state.db')) {
  const store = new SqliteProjectStore(file);
  t.after(() => store.close().catch(() => {}));
  return { store, file };
}

/** A study with one series. @param instances that are listed */
function study(uid: string, instances: number, more: { PatientID?: string; announced?: number } = {}): FoundStudy {
  const SeriesInstanceUID = `${uid}.1`;
  const { PatientID, announced } = more;
  const list = Array.from({ length: instances }, (_, i) => ({
    ...{ SOPInstanceUID: `${SeriesInstanceUID}.${i + 1}`, SOPClassUID: '1.9' },
  }));
  const isListed = instances > 0 && instances >= (announced ?? 0);
  const series = { StudyInstanceUID: uid, SeriesInstanceUID, attributes: {}, announced, listed: instances, isListed };
  const attributes: Record<string, string> = PatientID === undefined ? {} : { PatientID };
  return { StudyInstanceUID: uid, attributes, series: [{ ...series, instances: list }] };
}

function found(accession: string, ...studies: FoundStudy[]): AccessionAnswer {
  return { accession, outcome: 'found', reason: '', studies };
}

async function add(store: SqliteProjectStore, ...accessions: string[]): Promise<void> {
  await store.addTargets(accessions.map((accession, i) => ({ accession, line: i + 1 })));
}

async function expected(store: SqliteProjectStore): Promise<Record<string, number>> {
  const series = await Array.fromAsync(store.series());
  return Object.fromEntries(
    await Promise.all(
      series.map(async ({ SeriesInstanceUID: uid }) => [uid, (await store.instancesOf(uid)).length] as const),
    ),
  );
}

test('what the PACS says now takes the place of what it said before', async (t) => {
  const { store } = openStore(t);
  await add(store, 'A', 'B');
  await store.keep(found('A', study('1.1', 3), study('1.2', 1)));
  await store.keep(found('B', study('1.3', 1)));
  await store.keep(found('A', study('1.1', 2)));
  assert.deepEqual(await expected(store), { '1.1.1': 2, '1.3.1': 1 });
  await store.keep({ accession: 'B', outcome: 'not-found', reason: '', studies: [] });
  assert.deepEqual(await expected(store), { '1.1.1': 2 });
  const { studies, series, instances } = await store.totals();
  assert.deepEqual([studies, series, instances], [1, 1, 2]);
});

test('one that failed says nothing of what was known', async (t) => {
  const { store } = openStore(t);
  await add(store, 'A');
  await store.keep(found('A', study('1.1', 3)));
  await store.keep({ accession: 'A', outcome: 'failed', reason: 'gone', studies: [] });
  assert.deepEqual(await expected(store), { '1.1.1': 3 });
  assert.deepEqual(await store.targetsToAsk(false), [{ accession: 'A', line: 1 }]);
});

test('a study that two accession numbers lead to stays as long as one of them does', async (t) => {
  const { store } = openStore(t);
  await add(store, 'A', 'a');
  await store.keep(found('A', study('1.1', 2)));
  await store.keep(found('a', study('1.1', 2)));
  const [series] = await Array.fromAsync(store.series());
  assert.equal(series!.accession, 'A');
  await store.keep(found('A'));
  assert.deepEqual(await expected(store), { '1.1.1': 2 });
  assert.equal((await Array.fromAsync(store.series()))[0]!.accession, 'a');
  await store.keep(found('a'));
  assert.deepEqual(await expected(store), {});
});

test('what is asked for: open and failed ones, with refresh all but refused ones', async (t) => {
  const { store } = openStore(t);
  await add(store, 'A', 'B', 'C', 'D', 'E', 'F');
  await store.keep(found('A'));
  await store.keep({ accession: 'B', outcome: 'failed', reason: 'x', studies: [] });
  await store.keep({ accession: 'C', outcome: 'refused', reason: 'x', studies: [] });
  await store.keep({ accession: 'D', outcome: 'not-found', reason: '', studies: [] });
  await store.keep({ accession: 'E', outcome: 'incomplete', reason: 'x', studies: [] });
  const names = async (refresh: boolean) =>
    (await store.targetsToAsk(refresh)).map(({ accession }) => accession).join('');
  assert.deepEqual([await names(false), await names(true)], ['FB', 'ADEFB']);
  assert.equal(await store.addTargets([{ accession: 'A', line: 9 }]), 0);
});

test('patients are told apart by PatientID, without one by study', async (t) => {
  const { store } = openStore(t);
  await add(store, 'A');
  const studies = [
    study('1.1', 1, { PatientID: 'P' }),
    study('1.2', 1, { PatientID: 'P' }),
    study('1.3', 1),
    study('1.4', 1),
  ];
  await store.keep(found('A', ...studies));
  const [target] = await Array.fromAsync(store.targets());
  assert.deepEqual([target!.studies, target!.patients], [4, 3]);
  assert.equal((await store.totals()).patients, 3);
});

test('what is announced counts where the list is not whole, and one where nothing is known', async (t) => {
  const { store } = openStore(t);
  await add(store, 'A');
  await store.keep(found('A', study('1.1', 2, { announced: 5 }), study('1.2', 0), study('1.3', 0, { announced: 4 })));
  assert.equal((await store.totals()).instances, 5 + 1 + 4);
});

test('a thousand series and more come in order, while others are written', async (t) => {
  const { store } = openStore(t);
  await add(store, 'A', 'B');
  const many = Array.from({ length: 1_500 }, (_, i) => study(`1.${i}`, 1));
  await store.keep(found('A', ...many));
  const uids: string[] = [];
  for await (const { StudyInstanceUID } of store.series()) {
    if (uids.length === 500) await store.keep(found('B', study('0.1', 1)));
    uids.push(StudyInstanceUID);
  }
  assert.deepEqual(uids, many.map(({ StudyInstanceUID }) => StudyInstanceUID).toSorted());
});

test('many writes at a time, each on disk when it is told', async (t) => {
  const { store, file } = openStore(t);
  const names = Array.from({ length: 300 }, (_, i) => `A${i}`);
  await add(store, ...names);
  await Promise.all(names.map((name, i) => store.keep(found(name, study(`1.${i}`, 2)))));
  // Another connection sees what is committed.
  const other = new DatabaseSync(file, { readOnly: true });
  assert.equal(other.prepare('SELECT count(*) AS n FROM instance').get()!['n'], 600);
  other.close();
  await store.close();
  const { store: again } = openStore(t, file);
  assert.equal((await again.totals()).outcomes.found, 300);
});

test('a write that fails is told, and takes with it only what was written with it', async (t) => {
  const { store } = openStore(t);
  await add(store, 'A');
  await assert.rejects(store.keep(found('NOBODY', study('1.1', 1))));
  await store.keep(found('A', study('1.2', 1)));
  assert.deepEqual(await expected(store), { '1.2.1': 1 });
});

test('downloads: what each has received, put aside and why the rest is missing', async (t) => {
  const { store, file } = openStore(t);
  const one = await store.download('/out/one');
  const received = { SOPInstanceUID: '1.1', path: 'a/b/1.1.dcm', size: 10, sha256: 'ab'.repeat(32) };
  await one.add('1', received);
  await one.add('1', { ...received, size: 12 });
  await one.addNotAskedFor('9', { ...received, path: 'not-asked-for/1.1.dcm' });
  await one.setReason('1', 'gone');
  const other = await store.download('/out/other');
  assert.deepEqual(await other.receivedOf('1'), []);
  await store.close();
  const { store: again } = openStore(t, file);
  const [latest, first] = await again.downloads();
  assert.equal(latest!.folder, '/out/other');
  assert.deepEqual([first!.received, first!.notAskedFor, first!.bytes, first!.completedAt], [1, 1, 12, undefined]);
  const opened = await again.download('/out/one');
  assert.deepEqual(await opened.receivedOf('1'), [{ ...received, size: 12 }]);
  assert.deepEqual(
    (await Array.fromAsync(opened.notAskedFor())).map(({ SeriesInstanceUID, path: at }) => [SeriesInstanceUID, at]),
    [['9', 'not-asked-for/1.1.dcm']],
  );
  assert.equal(await opened.reasonOf('1'), 'gone');
  await opened.setReason('1', '');
  await opened.remove('1', '1.1');
  await opened.setComplete(true);
  assert.deepEqual([await opened.reasonOf('1'), await opened.receivedOf('1')], ['', []]);
  assert.notEqual((await again.downloads()).find(({ folder }) => folder === '/out/one')!.completedAt, undefined);
});

test('a file of something else, and one of a newer ditag, are left alone', (t) => {
  const folder = temporaryFolder(t, 'memory');
  const text = path.join(folder, 'text.state.db');
  fs.writeFileSync(text, 'not a database, but long enough to look like one'.repeat(100));
  const foreign = path.join(folder, 'foreign.state.db');
  const database = new DatabaseSync(foreign);
  database.exec('CREATE TABLE target (id INTEGER)');
  database.close();
  const newer = path.join(folder, 'newer.state.db');
  void new SqliteProjectStore(newer).close();
  const changed = new DatabaseSync(newer);
  changed.exec('PRAGMA user_version = 99');
  changed.close();
  for (const [file, code] of [
    [text, 'not-a-project'],
    [foreign, 'not-a-project'],
    [newer, 'newer-database'],
    [path.join(text, 'below.db'), 'cannot-write'],
  ] as const)
    assert.throws(
      () => new SqliteProjectStore(file),
      (error) => error instanceof DitagError && error.code === code,
      code,
    );
  assert.equal(fs.statSync(path.join(folder, 'newer.state.db')).mode & 0o777, 0o600);
});
