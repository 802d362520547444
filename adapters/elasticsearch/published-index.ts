// The port PublishedIndex over Elasticsearch: what the end of a scan asks of the index.
import type { Client } from '@elastic/elasticsearch';
import { DitagError } from '../../core/errors/errors.ts';
import { filesBySeries } from '../../core/instance/series-files.ts';
import type { ArchiveTotals, ChunkInstances, PublishedIndex } from '../../core/ports/published-index.ts';
import { FolderReader } from './folder-reader.ts';
import { answeringIndices, DEFAULT_PREFIX, type IndexNames } from './indices.ts';
import { chunksWith } from './series-files.ts';
import { type Aggregate, archiveStatistics, countDistinct } from './statistics.ts';

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
    const wanted = new Set(series);
    const found: ChunkInstances[] = [];
    const reader = await FolderReader.open(this.client, names.folders);
    try {
      for await (const { folder, chunk, record } of reader.chunks(chunksWith([archive, wanted]))) {
        for (const [SeriesInstanceUID, files] of filesBySeries(record, wanted)) {
          const SOPInstanceUIDs = files.map((file) => file.SOPInstanceUID);
          found.push({ SeriesInstanceUID, folder, chunk, SOPInstanceUIDs });
        }
      }
    } finally {
      await reader.close();
    }
    return found;
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
