// What the page shows, in the address and as the API is asked for it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { makeQuery } from '../../../core/query/query.ts';
import {
  dateUnit,
  EVERYTHING,
  type Explored,
  fromParams,
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
  });
  fc.assert(
    fc.property(fc.string(), values, values, dates, besides, (line, include, exclude, zoomed, beside) => {
      const explored: Explored = { ...EVERYTHING, line, include, exclude, dates: zoomed, ...beside };
      assert.deepEqual(fromParams(new URLSearchParams(toParams(explored).toString())), explored);
    }),
  );
  assert.deepEqual(
    fromParams(new URLSearchParams('dates=x&is.=1&other=2&view=x&order=a%20b&columns=,&series=../x')),
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

test('a zoom selects its dates, and counts them one step finer', async () => {
  for (const [dates, unit, inside, outside] of [
    ['2026', 'month', ['20260131', '2026.12.31'], ['20250131', '12026']],
    ['202601', 'day', ['20260131', '2026.01.02'], ['20260231']],
    ['20260131', 'day', ['20260131', '2026.01.31'], ['20260130']],
  ] as const) {
    const explored = { ...EVERYTHING, dates };
    assert.equal(dateUnit(explored), unit);
    const { pattern } = (await makeQuery(queryBody(explored))).conditions[0]!;
    for (const date of inside) assert.ok(pattern.test(date), date);
    for (const date of outside) assert.ok(!pattern.test(date), date);
  }
  assert.equal(dateUnit(EVERYTHING), 'year');
  assert.deepEqual(['20260131', '202601', '2026'].map(zoomedOut), ['202601', '2026', '']);
});
