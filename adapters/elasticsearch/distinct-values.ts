// The distinct values of the indexed attributes, kept in memory between queries: what was added since is read before
// each one. They are a superset of the values in use. They are written by value-writes.ts.
import { type Client, errors, type estypes } from '@elastic/elasticsearch';

const PAGE = 10_000;
/** Documents that may have got a lower number than one that was seen, and show later: writes that were under way. */
const UNDER_WAY = 20_000;
/** Milliseconds after which none of them is under way any more. */
const SETTLED = 60_000;

/** The values of one attribute as they are known. */
interface Known {
  readonly values: Set<string>;
  /** The greatest number of a document that was seen. */
  last: number;
  /** When it was first seen. */
  seenAt: number;
}

/** Of one generation of the index. */
export class DistinctValues {
  private readonly client: Client;
  readonly index: string;
  private readonly known = new Map<number, Known>();

  constructor(client: Client, index: string) {
    this.client = client;
    this.index = index;
  }

  /** Lets the values show that were written before now; so no series can show whose values do not. */
  async refresh(): Promise<void> {
    try {
      await this.client.indices.refresh({ index: this.index });
    } catch (error) {
      // One who may only read sees new values when the index refreshes by itself.
      if (!(error instanceof errors.ResponseError && error.statusCode === 403)) throw error;
    }
  }

  /** All values of an attribute but the empty one. */
  async of(attribute: number): Promise<ReadonlySet<string>> {
    let known = this.known.get(attribute);
    if (known === undefined) {
      known = { values: new Set(), last: -1, seenAt: 0 };
      this.known.set(attribute, known);
    }
    const isSettled = performance.now() - known.seenAt > SETTLED;
    const from = isSettled ? known.last + 1 : Math.max(known.last - UNDER_WAY, 0);
    let after: estypes.SortResults | undefined;
    for (;;) {
      const { hits } = await this.client.search<never>({
        index: this.index,
        size: PAGE,
        query: { bool: { filter: [{ term: { attribute } }, { range: { _seq_no: { gte: from } } }] } },
        sort: [{ _seq_no: 'asc' }],
        _source: false,
        docvalue_fields: ['value'],
        track_total_hits: false,
        ...(after === undefined ? {} : { search_after: after }),
        filter_path: ['hits.hits.sort', 'hits.hits.fields'],
      });
      const page = hits?.hits ?? [];
      for (const { sort, fields } of page) {
        known.values.add((fields as { value: string[] }).value[0]!);
        if ((sort![0] as number) <= known.last) continue;
        known.last = sort![0] as number;
        known.seenAt = performance.now();
      }
      if (page.length < PAGE) return known.values;
      after = page.at(-1)!.sort;
    }
  }
}
