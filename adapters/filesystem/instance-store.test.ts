import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { dataSetStart } from '../../core/dimse/file-meta.ts';
import type { ArrivingInstance, IncomingFile, StoredInstance, StoreError } from '../../core/ports/instance-store.ts';
import { findOnPath, isHere } from '../../scripts/parts/parts.ts';
import { temporaryFolder } from '../../test/cli/run-ditag.ts';
import { Random } from '../../test/random.ts';
import { DEFLATED, dicomFile, EXPLICIT, element, encode, encodingOf, IMPLICIT } from '../../test/reader/dicom-bytes.ts';
import { FilesystemInstanceStore } from './instance-store.ts';

const CT = '1.2.840.10008.5.1.4.1.1.2';
const UIDS = { SOPClassUID: CT, SOPInstanceUID: '1.2.3.1', study: '1.2.3', series: '1.2.3.4' };

function openStore(t: TestContext, sync = false) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-test-'));
  const store = FilesystemInstanceStore.open(folder, { sync });
  t.after(async () => {
    await store.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  return { folder, archive: store.archive, incoming: path.join(folder, 'incoming'), store };
}

function arriving(more: Partial<ArrivingInstance> = {}): ArrivingInstance {
  const { SOPClassUID, SOPInstanceUID } = UIDS;
  return { SOPClassUID, SOPInstanceUID, transferSyntaxUID: EXPLICIT, sourceAETitle: 'CT1', ...more };
}

/** A data set with pixels; an empty UID is left out. */
function dataSet(uids: Partial<typeof UIDS> = {}, pixels = 1000, syntax = EXPLICIT): Buffer {
  const { SOPClassUID, SOPInstanceUID, study, series } = { ...UIDS, ...uids };
  const parts = [
    ...(SOPClassUID === '' ? [] : [element(0x00080016, 'UI', SOPClassUID)]),
    ...(SOPInstanceUID === '' ? [] : [element(0x00080018, 'UI', SOPInstanceUID)]),
    element(0x00100010, 'PN', 'Doe^Jane'),
    ...(study === '' ? [] : [element(0x0020000d, 'UI', study)]),
    ...(series === '' ? [] : [element(0x0020000e, 'UI', series)]),
    element(0x7fe00010, 'OW', Buffer.alloc(pixels, SOPInstanceUID)),
  ];
  return encode(parts, encodingOf(syntax));
}

async function write(file: IncomingFile, bytes: Buffer, pieceLength = 16_378): Promise<void> {
  for (let at = 0; at < bytes.length; at += pieceLength) {
    if (!file.write(bytes.subarray(at, at + pieceLength))) await file.drained();
  }
}

async function receive(
  store: FilesystemInstanceStore,
  about: ArrivingInstance,
  bytes: Buffer,
): Promise<StoredInstance> {
  const file = store.begin(about);
  await write(file, bytes);
  return file.commit();
}

/** Files below a folder, without those that keep other processes away. */
function filesOf(root: string): string[] {
  return fs
    .readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.lock'))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort();
}

function storedDataSet(archive: string, stored: { path: string }): Buffer {
  const bytes = fs.readFileSync(path.join(archive, stored.path));
  return bytes.subarray(dataSetStart(bytes));
}

test('an instance lies under its UIDs, byte for byte, and is private', async (t) => {
  const { archive, store } = openStore(t, true);
  const bytes = dataSet();
  const stored = await receive(store, arriving(), bytes);
  assert.deepEqual(stored, {
    SOPInstanceUID: '1.2.3.1',
    SOPClassUID: CT,
    StudyInstanceUID: '1.2.3',
    SeriesInstanceUID: '1.2.3.4',
    path: '1.2.3/1.2.3.4/1.2.3.1.dcm',
    bytes: fs.statSync(path.join(archive, stored.path)).size,
    outcome: 'stored',
  });
  assert.deepEqual(storedDataSet(archive, stored), bytes);
  assert.deepEqual(filesOf(archive), [stored.path]);
  const names = [stored.path, '1.2.3/1.2.3.4', '1.2.3', '', '../incoming'];
  const modes = names.map((name) => fs.statSync(path.join(archive, name)));
  assert.deepEqual(
    modes.map(({ mode }) => mode & 0o777),
    [0o600, 0o700, 0o700, 0o700, 0o700],
  );
});

test('pieces of any size, few bytes and many', async (t) => {
  const { archive, store } = openStore(t);
  const random = new Random(7);
  for (const [n, pixels] of [0, 300_000, 900_000, 3_000_000].entries()) {
    const SOPInstanceUID = `1.2.3.${n}`;
    const bytes = dataSet({ SOPInstanceUID }, pixels);
    const file = store.begin(arriving({ SOPInstanceUID }));
    for (let at = 0; at < bytes.length; ) {
      const length = random.chance(3) ? 1 + random.below(9) : 1 + random.below(100_000);
      if (!file.write(bytes.subarray(at, at + length))) await file.drained();
      at += length;
    }
    assert.ok(storedDataSet(archive, await file.commit()).equals(bytes));
  }
  const SOPInstanceUID = '1.2.3.99';
  const bytes = dataSet({ SOPInstanceUID }, 20_000);
  const file = store.begin(arriving({ SOPInstanceUID }));
  await write(file, bytes, 3);
  assert.ok(storedDataSet(archive, await file.commit()).equals(bytes));
});

test('pieces of random lengths, as a connection gives them', async (t) => {
  const { store, archive } = openStore(t);
  const random = new Random(20_261_130);
  for (let n = 0; n < 20; n++) {
    const SOPInstanceUID = `1.2.3.${n + 1}`;
    const bytes = dataSet({ SOPInstanceUID }, 2 * (1 + random.below(200_000)));
    for (let at = bytes.length - 1000; at >= 400; at -= 997) bytes[at] = random.below(256);
    const file = store.begin(arriving({ SOPInstanceUID }));
    for (let at = 0; at < bytes.length; ) {
      const length = random.below(3) === 0 ? 1 + random.below(2000) : 1 + random.below(65_536);
      // What a connection gives is used again for what comes next.
      const piece = Buffer.from(bytes.subarray(at, at + length));
      if (!file.write(piece)) await file.drained();
      piece.fill(0);
      at += length;
    }
    const { path: stored } = await file.commit();
    const held = fs.readFileSync(path.join(archive, stored));
    assert.ok(held.subarray(dataSetStart(held)).equals(bytes), `${n}: ${bytes.length} bytes`);
  }
});

test('a UID far behind the start is found, in the file', async (t) => {
  const { archive, store } = openStore(t);
  const { SOPClassUID, SOPInstanceUID, study, series } = UIDS;
  const parts = [
    element(0x00080016, 'UI', SOPClassUID),
    element(0x00080018, 'UI', SOPInstanceUID),
    element(0x00091010, 'OB', Buffer.alloc(400_000)),
    element(0x0020000d, 'UI', study),
    element(0x0020000e, 'UI', series),
  ];
  const bytes = encode(parts, encodingOf(EXPLICIT));
  const stored = await receive(store, arriving(), bytes);
  assert.equal(stored.path, '1.2.3/1.2.3.4/1.2.3.1.dcm');
  assert.ok(storedDataSet(archive, stored).equals(bytes));
});

test('other transfer syntaxes, and dcmdump reads what is stored', async (t) => {
  const { archive, store } = openStore(t);
  const deflated = dicomFile({
    syntax: DEFLATED,
    meta: false,
    prefix: false,
    preamble: false,
    dataSet: [() => dataSet()],
  });
  const stored = [
    await receive(store, arriving(), dataSet({}, 39_000)),
    await receive(store, arriving({ transferSyntaxUID: IMPLICIT }), dataSet({}, 39_000, IMPLICIT)),
    await receive(store, arriving({ transferSyntaxUID: DEFLATED }), deflated),
  ];
  assert.deepEqual(
    stored.map(({ outcome }) => outcome),
    ['stored', 'differs', 'differs'],
  );
  if (!isHere(t, findOnPath('dcmdump') !== undefined, 'there is no dcmdump (Debian package dcmtk)')) return;
  for (const { path: name } of stored) {
    const dump = execFileSync('dcmdump', ['-q', path.join(archive, name)], { encoding: 'utf8' });
    assert.match(dump, /\(0002,0016\) AE \[CT1\]/);
    assert.match(dump, /\(0008,0018\) UI \[1\.2\.3\.1\]/);
    assert.match(dump, /\(7fe0,0010\) OW/);
  }
});

test('the same again is there already; another with its UID is kept beside it', async (t) => {
  const { archive, store } = openStore(t);
  const [first, second] = [dataSet(), dataSet({}, 1002)];
  await receive(store, arriving(), first);
  const before = fs.statSync(path.join(archive, '1.2.3/1.2.3.4/1.2.3.1.dcm'));
  const again = await receive(store, arriving({ sourceAETitle: 'ANOTHER' }), first);
  assert.equal(again.outcome, 'already-there');
  assert.equal(fs.statSync(path.join(archive, again.path)).ino, before.ino);
  const other = await receive(store, arriving(), second);
  const digest = createHash('sha256').update(second).digest('hex').slice(0, 8);
  assert.equal(other.outcome, 'differs');
  assert.equal(other.path, `1.2.3/1.2.3.4/1.2.3.1.other-${digest}.dcm`);
  const otherAgain = await receive(store, arriving(), second);
  assert.deepEqual([otherAgain.path, otherAgain.outcome], [other.path, 'already-there']);
  assert.deepEqual(storedDataSet(archive, again), first);
  assert.deepEqual(storedDataSet(archive, other), second);
  // In path order the one that came first is the first, whatever the digest.
  assert.deepEqual(filesOf(archive), [again.path, other.path]);
});

test('two stores receive the same instance at once', async (t) => {
  const { folder, archive, store } = openStore(t, true);
  const second = FilesystemInstanceStore.open(folder, { sync: true });
  t.after(() => second.close());
  for (let n = 0; n < 20; n++) {
    const SOPInstanceUID = `1.2.3.${n}`;
    const bytes = n % 2 === 0 ? [1000, 1000, 1000] : [1000, 1002, 1000];
    const outcomes = await Promise.all(
      bytes.map((pixels, i) =>
        receive(i === 0 ? store : second, arriving({ SOPInstanceUID }), dataSet({ SOPInstanceUID }, pixels)),
      ),
    );
    const names = new Set(outcomes.map(({ path: name }) => name));
    assert.equal(names.size, n % 2 === 0 ? 1 : 2);
    assert.equal(outcomes.filter(({ outcome }) => outcome === 'stored').length, 1);
    assert.equal(outcomes.filter(({ outcome }) => outcome === 'already-there').length, n % 2 === 0 ? 2 : 1);
    for (const [i, stored] of outcomes.entries()) {
      assert.deepEqual(storedDataSet(archive, stored), dataSet({ SOPInstanceUID }, bytes[i]));
    }
  }
  assert.equal(filesOf(archive).length, 30);
});

test('a folder that somebody removes is made again', async (t) => {
  const { archive, store } = openStore(t, true);
  for (const gone of ['1.2.3', '1.2.3/1.2.3.4']) {
    await receive(store, arriving(), dataSet());
    fs.rmSync(path.join(archive, gone), { recursive: true });
    assert.equal((await receive(store, arriving(), dataSet())).outcome, 'stored');
  }
});

test('what the store needs goes away and comes back: instances are refused meanwhile, and told why', async (t) => {
  const { folder, archive, incoming, store } = openStore(t, true);
  await receive(store, arriving(), dataSet());
  for (const gone of [[incoming], [archive], [archive, incoming]]) {
    for (const path of gone) fs.rmSync(path, { recursive: true });
    for (let n = 0; n < 2; n++) {
      await assert.rejects(receive(store, arriving(), dataSet()), (error: StoreError) => {
        assert.equal((error.cause as NodeJS.ErrnoException).code, 'ENOENT');
        return error.reason === 'failed';
      });
    }
    for (const path of gone) fs.mkdirSync(path);
    // The first may find out only now what is to be made anew.
    await receive(store, arriving(), dataSet()).catch(() => {});
    const { outcome } = await receive(store, arriving({ SOPInstanceUID: '1.2.3.1' }), dataSet());
    assert.ok(outcome === 'stored' || outcome === 'already-there');
  }
  assert.deepEqual(filesOf(folder).length, 1);
});

test('a data set that is not what the command says is refused', async (t) => {
  const { archive, store } = openStore(t);
  const refused = async (bytes: Buffer, message: RegExp, about = arriving()) => {
    await assert.rejects(receive(store, about, bytes), { name: 'StoreError', reason: 'identity', message });
  };
  for (const pixels of [10, 1_000_000]) {
    await refused(dataSet({ SOPInstanceUID: '1.2.3.2' }, pixels), /another SOPInstanceUID/);
    await refused(dataSet({ SOPClassUID: '1.2.3.2' }, pixels), /another SOPClassUID/);
    await refused(dataSet({ series: '' }, pixels), /no SeriesInstanceUID/);
    await refused(Buffer.alloc(pixels, 'rubbish'), /no SeriesInstanceUID/);
  }
  await refused(Buffer.alloc(0), /no SeriesInstanceUID/);
  await refused(dataSet({ SOPInstanceUID: '' }), /empty or too long/, arriving({ SOPInstanceUID: '' }));
  assert.deepEqual(filesOf(archive), []);
  assert.equal((await receive(store, arriving(), dataSet({ study: '' }))).path, 'no-study/1.2.3.4/1.2.3.1.dcm');
  assert.equal((await receive(store, arriving(), dataSet({ SOPInstanceUID: '' }))).path, '1.2.3/1.2.3.4/1.2.3.1.dcm');
  // Objects of no patient have no study and no series.
  const hanging = { SOPClassUID: '1.2.840.10008.5.1.4.38.1', SOPInstanceUID: '1.2.3.38' };
  const bytes = dataSet({ ...hanging, study: '', series: '' });
  assert.equal((await receive(store, arriving(hanging), bytes)).path, 'no-study/no-series/1.2.3.38.dcm');
});

test('no UID leads out of the archive', async (t) => {
  const { archive, store } = openStore(t);
  const bad = ['../../x', '/etc/x', '.', '..', '1.2/3', '1.2.3\n4', 'é', '-rf', '1'.repeat(65), 'incoming', 'a\\b'];
  for (const uid of bad) {
    const bytes = dataSet({ SOPInstanceUID: uid, study: uid, series: uid });
    const { path: name } = await receive(store, arriving({ SOPInstanceUID: uid }), bytes);
    assert.match(name, /^uid-[0-9a-f]{32}\/uid-[0-9a-f]{32}\/uid-[0-9a-f]{32}\.dcm$/, uid);
    assert.deepEqual(storedDataSet(archive, { path: name }), bytes);
  }
  assert.equal(filesOf(archive).length, bad.length);
  const long = '1'.repeat(4000);
  const { path: name } = await receive(store, arriving(), dataSet({ study: long }));
  assert.match(name, /^uid-[0-9a-f]{32}\/1\.2\.3\.4\//);
  const refused = { reason: 'identity' };
  await assert.rejects(receive(store, arriving({ SOPInstanceUID: long }), dataSet({ SOPInstanceUID: long })), refused);
  await assert.rejects(receive(store, arriving({ SOPClassUID: '1'.repeat(70_000) }), dataSet()), refused);
  await assert.rejects(receive(store, arriving(), dataSet({ series: long })), refused);
  // A NUL ends a UID (PS3.5 section 9.1), so this one is not what the command says.
  const nul = '1.2\0/../x';
  await assert.rejects(receive(store, arriving({ SOPInstanceUID: nul }), dataSet({ SOPInstanceUID: nul })), refused);
  const { path: plain } = await receive(store, arriving(), dataSet({ study: nul, series: nul }));
  assert.equal(plain, '1.2/1.2/1.2.3.1.dcm');
});

test('what is discarded leaves nothing, whenever', async (t) => {
  const { archive, incoming, store } = openStore(t);
  for (const [length, pieces] of [
    [1000, 0],
    [1000, 1],
    [300_000, 1],
    [300_000, 5],
  ] as const) {
    const file = store.begin(arriving());
    for (let n = 0; n < pieces; n++) file.write(Buffer.alloc(length));
    if (pieces === 5) await sleep(5);
    await file.discard();
    await file.discard();
    assert.equal(file.write(Buffer.alloc(10)), true);
    await file.drained();
    await assert.rejects(file.commit(), { reason: 'failed' });
    assert.deepEqual(filesOf(incoming), []);
  }
  assert.deepEqual(fs.readdirSync(archive), []);
});

test('closing the store lets commits end and discards the rest', async (t) => {
  const { archive, incoming, store } = openStore(t);
  const bytes = dataSet({}, 500_000);
  const [file, left] = [store.begin(arriving()), store.begin(arriving())];
  await write(file, bytes);
  await write(left, bytes);
  const committed = file.commit();
  await store.close();
  assert.deepEqual(filesOf(archive), [(await committed).path]);
  assert.deepEqual(fs.readdirSync(incoming), []);
});

test('a slow disk pauses the peer', async (t) => {
  // NFS: then every call is made in the thread pool.
  t.mock.method(fs, 'statfsSync', () => ({ type: 0x6969 }));
  const { archive, store } = openStore(t);
  const { writev } = fs;
  let unwritten = 0;
  let most = 0;
  t.mock.method(fs, 'writev', (file: number, pieces: Buffer[], done: (error: Error | null, count: number) => void) => {
    setTimeout(() => {
      writev(file, pieces, (error, count) => {
        unwritten -= count;
        done(error, count);
      });
    }, 20);
  });
  const bytes = dataSet({}, 8_000_000);
  const file = store.begin(arriving());
  let pauses = 0;
  for (let at = 0; at < bytes.length; at += 65_536) {
    const piece = bytes.subarray(at, at + 65_536);
    unwritten += piece.length;
    most = Math.max(most, unwritten);
    if (file.write(piece)) continue;
    pauses++;
    await file.drained();
  }
  assert.ok(pauses > 3, `${pauses} pauses`);
  assert.ok(most < 1_200_000, `${most} bytes waited`);
  assert.ok(storedDataSet(archive, await file.commit()).equals(bytes));
});

for (const [where, type] of [
  ['here', 0xef53],
  ['over NFS', 0x6969],
] as const)
  test(`a disk ${where} that takes a part of what it is given`, async (t) => {
    t.mock.method(fs, 'statfsSync', () => ({ type }));
    const { archive, store } = openStore(t);
    const { writev } = fs;
    t.mock.method(
      fs,
      'writev',
      (file: number, pieces: Buffer[], done: (error: Error | null, count: number) => void) => {
        // A part of what is left.
        writev(file, [pieces[0]!.subarray(0, Math.ceil(pieces[0]!.length / 2))], done);
      },
    );
    const { writevSync } = fs;
    t.mock.method(fs, 'writevSync', (file: number, pieces: Buffer[]) =>
      writevSync(file, [pieces[0]!.subarray(0, Math.ceil(pieces[0]!.length / 2))]),
    );
    const bytes = dataSet({}, 100_000);
    assert.ok(storedDataSet(archive, await receive(store, arriving(), bytes)).equals(bytes));
  });

test('an error of the disk is told by commit, and nothing stays', async (t) => {
  const { folder, store } = openStore(t, true);
  const fault = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
  const fails = (_: number, done: (error: Error) => void) => setImmediate(done, fault);
  const mocked = t.mock.method(fs, 'fdatasync', fails);
  await assert.rejects(receive(store, arriving(), dataSet()), { reason: 'failed', message: /EIO/, cause: fault });
  mocked.mock.restore();
  assert.deepEqual(filesOf(folder), []);
  assert.equal((await receive(store, arriving(), dataSet())).outcome, 'stored');
});

test('a large file is synced while more of it comes, and what that sync says is told by commit', async (t) => {
  const { folder, store } = openStore(t, true);
  const { fdatasync } = fs;
  const bytes = dataSet({}, 6_000_000);
  const fault = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
  let failing = 0;
  const syncs = t.mock.method(fs, 'fdatasync', (file: number, done: (error: Error | null) => void) => {
    if (failing-- > 0) setImmediate(done, fault);
    else fdatasync(file, done);
  }).mock;
  assert.equal((await receive(store, arriving(), bytes)).outcome, 'stored');
  assert.ok(syncs.callCount() > 1, `${syncs.callCount()} syncs`);
  // The one at the end says nothing of what an earlier one could not write.
  failing = 1;
  const second = dataSet({ SOPInstanceUID: '1.2.3.2' }, 6_000_000);
  await assert.rejects(receive(store, arriving({ SOPInstanceUID: '1.2.3.2' }), second), { cause: fault });
  assert.equal(filesOf(folder).length, 1);
});

test('a file is synced, then named, then its folder is synced', async (t) => {
  const { store } = openStore(t, true);
  await receive(store, arriving(), dataSet());
  const order: string[] = [];
  const record = (name: 'writev' | 'fdatasync' | 'link' | 'fsync') => {
    if (name === 'writev' || name === 'link') {
      const atOnce = fs[`${name}Sync`] as (...args: unknown[]) => unknown;
      t.mock.method(fs, `${name}Sync`, (...args: unknown[]) => {
        const result = atOnce(...args);
        order.push(name);
        return result;
      });
    }
    const real = fs[name] as (...args: unknown[]) => void;
    t.mock.method(fs, name, (...args: unknown[]) => {
      const done = args.pop() as (...results: unknown[]) => void;
      real(...args, (...results: unknown[]) => {
        order.push(name);
        done(...results);
      });
    });
  };
  for (const name of ['writev', 'fdatasync', 'link', 'fsync'] as const) record(name);
  await receive(store, arriving({ SOPInstanceUID: '1.2.3.2' }), dataSet({ SOPInstanceUID: '1.2.3.2' }));
  assert.deepEqual(order, ['writev', 'fdatasync', 'link', 'fsync']);
});

test('files of one series that are committed at the same time share the syncs of their folder', async (t) => {
  const { store } = openStore(t, true);
  const { fsync } = fs;
  const calls = t.mock.method(fs, 'fsync', (file: number, done: (error: Error | null) => void) => {
    setTimeout(fsync, 50, file, done);
  }).mock;
  await Promise.all(
    Array.from({ length: 30 }, (_, n) => {
      const SOPInstanceUID = `1.2.3.${n}`;
      return receive(store, arriving({ SOPInstanceUID }), dataSet({ SOPInstanceUID }));
    }),
  );
  assert.ok(calls.callCount() <= 10, `${calls.callCount()} syncs of folders`);
});

/** A folder, new unless given, on which something is mounted until the test ends; undefined where that is not allowed. */
function mountPoint(t: TestContext, what: string[], at?: string): string | undefined {
  const folder = at ?? fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-test-'));
  const [mount = 'mount', umount = 'umount'] = ['mount', 'umount'].map(findOnPath);
  const { status } = spawnSync(mount, [...what, folder], { stdio: 'ignore' });
  t.after(() => {
    if (status === 0) execFileSync(umount, [folder]);
    fs.rmdirSync(folder);
  });
  return isHere(t, status === 0, 'nothing can be mounted here (it takes root)') ? folder : undefined;
}

test('a full disk', async (t) => {
  const folder = mountPoint(t, ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs']);
  if (folder === undefined) return;
  const store = FilesystemInstanceStore.open(folder, { sync: true });
  await receive(store, arriving(), dataSet());
  const SOPInstanceUID = '1.2.3.2';
  await assert.rejects(receive(store, arriving({ SOPInstanceUID }), dataSet({ SOPInstanceUID }, 4_000_000)), {
    reason: 'no-space',
  });
  assert.deepEqual(filesOf(folder), ['instances/1.2.3/1.2.3.4/1.2.3.1.dcm']);
  assert.equal((await receive(store, arriving({ SOPInstanceUID }), dataSet({ SOPInstanceUID }))).outcome, 'stored');
  await store.close();
});

/** Commits instances until it is killed, four at a time, and says which; one never ends. */
const RECEIVER = `
  import { FilesystemInstanceStore } from ${JSON.stringify(import.meta.resolve('./instance-store.ts'))};
  const [folder, hex] = process.argv.slice(1);
  const bytes = Buffer.from(hex, 'hex');
  const store = FilesystemInstanceStore.open(folder, { sync: true });
  const about = { SOPClassUID: '${CT}', transferSyntaxUID: '${EXPLICIT}', sourceAETitle: 'CT1' };
  const endless = store.begin({ ...about, SOPInstanceUID: '1.2.3.1' });
  let count = 0;
  for (const n of [1, 2, 3, 4]) void receive(n);
  async function receive(n) {
    for (;;) {
      const SOPInstanceUID = '1.2.3.1' + String(count++).padStart(5, '0');
      const file = store.begin({ ...about, SOPInstanceUID });
      const own = Buffer.from(bytes);
      own.write(SOPInstanceUID, own.indexOf('1.2.3.100000'));
      file.write(own);
      endless.write(own);
      console.log((await file.commit()).path);
    }
  }
`;

test('kill -9 leaves what was committed, and nothing else after the next start', async (t) => {
  const { folder, archive, incoming, store } = openStore(t);
  const like = dataSet({ SOPInstanceUID: '1.2.3.100000' }, 40_000);
  const args = ['--input-type=module', '-e', RECEIVER, folder, like.toString('hex')];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const committed: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (committed.push(line) === 100) child.kill('SIGKILL');
  }
  assert.ok(committed.length >= 100);
  assert.notDeepEqual(filesOf(incoming), []);
  const next = FilesystemInstanceStore.open(folder, { sync: false });
  t.after(() => next.close());
  // Two that live: this one and the next.
  assert.equal(fs.readdirSync(incoming).length, 4);
  assert.deepEqual(filesOf(incoming), []);
  const files = new Set(filesOf(archive));
  for (const name of committed) assert.ok(files.has(name), name);
  for (const name of files) {
    const expected = Buffer.from(like);
    expected.write(path.basename(name, '.dcm'), expected.indexOf('1.2.3.100000'));
    assert.ok(storedDataSet(archive, { path: name }).equals(expected), name);
  }
  assert.equal((await receive(store, arriving(), dataSet())).outcome, 'stored');
});

test('a relative folder', (t) => {
  const { folder, archive } = openStore(t);
  const store = FilesystemInstanceStore.open(path.relative('.', folder), { sync: true });
  t.after(() => store.close());
  assert.equal(store.archive, path.join(folder, 'instances'));
  assert.equal(store.archive, archive);
});

test('an archive that is mounted by itself is said at the start', (t) => {
  // From the same file system: only a link tells the difference.
  const [folder, other] = [0, 1].map(() => fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-test-')));
  const archive = path.join(folder!, 'instances');
  fs.mkdirSync(archive);
  const mounted = mountPoint(t, ['--bind', other!], archive);
  t.after(() => {
    for (const left of [folder!, other!]) fs.rmSync(left, { recursive: true, force: true });
  });
  if (mounted === undefined) return;
  const said = { code: 'cannot-write', message: /different file systems/ };
  assert.throws(() => FilesystemInstanceStore.open(folder!, { sync: true }), said);
  assert.deepEqual(fs.readdirSync(archive), []);
});

test('a folder that cannot be is said', () => {
  assert.throws(() => FilesystemInstanceStore.open('/dev/null/store', { sync: true }), { code: 'cannot-write' });
});

test('the folders that a new store is made in are synced, too: else a power cut takes all with their names', async (t) => {
  const home = fs.realpathSync(temporaryFolder(t));
  const synced: string[] = [];
  const fsync = fs.fsyncSync;
  t.mock.method(fs, 'fsyncSync', (file: number) => {
    synced.push(path.relative(home, fs.readlinkSync(`/proc/self/fd/${file}`)));
    fsync(file);
  });
  const open = async () => {
    synced.length = 0;
    await FilesystemInstanceStore.open(path.join(home, 'new/received'), { sync: true }).close();
    return [...synced].sort();
  };
  assert.deepEqual(await open(), ['', 'new', 'new/received']);
  assert.deepEqual(await open(), ['new/received']);
});
