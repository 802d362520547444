// Scanners and indexers in the test's own process, over the adapters that services/*/main.ts give them: for tests that
// put something between a service and its ports, or choose what a service has no setting for.

import { elasticsearchClient } from '../../adapters/elasticsearch/client.ts';
import { ElasticsearchRecordIndex } from '../../adapters/elasticsearch/record-index.ts';
import { FilesystemArchiveFiles } from '../../adapters/filesystem/archive-files.ts';
import { type Cluster, isPassing, openCluster } from '../../adapters/nats/connection.ts';
import { NatsFailedMessages } from '../../adapters/nats/failed-messages.ts';
import { NatsInstanceIndex } from '../../adapters/nats/index-client.ts';
import { NatsRecordFeed } from '../../adapters/nats/record-feed.ts';
import { NatsRecordLog } from '../../adapters/nats/record-log.ts';
import { NatsScanCommandSource } from '../../adapters/nats/scan-commands.ts';
import { NatsScanQueue } from '../../adapters/nats/scan-queue.ts';
import { NatsScanRegistry } from '../../adapters/nats/scan-registry.ts';
import { typedPath } from '../../core/instance/byte-path.ts';
import type { Log } from '../../core/ports/log.ts';
import type { RecordFeed } from '../../core/ports/record-log.ts';
import type { ScanQueue } from '../../core/ports/scan-queue.ts';
import type { ClusterAddresses } from '../../scripts/parts/cluster.ts';
import { Indexer } from '../../services/indexer/app.ts';
import { Scanner, type ScannerOptions } from '../../services/scanner/app.ts';
import { putDamagedWorkAside } from '../../services/scanner/damaged-work.ts';

/** The generation that a new cluster has. */
const FIRST_GENERATION = 1;

export class ServicesHere {
  /** What the services have told: messages, without details. */
  readonly told: string[] = [];
  private readonly addresses: ClusterAddresses;
  private readonly archives: ReadonlyMap<string, string>;
  private readonly stops: (() => Promise<void>)[] = [];

  constructor(addresses: ClusterAddresses, archives: ReadonlyMap<string, string>) {
    this.addresses = addresses;
    this.archives = archives;
  }

  /** Starts a scanner. @param between what stands between it and the queue */
  async startScanner(
    options: Partial<ScannerOptions> = {},
    between: (queue: ScanQueue) => ScanQueue = (queue) => queue,
  ): Promise<void> {
    const cluster = await this.open();
    const failed = new NatsFailedMessages(cluster);
    const registry = await NatsScanRegistry.open(cluster, 1);
    const scanner = new Scanner(
      {
        queue: between(new NatsScanQueue(cluster, putDamagedWorkAside(failed, registry))),
        log: new NatsRecordLog(cluster),
        feed: this.feed(cluster, failed),
        registry,
        index: new NatsInstanceIndex(cluster.connection, this.addresses.nats),
        failed,
        commands: new NatsScanCommandSource(cluster.connection, () => {}),
        logger: this.logger(),
        isPassing,
      },
      {
        archives: [...this.archives].map(([name, folder]) => ({
          name,
          folder,
          files: new FilesystemArchiveFiles(typedPath(folder), { mostCalls: 8 }),
        })),
        jobs: 4,
        ...options,
      },
    );
    let running: Promise<void> | undefined;
    await new Promise<void>((resolve, reject) => {
      running = scanner.run(resolve);
      running.catch(reject);
    });
    this.stops.push(async () => {
      await scanner.stop();
      await running;
      await cluster.close();
    });
  }

  /** Starts an indexer. @param between what stands between it and the records */
  async startIndexer(between: (feed: RecordFeed) => RecordFeed = (feed) => feed): Promise<void> {
    const cluster = await this.open();
    const failed = new NatsFailedMessages(cluster);
    const client = elasticsearchClient({ node: this.addresses.elasticsearch });
    const index = new ElasticsearchRecordIndex(client, { generation: FIRST_GENERATION });
    const indexer = new Indexer({ feed: between(this.feed(cluster, failed)), index, failed, logger: this.logger() });
    const running = indexer.run();
    this.stops.push(async () => {
      indexer.stop();
      await running;
      await index.close();
      await cluster.close();
    });
  }

  /** Ends all of them. */
  async stop(): Promise<void> {
    await Promise.all(this.stops.splice(0).map((stop) => stop()));
  }

  private open(): Promise<Cluster> {
    return openCluster({ url: this.addresses.nats }, 'test');
  }

  private feed(cluster: Cluster, failed: NatsFailedMessages): RecordFeed {
    const putAside = (sequence: number, reason: string) => failed.add('records', sequence, reason);
    return new NatsRecordFeed(cluster, async () => FIRST_GENERATION, putAside);
  }

  private logger(): Log {
    const tell = (_details: object, message: string) => void this.told.push(message);
    return { info: tell, warn: tell };
  }
}
