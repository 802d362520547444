// The gateway on one machine: the service's own code over a folder of this machine and the index here.
import dns from 'node:dns/promises';
import fs from 'node:fs';
import { DimseListener } from '../../../adapters/dimse/listener.ts';
import { DimseStorePeer } from '../../../adapters/dimse/store-scu.ts';
import { FilesystemInstanceFiles } from '../../../adapters/filesystem/instance-files.ts';
import { FilesystemInstanceStore } from '../../../adapters/filesystem/instance-store.ts';
import { readTls } from '../../../adapters/filesystem/read-tls.ts';
import { DitagError, ditagError } from '../../../core/errors/errors.ts';
import type { InstanceIndex } from '../../../core/ports/instance-index.ts';
import { IndexReceived } from '../../../core/stages/index-received.ts';
import { Gateway, gatewayPeers, MORE_CONNECTIONS } from '../../../services/dimse-gateway/app.ts';
import type { Configuration } from '../../configuration/configuration.ts';
import { gatewaySettings } from '../../configuration/gateway-settings.ts';
import type { GatewayOptions } from '../workspace.ts';

const TLS_SETTINGS = 'tls_cert, tls_key and tls_ca under [GATEWAY]';
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
  const peers = await gatewayPeers(
    settings.peers,
    (name) => dns.lookup(name, { all: true }),
    (peer, code, cause) => noAddress(configuration.file, peer, code, cause),
  );
  const material = settings.tls && readTls(settings.tls);
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
  const opening = new IndexOpening(openIndex);
  const gateway = new Gateway(
    {
      store,
      received: () => indexing.received(),
      openIndex: () => opening.open(),
      // On one machine an archive is called by its path.
      files: new FilesystemInstanceFiles((archive) => archive),
      openPeer: ({ isTls, ...to }, originator) =>
        new DimseStorePeer(
          { ...to, ...(isTls ? { tls: material ?? {}, tlsSettings: TLS_SETTINGS } : {}) },
          undefined,
          originator,
        ),
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
  await gateway.settled();
  await store.close();
  await indexing.close();
  log.info({ ...gateway.counts, ...gateway.found }, 'ended');
}

/** Gives nothing before the first instance is indexed. An index that was there and is gone is a failure, not an empty one. */
class IndexOpening {
  private readonly openIndex: () => Promise<InstanceIndex>;
  private wasThere = false;

  constructor(openIndex: () => Promise<InstanceIndex>) {
    this.openIndex = openIndex;
  }

  async open(): Promise<InstanceIndex | undefined> {
    try {
      const index = await this.openIndex();
      this.wasThere = true;
      return index;
    } catch (error) {
      if (this.wasThere || !(error instanceof DitagError) || error.code !== 'no-index') throw error;
      return undefined;
    }
  }
}

function noAddress(config: string, peer: { aeTitle: string; host: string }, code: string, cause: unknown): Error {
  const reason = `host = ${peer.host} under [PEER ${peer.aeTitle}] has no address (${code})`;
  return ditagError('bad-config', { config, reason }, cause);
}
