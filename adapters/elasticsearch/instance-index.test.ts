// The Elasticsearch adapter passes the contract of InstanceIndex.

import type { ArchiveIdentity, LogEntry, LoggedEntry } from '../../core/ports/record-log.ts';
import { startElasticsearch } from '../../scripts/parts/elasticsearch-node.ts';
import { MissingPart } from '../../scripts/parts/parts.ts';
import { instanceIndexContract } from '../../test/contracts/instance-index.ts';
import type { ScanStep } from '../../test/contracts/scans.ts';
import { ElasticsearchInstanceIndex } from './instance-index.ts';
import { elasticsearchNode, testIndex } from './test-index.ts';

const node = await elasticsearchNode(startElasticsearch, MissingPart);
if (node !== undefined) {
  instanceIndexContract('elasticsearch', async (scans) => {
    const { writer, prefix, client } = await testIndex(node);
    await writer.put(entriesOf(scans));
    await writer.refresh();
    await writer.close();
    // Pages smaller than the answers.
    return new ElasticsearchInstanceIndex(client(), { prefix, pages: { first: 50, others: 170 } });
  });
}

/** What the log holds after some scans. */
function entriesOf(scans: readonly ScanStep[]): LoggedEntry[] {
  const numbers = new Map<string, number>();
  const entries: LogEntry[] = [];
  for (const { archive: name, chunks, gone } of scans) {
    const identity = (archive: string): ArchiveIdentity => ({ name: archive, number: numbers.get(archive)! });
    if (!numbers.has(name)) numbers.set(name, numbers.size + 1);
    for (const { folder, chunk, record, headers } of chunks)
      entries.push({ entry: 'chunk', archive: identity(name), folder, chunk, record, headers });
    for (const {
      archive,
      chunk: { folder, chunk },
    } of gone)
      entries.push({ entry: 'chunk', archive: identity(archive), folder, chunk, record: undefined, headers: [] });
    for (const removed of new Set(gone.map(({ archive }) => archive)))
      if (removed !== name) entries.push({ entry: 'archive', archive: identity(removed), indexedAt: undefined });
    entries.push({ entry: 'archive', archive: identity(name), indexedAt: '2026-01-31T00:00:00.000Z' });
  }
  return entries.map((entry, i) => ({ sequence: i + 1, entry }));
}
