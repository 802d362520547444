import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SeriesFile } from '../ports/instance-index.ts';
import { ItemCutter } from './store-items.ts';

const MB = 1024 * 1024;

function file(series: string, instance: number, more: Partial<SeriesFile> = {}): SeriesFile {
  const path = `${series}/${instance}`;
  const SOPInstanceUID = `${series}.${instance}`;
  return {
    SeriesInstanceUID: series,
    SOPInstanceUID,
    SOPClassUID: '1.2',
    archive: 'a',
    path,
    size: 1,
    mtime: -1,
    ...more,
  };
}

/** How many files each item has. */
function cut(instances: readonly (readonly SeriesFile[])[]): number[] {
  const cutter = new ItemCutter();
  const items: (readonly SeriesFile[])[] = [];
  for (const copies of instances) {
    const before = cutter.add(copies);
    if (before !== undefined) items.push(before);
  }
  const last = cutter.take();
  if (last !== undefined) items.push(last);
  assert.deepEqual(items.flat(), instances.flat());
  assert.equal(cutter.take(), undefined);
  return items.map(({ length }) => length);
}

const series = (uid: string, length: number, more: Partial<SeriesFile> = {}) =>
  Array.from({ length }, (_, i) => [file(uid, i, more)]);

test('small series share an item, a series of 100 has one, a large one has several', () => {
  assert.deepEqual(cut([]), []);
  assert.deepEqual(cut(series('1.1', 1)), [1]);
  assert.deepEqual(cut(Array.from({ length: 250 }, (_, i) => series(`1.${i}`, 1)).flat()), [100, 100, 50]);
  assert.deepEqual(cut([...series('1.1', 60), ...series('1.2', 60), ...series('1.3', 60)]), [120, 60]);
  assert.deepEqual(cut(series('1.1', 1100)), [500, 500, 100]);
});

test('all files of an instance are in one item', () => {
  const copies = Array.from({ length: 600 }, (_, i) => [file('1.1', i), file('1.1', i, { path: 'x' })]);
  assert.deepEqual(cut(copies), [1000, 200]);
});

test('large files and long names make smaller items', () => {
  assert.deepEqual(cut(series('1.1', 5, { size: 100 * MB })), [2, 2, 1]);
  assert.deepEqual(cut(series('1.1', 2, { size: 10_000 * MB })), [1, 1]);
  assert.deepEqual(cut(series('1.1', 300, { path: 'x'.repeat(3800) })), [100, 100, 100]);
});
