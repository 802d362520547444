// C-FIND over an index in memory, made of the reference matcher: for many keys, the answers are those that attribute
// matching alone finds in all series, whatever the query of the index let through.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tagOfKeyword, vrOfTag } from '../dicom/dictionary.ts';
import { tagDigits } from '../dicom/tag-digits.ts';
import { matchesIdentifier } from '../dimse/attribute-matching.ts';
import { type Identifier, type IdentifierText, identifierOf, text, values } from '../dimse/identifier.ts';
import { INDEXED_ATTRIBUTES } from '../instance/attributes.ts';
import type { InstanceIndex, SeriesFile } from '../ports/instance-index.ts';
import { type FindAnswer, FindError, type InformationModel } from '../ports/scp.ts';
import type { Query } from '../query/query.ts';
import { compareSeries, matches, type ReferenceSeries, textOfTarget } from '../query/reference-matcher.ts';
import { answerFind } from './answer-find.ts';

const CT = '1.2.840.10008.5.1.4.1.1.2';

/** A series as its header has it, and the number of its instances. */
interface Known {
  readonly header: IdentifierText;
  /** Private elements by their keys. */
  readonly own?: Readonly<Record<string, string>>;
  readonly instances: number;
}

const key = (keyword: string) => tagDigits(tagOfKeyword(keyword)!);

function referenceOf({ header, own = {} }: Known): ReferenceSeries {
  const elements = Object.entries(header).map(([keyword, value]) => {
    const kept =
      typeof value === 'string' ? value : JSON.stringify(value.map((item) => jsonItem(item as IdentifierText)));
    return { key: key(keyword), vr: vrOfTag(tagOfKeyword(keyword)!), text: kept };
  });
  for (const [one, kept] of Object.entries(own)) elements.push({ key: one, vr: 'LO', text: kept });
  const attributes = Object.fromEntries(INDEXED_ATTRIBUTES.map((one) => [one, String(header[one] ?? '')]));
  return { SeriesInstanceUID: String(header.SeriesInstanceUID), elements, attributes, issues: '' };
}

function jsonItem(item: IdentifierText) {
  return Object.fromEntries(Object.entries(item).map(([keyword, value]) => [key(keyword), value]));
}

class MemoryIndex implements InstanceIndex {
  private readonly known: readonly Known[];
  /** Rows that were given. */
  rows = 0;

  constructor(known: readonly Known[]) {
    this.known = known;
  }

  async *search(query: Query) {
    const found = this.known
      .map(referenceOf)
      .filter((series) => matches(query, series))
      .sort(compareSeries);
    for (let at = 0; at < found.length; at += 7) {
      const some = found.slice(at, at + 7);
      this.rows += some.length;
      const more = some.map((series) => query.columns.map((target) => textOfTarget(series, target)));
      yield { rows: some.length, lines: new Uint8Array(0), more };
    }
  }

  async *instancesOf(series: readonly string[]) {
    for (const SeriesInstanceUID of series) {
      const { instances } = this.known.find(({ header }) => header.SeriesInstanceUID === SeriesInstanceUID)!;
      const file = (n: number): SeriesFile => ({
        ...{ SeriesInstanceUID, SOPInstanceUID: `${SeriesInstanceUID}.${n}`, SOPClassUID: CT },
        ...{ archive: '/a', path: `${n}`, size: 1, mtime: 1 },
      });
      // The first lies there twice.
      yield [0, ...Array.from({ length: instances }, (_, n) => n)].map(file);
    }
  }

  count = () => assert.fail();
  facets = () => assert.fail();
  ordered = () => assert.fail();
  headerOf = () => assert.fail();
  statistics = () => assert.fail();
  skippedFiles = () => assert.fail();
  everyFile = () => assert.fail();
  close = () => Promise.resolve();
}

const NAMES = ['Doe^Jane', 'DOE^JANE', 'Doe^John^^Dr', 'Yamada^Tarou=山田^太郎', 'Müller^J', '', 'a*c'];
const DATES = ['20200101', '2020.01.02', '20211231', '', 'yesterday'];
const TIMES = ['101500', '10', '235959.5', ''];
const TEXTS = ['AX T1', 'ax t1', 'T1\\FLAIR', '  lead', '1', ''];

/** 90 series of 30 studies of 12 patients; every value meets many others. */
const SERIES: readonly Known[] = Array.from({ length: 90 }, (_, i): Known => {
  const study = i % 30;
  const patient = study % 12;
  return {
    instances: 1 + (i % 3),
    header: {
      PatientID: patient === 0 ? '' : `P${patient}`,
      PatientName: NAMES[patient % NAMES.length]!,
      PatientBirthDate: DATES[patient % DATES.length]!,
      StudyInstanceUID: `1.2.${study}`,
      StudyDate: DATES[study % DATES.length]!,
      StudyTime: TIMES[study % TIMES.length]!,
      SeriesInstanceUID: `1.2.${study}.${i}`,
      SeriesNumber: String(i % 4),
      Modality: ['CT', 'MR', 'PT'][Math.floor(i / 30)]!,
      SeriesDescription: TEXTS[i % TEXTS.length]!,
      ReferencedPatientSequence: [],
      RequestAttributesSequence:
        i % 2 === 0
          ? []
          : [{ RequestedProcedureID: `R${i % 5}`, ScheduledProcedureStepID: 'S' }, { RequestedProcedureID: 'x' }],
      Rows: String(256 + (i % 2)),
    },
  };
});

async function find(
  keys: IdentifierText,
  { model = 'patient-root' as InformationModel, most = 1000, index = new MemoryIndex(SERIES) } = {},
): Promise<FindAnswer[]> {
  const found: FindAnswer[] = [];
  for await (const answer of answerFind(identifierOf(keys), model, index, { retrieveAETitle: 'DITAG', most }))
    found.push(answer);
  return found;
}

const RETURNED = { PatientID: '', PatientName: '', StudyInstanceUID: '' };
const UNIQUE = { PATIENT: ['PatientID', 'PatientName'], STUDY: ['StudyInstanceUID'], SERIES: ['SeriesInstanceUID'] };

const KEYS: readonly IdentifierText[] = [
  {},
  { PatientName: 'doe*' },
  { PatientName: 'Doe^Jane' },
  { PatientName: '*=山田*' },
  { PatientName: 'müller^?' },
  { PatientName: 'a*c' },
  { PatientID: 'P1' },
  { PatientID: 'P1\\P2' },
  { PatientID: 'P?' },
  { PatientBirthDate: '20200102' },
  { PatientBirthDate: '20200101-20201231' },
  { StudyDate: '20200102' },
  { StudyDate: '-20200601' },
  { StudyDate: '20200102-' },
  { StudyDate: '20200101\\20211231' },
  { StudyDate: 'yesterday' },
  { StudyTime: '1000-1100' },
  { StudyTime: '10' },
  { StudyInstanceUID: '1.2.3' },
  { StudyInstanceUID: '1.2.3\\1.2.4\\1.2.99' },
  { StudyInstanceUID: '1.2.3', PatientName: 'Yamada*', Modality: 'MR' },
  { SeriesInstanceUID: '1.2.3.3\\1.2.3.33' },
  { SeriesInstanceUID: '1.2.*' },
  { Modality: 'CT' },
  { Modality: 'CT\\PT' },
  { SeriesNumber: '3' },
  { SeriesDescription: 'T1' },
  { SeriesDescription: '*T1*' },
  { SeriesDescription: 'lead' },
  { SeriesDescription: '?X ??' },
  { Rows: '256' },
  { RequestAttributesSequence: [{ RequestedProcedureID: 'R*' }] },
  { RequestAttributesSequence: [{ RequestedProcedureID: 'R1', ScheduledProcedureStepID: 'S' }] },
  { RequestAttributesSequence: [{ RequestedProcedureID: 'x', ScheduledProcedureStepID: 'S' }] },
  { RequestAttributesSequence: [{ RequestedProcedureID: '' }] },
];

test('the answers are those that attribute matching finds in all series, each study and patient once', async () => {
  let answered = 0;
  for (const keys of KEYS) {
    for (const level of ['PATIENT', 'STUDY', 'SERIES'] as const) {
      const fitting = SERIES.filter(({ header }) => matchesIdentifier(identifierOf(keys), identifierOf(header)));
      const wanted = new Set(fitting.map(({ header }) => UNIQUE[level].map((one) => header[one]).join('|')));
      // A patient with an ID is told by that alone.
      const unique = (one: string) => (level === 'PATIENT' && !one.startsWith('|') ? one.split('|')[0]! : one);
      const found = await find({ ...RETURNED, SeriesInstanceUID: '', ...keys, QueryRetrieveLevel: level });
      const got = found.map(({ identifier }) => UNIQUE[level].map((one) => text(identifier, one)).join('|'));
      const said = `${level} ${JSON.stringify(keys)}`;
      assert.deepEqual(got.map(unique).sort(), [...new Set([...wanted].map(unique))].sort(), said);
      assert.equal(new Set(got.map(unique)).size, got.length, said);
      answered += got.length;
    }
  }
  assert.ok(answered > 1000, String(answered));
});

test('counts are those of all series, not of the ones that match', async () => {
  const counts = ['NumberOfPatientRelatedStudies', 'NumberOfPatientRelatedSeries', 'NumberOfPatientRelatedInstances'];
  const ofStudy = ['NumberOfStudyRelatedSeries', 'NumberOfStudyRelatedInstances'];
  const asked = Object.fromEntries([...counts, ...ofStudy, 'ModalitiesInStudy'].map((one) => [one, '']));
  const found = await find({ ...RETURNED, ...asked, QueryRetrieveLevel: 'STUDY', ModalitiesInStudy: 'PT' });
  assert.equal(found.length, 30);
  for (const { identifier } of found) {
    const own = SERIES.filter(({ header }) => header.StudyInstanceUID === text(identifier, 'StudyInstanceUID'));
    const [PatientID, PatientName] = [own[0]!.header.PatientID, own[0]!.header.PatientName];
    const ofPatient = SERIES.filter(
      ({ header }) => header.PatientID === PatientID && header.PatientName === PatientName,
    );
    const instances = (all: readonly Known[]) => all.reduce((sum, one) => sum + one.instances, 0);
    const studies = new Set(ofPatient.map(({ header }) => header.StudyInstanceUID)).size;
    assert.deepEqual(
      [...counts, ...ofStudy].map((one) => Number(text(identifier, one))),
      [studies, ofPatient.length, instances(ofPatient), own.length, instances(own)],
    );
    assert.deepEqual(values(identifier, 'ModalitiesInStudy'), ['CT', 'MR', 'PT']);
  }
});

test('patients without PatientID are counted by their name', async () => {
  const series = (n: number, PatientName: string): Known => ({
    instances: n,
    header: {
      ...SERIES[0]!.header,
      PatientID: '',
      PatientName,
      StudyInstanceUID: `1.3.${n}`,
      SeriesInstanceUID: `1.3.${n}.1`,
    },
  });
  const index = new MemoryIndex([series(2, 'Doe^Jane'), series(3, 'Roe^Mary')]);
  const keys = { ...RETURNED, QueryRetrieveLevel: 'PATIENT', NumberOfPatientRelatedInstances: '' };
  const found = await find(keys, { index });
  assert.deepEqual(
    found.map(({ identifier }) => [
      text(identifier, 'PatientName'),
      text(identifier, 'NumberOfPatientRelatedInstances'),
    ]),
    [
      ['Doe^Jane', '2'],
      ['Roe^Mary', '3'],
    ],
  );
});

test('the modalities of a study and a key that another series of it meets', async () => {
  const keys = { ...RETURNED, QueryRetrieveLevel: 'STUDY', ModalitiesInStudy: 'PT' };
  const others: IdentifierText[] = [{ Modality: 'CT' }, { SeriesInstanceUID: '1.2.3.3' }];
  for (const more of others) {
    const found = await find({ ...keys, StudyInstanceUID: '1.2.3', ...more });
    assert.deepEqual(
      found.map(({ identifier }) => [values(identifier, 'StudyInstanceUID'), values(identifier, 'ModalitiesInStudy')]),
      [[['1.2.3'], ['CT', 'MR', 'PT']]],
    );
  }
  assert.deepEqual(await find({ ...keys, StudyInstanceUID: '1.2.3', ModalitiesInStudy: 'US' }), []);
});

test('images are answered once each, with what is known of each', async () => {
  const keys = {
    QueryRetrieveLevel: 'IMAGE',
    StudyInstanceUID: '1.2.4',
    SOPInstanceUID: '',
    InstanceNumber: '',
    Rows: '',
  };
  const found = await find(keys, { model: 'study-root' });
  assert.deepEqual(found.map(({ identifier }) => text(identifier, 'SOPInstanceUID')).sort(), [
    '1.2.4.34.0',
    '1.2.4.34.1',
    '1.2.4.4.0',
    '1.2.4.4.1',
    '1.2.4.64.0',
    '1.2.4.64.1',
  ]);
  const [{ identifier, isFull }] = found as [FindAnswer];
  assert.deepEqual([text(identifier, 'Rows'), text(identifier, 'InstanceNumber'), isFull], ['', '', false]);
  // Another image of the series may have others: they are neither told nor matched.
  const { InstanceNumber: _, ...others } = keys;
  const matched = await find({ ...others, Rows: '1' });
  assert.deepEqual([matched.length, matched[0]!.isFull], [6, false]);
  const ofSeries = await find({
    ...{ QueryRetrieveLevel: 'IMAGE', StudyInstanceUID: '1.2.4', SOPInstanceUID: '' },
    ...{ PatientID: '', StudyDate: '', Modality: '' },
  });
  assert.deepEqual([ofSeries.length, ofSeries[0]!.isFull], [6, true]);
  const [atSeries] = await find({ QueryRetrieveLevel: 'SERIES', SeriesInstanceUID: '1.2.4.4', Rows: '' });
  assert.deepEqual([text(atSeries!.identifier, 'Rows'), atSeries!.isFull], ['256', true]);
  const one = await find({ QueryRetrieveLevel: 'IMAGE', SeriesInstanceUID: '1.2.4.4', SOPInstanceUID: '1.2.4.4.1' });
  assert.deepEqual(
    one.map((answer) => [text(answer.identifier, 'SOPInstanceUID'), answer.isFull]),
    [['1.2.4.4.1', true]],
  );
});

test('InstanceNumber of each image is matched and answered; one that is not to be known keeps nothing out, and says so', async () => {
  const numbers = new Map([
    ['1.2.4.4.0', '7'],
    ['1.2.4.34.0', ''],
    ['1.2.4.34.1', '8'],
  ]);
  const options = {
    ...{ retrieveAETitle: 'DITAG', most: 1000 },
    instanceNumber: async ({ SOPInstanceUID }: { readonly SOPInstanceUID: string }) => numbers.get(SOPInstanceUID),
  };
  const ask = async (InstanceNumber: string) => {
    const series = { SeriesInstanceUID: '1.2.4.4\\1.2.4.34', SOPInstanceUID: '', InstanceNumber };
    const keys = new Map(identifierOf({ QueryRetrieveLevel: 'IMAGE', StudyInstanceUID: '1.2.4', ...series }));
    const found: [string, string, boolean][] = [];
    for await (const { identifier, isFull } of answerFind(keys, 'study-root', new MemoryIndex(SERIES), options))
      found.push([text(identifier, 'SOPInstanceUID'), text(identifier, 'InstanceNumber'), isFull]);
    return found.sort();
  };
  assert.deepEqual(await ask(''), [
    ['1.2.4.34.0', '', true],
    ['1.2.4.34.1', '8', true],
    ['1.2.4.4.0', '7', true],
    ['1.2.4.4.1', '', false],
  ]);
  assert.deepEqual(await ask('7'), [
    ['1.2.4.4.0', '7', true],
    ['1.2.4.4.1', '', false],
  ]);
});

test('below the level nothing is answered but what was matched; nested keys come with their items', async () => {
  const [{ identifier }] = (await find({
    ...{ QueryRetrieveLevel: 'STUDY', StudyInstanceUID: '1.2.1', Modality: 'MR', SeriesDescription: '', Rows: '' },
    InstanceAvailability: '',
  })) as [FindAnswer];
  const told = [
    'Modality',
    'SeriesDescription',
    'Rows',
    'InstanceAvailability',
    'RetrieveAETitle',
    'QueryRetrieveLevel',
  ];
  assert.deepEqual(
    told.map((one) => text(identifier, one)),
    ['MR', '', '', 'ONLINE', 'DITAG', 'STUDY'],
  );
  const nested = async (items: readonly IdentifierText[]) => {
    const keys = { QueryRetrieveLevel: 'SERIES', SeriesInstanceUID: '1.2.1.1', RequestAttributesSequence: items };
    const [found] = await find(keys);
    return found!.identifier.get(tagOfKeyword('RequestAttributesSequence')!);
  };
  const items = (all: readonly IdentifierText[]) => ({ vr: 'SQ', items: all.map((one) => identifierOf(one)) });
  const whole: readonly IdentifierText[] = [
    { RequestedProcedureID: 'R1', ScheduledProcedureStepID: 'S' },
    { RequestedProcedureID: 'x' },
  ];
  assert.deepEqual(await nested([]), items(whole));
  assert.deepEqual(
    await nested([{ ScheduledProcedureStepID: '' }]),
    items(
      [whole[0]!, {}].map((one) => ({
        ScheduledProcedureStepID: (one as IdentifierText).ScheduledProcedureStepID ?? '',
      })),
    ),
  );
});

test('nothing is computed ahead of what is taken, and the limit is told', async () => {
  const index = new MemoryIndex(SERIES);
  const keys: Identifier = identifierOf({ QueryRetrieveLevel: 'SERIES', SeriesInstanceUID: '' });
  for await (const _ of answerFind(keys, 'study-root', index, { retrieveAETitle: 'DITAG', most: 1000 })) break;
  assert.equal(index.rows, 7);
  let answers = 0;
  await assert.rejects(
    async () => {
      for await (const _ of answerFind(keys, 'study-root', index, { retrieveAETitle: 'DITAG', most: 20 })) answers++;
    },
    (error) => error instanceof FindError && error.status === 0xa700 && /more than the 20 answers/.test(error.message),
  );
  assert.equal(answers, 20);
  assert.equal((await find({ QueryRetrieveLevel: 'SERIES', SeriesInstanceUID: '' }, { most: 90 })).length, 90);
});

test('a level that is not there, and images without a study, are refused', async () => {
  const refused = (keys: IdentifierText, model: InformationModel) =>
    assert.rejects(find(keys, { model }), (error) => error instanceof FindError && error.status === 0xa900);
  await refused({ QueryRetrieveLevel: 'PATIENT' }, 'study-root');
  await refused({ QueryRetrieveLevel: 'SLICE' }, 'patient-root');
  await refused({ PatientID: '' }, 'patient-root');
  await refused({ QueryRetrieveLevel: 'IMAGE', PatientID: 'P1', SOPInstanceUID: '1.2.4.4.1' }, 'patient-root');
});

test('what is of no file and counted nowhere is unknown, and keeps nothing out', async () => {
  const all = await find({ QueryRetrieveLevel: 'STUDY', StudyInstanceUID: '' });
  for (const [keyword, value] of [
    ['SOPClassesInStudy', CT],
    ['SOPClassesInStudy', ''],
    ['StorageMediaFileSetID', 'DISC'],
    ['InstanceAvailability', 'OFFLINE'],
    ['RetrieveAETitle', 'OTHER'],
  ] as const) {
    const found = await find({ QueryRetrieveLevel: 'STUDY', StudyInstanceUID: '', [keyword]: value });
    assert.equal(found.length, all.length, keyword);
    assert.ok(
      found.every(({ isFull }) => !isFull),
      keyword,
    );
  }
});

test('private elements are found and answered under the creator that is asked for, whatever its name and block', async () => {
  const [first] = SERIES as readonly [Known];
  const own = {
    '00190010': 'AAA',
    '0019xx01:AAA': 'of AAA',
    '00190011': 'LORAD 1.2.(3)',
    '0019xx01:LORAD 1.2.(3)': 'of LORAD',
  };
  const index = new MemoryIndex([{ ...first, own }]);
  const ask = async (creator: string, value = '') => {
    const keys = new Map(identifierOf({ QueryRetrieveLevel: 'SERIES', StudyInstanceUID: '', SeriesInstanceUID: '' }));
    keys.set(0x00190010, { vr: 'LO', values: [creator] });
    keys.set(0x00191001, { vr: 'LO', values: value === '' ? [] : [value] });
    const found: unknown[] = [];
    const options = { retrieveAETitle: 'DITAG', most: 9 };
    for await (const { identifier } of answerFind(keys, 'study-root', index, options))
      found.push([identifier.get(0x00190010), identifier.get(0x00191001)]);
    return found;
  };
  const answer = (creator: string, ...of: string[]) => [
    [
      { vr: 'LO', values: [creator] },
      { vr: 'LO', values: of },
    ],
  ];
  assert.deepEqual(await ask('AAA'), answer('AAA', 'of AAA'));
  assert.deepEqual(await ask('LORAD 1.2.(3)'), answer('LORAD 1.2.(3)', 'of LORAD'));
  assert.deepEqual(await ask('LORAD 1.2.(3)', 'of LORAD'), answer('LORAD 1.2.(3)', 'of LORAD'));
  assert.deepEqual(await ask('LORAD 1.2.(3)', 'of AAA'), []);
  assert.deepEqual(await ask('OTHER'), answer('OTHER'));
});

test('a private key in a sequence is unknown, and keeps nothing out', async () => {
  const keys = new Map(identifierOf({ QueryRetrieveLevel: 'SERIES', StudyInstanceUID: '', SeriesInstanceUID: '' }));
  const item: Identifier = new Map([
    [0x00190010, { vr: 'LO', values: ['AAA'] }],
    [0x00191001, { vr: 'LO', values: ['of AAA'] }],
  ]);
  keys.set(tagOfKeyword('RequestAttributesSequence')!, { vr: 'SQ', items: [item] });
  let found = 0;
  for await (const { isFull } of answerFind(keys, 'study-root', new MemoryIndex(SERIES), {
    retrieveAETitle: 'DITAG',
    most: 1000,
  })) {
    found++;
    assert.equal(isFull, false);
  }
  assert.equal(found, SERIES.length);
});
