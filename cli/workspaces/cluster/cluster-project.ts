// A project of a cluster: what is known of it is kept there, gateways ask the PACS, and download where they
// can; else a download comes to the machine of the command.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Peer } from '../../../adapters/dimse/connection.ts';
import type { Cluster } from '../../../adapters/nats/connection.ts';
import { NatsGateways } from '../../../adapters/nats/gateways.ts';
import { lockProject } from '../../../adapters/nats/project-lock.ts';
import { NatsProjectStore } from '../../../adapters/nats/project-store.ts';
import { NatsWorkQueue } from '../../../adapters/nats/work-queue.ts';
import { DitagError, ditagError } from '../../../core/errors/errors.ts';
import type { CommandOptions, ProjectJob, ProjectLock } from '../../../core/jobs/project-job.ts';
import { WHOLE_DOWNLOAD } from '../../../core/ports/project-store.ts';
import type { PacsAddress } from '../../../core/ports/work-queue.ts';
import { isWhollyKnown } from '../../../core/projects/expected.ts';
import { downloadThroughGateways } from '../../../core/stages/download-through-gateways.ts';
import { findThroughGateways } from '../../../core/stages/find-through-gateways.ts';
import { zipsOf, zipThroughGateways } from '../../../core/stages/zip-through-gateways.ts';
import { expandHome } from '../../configuration/configuration.ts';
import { replaceFile } from '../../configuration/private-file.ts';
import { isProjectName, type ProjectChanges, type ProjectSettings } from '../../configuration/project-settings.ts';
import { STDIN } from '../../series-input.ts';
import { downloadFolder, downloadHere, zipHere } from '../download-here.ts';
import type { FindOptions, Project, ProjectDownloadOptions, ProjectDownloadOutcome, ZipOptions } from '../project.ts';

/** Gateways that were restarted, or have lost NATS, are back within seconds: tries, and milliseconds between them. */
const GATEWAY_TRIES = 20;
const GATEWAY_PAUSE = 500;

export class ClusterProject implements Project {
  readonly name: string;
  readonly store: NatsProjectStore;
  /** Of what this command does, and of its items. */
  private readonly id = randomUUID().slice(0, 13);
  private readonly cluster: Cluster;
  private readonly projectsFolder: string;
  /** Whether gateways keep downloads: for all that this command does. */
  private canGatewaysDownload: Promise<boolean> | undefined;

  private constructor(cluster: Cluster, name: string, projectsFolder: string) {
    this.cluster = cluster;
    this.name = name;
    this.projectsFolder = projectsFolder;
    this.store = new NatsProjectStore(cluster, name);
  }

  /** Closes the connection with the project. @param projectsFolder where reports are written. Throws `bad-project-name`, `unknown-project`. */
  static async open(
    cluster: Cluster,
    name: string,
    { isNew, projectsFolder }: { readonly isNew: boolean; readonly projectsFolder: string },
  ): Promise<ClusterProject> {
    try {
      if (!isProjectName(name)) throw ditagError('bad-project-name', { project: name });
      const project = new ClusterProject(cluster, name, projectsFolder);
      if (!isNew && (await project.store.about()) === undefined) {
        const names = await NatsProjectStore.names(cluster);
        const known = names.length === 0 ? ': there is none yet' : `; there are: ${names.join(', ')}`;
        throw ditagError('unknown-project', { project: name, folder: 'the cluster', known });
      }
      return project;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  async settings(): Promise<ProjectSettings> {
    const about = await this.store.about();
    const { pacs } = about ?? {};
    return {
      pacs: pacs === undefined ? {} : { destination: pacs.host, port: pacs.port, aetitle: pacs.aetitle },
      targetList: about?.target_list,
      costPerStudy: about?.cost_per_study,
    };
  }

  change(changes: ProjectChanges): Promise<void> {
    return this.store.change(changes);
  }

  async lock(what: ProjectJob['what'], given: CommandOptions): Promise<ProjectLock> {
    const { id, name: project } = this;
    const startedAt = new Date().toISOString();
    const options = { ...given, ...(await this.placesOf(what, given)) };
    return lockProject(this.cluster, { id, project, what, startedAt, options });
  }

  /** Paths of this machine, from the root on: the command may be resumed in another folder. */
  private async placesOf(what: ProjectJob['what'], { input, targetList, output = '.' }: CommandOptions) {
    const places: Record<string, string> = {};
    const place = (text: string) => path.resolve(expandHome(text));
    if (typeof input === 'string' && input !== STDIN) places['input'] = place(input);
    if (typeof targetList === 'string') places['targetList'] = place(targetList);
    if (what === 'download' && typeof output === 'string' && (await this.isHere(output)))
      places['output'] = place(output);
    return places;
  }

  /** A path from the root on, or of a home, is one of this machine; others are where gateways keep downloads, if they do. */
  private async isHere(output: string): Promise<boolean> {
    if (path.isAbsolute(output) || output.startsWith('~')) return true;
    this.canGatewaysDownload ??= this.gatewaysDownload(withinDownloads(output));
    return !(await this.canGatewaysDownload);
  }

  /** What gateways have begun they go on with: where none answers, all of it would come a second time, to this machine. */
  private async gatewaysDownload(within: string): Promise<boolean> {
    const gateways = new NatsGateways(this.cluster.connection);
    if (await gateways.canDownload()) return true;
    const begun = (await this.store.downloads()).find(({ folder }) => path.posix.dirname(folder) === within);
    if (begun === undefined) return false;
    for (let tries = 0; tries < GATEWAY_TRIES; tries++) {
      await setTimeout(GATEWAY_PAUSE);
      if (await gateways.canDownload()) return true;
    }
    throw ditagError('downloads-away', { folder: begun.folder });
  }

  async find({ targets, peer, threads, onAnswer, signal }: FindOptions): Promise<void> {
    const { store, cluster, name: project } = this;
    await findThroughGateways(
      targets,
      {
        queue: new NatsWorkQueue(cluster),
        gateways: new NatsGateways(cluster.connection),
        changes: (from) => store.changes(from),
        end: () => store.end(),
      },
      {
        send: this.id,
        project,
        pacs: pacsOf(peer),
        associations: threads,
        onAnswer,
        signal,
      },
    );
  }

  /** It is made when it is asked (ClusterWorkspace.openIndex). */
  async index(): Promise<void> {}

  async download(options: ProjectDownloadOptions): Promise<ProjectDownloadOutcome> {
    if (await this.isHere(options.output)) return downloadHere(this, options);
    return this.downloadThere(options, new NatsGateways(this.cluster.connection));
  }

  private async downloadThere(
    { peer, receiving, series, output, threads, rounds, patience, window, ...options }: ProjectDownloadOptions,
    gateways: NatsGateways,
  ): Promise<ProjectDownloadOutcome> {
    const { cluster, store, name: project } = this;
    const within = withinDownloads(output);
    if (within === '..' || within.startsWith('../')) {
      const allowed = 'name a folder below the one in which gateways keep downloads';
      throw ditagError('bad-option', { option: '--output', value: output, allowed });
    }
    const { folder, isContinued } = await downloadFolder(this, within, await store.downloads());
    options.onFolder(`${folder}, where the gateways keep downloads`, isContinued);
    const download = await store.download(folder);
    const isWanted = (uid: string) => series?.has(uid) ?? true;
    // Gateways say so anew where it is so still.
    await download.setReason(WHOLE_DOWNLOAD, '');
    const outcome = await downloadThroughGateways(
      { queue: new NatsWorkQueue(cluster), gateways, store, download },
      {
        item: {
          ...{ send: this.id, project, folder, method: receiving.method, rounds, patience },
          pacs: pacsOf(peer),
          ...(receiving.method === 'move' ? { acceptFrom: receiving.acceptFrom } : {}),
          isPart: series !== undefined,
        },
        isWanted,
        associations: threads,
        window,
        onProgress: (at) => options.onProgress({ ...at, allowed: threads }),
        onWarning: options.onWarning,
        signal: options.signal,
      },
    );
    const refused = await download.reasonOf(WHOLE_DOWNLOAD);
    if (refused !== '') throw new DitagError('foreign-download', refused);
    const isAll = series === undefined && isWhollyKnown((await store.totals()).outcomes);
    await download.setComplete(isAll && outcome.received === outcome.expected);
    return { ...outcome, stopped: undefined, folder };
  }

  async zip(options: ZipOptions): Promise<readonly string[]> {
    const { folder, peer, threads: associations, onSubject, signal } = options;
    if (path.isAbsolute(folder)) return zipHere(this, options);
    const { cluster, store, name: project } = this;
    return zipThroughGateways(
      {
        queue: new NatsWorkQueue(cluster),
        gateways: new NatsGateways(cluster.connection),
        store,
        download: await store.download(folder),
      },
      {
        // Nothing is asked of the PACS: it is its queue that gateways take from.
        item: { send: zipsOf(this.id), project, folder, pacs: pacsOf(peer), method: 'get', rounds: 1, patience: 0 },
        associations,
        onSubject,
        signal,
      },
    );
  }

  writeReport(text: string): void {
    replaceFile(path.join(this.projectsFolder, this.name, `${this.name}_report.txt`), text);
  }

  close(): Promise<void> {
    return this.cluster.close();
  }
}

/** A folder below the one in which gateways keep downloads, as it is kept. */
function withinDownloads(output: string): string {
  return path.posix.normalize(output).replace(/(?<=.)\/$/, '');
}

function pacsOf({ host, port, calledAETitle, callingAETitle, tls }: Peer): PacsAddress {
  return { host, port, calledAETitle, callingAETitle, isTls: tls !== undefined };
}
