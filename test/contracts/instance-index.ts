// The contract of the port InstanceIndex: what every adapter answers, whatever it is made of. An adapter's test
// calls `instanceIndexContract` with a way to make an index that holds given series.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tagOfKeyword } from '../../core/dicom/dictionary.ts';
import type { HeaderElement } from '../../core/dicom/header-values.ts';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import type { InstanceIndex } from '../../core/ports/instance-index.ts';
import { csvLine } from '../../core/query/csv.ts';
import { makeQuery, type QueryText } from '../../core/query/query.ts';
import { compareSeries, matches, type ReferenceSeries, textOfTarget } from '../../core/query/reference-matcher.ts';

/** A series to be indexed: its header and the number of its files. */
export interface ContractSeries {
  readonly SeriesInstanceUID: string;
  readonly elements: readonly HeaderElement[];
  readonly instances: number;
}

/** Makes an index that holds exactly these series. */
export type MakeIndex = (series: readonly ContractSeries[]) => Promise<InstanceIndex>;

const key = (keyword: string) => tagOfKeyword(keyword)!.toString(16).toUpperCase().padStart(8, '0');

/** Values that are hard for some store or other: empty, quoted, multi-valued, not ASCII, with separators of our own. */
const VALUES = [
  '',
  'T1',
  'T1 MPRAGE',
  't1 mprage',
  'AX FLAIR',
  'a,"b"',
  'x\\y',
  'Übersicht',
  '脳^MRI',
  'line\nbreak',
  'a\x1fb',
  '\x1e["x"]',
  ' lead',
  '1',
];
const DATES = ['', '19820111', '1982.01.11', '20200229', '20210229', 'yesterday', '20201231', '20210101'];

/** Deterministic series over these values; every value meets every attribute. */
function contractSeries(count: number): ContractSeries[] {
  return Array.from({ length: count }, (_, i) => {
    const elements: HeaderElement[] = [];
    const add = (name: string, vr: string, text: string) => {
      if (text !== '') elements.push({ key: name, vr, text });
    };
    INDEXED_ATTRIBUTES.forEach((keyword, n) => {
      const text =
        keyword === 'StudyDate' ? DATES[i % DATES.length]! : VALUES[(i * 7 + n * (1 + (i % 5))) % VALUES.length]!;
      add(key(keyword), 'LO', text);
    });
    add(key('Rows'), 'US', String(i % 3 === 0 ? '' : 256 << (i % 3)));
    add(key('ImageComments'), 'LT', VALUES[(i * 3) % VALUES.length]!);
    add('00190010', 'LO', i % 2 === 0 ? 'ACME 1' : 'OTHER');
    add(`0019xx02:${i % 2 === 0 ? 'ACME 1' : 'OTHER'}`, 'LO', VALUES[(i * 5) % VALUES.length]!);
    if (i % 4 !== 0) {
      const item = {
        [key('ScheduledProcedureStepID')]: VALUES[i % VALUES.length]!,
        [key('RequestedProcedureID')]: String(i % 9),
      };
      add(
        key('RequestAttributesSequence'),
        'SQ',
        JSON.stringify(i % 3 === 0 ? [item, { ...item, [key('RequestedProcedureID')]: '77' }] : [item]),
      );
    }
    return { SeriesInstanceUID: `1.2.${(i * 7919) % 1000}.${i}`, elements, instances: 1 + (i % 4) };
  });
}

/** Queries of every kind over these values. */
export const QUERIES: readonly QueryText[] = [
  {},
  { sdate: '19820111' },
  { edate: '19820111' },
  { sdate: '19820101', edate: '20200229' },
  { date: '20201231' },
  { targets: 'SeriesDescription', pattern: 'T1' },
  { targets: 'SeriesDescription,StudyDescription', pattern: '^T1$' },
  { targets: 'SeriesDescription', pattern: '(?i)t1' },
  { targets: 'PatientName', pattern: '^$' },
  { targets: 'PatientName', pattern: '.' },
  { targets: 'SeriesDescription', pattern: '^(?!.*MPRAGE).*T1' },
  { targets: 'SeriesDescription', pattern: 'no such value' },
  { targets: 'StudyDate', pattern: '^1982' },
  { targets: 'SeriesInstanceUID', pattern: '^1\\.2\\.7' },
  { targets: 'Rows', pattern: '^512$' },
  { targets: 'Rows', pattern: '^$' },
  { targets: 'ImageComments,Modality', pattern: '\\\\|Über|\\n' },
  { targets: 'ImageComments', pattern: '\x1f|\x1e' },
  { targets: 'RequestAttributesSequence.RequestedProcedureID', pattern: '^[37]' },
  { targets: 'RequestAttributesSequence[1].RequestedProcedureID', pattern: '77' },
  { targets: 'RequestAttributesSequence.RequestedProcedureID', pattern: '^$' },
  { targets: '(0019,xx02,ACME 1)', pattern: 'T1|脳' },
  { targets: '(0019,1002)', pattern: 'T1|脳' },
  { targets: '(0019,1102)', pattern: '.' },
  { where: ['Modality=T1', 'PatientName=.'] },
  { whereNot: ['Modality=T1'] },
  { where: ['Rows=.'], whereNot: ['SeriesDescription=^$', 'ImageComments=T1'] },
  { sdate: '19000101', where: ['PatientID=T1'], targets: 'Manufacturer,StationName', pattern: '[a-z]' },
  {
    columns:
      'Rows,Modality,ImageComments,RequestAttributesSequence.ScheduledProcedureStepID,(0019,1002),SeriesInstanceUID',
  },
];

/** Runs the contract. `name` is the adapter's. */
export function instanceIndexContract(name: string, make: MakeIndex): void {
  test(`${name}: answers are those of the reference matcher, in its order`, async () => {
    const series = contractSeries(600);
    const reference: ReferenceSeries[] = series.map(({ SeriesInstanceUID, elements }) => ({
      SeriesInstanceUID,
      elements,
      attributes: Object.fromEntries(
        INDEXED_ATTRIBUTES.map((k) => [k, elements.find((e) => e.key === key(k))?.text ?? '']),
      ),
    }));
    const index = await make(series);
    try {
      for (const text of QUERIES) {
        const query = await makeQuery(text);
        const expected = reference.filter((one) => matches(query, one)).sort(compareSeries);
        const lines: string[] = [];
        const more: (readonly string[])[] = [];
        for await (const batch of index.search(query)) {
          lines.push(Buffer.from(batch.lines).toString());
          more.push(...(batch.more ?? []));
        }
        const wanted = expected.map(({ SeriesInstanceUID, attributes: a }) =>
          csvLine([
            a.StudyDescription!,
            a.SeriesDescription!,
            a.PatientName!,
            a.PatientID!,
            a.StudyDate!,
            SeriesInstanceUID,
          ]),
        );
        assert.equal(lines.join(''), wanted.join(''), JSON.stringify(text));
        assert.equal(await index.count(query), expected.length, JSON.stringify(text));
        if (query.columns.length > 0) {
          assert.deepEqual(
            more,
            expected.map((one) => query.columns.map((target) => textOfTarget(one, target))),
          );
        }
      }
    } finally {
      await index.close();
    }
  });

  test(`${name}: statistics are exact`, async () => {
    const series = contractSeries(300);
    const index = await make(series);
    try {
      const statistics = await index.statistics();
      const values = (keyword: string) =>
        series.map(({ elements }) => elements.find((e) => e.key === key(keyword))?.text ?? '');
      const distinct = (keyword: string) => new Set(values(keyword).filter((value) => value !== '')).size;
      assert.equal(statistics.series, series.length);
      assert.equal(
        statistics.instances,
        series.reduce((sum, one) => sum + one.instances, 0),
      );
      assert.equal(statistics.studies, distinct('StudyInstanceUID'));
      assert.equal(statistics.patients, distinct('PatientID'));
      assert.equal(statistics.firstDate, 19820111);
      assert.equal(statistics.lastDate, 20210101);
      const modality = values('Modality');
      for (const { value, series: n } of statistics.byModality)
        assert.equal(n, modality.filter((one) => one === value).length);
      assert.equal(
        statistics.byModality.reduce((sum, { series: n }) => sum + n, 0),
        series.length,
      );
      assert.equal(
        statistics.byYear.reduce((sum, { series: n }) => sum + n, 0),
        series.length,
      );
    } finally {
      await index.close();
    }
  });
}
