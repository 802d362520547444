import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCsvLines } from '../query/csv-reader.ts';
import type { AccessionOutcome } from './expected.ts';
import {
  type ProjectReport,
  type ReportedTarget,
  reportCsv,
  reportJson,
  reportText,
  topDescriptions,
} from './report.ts';

function target(accession: string, outcome: AccessionOutcome, more: Partial<ReportedTarget> = {}): ReportedTarget {
  const none = { reason: '', studies: 0, patients: 0, series: 0, expected: 0, received: 0, missing: 0 };
  return { accession, outcome, ...none, ...more };
}

const DOWNLOADED: ProjectReport = {
  name: 'hips',
  accessions: 7,
  outcomes: { found: 2, incomplete: 1, 'not-found': 1, refused: 1, failed: 1, open: 1 },
  studies: 1203,
  patients: 3,
  topSeriesDescriptions: [
    { description: 'T1, axial', count: 12 },
    { description: '', count: 1 },
  ],
  costPerStudy: 12.5,
  ...{ expected: 123_456, received: 123_400, missing: 56, notAskedFor: 2, bytes: 1_234_567_890 },
  downloadFolder: '/data/hips_20260131',
  severalStudies: ['A1'],
  severalPatients: ['A2'],
  targets: [
    target('A1', 'found', { studies: 1201, patients: 1, series: 9, expected: 123_000, received: 123_000 }),
    target('A2', 'found', { studies: 2, patients: 2, series: 3, expected: 456, received: 400, missing: 56 }),
    target('A3', 'incomplete', { reason: 'the PACS announces 4 series, lists 3' }),
    target('A4', 'not-found', { reason: 'the PACS knows no study of it' }),
    target('A5', 'refused', { reason: 'status "A900",\nno' }),
    target('A6', 'failed', { reason: 'no answer for 30 s' }),
    target('A7', 'open'),
  ],
};
const NOT_DOWNLOADED: ProjectReport = {
  ...DOWNLOADED,
  costPerStudy: undefined,
  ...{ received: 0, missing: 0, notAskedFor: 0, bytes: 0, downloadFolder: undefined },
};

test('the text of a project that was downloaded', () => {
  assert.equal(
    reportText(DOWNLOADED),
    `Report for project: hips
Imaging Sessions Located: 1203 / 7
Unique Patient IDs: 3
Top 10 Series Descriptions:
  T1, axial: 12
  (none): 1
Cost per study: $12.50
Total estimated cost: $15037.50

Of 7 accession numbers, 3 were found: 1,203 studies of 3 patients with 123,456 expected instances, 123,400 received, 56 missing.

Instances:
  expected                   123,456
  received                   123,400
  missing                         56
  not asked for, kept aside        2
  bytes: 1.2 GB (1,234,567,890 bytes)
  folder: /data/hips_20260131

Accession numbers:
  found                        2
  found incompletely           1
  not found                    1
  refused                      1
  failed                       1
  not asked for yet            1
  ambiguous: several studies   1
  ambiguous: several patients  1

Accession numbers not found:
  A4: the PACS knows no study of it

Accession numbers found incompletely:
  A3: the PACS announces 4 series, lists 3

Accession numbers failed:
  A6: no answer for 30 s

Accession numbers refused:
  A5: status "A900", no

Accession numbers with several studies:
  A1

Accession numbers with several patients:
  A2

Accession numbers with missing instances:
  A2: 56 of 456
`,
  );
});

test('without a download that is said, without a cost nothing is said of it', () => {
  const text = reportText(NOT_DOWNLOADED);
  assert.match(text, /with 123,456 expected instances, not downloaded yet\.\n/);
  assert.match(text, /Instances:\n {2}expected {2}123,456\n {2}received, missing, bytes: not downloaded yet\n\n/);
  assert.match(text, / {2}\(none\): 1\n\nOf 7/);
  assert.doesNotMatch(text, /[Cc]ost|with missing|folder/);
});

test('a project in which all is well has no lists', () => {
  const text = reportText({
    ...DOWNLOADED,
    accessions: 1,
    outcomes: { found: 1, incomplete: 0, 'not-found': 0, refused: 0, failed: 0, open: 0 },
    ...{ studies: 1, patients: 1, costPerStudy: 0, expected: 1, received: 1, missing: 0, notAskedFor: 0, bytes: 1 },
    ...{ severalStudies: [], severalPatients: [], topSeriesDescriptions: [] },
    targets: [target('A1', 'found', { studies: 1, patients: 1, series: 1, expected: 1, received: 1 })],
  });
  assert.match(text, /Top 10 Series Descriptions:\nCost per study: \$0\.00\nTotal estimated cost: \$0\.00\n\n/);
  assert.match(
    text,
    /Of 1 accession number, 1 was found: 1 study of 1 patient with 1 expected instance, 1 received, none/,
  );
  assert.match(text, / {2}ambiguous: several patients {2}0\n$/);
});

test('bytes are told in decimal units', () => {
  const told = (bytes: number) => / bytes: (.*)/.exec(reportText({ ...DOWNLOADED, bytes }))![1];
  assert.equal(told(0), '0 bytes');
  assert.equal(told(1), '1 byte');
  assert.equal(told(999), '999 bytes');
  assert.equal(told(1000), '1.0 kB (1,000 bytes)');
  assert.equal(told(999_949), '999.9 kB (999,949 bytes)');
  assert.equal(told(999_950), '1.0 MB (999,950 bytes)');
  assert.equal(told(4e15), '4.0 PB (4,000,000,000,000,000 bytes)');
});

test('no value moves the cursor or makes a line', () => {
  const text = reportText({
    ...DOWNLOADED,
    topSeriesDescriptions: [{ description: 'a\x1b[2Jb\nc\u202ed\u2028e', count: 1 }],
    targets: [target('A\x9b1', 'failed', { reason: 'x\r\ny' })],
  });
  assert.match(text, /\n {2}a \[2Jb c d e: 1\n/);
  assert.match(text, /\n {2}A 1: x {2}y\n/);
});

test('descriptions by number, then bytewise, ten of them', () => {
  const counts = new Map(Object.entries({ '\u{10000}': 2, '\uffee': 2, b: 2, '': 3, B: 2 }));
  for (const description of 'qwertyui') counts.set(description, 1);
  assert.deepEqual(
    topDescriptions(counts).map(({ description, count }) => description + count),
    ['3', 'B2', 'b2', '\uffee2', '\u{10000}2', 'e1', 'i1', 'q1', 'r1', 't1'],
  );
});

test('the CSV has a line for each accession number', () => {
  const header = 'AccessionNumber,outcome,reason,studies,patients,series,expected,received,missing';
  const lines = parseCsvLines(reportCsv(DOWNLOADED));
  assert.equal(lines.shift()!.join(','), header);
  assert.deepEqual(lines[1], ['A2', 'found', '', '2', '2', '3', '456', '400', '56']);
  assert.deepEqual(lines[4], ['A5', 'refused', 'status "A900",\nno', '0', '0', '0', '0', '0', '0']);
  assert.equal(lines.length, 7);
  assert.match(reportCsv(NOT_DOWNLOADED), /\nA2,found,,2,2,3,456,,\n/);
  assert.equal(reportCsv({ ...DOWNLOADED, targets: [] }), `${header}\n`);
});

test('the JSON has all figures, null where there is none', () => {
  const figures = JSON.parse(reportJson(DOWNLOADED));
  const { targets, ...others } = DOWNLOADED;
  assert.deepEqual({ ...figures, targets: [] }, { ...others, totalCost: 15037.5, targets: [] });
  const { accession, ...more } = targets[1]!;
  assert.deepEqual(figures.targets[1], { AccessionNumber: accession, ...more });
  const none = JSON.parse(reportJson(NOT_DOWNLOADED));
  const of = ({ received, missing }: { received: unknown; missing: unknown }) => [received, missing];
  assert.deepEqual([...of(none), ...of(none.targets[0])], [null, null, null, null]);
  for (const key of ['notAskedFor', 'bytes', 'downloadFolder', 'costPerStudy', 'totalCost'])
    assert.equal(none[key], null);
  assert.ok(reportJson(DOWNLOADED).endsWith('}\n'));
});
