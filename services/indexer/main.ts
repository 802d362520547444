// Starts an indexer: settings from the environment, the cluster's NATS server, and Elasticsearch.
import Type from 'typebox';
import { addressOf, elasticsearchClient, reachElasticsearch } from '../../adapters/elasticsearch/client.ts';
import { DEFAULT_PREFIX, ensureIndices, switchGeneration } from '../../adapters/elasticsearch/indices.ts';
import { ElasticsearchRecordIndex } from '../../adapters/elasticsearch/record-index.ts';
import { serveHealth } from '../../adapters/http/health-server.ts';
import { NatsFailedMessages } from '../../adapters/nats/failed-messages.ts';
import { NatsIndexGenerations } from '../../adapters/nats/index-generations.ts';
import { NatsRecordFeed } from '../../adapters/nats/record-feed.ts';
import { NatsRecordLog } from '../../adapters/nats/record-log.ts';
import { openServiceCluster, tellDrift } from '../../adapters/nats/service-cluster.ts';
import { runService } from '../../adapters/process/run-service.ts';
import {
  ElasticsearchVariables,
  elasticsearchSettings,
  HttpVariables,
  NatsVariables,
  natsSettings,
  readSettings,
} from '../../core/settings/settings.ts';
import { Indexer } from './app.ts';
import { GenerationKeeper } from './generations.ts';

const VARIABLES = Type.Object({
  ...NatsVariables.properties,
  ...ElasticsearchVariables.properties,
  ...HttpVariables.properties,
});

await runService('indexer', async ({ logger, waitFor }) => {
  const set = readSettings(VARIABLES, process.env);
  const address = addressOf(elasticsearchSettings(set));
  const replicas = Number(set.DITAG_REPLICAS ?? 1);
  const cluster = await openServiceCluster(natsSettings(set), 'indexer', replicas, logger);
  const failed = new NatsFailedMessages(cluster);
  const keeper = new GenerationKeeper({
    generations: await NatsIndexGenerations.open(cluster, replicas),
    log: new NatsRecordLog(cluster),
    logger,
    open: async (number) => {
      const client = elasticsearchClient(address);
      const generation = { prefix: DEFAULT_PREFIX, generation: number };
      await ensureIndices(client, generation);
      const index = new ElasticsearchRecordIndex(client, generation);
      const feed = new NatsRecordFeed(
        cluster,
        async () => number,
        (sequence, reason) => failed.add('records', sequence, reason),
        tellDrift(logger),
      );
      return {
        indexer: new Indexer({ feed, index, failed, logger }),
        feed,
        answer: async () => {
          await index.refresh();
          await switchGeneration(client, generation);
        },
        close: () => index.close(),
      };
    },
  });
  const asking = elasticsearchClient(address);
  await waitFor('Elasticsearch', () => reachElasticsearch(asking, address));
  const health = await serveHealth(set, {
    isReady: async () => {
      await reachElasticsearch(asking, address);
      return !cluster.connection.isClosed();
    },
    numbers: () => {
      const { entries, refused, retries } = keeper.counts();
      return {
        ditag_indexer_entries_total: { help: 'Log entries that the index has taken', value: entries },
        ditag_indexer_refused_total: { help: 'Log entries that were put aside', value: refused },
        ditag_indexer_retries_total: { help: 'Batches that the index did not take', value: retries },
      };
    },
  });
  return {
    run: (ready) => {
      ready();
      return keeper.run();
    },
    stop: async () => {
      await health.stop();
      await keeper.stop();
      await cluster.close();
      await asking.close();
    },
  };
});
