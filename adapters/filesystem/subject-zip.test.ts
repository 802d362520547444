import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { findOnPath, isHere } from '../../scripts/parts/parts.ts';
import { zipSubject } from './subject-zip.ts';
import { type ExpectedFile, listFiles, verifyFiles } from './verify-download.ts';
import { ZipFailed } from './zip-files.ts';

const NEVER = new AbortController().signal;
const A = '山田^太郎/CT Schädel/1.2.3.dcm';
const B = '山田^太郎/CT Schädel/1.2.4.dcm';
const C = '山田^太郎/MR/1.2.5.dcm';
const SUBJECT = '山田^太郎';
const FILES = { [A]: 'first', [B]: '', [C]: Buffer.alloc(3_000_000, 'pixels') };
type Files = Readonly<Record<string, string | Buffer>>;

function download(t: TestContext, files: Files = FILES): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-test-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  put(folder, files);
  return folder;
}

function put(folder: string, files: Files): void {
  for (const [name, bytes] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(`${folder}/${name}`), { recursive: true });
    fs.writeFileSync(`${folder}/${name}`, bytes);
  }
}

function expected(files: Files = FILES): ExpectedFile[] {
  return Object.entries(files).map(([name, content]) => {
    const bytes = Buffer.from(content);
    return { path: name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  });
}

async function problemsOf(folder: string, files: Files = FILES) {
  return Array.fromAsync(verifyFiles(folder, expected(files), { signal: NEVER }));
}

async function listed(folder: string): Promise<string[]> {
  return (await Array.fromAsync(listFiles(folder))).sort();
}

function zipOf(folder: string): string {
  return `${folder}/${SUBJECT}.zip`;
}

async function failure(zipping: Promise<void>): Promise<string> {
  const error = await zipping.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ZipFailed, String(error));
  return error.message;
}

test('a zip takes the place of the folder and holds all of it', async (t) => {
  const folder = download(t, { ...FILES, 'other/MR/9.dcm': 'other' });
  put(folder, { [`${SUBJECT}/notes.txt`]: 'nobody expects this' });
  let bytes = 0;
  await zipSubject(folder, SUBJECT, expected(), {
    signal: NEVER,
    onBytes: (more) => {
      bytes += more;
    },
  });
  assert.deepEqual(fs.readdirSync(folder).sort(), ['other', `${SUBJECT}.zip`]);
  assert.equal(fs.statSync(zipOf(folder)).mode & 0o777, 0o600);
  assert.equal(bytes, 3_000_005 + 'nobody expects this'.length);
  assert.deepEqual(await problemsOf(folder), []);
  assert.deepEqual(await listed(folder), [A, B, C, `${SUBJECT}/notes.txt`, 'other/MR/9.dcm'].sort());
});

test('the same folder gives the same zip', async (t) => {
  const zips = [];
  for (const names of [Object.entries(FILES), Object.entries(FILES).toReversed()]) {
    const folder = download(t, Object.fromEntries(names));
    for (const [name] of names) fs.utimesSync(`${folder}/${name}`, 1_700_000_000, 1_700_000_000);
    await zipSubject(folder, SUBJECT, expected(), { signal: NEVER });
    zips.push(fs.readFileSync(zipOf(folder)));
  }
  assert.ok(zips[0]!.equals(zips[1]!));
});

test('Python reads the zip, also as zip64', async (t) => {
  if (!isHere(t, findOnPath('python3') !== undefined, 'python3')) return;
  const program = `
import hashlib, json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as zip:
    assert zip.testzip() is None
    print(json.dumps([[i.filename, i.file_size, hashlib.sha256(zip.read(i)).hexdigest(), i.extract_version] for i in zip.infolist()]))
`;
  const sorted = expected().sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const forceZip64Format of [false, true]) {
    const folder = download(t);
    await zipSubject(folder, SUBJECT, expected(), { signal: NEVER, forceZip64Format });
    const { stdout, stderr } = spawnSync('python3', ['-c', program, zipOf(folder)], { encoding: 'utf8' });
    assert.equal(stderr, '');
    // APPNOTE 4.4.3.2: 4.5 is needed for zip64.
    const version = forceZip64Format ? 45 : 20;
    assert.deepEqual(
      JSON.parse(stdout),
      sorted.map(({ path, size, sha256 }) => [path, size, sha256, version]),
    );
    // Locator of the zip64 end of central directory (APPNOTE 4.3.15).
    assert.equal(fs.readFileSync(zipOf(folder)).includes('PK\x06\x07'), forceZip64Format);
    assert.deepEqual(await problemsOf(folder), []);
  }
});

test('where only the zip is left, its directory is compared and no more of it read', async (t) => {
  const folder = download(t);
  await zipSubject(folder, SUBJECT, expected(), { signal: NEVER });
  const bytes = fs.readFileSync(zipOf(folder));
  bytes[bytes.indexOf('first')]! ^= 1;
  fs.writeFileSync(zipOf(folder), bytes);
  fs.mkdirSync(`${folder}/${SUBJECT}/MR`, { recursive: true });
  await zipSubject(folder, SUBJECT, expected(), { signal: NEVER });
  assert.deepEqual(fs.readdirSync(folder), [`${SUBJECT}.zip`]);
  assert.ok(bytes.equals(fs.readFileSync(zipOf(folder))));
  const cases: [Files, RegExp][] = [
    [{ ...FILES, [`${SUBJECT}/MR/7.dcm`]: 'x' }, /MR\/7\.dcm is expected and missing/],
    [{ ...FILES, [A]: 'longer than it is' }, /1\.2\.3\.dcm has 5 bytes instead of 17/],
  ];
  for (const [files, message] of cases)
    assert.match(await failure(zipSubject(folder, SUBJECT, expected(files), { signal: NEVER })), message);
});

test('without room for it no zip is begun; one that is there needs none', async (t) => {
  const folder = download(t);
  const usable = (bytes: number) => ({ signal: NEVER, usable: async () => bytes });
  const names = fs.readdirSync(folder);
  assert.match(
    await failure(zipSubject(folder, SUBJECT, expected(), usable(10))),
    /are needed for it, and 1 MB may be used/,
  );
  assert.deepEqual(fs.readdirSync(folder), names);
  await zipSubject(folder, SUBJECT, expected(), usable(1e9));
  await zipSubject(folder, SUBJECT, expected(), usable(0));
  assert.deepEqual(fs.readdirSync(folder), [`${SUBJECT}.zip`]);
});

test('many files take the memory of a few', async (t) => {
  const bytes = Buffer.alloc(500_000);
  const names = Array.from({ length: 120 }, (_, i) => `${SUBJECT}/MR/${i}.dcm`);
  const folder = download(t, Object.fromEntries(names.map((name) => [name, bytes])));
  const [one] = expected({ [A]: bytes });
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  const onBytes = () => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  };
  await zipSubject(
    folder,
    SUBJECT,
    names.map((path) => ({ ...one!, path })),
    { signal: NEVER, onBytes },
  );
  assert.ok(most < 40_000_000, `${most} of 60,000,000 bytes were kept`);
});

test('files that do not fit into memory are in the zip, between others', async (t) => {
  const files = {
    ...FILES,
    [`${SUBJECT}/MR/0.dcm`]: Buffer.alloc(9_000_000, 'a'),
    [`${SUBJECT}/MR/1.dcm`]: Buffer.alloc(8 * 1024 * 1024, 'b'),
  };
  const folder = download(t, { ...files, [`${SUBJECT}/XA/big.bin`]: Buffer.alloc(20_000_000, 'c') });
  await zipSubject(folder, SUBJECT, expected(files), { signal: NEVER, forceZip64Format: true });
  assert.deepEqual(await problemsOf(folder, files), []);
});

test('what is missing or has another content keeps the folder, and there is no zip', async (t) => {
  const more = { ...FILES, [`${SUBJECT}/MR/7.dcm`]: 'x' };
  const cases: [Files, RegExp][] = [
    [more, /MR\/7\.dcm is expected and missing/],
    [{ ...FILES, [A]: 'longer than it is' }, /1\.2\.3\.dcm has 5 bytes instead of 17/],
    [{ ...FILES, [A]: 'FIRST' }, /1\.2\.3\.dcm has another content than expected/],
  ];
  for (const [files, message] of cases) {
    const folder = download(t);
    assert.match(await failure(zipSubject(folder, SUBJECT, expected(files), { signal: NEVER })), message);
    assert.deepEqual(fs.readdirSync(folder), [SUBJECT]);
    assert.deepEqual(await problemsOf(folder), []);
  }
});

test('after a crash between the renaming and the removal the folder goes and the zip stays', async (t) => {
  const folder = download(t);
  await zipSubject(folder, SUBJECT, expected(), { signal: NEVER });
  const before = fs.readFileSync(zipOf(folder));
  // Half of the folder has gone already, and there is half of another zip.
  put(folder, { [A]: FILES[A]!, [C]: FILES[C]!, [`${SUBJECT}.zip.part`]: 'half' });
  await zipSubject(folder, SUBJECT, expected(), { signal: NEVER });
  assert.deepEqual(fs.readdirSync(folder), [`${SUBJECT}.zip`]);
  assert.ok(before.equals(fs.readFileSync(zipOf(folder))));
  await zipSubject(folder, SUBJECT, expected(), { signal: NEVER });
  assert.ok(before.equals(fs.readFileSync(zipOf(folder))));
});

test('two who zip the same subject at once, as where one was taken for dead: what has the name is whole', async (t) => {
  for (let round = 0; round < 10; round++) {
    const folder = download(t);
    const ended = await Promise.allSettled(
      [1, 2].map((n) => sleep(n * round * 0.2).then(() => zipSubject(folder, SUBJECT, expected(), { signal: NEVER }))),
    );
    // One that fails is tried again.
    for (const one of ended)
      if (one.status === 'rejected') assert.ok(one.reason instanceof ZipFailed, String(one.reason));
    await zipSubject(folder, SUBJECT, expected(), { signal: NEVER });
    assert.deepEqual(fs.readdirSync(folder), [`${SUBJECT}.zip`]);
    assert.deepEqual(await problemsOf(folder), []);
  }
});

test('who was taken for dead and wakes when another has made the zip has not failed', async (t) => {
  const [folder, other] = [download(t), download(t)];
  await zipSubject(other, SUBJECT, expected(), { signal: NEVER });
  let isMade = false;
  const onBytes = () => {
    if (isMade) return;
    isMade = true;
    for (const name of fs.readdirSync(folder)) if (name.endsWith('.part')) fs.rmSync(`${folder}/${name}`);
    fs.copyFileSync(zipOf(other), zipOf(folder));
    fs.rmSync(`${folder}/${SUBJECT}`, { recursive: true });
  };
  await zipSubject(folder, SUBJECT, expected(), { signal: NEVER, onBytes });
  assert.ok(isMade);
  assert.deepEqual(await problemsOf(folder), []);
  // Where what the other made is not all that is expected, it has.
  const [second, more] = [download(t), { ...FILES, [`${SUBJECT}/MR/1.2.6.dcm`]: 'more' }];
  put(second, more);
  isMade = false;
  const take = () => {
    fs.copyFileSync(zipOf(other), zipOf(second));
    fs.rmSync(`${second}/${SUBJECT}`, { recursive: true, force: true });
  };
  assert.match(
    await failure(zipSubject(second, SUBJECT, expected(more), { signal: NEVER, onBytes: take })),
    /ENOENT|is missing/,
  );
});

test('what came after the zip is added to it', async (t) => {
  const folder = download(t);
  await zipSubject(folder, SUBJECT, expected(), { signal: NEVER });
  const late = { [`${SUBJECT}/MR/late.dcm`]: 'late', [A]: 'fetched again' };
  put(folder, late);
  await zipSubject(folder, SUBJECT, expected({ ...FILES, ...late }), { signal: NEVER });
  assert.deepEqual(fs.readdirSync(folder), [`${SUBJECT}.zip`]);
  assert.deepEqual(await problemsOf(folder, { ...FILES, ...late }), []);
});

test('of two contents that nobody expects none is lost', async (t) => {
  const notes = `${SUBJECT}/notes.txt`;
  const folder = download(t, { ...FILES, [notes]: 'old' });
  await zipSubject(folder, SUBJECT, expected(), { signal: NEVER });
  put(folder, { [notes]: 'new' });
  assert.match(
    await failure(zipSubject(folder, SUBJECT, expected(), { signal: NEVER })),
    /notes\.txt has another content/,
  );
  assert.equal(fs.readFileSync(`${folder}/${notes}`, 'utf8'), 'new');
  assert.deepEqual(await problemsOf(folder), []);
});

test('an entry that is damaged is replaced from the folder, else reported', async (t) => {
  const folder = download(t);
  await zipSubject(folder, SUBJECT, expected(), { signal: NEVER });
  const bytes = fs.readFileSync(zipOf(folder));
  bytes[bytes.indexOf('first')]! ^= 1;
  fs.writeFileSync(zipOf(folder), bytes);
  put(folder, { [C]: FILES[C]! });
  assert.match(
    await failure(zipSubject(folder, SUBJECT, expected(), { signal: NEVER })),
    /1\.2\.3\.dcm is expected and missing/,
  );
  assert.match(await failure(zipSubject(folder, SUBJECT, [], { signal: NEVER })), /1\.2\.3\.dcm is damaged in the zip/);
  assert.ok(bytes.equals(fs.readFileSync(zipOf(folder))));
  put(folder, { [A]: FILES[A]! });
  await zipSubject(folder, SUBJECT, expected(), { signal: NEVER });
  assert.deepEqual(await problemsOf(folder), []);

  fs.writeFileSync(zipOf(folder), 'no zip at all');
  put(folder, FILES);
  assert.match(await failure(zipSubject(folder, SUBJECT, expected(), { signal: NEVER })), /is not a zip/);
  assert.deepEqual(await problemsOf(folder), []);
});

test('links are not followed, and no name leads out of the download', async (t) => {
  const folder = download(t);
  const outside = download(t, { 'secret/a.dcm': 'secret' });
  for (const name of ['..', '.', '', 'a/b', 'a\\b', 'a\0', 'C:a'])
    assert.match(await failure(zipSubject(folder, name, [], { signal: NEVER })), /cannot be the name/);
  fs.symlinkSync(`${outside}/secret`, `${folder}/linked`);
  assert.match(await failure(zipSubject(folder, 'linked', [], { signal: NEVER })), /linked is not a folder/);
  fs.symlinkSync(`${outside}/secret`, `${folder}/${SUBJECT}/linked`);
  assert.match(await failure(zipSubject(folder, SUBJECT, expected(), { signal: NEVER })), /linked is a link/);
  fs.unlinkSync(`${folder}/${SUBJECT}/linked`);
  fs.symlinkSync(`${outside}/target`, `${zipOf(folder)}.part`);
  fs.symlinkSync(`${outside}/target`, zipOf(folder));
  assert.match(await failure(zipSubject(folder, SUBJECT, expected(), { signal: NEVER })), /ELOOP|links are not/);
  assert.deepEqual(fs.readdirSync(outside), ['secret']);
  assert.deepEqual(fs.readdirSync(`${outside}/secret`), ['a.dcm']);
});

test('a subject of which nothing came needs no zip', async (t) => {
  const folder = download(t, {});
  await zipSubject(folder, SUBJECT, [], { signal: NEVER });
  assert.deepEqual(fs.readdirSync(folder), []);
  assert.match(await failure(zipSubject(folder, SUBJECT, expected(), { signal: NEVER })), /is expected and missing/);
});

test('a file that comes while the folder is zipped stays', async (t) => {
  const folder = download(t);
  const late = `${SUBJECT}/MR/late.dcm`;
  const comesLate = () => put(folder, { [late]: 'late' });
  assert.match(
    await failure(zipSubject(folder, SUBJECT, expected(), { signal: NEVER, onBytes: comesLate })),
    /got new files/,
  );
  assert.deepEqual(await problemsOf(folder, { ...FILES, [late]: 'late' }), []);
  await zipSubject(folder, SUBJECT, expected(), { signal: NEVER });
  assert.deepEqual(await problemsOf(folder, { ...FILES, [late]: 'late' }), []);
  assert.deepEqual(fs.readdirSync(folder), [`${SUBJECT}.zip`]);
});

test('the signal ends it, and the folder is as it was', async (t) => {
  for (const big of [0, 50_000_000]) {
    const files = { ...FILES, [`${SUBJECT}/XA/big.dcm`]: Buffer.alloc(big) };
    const folder = download(t, files);
    const end = new AbortController();
    let bytes = 0;
    const zipping = zipSubject(folder, SUBJECT, expected(files), {
      signal: end.signal,
      onBytes: (more) => {
        bytes += more;
        if (bytes > big / 2) end.abort(new Error('enough'));
      },
    });
    await assert.rejects(zipping, /enough/);
    assert.deepEqual(fs.readdirSync(folder), [SUBJECT]);
    assert.deepEqual(await problemsOf(folder, files), []);
  }
});
