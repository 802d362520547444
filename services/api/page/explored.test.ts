// What the page shows, in the address and as the API is asked for it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dateNumber } from '../../../core/query/dates.ts';
import { makeQuery } from '../../../core/query/query.ts';
import {
  dateUnit,
  EVERYTHING,
  type Explored,
  fromParams,
  isSameQuery,
  orderedBy,
  queryBody,
  toggled,
  toParams,
  VIEWS,
  withColumn,
  zoomedOut,
} from './explored.ts';
import { BadLine, PLAIN_TARGETS, parseSearchLine } from './search-line.ts';

test('the search line takes what is typed after `ditag query`', () => {
  const lines: [string, object][] = [
    ['', {}],
    ['  flair|t2  ', { targets: PLAIN_TARGETS, pattern: 'flair|t2' }],
    ['ditag query --date 20260131', { date: '20260131' }],
    [
      `--where 'Modality=^MR$' --where="PatientName=a b" --where-not x=y`,
      { where: ['Modality=^MR$', 'PatientName=a b'], whereNot: ['x=y'] },
    ],
    [`--targets A,B --pattern '\\d+'`, { targets: 'A,B', pattern: '\\d+' }],
    [`--pattern "a\\"b\\d" --sdate=1 --edate 2`, { pattern: 'a"b\\d', sdate: '1', edate: '2' }],
    [`--pattern ''`, { pattern: '' }],
    [`--pattern a\\ b`, { pattern: 'a b' }],
  ];
  for (const [line, expected] of lines) assert.deepEqual(parseSearchLine(line), expected, line);
});

test('what is wrong with a line is one sentence', () => {
  for (const [line, reason] of [
    [`--pattern 'a`, /quote ' is not closed/],
    ['--pattern', /--pattern needs a value/],
    ['--format csv', /"--format" is none of --sdate/],
    ['--where a=b c', /"c" is none of .* needs quotes/],
  ] as const)
    assert.throws(
      () => parseSearchLine(line),
      (error: Error) => error instanceof BadLine && reason.test(error.message),
    );
});

test('what is in the address comes out of it', () => {
  const values = fc.dictionary(
    fc.constantFrom('Modality', 'PatientName'),
    fc.uniqueArray(fc.string(), { minLength: 1 }),
    { noNullPrototype: true },
  );
  const dates = fc.constantFrom('', '2026', '202601', '20260131');
  const besides = fc.record({
    view: fc.constantFrom(...VIEWS),
    order: fc.constantFrom('StudyDate', '-StudyDate', 'PatientID'),
    columns: fc.constantFrom(['Modality'], ['StudyDate', 'AccessionNumber'], EVERYTHING.columns),
    series: fc.constantFrom('', '1.2.3'),
    chosen: fc.constantFrom([], ['1.2'], ['1.2', '1.3']),
  });
  fc.assert(
    fc.property(fc.string(), values, values, dates, besides, (line, include, exclude, zoomed, beside) => {
      const explored: Explored = { ...EVERYTHING, line, include, exclude, dates: zoomed, ...beside };
      assert.deepEqual(fromParams(new URLSearchParams(toParams(explored).toString())), explored);
    }),
  );
  assert.deepEqual(
    fromParams(new URLSearchParams('dates=x&is.=1&other=2&view=x&order=a%20b&columns=,&series=../x&chosen=1,x')),
    EVERYTHING,
  );
});

test('a column is ordered by, then the other way round; columns come and go, but one stays', () => {
  const by = (order: string) => orderedBy({ ...EVERYTHING, order }, 'Modality');
  assert.deepEqual(['StudyDate', 'Modality', '-Modality'].map(by), ['Modality', '-Modality', 'Modality']);
  const columns = ['Modality', 'StudyDate'];
  assert.deepEqual(withColumn({ ...EVERYTHING, columns }, 'Modality'), ['StudyDate']);
  assert.deepEqual(withColumn({ ...EVERYTHING, columns }, 'PatientID'), [...columns, 'PatientID']);
  assert.deepEqual(withColumn({ ...EVERYTHING, columns: ['Modality'] }, 'Modality'), ['Modality']);
});

test('an included value selects just it, whatever it is made of', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.string(), async (value, other) => {
      const { where } = queryBody({ ...EVERYTHING, include: { PatientName: [value] } });
      const [condition] = (await makeQuery({ where })).conditions;
      assert.equal(condition!.pattern.test(value), true);
      assert.equal(condition!.pattern.test(other), value === other);
    }),
  );
});

test('a value is included, excluded and left alone again', () => {
  const included = toggled(EVERYTHING, 'include', 'Modality', 'MR');
  assert.deepEqual(included.include, { Modality: ['MR'] });
  const excluded = toggled(included, 'exclude', 'Modality', 'MR');
  assert.deepEqual([excluded.include, excluded.exclude], [{}, { Modality: ['MR'] }]);
  assert.deepEqual(toggled(excluded, 'exclude', 'Modality', 'MR'), EVERYTHING);
});

test('a zoom selects the days of a year, a month or a day that are searched for', async () => {
  for (const [line, dates, sdate, edate] of [
    ['', '2026', '20260101', '20261231'],
    ['', '202602', '20260201', '20260228'],
    ['', '202402', '20240201', '20240229'],
    ['', '20260131', '20260131', '20260131'],
    ['--sdate 20260301', '2026', '20260301', '20261231'],
    ['--sdate 20250301 --edate 20260610', '2026', '20260101', '20260610'],
    ['--edate soon', '2026', '20260101', 'soon'],
  ] as const) {
    const body = queryBody({ ...EVERYTHING, line, dates });
    assert.deepEqual([body.sdate, body.edate], [sdate, edate]);
  }
  assert.deepEqual(
    ['', '2026', '202601', '20260131'].map((dates) => dateUnit({ ...EVERYTHING, dates })),
    [...['year', 'month', 'day', 'day']],
  );
  assert.deepEqual(['20260131', '202601', '2026'].map(zoomedOut), ['202601', '2026', '']);
});

test('a year selects what is counted as of it', async () => {
  const day = fc.record({
    year: fc.constantFrom('1900', '1999', '2000', '2023', '2024'),
    month: fc.constantFrom('00', '01', '02', '04', '12', '13'),
    day: fc.constantFrom('00', '01', '28', '29', '30', '31', '32'),
    dot: fc.constantFrom('', '.', '-'),
    before: fc.constantFrom('', ' ', 'x'),
    after: fc.constantFrom('', ' ', '0', '\\20200101', '\n'),
  });
  const text = fc.oneof(
    fc.string(),
    day.map(({ year, month, day: of, dot, before, after }) => `${before}${year}${dot}${month}${dot}${of}${after}`),
  );
  const years = fc.uniqueArray(fc.constantFrom<string>('', '1900', '2000', '2023', '2024'), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(text, years, async (date, wanted) => {
      const { where } = queryBody({ ...EVERYTHING, include: { Year: wanted } });
      const { pattern } = (await makeQuery({ where })).conditions[0]!;
      const number = dateNumber(date);
      assert.equal(pattern.test(date), wanted.includes(number === 0 ? '' : String(number).slice(0, 4)));
    }),
    { numRuns: 1000 },
  );
});

test('what is chosen and seen does not make another query', () => {
  const other = { ...EVERYTHING, chosen: ['1.2'], series: '1.2', view: 'work', order: '-Modality' } as const;
  assert.ok(isSameQuery(EVERYTHING, other));
  assert.ok(!isSameQuery(EVERYTHING, { ...EVERYTHING, dates: '2026' }));
});
