// Whoever asks an index into which nothing was ever brought is told so, also where the answer would be no files.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceIndex, SeriesFile } from '../../core/ports/instance-index.ts';
import { BegunIndex } from './begun-index.ts';

const FILE = {
  SeriesInstanceUID: '1',
  SOPInstanceUID: '2',
  SOPClassUID: '3',
  archive: 'a',
  path: 'f',
  size: 1,
  mtime: 1,
};

async function taken(files: readonly SeriesFile[], hasEntries: boolean): Promise<SeriesFile[]> {
  async function* instancesOf() {
    if (files.length > 0) yield files;
  }
  const index = new BegunIndex({ instancesOf } as unknown as InstanceIndex, 'ditag-series', async () => hasEntries);
  const found: SeriesFile[] = [];
  for await (const batch of index.instancesOf(['1'])) found.push(...batch);
  return found;
}

test('files of series: no-index only where there is none and the log is empty', async () => {
  assert.deepEqual(await taken([FILE], false), [FILE]);
  assert.deepEqual(await taken([], true), []);
  await assert.rejects(taken([], false), { code: 'no-index' });
});
