// What is done with each status, as docs/conformance.md promises it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusText } from './reasons.ts';
import { isPending, isTemporary, isWarning, STATUS } from './statuses.ts';

const of = (is: (status: number) => boolean) =>
  Array.from({ length: 0x10000 }, (_, status) => status).filter((status) => is(status));

test('warnings are Bxxx, 0001H, 0107H and 0116H', () => {
  const range = Array.from({ length: 0x1000 }, (_, low) => 0xb000 + low);
  assert.deepEqual(of(isWarning), [0x0001, 0x0107, 0x0116, ...range]);
});

test('what may be otherwise in a while is A7xx and 0213H', () => {
  const range = Array.from({ length: 0x100 }, (_, low) => 0xa700 + low);
  assert.deepEqual(of(isTemporary), [0x0213, ...range]);
});

test('FF00H and FF01H are not the last answer', () => {
  assert.deepEqual(of(isPending), [0xff00, 0xff01]);
  assert.equal(isPending(undefined), false);
});

test('each status that is given has a name, and its number with it', () => {
  for (const status of Object.values(STATUS))
    assert.match(
      statusText(status),
      new RegExp(`^[A-Z].* \\(${status.toString(16).toUpperCase().padStart(4, '0')}H\\)$`),
    );
});
