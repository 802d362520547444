/**
 * The cluster that `cluster-query`, `page` and `export` ask: 1,000,000 series in
 * Elasticsearch, written directly and kept for the next run. What a scan would
 * have written is that of `es-index`.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { elasticsearchClient } from '../adapters/elasticsearch/client.ts';
import { DEFAULT_PREFIX, ensureIndices, indexNames } from '../adapters/elasticsearch/indices.ts';
import { ElasticsearchRecordIndex } from '../adapters/elasticsearch/record-index.ts';
import type { LogEntry, LoggedEntry } from '../core/ports/record-log.ts';
import type { BenchCluster } from './cluster-parts.ts';
import { type BenchOptions, scaled, workingFolder } from './options.ts';
import type { SyntheticShape } from './synthetic-data.ts';
import { syntheticArchive, syntheticEntry } from './synthetic-entries.ts';

/** To be raised with every change of the data or of the documents, so that older indices are made anew. */
const generation = 4;
const atATime = 500;
export const archiveEntry: LogEntry = {
  entry: 'archive',
  archive: syntheticArchive,
  indexedAt: new Date(0).toISOString(),
};

/** The series of the cluster. */
function clusterShape(options: BenchOptions): SyntheticShape {
  // Few files, which no query reads.
  return { series: scaled(options, 1_000_000, 1_000), fullHeaders: 0, meanFiles: 1, seed: 5 };
}

/** The folder of the cluster's state, made; `mark` is there once it is filled. */
export function clusterState(options: BenchOptions): { folder: string; mark: string; shape: SyntheticShape } {
  const shape = clusterShape(options);
  const folder = join(workingFolder(options, 'clusters'), `query-${generation}-${shape.series}`);
  const mark = join(folder, 'filled');
  if (!existsSync(mark)) rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return { folder, mark, shape };
}

/** Fills the index of the cluster with the series of `shape`, unless that was done in an earlier run. */
export async function fillCluster(bench: BenchCluster, shape: SyntheticShape, mark: string): Promise<void> {
  if (existsSync(mark)) return;
  console.error(`Writing an index of ${shape.series.toLocaleString('en-US')} series`);
  const client = elasticsearchClient({ node: bench.cluster.addresses.elasticsearch });
  const index = new ElasticsearchRecordIndex(client, { generation: 1 });
  try {
    // The indexer may not have made them yet, and Elasticsearch would make others of its own.
    await ensureIndices(client, { prefix: DEFAULT_PREFIX, generation: 1 });
    let batch: LoggedEntry[] = [{ sequence: 1, entry: archiveEntry }];
    for (let number = 0; number < shape.series; number++) {
      batch.push({ sequence: number + 2, entry: syntheticEntry(shape, number).entry });
      if (batch.length < atATime && number < shape.series - 1) continue;
      const refused = await index.put(batch);
      if (refused.length > 0) throw new Error(`refused: ${refused[0]!.reason}`);
      batch = [];
    }
    const names = Object.values(indexNames({ prefix: DEFAULT_PREFIX, generation: 1 }));
    await client.indices.forcemerge({ index: names, max_num_segments: 1 });
    await index.refresh();
    await client.indices.flush({ index: names });
  } finally {
    await index.close();
  }
  writeFileSync(mark, '');
}
