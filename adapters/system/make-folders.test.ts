import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../test/cli/run-ditag.ts';
import { makeFolders } from './make-folders.ts';

test('a folder and those that it is in are made, and are there already', (t) => {
  const folder = path.join(temporaryFolder(t), 'a/b/c');
  for (let again = 0; again < 2; again++) {
    makeFolders(folder, 0o700);
    assert.equal(fs.statSync(folder).mode & 0o777, 0o700);
  }
  fs.writeFileSync(`${folder}/file`, '');
  assert.throws(() => makeFolders(`${folder}/file`, 0o700), { code: 'EEXIST' });
  assert.throws(() => makeFolders(`${folder}/file/below`, 0o700), { code: 'ENOTDIR' });
});

test('where nothing can be made it ends', () => {
  assert.throws(() => makeFolders('/proc/ditag/below', 0o700), { code: 'ENOENT' });
});
