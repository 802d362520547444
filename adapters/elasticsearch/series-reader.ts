// One state of the series index, for as long as an answer takes: a point in time, asked for pages of series in the
// order of answers, for distinct values of a field, and for numbers. It is closed also when the reader stops early.
import type { Client, estypes } from '@elastic/elasticsearch';

export type Filter = estypes.QueryDslQueryContainer;

/** One series of a page. */
export interface SeriesHit {
  readonly SeriesInstanceUID: string;
  /** Values of the fields that were asked for. */
  readonly fields: Readonly<Record<string, readonly string[]>>;
  /** Names of the named filters that it meets. */
  readonly named: readonly string[];
}

/** One with the values by which it was ordered. */
export interface OrderedHit extends SeriesHit {
  readonly sort: estypes.SortResults;
}

/** By which fields series come, and behind which. */
export interface OrderOfHits {
  readonly sort: estypes.SortCombinations[];
  readonly after: estypes.SortResults | undefined;
  readonly size: number;
}

/** What of the series is wanted. */
export interface PageRequest {
  readonly filter: Filter;
  /** Filters that are not demanded: the hit says whether it meets them. */
  readonly named?: Readonly<Record<string, Filter>>;
  readonly stored?: readonly string[];
  readonly docValues?: readonly string[];
}

/** Series of the first page, which a person waits for, and of the others. */
export interface PageSizes {
  readonly first: number;
  readonly others: number;
}

/** A point in time without an answer is kept as long: a slow reader takes its next page within this. */
const KEEP_ALIVE = '15m';
/** Distinct values of one request: a node gives out at most 65,536. */
const MOST_VALUES = 50_000;

export class SeriesReader {
  private readonly client: Client;
  private pit: string;

  private constructor(client: Client, pit: string) {
    this.client = client;
    this.pit = pit;
  }

  /** @param index name of the series index. */
  static async open(client: Client, index: string): Promise<SeriesReader> {
    const { id } = await client.openPointInTime({ index, keep_alive: KEEP_ALIVE });
    return new SeriesReader(client, id);
  }

  async close(): Promise<void> {
    try {
      await this.client.closePointInTime({ id: this.pit });
    } catch {
      // It ends by itself.
    }
  }

  /** Pages of living series by StudyDate, then SeriesInstanceUID. */
  async *pages(request: PageRequest, sizes: PageSizes): AsyncIterable<SeriesHit[]> {
    const order = (size: number, after: estypes.SortResults | undefined): OrderOfHits => {
      return { sort: [{ date: 'asc' }, { SeriesInstanceUID: 'asc' }], after, size };
    };
    const first = await this.hits(request, order(sizes.first, undefined));
    if (first.length > 0) yield first;
    if (first.length < sizes.first) return;
    // Whoever wants more than the first page mostly wants all: the next one is looked for while this one is taken.
    const size = sizes.others;
    let coming = this.hits(request, order(size, first.at(-1)!.sort));
    for (;;) {
      const page = await coming;
      const isLast = page.length < size;
      if (!isLast) {
        coming = this.hits(request, order(size, page.at(-1)!.sort));
        // Where nobody wants it any more, nobody hears of its failure.
        coming.catch(() => {});
      }
      if (page.length > 0) yield page;
      if (isLast) return;
    }
  }

  /** Living series in an order, from behind a place on, page by page. Each has its sort values. */
  async *ordered(request: PageRequest, { sort, after, size }: OrderOfHits): AsyncIterable<OrderedHit[]> {
    for (let from = after; ; ) {
      const page = await this.hits(request, { sort, after: from, size });
      if (page.length > 0) yield page;
      if (page.length < size) return;
      from = page.at(-1)!.sort;
    }
  }

  /** Number of living series. */
  async count(filter: Filter): Promise<number> {
    const { hits } = await this.search({
      size: 0,
      query: { bool: { filter: [LIVING, filter] } },
      track_total_hits: true,
      filter_path: ['pit_id', 'hits.total'],
    });
    return (hits.total as estypes.SearchTotalHits).value;
  }

  /**
   * Aggregations over the living series, or those of them that a filter lets through.
   * @param only paths of the answer that are wanted: a long one takes its time to be written and read.
   */
  async aggregate(
    aggregations: Record<string, estypes.AggregationsAggregationContainer>,
    filter: Filter = EVERY,
    only: readonly string[] = ['aggregations'],
  ) {
    const found = await this.search({
      size: 0,
      query: { bool: { filter: [LIVING, filter] } },
      aggregations,
      track_total_hits: true,
      filter_path: ['pit_id', 'hits.total', ...only],
    });
    return {
      total: (found.hits.total as estypes.SearchTotalHits).value,
      aggregations: (found.aggregations ?? {}) as Record<string, Record<string, unknown>>,
    };
  }

  /**
   * All distinct values of a keyword field of the living series, or those that begin with `prefix`; `most` of one
   * request.
   */
  async distinct(
    field: string,
    { prefix = '', most = MOST_VALUES }: { readonly prefix?: string; readonly most?: number } = {},
  ): Promise<string[]> {
    const include = prefix === '' ? {} : { include: `${prefix.replace(/[^A-Za-z0-9]/gu, '\\$&')}.*` };
    const { aggregations } = await this.aggregate({ values: { terms: { field, size: most, ...include } } });
    const buckets = aggregations['values']!['buckets'] as { key: string }[];
    if (buckets.length < most) return buckets.map(({ key }) => key);
    // Too many for one request: page by page, in order, from the prefix on.
    const values: string[] = [];
    for (let after = prefix; ; ) {
      const sources = [{ value: { terms: { field } } }];
      const page = await this.aggregate({ values: { composite: { size: most, sources, after: { value: after } } } });
      const found = page.aggregations['values']!['buckets'] as { key: { value: string } }[];
      for (const { key } of found) {
        if (!key.value.startsWith(prefix)) return values;
        values.push(key.value);
      }
      if (found.length < most) return values;
      after = found.at(-1)!.key.value;
    }
  }

  /** The SeriesInstanceUID has to be the last of the sort. */
  private async hits(
    { filter, named = {}, stored = [], docValues = [] }: PageRequest,
    { sort, after, size }: OrderOfHits,
  ): Promise<OrderedHit[]> {
    const should = Object.entries(named).map(([_name, wanted]) => ({ bool: { _name, filter: [wanted] } }));
    const { hits } = await this.search({
      size,
      query: {
        bool: { filter: [LIVING, filter], ...(should.length === 0 ? {} : { should, minimum_should_match: 0 }) },
      },
      sort,
      _source: false,
      ...(stored.length === 0 ? {} : { stored_fields: [...stored] }),
      ...(docValues.length === 0 ? {} : { docvalue_fields: [...docValues] }),
      ...(after === undefined ? {} : { search_after: after }),
      track_total_hits: false,
      filter_path: ['pit_id', 'hits.hits.sort', 'hits.hits.fields', 'hits.hits.matched_queries'],
    });
    return (hits?.hits ?? []).map(({ sort: found, fields = {}, matched_queries }) => ({
      // Behind those asked for is one of Elasticsearch's own.
      SeriesInstanceUID: found![sort.length - 1] as string,
      fields,
      named: (matched_queries ?? []) as string[],
      sort: found!,
    }));
  }

  private async search(request: estypes.SearchRequest) {
    const found = await this.client.search<never>({ ...request, pit: { id: this.pit, keep_alive: KEEP_ALIVE } });
    if (found.pit_id !== undefined) this.pit = found.pit_id;
    return found;
  }
}

const LIVING: Filter = { term: { alive: true } };

/** Matches every series, and none. */
export const EVERY: Filter = { match_all: {} };
export const NONE: Filter = { match_none: {} };

export function allOf(filters: readonly Filter[]): Filter {
  return { bool: { filter: [...filters] } };
}

export function anyOf(filters: readonly Filter[]): Filter {
  return filters.length === 0 ? NONE : { bool: { should: [...filters], minimum_should_match: 1 } };
}

export function noneOf(filters: readonly Filter[]): Filter {
  return { bool: { must_not: [...filters] } };
}
