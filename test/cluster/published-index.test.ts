// Both adapters of PublishedIndex keep its contract: Elasticsearch's own, and the one that asks over NATS.
import { after } from 'node:test';
import { ElasticsearchPublishedIndex } from '../../adapters/elasticsearch/published-index.ts';
import { elasticsearchNode, testIndex } from '../../adapters/elasticsearch/test-index.ts';
import { NatsInstanceIndex } from '../../adapters/nats/index-client.ts';
import { NatsIndexServer } from '../../adapters/nats/index-server.ts';
import type { InstanceIndex } from '../../core/ports/instance-index.ts';
import { startElasticsearch } from '../../scripts/parts/elasticsearch-node.ts';
import { MissingPart } from '../../scripts/parts/parts.ts';
import { natsHere } from '../contracts/nats-here.ts';
import { publishedIndexContract } from '../contracts/published-index.ts';

const nats = natsHere({ after });
const node = await elasticsearchNode(startElasticsearch, MissingPart);

if (node !== undefined) {
  const stored = async () => {
    const { writer, prefix, client } = await testIndex(node);
    const own = client();
    const index = new ElasticsearchPublishedIndex(own, prefix);
    const close = async () => {
      await writer.close();
      await own.close();
    };
    return { index, put: writer.put.bind(writer), close };
  };
  publishedIndexContract('elasticsearch', stored);
  publishedIndexContract('nats', async () => {
    const [serving, asking] = await Promise.all([nats.open(), nats.open()]);
    const { index, put, close } = await stored();
    const server = new NatsIndexServer(serving.connection, {} as InstanceIndex, index, (error) => {
      throw error;
    });
    server.start();
    await serving.connection.flush();
    return {
      index: new NatsInstanceIndex(asking.connection, 'nats://test'),
      put,
      close: async () => {
        await server.stop();
        await close();
      },
    };
  });
}
