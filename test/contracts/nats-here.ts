// A NATS server for the tests of one file, and fresh streams on it for each test.
import fs from 'node:fs';
import path from 'node:path';
import { type Cluster, openCluster } from '../../adapters/nats/connection.ts';
import { ARCHIVES, ensureStreams, INDEX, SCAN_STATES, streamTable } from '../../adapters/nats/streams.ts';
import { startNatsServer } from '../../scripts/parts/nats-server.ts';
import { MissingPart, type RunningPart } from '../../scripts/parts/parts.ts';
import { temporaryFolder } from '../cli/run-ditag.ts';

export interface NatsHere {
  /** A connection of its own; undefined where there is no server to be had. */
  open(): Promise<Cluster | undefined>;
  /** The same after everything was removed and made anew. */
  fresh(): Promise<Cluster | undefined>;
}

/** @param config further lines of the server's configuration */
export function natsHere(context: { after(fn: () => unknown): void }, config = ''): NatsHere {
  const folder = temporaryFolder(context);
  let server: Promise<RunningPart | undefined> | undefined;
  const open: Cluster[] = [];
  context.after(async () => {
    await Promise.all(open.map((cluster) => cluster.close()));
    await (await server)?.stop();
  });
  const start = async () => {
    try {
      return await startNatsServer({ stateFolder: path.join(fs.realpathSync(folder), 'nats'), config });
    } catch (error) {
      if (!(error instanceof MissingPart) || process.env['DITAG_REQUIRE_PARTS'] === '1') throw error;
      return undefined;
    }
  };
  const here: NatsHere = {
    open: async () => {
      server ??= start();
      const running = await server;
      if (running === undefined) return undefined;
      const cluster = await openCluster({ url: running.url }, 'test');
      open.push(cluster);
      return cluster;
    },
    fresh: async () => {
      const cluster = await here.open();
      if (cluster === undefined) return undefined;
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
