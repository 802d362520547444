import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { fileReason, readFailure, writeFailure } from './file-failure.ts';

function failure(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

test('why a file cannot be read is told in words, without the text of Node.js', () => {
  const missing = failure(() => fs.readFileSync('/nothing/here'));
  assert.equal(readFailure('a.csv', missing).message, 'Cannot read a.csv: there is no such file or folder.');
  const folder = failure(() => fs.readFileSync('/'));
  assert.equal(readFailure('/', folder).message, 'Cannot read /: it is a folder.');
  assert.equal(fileReason(Object.assign(new Error('EWHATEVER: what, open x'), { code: 'EWHATEVER' })), 'EWHATEVER');
  assert.equal(fileReason(new Error('it is no zip')), 'it is no zip');
});

test('a disk without room is not a place where nothing may be written', () => {
  const codes = (code: string) => writeFailure('out.csv', Object.assign(new Error(code), { code })).code;
  assert.deepEqual(['ENOSPC', 'EDQUOT', 'EFBIG'].map(codes), ['no-room', 'no-room', 'no-room']);
  assert.deepEqual(['EACCES', 'EROFS'].map(codes), ['cannot-write', 'cannot-write']);
});
