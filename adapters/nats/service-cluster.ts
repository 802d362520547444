// How a service comes to its cluster: it waits for the server, makes sure of the streams, and tells what somebody has set
// differently.
import type { Log } from '../../core/ports/log.ts';
import type { NatsSettings } from '../../core/settings/settings.ts';
import { type Cluster, openCluster } from './connection.ts';
import { NatsScanRegistry } from './scan-registry.ts';
import { type Drift, ensureStreams } from './streams.ts';

/** Throws `cluster-unreachable` where the server refuses, and `secret-in-url`. */
export async function openServiceCluster(
  settings: NatsSettings,
  name: string,
  replicas: number,
  logger: Pick<Log, 'warn'>,
): Promise<Cluster> {
  const cluster = await openCluster(settings, `ditag ${name}`, (reason) =>
    logger.warn({ reason }, 'NATS does not answer yet'),
  );
  for (const drift of await ensureStreams(cluster.manager, replicas)) tellDrift(logger)(drift);
  // Commands look for scans also where no scanner has run yet.
  await NatsScanRegistry.open(cluster, replicas);
  return cluster;
}

/** Tells what somebody has set differently from the table. */
export function tellDrift(logger: Pick<Log, 'warn'>): (drift: Drift) => void {
  return (drift) =>
    logger.warn(
      { ...drift },
      drift.consumer === undefined ? 'a stream is set differently' : 'a consumer is set differently',
    );
}
