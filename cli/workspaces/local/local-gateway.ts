// The gateway on one machine: the service's own code over a folder of this machine and the index here.
import dns from 'node:dns/promises';
import fs from 'node:fs';
import { DimseListener } from '../../../adapters/dimse/listener.ts';
import { FilesystemInstanceStore } from '../../../adapters/filesystem/instance-store.ts';
import { ditagError } from '../../../core/errors/errors.ts';
import { IndexReceived } from '../../../core/stages/index-received.ts';
import { Gateway, type GatewayPeer } from '../../../services/dimse-gateway/app.ts';
import type { Configuration } from '../../configuration/configuration.ts';
import { type GatewaySettings, gatewaySettings, type PeerSettings } from '../../configuration/gateway-settings.ts';
import type { GatewayOptions } from '../workspace.ts';

/** Runs it until `signal`. @param index brings an archive into the index */
export async function runGateway(
  configuration: Configuration,
  { log, onReady, signal }: GatewayOptions,
  index: (archive: string, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const settings = gatewaySettings(configuration);
  const peers = new Map(await Promise.all(settings.peers.map((peer) => gatewayPeer(peer, configuration.file))));
  const store = FilesystemInstanceStore.open(settings.folder, { sync: true });
  const { signal: whole } = new AbortController();
  const indexing = new IndexReceived(
    () => index(store.archive, whole),
    (error) => log.warn({ reason: (error as Error).message }, 'what was received could not be indexed yet'),
  );
  const { aeTitle, associations, host, port } = settings;
  const gateway = new Gateway({ store, received: () => indexing.received(), log }, { aeTitle, peers, associations });
  const listener = await DimseListener.open(gateway, { host, port, tls: tlsOf(settings) });
  // What came just before a crash is not in the index.
  indexing.received();
  onReady({ aeTitle, host, port: listener.port });
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await listener.close();
  await store.close();
  await indexing.close();
  log.info({ ...gateway.counts }, 'ended');
}

async function gatewayPeer(peer: PeerSettings, config: string): Promise<[string, GatewayPeer]> {
  const { aeTitle, host, rights, associations } = peer;
  const addresses = host === undefined ? undefined : new Set(await addressesOf(peer, host, config));
  return [aeTitle, { aeTitle, addresses, rights: new Set(rights), associations }];
}

async function addressesOf({ aeTitle }: PeerSettings, host: string, config: string): Promise<string[]> {
  try {
    return (await dns.lookup(host, { all: true })).map(({ address }) => address);
  } catch (error) {
    const reason = `host = ${host} under [PEER ${aeTitle}] has no address (${(error as NodeJS.ErrnoException).code})`;
    throw ditagError('bad-config', { config, reason }, error);
  }
}

function tlsOf({ tls }: GatewaySettings) {
  if (tls === undefined) return undefined;
  const read = (file: string) => {
    try {
      return fs.readFileSync(file, 'utf8');
    } catch (error) {
      throw ditagError('cannot-read', { path: file, reason: (error as Error).message }, error);
    }
  };
  const { certFile, keyFile, caFile } = tls;
  return { cert: read(certFile), key: read(keyFile), ...(caFile === undefined ? {} : { ca: read(caFile) }) };
}
