// What every adapter of the port ArchiveFiles does. Each adapter runs this suite on a folder that the suite fills.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { typedPath } from '../../core/instance/byte-path.ts';
import {
  type ArchiveFiles,
  type EntryType,
  type FileStatus,
  type FileTask,
  failureCode,
} from '../../core/ports/archive-files.ts';
import { temporaryFolder } from '../cli/run-ditag.ts';

/** @param make the adapter over the files below a root (a byte path) */
export function archiveFilesContract(name: string, make: (root: string) => ArchiveFiles): void {
  test(`${name}: lists names as bytes, with their types`, async (t) => {
    const root = path.join(temporaryFolder(t), 'ärchive');
    fs.mkdirSync(path.join(root, 'folder'), { recursive: true });
    fs.writeFileSync(path.join(root, 'file'), 'x');
    fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/a`), Buffer.from([0xff])]), 'x');
    fs.symlinkSync('file', path.join(root, 'link'));
    const found: Record<string, EntryType> = {};
    await make(typedPath(root)).run(list('', (name, type) => (found[name] = type)));
    assert.deepEqual(found, { folder: 'folder', file: 'file', 'a\xff': 'file', link: 'link' });
    const inside: string[] = [];
    await make(typedPath(root)).run(list('folder', (name) => void inside.push(name)));
    assert.deepEqual(inside, []);
  });

  test(`${name}: reads, with size, time and type`, async (t) => {
    const root = temporaryFolder(t);
    const odd = Buffer.concat([Buffer.from(`${root}/\n`), Buffer.from([0xe9])]);
    fs.writeFileSync(odd, 'content');
    fs.utimesSync(odd, 1_577_880_000.123456, 1_577_880_000.123456);
    const files = make(typedPath(root));
    const { status, text, end } = await files.run(
      (function* () {
        const file = (yield { call: 'open', path: '\n\xe9' } as const) as number;
        const status = (yield { call: 'fstat', file } as const) as FileStatus;
        const buffer = new Uint8Array(10);
        const length = (yield { call: 'read', file, buffer, offset: 1, length: 4, position: 2 } as const) as number;
        const end = (yield {
          call: 'read',
          file,
          buffer: new Uint8Array(4),
          offset: 0,
          length: 4,
          position: 7,
        } as const) as number;
        yield { call: 'close', file } as const;
        return { status, text: Buffer.from(buffer.subarray(1, 1 + length)).toString(), end };
      })(),
    );
    assert.equal(text, 'nten');
    assert.equal(end, 0);
    assert.equal(status.type, 'file');
    assert.equal(status.size, 7);
    assert.ok(Math.abs(status.mtime - 1_577_880_000_123_456) <= 1, String(status.mtime));
    const again = await files.run(
      (function* () {
        return (yield { call: 'stat', path: '\n\xe9' } as const) as FileStatus;
      })(),
    );
    assert.deepEqual(again, status);
  });

  test(`${name}: a failed call is thrown into the task, which may go on`, async (t) => {
    const root = temporaryFolder(t);
    fs.writeFileSync(path.join(root, 'file'), 'x');
    const files = make(typedPath(root));
    const codes = await files.run(
      (function* () {
        const codes: string[] = [];
        for (const call of ['stat', 'open', 'list'] as const) {
          try {
            if (call === 'list') yield { call, path: 'missing', entry: () => {} };
            else yield { call, path: 'missing' };
          } catch (error) {
            codes.push(failureCode(error));
          }
        }
        try {
          yield { call: 'list', path: 'file', entry: () => {} };
        } catch (error) {
          codes.push(failureCode(error));
        }
        return codes;
      })(),
    );
    assert.deepEqual(codes, ['ENOENT', 'ENOENT', 'ENOENT', 'ENOTDIR']);
    await assert.rejects(files.run(list('missing', () => {})), /ENOENT/);
  });

  test(`${name}: runs all tasks; the first that fails is the failure of all`, async (t) => {
    const root = temporaryFolder(t);
    for (let i = 0; i < 300; i++) fs.writeFileSync(path.join(root, String(i)), 'x'.repeat(i));
    const files = make(typedPath(root));
    const sizes = new Map<string, number>();
    const one = function* (name: string): FileTask<void> {
      sizes.set(name, ((yield { call: 'stat', path: name }) as FileStatus).size);
    };
    await files.runAll(Array.from({ length: 300 }, (_, i) => one(String(i))));
    assert.equal(sizes.size, 300);
    for (const [name, size] of sizes) assert.equal(size, Number(name));
    await assert.rejects(files.runAll([one('1'), one('missing'), one('2')]), /ENOENT/);
    await files.runAll([]);
  });
}

function* list(path: string, entry: (name: string, type: EntryType) => void): FileTask<void> {
  yield { call: 'list', path, entry };
}
