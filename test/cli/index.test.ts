// `ditag index` as users run it: what it prints, what it writes and with which rights, how it ends.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { lockIndex } from '../../adapters/sqlite/index-lock.ts';
import { dicomFile, LONG_AGO, makeArchive, plainSeries, writeFile } from '../index/make-archive.ts';
import { type Ended, runDitag, startDitag, temporaryFolder } from './run-ditag.ts';

interface User {
  readonly home: string;
  readonly config: string;
  readonly database: string;
  readonly archive: string;
  index(...args: string[]): Promise<Ended>;
  query(...args: string[]): Promise<Ended>;
}

function user(t: TestContext): User {
  const home = temporaryFolder(t);
  return {
    home,
    config: path.join(home, '.ditag/config.ini'),
    database: path.join(home, '.ditag/dicom.db'),
    archive: path.join(home, 'archive'),
    index: (...args) => runDitag(['index', ...args], { home }),
    query: (...args) => runDitag(['query', ...args], { home }),
  };
}

function refused({ code, stdout, stderr }: Ended, message: RegExp, exitCode = 2): void {
  assert.match(stderr, message);
  assert.doesNotMatch(stderr, /\n\s+at |ditag failed/);
  assert.equal(stdout, '');
  assert.equal(code, exitCode, stderr);
}

const uids = (csv: string) =>
  csv
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(',').at(-1)!);

test('summary, --skipped, second run, rights of what is written', async (t) => {
  const { home, config, database, archive, index } = user(t);
  makeArchive(archive, {
    ...plainSeries('a', '1.2', 3),
    ...plainSeries('b', '1.3', 2),
    'text, with comma': 'no DICOM',
    empty: '',
    DICOMDIR: dicomFile({ SOPInstanceUID: '1.7', SOPClassUID: '1.2.840.10008.1.3.10' }),
    anonymous: dicomFile({ SOPInstanceUID: '1.8' }),
  });
  fs.symlinkSync('nowhere', path.join(archive, 'broken'));
  fs.symlinkSync('a', path.join(archive, 'linked'));
  const list = path.join(home, 'skipped.csv');
  const first = await index('--archive', archive, '--skipped', list, '--threads', '2');
  assert.deepEqual([first.code, first.stdout], [0, '']);
  assert.match(first.stderr, /^Indexing .*archive\n/);
  assert.match(first.stderr, /^Files: 11 \(9 read, 0 unchanged; 11 new, 0 gone from their place\)$/m);
  assert.match(first.stderr, /^Instances: 5, series: 2, studies: 2$/m);
  assert.match(first.stderr, /^Skipped, not DICOM: 2$/m);
  assert.match(first.stderr, /^Skipped, DICOMDIR: 1$/m);
  assert.match(first.stderr, /^Skipped, DICOM without SOPInstanceUID or SeriesInstanceUID: 1$/m);
  assert.match(first.stderr, /^Skipped, could not be read: 1$/m);
  assert.match(first.stderr, /^Skipped, link to a folder \(not followed\): 1$/m);
  assert.match(first.stderr, /^\d+\.\d s, [\d,]+ files\/s$/m);
  assert.deepEqual(fs.readFileSync(list, 'utf8').trimEnd().split('\n').sort(), [
    'dicomdir,DICOMDIR',
    'linked-folder,linked',
    'no-identity,anonymous',
    'not-dicom,"text, with comma"',
    'not-dicom,empty',
    'reason,path',
    'unreadable,broken',
  ]);
  const second = await index('--quiet');
  assert.deepEqual(second, { code: 0, signal: null, stdout: '', stderr: '' });
  const third = await index();
  assert.match(third.stderr, /11 files known/);
  assert.match(third.stderr, /^Files: 11 \([01] read, 9 unchanged; 0 new, 0 gone from their place\)$/m);
  assert.equal(fs.statSync(path.join(home, '.ditag')).mode & 0o777, 0o700);
  for (const name of fs.readdirSync(path.join(home, '.ditag'))) {
    assert.equal(fs.statSync(path.join(home, '.ditag', name)).mode & 0o777, 0o600, name);
  }
  assert.equal(fs.statSync(list).mode & 0o777, 0o600);
  assert.equal(fs.readFileSync(config, 'utf8'), `[DEFAULT]\ndatabase = ${database}\narchive_path = ${archive}\n`);
});

test('--append leaves archive_path alone; index without --archive takes it', async (t) => {
  const { home, config, index, query, archive } = user(t);
  makeArchive(archive, plainSeries('a', '1.2', 1));
  makeArchive(path.join(home, 'second'), plainSeries('a', '1.3', 1));
  refused(await index(), /^No archive is named: give --archive DIR, or set archive_path in .*config\.ini\.\n$/);
  await index('--archive', `${archive}/`, '--quiet');
  await index('--archive', 'second', '--append', '--quiet');
  assert.match(fs.readFileSync(config, 'utf8'), new RegExp(`^archive_path = ${archive}$`, 'm'));
  assert.deepEqual(uids((await query()).stdout), ['1.2', '1.3']);
  makeArchive(archive, plainSeries('b', '1.4', 1));
  await index('--append', '--quiet');
  assert.deepEqual(uids((await query()).stdout), ['1.2', '1.3', '1.4']);
  assert.equal((await index('--quiet')).code, 0);
  assert.deepEqual(uids((await query()).stdout), ['1.2', '1.4']);
  await index('--archive', 'second', '--quiet');
  assert.match(fs.readFileSync(config, 'utf8'), /^archive_path = .*\/second$/m);
  assert.deepEqual(uids((await query()).stdout), ['1.3']);
});

test('the configuration: comments and unknown keys survive, `~` is the home folder', async (t) => {
  const { home, config, index, query } = user(t);
  makeArchive(path.join(home, 'x'), plainSeries('a', '1.2', 1));
  fs.mkdirSync(path.dirname(config), { mode: 0o700 });
  const text =
    '# mine\n[DEFAULT]\n; where\nDatabase: ~/elsewhere/my%%.db\narchive_path = ~/x\nunknown = 1\n\n[PACS]\ndestination = 10.0.0.1\nport=104\n';
  fs.writeFileSync(config, text);
  assert.equal((await index('--quiet')).code, 0);
  assert.ok(fs.existsSync(path.join(home, 'elsewhere/my%.db')));
  assert.deepEqual(uids((await query()).stdout), ['1.2']);
  const written = fs.readFileSync(config, 'utf8');
  assert.equal(written.replace(/^archive_path = .*$/m, 'archive_path = ~/x'), text);
  makeArchive(path.join(home, 'y%20'), plainSeries('a', '1.3', 1));
  assert.equal((await index('--quiet', '--archive', '~/y%20')).code, 0);
  assert.equal((await index('--quiet')).code, 0, 'a % in the path comes back');
  assert.deepEqual(uids((await query()).stdout), ['1.3']);
});

test('an archive whose name no line of a configuration holds is indexed, and the configuration stays whole', async (t) => {
  const { home, config, index, query } = user(t);
  for (const name of ['two\nlines', 'a\r[PACS]\rip = 1', 'blank at the end ', 'line\u2028separator']) {
    const archive = path.join(home, name);
    makeArchive(archive, plainSeries('a', '1.2', 1));
    assert.equal((await index('--archive', archive)).code, 0);
    assert.deepEqual(uids((await query()).stdout), ['1.2']);
    assert.doesNotMatch(fs.readFileSync(config, 'utf8'), /archive_path|PACS/);
  }
});

test('--config-file before and after the command; dicom.db and projects stand beside it', async (t) => {
  const { home, archive } = user(t);
  makeArchive(archive, plainSeries('a', '1.2', 1));
  const file = path.join(home, 'other/my.ini');
  const run = (...args: string[]) => runDitag(args, { home });
  assert.equal((await run('--config-file', file, 'index', '--archive', 'archive', '--quiet')).code, 0);
  assert.ok(fs.existsSync(path.join(home, 'other/dicom.db')));
  assert.equal(fs.existsSync(path.join(home, '.ditag')), false);
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  for (const args of [
    ['query', '--config-file', file],
    [`--config-file=${file}`, 'query'],
    ['query', '--config-file', '~/other/my.ini'],
    ['--config-file', 'nowhere.ini', 'query', '--config-file', 'other/my.ini'],
  ]) {
    const { code, stdout } = await run(...args);
    assert.deepEqual([code, uids(stdout)], [0, ['1.2']], args.join(' '));
  }
  fs.writeFileSync(file, 'database = x\n');
  refused(await run('query', '--config-file', file), /^The configuration .*my\.ini is not valid: .*line 1.*\.\n$/);
  refused(await run('query', '--config-file', home), /^(The configuration .* is not valid|Cannot read .*): .*\n$/);
});

test('--project-name asks the index of a project', async (t) => {
  const { home, archive, index, query } = user(t);
  makeArchive(archive, plainSeries('a', '1.2', 1));
  refused(
    await query('--project-name', 'Nobody'),
    /^There is no project "Nobody" in .*projects: there is none yet\.\n$/,
  );
  const project = (name: string) => path.join(home, '.ditag/projects', name);
  for (const name of ['One', 'Two', 'Empty']) fs.mkdirSync(project(name), { recursive: true });
  await index('--archive', 'archive', '--quiet');
  fs.copyFileSync(path.join(home, '.ditag/dicom.db'), path.join(project('One'), 'One.db'));
  fs.writeFileSync(path.join(project('One'), 'One.yml'), 'pacs:\n  host: 10.0.0.1\n  port: 11112\n');
  fs.copyFileSync(path.join(home, '.ditag/dicom.db'), path.join(home, 'two.db'));
  fs.writeFileSync(path.join(project('Two'), 'Two.yml'), 'database_path: ~/two.db\n');
  fs.rmSync(path.join(home, '.ditag/dicom.db'));
  for (const name of ['One', 'Two']) {
    const { code, stdout, stderr } = await query('--project-name', name);
    assert.deepEqual([code, uids(stdout), stderr], [0, ['1.2'], 'Found 1 matching series.\n']);
  }
  refused(await query('--project-name', 'Three'), /^There is no project "Three" in .*One.*Two/);
  refused(await query('--project-name', '../One'), /^The project name "\.\.\/One" is not valid/);
  fs.writeFileSync(path.join(project('Two'), 'Two.yml'), 'database_path: [\n');
  refused(await query('--project-name', 'Two'), /^The configuration .*Two\.yml is not valid: [^\n]+\n$/);
});

function oldDatabase(file: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const old = new DatabaseSync(file);
  old.exec(`CREATE TABLE dicom_metadata (id INTEGER PRIMARY KEY, FilePath TEXT, StudyDescription TEXT, SeriesDescription TEXT,
    PatientName TEXT, PatientID TEXT, StudyDate TEXT, StudyInstanceUID TEXT, SeriesInstanceUID TEXT, SOPInstanceUID TEXT)`);
  old.exec("INSERT INTO dicom_metadata (PatientName, SeriesInstanceUID) VALUES ('Old', '1.9')");
  old.close();
}

test('a database of the Python tool: query and --append refuse it, index replaces it when it is whole', async (t) => {
  const { home, database, archive, index, query } = user(t);
  oldDatabase(database);
  const before = fs.readFileSync(database);
  makeArchive(archive, plainSeries('a', '1.2', 1));
  const message = /^.*dicom\.db was made by the Python ditag: run `ditag index --archive DIR` .*\.\n$/;
  refused(await query(), message);
  refused(await runDitag(['stats'], { home }), message);
  refused(await index('--archive', 'archive', '--append'), message);
  refused(await index('--archive', 'missing'), /^The archive .*missing cannot be read/);
  assert.deepEqual(fs.readFileSync(database), before, 'nothing has touched it');
  const { code, stderr } = await index('--archive', 'archive');
  assert.equal(code, 0, stderr);
  assert.deepEqual(uids((await query()).stdout), ['1.2']);
  assert.deepEqual(
    fs.readdirSync(path.dirname(database)).filter((name) => /new|scan/.test(name)),
    [],
    'nothing is left behind',
  );
  assert.equal(fs.statSync(database).mode & 0o777, 0o600);
});

test('what is no index, or a newer one, is refused and left alone', async (t) => {
  const { database, archive, index, query } = user(t);
  makeArchive(archive, plainSeries('a', '1.2', 1));
  fs.mkdirSync(path.dirname(database));
  const cases: [() => void, RegExp][] = [
    [
      () => fs.writeFileSync(database, 'some text that somebody wants to keep'),
      /is not a ditag index: move it away, or name another file in .*config\.ini/,
    ],
    [
      () => {
        const other = new DatabaseSync(database);
        other.exec('CREATE TABLE t (x); INSERT INTO t VALUES (1)');
        other.close();
      },
      /is not a ditag index/,
    ],
    [
      () => {
        const newer = new DatabaseSync(database);
        newer.exec('PRAGMA application_id = 1145656391; PRAGMA user_version = 99; CREATE TABLE t (x)');
        newer.close();
      },
      /has index format 99; this ditag knows formats up to \d+/,
    ],
  ];
  for (const [make, message] of cases) {
    fs.rmSync(database, { force: true });
    make();
    const before = fs.readFileSync(database);
    refused(await query(), message);
    refused(await index('--archive', 'archive'), message);
    assert.deepEqual(fs.readFileSync(database), before);
  }
});

test('a damaged index is one sentence', async (t) => {
  const { home, database, archive, index, query } = user(t);
  const files: Record<string, object> = {};
  for (let i = 0; i < 500; i++)
    files[`${i}`] = { SeriesInstanceUID: `1.2.${i}`, SOPInstanceUID: `1.3.${i}`, StudyDescription: 'x'.repeat(50) };
  makeArchive(archive, files);
  await index('--archive', 'archive', '--quiet');
  for (const name of fs.readdirSync(path.dirname(database)).filter((name) => /-(wal|shm)$/.test(name)))
    fs.rmSync(path.join(path.dirname(database), name));
  const whole = fs.readFileSync(database);
  const page = 8192;
  const garbled = Buffer.from(whole);
  for (let at = 2 * page; at < whole.length; at += page) garbled.fill(0xa5, at, at + 200);
  for (const bytes of [whole.subarray(0, whole.length >> 1), garbled]) {
    fs.writeFileSync(database, bytes);
    for (const ended of [
      await query(),
      await query('--columns', 'EchoTime'),
      await runDitag(['stats'], { home }),
      await index(),
    ]) {
      assert.match(ended.stderr, /(.*dicom\.db is damaged \(.+\)|dicom\.db is not a ditag index): move it away.*\.\n$/);
      assert.doesNotMatch(ended.stderr, /\n\s+at |ditag failed/);
      assert.equal(ended.code, 2);
    }
  }
});

test('an archive that is missing, empty or another one changes nothing', async (t) => {
  const { home, archive, config, index, query } = user(t);
  makeArchive(archive, { ...plainSeries('a', '1.2', 2), ...plainSeries('b', '1.3', 2) });
  fs.mkdirSync(path.join(home, 'nothing'));
  writeFile(home, 'a file', 'text');
  refused(
    await index('--archive', 'nothing'),
    /^The archive .*nothing is empty: check that the mount is there\. Nothing was changed\.\n$/,
  );
  refused(await index('--archive', 'gone'), /^The archive .*gone cannot be read \(there is no such folder\)/);
  refused(await index('--archive', 'a file'), /^The archive .* cannot be read \(it is not a folder\)/);
  assert.equal(fs.existsSync(config), false);
  assert.equal(fs.existsSync(path.join(path.dirname(config), 'dicom.db')), false);
  await index('--archive', 'archive', '--quiet');
  const [before, settings] = [(await query()).stdout, fs.readFileSync(config, 'utf8')];
  const unchanged = async () => {
    assert.equal((await query()).stdout, before);
    assert.equal(fs.readFileSync(config, 'utf8'), settings);
  };
  fs.renameSync(archive, path.join(home, 'away'));
  refused(await index(), /cannot be read/);
  await unchanged();
  fs.mkdirSync(archive);
  refused(await index('--quiet'), /is empty, but 4 files were indexed there before/);
  await unchanged();
  makeArchive(archive, { 'lost+found/x': 'text', other: 'text' });
  refused(await index('--archive', 'archive'), /holds nothing of what was indexed there before/m);
  await unchanged();
  const accepted = await index('--accept-deletions', '--quiet');
  assert.equal(accepted.code, 0, accepted.stderr);
  assert.deepEqual(uids((await query()).stdout), []);
});

test('a folder that lists empty is kept and ends with 1; many deletions end with 1', async (t) => {
  const { archive, index, query } = user(t);
  makeArchive(archive, {
    ...plainSeries('a', '1.2', 270),
    ...plainSeries('b', '1.3', 3),
    ...plainSeries('c', '1.4', 40),
  });
  await index('--archive', 'archive', '--quiet');
  for (const name of fs.readdirSync(path.join(archive, 'b'))) fs.rmSync(path.join(archive, 'b', name));
  const kept = await index();
  assert.match(
    kept.stderr,
    /^What is known of 1 folder\(s\) was kept; --accept-deletions removes .*:\n {2}b: lists empty, but held files before\n$/m,
  );
  assert.equal(kept.code, 1);
  fs.rmSync(path.join(archive, 'c'), { recursive: true });
  const many = await index();
  assert.match(
    many.stderr,
    /^40 of 313 known instances are gone from .*, more than 10 %\. None of them has left the index\./m,
  );
  assert.equal(many.code, 1);
  assert.deepEqual(uids((await query()).stdout), ['1.2', '1.3', '1.4']);
  assert.equal((await index('--accept-deletions', '--quiet')).code, 0);
  assert.deepEqual(uids((await query()).stdout), ['1.2']);
});

test('two runs at once: the second says so and stops, the first ends well', async (t) => {
  const { home, database, archive, index, query } = user(t);
  const files: Record<string, object> = {};
  for (let i = 0; i < 3000; i++)
    files[`${i % 100}/${i}`] = { SeriesInstanceUID: `1.${i % 500}`, SOPInstanceUID: `1.9.${i}` };
  makeArchive(archive, files);
  const message = /^Another `ditag` is at work on .*dicom\.db: wait for it to end, then run this again\.\n$/;
  fs.mkdirSync(path.dirname(database));
  const lock = lockIndex(database);
  refused(await index('--archive', 'archive'), message);
  lock[Symbol.dispose]();
  const both = [
    startDitag(['index', '--archive', 'archive'], { home }),
    startDitag(['index', '--archive', 'archive'], { home }),
  ];
  const [first, second] = (await Promise.all(both.map(({ ended }) => ended))).sort((a, b) => a.code! - b.code!);
  assert.equal(first!.code, 0, first!.stderr);
  // On a busy machine one may have ended before the other began.
  if (second!.code !== 0) refused(second!, message);
  assert.equal((await query('--count')).stdout, '500\n');
});

test('bad options', async (t) => {
  const { archive, index } = user(t);
  makeArchive(archive, plainSeries('a', '1.2', 1));
  for (const threads of ['0', 'many', '1.5', '-1', '65']) {
    refused(
      await index('--archive', 'archive', '--threads', threads),
      /^--threads ".*" is not valid: give a whole number/,
    );
  }
  const { code, stderr } = await index('--archive', 'archive', '--quiet', '--skipped', 'missing/skipped.csv');
  assert.match(stderr, /^Cannot write missing\/skipped\.csv: /);
  assert.equal(code, 2);
});

test('stats as JSON and as text', async (t) => {
  const { home, archive, index } = user(t);
  makeArchive(archive, {
    ...plainSeries('a', '1.2', 3, { Modality: 'MR', StudyDate: '19820111', PatientID: 'P1', StudyInstanceUID: '1.1' }),
    ...plainSeries('b', '1.3', 2, {
      Modality: 'MR',
      StudyDate: '1999.12.31',
      PatientID: 'P2',
      StudyInstanceUID: '1.1',
    }),
    ...plainSeries('c', '1.4', 1, { Modality: 'CT', PatientID: 'P2' }),
    'c/0002.dcm': { SeriesInstanceUID: '1.4', SOPInstanceUID: '1.4.2', Modality: 'CT', PatientID: 'P3' },
    'c/text': 'no DICOM',
  });
  await index('--archive', 'archive', '--quiet');
  const { code, stdout } = await runDitag(['stats', '--format', 'json'], { home });
  assert.equal(code, 0);
  const { archives, ...others } = JSON.parse(stdout) as { archives: { indexedAt: string }[] };
  assert.equal(archives.length, 1);
  const { indexedAt, ...rest } = archives[0]!;
  assert.ok(Math.abs(Date.parse(indexedAt) - Date.now()) < 60_000);
  assert.deepEqual(rest, { name: archive, files: 8, instances: 7, skipped: { 'not-dicom': 1 } });
  assert.deepEqual(others, {
    series: 3,
    studies: 2,
    patients: 2,
    instances: 7,
    firstDate: 19820111,
    lastDate: 19991231,
    mixedSeries: 1,
    issues: {},
    byModality: [
      { value: 'MR', series: 2, instances: 5 },
      { value: 'CT', series: 1, instances: 2 },
    ],
    byYear: [
      { value: '', series: 1, instances: 2 },
      { value: '1982', series: 1, instances: 3 },
      { value: '1999', series: 1, instances: 2 },
    ],
  });
  const text = await runDitag(['stats'], { home });
  assert.match(text.stdout, /^Study dates +1982-01-11 to 1999-12-31$/m);
  assert.match(text.stdout, /^ {2}MR +2 {2}█+$/m);
  assert.equal(text.code, 0);
});

test('an index that was made long ago is asked without being changed', async (t) => {
  const { archive, database, index, query } = user(t);
  makeArchive(archive, plainSeries('a', '1.2', 1));
  await index('--archive', 'archive', '--quiet');
  fs.utimesSync(database, LONG_AGO, LONG_AGO);
  await query();
  assert.equal(fs.statSync(database).mtimeMs, LONG_AGO * 1000);
});
