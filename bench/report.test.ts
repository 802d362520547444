import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SavedRun } from './figures.ts';
import { readCommand } from './options.ts';
import { renderPage } from './report.ts';
import { median, medianAndRange, percentile, short } from './statistics.ts';

const run: SavedRun = {
  name: 'index',
  conditions: {
    date: '2026-01-02T03:04:05Z',
    processor: 'A processor',
    cores: 2,
    memoryGB: 24,
    node: '24.0.0',
    scale: 1,
    loadAtStart: 0.1,
    loadAtEnd: 9,
    seconds: 12,
  },
  figures: {
    title: 'A title',
    tables: [{ caption: 'A table', columns: ['way', 'files/s'], rows: [['a | b', '1']] }],
    targets: [
      { what: 'speed', unit: 'x', direction: 'at least', wanted: 4, reached: 5 },
      { what: 'time', unit: 'ms', direction: 'at most', wanted: 4, reached: 5 },
      { what: 'size', unit: 'MB', direction: 'at most', wanted: 4, reached: null },
    ],
    numbers: {},
    notes: ['A note.'],
  },
};

test('the page has the run below its marker, and says what was not measured', () => {
  const page = renderPage('# Head\n\n<!-- run: index -->\n\n<!-- run: grow -->\n', (name) =>
    name === 'index' ? run : undefined,
  );
  assert.match(page, /<!-- run: index -->\n\nMeasured 2026-01-02/);
  assert.match(page, /\| a \\\| b \| 1 /);
  assert.match(page, /\*\*high: others/);
  assert.match(page, /speed .* yes /);
  assert.match(page, /time .* no /);
  assert.match(page, /size .* not measured/);
  assert.match(page, /- A note\.\n/);
  assert.match(page, /<!-- run: grow -->\n\nNot measured yet: `npm run bench -- grow --save`\./);
});

test('medians, percentiles and short numbers', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(
    percentile(
      Array.from({ length: 50 }, (_, index) => index + 1),
      0.95,
    ),
    48,
  );
  assert.deepEqual([12_345.6, 99.94, 1.234, 0.01234, 0].map(short), ['12,346', '99.9', '1.23', '0.0123', '0.00']);
  assert.equal(medianAndRange([1, 3, 2]), '2.00 (1.00-3.00)');
});

test('options: a wrong one is a sentence', () => {
  assert.equal(readCommand(['index', '--scale', '0.5', '--runs', '2']).options.runs, 2);
  assert.equal(readCommand(['report', '--check']).report, 'check');
  for (const wrong of [
    ['index', 'query'],
    ['index', '--scale', '0'],
    ['index', '--runs', '1.5'],
    ['index', '--nonsense'],
  ]) {
    assert.throws(() => readCommand(wrong));
  }
});
