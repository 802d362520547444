import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import test from 'node:test';
import { QuickCalls } from './quick-calls.ts';

const EXT4 = 0xef53;
const NFS = 0x6969;

/** Calls by a clock that stands still but for what a call is said to take; `made` says how each was made. */
function scripted(type = EXT4) {
  let clock = 0;
  const made: string[] = [];
  const calls = new QuickCalls(type, { slow: 8, now: () => clock });
  const make = (took: number) =>
    calls.make(
      () => {
        clock += took;
        made.push('at once');
        return 1;
      },
      (done) => {
        clock += took;
        made.push('in the pool');
        setImmediate(done, null, 1);
      },
    );
  const wait = (milliseconds: number) => {
    clock += milliseconds;
  };
  return { calls, make, wait, made };
}

test('quick calls are made at once', async () => {
  const { make, made } = scripted();
  for (let n = 0; n < 3; n++) assert.equal(await make(0.05), 1);
  assert.deepEqual(made, ['at once', 'at once', 'at once']);
});

test('after a slow call the pool makes them for a second', async () => {
  const { make, wait, made } = scripted();
  await make(9);
  await make(0.05);
  wait(900);
  await make(0.05);
  wait(200);
  await make(0.05);
  assert.deepEqual(made, ['at once', 'in the pool', 'in the pool', 'at once']);
});

test('where the disk stays slow it is tried less and less often, and as at first when it was quick for a while', async () => {
  const { make, wait, made } = scripted();
  /** Milliseconds until a call is made at once again. */
  const inThePool = async () => {
    for (let waited = 0; ; waited += 100) {
      made.length = 0;
      await make(0);
      if (made[0] === 'at once') return waited;
      wait(100);
    }
  };
  const times: number[] = [];
  for (let n = 0; n < 7; n++) {
    await make(9);
    times.push(await inThePool());
  }
  assert.deepEqual(times, [1000, 2000, 4000, 8000, 16_000, 32_000, 32_000]);
  wait(1000);
  await make(9);
  assert.equal(await inThePool(), 1000);
});

test('on a network file system all calls are made in the pool', async () => {
  const { make, wait, made } = scripted(NFS);
  await make(0.05);
  wait(10_000);
  await make(0.05);
  assert.deepEqual(made, ['in the pool', 'in the pool']);
});

test('an error of a call is that of node:fs, however it is made', async () => {
  const missing = `${os.tmpdir()}/not-there/at-all`;
  const open = ({ make }: QuickCalls) =>
    make<number>(
      () => fs.openSync(missing, 'r'),
      (done) => fs.open(missing, 'r', done),
    );
  await assert.rejects(open(await QuickCalls.in(os.tmpdir(), { slow: 8 })), { code: 'ENOENT' });
  await assert.rejects(open(new QuickCalls(NFS, { slow: 8 })), { code: 'ENOENT' });
  await assert.rejects(QuickCalls.in(missing, { slow: 8 }), { code: 'ENOENT' });
});
