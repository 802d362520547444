// The gateway on one machine: the service's own code over a folder of this machine and the index here.
import dns from 'node:dns/promises';
import fs from 'node:fs';
import tls from 'node:tls';
import { DimseListener } from '../../../adapters/dimse/listener.ts';
import { DimseStorePeer } from '../../../adapters/dimse/store-scu.ts';
import { FilesystemInstanceFiles } from '../../../adapters/filesystem/instance-files.ts';
import { FilesystemInstanceStore } from '../../../adapters/filesystem/instance-store.ts';
import { readText } from '../../../adapters/filesystem/read-text.ts';
import { DitagError, ditagError } from '../../../core/errors/errors.ts';
import type { InstanceIndex } from '../../../core/ports/instance-index.ts';
import { IndexReceived } from '../../../core/stages/index-received.ts';
import { Gateway, type GatewayPeer } from '../../../services/dimse-gateway/app.ts';
import type { Configuration } from '../../configuration/configuration.ts';
import { type GatewaySettings, gatewaySettings, type PeerSettings } from '../../configuration/gateway-settings.ts';
import type { GatewayOptions } from '../workspace.ts';

/** Connections beyond the associations: of peers that are told why they are refused, or have not said yet who they are. */
const MORE_CONNECTIONS = 32;
const GONE =
  'received files are gone, more than 10 %: they stay in the index until it is told, by `ditag index --append --accept-deletions --archive` and this archive';

/**
 * Runs it until `signal`. @param index brings an archive into the index, and gives how many of its instances are gone and were
 * kept, since they are too many @param openIndex for a C-FIND
 */
export async function runGateway(
  configuration: Configuration,
  { log, onReady, signal }: GatewayOptions,
  index: (archive: string, signal: AbortSignal) => Promise<number>,
  openIndex: () => Promise<InstanceIndex>,
): Promise<void> {
  const settings = gatewaySettings(configuration);
  const peers = new Map(await Promise.all(settings.peers.map((peer) => gatewayPeer(peer, configuration.file))));
  const material = tlsOf(settings, configuration.file);
  const store = FilesystemInstanceStore.open(settings.folder, { sync: settings.isSynced });
  const { signal: whole } = new AbortController();
  /** Received instances of which it was told that they are gone. */
  let told = 0;
  const indexing = new IndexReceived(
    async () => {
      const gone = await index(store.archive, whole);
      if (gone > told) log.warn({ instances: gone, archive: store.archive }, GONE);
      told = gone;
    },
    (error) => log.warn({ reason: (error as Error).message }, 'what was received could not be indexed yet'),
  );
  const { aeTitle, associations, host, port } = settings;
  const gateway = new Gateway(
    {
      store,
      received: () => indexing.received(),
      openIndex: () => openIndex().catch(unlessThereIsNone),
      // On one machine an archive is called by its path.
      files: new FilesystemInstanceFiles((archive) => archive),
      destination: (called, originator) => {
        const peer = settings.peers.find((one) => one.aeTitle === called);
        if (peer?.host === undefined || peer.port === undefined) return undefined;
        const own = peer.isTls ? { tls: material ?? {} } : {};
        const to = { host: peer.host, port: peer.port, calledAETitle: called, callingAETitle: aeTitle, ...own };
        return new DimseStorePeer(to, undefined, {
          MoveOriginatorApplicationEntityTitle: originator.aeTitle,
          MoveOriginatorMessageID: originator.messageId,
        });
      },
      log,
    },
    { aeTitle, peers, associations, answers: settings.answers },
  );
  const limits = { connections: associations + MORE_CONNECTIONS };
  const listener = await DimseListener.open(gateway, { host, port, tls: material, limits }).catch(async (error) => {
    await store.close();
    throw error;
  });
  // What came just before a crash is not in the index.
  if (fs.readdirSync(store.archive).length > 0) indexing.received();
  onReady({ aeTitle, host, port: listener.port });
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await listener.close();
  await store.close();
  await indexing.close();
  log.info({ ...gateway.counts, ...gateway.found }, 'ended');
}

/** Before the first instance is indexed. */
function unlessThereIsNone(error: unknown): undefined {
  if (!(error instanceof DitagError) || error.code !== 'no-index') throw error;
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

function tlsOf({ tls: files }: GatewaySettings, config: string) {
  if (files === undefined) return undefined;
  const { certFile, keyFile, caFile } = files;
  const material = {
    cert: readText(certFile),
    key: readText(keyFile),
    ...(caFile === undefined ? {} : { ca: readText(caFile) }),
  };
  try {
    tls.createSecureContext(material);
  } catch (error) {
    const reason = `what tls_cert, tls_key and tls_ca under [GATEWAY] name cannot be used (${(error as Error).message})`;
    throw ditagError('bad-config', { config, reason }, error);
  }
  return material;
}
