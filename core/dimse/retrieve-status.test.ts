import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retrieveStatus, retrieveStatusText } from './retrieve-status.ts';

test('the final status says of failures and of warnings (PS3.4 C.4.2.2.1)', () => {
  const status = (completed: number, warning: number, failed: number, isCancelled = false) =>
    retrieveStatus({ completed, warning, failed, isCancelled });
  assert.equal(status(5, 0, 0), 0x0000);
  assert.equal(status(0, 0, 0), 0x0000);
  assert.equal(status(4, 1, 0), 0xb000);
  assert.equal(status(0, 5, 0), 0xb000);
  assert.equal(status(4, 0, 1), 0xb000);
  assert.equal(status(0, 1, 4), 0xb000);
  assert.equal(status(0, 0, 5), 0xa702);
  assert.equal(status(0, 0, 5, true), 0xfe00);
  assert.deepEqual(
    [0x0000, 0xb000, 0xa702, 0xfe00].map((one) => retrieveStatusText(one)),
    ['Success', 'Complete, with failures or warnings (B000H)', 'All failed (A702H)', 'Cancelled'],
  );
});
