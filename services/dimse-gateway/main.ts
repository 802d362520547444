// Starts a gateway: settings from the environment, the cluster's NATS server, the archives that are mounted here; and
// where a port is set, a listener for peers, a folder for what they send, and the cluster's index for what they ask.

import dns from 'node:dns/promises';
import fs from 'node:fs';
import path from 'node:path';
import Type, { type Static } from 'typebox';
import type { TlsMaterial } from '../../adapters/dimse/connection.ts';
import { DimsePacs, patienceFor } from '../../adapters/dimse/dimse-pacs.ts';
import { DimseListener, serverTls } from '../../adapters/dimse/listener.ts';
import { DimseStorePeer } from '../../adapters/dimse/store-scu.ts';
import { FilesystemDownloadFiles, openDownloadStore } from '../../adapters/filesystem/download-files.ts';
import { FilesystemInstanceFiles } from '../../adapters/filesystem/instance-files.ts';
import { FilesystemInstanceStore } from '../../adapters/filesystem/instance-store.ts';
import { readText } from '../../adapters/filesystem/read-text.ts';
import { readTls } from '../../adapters/filesystem/read-tls.ts';
import { serveHealth } from '../../adapters/http/health-server.ts';
import type { Cluster } from '../../adapters/nats/connection.ts';
import { NatsGatewaySource, NatsGateways } from '../../adapters/nats/gateways.ts';
import { NatsInstanceIndex } from '../../adapters/nats/index-client.ts';
import { NatsProjectStore } from '../../adapters/nats/project-store.ts';
import { NatsScanCommands, newScan } from '../../adapters/nats/scan-commands.ts';
import { openServiceCluster } from '../../adapters/nats/service-cluster.ts';
import { NatsStoreResults } from '../../adapters/nats/store-results.ts';
import { NatsWorkQueue } from '../../adapters/nats/work-queue.ts';
import { runService } from '../../adapters/process/run-service.ts';
import { makeFolders } from '../../adapters/system/make-folders.ts';
import { ditagError } from '../../core/errors/errors.ts';
import type { Log } from '../../core/ports/log.ts';
import type { PacsAddress, RetrieveItem } from '../../core/ports/work-queue.ts';
import { readGatewayPeers } from '../../core/settings/gateway-peers.ts';
import {
  ArchiveVariables,
  archivesOf,
  DownloadVariables,
  HttpVariables,
  NatsVariables,
  natsSettings,
  pacsTlsFiles,
  type ReceivingSettings,
  ReceivingVariables,
  readSettings,
  receivingSettings,
  SendingVariables,
} from '../../core/settings/settings.ts';
import { AnswerCounts } from '../../core/stages/answer-counts.ts';
import { Arrivals } from '../../core/stages/download-arrivals.ts';
import { IndexReceived } from '../../core/stages/index-received.ts';
import { Gateway, gatewayPeers, MORE_CONNECTIONS } from './app.ts';
import { DownloadWork } from './download-work.ts';
import { findForItem } from './find-work.ts';
import { GatewayWork } from './gateway-work.ts';

const VARIABLES = Type.Object({
  ...NatsVariables.properties,
  ...ArchiveVariables.properties,
  ...SendingVariables.properties,
  ...ReceivingVariables.properties,
  ...DownloadVariables.properties,
  ...HttpVariables.properties,
});

const TLS_SETTINGS = 'DITAG_GATEWAY_PACS_CA, _CERT and _KEY';
/** Lookups of which it is remembered how many answers came. */
const MOST_COUNTED = 32;

await runService('dimse-gateway', async ({ logger }) => {
  const set = readSettings(VARIABLES, process.env);
  const receiving = receivingSettings(set);
  const roots = new Map([...archivesOf(set.DITAG_ARCHIVES)].map(([name, folder]) => [name, path.resolve(folder)]));
  const tls: TlsMaterial = readTls(pacsTlsFiles(set));
  const cluster = await openServiceCluster(natsSettings(set), 'dimse-gateway', Number(set.DITAG_REPLICAS ?? 1), logger);
  const files = FilesystemInstanceFiles.mounted(roots);
  const pacsOf = ({ isTls, ...pacs }: PacsAddress) =>
    new DimsePacs({ ...pacs, ...(isTls ? { tls, tlsSettings: TLS_SETTINGS } : {}) }, { move: pacs.callingAETitle });
  const counts = new Map<string, AnswerCounts>();
  const countsOf = (send: string) => {
    const known = counts.get(send) ?? new AnswerCounts();
    counts.delete(send);
    counts.set(send, known);
    if (counts.size > MOST_COUNTED) counts.delete(counts.keys().next().value!);
    return known;
  };
  const projectOf = (name: string) => new NatsProjectStore(cluster, name);
  const downloads = await openDownloads(set, { projectOf, tls, log: logger });
  const gateways = new NatsGateways(cluster.connection);
  const work = new GatewayWork(
    {
      queue: new NatsWorkQueue(cluster, (reason) => logger.warn({ reason }, 'an item cannot be read')),
      results: new NatsStoreResults(cluster),
      commands: new NatsGatewaySource(cluster.connection),
      files,
      peerOf: ({ isTls, ...pacs }) =>
        new DimseStorePeer({ ...pacs, ...(isTls ? { tls, tlsSettings: TLS_SETTINGS } : {}) }),
      find: (item, signal) => findForItem(item, { pacsOf, projectOf, countsOf, log: logger }, signal),
      retrieve: downloads?.retrieve,
      freeSpace: downloads?.freeSpace,
      doing: downloads?.doing,
      isMounted: (archive) => isMounted(roots.get(archive)!),
      isSeenByAny: async (archive) => (await gateways.call())?.has(archive) === true,
      log: logger,
    },
    { archives: [...roots.keys()], associations: Number(set.DITAG_GATEWAY_ASSOCIATIONS ?? 4) },
  );
  const reception =
    receiving === undefined
      ? undefined
      : await receive(receiving, cluster, set.DITAG_NATS_URL, { files, pacsTls: tls }, logger);
  const health = await serveHealth(set, {
    isReady: async () => !cluster.connection.isClosed(),
    numbers: () => {
      const { items, sent, notSent, bytes } = work.counts;
      const received = reception?.counts;
      return {
        ditag_gateway_items_total: { help: 'Items of sends that were carried out', value: items },
        ditag_gateway_sent_total: { help: 'Instances that PACSs have taken', value: sent },
        ditag_gateway_not_sent_total: { help: 'Instances that were not sent', value: notSent },
        ditag_gateway_sent_bytes_total: { help: 'Bytes of their data sets', value: bytes },
        ditag_gateway_associations_total: { help: 'Associations of peers', value: received?.associations ?? 0 },
        ditag_gateway_refused_total: { help: 'Associations that were refused', value: received?.refused ?? 0 },
        ditag_gateway_received_total: {
          help: 'Instances that were received',
          value: received === undefined ? 0 : received.stored + received.alreadyThere,
        },
      };
    },
  });
  return {
    run: (ready) => work.run(ready),
    stop: async () => {
      await health.stop();
      await Promise.all([work.stop(), reception?.close()]);
      await downloads?.close();
      await cluster.close();
    },
  };
});

interface DownloadParts {
  readonly projectOf: (name: string) => NatsProjectStore;
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly log: Log;
}

/** Where downloads of projects are kept, and the listener for what PACSs send to them; undefined where there is no place. */
async function openDownloads(set: Static<typeof DownloadVariables>, { projectOf, tls, log }: DownloadParts) {
  const root = set.DITAG_GATEWAY_DOWNLOADS;
  if (root === undefined) return undefined;
  const host = set.DITAG_GATEWAY_DOWNLOAD_HOST ?? '127.0.0.1';
  const ownAETitle = set.DITAG_GATEWAY_DOWNLOAD_AETITLE ?? 'DITAG';
  const senders = new Set<string>();
  let downloads: DownloadWork | undefined;
  const store = openDownloadStore(root, (identity) => downloads!.place(identity));
  const arrivals = new Arrivals({
    ...{ store, ownAETitle, senders },
    onStored: (stored) => downloads!.stored(stored),
    onNotStored: (SOPInstanceUID, reason) => downloads!.notStored(SOPInstanceUID, reason),
  });
  downloads = new DownloadWork({
    projectOf,
    filesOf: (folder) => {
      const below = path.join(root, folder);
      makeFolders(below, 0o700);
      return new FilesystemDownloadFiles(below);
    },
    pacsOf: ({ isTls, ...pacs }, method, patience) =>
      new DimsePacs(
        { ...pacs, ...(isTls ? { tls, tlsSettings: TLS_SETTINGS } : {}) },
        method === 'move' ? { move: ownAETitle } : { get: arrivals.peer },
        patienceFor(patience),
      ),
    addressesOf: async (host) => (await dns.lookup(host, { all: true }).catch(() => [])).map(({ address }) => address),
    arrivals,
    senders,
    log,
  });
  const port = set.DITAG_GATEWAY_DOWNLOAD_PORT;
  const listener =
    port === undefined
      ? undefined
      : await DimseListener.open(arrivals, { host, port: Number(port), tls: serverTls(tls) });
  const files = new FilesystemDownloadFiles(root);
  let free: number | undefined;
  let looking: Promise<void> | undefined;
  // Who asks does not wait for a mount that hangs, and one call at a time waits for it.
  const look = () => {
    looking ??= files
      .freeSpace()
      .then(
        (bytes) => void (free = bytes),
        () => void (free = undefined),
      )
      .finally(() => (looking = undefined));
  };
  look();
  return {
    retrieve: (item: RetrieveItem, signal: AbortSignal) => downloads!.carryOut(item, signal),
    doing: (send: string) => downloads!.doing(send),
    freeSpace: () => {
      look();
      return free;
    },
    close: async () => {
      await listener?.close();
      await arrivals.settled();
      await store.close();
    },
  };
}

/** Serves peers: what they send is kept, and comes into the index by a scan of the archive that it is. */
async function receive(
  settings: ReceivingSettings,
  cluster: Cluster,
  url: string,
  { files, pacsTls }: { files: FilesystemInstanceFiles; pacsTls: TlsMaterial },
  log: Log,
) {
  const { host, port, aeTitle, archive, callers, answers, folder, peersFile, sync } = settings;
  const known = readGatewayPeers(readText(peersFile), peersFile);
  const peers = await gatewayPeers(known, (name) => dns.lookup(name, { all: true }), noAddress);
  const tls = settings.tls && readTls(settings.tls);
  const commands = new NatsScanCommands(cluster.connection);
  const store = FilesystemInstanceStore.open(folder, { sync });
  const indexing = new IndexReceived(
    async () => void (await commands.start({ scan: newScan(), archive, append: true, acceptDeletions: false })),
    (error) => log.warn({ reason: (error as Error).message }, 'what was received could not be indexed yet'),
  );
  const openIndex = async () => new NatsInstanceIndex(cluster.connection, url);
  const gateway = new Gateway(
    {
      store,
      received: () => indexing.received(),
      openIndex,
      files,
      openPeer: ({ isTls, ...to }, originator) =>
        new DimseStorePeer(
          { ...to, ...(isTls ? { tls: pacsTls, tlsSettings: TLS_SETTINGS } : {}) },
          undefined,
          originator,
        ),
      log,
    },
    { aeTitle, peers, associations: callers, answers },
  );
  const limits = { connections: callers + MORE_CONNECTIONS };
  const listener = await DimseListener.open(gateway, { host, port, tls, limits });
  // What came just before a crash is not in the index.
  if (await isMounted(store.archive)) indexing.received();
  log.info({ aeTitle, host, port: listener.port }, 'serves peers');
  return {
    counts: gateway.counts,
    close: async () => {
      await listener.close();
      await gateway.settled();
      await store.close();
      await indexing.close();
    },
  };
}

function noAddress({ aeTitle, host }: { aeTitle: string; host: string }, code: string, cause: unknown): Error {
  return ditagError(
    'bad-settings',
    { wrong: `the host ${host} of the peer ${aeTitle} has no address (${code})` },
    cause,
  );
}

/** An empty folder is where a mount belongs that is not there. */
async function isMounted(root: string): Promise<boolean> {
  try {
    await using folder = await fs.promises.opendir(root);
    return (await folder.read()) !== null;
  } catch {
    return false;
  }
}
