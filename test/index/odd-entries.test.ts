// What stands in real archives besides plain files with plain names, and what cannot be read at all.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { isHere } from '../../scripts/parts/parts.ts';
import { runDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { answersOf, filesOf, indexHere } from './index-here.ts';
import { dicomFile, LONG_AGO, makeArchive, plainSeries } from './make-archive.ts';

const file = (sop: string) => dicomFile({ SeriesInstanceUID: '1.2', SOPInstanceUID: `1.2.${sop}` });

interface Answers {
  readonly skipped: readonly string[];
  readonly statistics: { readonly instances: number; readonly series: number };
}

test('links, loops, pipes and sockets', async (t) => {
  const folder = temporaryFolder(t);
  const archive = path.join(folder, 'archive');
  const database = path.join(folder, 'dicom.db');
  makeArchive(archive, { 'a/1': file('1'), 'a/b/2': file('2') });
  makeArchive(path.join(folder, 'outside'), { 3: file('3') });
  fs.symlinkSync('..', path.join(archive, 'a/b/up'));
  fs.symlinkSync('self', path.join(archive, 'self'));
  fs.symlinkSync('loop2', path.join(archive, 'loop1'));
  fs.symlinkSync('loop1', path.join(archive, 'loop2'));
  fs.symlinkSync('nowhere', path.join(archive, 'broken'));
  fs.symlinkSync('../outside', path.join(archive, 'folder'));
  fs.symlinkSync('../outside/3', path.join(archive, 'linked-file'));
  const hasPipe = spawnSync('mkfifo', [path.join(archive, 'a/pipe')]).status === 0;
  const server = net.createServer().listen(path.join(archive, 'a/socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => server.close());
  const expected = [
    ...(hasPipe ? ['a/pipe: not-a-file'] : []),
    'a/b/up: linked-folder',
    'a/socket: not-a-file',
    'broken: unreadable',
    'folder: linked-folder',
    'loop1: unreadable',
    'loop2: unreadable',
    'self: unreadable',
  ].sort();
  for (let run = 0; run < 2; run++) {
    await indexHere(database, archive);
    const { skipped, statistics } = (await answersOf(database)) as Answers;
    assert.deepEqual(skipped.map((line) => line.slice(archive.length + 2)).sort(), expected);
    assert.deepEqual([statistics.instances, statistics.series], [3, 1]);
  }
  assert.equal((await indexHere(database, archive)).opened, 0);
  // A pipe that was a file, a file that was a pipe, a link that now leads somewhere.
  if (hasPipe) {
    fs.rmSync(path.join(archive, 'a/pipe'));
    fs.writeFileSync(path.join(archive, 'a/pipe'), file('4'));
    fs.rmSync(path.join(archive, 'a/1'));
    spawnSync('mkfifo', [path.join(archive, 'a/1')]);
  }
  fs.writeFileSync(path.join(archive, 'nowhere'), file('5'));
  await indexHere(database, archive);
  const fresh = path.join(folder, 'fresh.db');
  await indexHere(fresh, archive);
  assert.deepEqual(await answersOf(database), await answersOf(fresh));
});

test('links that lead nowhere any more: kept, and gone where that is accepted', async (t) => {
  const folder = temporaryFolder(t);
  const archive = path.join(folder, 'archive');
  const database = path.join(folder, 'dicom.db');
  makeArchive(archive, { own: file('0') });
  makeArchive(path.join(folder, 'outside'), { 1: file('1'), 2: file('2') });
  for (const name of ['1', '2']) fs.symlinkSync(`../outside/${name}`, path.join(archive, name));
  await indexHere(database, archive);
  const instances = async () => ((await answersOf(database)) as Answers).statistics.instances;
  assert.equal(await instances(), 3);
  // What they lead to may only be away.
  fs.rmSync(path.join(folder, 'outside'), { recursive: true });
  await indexHere(database, archive);
  assert.equal(await instances(), 3);
  await indexHere(database, archive, { acceptDeletions: true });
  assert.equal(await instances(), 1);
  const fresh = path.join(folder, 'fresh.db');
  await indexHere(fresh, archive);
  assert.deepEqual(await answersOf(database), await answersOf(fresh));
});

test('names that are not UTF-8, and names with everything else in them', async (t) => {
  const folder = temporaryFolder(t);
  const archive = path.join(folder, 'archive');
  const database = path.join(folder, 'dicom.db');
  fs.mkdirSync(archive);
  const names = [
    'a\xff',
    '\xe9\xe8',
    'new\nline',
    'q"uote\'',
    '100%',
    '%41',
    '%(x)s',
    'sp ace',
    '-dash',
    '\\x41',
    '\xc3\xa9',
    '~',
    '$HOME',
    '\x01',
  ];
  const bytes = (name: string) => Buffer.from(`${archive}/${name}`, 'latin1');
  names.forEach((name, i) => {
    fs.mkdirSync(bytes(`d${name}`));
    fs.writeFileSync(bytes(`d${name}/f${name}`), file(String(i)));
    fs.utimesSync(bytes(`d${name}/f${name}`), LONG_AGO, LONG_AGO);
    fs.writeFileSync(bytes(`t${name}`), 'no DICOM');
    fs.utimesSync(bytes(`t${name}`), LONG_AGO, LONG_AGO);
  });
  assert.equal((await indexHere(database, archive)).opened, 2 * names.length);
  assert.equal((await indexHere(database, archive)).opened, 0);
  const found = filesOf(database).map((line) => line.slice(archive.length + 1));
  for (const [i, name] of names.entries()) {
    assert.ok(
      found.some((line) => line.startsWith(`d${name}/f${name} `) && line.includes(` 1.2.${i} `)),
      name,
    );
    assert.ok(
      found.some((line) => line.startsWith(`t${name} `)),
      name,
    );
  }
  // The whole program: the list of skipped files is text that a person can read, one line a file.
  const list = path.join(folder, 'skipped.csv');
  const { code, stderr } = await runDitag(['index', '--archive', archive, '--skipped', list], { home: folder });
  assert.equal(code, 0, stderr);
  const lines = fs.readFileSync(list, 'utf8').trimEnd().split('\n');
  assert.equal(lines.length, names.length + 1);
  for (const shown of ['ta\\xff', 't\\xe9\\xe8', 'tnew\\x0aline', '"tq""uote\'"', 't100%', 'té', 't\\x01']) {
    assert.ok(lines.includes(`not-dicom,${shown}`), `${shown} in ${lines.join(' | ')}`);
  }
  fs.rmSync(bytes('da\xff/fa\xff'));
  fs.rmdirSync(bytes('da\xff'));
  await indexHere(database, archive);
  const fresh = path.join(folder, 'fresh.db');
  await indexHere(fresh, archive);
  assert.deepEqual(await answersOf(database), await answersOf(fresh));
});

test('paths of 4,000 characters; what is beyond the limit of the system is kept out and said', async (t) => {
  const folder = temporaryFolder(t);
  const archive = path.join(folder, 'archive');
  makeArchive(archive, { 0: file('0') });
  t.after(() => spawnSync('rm', ['-rf', archive]));
  // Deeper than any path that the system takes: each step is made relative to the one before.
  const before = process.cwd();
  let deep = archive;
  process.chdir(archive);
  let readable = 1;
  try {
    for (let i = 0; i < 25; i++) {
      const name = String(i).padStart(200, 'x');
      fs.mkdirSync(name);
      process.chdir(name);
      fs.writeFileSync('f', file(`1${i}`));
      fs.utimesSync('f', LONG_AGO, LONG_AGO);
      deep += `/${name}`;
      if (deep.length + 2 < 4096) readable++;
    }
  } finally {
    process.chdir(before);
  }
  const home = path.join(folder, 'home');
  fs.mkdirSync(home);
  for (let run = 0; run < 2; run++) {
    const skipped = path.join(home, 'skipped.csv');
    const { code, stderr } = await runDitag(['index', '--archive', archive, '--skipped', skipped], { home });
    assert.match(fs.readFileSync(skipped, 'utf8'), /^unreadable,x+0\/x+1\/.*x\d+$/m);
    assert.match(stderr, new RegExp(`^Instances: ${readable}, series: 1, studies: `, 'm'));
    assert.match(stderr, /could not be listed \(ENAMETOOLONG\)\n$/);
    assert.equal(code, 1);
  }
});

test('folders and files without permission keep what is known of them', async (t) => {
  const main = path.join(import.meta.dirname, '..', '..', 'cli', 'main.ts');
  const folder = temporaryFolder(t);
  fs.chmodSync(folder, 0o777);
  const asRoot = process.getuid?.() === 0;
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const under = asRoot ? nobody : [];
  if (asRoot) {
    const tried = spawnSync(nobody[0]!, [...nobody.slice(1), process.execPath, main, '--help'], { encoding: 'utf8' });
    const missing = 'running as root, and setpriv (Debian package util-linux) cannot run the program as nobody';
    if (!isHere(t, tried.status === 0, missing)) return;
  }
  const home = path.join(folder, 'home');
  const archive = path.join(folder, 'archive');
  fs.mkdirSync(home);
  makeArchive(archive, {
    ...plainSeries('open', '1.2', 2),
    ...plainSeries('shut', '1.3', 2),
    ...plainSeries('shut/below', '1.4', 2),
    ...plainSeries('files', '1.5', 2),
  });
  if (asRoot) fs.chownSync(home, 65534, 65534);
  const run = (...args: string[]) => runDitag(args, { home, under });
  const shut = path.join(archive, 'shut');
  assert.equal((await run('index', '--archive', archive, '--quiet')).code, 0);
  const before = (await run('query')).stdout;
  fs.chmodSync(shut, 0);
  // A file that changed and cannot be read any more.
  fs.chmodSync(path.join(archive, 'files/0001.dcm'), 0);
  fs.utimesSync(path.join(archive, 'files/0001.dcm'), LONG_AGO + 5, LONG_AGO + 5);
  for (let again = 0; again < 2; again++) {
    const skipped = path.join(home, 'skipped.csv');
    const { code, stderr } = await run('index', '--archive', archive, '--skipped', skipped);
    assert.equal(fs.readFileSync(skipped, 'utf8'), 'reason,path\nunreadable,shut\nunreadable,files/0001.dcm\n');
    assert.match(stderr, /^ {2}shut: could not be listed \(EACCES\)$/m);
    assert.match(stderr, /^Instances: 8, series: 4/m);
    assert.match(stderr, /^1 known file\(s\) could not be read: what is known of them was kept/m);
    assert.equal(code, 1);
    assert.equal((await run('query')).stdout, before);
  }
  fs.chmodSync(shut, 0o755);
  fs.chmodSync(path.join(archive, 'files/0001.dcm'), 0o644);
  assert.equal((await run('index', '--archive', archive, '--quiet')).code, 0);
  assert.equal((await run('query')).stdout, before);
  // Never known and never readable.
  fs.writeFileSync(path.join(archive, 'new'), file('9'), { mode: 0 });
  const { code, stderr } = await run('index', '--archive', archive);
  assert.match(stderr, /^Skipped, could not be read: 1$/m);
  assert.equal(code, 0);
  fs.chmodSync(archive, 0);
  const root = await run('index', '--archive', archive);
  fs.chmodSync(archive, 0o755);
  assert.match(root.stderr, /^The archive .* cannot be read \(permission denied\): .*\n$/);
  assert.equal(root.code, 2);
  // A home folder that cannot be written.
  fs.chmodSync(path.join(home, '.ditag'), 0o500);
  if (asRoot) fs.chownSync(path.join(home, '.ditag'), 0, 0);
  const noHome = await run(
    'index',
    '--archive',
    archive,
    '--config-file',
    path.join(folder, 'home/.ditag/x/config.ini'),
  );
  assert.match(noHome.stderr, /^Cannot write .*\n$/);
  assert.equal(noHome.code, 2);
});
