// Carries out items of downloads: has the PACS send series of a project to where gateways keep downloads. Several gateways
// may work at one download, each for other series; what each of them has done is in the project.

import { DitagError, type ErrorCode } from '../../core/errors/errors.ts';
import type { DownloadFiles } from '../../core/ports/download-files.ts';
import type { GatewayDoing, SeriesProgress } from '../../core/ports/gateways.ts';
import type { StoredInstance, StoreFailure } from '../../core/ports/instance-store.ts';
import type { Log } from '../../core/ports/log.ts';
import type { Pacs } from '../../core/ports/pacs.ts';
import { type DownloadStore, type ProjectStore, WHOLE_DOWNLOAD } from '../../core/ports/project-store.ts';
import type { PacsAddress, RetrieveItem } from '../../core/ports/work-queue.ts';
import type { ExpectedSeries } from '../../core/projects/expected.ts';
import type { ReceivedInstance } from '../../core/projects/received.ts';
import { isBelow } from '../../core/projects/relative-path.ts';
import type { Arrivals } from '../../core/stages/download-arrivals.ts';
import { manifestLines } from '../../core/stages/download-manifest.ts';
import { DownloadPlan } from '../../core/stages/download-plan.ts';
import { type DownloadProgress, downloadSeries, SPACE_LEFT } from '../../core/stages/download-project.ts';

export interface DownloadWorkPorts {
  readonly projectOf: (name: string) => ProjectStore;
  /** The folder of a download, which is made if need be. */
  readonly filesOf: (folder: string) => DownloadFiles & {
    claim(owner: string): void;
    writeManifest(lines: AsyncIterable<string>): Promise<void>;
    zip(
      subject: string,
      expected: Iterable<ReceivedInstance>,
      options: { readonly signal: AbortSignal; readonly reserve: number },
    ): Promise<void>;
  };
  readonly pacsOf: (pacs: PacsAddress, method: RetrieveItem['method'], patience: number) => Pacs;
  /** Addresses of a host; none where it has none. */
  readonly addressesOf: (host: string) => Promise<readonly string[]>;
  readonly arrivals: Pick<Arrivals, 'underWay' | 'settled' | 'refusedCallers' | 'notStored'>;
  /** AE titles and addresses that may send now; kept by this. */
  readonly senders: Set<string>;
  readonly log: Log;
}

type Placed = Pick<StoredInstance, 'SOPInstanceUID' | 'SOPClassUID' | 'StudyInstanceUID' | 'SeriesInstanceUID'>;

/** A download as one command wants it. */
interface OpenDownload {
  readonly folder: string;
  readonly plan: DownloadPlan;
  readonly store: ProjectStore;
  readonly download: DownloadStore;
  readonly files: ReturnType<DownloadWorkPorts['filesOf']>;
}

/** An item that is being carried out. */
interface Running {
  readonly opened: OpenDownload;
  readonly series: ReadonlySet<string>;
  readonly senders: readonly string[];
  readonly send: string;
  doing: readonly SeriesProgress[];
}

/** Downloads that are remembered: each reads what the project has. */
const MOST_OPEN = 8;
/** A PACS that was lost is not asked for so long (milliseconds). */
const LOST = 60_000;
/** Why a PACS counts as lost: all items would wait for it in vain. */
const LOSSES: ReadonlySet<ErrorCode> = new Set([
  'pacs-unreachable',
  'not-offered',
  'tls-failed',
  'destination-unknown',
]);

export class DownloadWork {
  private readonly ports: DownloadWorkPorts;
  private readonly open = new Map<string, Promise<OpenDownload>>();
  private readonly running = new Set<Running>();
  /** The download for which it is counted what was refused and not stored. */
  private countedOf = '';
  private readonly lost = new Map<string, { readonly until: number; readonly reason: string }>();

  constructor(ports: DownloadWorkPorts) {
    this.ports = ports;
  }

  /** The folder of the download for which an instance comes, and of its series there, relative to where downloads are kept. */
  async place(identity: Placed): Promise<{ readonly download: string; readonly series: string | undefined }> {
    // First where its series is being asked for.
    const asking = [...this.running].filter(({ series }) => series.has(identity.SeriesInstanceUID));
    for (const { opened } of [...asking, ...this.running]) {
      const series = await opened.plan.place(identity);
      if (series !== undefined) return { download: `${opened.folder}/`, series };
    }
    const [first] = [...asking, ...this.running];
    return { download: `${first?.opened.folder ?? 'late'}/`, series: undefined };
  }

  /** Notes what has come. */
  stored(stored: StoredInstance): void {
    const plans = new Map<DownloadPlan, string>();
    for (const { opened } of this.running)
      if (stored.path.startsWith(`${opened.folder}/`)) plans.set(opened.plan, opened.folder);
    for (const [plan, folder] of plans) plan.stored({ ...stored, path: stored.path.slice(folder.length + 1) });
  }

  /** Notes what has come and could not be kept. */
  notStored(SOPInstanceUID: string, reason: StoreFailure): void {
    for (const plan of new Set([...this.running].map(({ opened }) => opened.plan)))
      plan.notStored(SOPInstanceUID, reason);
  }

  /** What the associations of a download are at, and what of that cannot be seen in the project. */
  doing(send: string): GatewayDoing {
    const { refusedCallers, notStored } = this.ports.arrivals;
    return {
      series: [...this.running].flatMap((running) => (running.send === send ? running.doing : [])),
      refusedCallers: [...refusedCallers],
      notStored: Array.from(notStored, ([reason, instances]) => ({ reason, instances })),
    };
  }

  /** False where it broke off. Throws what the project and the disk throw. */
  async carryOut(item: RetrieveItem, signal: AbortSignal): Promise<boolean> {
    const opened = await this.opened(item).catch((error) => this.notOpened(item, error));
    if (opened === undefined) return true;
    if (item.zip !== undefined) return this.zip(item.zip, item.series, opened, signal);
    if (item.series.length === 0) return this.finish(item, opened);
    const { pacs, series } = item;
    const lost = this.lost.get(keyOfPacs(pacs));
    if (lost !== undefined && performance.now() < lost.until) {
      await Promise.all(series.map((uid) => opened.download.setReason(uid, lost.reason)));
      return true;
    }
    const addresses = await this.ports.addressesOf(pacs.host);
    const senders = [pacs.calledAETitle, ...addresses, ...(item.acceptFrom ?? [])];
    const running: Running = { opened, series: new Set(series), senders, send: item.send, doing: [] };
    // Items of a download come one after the other.
    if (this.running.size === 0 && this.countedOf !== item.send) {
      this.countedOf = item.send;
      this.ports.arrivals.refusedCallers.clear();
      this.ports.arrivals.notStored.clear();
    }
    this.running.add(running);
    this.admit();
    try {
      return await this.retrieve(item, running, signal);
    } finally {
      this.running.delete(running);
      this.admit();
    }
  }

  private async retrieve(item: RetrieveItem, running: Running, signal: AbortSignal): Promise<boolean> {
    const { opened, series } = running;
    const { arrivals, log, pacsOf } = this.ports;
    const { plan, download, files } = opened;
    const { send, item: number, pacs, method, rounds, patience, until } = item;
    const began = performance.now();
    const hours = until === undefined ? [] : [AbortSignal.timeout(Math.max(0, until - Date.now()))];
    const ending = AbortSignal.any([signal, ...hours]);
    const open = await plan.prepare(
      (uid) => series.has(uid),
      () => {},
      signal,
    );
    const onProgress = ({ doing }: DownloadProgress) => void (running.doing = doing);
    const outcome = await downloadSeries(
      open,
      { plan, pacs: pacsOf(pacs, method, patience), arrivals, download, files },
      { threads: 1, rounds, patience, window: undefined, reserve: SPACE_LEFT, onProgress, signal: ending },
    );
    // What came late is still on its way to the disk.
    if (outcome.open.length > 0 || arrivals.underWay > 0) await arrivals.settled();
    await plan.noted();
    const { stopped } = outcome;
    if (stopped !== undefined && LOSSES.has(stopped.code))
      this.lost.set(keyOfPacs(pacs), { until: performance.now() + LOST, reason: stopped.message });
    const seconds = Math.round(performance.now() - began) / 1000;
    const counts = { series: series.size, asked: open.length, notWhole: outcome.open.length };
    const why = stopped === undefined ? {} : { stopped: stopped.code };
    log.info({ send, item: number, calledAETitle: pacs.calledAETitle, ...counts, ...why, seconds }, 'downloaded');
    if (plan.failure !== undefined) {
      // The next item reads what is there anew.
      this.open.delete(keyOf(item));
      throw plan.failure;
    }
    return !signal.aborted;
  }

  /** Writes the manifest of what all gateways have done. */
  private async finish({ isPart }: RetrieveItem, { store, download, files }: OpenDownload): Promise<boolean> {
    const asked = isPart === true ? await askedFor(store, download) : undefined;
    await files.writeManifest(manifestLines({ store, download, files }, (uid) => asked?.has(uid) ?? true));
    return true;
  }

  /** Why there is no zip is told by the reason of the subject's first series, of which nothing is missing. */
  private async zip(
    subject: string,
    series: readonly string[],
    { download, files }: OpenDownload,
    signal: AbortSignal,
  ): Promise<boolean> {
    const expected = [];
    for (const uid of series) expected.push(...(await download.receivedOf(uid)));
    let reason = '';
    try {
      await files.zip(subject, expected, { signal, reserve: SPACE_LEFT });
    } catch (error) {
      if (!(error instanceof DitagError) || error.code !== 'zip-failed' || signal.aborted) throw error;
      reason = error.message;
    }
    await download.setReason(series[0]!, reason);
    return true;
  }

  /** The command tells why nothing comes into the folder of another download. */
  private async notOpened({ project, folder }: RetrieveItem, error: unknown): Promise<undefined> {
    if (!(error instanceof DitagError) || error.code !== 'foreign-download') throw error;
    const download = await this.ports.projectOf(project).download(folder);
    await download.setReason(WHOLE_DOWNLOAD, error.message);
    return undefined;
  }

  /** Who may send now. */
  private admit(): void {
    const { senders } = this.ports;
    senders.clear();
    for (const running of this.running) for (const sender of running.senders) senders.add(sender);
  }

  private opened(item: RetrieveItem): Promise<OpenDownload> {
    const key = keyOf(item);
    let opening = this.open.get(key);
    if (opening === undefined) {
      opening = this.openOne(item);
      opening.catch(() => this.open.delete(key));
    }
    // The one that was needed last stands last.
    this.open.delete(key);
    this.open.set(key, opening);
    const [oldest] = this.open.keys();
    if (this.open.size > MOST_OPEN) this.open.delete(oldest!);
    return opening;
  }

  private async openOne({ project, folder }: RetrieveItem): Promise<OpenDownload> {
    // What came over the wire is not trusted.
    if (!isBelow(folder)) throw new DitagError('damaged-message', 'The folder of a download leads elsewhere.');
    const store = this.ports.projectOf(project);
    const download = await store.download(folder);
    const files = this.ports.filesOf(folder);
    files.claim(`${project} ${download.startedAt}`);
    // Each item would read all of them.
    const all: (ExpectedSeries & { readonly accession: string })[] = [];
    for await (const series of store.series()) all.push(series);
    const known = {
      async *series() {
        yield* all;
      },
      instancesOf: (uid: string) => store.instancesOf(uid),
    };
    return { folder, store, download, files, plan: await DownloadPlan.open({ store: known, download, files }) };
  }
}

/** Series of which something has come, or is missing for a reason: those that were asked for. */
async function askedFor(store: ProjectStore, download: DownloadStore): Promise<ReadonlySet<string>> {
  const asked = new Set<string>();
  for await (const { SeriesInstanceUID: uid } of store.series())
    if ((await download.reasonOf(uid)) !== '' || (await download.receivedOf(uid)).length > 0) asked.add(uid);
  return asked;
}

/** The project may have grown from one command to the next. */
function keyOf({ send, folder }: RetrieveItem): string {
  return `${send} ${folder}`;
}

function keyOfPacs({ host, port, calledAETitle }: PacsAddress): string {
  return `${host}:${port} ${calledAETitle}`;
}
