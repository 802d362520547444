// Starts the API: settings from the environment, Elasticsearch behind it, NATS and HTTP in front of it.
import Type from 'typebox';
import { addressOf, elasticsearchClient, reachElasticsearch } from '../../adapters/elasticsearch/client.ts';
import { DEFAULT_PREFIX } from '../../adapters/elasticsearch/indices.ts';
import { ElasticsearchInstanceIndex } from '../../adapters/elasticsearch/instance-index.ts';
import { ElasticsearchPublishedIndex } from '../../adapters/elasticsearch/published-index.ts';
import { addHealth } from '../../adapters/http/health-server.ts';
import { openCluster } from '../../adapters/nats/connection.ts';
import { NatsIndexServer } from '../../adapters/nats/index-server.ts';
import { NatsRecordLog } from '../../adapters/nats/record-log.ts';
import { runService } from '../../adapters/process/run-service.ts';
import { DitagError } from '../../core/errors/errors.ts';
import {
  ElasticsearchVariables,
  elasticsearchSettings,
  HttpVariables,
  NatsVariables,
  natsSettings,
  readSettings,
} from '../../core/settings/settings.ts';
import { buildApi, isLoopback } from './app.ts';
import { BegunIndex } from './begun-index.ts';

const VARIABLES = Type.Object({
  ...NatsVariables.properties,
  ...ElasticsearchVariables.properties,
  ...HttpVariables.properties,
});

await runService('api', async ({ logger, waitFor }) => {
  const set = readSettings(VARIABLES, process.env);
  const cluster = await openCluster(natsSettings(set), 'ditag api', (reason) =>
    logger.warn({ reason }, 'NATS does not answer yet'),
  );
  const address = addressOf(elasticsearchSettings(set));
  const client = elasticsearchClient(address);
  await waitFor('Elasticsearch', () => reachElasticsearch(client, address));
  const log = new NatsRecordLog(cluster);
  const elasticsearch = new ElasticsearchInstanceIndex(client);
  const index = new BegunIndex(elasticsearch, `${DEFAULT_PREFIX}-series`, async () => (await log.end()) > 0);
  const requests = new NatsIndexServer(cluster.connection, index, new ElasticsearchPublishedIndex(client), (error) => {
    if (!(error instanceof DitagError)) logger.warn({ reason: (error as Error).message }, 'a request failed');
  });
  const host = set.DITAG_HTTP_HOST ?? '127.0.0.1';
  const server = buildApi({ open: async () => index, isLocal: isLoopback(host) });
  addHealth(server, {
    isReady: async () => {
      await reachElasticsearch(client, address);
      return !cluster.connection.isClosed();
    },
    numbers: () => ({}),
  });
  let end: () => void = () => {};
  return {
    run: async (ready) => {
      if (set.DITAG_HTTP_PORT !== undefined) {
        await server.listen({ host, port: Number(set.DITAG_HTTP_PORT) });
      }
      requests.start();
      // The server knows of the subscriptions when it has answered.
      await cluster.connection.flush();
      ready();
      await new Promise<void>((resolve) => (end = resolve));
    },
    stop: async () => {
      await requests.stop();
      await server.close();
      await cluster.close();
      await elasticsearch.close();
      end();
    },
  };
});
