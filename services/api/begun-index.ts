// An index into which nothing was ever brought is no index yet, as on one machine: whoever asks it is told to index an
// archive first, and not that nothing matches.
import type { HeaderElement } from '../../core/dicom/header-element.ts';
import { ditagError } from '../../core/errors/errors.ts';
import type {
  Facets,
  FacetsRequest,
  IndexStatistics,
  InstanceIndex,
  OrderedRows,
  OrderRequest,
  RowBatch,
  SeriesFile,
  SkippedFile,
} from '../../core/ports/instance-index.ts';
import type { Query } from '../../core/query/query.ts';

/** An index that throws `no-index` until it holds an archive. */
export class BegunIndex implements InstanceIndex {
  private readonly index: InstanceIndex;
  private readonly name: string;
  private readonly hasEntries: () => Promise<boolean>;

  /** @param name names it in the message @param hasEntries whether the record log, from which it is made, holds any */
  constructor(index: InstanceIndex, name: string, hasEntries: () => Promise<boolean>) {
    this.index = index;
    this.name = name;
    this.hasEntries = hasEntries;
  }

  async *search(query: Query): AsyncIterable<RowBatch> {
    let rows = 0;
    for await (const batch of this.index.search(query)) {
      rows += batch.rows;
      yield batch;
    }
    if (rows === 0) await this.refuseEmpty();
  }

  async count(query: Query): Promise<number> {
    const count = await this.index.count(query);
    if (count === 0) await this.refuseEmpty();
    return count;
  }

  async ordered(query: Query, request: OrderRequest): Promise<OrderedRows> {
    const rows = await this.index.ordered(query, request);
    if (rows.rows === 0) await this.refuseEmpty();
    return rows;
  }

  async facets(query: Query, request: FacetsRequest): Promise<Facets> {
    const facets = await this.index.facets(query, request);
    if (facets.series === 0) await this.refuseEmpty();
    return facets;
  }

  async statistics(): Promise<IndexStatistics> {
    const statistics = await this.index.statistics();
    if (statistics.archives.length === 0) await this.refuseEmpty();
    return statistics;
  }

  async *skippedFiles(): AsyncIterable<SkippedFile> {
    let files = 0;
    for await (const file of this.index.skippedFiles()) {
      files++;
      yield file;
    }
    if (files === 0) await this.refuseEmpty();
  }

  async *instancesOf(series: readonly string[]): AsyncIterable<readonly SeriesFile[]> {
    yield* this.batches(this.index.instancesOf(series));
  }

  async *everyFile(): AsyncIterable<readonly SeriesFile[]> {
    yield* this.batches(this.index.everyFile());
  }

  private async *batches(found: AsyncIterable<readonly SeriesFile[]>): AsyncIterable<readonly SeriesFile[]> {
    let batches = 0;
    for await (const batch of found) {
      batches++;
      yield batch;
    }
    if (batches === 0) await this.refuseEmpty();
  }

  async headerOf(SeriesInstanceUID: string): Promise<readonly HeaderElement[] | undefined> {
    const header = await this.index.headerOf(SeriesInstanceUID);
    if (header === undefined) await this.refuseEmpty();
    return header;
  }

  /** The index behind it is closed by whoever opened it: many requests share it. */
  async close(): Promise<void> {}

  /** Only an answer without rows asks: all others show that there is something. */
  private async refuseEmpty(): Promise<void> {
    if (!(await this.hasEntries())) throw ditagError('no-index', { database: this.name });
  }
}
