// What an index holds, counted from the series and the folder chunks: exact, by composite aggregations, which list every
// value. Never Elasticsearch's approximate `cardinality`, and never the distinct values, which are a superset.
import type { Client, estypes } from '@elastic/elasticsearch';
import { countsInOrder } from '../../core/dicom/issues.ts';
import { SKIP_REASONS } from '../../core/instance/skipped.ts';
import type { ArchiveStatistics, CountedValue, IndexStatistics } from '../../core/ports/instance-index.ts';
import type { IndexNames } from './indices.ts';
import type { SeriesReader } from './series-reader.ts';

/** Values of one page: a node gives out at most 65,536, and each page goes through all series again. */
const PAGE = 50_000;

type Aggregations = Record<string, estypes.AggregationsAggregationContainer>;

/** A value of a composite aggregation. */
interface Bucket {
  readonly key: { readonly value: string | number };
  readonly doc_count: number;
  readonly [sum: string]: unknown;
}

/** Asks for aggregations over some documents. */
export type Aggregate = (aggregations: Aggregations) => Promise<Record<string, Record<string, unknown>>>;

/** Counts of the whole index. */
export async function indexStatistics(
  client: Client,
  names: IndexNames,
  reader: SeriesReader,
): Promise<IndexStatistics> {
  const aggregate: Aggregate = async (aggregations) => (await reader.aggregate(aggregations)).aggregations;
  const { total, aggregations } = await reader.aggregate({
    instances: { sum: { field: 'instances' } },
    mixed: { filter: { term: { mixed: true } } },
    dated: {
      filter: { range: { date: { gt: 0 } } },
      aggs: { first: { min: { field: 'date' } }, last: { max: { field: 'date' } } },
    },
  });
  const dated = aggregations['dated'] as { doc_count: number; first: Sum; last: Sum };
  return {
    archives: await archiveStatistics(client, names),
    series: total,
    studies: await countDistinct(aggregate, 'StudyInstanceUID'),
    patients: await countDistinct(aggregate, 'PatientID'),
    instances: sumOf(aggregations['instances']),
    firstDate: dated.doc_count === 0 ? undefined : dated.first.value,
    lastDate: dated.doc_count === 0 ? undefined : dated.last.value,
    mixedSeries: aggregations['mixed']!['doc_count'] as number,
    issues: await seriesByIssue(aggregate),
    byModality: await byModality(aggregate),
    byYear: await byYear(aggregate),
  };
}

interface Sum {
  readonly value: number;
}

export function sumOf(aggregation: unknown): number {
  return (aggregation as Sum).value;
}

/** Values in use, so many at a time; a missing value is not counted as one. */
export async function countDistinct(aggregate: Aggregate, field: string, page: number = PAGE): Promise<number> {
  let count = 0;
  for await (const { key } of buckets(aggregate, { terms: { field } }, {}, page)) if (key.value !== '') count++;
  return count;
}

async function seriesByIssue(aggregate: Aggregate): Promise<Record<string, number>> {
  const issues: Record<string, number> = {};
  for await (const { key, doc_count } of buckets(aggregate, { terms: { field: 'issues' } }))
    issues[key.value] = doc_count;
  return countsInOrder(issues);
}

export const INSTANCES: Aggregations = { instances: { sum: { field: 'instances' } } };

/** Composite pages come in the order of the values' code points, which a stable sort keeps. */
async function byModality(aggregate: Aggregate): Promise<CountedValue[]> {
  const counted: CountedValue[] = [];
  for await (const bucket of buckets(aggregate, { terms: { field: 'Modality' } }, INSTANCES))
    counted.push({ value: String(bucket.key.value), series: bucket.doc_count, instances: sumOf(bucket['instances']) });
  return counted.sort((a, b) => b.series - a.series);
}

async function byYear(aggregate: Aggregate): Promise<CountedValue[]> {
  const counted: CountedValue[] = [];
  const year = { histogram: { field: 'date', interval: 10_000 } };
  for await (const bucket of buckets(aggregate, year, INSTANCES)) {
    const number = Number(bucket.key.value) / 10_000;
    counted.push({
      value: number === 0 ? '' : String(number).padStart(4, '0'),
      series: bucket.doc_count,
      instances: sumOf(bucket['instances']),
    });
  }
  return counted;
}

/** Every value of a source, page by page. */
export async function* buckets(
  aggregate: Aggregate,
  source: estypes.AggregationsCompositeAggregationSource,
  aggs: Aggregations = {},
  size: number = PAGE,
): AsyncIterable<Bucket> {
  let after: Record<string, string | number> | undefined;
  for (;;) {
    const composite = { size, sources: [{ value: source }], ...(after === undefined ? {} : { after }) };
    const { found } = await aggregate({ found: { composite, aggs } });
    const page = found!['buckets'] as Bucket[];
    yield* page;
    if (page.length < size) return;
    after = page.at(-1)!.key;
  }
}

/** By number. An archive that is being scanned for the first time has no time yet. */
export async function archiveStatistics(client: Client, names: IndexNames): Promise<ArchiveStatistics[]> {
  const aggregate: Aggregate = async (aggregations) => {
    const found = await client.search({
      index: names.folders,
      size: 0,
      query: { term: { gone: false } },
      aggregations,
    });
    return found.aggregations as Record<string, Record<string, unknown>>;
  };
  const sums = Object.fromEntries(SKIP_REASONS.map((reason) => [reason, { sum: { field: `skipped.${reason}` } }]));
  const files: Aggregations = {
    files: { sum: { field: 'files' } },
    ...INSTANCES,
    ...sums,
    number: { max: { field: 'number' } },
  };
  const archives = new Map<string, ArchiveStatistics & { readonly number: number }>();
  for await (const bucket of buckets(aggregate, { terms: { field: 'archive' } }, files)) {
    const name = String(bucket.key.value);
    const skipped = SKIP_REASONS.map((reason) => [reason, sumOf(bucket[reason])] as const).filter(([, n]) => n > 0);
    archives.set(name, {
      name,
      number: sumOf(bucket['number']),
      indexedAt: '',
      files: sumOf(bucket['files']),
      instances: sumOf(bucket['instances']),
      skipped: Object.fromEntries(skipped),
    });
  }
  for (const { name, number, indexedAt, removed } of await archiveDocuments(client, names)) {
    const { files, instances, skipped } = archives.get(name) ?? { files: 0, instances: 0, skipped: {} };
    if (removed) archives.delete(name);
    else archives.set(name, { name, number, indexedAt: indexedAt ?? '', files, instances, skipped });
  }
  return [...archives.values()].sort((a, b) => a.number - b.number).map(({ number: _, ...archive }) => archive);
}

interface ArchiveDocument {
  readonly name: string;
  readonly number: number;
  readonly indexedAt?: string;
  readonly removed: boolean;
}

/** Installations have a handful of archives. */
const MOST_ARCHIVES = 10_000;

async function archiveDocuments(client: Client, names: IndexNames): Promise<ArchiveDocument[]> {
  const { hits } = await client.search<ArchiveDocument>({ index: names.archives, size: MOST_ARCHIVES });
  return hits.hits.map(({ _source }) => _source!);
}
