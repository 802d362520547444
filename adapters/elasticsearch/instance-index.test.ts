// The Elasticsearch adapter passes the contract of InstanceIndex.

import { startElasticsearch } from '../../scripts/parts/elasticsearch-node.ts';
import { MissingPart } from '../../scripts/parts/parts.ts';
import { instanceIndexContract } from '../../test/contracts/instance-index.ts';
import { ElasticsearchInstanceIndex } from './instance-index.ts';
import { chunkEntry, elasticsearchNode, testIndex } from './test-index.ts';

const node = await elasticsearchNode(startElasticsearch, MissingPart);
if (node !== undefined) {
  instanceIndexContract('elasticsearch', async (series) => {
    const { writer, prefix, client } = await testIndex(node);
    const archive = { name: 'archive', number: 1 };
    const entries = series.map((one, i) => chunkEntry(i + 1, archive, `s${i}`, [one]));
    await writer.put(entries);
    await writer.put([
      { sequence: entries.length + 1, entry: { entry: 'archive', archive, indexedAt: '2026-01-31T00:00:00.000Z' } },
    ]);
    await writer.refresh();
    await writer.close();
    // Pages smaller than the answers.
    return new ElasticsearchInstanceIndex(client(), { prefix, pages: { first: 50, others: 170 } });
  });
}
