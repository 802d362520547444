// The port PublishedIndex over Elasticsearch: what the end of a scan asks of the index.
import type { Client, estypes } from '@elastic/elasticsearch';
import { DitagError } from '../../core/errors/errors.ts';
import type { ArchiveTotals, ChunkInstances, PublishedIndex } from '../../core/ports/published-index.ts';
import { recordOfFolder } from './folder-document.ts';
import { answeringIndices, DEFAULT_PREFIX, type IndexNames } from './indices.ts';
import { type Aggregate, archiveStatistics, countDistinct } from './statistics.ts';

/** Chunks that are read at once. */
const PAGE = 100;

export class ElasticsearchPublishedIndex implements PublishedIndex {
  private readonly client: Client;
  private readonly prefix: string;

  /** @param prefix what the names of the indices start with */
  constructor(client: Client, prefix: string = DEFAULT_PREFIX) {
    this.client = client;
    this.prefix = prefix;
  }

  async refresh(): Promise<void> {
    const names = await this.names();
    if (names !== undefined) await this.client.indices.refresh({ index: Object.values(names) });
  }

  async instances(archive: string, series: readonly string[]): Promise<readonly ChunkInstances[]> {
    const names = await this.names();
    if (names === undefined) return [];
    const filter = [{ term: { archive } }, { terms: { series: [...series] } }, { term: { gone: false } }];
    const wanted = new Set(series);
    const found: ChunkInstances[] = [];
    let after: estypes.SortResults | undefined;
    for (;;) {
      const { hits } = await this.client.search<{ path: string; bits: number; index: number; record: string }>({
        index: names.folders,
        size: PAGE,
        query: { bool: { filter } },
        sort: [{ path: 'asc' }, { index: 'asc' }],
        _source: ['path', 'bits', 'index', 'record'],
        track_total_hits: false,
        ...(after === undefined ? {} : { search_after: after }),
      });
      for (const { _source } of hits.hits) {
        const { path: folder, bits, index, record } = _source!;
        const { kinds, series: all, files } = recordOfFolder({ record })!;
        for (const SeriesInstanceUID of all.filter((uid) => wanted.has(uid))) {
          const own = files.filter((file) => all[kinds[file.kind]!.series] === SeriesInstanceUID);
          const SOPInstanceUIDs = own.map((file) => file.SOPInstanceUID);
          found.push({ SeriesInstanceUID, folder, chunk: { bits, index }, SOPInstanceUIDs });
        }
      }
      if (hits.hits.length < PAGE) return found;
      after = hits.hits.at(-1)!.sort;
    }
  }

  async totals(archive: string): Promise<ArchiveTotals> {
    const names = await this.names();
    if (names === undefined) return { files: 0, instances: 0, series: 0, studies: 0, skipped: {} };
    const query = { bool: { filter: [{ term: { alive: true } }, { term: { archives: archive } }] } };
    const aggregate: Aggregate = async (aggregations) => {
      const found = await this.client.search({ index: names.series, size: 0, query, aggregations });
      return found.aggregations as Record<string, Record<string, unknown>>;
    };
    const own = (await archiveStatistics(this.client, names)).find(({ name }) => name === archive);
    const { count } = await this.client.count({ index: names.series, query });
    return {
      files: own?.files ?? 0,
      instances: own?.instances ?? 0,
      series: count,
      studies: await countDistinct(aggregate, 'StudyInstanceUID'),
      skipped: own?.skipped ?? {},
    };
  }

  /** Undefined while no indexer has begun. */
  private async names(): Promise<IndexNames | undefined> {
    try {
      return await answeringIndices(this.client, this.prefix);
    } catch (error) {
      if (error instanceof DitagError && error.code === 'no-index') return undefined;
      throw error;
    }
  }
}
