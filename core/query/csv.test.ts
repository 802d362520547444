import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasProgram } from '../../test/programs.ts';
import { csvHeader, csvLine } from './csv.ts';
import { parseCsvLines } from './csv-reader.ts';

test('quotes where needed and only there', () => {
  const lines: [string[], string][] = [
    [['a', 'b'], 'a,b\n'],
    [['', ''], ',\n'],
    [['a b', "it's"], "a b,it's\n"],
    [['T1, axial', 'x'], '"T1, axial",x\n'],
    [['say "x"', 'y'], '"say ""x""",y\n'],
    [['two\nlines', ''], '"two\nlines",\n'],
    [['Doe^Jane', 'A\\B'], 'Doe^Jane,A\\B\n'],
    [['=1+1', '漢字'], '=1+1,漢字\n'],
  ];
  for (const [values, line] of lines) assert.equal(csvLine(values), line);
});

test('the header', () => {
  const six = 'StudyDescription,SeriesDescription,PatientName,PatientID,StudyDate,SeriesInstanceUID';
  assert.equal(csvHeader(), `${six}\n`);
  assert.equal(csvHeader(['(0019,xx10,A)', 'x']), `${six},"(0019,xx10,A)",x\n`);
});

const values = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[a," \n\r\t\\\ufeff]{0,5}$/)), {
  minLength: 2,
  maxLength: 8,
});

test('what is written is read back', () => {
  const width = fc.integer({ min: 2, max: 7 });
  fc.assert(
    fc.property(
      width.chain((n) =>
        fc.array(
          fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[a," \n\r\\]{0,5}$/)), {
            minLength: n,
            maxLength: n,
          }),
          { maxLength: 6 },
        ),
      ),
      (rows) => assert.deepEqual(parseCsvLines(rows.map(csvLine).join('')), rows),
    ),
    { numRuns: 500 },
  );
});

test('what is written is read back by Python', (t) => {
  if (!hasProgram(t, 'python3', 'python3')) return;
  const rows = fc
    .sample(values, { numRuns: 500, seed: 3 })
    // Lone surrogates are no text that a file could hold; NUL is refused by older Pythons.
    .map((row) => row.map((value) => value.toWellFormed().replaceAll('\0', '')));
  const reader =
    'import csv, io, json, sys\nprint(json.dumps([list(csv.reader(io.StringIO(t, newline=""))) for t in json.load(sys.stdin)]))';
  const { stdout, stderr } = spawnSync('python3', ['-c', reader], {
    input: JSON.stringify(rows.map(csvLine)),
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  const read = JSON.parse(stdout) as string[][][];
  for (const [i, row] of rows.entries()) assert.deepEqual(read[i], [row], JSON.stringify(csvLine(row)));
});
