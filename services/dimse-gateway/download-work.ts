// Carries out items of downloads: has the PACS send series of a project to where gateways keep downloads. Several gateways
// may work at one download, each for other series; what each of them has done is in the project.
import { ditagError } from '../../core/errors/errors.ts';
import type { DownloadFiles } from '../../core/ports/download-files.ts';
import type { StoredInstance } from '../../core/ports/instance-store.ts';
import type { Pacs } from '../../core/ports/pacs.ts';
import type { DownloadStore, ProjectStore } from '../../core/ports/project-store.ts';
import type { RetrieveItem, StorePacs } from '../../core/ports/store-queue.ts';
import { NOT_ASKED_FOR } from '../../core/projects/download-folders.ts';
import type { ExpectedSeries } from '../../core/projects/expected.ts';
import type { Arrivals } from '../../core/stages/download-arrivals.ts';
import { manifestLines } from '../../core/stages/download-manifest.ts';
import { DownloadPlan } from '../../core/stages/download-plan.ts';
import { downloadSeries, SPACE_LEFT } from '../../core/stages/download-project.ts';
import type { StoreWorkLog } from './store-work.ts';

export interface DownloadWorkPorts {
  readonly projectOf: (name: string) => ProjectStore;
  /** The folder of a download, which is made if need be. */
  readonly filesOf: (folder: string) => DownloadFiles & { writeManifest(lines: AsyncIterable<string>): Promise<void> };
  readonly pacsOf: (pacs: StorePacs, method: RetrieveItem['method'], patience: number) => Pacs;
  readonly arrivals: Pick<Arrivals, 'underWay' | 'settled'>;
  /** AE titles that may send now. */
  readonly senders: Set<string>;
  /** Where what was not asked for is put, by itself. */
  readonly aside: (identity: Placed) => string;
  readonly log: StoreWorkLog;
}

type Placed = Pick<StoredInstance, 'SOPInstanceUID' | 'SOPClassUID' | 'StudyInstanceUID' | 'SeriesInstanceUID'>;

/** A download at which this gateway is. */
interface OpenDownload {
  readonly folder: string;
  readonly plan: DownloadPlan;
  readonly store: ProjectStore;
  readonly download: DownloadStore;
  readonly files: ReturnType<DownloadWorkPorts['filesOf']>;
}

/** Downloads that are remembered. */
const MOST_OPEN = 8;

export class DownloadWork {
  private readonly ports: DownloadWorkPorts;
  private readonly open = new Map<string, Promise<OpenDownload>>();
  private readonly ready = new Map<string, OpenDownload>();

  constructor(ports: DownloadWorkPorts) {
    this.ports = ports;
  }

  /** The folder of an instance that comes, relative to where downloads are kept. */
  async place(identity: Placed): Promise<string> {
    for (const { plan, folder } of this.ready.values()) {
      const place = await plan.place(identity);
      if (place !== undefined) return `${folder}/${place}`;
    }
    const [first] = this.ready.values();
    return `${first?.folder ?? 'stray'}/${NOT_ASKED_FOR}/${this.ports.aside(identity)}`;
  }

  /** Notes what has come. */
  stored(stored: StoredInstance): void {
    for (const { plan, folder } of this.ready.values())
      if (stored.path.startsWith(`${folder}/`)) plan.stored({ ...stored, path: stored.path.slice(folder.length + 1) });
  }

  /** False where it broke off. Throws `bad-settings` for a folder that leads elsewhere. */
  async carryOut(item: RetrieveItem, signal: AbortSignal): Promise<boolean> {
    const { folder, series, pacs } = item;
    if (!isBelow(folder)) throw ditagError('bad-settings', { wrong: 'the folder of a download leads elsewhere' });
    if (series.length === 0) return this.finish(item);
    const { senders, arrivals, log } = this.ports;
    const { plan, download, files } = await this.opened(item);
    senders.add(pacs.calledAETitle);
    const began = performance.now();
    const wanted = new Set(series);
    const open = await plan.prepare(
      (uid) => wanted.has(uid),
      () => {},
      signal,
    );
    const ports = { plan, pacs: this.ports.pacsOf(pacs, item.method, item.patience), arrivals, download, files };
    const { rounds, patience, window } = item;
    const outcome = await downloadSeries(open, ports, {
      ...{ threads: 1, rounds, patience, window, reserve: SPACE_LEFT, onProgress: () => {}, signal },
    });
    await arrivals.settled();
    await plan.noted();
    const { send, item: number } = item;
    const seconds = Math.round(performance.now() - began) / 1000;
    const counts = { series: series.length, asked: open.length, notWhole: outcome.open.length };
    log.info({ send, item: number, calledAETitle: pacs.calledAETitle, ...counts, seconds }, 'downloaded');
    if (plan.failure !== undefined) throw plan.failure;
    return !signal.aborted;
  }

  /** Writes the manifest of what all gateways have done. */
  private async finish(item: RetrieveItem): Promise<boolean> {
    const key = keyOf(item);
    const { store, download, files } = await this.opened(item);
    // What was noted by others is read anew.
    this.open.delete(key);
    this.ready.delete(key);
    await files.writeManifest(manifestLines(store, download, () => true));
    return true;
  }

  private opened(item: RetrieveItem): Promise<OpenDownload> {
    const key = keyOf(item);
    let opening = this.open.get(key);
    if (opening === undefined) {
      opening = this.openOne(item);
      this.open.set(key, opening);
      opening.then(
        (opened) => this.ready.set(key, opened),
        () => this.open.delete(key),
      );
      const [oldest] = this.open.keys();
      if (this.open.size > MOST_OPEN) {
        this.open.delete(oldest!);
        this.ready.delete(oldest!);
      }
    }
    return opening;
  }

  private async openOne({ project, folder }: RetrieveItem): Promise<OpenDownload> {
    const store = this.ports.projectOf(project);
    const download = await store.download(folder);
    const files = this.ports.filesOf(folder);
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

/** The project may have grown from one command to the next. */
function keyOf({ send, folder }: RetrieveItem): string {
  return `${send} ${folder}`;
}

/** What came over the wire is not trusted. */
function isBelow(folder: string): boolean {
  if (/[\\\0]/.test(folder) || /^[A-Za-z]:/.test(folder)) return false;
  return folder.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}
