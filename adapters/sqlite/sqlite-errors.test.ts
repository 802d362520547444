import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DitagError } from '../../core/errors/errors.ts';
import { explained, explainedRead, type Holds } from './sqlite-errors.ts';

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

test('what to do with a damaged file is said by what it holds', () => {
  const error = Object.assign(new Error('database disk image is malformed'), { code: 'ERR_SQLITE_ERROR', errcode: 11 });
  const message = (holds: Holds) => (explained(error, '/x/a.db', holds) as Error).message;
  assert.match(
    message('index'),
    /^\/x\/a\.db is damaged \(.*malformed\): move it away and run `ditag index --archive DIR`/,
  );
  assert.match(message('project'), /run `ditag project index` with its list again\.$/);
  assert.match(message('access'), /tokens have to be made again/);
});
