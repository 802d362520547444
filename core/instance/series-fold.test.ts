import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { comparePaths, joinPath } from './byte-path.ts';
import type { FolderRecord } from './folder-record.ts';
import { foldSeries, type PlacedPart, partsOfRecord } from './series-fold.ts';

interface File {
  readonly folder: string;
  readonly name: string;
  readonly size: number;
  readonly digest: number;
  readonly issues: number;
}

const file: fc.Arbitrary<File> = fc.record({
  folder: fc.constantFrom('', 'a', 'a/b', 'a-b', 'b'),
  name: fc.constantFrom('0', '1', '2', 'a', '\xff'),
  size: fc.nat(1000),
  digest: fc.constantFrom(1, 2),
  issues: fc.nat(7),
});
const files = fc.uniqueArray(file, {
  selector: ({ folder, name }) => `${folder}/${name}`,
  minLength: 1,
  maxLength: 15,
});

/** The files of one series, folder by folder, with files of another series and a skipped one in between. */
function placedParts(all: readonly File[]): PlacedPart[] {
  return [...new Set(all.map(({ folder }) => folder))].flatMap((folder) => {
    const own = all.filter((one) => one.folder === folder).sort((a, b) => (a.name < b.name ? -1 : 1));
    const record: FolderRecord = {
      series: ['other', '1.2'],
      kinds: [
        { series: -1, SOPClassUID: '', TransferSyntaxUID: '', issues: 0, digest: 0, skipped: 'not-dicom' },
        { series: 0, SOPClassUID: '', TransferSyntaxUID: '', issues: 64, digest: 9, skipped: '' },
        ...own.map(({ digest, issues }) => ({
          series: 1,
          SOPClassUID: '',
          TransferSyntaxUID: '',
          issues,
          digest,
          skipped: '' as const,
        })),
      ],
      files: [
        { name: '!', size: 5, mtime: 0, SOPInstanceUID: '', kind: 0 },
        { name: '!!', size: 5, mtime: 0, SOPInstanceUID: '1', kind: 1 },
        ...own.map(({ name, size }, i) => ({ name, size, mtime: 0, SOPInstanceUID: '1', kind: i + 2 })),
      ],
    };
    return partsOfRecord(record)
      .filter((part) => part.SeriesInstanceUID === '1.2')
      .map((part) => ({ folder, part }));
  });
}

test('a series is the same in whatever order its parts are folded', () => {
  fc.assert(
    fc.property(files, fc.func(fc.nat()), (all, random) => {
      const parts = placedParts(all);
      const shuffled = parts.map((part, i) => ({ part, key: random(i) })).sort((a, b) => a.key - b.key);
      const fold = foldSeries(shuffled.map(({ part }) => part))!;
      const first = [...all].sort((a, b) => comparePaths(joinPath(a.folder, a.name), joinPath(b.folder, b.name)))[0]!;
      assert.equal(fold.instances, all.length);
      assert.equal(
        fold.bytes,
        all.reduce((sum, { size }) => sum + size, 0),
      );
      assert.equal(
        fold.issues,
        all.reduce((bits, { issues }) => bits | issues, 0),
      );
      assert.equal(fold.mixed, new Set(all.map(({ digest }) => digest)).size > 1);
      assert.deepEqual([fold.speaker.folder, fold.speaker.file.name], [first.folder, first.name]);
    }),
  );
});

test('no parts, no series', () => {
  assert.equal(foldSeries([]), undefined);
});
