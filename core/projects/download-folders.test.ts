import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { downloadFolders, foldersBeside, type NamedSeries, NOT_ASKED_FOR } from './download-folders.ts';

const digits = (id: string, n = 8) => createHash('sha256').update(id).digest('hex').slice(0, n);
let uids = 0;
const series = (values: Partial<NamedSeries>): NamedSeries => ({
  ...{ StudyInstanceUID: '1.2', SeriesInstanceUID: `1.2.${++uids}`, PatientID: 'P1', PatientName: 'Doe^Jane' },
  ...{ SeriesDescription: 'T1', ...values },
});
const subjects = (...all: Partial<NamedSeries>[]) => {
  const given = all.map(series);
  const folders = downloadFolders(given);
  return given.map(({ SeriesInstanceUID }) => folders.get(SeriesInstanceUID)!.subject);
};
const subject = (PatientName: string, more: Partial<NamedSeries> = {}) => subjects({ PatientName, ...more })[0];
const folder = (SeriesDescription: string) =>
  [...downloadFolders([series({ SeriesDescription, SeriesInstanceUID: '1.2.3' })]).values()][0]!.series;

test('a patient is named by the alphabetic group of PatientName', () => {
  const names: [string, string][] = [
    ['Doe^Jane', 'Jane_Doe'],
    ['Doe^Jane^Q^Dr^PhD', 'Jane_Q_Doe'],
    ['Doe', 'Doe'],
    ['^Jane', 'Jane'],
    ['Doe^^Q', 'Q_Doe'],
    [' van der Berg ^ Anna Maria ', 'Anna Maria_van der Berg'],
    ['Yamada^Tarou=山田^太郎=やまだ^たろう', 'Tarou_Yamada'],
    ['Mu\u0308ller^Jo\u0308rg', 'Jörg_Müller'],
    ['王^小东', '小东_王'],
    ['Doe^Jane\0', 'Jane_Doe'],
  ];
  for (const [name, wanted] of names) assert.equal(subject(name), wanted, name);
});

test('a patient without such a name is named by PatientID, then by study', () => {
  for (const name of ['', '^^', ' ', '=山田^太郎', '\0', '\u200b']) {
    assert.equal(subject(name), 'Patient_P1', JSON.stringify(name));
    assert.equal(subject(name, { PatientID: 'A/7' }), 'Patient_A_7');
    assert.equal(subject(name, { PatientID: ' ' }), 'Study_1.2');
  }
});

test('a series without a description is named by its UID', () => {
  for (const none of ['', '  ', '\0', '\u2060']) assert.equal(folder(none), 'Series_1.2.3');
});

test('what some file system does not take is replaced', () => {
  const names: [string, string][] = [
    ['T1/T2', 'T1_T2'],
    ['<a>:"b"/\\|?*', '_a___b______'],
    ['a\tb\x7f\x9fc', 'a_b__c'],
    ['.', '_'],
    ['..', '__'],
    ['../../etc/passwd', '___.._etc_passwd'],
    ['.hidden', '_hidden'],
    ['\u200d.hidden', '_\u200d.hidden'],
    ['end. .', 'end___'],
    [' 3D T1 ', '3D T1'],
    ['con', '_con'],
    ['Aux.txt', '_Aux.txt'],
    ['LPT1 .x', '_LPT1 .x'],
    ['com¹', '_com¹'],
    ['console', 'console'],
    ['a\ud800b', 'a_b'],
    ['a\u202egpj', 'a_gpj'],
    ['a\uffffb', 'a_b'],
    ['ＣＴ　頭部', 'ＣＴ　頭部'],
    ['-rf', '-rf'],
  ];
  for (const [text, wanted] of names) assert.equal(folder(text), wanted, JSON.stringify(text));
});

test('long names are cut between characters', () => {
  assert.equal(folder('x'.repeat(101)), 'x'.repeat(100));
  assert.equal(folder('😀'.repeat(101)), '😀'.repeat(45));
  assert.equal(folder('漢'.repeat(101)), '漢'.repeat(60));
  assert.equal(folder(`${'x'.repeat(99)}. y`), `${'x'.repeat(99)}_`);
});

test('two patients with one name both get a suffix of their PatientID', () => {
  assert.deepEqual(subjects({ PatientID: 'P1' }, { PatientID: 'P2' }, { PatientID: ' P1 ' }), [
    `Jane_Doe_${digits('P1')}`,
    `Jane_Doe_${digits('P2')}`,
    `Jane_Doe_${digits('P1')}`,
  ]);
  assert.deepEqual(subjects({ PatientID: '', StudyInstanceUID: '1.5' }, { PatientID: '', StudyInstanceUID: '1.6' }), [
    `Jane_Doe_${digits('1.5')}`,
    `Jane_Doe_${digits('1.6')}`,
  ]);
});

test('names that one file system or another takes for one are one', () => {
  for (const [a, b] of [
    ['Doe^Jane', 'DOE^JANE'],
    ['Müller', 'Mu\u0308LLER'],
    ['Strauß', 'STRAUSS'],
    ['ΟΔΟΣ', 'οδος'],
    ['ＣＴ', 'ct'],
    ['a\u200db', 'ab'],
    ['A/B', 'A:B'],
    ['\u0130', 'i\u0307'],
  ] as const) {
    assert.deepEqual(
      subjects({ PatientName: a }, { PatientName: b, PatientID: 'P2' }).map((name) => name.slice(-9)),
      [`_${digits('P1')}`, `_${digits('P2')}`],
    );
  }
});

test('two series of one patient with one description both get a suffix, those of two patients do not', () => {
  const all = [
    series({ SeriesInstanceUID: '1.1' }),
    series({ SeriesInstanceUID: '1.2', StudyInstanceUID: '1.9', SeriesDescription: 't1 ' }),
    series({ SeriesInstanceUID: '1.3', PatientID: 'P2', PatientName: 'Roe^Max' }),
  ];
  assert.deepEqual(Object.fromEntries(downloadFolders(all)), {
    '1.1': { patient: 'P1', subject: 'Jane_Doe', series: `T1_${digits('1.1')}` },
    '1.2': { patient: 'P1', subject: 'Jane_Doe', series: `t1_${digits('1.2')}` },
    '1.3': { patient: 'P2', subject: 'Max_Roe', series: 'T1' },
  });
});

test('a patient with several spellings has one folder', () => {
  const names = ['', 'Doe^Jane^Q', 'Doe^Jane', 'DOE^JANE', '王^小东'];
  assert.deepEqual(new Set(subjects(...names.map((PatientName) => ({ PatientName })))), new Set(['JANE_DOE']));
});

test('names that have the suffix of another get one too', () => {
  const taken = `Jane_Doe_${digits('P1')}`;
  assert.deepEqual(subjects({ PatientID: 'P1' }, { PatientID: 'P2' }, { PatientID: 'P3', PatientName: taken }), [
    `Jane_Doe_${createHash('sha256').update(Buffer.from('P1', 'utf16le')).digest('hex').slice(0, 16)}`,
    `Jane_Doe_${digits('P2')}`,
    `${taken}_${digits('P3')}`,
  ]);
});

test('a PatientID that is the StudyInstanceUID of another patient is another patient', () => {
  const [a, b] = subjects({ PatientID: '1.2' }, { PatientID: '' });
  assert.notEqual(a, b);
  for (const name of [a!, b!]) assert.match(name, /^Jane_Doe_[0-9a-f]{16}$/);
});

test('what else stands in a download is no name of a patient', () => {
  assert.equal(NOT_ASKED_FOR, 'not-asked-for');
  for (const name of ['manifest.csv', 'Manifest.CSV', NOT_ASKED_FOR, 'Not-asked-for', 'Doe.zip']) {
    assert.equal(subject(name), `${name}_${digits('P1')}`);
    assert.equal(folder(name), name);
  }
});

test('a series that is given twice is in one folder, whatever is given first', () => {
  const twice = [series({ SeriesInstanceUID: '1.1', SeriesDescription: '', PatientID: 'P2', PatientName: 'Roe' })];
  twice.push(series({ SeriesInstanceUID: '1.1' }));
  const wanted = { '1.1': { patient: 'P1', subject: 'Jane_Doe', series: 'T1' } };
  assert.deepEqual(Object.fromEntries(downloadFolders(twice)), wanted);
  assert.deepEqual(Object.fromEntries(downloadFolders(twice.toReversed())), wanted);
});

test('a folder in which another patient has begun is not shared, also where names were corrected since', () => {
  // P1 was Jane Doe when the first series came, and is Mary Roe now; P2 is Jane Doe now.
  const all = downloadFolders([
    series({ SeriesInstanceUID: '1.1', PatientName: 'Roe^Mary' }),
    series({ SeriesInstanceUID: '1.2', PatientName: 'Roe^Mary', SeriesDescription: 'T2' }),
    series({ SeriesInstanceUID: '1.3', PatientID: 'P2' }),
  ]);
  const beside = foldersBeside(all, new Map([['1.1', 'Jane_Doe/T1']]));
  assert.equal(beside.get('1.3')!.subject, `Jane_Doe_${digits('P2')}`);
  assert.equal(beside.get('1.2')!.subject, 'Mary_Roe');
  // Whose a series was that has left the project is not known.
  const left = foldersBeside(all, new Map([['9.9', 'Jane_Doe/T1']]));
  assert.equal(left.get('1.3')!.subject, `Jane_Doe_${digits('P2')}`);
  // Of the same patient it stays.
  const own = foldersBeside(all, new Map([['1.3', 'Jane_Doe/T1']]));
  assert.equal(own.get('1.3')!.subject, 'Jane_Doe');
});

/** Few values, so that they collide; and any. */
const text = fc.oneof(
  fc.constantFrom('', ' ', 'a', 'A', 'ä', 'A\u0308', '.', '..', '/', 'CON', '1', '\u200b', '\ud800', '\ud801', '\0'),
  fc.stringMatching(/^[aAbB^=_./\\ ]{0,5}$/),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 5 })
    .map((codes) => codes.map((code) => String.fromCharCode(code)).join('')),
);
const anySeries = fc.array(
  fc.record({
    StudyInstanceUID: text,
    SeriesInstanceUID: text,
    PatientID: text,
    PatientName: text,
    SeriesDescription: text,
  }),
  { maxLength: 12 },
);

test('the order of series makes no difference', () => {
  const shuffled = anySeries.chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })),
  );
  const sorted = (all: readonly NamedSeries[]) => [...downloadFolders(all)].sort(([a], [b]) => (a < b ? -1 : 1));
  fc.assert(
    fc.property(shuffled, ([all, other]) => assert.deepEqual(sorted(other), sorted(all))),
    { numRuns: 1_000 },
  );
});

test('no value leads elsewhere, and no two series are in one folder', () => {
  fc.assert(
    fc.property(anySeries, (all) => {
      const folders = downloadFolders(all);
      assert.equal(folders.size, new Set(all.map(({ SeriesInstanceUID }) => SeriesInstanceUID)).size);
      for (const { subject, series } of folders.values()) for (const name of [subject, series]) assertSafe(name);
      const paths = Array.from(folders.values(), ({ subject, series }) => `${subject}/${series}`.normalize('NFC'));
      assert.equal(new Set(paths.map((path) => path.toUpperCase())).size, paths.length);
    }),
    { numRuns: 2_000 },
  );
});

function assertSafe(name: string): void {
  assert.ok(name.isWellFormed());
  assert.equal(name, name.normalize('NFC'));
  assert.doesNotMatch(name, /[<>:"/\\|?*\x00-\x1f\x7f-\x9f]/);
  assert.doesNotMatch(name, /^[.\s]|[.\s]$|^$/);
  assert.doesNotMatch(name, /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i);
  assert.ok(Buffer.byteLength(name) <= 255 && name.normalize('NFD').length <= 255);
}

test('very many series, and very long values, take no time', () => {
  const started = performance.now();
  const many = Array.from({ length: 20_000 }, (_, i) => series({ PatientID: `P${i % 5_000}` }));
  assert.equal(downloadFolders(many).size, 20_000);
  assert.equal(folder(`a${' '.repeat(1_000_000)}b`), 'a');
  assert.equal(folder('.'.repeat(1_000_000)), '_'.repeat(100));
  assert.ok(performance.now() - started < 5_000);
});
