// One accession number, asked of a PACS that is played: what is believed, what is asked for again in parts, and what is
// called incomplete.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Identifier, type IdentifierText, identifierOf, text } from '../dimse/identifier.ts';
import { AnswerCounts } from './answer-counts.ts';
import { type Answered, findAccession } from './find-accession.ts';

const REFUSED = 0xa900;
const NO_RESOURCES = 0xa700;
type Keys = (keyword: string) => string;

type Told = IdentifierText[] | number | { readonly rows: IdentifierText[]; readonly status: number };

/** A PACS that answers each level like this: with rows, with a status, or with rows and then a status. */
function played(levels: Readonly<Record<string, (keys: Keys) => Told>>) {
  const asked: string[] = [];
  const ask = async (identifier: Identifier): Promise<Answered> => {
    const keys = (keyword: string) => text(identifier, keyword);
    const level = keys('QueryRetrieveLevel');
    const number = keys('SeriesNumber') + keys('InstanceNumber');
    asked.push(number === '' ? level : `${level} ${number}`);
    const found = levels[level]!(keys);
    if (typeof found === 'number') return { answers: [], status: found };
    const [rows, status] = 'status' in found ? [found.rows, found.status] : [found, 0];
    return { answers: rows.map((row) => identifierOf(row)), status };
  };
  return { ask, asked, find: (counts = new AnswerCounts()) => findAccession('A1', ask, counts) };
}

const STUDY = { AccessionNumber: 'A1', StudyInstanceUID: '1.1' };
const SERIES = { StudyInstanceUID: '1.1', SeriesInstanceUID: '1.1.1' };
const one = (row: IdentifierText) => () => [row];

function instances(numbers: readonly (number | '')[]): IdentifierText[] {
  return numbers.map((n, i) => ({ ...SERIES, SOPInstanceUID: `1.1.1.${i + 1}`, InstanceNumber: String(n) }));
}

/** At most so many of these rows, those with the number that is asked for. */
function capped(rows: readonly IdentifierText[], keyword: string, most: number) {
  return (keys: Keys) => rows.filter((row) => keys(keyword) === '' || row[keyword] === keys(keyword)).slice(0, most);
}

test('all that a study has is found, with what each level says', async () => {
  const { find, asked } = played({
    STUDY: one({ ...STUDY, PatientID: 'P1', NumberOfStudyRelatedSeries: '1', NumberOfStudyRelatedInstances: '2' }),
    SERIES: one({ ...SERIES, Modality: 'CT', NumberOfSeriesRelatedInstances: '2' }),
    IMAGE: () => instances([1, 2]).map((row) => ({ ...row, SOPClassUID: '1.9' })),
  });
  const { outcome, reason, studies } = await find();
  assert.deepEqual([outcome, reason, studies.length], ['found', '', 1]);
  const [{ attributes, series } = assert.fail()] = studies;
  assert.deepEqual([attributes['PatientID'], attributes['AccessionNumber']], ['P1', 'A1']);
  const [{ isListed, listed, announced, instances: listedOnes, attributes: own } = assert.fail()] = series;
  assert.deepEqual([isListed, listed, announced, own['Modality']], [true, 2, 2, 'CT']);
  assert.deepEqual(listedOnes, [
    { SOPInstanceUID: '1.1.1.1', SOPClassUID: '1.9' },
    { SOPInstanceUID: '1.1.1.2', SOPClassUID: '1.9' },
  ]);
  assert.deepEqual(asked, ['STUDY', 'STUDY', 'SERIES', 'IMAGE']);
});

test('an answer of another accession number, study or series is none', async () => {
  const { find } = played({
    STUDY: () => [STUDY, { AccessionNumber: 'A12', StudyInstanceUID: '1.2' }, { StudyInstanceUID: '1.3' }],
    SERIES: () => [SERIES, { StudyInstanceUID: '1.2', SeriesInstanceUID: '1.2.1' }],
    IMAGE: () => [...instances([1]), { SeriesInstanceUID: '1.9', SOPInstanceUID: '1.9.1' }],
  });
  const { outcome, studies } = await find();
  assert.equal(outcome, 'found');
  assert.deepEqual(
    studies.flatMap(({ series }) => series.flatMap((each) => each.instances.map((found) => found.SOPInstanceUID))),
    ['1.1.1.1'],
  );
});

test('the same answer twice is one; another case and padding are the same accession number', async () => {
  const { find } = played({
    STUDY: () => [{ ...STUDY, AccessionNumber: 'a1  ' }, STUDY],
    SERIES: () => [SERIES, SERIES],
    IMAGE: () => [...instances([1, 2]), ...instances([1, 2])],
  });
  const { outcome, studies } = await find();
  assert.equal(outcome, 'found');
  assert.deepEqual(
    studies.map(({ series }) => series.map(({ listed }) => listed)),
    [[2]],
  );
});

test('nothing, and nothing but others: not found', async () => {
  assert.deepEqual(await played({ STUDY: () => [] }).find(), {
    ...{ accession: 'A1', outcome: 'not-found', reason: '', studies: [] },
  });
  const others = await played({ STUDY: one({ ...STUDY, AccessionNumber: 'B' }) }).find();
  assert.equal(others.reason, 'the PACS answered with 1 studies of other accession numbers');
});

test('a list that is shorter than announced is asked for number by number, as far as need be', async () => {
  const { find, asked } = played({
    STUDY: one(STUDY),
    SERIES: one({ ...SERIES, NumberOfSeriesRelatedInstances: '5' }),
    // Numbers with a gap, and two of one number.
    IMAGE: capped(instances([1, 2, 7, 7, 9]), 'InstanceNumber', 2),
  });
  const { outcome, studies } = await find();
  assert.equal(outcome, 'found');
  assert.equal(studies[0]!.series[0]!.listed, 5);
  assert.equal(asked.at(-1), 'IMAGE 9');
});

test('a list as long as a limit would be is asked for number by number, where nothing is announced', async () => {
  for (const [there, limit, isAskedAgain] of [
    [23, 16, true],
    [120, 100, true],
    [260, 255, true],
    [15, 15, false],
    [17, 17, false],
  ] as const) {
    const rows = instances(Array.from({ length: there }, (_, i) => i + 1));
    const { find, asked } = played({
      STUDY: one(STUDY),
      SERIES: one(SERIES),
      IMAGE: capped(rows, 'InstanceNumber', limit),
    });
    const { outcome, studies } = await find();
    assert.equal(outcome, 'found');
    assert.equal(studies[0]!.series[0]!.listed, there);
    assert.equal(asked.length > 4, isAskedAgain);
  }
});

test('what does not match by number is not asked for number by number', async () => {
  const { find, asked } = played({
    STUDY: one(STUDY),
    SERIES: one({ ...SERIES, NumberOfSeriesRelatedInstances: '9' }),
    IMAGE: () => instances([1, 2]),
  });
  const { outcome, reason, studies } = await find();
  // How many there have to be is known.
  assert.deepEqual([outcome, reason], ['found', 'of 9 instances of a series the PACS lists 2']);
  assert.deepEqual(asked, ['STUDY', 'STUDY', 'SERIES', 'IMAGE', 'IMAGE 0']);
  const { isListed, listed, announced } = studies[0]!.series[0]!;
  assert.deepEqual([isListed, listed, announced], [false, 2, 9]);
});

test('a study with fewer series or instances than it announces is incomplete', async () => {
  const announced = { NumberOfStudyRelatedSeries: '2', NumberOfStudyRelatedInstances: '7' };
  const { find } = played({ STUDY: one({ ...STUDY, ...announced }), SERIES: one(SERIES), IMAGE: () => instances([1]) });
  const { outcome, reason } = await find();
  assert.equal(outcome, 'incomplete');
  assert.equal(reason, 'of 2 series of a study the PACS lists 1; of 7 instances of a study the PACS lists 1');
  const none = await played({ STUDY: one({ ...STUDY, ...announced }), SERIES: () => [] }).find();
  assert.equal(none.outcome, 'incomplete');
});

test('no IMAGE level: what is announced counts; where nothing is, nobody knows', async () => {
  const image = [() => REFUSED, () => []];
  for (const IMAGE of image) {
    const counted = await played({
      ...{ STUDY: one(STUDY), SERIES: one({ ...SERIES, NumberOfSeriesRelatedInstances: '4' }), IMAGE },
    }).find();
    assert.equal(counted.outcome, 'found');
    const { isListed, listed, announced } = counted.studies[0]!.series[0]!;
    assert.deepEqual([isListed, listed, announced], [false, 0, 4]);
    const unknown = await played({ STUDY: one(STUDY), SERIES: one(SERIES), IMAGE }).find();
    assert.equal(unknown.outcome, 'incomplete');
    assert.equal(unknown.reason, 'the PACS neither lists nor counts the instances of a series');
  }
});

test('a refusal fails it, at the IMAGE level one that may pass', async () => {
  const right = { STUDY: one(STUDY), SERIES: one({ ...SERIES, NumberOfSeriesRelatedInstances: '1' }) };
  for (const levels of [
    { STUDY: () => REFUSED },
    { ...right, SERIES: () => REFUSED },
    { ...right, IMAGE: () => NO_RESOURCES },
  ]) {
    const { outcome, reason, studies } = await played(levels).find();
    assert.equal(outcome, 'failed');
    assert.match(reason, /^the PACS answered /);
    assert.deepEqual(studies, []);
  }
});

test('answers that the PACS breaks off by itself are not all that there is', async () => {
  const BROKEN_OFF = 0xfe00;
  const breaking = (...rows: IdentifierText[]) => ({ rows, status: BROKEN_OFF });
  const right = { STUDY: one(STUDY), SERIES: one(SERIES), IMAGE: () => instances([1, 2]) };
  const reasonOf = async (levels: Parameters<typeof played>[0]) => {
    const { outcome, reason } = await played({ ...right, ...levels }).find();
    return `${outcome}: ${reason}`;
  };
  assert.equal(await reasonOf({}), 'found: ');
  assert.equal(await reasonOf({ STUDY: () => breaking(STUDY) }), 'incomplete: the PACS broke off after 1 studies');
  assert.equal(
    await reasonOf({ STUDY: () => breaking({ ...STUDY, AccessionNumber: 'B' }) }),
    'failed: the PACS broke off after 1 studies of other accession numbers',
  );
  // Numbered without a gap, as far as they go; asked for by number it breaks off again.
  assert.match(
    await reasonOf({ SERIES: () => breaking({ ...SERIES, SeriesNumber: '1' }) }),
    /^incomplete: .*breaks off/,
  );
  assert.match(await reasonOf({ IMAGE: () => breaking(...instances([1, 2])) }), /^incomplete: .*breaks off/);
});

test('of numbers that differ in upper and lower case only, the one that is the same is taken', async () => {
  const studies = ['a1', 'A1'].map((AccessionNumber, i) => ({ AccessionNumber, StudyInstanceUID: `1.${i}` }));
  const { find } = played({ STUDY: () => studies, SERIES: () => [], IMAGE: () => [] });
  const { studies: found, reason } = await find();
  assert.deepEqual(
    [found.map(({ StudyInstanceUID }) => StudyInstanceUID), reason.includes('has it as')],
    [['1.1'], false],
  );
});

test('of several spellings none of which is the same, none is taken', async () => {
  const studies = ['cAsE1', 'CaSe1'].map((AccessionNumber, i) => ({ AccessionNumber, StudyInstanceUID: `1.${i}` }));
  const { ask } = played({ STUDY: () => studies, SERIES: () => [], IMAGE: () => [] });
  assert.deepEqual(await findAccession('CASE1', ask, new AnswerCounts()), {
    ...{ accession: 'CASE1', outcome: 'incomplete', studies: [] },
    reason: 'the PACS has it as cAsE1 and CaSe1: write the one that is meant',
  });
});

test('a StudyInstanceUID of two patients: none of its series is expected', async () => {
  const both = [
    { ...STUDY, PatientID: 'P1' },
    { ...STUDY, PatientID: 'P2', AccessionNumber: 'A2' },
  ];
  const byNumber = (keys: Keys) => both.filter((row) => [row.AccessionNumber, ''].includes(keys('AccessionNumber')));
  const { find, asked } = played({ STUDY: byNumber, SERIES: one(SERIES), IMAGE: () => instances([1]) });
  const { outcome, reason, studies } = await find();
  assert.deepEqual([outcome, studies, asked], ['incomplete', [], ['STUDY', 'STUDY']]);
  assert.match(reason, /^the PACS has the StudyInstanceUID 1\.1 for several patients, .*: none is expected$/);
  // Who has no PatientID is another one by name.
  const named = (rows: IdentifierText[]) =>
    played({ STUDY: () => rows, SERIES: one(SERIES), IMAGE: () => instances([1]) }).find();
  const jane = { ...STUDY, PatientID: 'P1', PatientName: 'Doe^Jane' };
  const nobody = { ...STUDY, PatientID: '', AccessionNumber: 'A2' };
  assert.equal((await named([jane, { ...nobody, PatientName: 'Other^One' }])).outcome, 'incomplete');
  assert.equal(
    (
      await named([
        { ...jane, PatientID: '' },
        { ...nobody, PatientName: 'Other^One' },
      ])
    ).outcome,
    'incomplete',
  );
  assert.equal((await named([jane, { ...nobody, PatientName: 'DOE^JANE^=王' }])).outcome, 'found');
  assert.equal((await named([jane, nobody])).outcome, 'found');
  // One patient with two accession numbers for a study, and a PACS that does not answer by UID, are believed.
  const same = both.map((row) => ({ ...row, PatientID: 'P1' }));
  for (const answered of [() => same, (keys: Keys) => (keys('AccessionNumber') === '' ? REFUSED : [both[0]!])]) {
    const believed = await played({ STUDY: answered, SERIES: one(SERIES), IMAGE: () => instances([1]) }).find();
    assert.deepEqual([believed.outcome, believed.studies.length], ['found', 1]);
  }
});

test('what cannot be asked at all is thrown', async () => {
  const gone = new Error('gone');
  await assert.rejects(
    findAccession('A1', () => Promise.reject(gone), new AnswerCounts()),
    gone,
  );
});

test('a study without series, and a list that may be cut and cannot be asked for in parts, are incomplete', async () => {
  const without = played({ STUDY: one(STUDY), SERIES: () => [], IMAGE: () => [] });
  const none = await without.find();
  assert.deepEqual([none.outcome, none.reason], ['incomplete', 'the PACS lists no series of a study']);
  const hundred = Array.from({ length: 100 }, (_, i) => ({ SOPInstanceUID: `1.2.3.${i}` }));
  const cut = played({ STUDY: one(STUDY), SERIES: one(SERIES), IMAGE: () => hundred });
  const { outcome, reason } = await cut.find();
  assert.deepEqual(
    [outcome, /100 answers at IMAGE level, as many as a limit would leave/.test(reason)],
    ['incomplete', true],
    reason,
  );
});

test('answers without their UID are none, and what may be missing for that is said', async () => {
  const series = { STUDY: one(STUDY), SERIES: one(SERIES), IMAGE: () => instances([1, 2]) };
  const tell = async (levels: Parameters<typeof played>[0]) => {
    const { outcome, reason } = await played({ ...series, ...levels }).find();
    return [outcome, reason];
  };
  assert.deepEqual(await tell({}), ['found', '']);
  assert.deepEqual(await tell({ STUDY: one({ AccessionNumber: 'A1' }) }), [
    'failed',
    'the PACS has 1 studies of it, and gives no StudyInstanceUID',
  ]);
  assert.deepEqual(await tell({ STUDY: () => [STUDY, { AccessionNumber: 'A1' }] }), [
    'incomplete',
    'the PACS gives 1 studies without StudyInstanceUID',
  ]);
  assert.deepEqual(await tell({ SERIES: () => [SERIES, { StudyInstanceUID: '1.1' }] }), [
    'incomplete',
    'the PACS gives 1 answers at SERIES level without SeriesInstanceUID',
  ]);
  assert.deepEqual(await tell({ IMAGE: () => [...instances([1, 2]), { SeriesInstanceUID: '1.1.1' }] }), [
    'incomplete',
    'the PACS gives 1 answers at IMAGE level without SOPInstanceUID',
  ]);
  assert.deepEqual(await tell({ STUDY: one({ StudyInstanceUID: '1.1' }) }), [
    'failed',
    'the PACS answered with 1 studies without an accession number',
  ]);
  const others = Array.from({ length: 500 }, (_, i) => ({ AccessionNumber: `B${i}`, StudyInstanceUID: `1.${i}` }));
  assert.equal((await tell({ STUDY: () => others }))[0], 'failed');
  assert.equal((await tell({ STUDY: () => others.slice(0, 3) }))[0], 'not-found');
});
