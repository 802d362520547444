// The contract of the port PublishedIndex: what the end of a scan is told of the index, whoever answers. An adapter's test
// calls `publishedIndexContract` with a way to make an index of entries of the log.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chunkEntry, describedSeries, goneEntry } from '../../adapters/elasticsearch/test-index.ts';
import type { PublishedIndex } from '../../core/ports/published-index.ts';
import type { LoggedEntry } from '../../core/ports/record-log.ts';
import { WHOLE_FOLDER } from '../../core/ports/scan-ledger.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';

/** An index, and what writes into it. */
export interface WrittenIndex {
  readonly index: PublishedIndex;
  put(entries: readonly LoggedEntry[]): Promise<unknown>;
  close(): Promise<void>;
}

const A = { name: 'räum a', number: 1 };
const B = { name: 'b', number: 2 };
const signed = (sequence: number, archive: typeof A): LoggedEntry => ({
  sequence,
  entry: { entry: 'archive', archive, indexedAt: '2026-01-31T00:00:00.000Z' },
});
const ENTRIES: readonly LoggedEntry[] = [
  chunkEntry(1, A, 'x', [describedSeries('1.2.1', 'one', { instances: 3 }), describedSeries('1.2.2', 'two')]),
  chunkEntry(2, A, 'y', [describedSeries('1.2.1', 'one', { instances: 2 })], { n: 'not-dicom', u: 'unreadable' }),
  chunkEntry(3, B, 'z', [describedSeries('1.2.1', 'one'), describedSeries('1.2.3', 'three')]),
  signed(4, A),
  signed(5, B),
];
const NOTHING = { files: 0, instances: 0, series: 0, studies: 0, skipped: {} };

/** @param make an empty index */
export function publishedIndexContract(name: string, make: () => Promise<WrittenIndex>): void {
  const has = (title: string, body: (written: WrittenIndex) => Promise<void>) =>
    void test(title, async (t) => {
      const written = await partOrSkip(t, make);
      if (written === undefined) return;
      try {
        await body(written);
      } finally {
        await written.close();
      }
    });

  describe(`PublishedIndex: ${name}`, () => {
    has('nothing of an archive that is not in it', async ({ index, put }) => {
      assert.deepEqual(await index.totals('a'), NOTHING);
      await put(ENTRIES);
      await index.refresh();
      assert.deepEqual(await index.totals('a'), NOTHING);
      assert.deepEqual(await index.instances('a', ['1.2.1']), []);
    });

    has(
      'the totals of each archive once it was refreshed, and when something of it has gone',
      async ({ index, put }) => {
        await put(ENTRIES);
        await index.refresh();
        const { studies, ...a } = await index.totals(A.name);
        assert.deepEqual(a, { files: 8, instances: 6, series: 2, skipped: { 'not-dicom': 1, unreadable: 1 } });
        assert.ok(studies <= 2);
        const b = await index.totals(B.name);
        assert.deepEqual([b.files, b.instances, b.series], [2, 2, 2]);
        await put([goneEntry(6, A, 'x')]);
        await index.refresh();
        const after = await index.totals(A.name);
        assert.deepEqual([after.files, after.instances, after.series], [4, 2, 1]);
      },
    );

    has('where the instances of some series stand, in this archive only', async ({ index, put }) => {
      await put(ENTRIES);
      await index.refresh();
      const found = [...(await index.instances(A.name, ['1.2.1', '1.2.3', '1.2.9']))];
      found.sort((one, other) => (one.folder < other.folder ? -1 : 1));
      assert.deepEqual(
        found.map(({ SOPInstanceUIDs, ...rest }) => ({ ...rest, SOPInstanceUIDs: [...SOPInstanceUIDs].sort() })),
        [
          {
            ...{ SeriesInstanceUID: '1.2.1', folder: 'x', chunk: WHOLE_FOLDER },
            SOPInstanceUIDs: ['1.2.1.1', '1.2.1.2', '1.2.1.3'],
          },
          { SeriesInstanceUID: '1.2.1', folder: 'y', chunk: WHOLE_FOLDER, SOPInstanceUIDs: ['1.2.1.1', '1.2.1.2'] },
        ],
      );
      assert.deepEqual(await index.instances(A.name, []), []);
    });
  });
}
