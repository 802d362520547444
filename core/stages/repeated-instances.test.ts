// However little is held at once, the same files are found.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { InstanceIndex, SeriesFile } from '../ports/instance-index.ts';
import { repeatedInstances } from './repeated-instances.ts';

function indexOf(files: readonly SeriesFile[]): Pick<InstanceIndex, 'everyFile' | 'statistics'> & { reads: number } {
  return {
    reads: 0,
    statistics: async () =>
      ({ archives: [{ instances: files.length }] }) as unknown as Awaited<ReturnType<InstanceIndex['statistics']>>,
    async *everyFile() {
      this.reads++;
      for (const file of files) yield [file];
    },
  };
}

const file = (archive: string, path: string, instance: number): SeriesFile => ({
  ...{ SeriesInstanceUID: `1.${instance % 3}`, SOPInstanceUID: `1.2.${instance}`, SOPClassUID: '1.1' },
  ...{ archive, path, size: 1, mtime: 1 },
});

async function found(files: readonly SeriesFile[], limits: { mostNumbers?: number; mostFiles?: number } = {}) {
  const index = indexOf(files);
  const groups: (readonly SeriesFile[])[] = [];
  let last = [0, 0];
  const options = {
    onProgress: (read: number, all: number) => {
      assert.ok(read <= all, `${read} of ${all}`);
      last = [read, all];
    },
    signal: new AbortController().signal,
    ...limits,
  };
  for await (const group of repeatedInstances(index, options)) groups.push(group);
  return { groups, reads: index.reads, last };
}

test('the files of instances that lie in several, in order, whatever is held at once', async () => {
  const files = fc.uniqueArray(
    fc
      .tuple(fc.constantFrom('/a', '/b', '/c'), fc.nat(60), fc.nat(30))
      .map(([archive, n, one]) => file(archive, `f${n}`, one)),
    { maxLength: 120, selector: ({ archive, path }) => archive + path },
  );
  await fc.assert(
    fc.asyncProperty(
      files,
      fc.integer({ min: 1, max: 150 }),
      fc.integer({ min: 1, max: 50 }),
      async (all, numbers, most) => {
        const expected = new Set<string>();
        for (const one of all) {
          const own = all.filter(({ SOPInstanceUID }) => SOPInstanceUID === one.SOPInstanceUID);
          if (own.length > 1)
            expected.add(
              own
                .map(({ archive, path }) => `${archive}/${path}`)
                .sort()
                .join(' '),
            );
        }
        const { groups } = await found(all, { mostNumbers: numbers, mostFiles: most });
        // Which instance comes first depends on what is held; the files of one are in order.
        const told = groups.map((group) => group.map(({ archive, path }) => `${archive}/${path}`).join(' '));
        assert.deepEqual(told.sort(), [...expected].sort());
      },
    ),
  );
});

test('an index without repetitions is read once, one that fits twice', async () => {
  const plain = Array.from({ length: 30_000 }, (_, n) => file('/a', `f${n}`, n));
  assert.deepEqual([(await found(plain)).groups, (await found(plain)).reads], [[], 1]);
  const copied = [...plain, file('/b', 'copy', 7)];
  const { groups, reads } = await found(copied);
  assert.deepEqual([groups.map((group) => group.map(({ path }) => path)), reads], [[['f7', 'copy']], 2]);
  assert.equal((await found(copied, { mostNumbers: 10_000 })).reads, 5);
});

test('a file that was indexed under two archives is one', async () => {
  const twice = [file('/a', 'b/f', 1), file('/a/b', 'f', 1)];
  assert.deepEqual((await found(twice)).groups, []);
  const { groups } = await found([...twice, file('/a', 'g', 1)]);
  assert.deepEqual(
    groups.map((group) => group.map(({ path }) => path)),
    [['b/f', 'g']],
  );
});

test('an end that is asked for comes at once', async () => {
  const stopped = new AbortController();
  const index = indexOf(Array.from({ length: 50_000 }, (_, n) => file('/a', `f${n}`, n % 20_000)));
  const options = { onProgress: (read: number) => read > 15_000 && stopped.abort(), signal: stopped.signal };
  for await (const _ of repeatedInstances(index, options)) assert.fail('nothing is told any more');
  assert.equal(index.reads, 1);
});
