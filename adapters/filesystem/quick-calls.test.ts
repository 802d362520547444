import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import test, { type TestContext } from 'node:test';
import { inPool } from './instance-store-calls.ts';
import { QuickCalls } from './quick-calls.ts';

/** Milliseconds: one such call makes the average slow. */
const SLOW = 40;

/** Calls by a clock that stands still but for what a call is said to take; `made` says how each was made. */
function scripted() {
  let clock = 0;
  const made: string[] = [];
  const calls = new QuickCalls(() => clock);
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

test('one that takes long among many says nothing of the disk: the processor was wanted elsewhere', async () => {
  const { make, made } = scripted();
  for (let n = 0; n < 1000; n++) await make(n % 40 === 0 ? 10 : 0.01);
  assert.ok(made.every((how) => how === 'at once'));
});

test('of a disk that waits for every second call that is found after some', async () => {
  const { make, made } = scripted();
  for (let n = 0; n < 20; n++) await make(n % 2 === 0 ? 6 : 0.01);
  const quick = made.indexOf('in the pool');
  assert.ok(quick > 5 && quick < 20, `${quick}`);
});

test('when it has been slow the pool makes them for a second', async () => {
  const { make, wait, made } = scripted();
  await make(SLOW);
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
    await make(SLOW);
    times.push(await inThePool());
  }
  assert.deepEqual(times, [1000, 2000, 4000, 8000, 16_000, 32_000, 32_000]);
  wait(1000);
  await make(SLOW);
  assert.equal(await inThePool(), 1000);
});

for (const [name, type, how] of [
  ['ext4', 0xef53, 'at once'],
  ['NFS', 0x6969, 'in the pool'],
  ['FUSE', 0x65735546, 'in the pool'],
] as const)
  test(`on a file system of type ${name} calls are made ${how}`, async (t) => {
    everyFolderIs(t, () => type);
    const { calls, made } = scripted();
    await (await calls.in('/a'))(
      () => made.push('at once'),
      (done) => {
        made.push('in the pool');
        setImmediate(done, null, 1);
      },
    );
    assert.deepEqual(made, [how]);
  });

test('each folder may be another file system, and become one', async (t) => {
  const types = new Map([
    ['/a', 0xef53],
    ['/a/nas', 0x6969],
  ]);
  const asked = everyFolderIs(t, (folder) => types.get(folder)!);
  const { calls, wait } = scripted();
  const isQuick = async (folder: string) => (await calls.in(folder)) === calls.make;
  assert.deepEqual([await isQuick('/a'), await isQuick('/a/nas'), await isQuick('/a')], [true, false, true]);
  assert.equal(asked.callCount(), 2);
  types.set('/a', 0x6969);
  wait(11_000);
  assert.equal(await isQuick('/a'), false);
});

test('an error of a call is that of node:fs, however it is made', async () => {
  const missing = `${os.tmpdir()}/not-there/at-all`;
  const calls = new QuickCalls();
  for (const make of [calls.make, inPool])
    await assert.rejects(
      make<number>(
        () => fs.openSync(missing, 'r'),
        (done) => fs.open(missing, 'r', done),
      ),
      { code: 'ENOENT' },
    );
  await assert.rejects(calls.in(missing), { code: 'ENOENT' });
});

/** Says what folders lie on. */
function everyFolderIs(t: TestContext, typeOf: (folder: string) => number) {
  return t.mock.method(fs, 'statfs', (folder: Buffer, done: (error: null, found: { type: number }) => void) =>
    setImmediate(done, null, { type: typeOf(folder.toString('latin1')) }),
  ).mock;
}
