// One state of the series index, for as long as an answer takes: a point in time, asked for pages of series in the
// order of answers, for distinct values of a field, and for numbers. It is closed also when the reader stops early.
import type { Client, estypes } from '@elastic/elasticsearch';

import { type DatePart, datePartsOf, MONTH } from './date-parts.ts';

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
  readonly docValues?: readonly string[];
}

/** Series of the first page, which a person waits for, and of the others. */
export interface PageSizes {
  readonly first: number;
  readonly others: number;
}

/** A point in time without an answer is kept as long: a slow reader takes its next page within this. */
const KEEP_ALIVE = '15m';
/** Characters of JSON. */
const LARGE_FILTER = 500_000;
/** What Elasticsearch gives out at once. */
const MOST_OF_A_PAGE = 10_000;
/** Parts of an answer that are looked for at a time. */
const AT_A_TIME = 2;
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
  async *pages(request: PageRequest, { first, others: usual }: PageSizes): AsyncIterable<SeriesHit[]> {
    let page = await this.byDate(request, first);
    if (page.length > 0) yield page;
    if (page.length < first) return;
    const others = sizeFor(request.filter, usual);
    // Whoever wants more than the first page mostly wants all.
    const after = page.at(-1)!.sort;
    const parts = unheard(this.dateParts(request.filter, after[0] as number, others));
    page = await this.byDate(request, others, { after });
    if (page.length < others) {
      if (page.length > 0) yield page;
      return;
    }
    yield* this.inParts(request, await parts, others, page);
  }

  /** @param first the page that was asked for before it was known which parts there are */
  private async *inParts(
    request: PageRequest,
    parts: readonly DatePart[],
    size: number,
    first: OrderedHit[],
  ): AsyncIterable<SeriesHit[]> {
    const after = first.at(-1)!.sort;
    const left = parts.filter(({ before }) => before === undefined || before > (after[0] as number));
    const begin = ({ from, before }: DatePart) => {
      const isAhead = from !== undefined && from > (after[0] as number);
      // No UID stands before ''.
      return unheard(this.byDate(request, size, { after: isAhead ? [from, ''] : after, before }));
    };
    const begun: Promise<OrderedHit[]>[] = [];
    const ahead = (count: number) => {
      while (begun.length < Math.min(count, left.length)) begun.push(begin(left[begun.length]!));
    };
    ahead(AT_A_TIME);
    yield first;
    for (const [i, { before }] of left.entries()) {
      ahead(i + AT_A_TIME);
      let page = await begun[i]!;
      // What is given out is not held any longer.
      begun[i] = Promise.resolve([]);
      while (page.length > 0) {
        const isLast = page.length < size;
        const next = isLast ? undefined : unheard(this.byDate(request, size, { after: page.at(-1)!.sort, before }));
        // While this page is taken as many are looked for as before.
        if (isLast) ahead(i + 1 + AT_A_TIME);
        yield page;
        page = (await next) ?? [];
      }
    }
  }

  /** A page by StudyDate, then SeriesInstanceUID. @param before only of earlier dates */
  private byDate(
    request: PageRequest,
    size: number,
    { after, before }: { readonly after?: estypes.SortResults; readonly before?: number | undefined } = {},
  ): Promise<OrderedHit[]> {
    const range = {
      ...(after === undefined ? {} : { gte: after[0] as number }),
      ...(before === undefined ? {} : { lt: before }),
    };
    const filter =
      Object.keys(range).length === 0 ? request.filter : allOf([request.filter, { range: { date: range } }]);
    return this.hits({ ...request, filter }, { sort: [{ date: 'asc' }, { SeriesInstanceUID: 'asc' }], after, size });
  }

  /** From a date on. */
  private async dateParts(filter: Filter, from: number, size: number): Promise<DatePart[]> {
    const months = { histogram: { field: 'date', interval: MONTH, min_doc_count: 1 } };
    const { aggregations } = await this.aggregate({ months }, allOf([filter, { range: { date: { gte: from } } }]));
    const buckets = aggregations['months']!['buckets'] as { key: number; doc_count: number }[];
    return datePartsOf(
      buckets.map(({ key: month, doc_count: series }) => ({ month, series })),
      size,
    );
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
    { filter, named = {}, docValues = [] }: PageRequest,
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
      // Not even the document's identifier, which stands among them.
      stored_fields: '_none_',
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

/** A filter of tens of thousands of values is read anew for each page, so there are fewer of them. */
function sizeFor(filter: Filter, usual: number): number {
  return JSON.stringify(filter).length > LARGE_FILTER ? Math.min(MOST_OF_A_PAGE, 2 * usual) : usual;
}

/** Where nobody wants it any more, nobody hears of its failure. */
function unheard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
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
