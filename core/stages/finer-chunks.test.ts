// Into how many chunks a folder is cut whose record is too large for a message.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { encodeFolderRecord, type FolderRecord } from '../instance/folder-record.ts';
import type { ChunkEvent, ScanJob } from '../jobs/jobs.ts';
import { bitsThatFit } from './finer-chunks.ts';

const FOLDER: ScanJob = { job: 'scan-folder', folder: '' };
const LARGE = 100_000;

/** A folder with one file a series; headers of so many bytes that do not compress. */
function folder(sizes: readonly number[]): ChunkEvent {
  const kind = { SOPClassUID: '1', TransferSyntaxUID: '1', issues: 0, digest: 0, skipped: '' as const };
  const record: FolderRecord = {
    kinds: sizes.map((_, series) => ({ ...kind, series })),
    series: sizes.map((_, i) => `1.${i}`),
    files: sizes.map((_, i) => ({
      name: String(i).padStart(4, '0'),
      size: 1,
      mtime: 1,
      SOPInstanceUID: `2.${i}`,
      kind: i,
    })),
  };
  const headers = sizes.map((size, i) => ({
    SeriesInstanceUID: `1.${i}`,
    name: String(i).padStart(4, '0'),
    issues: 0,
    // Hexadecimal digits are half a byte each.
    header: Buffer.from(randomBytes(size)).toString('hex'),
  }));
  const counts = { files: sizes.length, instances: sizes.length, opened: 0, unchanged: 0, unread: 0 };
  const tally = { ...counts, skipped: {}, vanished: 0, appeared: 0, lost: 0 };
  const chunk = { bits: 0, index: 0 };
  return {
    event: 'chunk',
    folder: '',
    chunk,
    record: encodeFolderRecord(record),
    staged: false,
    parts: [],
    headers,
    tally,
  };
}

test('many headers are spread over as many chunks as they need', () => {
  const some = bitsThatFit(FOLDER, folder(new Array<number>(200).fill(1000)), LARGE)!;
  const more = bitsThatFit(FOLDER, folder(new Array<number>(800).fill(1000)), LARGE)!;
  assert.ok(some >= 2 && some <= 3, `${some}`);
  assert.ok(more >= 4 && more <= 5, `${more}`);
});

test('a header that is too large alone is in no chunk of its folder small enough', () => {
  assert.equal(bitsThatFit(FOLDER, folder([10, 10, 150_000, 10]), LARGE), undefined);
});

test('a folder that is cut already, or is listed in slices, is not cut again', () => {
  const event = folder(new Array<number>(200).fill(1000));
  const files = { names: [], types: new Map(), listedAt: 0 };
  assert.equal(
    bitsThatFit({ job: 'read-files', folder: '', chunk: { bits: 1, index: 0 }, ...files }, event, LARGE),
    undefined,
  );
  assert.equal(bitsThatFit({ ...FOLDER, slice: { bits: 1, index: 0, chunkBits: 3 } }, event, LARGE), undefined);
});
