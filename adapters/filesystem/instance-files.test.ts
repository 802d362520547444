import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { FilesystemInstanceFiles } from './instance-files.ts';

function archive(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-test-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

for (const [where, type] of [
  ['here', 0xef53],
  ['over NFS', 0x6969],
] as const)
  test(`a file ${where} is read from where it is asked for`, async (t) => {
    const root = archive(t);
    fs.mkdirSync(path.join(root, 'a'));
    fs.writeFileSync(path.join(root, 'a', '1.dcm'), '0123456789');
    t.mock.method(fs, 'statfs', (_: Buffer, done: (error: null, found: { type: number }) => void) =>
      setImmediate(done, null, { type }),
    );
    const atOnce = t.mock.method(fs, 'readSync').mock;
    const file = await new FilesystemInstanceFiles(() => root).open('any', 'a/1.dcm');
    const bytes = Buffer.alloc(6);
    assert.equal(file.size, 10);
    assert.equal(await file.read(bytes, 6, 7), 3);
    assert.equal(bytes.toString('latin1', 0, 3), '789');
    assert.equal(await file.read(bytes, 6, 10), 0);
    assert.equal(atOnce.callCount(), type === 0x6969 ? 0 : 2);
    await file.close();
    // Its number may be that of another file now.
    const other = fs.openSync(path.join(root, 'a', '1.dcm'), 'r');
    await file.close();
    await assert.rejects(file.read(bytes, 6, 0), { code: 'EBADF' });
    fs.closeSync(other);
  });

test('names are bytes', async (t) => {
  const root = archive(t);
  fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xe4, 0x2e])]), 'x');
  const file = await new FilesystemInstanceFiles(() => root).open('any', '\xe4.');
  assert.equal(file.size, 1);
  await file.close();
});

test('what is not there rejects with the code of the call, and is found when it is there', async (t) => {
  const root = path.join(archive(t), 'mount');
  const files = new FilesystemInstanceFiles(() => root);
  await assert.rejects(files.open('any', '1.dcm'), { code: 'ENOENT' });
  fs.mkdirSync(root);
  await assert.rejects(files.open('any', '1.dcm'), { code: 'ENOENT' });
  fs.writeFileSync(path.join(root, '1.dcm'), 'x');
  await (await files.open('any', '1.dcm')).close();
  await assert.rejects(FilesystemInstanceFiles.mounted(new Map()).open('any', '1.dcm'), { code: 'ENODEV' });
});

test('a named pipe that stands where a file was is not waited for', { timeout: 5_000 }, async (t) => {
  const root = archive(t);
  execFileSync('mkfifo', [path.join(root, '1.dcm')]);
  const file = await new FilesystemInstanceFiles(() => root).open('any', '1.dcm');
  assert.equal(file.size, 0);
  await file.close();
});
