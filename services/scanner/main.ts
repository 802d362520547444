// Starts a scanner: settings from the environment, the cluster's NATS server, and the archives that are mounted here.
import path from 'node:path';
import Type from 'typebox';
import { FilesystemArchiveFiles } from '../../adapters/filesystem/archive-files.ts';
import { serveHealth } from '../../adapters/http/health-server.ts';
import { isPassing } from '../../adapters/nats/connection.ts';
import { NatsFailedMessages } from '../../adapters/nats/failed-messages.ts';
import { NatsInstanceIndex } from '../../adapters/nats/index-client.ts';
import { NatsIndexGenerations } from '../../adapters/nats/index-generations.ts';
import { NatsRecordFeed } from '../../adapters/nats/record-feed.ts';
import { NatsRecordLog } from '../../adapters/nats/record-log.ts';
import { NatsScanCommandSource } from '../../adapters/nats/scan-commands.ts';
import { NatsScanQueue } from '../../adapters/nats/scan-queue.ts';
import { NatsScanRegistry } from '../../adapters/nats/scan-registry.ts';
import { openServiceCluster, tellDrift } from '../../adapters/nats/service-cluster.ts';
import { runService } from '../../adapters/process/run-service.ts';
import { DitagError } from '../../core/errors/errors.ts';
import { typedPath } from '../../core/instance/byte-path.ts';
import {
  ArchiveVariables,
  archivesOf,
  HttpVariables,
  NatsVariables,
  natsSettings,
  readSettings,
  ScannerVariables,
} from '../../core/settings/settings.ts';
import { Scanner } from './app.ts';
import { putDamagedWorkAside } from './damaged-work.ts';

const VARIABLES = Type.Object({
  ...NatsVariables.properties,
  ...ArchiveVariables.properties,
  ...ScannerVariables.properties,
  ...HttpVariables.properties,
});

await runService('scanner', async ({ logger }) => {
  const set = readSettings(VARIABLES, process.env);
  const calls = Number(set.DITAG_SCANNER_CALLS ?? 64);
  // The thread pool is made at its first use: calls to a slow mount wait in it side by side, and no more of them.
  process.env.UV_THREADPOOL_SIZE = String(calls);
  const replicas = Number(set.DITAG_REPLICAS ?? 1);
  const cluster = await openServiceCluster(natsSettings(set), 'scanner', replicas, logger);
  const failed = new NatsFailedMessages(cluster);
  const generations = await NatsIndexGenerations.open(cluster, replicas);
  const registry = await NatsScanRegistry.open(cluster, replicas);
  const putRecordAside = (sequence: number, reason: string) => failed.add('records', sequence, reason);
  const scanner = new Scanner(
    {
      queue: new NatsScanQueue(cluster, putDamagedWorkAside(failed, registry), tellDrift(logger)),
      log: new NatsRecordLog(cluster),
      feed: new NatsRecordFeed(cluster, async () => (await generations.get()).answering, putRecordAside),
      registry,
      index: new NatsInstanceIndex(cluster.connection, set.DITAG_NATS_URL),
      failed,
      commands: new NatsScanCommandSource(cluster.connection, (error) =>
        logger.warn({ reason: (error as Error).name }, 'a request failed'),
      ),
      logger,
      isPassing: (error) => isPassing(error) || (error instanceof DitagError && error.retry === 'later'),
    },
    {
      archives: [...archivesOf(set.DITAG_ARCHIVES)].map(([name, folder]) => ({
        name,
        folder,
        files: new FilesystemArchiveFiles(typedPath(path.resolve(folder)), { mostCalls: calls }),
      })),
      jobs: Number(set.DITAG_SCANNER_JOBS ?? 4),
    },
  );
  const health = await serveHealth(set, {
    isReady: async () => !cluster.connection.isClosed(),
    numbers: () => ({}),
  });
  return {
    run: (ready) => scanner.run(ready),
    stop: async () => {
      await health.stop();
      await scanner.stop();
      await cluster.close();
    },
  };
});
