// What a download has to have and what it has: every series of the project with its folder, how many instances are
// expected and how many are on disk. Knows of each instance that arrives where it belongs.
import { joinPath } from '../instance/byte-path.ts';
import type { DownloadFiles, SeriesIdentity } from '../ports/download-files.ts';
import type { StoredInstance, StoreFailure } from '../ports/instance-store.ts';
import type { DownloadStore, ProjectStore } from '../ports/project-store.ts';
import { CUT_OFF, foldersBeside, NOT_ASKED_FOR, type SeriesFolders } from '../projects/download-folders.ts';
import { type ExpectedInstance, type ExpectedSeries, expectedCount, unlistedCount } from '../projects/expected.ts';
import { countExpected, listedOf } from './download-counts.ts';
import { DownloadOnDisk } from './download-on-disk.ts';
import { NotCounted } from './not-counted.ts';
import { projectSeries } from './whole-subjects.ts';

/** Series of which the expected instances are kept in memory, besides those that are being retrieved. */
const MOST_REMEMBERED = 64;

export interface PlannedSeries {
  /** The first of the list that led to it. */
  readonly accession: string;
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  /** Relative to the folder of the download. */
  readonly folder: string;
  readonly expected: number;
  /** How many of those nothing but the number is known of; the others are listed by UID. */
  readonly unlisted: number;
  /** Of those that are expected: each listed one is there by its UID. */
  received: number;
}

/** A series that is being retrieved. */
export interface ActiveSeries {
  readonly series: PlannedSeries;
  readonly listed: ReadonlySet<string>;
  /** Of the listed ones those that are not on disk. */
  readonly missing: Map<string, ExpectedInstance>;
  /** On disk besides the listed ones; there may be more of them than expected. */
  readonly others: Set<string>;
  /** What came of it and is not on disk, or not as it has to be. */
  readonly notCounted: NotCounted;
  /** How many are not on disk. */
  readonly left: number;
  /** When the last one came (performance.now()), and the last one that was missing; undefined for none since it is being retrieved. */
  lastArrival: number | undefined;
  lastNew: number | undefined;
  /** Called when one has come. */
  onArrival: () => void;
}

export interface PlanPorts {
  readonly store: Pick<ProjectStore, 'series' | 'instancesOf'>;
  readonly download: DownloadStore;
  readonly files: DownloadFiles;
}

export class DownloadPlan {
  private readonly ports: PlanPorts;
  private readonly folders: SeriesFolders;
  /** StudyInstanceUIDs by SeriesInstanceUID, of the whole project. */
  private readonly studies: ReadonlyMap<string, string>;
  /** Where series have begun: perhaps in another folder than they would have now. */
  private readonly begun: ReadonlyMap<string, string>;
  private readonly all = new Map<string, PlannedSeries>();
  private readonly active = new Map<string, ActiveSeries>();
  private readonly onDisk: DownloadOnDisk;
  private readonly remembered = new Map<string, Promise<ReadonlySet<string>>>();
  /** What could not be noted of what came. */
  failure: unknown;
  private readonly noting = new Set<Promise<void>>();
  /** Of all series that were prepared. */
  readonly counts = { expected: 0, received: 0, bytes: 0, notAskedFor: 0 };

  private constructor(
    ports: PlanPorts,
    { folders, studies }: Awaited<ReturnType<typeof projectSeries>>,
    begun: ReadonlyMap<string, string>,
  ) {
    this.ports = ports;
    this.folders = foldersBeside(folders, begun);
    this.studies = studies;
    this.begun = begun;
    this.onDisk = new DownloadOnDisk(ports, (identity) => this.isOfItsStudy(identity));
  }

  /** Reads which series there are, and gives each its folder. */
  static async open(ports: PlanPorts): Promise<DownloadPlan> {
    const begun = await ports.download.begun();
    return new DownloadPlan(ports, await projectSeries(ports.store), begun);
  }

  /** The folder of a series of the project, relative to that of the download. */
  folderOf(SeriesInstanceUID: string): string | undefined {
    const begun = this.begun.get(SeriesInstanceUID);
    if (begun !== undefined) return begun;
    const found = this.folders.get(SeriesInstanceUID);
    return found === undefined ? undefined : joinPath(found.subject, found.series);
  }

  /**
   * Compares what is noted with what is on disk: what a process that died had stored and not noted is noted, what has
   * gone is expected again. Gives the series that are not whole. @param isWanted which of the project's series
   */
  async prepare(
    isWanted: (SeriesInstanceUID: string) => boolean,
    onSeries: () => void,
    signal: AbortSignal,
  ): Promise<PlannedSeries[]> {
    const open: PlannedSeries[] = [];
    await this.onDisk.readAside();
    for await (const series of this.ports.store.series()) {
      signal.throwIfAborted();
      if (!isWanted(series.SeriesInstanceUID)) continue;
      const planned = await this.plan(series);
      this.all.set(planned.SeriesInstanceUID, planned);
      this.counts.expected += planned.expected;
      this.counts.received += planned.received;
      if (planned.received < planned.expected) open.push(planned);
      onSeries();
    }
    return open;
  }

  private async plan(series: ExpectedSeries & { readonly accession: string }): Promise<PlannedSeries> {
    const { download, files } = this.ports;
    const { accession, StudyInstanceUID, SeriesInstanceUID } = series;
    const noted = await download.receivedOf(SeriesInstanceUID);
    const folder = this.folderOf(SeriesInstanceUID)!;
    const onDisk = await files.list(folder);
    const planned: PlannedSeries = {
      ...{ accession, StudyInstanceUID, SeriesInstanceUID, folder },
      ...{ expected: expectedCount(series), unlisted: unlistedCount(series), received: 0 },
    };
    if (noted.length === 0 && onDisk.size === 0) return planned;
    const listed = await this.listedOf(planned);
    const found = await this.onDisk.compare(planned, { noted, onDisk, listed });
    this.counts.bytes += found.bytes;
    planned.received = countExpected(found.instances, listed, planned.unlisted);
    return planned;
  }

  /** Begins to retrieve a series: from now on `missing` and `left` follow what comes. */
  async begin(series: PlannedSeries): Promise<ActiveSeries> {
    const { store } = this.ports;
    const { SeriesInstanceUID, expected, unlisted } = series;
    const instances = expected > unlisted ? await store.instancesOf(SeriesInstanceUID) : [];
    const missing = new Map(instances.map((instance) => [instance.SOPInstanceUID, instance]));
    const others = new Set<string>();
    const active: ActiveSeries = {
      ...{ series, listed: new Set(missing.keys()), missing, others, notCounted: new NotCounted() },
      get left() {
        return missing.size + Math.max(0, unlisted - others.size);
      },
      lastArrival: undefined,
      lastNew: undefined,
      onArrival: () => {},
    };
    this.active.set(SeriesInstanceUID, active);
    // What comes meanwhile counts, too: by UID, so that nothing counts twice.
    for (const { SOPInstanceUID } of await this.ports.download.receivedOf(SeriesInstanceUID))
      mark(active, SOPInstanceUID);
    this.raise(active);
    return active;
  }

  /** What is on disk does not go while this runs, so there is never less of it; while it is read less may be known. */
  private raise({ series, left }: Pick<ActiveSeries, 'series' | 'left'>): void {
    const more = series.expected - left - series.received;
    if (more <= 0) return;
    series.received += more;
    this.counts.received += more;
  }

  end({ series }: ActiveSeries): void {
    this.active.delete(series.SeriesInstanceUID);
  }

  /** Where an instance belongs; undefined: it was not asked for. UIDs may have been given out twice: what is of another study is none of these. */
  async place(identity: Pick<StoredInstance, 'SOPInstanceUID' | 'StudyInstanceUID' | 'SeriesInstanceUID'>) {
    const { SOPInstanceUID, SeriesInstanceUID } = identity;
    const folder = this.folderOf(SeriesInstanceUID);
    if (folder === undefined || !this.isOfItsStudy(identity)) return undefined;
    const planned = this.all.get(SeriesInstanceUID);
    if (planned !== undefined && planned.unlisted > 0) return folder;
    return (await this.instancesOf(SeriesInstanceUID)).has(SOPInstanceUID) ? folder : undefined;
  }

  /** Of a data set that does not say it, it is not known otherwise. */
  private isOfItsStudy({ StudyInstanceUID, SeriesInstanceUID }: SeriesIdentity): boolean {
    const expected = this.studies.get(SeriesInstanceUID);
    return StudyInstanceUID === '' || expected === undefined || StudyInstanceUID === expected;
  }

  /** Notes what has come. */
  stored(stored: StoredInstance): void {
    const { SOPInstanceUID, SeriesInstanceUID, path, bytes: size, sha256 = '', outcome, isOther = false } = stored;
    const { download } = this.ports;
    const received = { SOPInstanceUID, path, size, sha256 };
    if (path.startsWith(`${NOT_ASKED_FOR}/`) || isOther) {
      if (outcome !== 'already-there') this.counts.notAskedFor++;
      this.note(download.addNotAskedFor(SeriesInstanceUID, received));
      this.putAsideOf(stored);
      return;
    }
    const adding = download.add(SeriesInstanceUID, received);
    const planned = this.all.get(SeriesInstanceUID);
    const active = this.active.get(SeriesInstanceUID);
    // What comes when nobody waits for it any more is seldom, and to be counted as exactly.
    if (active === undefined) {
      this.note(planned === undefined ? adding : adding.then(() => this.countLate(planned, size)));
      return;
    }
    this.note(adding);
    active.lastArrival = performance.now();
    if (mark(active, SOPInstanceUID)) {
      this.counts.bytes += size;
      active.lastNew = active.lastArrival;
    }
    this.raise(active);
    active.onArrival();
  }

  /** What was waited for, and came so that it cannot count. */
  private putAsideOf(stored: StoredInstance): void {
    const { SOPInstanceUID, SeriesInstanceUID, path } = stored;
    const active = this.active.get(SeriesInstanceUID);
    if (active === undefined) {
      for (const { missing, notCounted } of this.active.values())
        if (missing.has(SOPInstanceUID)) notCounted.add(SOPInstanceUID, 'other-series');
      return;
    }
    active.lastArrival = performance.now();
    if (path.startsWith(`${CUT_OFF}/`)) active.notCounted.add(SOPInstanceUID, 'cut-off');
    else if (!this.isOfItsStudy(stored)) active.notCounted.add(SOPInstanceUID, 'other-study');
  }

  /** Notes what has come and was not kept. Of which series it is is known only where that is waited for by name. */
  notStored(SOPInstanceUID: string, reason: StoreFailure): void {
    for (const { missing, notCounted } of this.active.values())
      if (missing.has(SOPInstanceUID)) notCounted.add(SOPInstanceUID, reason);
  }

  private async countLate(series: PlannedSeries, size: number): Promise<void> {
    const listed = await this.listedOf(series);
    const received = await this.ports.download.receivedOf(series.SeriesInstanceUID);
    const before = series.received;
    this.raise({ series, left: series.expected - countExpected(received, listed, series.unlisted) });
    if (series.received > before) this.counts.bytes += size;
  }

  /** Resolves when all that has come is noted. */
  async noted(): Promise<void> {
    while (this.noting.size > 0) await Promise.all(this.noting);
  }

  private note(writing: Promise<void>): void {
    const noting = writing
      .catch((error: unknown) => void (this.failure ??= error))
      .finally(() => this.noting.delete(noting));
    this.noting.add(noting);
  }

  private listedOf({ SeriesInstanceUID, expected, unlisted }: PlannedSeries): Promise<ReadonlySet<string>> {
    return expected > unlisted ? this.instancesOf(SeriesInstanceUID) : Promise.resolve(new Set<string>());
  }

  private instancesOf(SeriesInstanceUID: string): Promise<ReadonlySet<string>> {
    const { remembered, ports } = this;
    let found = remembered.get(SeriesInstanceUID);
    if (found === undefined) {
      // Whoever asks for it knows that the PACS lists some.
      found = listedOf({ SeriesInstanceUID, listed: 1 }, ports.store).then((uids) => new Set(uids));
      if (remembered.size >= MOST_REMEMBERED) remembered.delete(remembered.keys().next().value!);
    } else remembered.delete(SeriesInstanceUID);
    // The one that was needed last stands last.
    remembered.set(SeriesInstanceUID, found);
    return found;
  }
}

/** Notes that an instance is on disk. False where that was known. */
function mark({ listed, missing, others, notCounted }: ActiveSeries, SOPInstanceUID: string): boolean {
  notCounted.remove(SOPInstanceUID);
  if (listed.has(SOPInstanceUID)) return missing.delete(SOPInstanceUID);
  if (others.has(SOPInstanceUID)) return false;
  others.add(SOPInstanceUID);
  return true;
}
