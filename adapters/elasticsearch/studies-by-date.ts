// How many studies there are at each StudyDate. Of some ten thousand series they are listed by a composite aggregation and
// counted: exact. Of a million that takes seconds, so beyond `MOST_LISTED` series
// Elasticsearch's `cardinality` says about how many there are, and the answer says so.
import type { estypes } from '@elastic/elasticsearch';
import { allOf, type Filter, noneOf, type SeriesReader } from './series-reader.ts';

/** Series whose studies are listed. */
export const MOST_LISTED = 30_000;
/** Studies of one page: a node gives out at most 65,536 values. */
const PAGE = 50_000;

/** A series without StudyInstanceUID is of no study. */
const OF_A_STUDY: Filter = noneOf([{ term: { StudyInstanceUID: '' } }]);
const SOURCES = [{ day: { terms: { field: 'date' } } }, { study: { terms: { field: 'StudyInstanceUID' } } }];
const ASKED_FOR = ['aggregations.found.buckets.key.day', 'aggregations.found.after_key'];

/** About how many studies a bucket has; 40,000 is the most precise that Elasticsearch offers. */
export const ABOUT_STUDIES: Record<string, estypes.AggregationsAggregationContainer> = {
  ofAStudy: {
    filter: OF_A_STUDY,
    aggs: { studies: { cardinality: { field: 'StudyInstanceUID', precision_threshold: 40_000 } } },
  },
};

/** What a bucket with `ABOUT_STUDIES` says. */
export function aboutStudies(bucket: object): number {
  return (bucket as { ofAStudy: { studies: { value: number } } }).ofAStudy.studies.value;
}

/** Exactly, by StudyDate as a number (20260131), 0 for series without one. */
export async function studiesByDay(reader: SeriesReader, filter: Filter, size = PAGE): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  let after: Record<string, string | number> | undefined;
  for (;;) {
    const composite = { size, sources: SOURCES, ...(after === undefined ? {} : { after }) };
    const asked = { found: { composite } };
    const { aggregations } = await reader.aggregate(asked, allOf([filter, OF_A_STUDY]), ASKED_FOR);
    const page = (aggregations['found']?.['buckets'] ?? []) as { key: { day: number } }[];
    for (const { key } of page) counts.set(key.day, (counts.get(key.day) ?? 0) + 1);
    if (page.length < size) return counts;
    after = aggregations['found']!['after_key'] as Record<string, string | number>;
  }
}
