import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DitagError } from '../../core/errors/errors.ts';
import { explainedRead } from './sqlite-errors.ts';

test('an index in a folder that may not be written to: what is needed', () => {
  const error = Object.assign(new Error('attempt to write a readonly database'), {
    code: 'ERR_SQLITE_ERROR',
    errcode: 8 | (5 << 8),
  });
  const explained = explainedRead(error, '/x/dicom.db');
  assert.ok(explained instanceof DitagError);
  assert.equal(explained.code, 'cannot-read');
  assert.match(explained.message, /^Cannot read \/x\/dicom\.db: .*allowed to write to its folder\.$/);
});
