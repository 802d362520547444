import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shortage } from './download-space.ts';

test('what is still to come is judged by what has come, and before that by the usual size', () => {
  assert.deepEqual(shortage({ expected: 10, received: 4, bytes: 400 }, 599), { needed: 600, each: 100 });
  assert.equal(shortage({ expected: 10, received: 4, bytes: 400 }, 600), undefined);
  assert.deepEqual(shortage({ expected: 2, received: 0, bytes: 0 }, 1_000_000), { needed: 1_048_576, each: 524_288 });
  assert.equal(shortage({ expected: 5, received: 5, bytes: 500 }, -1)?.needed, 0);
  assert.equal(shortage({ expected: 0, received: 0, bytes: 0 }, 0), undefined);
});
