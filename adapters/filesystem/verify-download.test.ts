import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { ZipFile } from 'yazl';
import { type ExpectedFile, listFiles, verifyFiles } from './verify-download.ts';

const NEVER = new AbortController().signal;

function emptyFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-test-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function put(folder: string, name: string, bytes: string | Buffer): void {
  fs.mkdirSync(path.dirname(`${folder}/${name}`), { recursive: true });
  fs.writeFileSync(`${folder}/${name}`, bytes);
}

function expect(name: string, content: string | Buffer): ExpectedFile {
  const bytes = Buffer.from(content);
  return { path: name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

async function putZip(folder: string, name: string, files: Readonly<Record<string, string>>): Promise<void> {
  const zip = new ZipFile();
  for (const [entry, bytes] of Object.entries(files))
    zip.addBuffer(Buffer.from(bytes), entry, { forceZip64Format: true, compress: bytes.length > 20 });
  zip.end({ forceZip64Format: true, comment: '' });
  const file = fs.createWriteStream(`${folder}/${name}`);
  zip.outputStream.pipe(file);
  await once(file, 'close');
}

async function problemsOf(folder: string, entries: Iterable<ExpectedFile> | AsyncIterable<ExpectedFile>) {
  const problems = await Array.fromAsync(verifyFiles(folder, entries, { signal: NEVER }));
  return problems.map(({ path, problem, detail }) => `${path}: ${problem}: ${detail}`);
}

test('a whole download has no problems, in folders and in zips', async (t) => {
  const folder = emptyFolder(t);
  const big = Buffer.alloc(2_500_000, 'frames');
  put(folder, 'Müller/CT/1.dcm', 'one');
  put(folder, 'Müller/CT/2.dcm', big);
  put(folder, 'Müller/CT/empty.dcm', '');
  const deflated = 'deflated '.repeat(1000);
  await putZip(folder, '山田.zip', { '山田/MR/1.dcm': 'zipped', '山田/MR/2.dcm': deflated });
  const entries = [
    expect('Müller/CT/1.dcm', 'one'),
    expect('Müller/CT/2.dcm', big),
    expect('Müller/CT/empty.dcm', ''),
    expect('山田/MR/1.dcm', 'zipped'),
    expect('山田/MR/2.dcm', deflated),
  ];
  const told: [number, number][] = [];
  const options = {
    signal: NEVER,
    parallel: 2,
    onProgress: (files: number, bytes: number) => told.push([files, bytes]),
  };
  assert.deepEqual(await Array.fromAsync(verifyFiles(folder, entries, options)), []);
  assert.deepEqual(told.at(-1), [5, 3 + big.length + 6 + deflated.length]);
  const inCapitals = entries.map((entry) => ({ ...entry, sha256: entry.sha256.toUpperCase() }));
  assert.deepEqual(await problemsOf(folder, inCapitals), []);
});

test('each problem is told, in the order of the manifest', async (t) => {
  const folder = emptyFolder(t);
  put(folder, 'A/CT/shorter.dcm', '12');
  put(folder, 'A/CT/other.dcm', 'abc');
  put(folder, 'A/CT/good.dcm', 'good');
  fs.mkdirSync(`${folder}/A/CT/folder.dcm`);
  await putZip(folder, 'Z.zip', { 'Z/CT/other.dcm': 'abc', 'Z/CT/shorter.dcm': '12', 'Z/CT/damaged.dcm': 'damaged' });
  const zip = fs.readFileSync(`${folder}/Z.zip`);
  zip[zip.lastIndexOf('damaged', zip.indexOf('damaged', zip.indexOf('damaged') + 1))]! ^= 1;
  fs.writeFileSync(`${folder}/Z.zip`, zip);
  put(folder, 'N.zip', 'this is no zip');
  const sha = (text: string) => createHash('sha256').update(text).digest('hex');
  async function* manifest() {
    yield expect('A/CT/none.dcm', '');
    yield expect('B/CT/none.dcm', '');
    yield expect('A/CT/good.dcm', 'good');
    yield expect('A/CT/shorter.dcm', '123');
    yield expect('A/CT/other.dcm', 'ABC');
    yield expect('A/CT/folder.dcm', '');
    yield expect('Z/CT/none.dcm', '');
    yield expect('Z/CT/shorter.dcm', '123');
    yield expect('Z/CT/other.dcm', 'ABC');
    yield expect('Z/CT/damaged.dcm', 'damaged');
    yield expect('N/CT/1.dcm', '');
  }
  assert.deepEqual(await problemsOf(folder, manifest()), [
    'A/CT/none.dcm: missing: There is no such file.',
    'B/CT/none.dcm: missing: There is no such file.',
    'A/CT/shorter.dcm: other-size: It has 2 bytes instead of 3.',
    `A/CT/other.dcm: other-content: Its SHA-256 is ${sha('abc')} instead of ${sha('ABC')}.`,
    'A/CT/folder.dcm: unreadable: It is not a file.',
    'Z/CT/none.dcm: missing: There is no such file, nor is it in the zip.',
    'Z/CT/shorter.dcm: other-size: It has 2 bytes instead of 3.',
    `Z/CT/other.dcm: other-content: Its SHA-256 is ${sha('abc')} instead of ${sha('ABC')}.`,
    'Z/CT/damaged.dcm: other-content: It is damaged in the zip: Z/CT/damaged.dcm is damaged in the zip: its CRC-32 is wrong.',
    `N/CT/1.dcm: unreadable: ${folder}/N.zip is not a zip: End of central directory record signature not found. Either not a zip file, or file is truncated.`,
  ]);
});

test('no path and no link leads out of the download', async (t) => {
  const outside = emptyFolder(t);
  put(outside, 'CT/secret.dcm', 'secret');
  const folder = emptyFolder(t);
  put(folder, 'A/CT/1.dcm', 'one');
  fs.symlinkSync(outside, `${folder}/linked`);
  fs.symlinkSync(`${folder}/A`, `${folder}/inside`);
  fs.symlinkSync(`${outside}/CT/secret.dcm`, `${folder}/A/CT/linked.dcm`);
  await putZip(outside, 'Z.zip', { 'Z/CT/1.dcm': 'one' });
  fs.symlinkSync(`${outside}/Z.zip`, `${folder}/Z.zip`);
  const refused = [
    `${outside}/CT/secret.dcm`,
    `../${path.basename(outside)}/CT/secret.dcm`,
    'A/../../x',
    'A//1.dcm',
    './A/CT/1.dcm',
    'A\\CT\\1.dcm',
    'A/CT/1.dcm\0',
    'C:/A/1.dcm',
    '',
    'linked/CT/secret.dcm',
    'A/CT/linked.dcm',
    'Z/CT/1.dcm',
  ];
  const entries = refused.map((name) => expect(name, 'secret'));
  const problems = await Array.fromAsync(verifyFiles(folder, entries, { signal: NEVER }));
  assert.deepEqual(
    problems.map(({ path, problem }) => [path, problem]),
    refused.map((name) => [name, 'unreadable']),
  );
  assert.deepEqual(await problemsOf(folder, [expect('inside/CT/1.dcm', 'one')]), []);
});

test('zips are closed when others are needed', async (t) => {
  const folder = emptyFolder(t);
  const entries: ExpectedFile[] = [];
  for (let i = 0; i < 100; i++) {
    await putZip(folder, `S${i}.zip`, { [`S${i}/CT/1.dcm`]: `one ${i}`, [`S${i}/CT/2.dcm`]: `two ${i}` });
    entries.push(expect(`S${i}/CT/1.dcm`, `one ${i}`));
  }
  for (let i = 0; i < 100; i++) entries.push(expect(`S${i}/CT/2.dcm`, `two ${i}`));
  const openFiles = () => fs.readdirSync('/proc/self/fd').length;
  const before = process.platform === 'linux' ? openFiles() : 0;
  let most = 0;
  const onProgress = () => {
    if (process.platform === 'linux') most = Math.max(most, openFiles() - before);
  };
  assert.deepEqual(await Array.fromAsync(verifyFiles(folder, entries, { signal: NEVER, onProgress })), []);
  assert.ok(most < 80, `${most} files were open`);
});

test('the signal and the caller can end it', async (t) => {
  const folder = emptyFolder(t);
  const end = new AbortController();
  let asked = 0;
  function* endless() {
    for (;;) yield expect(`A/CT/${asked++}.dcm`, '');
  }
  for await (const { problem } of verifyFiles(folder, endless(), { signal: NEVER })) {
    assert.equal(problem, 'missing');
    break;
  }
  assert.ok(asked < 20);
  const checking = verifyFiles(folder, endless(), { signal: end.signal });
  await assert.rejects(async () => {
    for await (const _ of checking) end.abort(new Error('enough'));
  }, /enough/);
});

test('the files of a download are listed, those in zips too', async (t) => {
  const folder = emptyFolder(t);
  put(folder, 'A/CT/1.dcm', 'one');
  put(folder, 'manifest.csv', '');
  put(folder, 'A/inner.zip', '');
  put(folder, 'broken.zip', 'no zip');
  fs.symlinkSync('/', `${folder}/A/link`);
  await putZip(folder, '山田.zip', { '山田/MR/1.dcm': 'zipped' });
  await putZip(folder, 'foreign.zip', { 'else/1.dcm': 'x', 'foreign/2.dcm': 'y' });
  assert.deepEqual((await Array.fromAsync(listFiles(folder))).sort(), [
    'A/CT/1.dcm',
    'A/inner.zip',
    'A/link',
    'broken.zip',
    'foreign.zip',
    'foreign/2.dcm',
    'manifest.csv',
    '山田/MR/1.dcm',
  ]);
});
