// Counts of the series that a query selects. `terms` gives the most frequent values exactly from one shard; where several
// shards leave a doubt, which it says, every value is listed and counted.
import {
  type CountedDate,
  DATE_UNITS,
  type Facets,
  type FacetsRequest,
  type FacetValue,
} from '../../core/ports/instance-index.ts';
import type { Query } from '../../core/query/query.ts';
import type { DistinctValues } from './distinct-values.ts';
import { selectSeries } from './selection.ts';
import { allOf, type Filter, type SeriesReader } from './series-reader.ts';
import { type Aggregate, buckets, INSTANCES, sumOf } from './statistics.ts';
import { ABOUT_STUDIES, aboutStudies, MOST_LISTED, studiesByDay } from './studies-by-date.ts';

const PAGES = { first: 10_000, others: 10_000 } as const;

/** What `terms` answers. */
interface Terms {
  readonly doc_count_error_upper_bound: number;
  readonly buckets: readonly { readonly key: string; readonly doc_count: number }[];
}

export async function countFacets(
  reader: SeriesReader,
  values: DistinctValues,
  query: Query,
  { attributes, mostValues, dates: unit }: FacetsRequest,
  mostListed = MOST_LISTED,
): Promise<Facets> {
  const filter = await wholeFilter(reader, values, query);
  const terms = (field: string) => ({ terms: { field, size: mostValues } });
  const interval = DATE_UNITS[unit];
  // One request, since a filter of many values takes long to be sent and applied.
  const { total, aggregations } = await reader.aggregate(
    {
      ...INSTANCES,
      ...Object.fromEntries(attributes.map((field) => [`of ${field}`, terms(field)])),
      dates: { histogram: { field: 'date', interval, min_doc_count: 1 }, aggs: ABOUT_STUDIES },
    },
    filter,
  );
  const aggregate: Aggregate = async (asked) => (await reader.aggregate(asked, filter)).aggregations;
  const facets = attributes.map(async (attribute) => {
    const found = aggregations[`of ${attribute}`] as unknown as Terms;
    const counted =
      found.doc_count_error_upper_bound === 0
        ? found.buckets.map(({ key, doc_count }) => ({ value: key, series: doc_count }))
        : (await everyValue(aggregate, attribute)).slice(0, mostValues);
    const told = counted.reduce((sum, { series }) => sum + series, 0);
    return { attribute, values: counted, otherSeries: total - told };
  });
  const listed = total <= mostListed ? await studiesByDay(reader, filter) : undefined;
  return {
    series: total,
    instances: sumOf(aggregations['instances']),
    attributes: await Promise.all(facets),
    dates: byDate(aggregations['dates'] as unknown as DateCounts, interval, listed),
    areStudiesExact: listed !== undefined,
  };
}

/** What is to be tested series by series is tested, so that a filter says it all. */
async function wholeFilter(reader: SeriesReader, values: DistinctValues, query: Query): Promise<Filter> {
  const { filter, named, test } = await selectSeries(reader, values, query);
  if (test === undefined) return filter;
  const uids: string[] = [];
  for await (const page of reader.pages({ filter, named }, PAGES))
    for (const hit of page) if (test(hit)) uids.push(hit.SeriesInstanceUID);
  return allOf([filter, { terms: { SeriesInstanceUID: uids } }]);
}

/** Composite pages come in the order of the values, which a stable sort keeps. */
async function everyValue(aggregate: Aggregate, field: string): Promise<FacetValue[]> {
  const counted: FacetValue[] = [];
  for await (const { key, doc_count } of buckets(aggregate, { terms: { field } }))
    counted.push({ value: String(key.value), series: doc_count });
  return counted.sort((a, b) => b.series - a.series);
}

/** What `histogram` answers. */
interface DateCounts {
  readonly buckets: readonly { readonly key: number; readonly doc_count: number }[];
}

/** @param listed studies by day, where they were listed */
function byDate(
  { buckets: found }: DateCounts,
  interval: number,
  listed: ReadonlyMap<number, number> | undefined,
): CountedDate[] {
  const studies = new Map<number, number>();
  for (const [day, count] of listed ?? []) {
    const date = Math.floor(day / interval);
    studies.set(date, (studies.get(date) ?? 0) + count);
  }
  return found.map((bucket) => {
    const date = bucket.key / interval;
    const value = date === 0 ? '' : String(date);
    const count = listed === undefined ? aboutStudies(bucket) : (studies.get(date) ?? 0);
    return { value, series: bucket.doc_count, studies: count };
  });
}
