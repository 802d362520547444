// When folders of the store are synced: an instance that is answered must be there after a power cut, its folders too.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryFolder } from '../../test/cli/run-ditag.ts';
import type { MakeCall } from './instance-store-calls.ts';
import { StoreFolders } from './store-folders.ts';

const make: MakeCall = async (now) => now();
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Folders of a store, with syncs that end when they are told to. */
function held(t: TestContext) {
  const archive = fs.realpathSync(temporaryFolder(t));
  const begun: string[] = [];
  const ends: ((error?: Error) => void)[] = [];
  t.mock.method(fs, 'fsync', (file: number, done: (error: Error | null) => void) => {
    begun.push(path.relative(archive, fs.readlinkSync(`/proc/self/fd/${file}`)));
    ends.push((error) => done(error ?? null));
  });
  return { archive, folders: new StoreFolders(archive, true, make), begun, ends };
}

test('a sync is one that began after it was asked for; those that ask meanwhile share the next one', async (t) => {
  const { folders, begun, ends } = held(t);
  const done: number[] = [];
  const ask = (n: number) => folders.sync('').then(() => done.push(n));
  const asked = [ask(1)];
  await settle();
  asked.push(ask(2), ask(3));
  await settle();
  assert.deepEqual([begun.length, done], [1, []]);
  ends[0]!();
  await settle();
  await settle();
  assert.deepEqual([begun.length, done], [2, [1]]);
  asked.push(ask(4));
  await settle();
  assert.equal(begun.length, 2);
  ends[1]!();
  await settle();
  await settle();
  assert.deepEqual([begun.length, done], [3, [1, 2, 3]]);
  ends[2]!();
  await Promise.all(asked);
  assert.deepEqual([begun.length, done], [3, [1, 2, 3, 4]]);
});

test('a sync that fails fails for those that waited for it, not for the next', async (t) => {
  const { folders, begun, ends } = held(t);
  const first = folders.sync('');
  await settle();
  const second = folders.sync('');
  ends[0]!(Object.assign(new Error('input/output error'), { code: 'EIO' }));
  await assert.rejects(first, { code: 'EIO' });
  await settle();
  ends[1]!();
  await second;
  assert.equal(begun.length, 2);
});

test('folders that are made are synced in those that they are in, once for all that need them', async (t) => {
  const { archive, folders, begun, ends } = held(t);
  let made = 0;
  const both = [folders.make('study/series'), folders.make('study/series')].map((one) => one.then(() => made++));
  for (let i = 0; i < 200 && begun.length < 2; i++) await sleep(10);
  assert.deepEqual(begun.sort(), ['', 'study']);
  assert.ok(fs.statSync(path.join(archive, 'study/series')).isDirectory());
  ends[0]!();
  await settle();
  assert.equal(made, 0);
  ends[1]!();
  await Promise.all(both);
  // One that others had made may not be synced yet.
  fs.mkdirSync(path.join(archive, 'study/other'));
  const other = folders.make('study/other');
  for (let i = 0; i < 200 && begun.length < 4; i++) await sleep(10);
  for (const end of ends.slice(2)) end();
  await other;
  assert.deepEqual(begun.slice(2).sort(), ['', 'study']);
  await folders.make('study/series');
  assert.equal(begun.length, 4);
});

test('without syncs nothing is waited for', async (t) => {
  const { archive, begun } = held(t);
  const folders = new StoreFolders(archive, false, make);
  await folders.make('study/series');
  await folders.sync('study');
  assert.deepEqual([begun, fs.existsSync(path.join(archive, 'study/series'))], [[], true]);
});
