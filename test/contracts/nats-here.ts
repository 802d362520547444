// A NATS server for the tests of one file, and fresh streams on it for each test.
import fs from 'node:fs';
import path from 'node:path';
import { type Cluster, openCluster } from '../../adapters/nats/connection.ts';
import { ARCHIVES, ensureStreams, INDEX, SCAN_STATES, streamTable } from '../../adapters/nats/streams.ts';
import { startNatsServer } from '../../scripts/parts/nats-server.ts';
import type { RunningPart } from '../../scripts/parts/parts.ts';
import { temporaryFolder } from '../cli/run-ditag.ts';

export interface NatsHere {
  /** A connection of its own. Rejects with MissingPart where there is no server to be had. */
  open(): Promise<Cluster>;
  /** The same after everything was removed and made anew. */
  fresh(): Promise<Cluster>;
}

/** @param config further lines of the server's configuration */
export function natsHere(context: { after(fn: () => unknown): void }, config = ''): NatsHere {
  const folder = temporaryFolder(context);
  let server: Promise<RunningPart> | undefined;
  const open: Cluster[] = [];
  context.after(async () => {
    await Promise.all(open.map((cluster) => cluster.close()));
    await (await server?.catch(() => undefined))?.stop();
  });
  const here: NatsHere = {
    open: async () => {
      server ??= startNatsServer({ stateFolder: path.join(fs.realpathSync(folder), 'nats'), config });
      const cluster = await openCluster({ url: (await server).url }, 'test');
      open.push(cluster);
      return cluster;
    },
    fresh: async () => {
      const cluster = await here.open();
      const buckets = [SCAN_STATES, ARCHIVES, INDEX].map((bucket) => `KV_${bucket}`);
      for (const name of [...streamTable(1).map((stream) => stream.name), ...buckets]) {
        await cluster.manager.streams.delete(name).catch(() => false);
      }
      await ensureStreams(cluster.manager);
      return cluster;
    },
  };
  return here;
}
