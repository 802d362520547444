// Starts the API: settings from the environment, Elasticsearch behind it, NATS and HTTP in front of it.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import v8 from 'node:v8';
import Type, { type Static } from 'typebox';
import { addressOf, elasticsearchClient, reachElasticsearch } from '../../adapters/elasticsearch/client.ts';
import { DEFAULT_PREFIX } from '../../adapters/elasticsearch/indices.ts';
import { ElasticsearchInstanceIndex } from '../../adapters/elasticsearch/instance-index.ts';
import { ElasticsearchPublishedIndex } from '../../adapters/elasticsearch/published-index.ts';
import { FilesystemInstanceFiles } from '../../adapters/filesystem/instance-files.ts';
import { readTls } from '../../adapters/filesystem/read-tls.ts';
import { addHealth } from '../../adapters/http/health-server.ts';
import { ThreadedPreviews } from '../../adapters/imaging/previews.ts';
import { NatsAccessStore } from '../../adapters/nats/access-store.ts';
import { openCluster } from '../../adapters/nats/connection.ts';
import { NatsIndexServer } from '../../adapters/nats/index-server.ts';
import { NatsRecordLog } from '../../adapters/nats/record-log.ts';
import { runService } from '../../adapters/process/run-service.ts';
import { readConfiguration } from '../../cli/configuration/configuration.ts';
import { CommandOperations } from '../../cli/operations.ts';
import { ClusterWorkspace } from '../../cli/workspaces/cluster/cluster-workspace.ts';
import { Pacs } from '../../cli/workspaces/pacs.ts';
import { DitagError, ditagError } from '../../core/errors/errors.ts';
import { listenFailure } from '../../core/errors/listen-failure.ts';
import {
  ApiVariables,
  archivesOf,
  ElasticsearchVariables,
  elasticsearchSettings,
  HttpVariables,
  type NatsSettings,
  NatsVariables,
  natsSettings,
  PacsVariables,
  readSettings,
} from '../../core/settings/settings.ts';
import { buildApi } from './app.ts';
import { BegunIndex } from './begun-index.ts';
import { isOnlyLocal, Proxies } from './reach.ts';
import { PROBLEMS } from './schemas.ts';

const VARIABLES = Type.Object({
  ...NatsVariables.properties,
  ...ElasticsearchVariables.properties,
  ...HttpVariables.properties,
  ...ApiVariables.properties,
  ...PacsVariables.properties,
});

// Rows go by, of which none is kept: V8 would give those that are on their way three times 32 MB.
v8.setFlagsFromString('--semi-space-growth-factor=1');
v8.setFlagsFromString('--heap-growing-percent=30');

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
    if (!(error instanceof DitagError)) logger.warn({ reason: (error as Error).name }, 'a request failed');
  });
  const host = set.DITAG_HTTP_HOST ?? '127.0.0.1';
  const tls = tlsOf(set);
  const proxies = proxiesOf(set.DITAG_HTTP_PROXY);
  const isPlain = set.DITAG_HTTP_PLAIN !== undefined;
  const isLocal = isOnlyLocal({ host, isEncrypted: tls !== undefined, isPlain, proxies });
  const replicas = Number(set.DITAG_REPLICAS ?? 1);
  const access = await NatsAccessStore.open(cluster, { replicas });
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-api-'));
  const files = filesOf(set.DITAG_ARCHIVES);
  const operations = operationsOf(natsSettings(set), { folder, output: set.DITAG_HTTP_DOWNLOADS, files });
  const previews = files && new ThreadedPreviews(files);
  const server = await buildApi({ open: async () => index, access, operations, previews, isLocal, proxies, tls });
  addHealth(server, {
    isReady: async () => {
      await reachElasticsearch(client, address);
      return !cluster.connection.isClosed();
    },
    numbers: () => server.readNumbers(),
    problems: PROBLEMS,
  });
  let end: () => void = () => {};
  return {
    run: async (ready) => {
      if (set.DITAG_HTTP_PORT !== undefined) {
        const port = Number(set.DITAG_HTTP_PORT);
        await server.listen({ host, port }).catch((error: unknown) => {
          throw listenFailure(host, port, error);
        });
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
      fs.rmSync(folder, { recursive: true, force: true });
      end();
    },
  };
});

/** What can be started over HTTP are the commands of a user of the cluster, with the configuration of this one. */
function operationsOf(
  settings: NatsSettings,
  { folder, output, files }: { folder: string; output: string | undefined; files: FilesystemInstanceFiles | undefined },
): CommandOperations {
  const configuration = { ...readConfiguration(undefined, { environment: process.env }), cluster: settings };
  const workspace = new ClusterWorkspace(settings, configuration.archivePath, configuration.file, files);
  return new CommandOperations({ configuration, workspace, pacs: new Pacs(configuration), folder, output });
}

/** Where the archives are mounted here too. */
function filesOf(archives: string | undefined): FilesystemInstanceFiles | undefined {
  if (archives === undefined) return undefined;
  const roots = new Map([...archivesOf(archives)].map(([name, folder]) => [name, path.resolve(folder)]));
  return FilesystemInstanceFiles.mounted(roots);
}

function proxiesOf(text: string | undefined): Proxies | undefined {
  try {
    return text === undefined ? undefined : Proxies.of(text);
  } catch (error) {
    throw ditagError('bad-settings', { wrong: `DITAG_HTTP_PROXY: ${(error as Error).message}` }, error);
  }
}

function tlsOf({ DITAG_HTTP_TLS_CERT: cert, DITAG_HTTP_TLS_KEY: key }: Static<typeof VARIABLES>) {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw ditagError('bad-settings', { wrong: 'DITAG_HTTP_TLS_CERT and DITAG_HTTP_TLS_KEY belong together' });
  return readTls({ cert, key });
}
