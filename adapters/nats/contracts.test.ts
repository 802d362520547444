// The adapters over NATS keep the contracts of their ports, on a real server.
import { after } from 'node:test';
import { accessStoreContract } from '../../test/contracts/access-store.ts';
import { natsHere } from '../../test/contracts/nats-here.ts';
import { projectStoreContract } from '../../test/contracts/project-store.ts';
import { recordLogContract } from '../../test/contracts/record-log.ts';
import { scanLedgerContract } from '../../test/contracts/scan-ledger.ts';
import { scanQueueContract } from '../../test/contracts/scan-queue.ts';
import { indexGenerationsContract, scanRegistryContract } from '../../test/contracts/scan-registry.ts';
import { workQueueContract } from '../../test/contracts/work-queue.ts';
import { NatsAccessStore } from './access-store.ts';
import { NatsIndexGenerations } from './index-generations.ts';
import { NatsProjectStore } from './project-store.ts';
import { NatsRecordFeed } from './record-feed.ts';
import { NatsRecordLog } from './record-log.ts';
import { NatsScanQueue } from './scan-queue.ts';
import { NatsScanRegistry } from './scan-registry.ts';
import { NatsStoreResults } from './store-results.ts';
import { NatsWorkQueue } from './work-queue.ts';

const nats = natsHere({ after });
const putAside = async (sequence: number, reason: string) => {
  throw new Error(`${sequence} is not to be put aside: ${reason}`);
};

recordLogContract('nats', async () => {
  const cluster = await nats.fresh();
  return { log: new NatsRecordLog(cluster), feed: () => new NatsRecordFeed(cluster, async () => 1, putAside) };
});

scanLedgerContract('nats', async (folders) => {
  const cluster = await nats.fresh();
  const log = new NatsRecordLog(cluster);
  const archive = { name: 'räum / a', number: 1 };
  for (const { folder, subfolders, bits, chunks } of folders) {
    await log.write({ entry: 'folder', archive, folder, subfolders, bits }, undefined);
    for (const { chunk, record, headers } of chunks)
      await log.write({ entry: 'chunk', archive, folder, chunk, record, headers }, undefined);
  }
  return { ledger: log.ledger(archive), close: async () => {} };
});

scanQueueContract('nats', async () => {
  await nats.fresh();
  return {
    open: async () => {
      const cluster = await nats.open();
      return { queue: new NatsScanQueue(cluster, putAside), die: () => cluster.close() };
    },
  };
});

scanRegistryContract('nats', async () => {
  await nats.fresh();
  return async () => NatsScanRegistry.open(await nats.open(), 1);
});

indexGenerationsContract('nats', async () => {
  await nats.fresh();
  return async () => NatsIndexGenerations.open(await nats.open(), 1);
});

workQueueContract('nats', async () => {
  await nats.fresh();
  return async () => {
    const cluster = await nats.open();
    return { queue: new NatsWorkQueue(cluster), results: new NatsStoreResults(cluster), die: () => cluster.close() };
  };
});

projectStoreContract('nats', async () => {
  await nats.fresh();
  return async () => new NatsProjectStore(await nats.open(), 'a project');
});

accessStoreContract('nats', async () => {
  await nats.fresh();
  return async () => NatsAccessStore.open(await nats.open(), { replicas: 1 });
});
