// The contract of the port InstanceIndex: what every adapter answers, whatever it is made of. An adapter's test
// calls `instanceIndexContract` with a way to make an index of given scans. Files of series: series-files.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tagOfKeyword } from '../../core/dicom/dictionary.ts';
import type { HeaderElement } from '../../core/dicom/header-element.ts';
import { Issue } from '../../core/dicom/issues.ts';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import { issuesText } from '../../core/instance/series-issues.ts';
import type { CountedValue, InstanceIndex } from '../../core/ports/instance-index.ts';
import { WHOLE_FOLDER } from '../../core/ports/scan-ledger.ts';
import { csvLine } from '../../core/query/csv.ts';
import { dateNumber } from '../../core/query/dates.ts';
import { makeQuery, type QueryText } from '../../core/query/query.ts';
import { compareSeries, matches, type ReferenceSeries, textOfTarget } from '../../core/query/reference-matcher.ts';
import { parsePlace } from '../../core/query/row-place.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';
import { type HeaderOfSeries, type Scan, type ScanStep, scannedChunk, scanSteps } from './scans.ts';
import { type Contract, seriesFilesContract } from './series-files.ts';

/** A series to be indexed: its header and the number of its files. */
interface ContractSeries extends HeaderOfSeries {
  readonly instances: number;
  /** Of its last file. */
  readonly fileIssues: number;
  /** Its last file differs from the others. */
  readonly mixed: boolean;
}

/** Makes an index that holds what there is after these scans. */
export type MakeIndex = (scans: readonly ScanStep[]) => Promise<InstanceIndex>;

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
      // A study without a UID is none.
      if (keyword !== 'StudyInstanceUID' || i % 11 !== 0) add(key(keyword), 'LO', text);
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
    return {
      SeriesInstanceUID: `1.2.${(i * 7919) % 1000}.${i}`,
      elements,
      instances: 1 + (i % 4),
      issues: i % 6 === 1 ? Issue.CharacterSetWrong : 0,
      fileIssues: i % 7 === 2 ? Issue.Truncated | Issue.OddLength : 0,
      mixed: i % 4 > 0 && i % 5 === 2,
    };
  });
}

function referenceOf({ SeriesInstanceUID, elements, ...series }: ContractSeries): ReferenceSeries {
  const textOf = (keyword: string) => elements.find((element) => element.key === key(keyword))?.text ?? '';
  const attributes = Object.fromEntries(INDEXED_ATTRIBUTES.map((keyword) => [keyword, textOf(keyword)]));
  const { issues = 0, fileIssues, mixed } = series;
  return { SeriesInstanceUID, elements, attributes, issues: issuesText(issues | fileIssues, mixed) };
}

/** StudyDate as a number. */
function dayOf(one: ContractSeries): number {
  return dateNumber(referenceOf(one).attributes['StudyDate']!);
}

/** A study is one at each of its days. */
function studiesIn(series: readonly ContractSeries[], date: string): number {
  const isWithin = (day: number) => (date === '' ? day === 0 : String(day).startsWith(date));
  const studies = new Set<string>();
  for (const one of series) {
    const { StudyInstanceUID } = referenceOf(one).attributes;
    if (StudyInstanceUID !== '' && isWithin(dayOf(one))) studies.add(`${dayOf(one)} ${StudyInstanceUID}`);
  }
  return studies.size;
}

function countedBy(series: readonly ContractSeries[], textOf: (one: ContractSeries) => string): CountedValue[] {
  const values = Map.groupBy(series, textOf);
  return [...values].map(([value, ones]) => ({
    value,
    series: ones.length,
    instances: ones.reduce((sum, { instances }) => sum + instances, 0),
  }));
}

/** A scan that finds each series in a folder of its own. */
function scanOf(series: readonly ContractSeries[]): Scan {
  const chunks = series.map((one, i) => {
    const { SeriesInstanceUID, instances, fileIssues, mixed } = one;
    const files = Array.from({ length: instances }, (_, n) => ({
      name: `f${n}`,
      SeriesInstanceUID,
      SOPInstanceUID: `${SeriesInstanceUID}.${n}`,
      SOPClassUID: '1.2',
      ...(n === instances - 1 ? { digest: mixed ? 2 : 1, issues: fileIssues } : {}),
    }));
    return scannedChunk(`s${i}`, files, WHOLE_FOLDER, [one]);
  });
  return { archive: '/archive', chunks };
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
  // Certain whole values, which may be looked up.
  { targets: 'SeriesDescription', pattern: '\\A(?:T1|AX FLAIR|)\\Z' },
  { targets: 'PatientName,Modality', pattern: '\\A(?:脳\\^MRI|a\\x1fb)\\Z' },
  { targets: 'SeriesInstanceUID', pattern: '\\A(?:1\\.2\\.919\\.1|1\\.2\\.0\\.0|1\\.2\\.838\\.2)\\Z' },
  { targets: 'SeriesInstanceUID,Modality', pattern: '\\A(?:1\\.2\\.919\\.1|T1)\\Z' },
  { targets: 'SeriesInstanceUID', pattern: '\\A1\\.2\\.no\\Z' },
  { where: ['Modality=\\AT1\\Z', 'Rows=\\A512\\Z', 'PatientName=.'], whereNot: ['PatientID=\\AT1\\Z'] },
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
  { where: ['Issues=.'] },
  { where: ['Issues=Wrong$'], whereNot: ['Modality=T1'] },
  { targets: 'Issues,Modality', pattern: '^(Truncated\\\\OddLength|T1)$' },
  { targets: 'Issues,SeriesInstanceUID', pattern: 'FilesDisagree|^1\\.2\\.7' },
  { whereNot: ['Issues=FilesDisagree'], targets: 'Issues', pattern: '^$|Odd' },
  { targets: 'Issues', pattern: '\\A(?:CharacterSetWrong|)\\Z' },
  { where: ['Modality=T1', 'PatientName=.'] },
  { whereNot: ['Modality=T1'] },
  { where: ['Rows=.'], whereNot: ['SeriesDescription=^$', 'ImageComments=T1'] },
  { sdate: '19000101', where: ['PatientID=T1'], targets: 'Manufacturer,StationName', pattern: '[a-z]' },
  {
    columns:
      'Rows,Modality,ImageComments,RequestAttributesSequence.ScheduledProcedureStepID,(0019,1002),SeriesInstanceUID,Issues',
  },
];

/** The CSV line of a series. */
function lineOf({ SeriesInstanceUID, attributes: a }: ReferenceSeries): string {
  const own = [a.StudyDescription!, a.SeriesDescription!, a.PatientName!, a.PatientID!, a.StudyDate!];
  return csvLine([...own, SeriesInstanceUID]);
}

/** Runs the contract. `name` is the adapter's. */
export function instanceIndexContract(name: string, make: MakeIndex): void {
  const contract: Contract = (title, scans, check) =>
    void test(`${name}: ${title}`, async (t) => {
      const index = await partOrSkip(t, () => make(scanSteps(scans)));
      if (index === undefined) return;
      try {
        await check(index, scans);
      } finally {
        await index.close();
      }
    });

  const six = contractSeries(600);
  contract('answers are those of the reference matcher, in its order', [scanOf(six)], async (index) => {
    const reference = six.map(referenceOf);
    for (const text of QUERIES) {
      const query = await makeQuery(text);
      const expected = reference.filter((one) => matches(query, one)).sort(compareSeries);
      const lines: string[] = [];
      const more: (readonly string[])[] = [];
      for await (const batch of index.search(query)) {
        lines.push(Buffer.from(batch.lines).toString());
        more.push(...(batch.more ?? []));
      }
      const wanted = expected.map(lineOf);
      assert.equal(lines.join(''), wanted.join(''), JSON.stringify(text));
      assert.equal(await index.count(query), expected.length, JSON.stringify(text));
      if (query.columns.length > 0) {
        assert.deepEqual(
          more,
          expected.map((one) => query.columns.map((target) => textOfTarget(one, target))),
        );
      }
    }
  });

  contract('facets count what a query selects, exactly', [scanOf(six)], async (index) => {
    const attributes = ['Modality', 'SeriesDescription', 'StudyDate', 'PatientID'] as const;
    const mostValues = 5;
    for (const [i, text] of QUERIES.entries()) {
      const query = await makeQuery(text);
      const dates = (['year', 'month', 'day'] as const)[i % 3]!;
      const selected = six.filter((one) => matches(query, referenceOf(one)));
      const facets = await index.facets(query, { attributes, mostValues, dates });
      assert.deepEqual(
        facets,
        {
          series: selected.length,
          instances: selected.reduce((sum, { instances }) => sum + instances, 0),
          attributes: attributes.map((attribute) => {
            const all = countedBy(selected, (one) => referenceOf(one).attributes[attribute]!).sort(
              (a, b) => b.series - a.series || Buffer.compare(Buffer.from(a.value), Buffer.from(b.value)),
            );
            const rest = all.slice(mostValues).reduce((sum, { series: n }) => sum + n, 0);
            const values = all.slice(0, mostValues).map(({ value, series }) => ({ value, series }));
            return { attribute, values, otherSeries: rest };
          }),
          dates: countedBy(selected, (one) => String(dayOf(one)).slice(0, { year: 4, month: 6, day: 8 }[dates]))
            .map(({ value, series }) => ({ value: value === '0' ? '' : value, series }))
            .sort((a, b) => Number(a.value) - Number(b.value))
            .map((one) => ({ ...one, studies: studiesIn(selected, one.value) })),
          areStudiesExact: true,
        },
        JSON.stringify(text),
      );
    }
  });

  contract('rows in any order, and from any place on', [scanOf(six)], async (index) => {
    const reference = six.map(referenceOf);
    for (const [i, text] of QUERIES.entries()) {
      const query = await makeQuery(text);
      const orderBy = (['StudyDate', 'SeriesDescription', 'Modality', 'PatientID'] as const)[i % 4]!;
      const descending = i % 3 === 0;
      const value = (one: ReferenceSeries) => (orderBy === 'StudyDate' ? '' : one.attributes[orderBy]!);
      const wanted = reference
        .filter((one) => matches(query, one))
        .sort((a, b) => Buffer.compare(Buffer.from(value(a)), Buffer.from(value(b))) || compareSeries(a, b));
      if (descending) wanted.reverse();
      const [lines, more, uids]: [string[], (readonly string[])[], string[]] = [[], [], []];
      // Page by page to the end, then a page that is empty.
      const size = wanted.length > 100 ? 97 : 7;
      for (let after: string | undefined; ; ) {
        const page = await index.ordered(query, { orderBy, descending, rows: size, after });
        assert.equal(page.places.length, page.rows);
        if (page.rows === 0) break;
        lines.push(Buffer.from(page.lines).toString());
        more.push(...(page.more ?? []));
        uids.push(...page.places.map((place) => parsePlace(place).SeriesInstanceUID));
        after = page.places.at(-1);
        assert.ok(uids.length <= wanted.length);
      }
      const name = `${JSON.stringify(text)} by ${orderBy}, ${descending}`;
      assert.deepEqual(
        uids,
        wanted.map(({ SeriesInstanceUID }) => SeriesInstanceUID),
        name,
      );
      assert.equal(lines.join(''), wanted.map(lineOf).join(''), name);
      const columns = query.columns;
      const values = wanted.map((one) => columns.map((target) => textOfTarget(one, target)));
      assert.deepEqual(more, columns.length === 0 ? [] : values, name);
    }
    const query = await makeQuery({});
    for (const after of ['', '{}', '["a"]', '[1,2,3]'])
      await assert.rejects(index.ordered(query, { orderBy: 'Modality', descending: false, rows: 1, after }), {
        code: 'bad-place',
      });
  });

  contract('the header of a series is told whole', [scanOf(six)], async (index) => {
    for (const one of six.slice(0, 40)) {
      const header = await index.headerOf(one.SeriesInstanceUID);
      // A header without the element that names the series may be told with it.
      const isOther = (element: { key: string }) => element.key !== '0020000E';
      const told = header?.filter(isOther).map(({ key, vr, text }) => [key, vr, text]);
      // One without a value is not told.
      const valued = one.elements.filter((element) => isOther(element) && element.text !== '');
      const own = valued.map(({ key, vr, text }) => [key, vr, text.toWellFormed()]);
      assert.deepEqual(
        told,
        own.sort(([a], [b]) => (a! < b! ? -1 : 1)),
        one.SeriesInstanceUID,
      );
    }
    for (const uid of ['1.2.3.4.5.6', '', '*', `${six[0]!.SeriesInstanceUID}0`])
      assert.equal(await index.headerOf(uid), undefined, uid);
  });

  const series = contractSeries(300);
  contract('statistics are exact', [scanOf(series)], async (index) => {
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
  });

  seriesFilesContract(contract);
}
