import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  hasFullHeader,
  type SyntheticShape,
  syntheticFolder,
  syntheticHeader,
  syntheticSeries,
} from './synthetic-data.ts';
import { personName, seriesDescription, studyDescription } from './vocabulary.ts';

const shape: SyntheticShape = { series: 20_000, fullHeaders: 0.2, meanFiles: 20.8, seed: 1 };

test('descriptions and names are all different', () => {
  for (const [make, count] of [
    [seriesDescription, 19_403],
    [studyDescription, 4_025],
    [personName, 194_144],
  ] as const) {
    assert.equal(new Set(Array.from({ length: count }, (_, index) => make(index))).size, count);
  }
});

test('an archive has the wanted number of different values, and files', () => {
  const rows = Array.from({ length: shape.series }, (_, number) => syntheticSeries(shape, number));
  const distinct = (column: keyof (typeof rows)[0]) => new Set(rows.map((row) => row[column])).size;
  assert.equal(distinct('SeriesInstanceUID'), 20_000);
  assert.equal(distinct('StudyInstanceUID'), 6_794);
  assert.equal(distinct('PatientID'), 3_996);
  assert.equal(distinct('PatientName'), 3_883);
  assert.equal(distinct('SeriesDescription'), 388);
  assert.ok(Math.abs(distinct('StudyDescription') - 81) <= 1);
  const full = rows.filter((_, number) => hasFullHeader(shape, number)).length;
  assert.equal(full, 4_000);
  const files = rows.reduce((sum, _, number) => sum + syntheticFolder(shape, number).files.length, 0);
  assert.ok(Math.abs(files / shape.series - 20.8) < 0.4, String(files / shape.series));
});

test('a full header holds 100 attributes of 2.7 kB in ascending order, and the columns', () => {
  const header = syntheticHeader({ ...shape, fullHeaders: 1 }, 7);
  assert.equal(header.length, 100 + 7);
  const bytes = JSON.stringify(Object.fromEntries(header)).length;
  assert.ok(bytes > 2_400 && bytes < 3_600, String(bytes));
  assert.deepEqual(
    header.map(([tag]) => tag),
    header.map(([tag]) => tag).sort(),
  );
});

test('the same number gives the same folder', () => {
  assert.deepEqual(syntheticFolder(shape, 123), syntheticFolder(shape, 123));
  assert.notDeepEqual(syntheticFolder(shape, 123), syntheticFolder({ ...shape, seed: 2 }, 123));
});
