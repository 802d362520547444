// The workspace of a cluster: scans are asked for and watched, queries are answered by the cluster's API, all over one
// connection to its NATS server. This is where the CLI's side of a cluster is put together.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Cluster, openCluster } from '../../../adapters/nats/connection.ts';
import { NatsFailedMessages } from '../../../adapters/nats/failed-messages.ts';
import { NatsGateways } from '../../../adapters/nats/gateways.ts';
import { NatsInstanceIndex } from '../../../adapters/nats/index-client.ts';
import { NatsIndexGenerations } from '../../../adapters/nats/index-generations.ts';
import { cancelProjectJob, projectJobs } from '../../../adapters/nats/project-lock.ts';
import { NatsRecordFeed } from '../../../adapters/nats/record-feed.ts';
import { NatsRecordLog } from '../../../adapters/nats/record-log.ts';
import { NatsScanCommands, newScan } from '../../../adapters/nats/scan-commands.ts';
import { NatsScanQueue } from '../../../adapters/nats/scan-queue.ts';
import { NatsScanRegistry } from '../../../adapters/nats/scan-registry.ts';
import { NatsStoreResults } from '../../../adapters/nats/store-results.ts';
import { NatsWorkQueue } from '../../../adapters/nats/work-queue.ts';
import { ditagError } from '../../../core/errors/errors.ts';
import type { ScanState } from '../../../core/jobs/scan-state.ts';
import { scanChanges, unlistedFolders } from '../../../core/jobs/scan-tally.ts';
import type { AccessStore } from '../../../core/ports/access-store.ts';
import type { InstanceFiles } from '../../../core/ports/instance-files.ts';
import type { InstanceIndex } from '../../../core/ports/instance-index.ts';
import type { NatsSettings } from '../../../core/settings/settings.ts';
import { sendThroughGateways } from '../../../core/stages/send-through-gateways.ts';
import { zipsOf } from '../../../core/stages/zip-through-gateways.ts';
import { expandHome } from '../../configuration/configuration.ts';
import type { Project } from '../project.ts';
import type { VerifyOptions, VerifyOutcome } from '../verify.ts';
import type {
  GatewayOptions,
  IndexOptions,
  IndexOutcome,
  Jobs,
  RebuildOptions,
  RebuildOutcome,
  SendOptions,
  ServeOptions,
  Workspace,
} from '../workspace.ts';
import { retryFailed } from './retry-failed.ts';
import { watchScan } from './watch-scan.ts';

/** How often a rebuild is looked at (milliseconds). */
const LOOK_EVERY = 250;
/** After so long somebody should have begun with it (milliseconds). */
const UNBEGUN = 10_000;

export class ClusterWorkspace implements Workspace {
  private readonly settings: NatsSettings;
  private readonly archivePath: string | undefined;
  private readonly configFile: string;
  private readonly files: InstanceFiles | undefined;

  /** @param archivePath the configured archive, for an `index` that names none @param files where archives are mounted here, too */
  constructor(settings: NatsSettings, archivePath: string | undefined, configFile: string, files?: InstanceFiles) {
    this.files = files;
    this.settings = settings;
    this.archivePath = archivePath;
    this.configFile = configFile;
  }

  async openIndex(project: string | undefined): Promise<InstanceIndex> {
    const cluster = await this.open();
    if (project !== undefined) return this.projectIndex(cluster, project);
    return new NatsInstanceIndex(cluster.connection, this.settings.url, () => cluster.close());
  }

  async send({ peer, threads, ...options }: SendOptions): Promise<void> {
    const cluster = await this.open();
    try {
      const { host, port, calledAETitle, callingAETitle } = peer;
      await sendThroughGateways(
        options.series,
        {
          index: new NatsInstanceIndex(cluster.connection, this.settings.url),
          queue: new NatsWorkQueue(cluster),
          results: new NatsStoreResults(cluster),
          gateways: new NatsGateways(cluster.connection),
        },
        {
          ...options,
          send: randomUUID().slice(0, 13),
          pacs: { host, port, calledAETitle, callingAETitle, isTls: peer.tls !== undefined },
          associations: threads,
        },
      );
    } finally {
      await cluster.close();
    }
  }

  async serve(options: ServeOptions): Promise<void> {
    const { serveIndex } = await import('../serve.ts');
    await serveIndex(this, options);
  }

  async instanceFiles(): Promise<InstanceFiles | undefined> {
    return this.files;
  }

  async access(): Promise<AccessStore> {
    const { NatsAccessStore } = await import('../../../adapters/nats/access-store.ts');
    const cluster = await this.open();
    return NatsAccessStore.open(cluster, { replicas: 1, onClose: () => cluster.close() });
  }

  async project(name: string, { isNew }: { readonly isNew: boolean }): Promise<Project> {
    const { ClusterProject } = await import('./cluster-project.ts');
    const projectsFolder = path.join(path.dirname(this.configFile), 'projects');
    return ClusterProject.open(await this.open(), name, { isNew, projectsFolder });
  }

  async projects(): Promise<readonly string[]> {
    const { NatsProjectStore } = await import('../../../adapters/nats/project-store.ts');
    const cluster = await this.open();
    try {
      return await NatsProjectStore.names(cluster);
    } finally {
      await cluster.close();
    }
  }

  /** The index of a project is made of what the cluster knows of it, and is gone when it was asked. */
  private async projectIndex(cluster: Cluster, name: string): Promise<InstanceIndex> {
    const { ClusterProject } = await import('./cluster-project.ts');
    const { SqliteInstanceIndex } = await import('../../../adapters/sqlite/instance-index.ts');
    const { writeProjectIndex } = await import('../project-index.ts');
    const project = await ClusterProject.open(cluster, name, { isNew: false, projectsFolder: '' });
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-'));
    const remove = () => fs.rmSync(folder, { recursive: true, force: true });
    try {
      const { pacs } = await project.settings();
      const file = path.join(folder, `${name}.db`);
      await writeProjectIndex(project.store, file, { pacs: pacs.aetitle ?? 'PACS', config: this.configFile });
      return new SqliteInstanceIndex(file, this.configFile);
    } finally {
      // What is open can be read without its name: so however this command ends, nothing of it stays.
      remove();
      await project.close();
    }
  }

  async verify(folder: string, options: VerifyOptions): Promise<VerifyOutcome> {
    const { verifyDownload } = await import('../verify.ts');
    return verifyDownload(folder, options);
  }

  async gateway(_: GatewayOptions): Promise<void> {
    throw ditagError('gateway-of-cluster', {});
  }

  async index(options: IndexOptions): Promise<IndexOutcome> {
    const began = performance.now();
    const typed = options.archive ?? this.archivePath;
    if (typed === undefined || typed === '') throw ditagError('no-archive', { config: this.configFile });
    const cluster = await this.open();
    try {
      const { append, acceptDeletions } = options;
      const request = { scan: newScan(), archive: nameOrPath(typed), append, acceptDeletions };
      const { scan, archive, knownFiles } = await new NatsScanCommands(cluster.connection).start(request);
      options.onStart({ archive: archive.name, resumed: false, knownFiles });
      const { state, tally } = await watchScan(cluster, scan, { ...options, url: this.settings.url });
      const seconds = (performance.now() - began) / 1000;
      return {
        archive: archive.name,
        report: state.report!,
        ...scanChanges(tally),
        unreadable: unlistedFolders(tally),
        seconds,
      };
    } finally {
      await cluster.close();
    }
  }

  async rebuild({ onProgress, onWaiting, signal }: RebuildOptions): Promise<RebuildOutcome> {
    const began = performance.now();
    const cluster = await this.open();
    try {
      const generations = await NatsIndexGenerations.open(cluster);
      const generation = await generations.begin();
      const feed = new NatsRecordFeed(
        cluster,
        async () => generation,
        async () => {},
      );
      const log = new NatsRecordLog(cluster);
      const all = await log.size();
      while ((await generations.get()).building === generation) {
        if (signal.aborted) throw ditagError('detached-rebuild', {});
        // The indexers may not have begun yet.
        const waiting = await feed.waiting().catch(() => undefined);
        // More may be written meanwhile.
        if (waiting !== undefined) onProgress(all === 0 ? 1 : Math.max(0, all - waiting) / all);
        else if (performance.now() - began > UNBEGUN) onWaiting();
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
      }
      return { entries: await log.size(), seconds: (performance.now() - began) / 1000 };
    } finally {
      await cluster.close();
    }
  }

  async jobs(): Promise<Jobs> {
    const cluster = await this.open();
    const registry = await NatsScanRegistry.open(cluster);
    const failed = new NatsFailedMessages(cluster);
    return {
      scans: async () => (await registry.all()).map(({ state }) => state),
      tally: (scan) => registry.tally(scan),
      projects: () => projectJobs(cluster),
      cancel: async (id) => {
        if (await cancel(cluster, registry, id)) return 'scan';
        return (await cancelProject(cluster, id)) ? 'project' : undefined;
      },
      failed: () => failed.list(),
      retry: (id) => retryFailed(id, failed, registry),
      close: () => cluster.close(),
    };
  }

  private open(): Promise<Cluster> {
    return openCluster(this.settings, 'ditag command');
  }
}

/** A name stays a name; what looks like a path is made whole, since the scanners know theirs from the root on. */
function nameOrPath(typed: string): string {
  return /^[~.]?\/|^~$|^\.{1,2}$/.test(typed) ? path.resolve(expandHome(typed)) : typed;
}

/** Has the command end; takes back what gateways have not begun, and has them end what is under way. */
async function cancelProject(cluster: Cluster, id: string): Promise<boolean> {
  const queue = new NatsWorkQueue(cluster);
  const job = (await projectJobs(cluster)).find((one) => one.id === id);
  const isHeld = job !== undefined && (await cancelProjectJob(cluster, job));
  const sends = [id, zipsOf(id)];
  const left = await Promise.all(sends.map((send) => queue.left(send)));
  if (!isHeld && left.every((items) => items === 0)) return false;
  for (const send of sends) {
    await queue.drop(send);
    await new NatsGateways(cluster.connection).cancel(send);
  }
  return true;
}

async function cancel(cluster: Cluster, registry: NatsScanRegistry, scan: string): Promise<boolean> {
  for (;;) {
    // Where only gateways run, nothing keeps scans.
    const found = (await registry.all()).find(({ state }) => state.id === scan);
    if (found === undefined) return false;
    const { state, revision } = found;
    if (state.status !== 'starting' && state.status !== 'scanning') return false;
    const cancelled: ScanState = { ...state, status: 'cancelled', endedAt: new Date().toISOString() };
    if (!(await registry.replace(cancelled, revision))) continue;
    await new NatsScanQueue(cluster, async () => {}).drop(state.archive, scan);
    return true;
  }
}
