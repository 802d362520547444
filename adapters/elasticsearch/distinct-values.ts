// The distinct values of the indexed attributes, kept in memory between queries: what was added since is read before
// each one. They are a superset of the values in use. They are written by value-writes.ts.
import { type Client, errors, type estypes } from '@elastic/elasticsearch';
import { KnownValues } from './known-values.ts';

const PAGE = 5_000;
/** Where it cannot be asked: documents that may have got a lower number than one that was seen, and show later. */
const UNDER_WAY = 20_000;
/** Milliseconds after which none of them is under way any more. */
const SETTLED = 60_000;

/** The values of one attribute as they are known. */
interface Known {
  readonly values: KnownValues;
  /** Who reads the next ones: one at a time. */
  reading: Promise<void>;
  /** The greatest number of a document that was seen. */
  last: number;
  /** When it was first seen. */
  seenAt: number;
  /** All documents up to this number were seen. */
  whole: number;
}

/** What of the values there is at a moment, where it can be asked. */
export interface ValuesNow {
  /** All documents up to this number show after a refresh. */
  checkpoint: number | undefined;
  /** The greatest number that was given out. */
  readonly greatest: number | undefined;
  refreshed: Promise<unknown> | undefined;
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

  /** The values as they are now: no series that shows by now can have one that is not among them. */
  async now(): Promise<ValuesNow> {
    // Numbers are given one by one, but writes end in any order: none up to the checkpoint is under way. Those up to the
    // global one are on the disk, too; above it a node that was killed may give a number to another document.
    const { global_checkpoint: checkpoint, max_seq_no: greatest } = (await this.numbers()) ?? {};
    return { checkpoint, greatest, refreshed: undefined };
  }

  /** Lets show what was written before; who may only read sees that when the index refreshes by itself. */
  private async refresh(now: ValuesNow): Promise<void> {
    now.refreshed ??= unlessForbidden(this.client.indices.refresh({ index: this.index }));
    if ((await now.refreshed) === undefined) now.checkpoint = undefined;
  }

  private async numbers(): Promise<estypes.IndicesStatsShardSequenceNumber | undefined> {
    const stats = await unlessForbidden(
      this.client.indices.stats({
        ...{ index: this.index, metric: 'docs', level: 'shards' },
        filter_path: ['indices.*.shards.*.seq_no', 'indices.*.shards.*.routing.primary'],
      }),
    );
    const indices = stats?.indices;
    const shards = Object.values(indices?.[this.index]?.shards ?? {}).flat();
    const primaries = shards.filter(({ routing }) => routing?.primary === true);
    // Each shard numbers its own.
    return primaries.length === 1 ? primaries[0]!.seq_no : undefined;
  }

  /** All values of an attribute, and the empty one. */
  async of(attribute: number, now: ValuesNow): Promise<KnownValues> {
    let known = this.known.get(attribute);
    if (known === undefined) {
      known = { values: new KnownValues(), reading: Promise.resolve(), last: -1, seenAt: 0, whole: -1 };
      this.known.set(attribute, known);
    }
    const { reading } = known;
    const own = reading.then(async () => {
      // Mostly nothing was written since.
      if (now.greatest !== undefined && now.greatest === now.checkpoint && now.greatest <= known.whole) return;
      await this.refresh(now);
      await this.read(attribute, known, now.checkpoint);
    });
    // Who comes next reads what this one could not.
    known.reading = own.catch(() => {});
    await own;
    return known.values;
  }

  private async read(attribute: number, known: Known, checkpoint = -1): Promise<void> {
    const isSettled = performance.now() - known.seenAt > SETTLED;
    const usual = isSettled ? known.last + 1 : Math.max(known.last - UNDER_WAY, 0);
    const from = Math.max(usual, known.whole + 1);
    known.values.settle(from - 1);
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
        const number = sort![0] as number;
        known.values.add((fields as { value: string[] }).value[0]!, number);
        if (number <= known.last) continue;
        known.last = number;
        known.seenAt = performance.now();
      }
      after = page.at(-1)?.sort;
      const isLast = page.length < PAGE;
      known.whole = Math.max(known.whole, isLast ? checkpoint : Math.min(checkpoint, after![0] as number));
      known.values.settle(known.whole);
      if (isLast) return;
    }
  }
}

/** Undefined for one who may not ask this. */
async function unlessForbidden<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof errors.ResponseError && error.statusCode === 403) return undefined;
    throw error;
  }
}
