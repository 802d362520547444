// The stage that has the gateways of a cluster download a project: it puts series into the queue of the PACS, some at a
// time, and in the end the manifest; what came is told as the project knows it.
import { ditagError } from '../errors/errors.ts';
import type { SeriesProgress } from '../ports/gateways.ts';
import type { StoreFailure } from '../ports/instance-store.ts';
import type { DownloadStore, ProjectStore } from '../ports/project-store.ts';
import type { RetrieveItem } from '../ports/work-queue.ts';
import { shortageText } from '../projects/download-space.ts';
import { type ExpectedSeries, expectedCount, unlistedCount } from '../projects/expected.ts';
import { type TimeWindow, untilClosed, untilOpen } from '../projects/time-window.ts';
import { receivedOfExpected } from './download-counts.ts';
import { NOT_YET } from './download-manifest.ts';
import type { PlannedSeries } from './download-plan.ts';
import { SPACE_LEFT } from './download-project.ts';
import { type ItemPorts, untilDone } from './gateway-items.ts';
import { pause } from './pause.ts';

/** Series of an item: little is lost with it, and an association is opened for it. */
const TOGETHER = 10;
const NOTED_TOGETHER = 100;
/** How often it is counted what has come (milliseconds). */
const COUNT_EVERY = 2_000;
/** So long it is waited for the manifest of a download that was interrupted (milliseconds). */
const MANIFEST = 15_000;
const LOOK_EVERY = 1_000;

export interface GatewayDownloadPorts extends ItemPorts {
  readonly store: Pick<ProjectStore, 'series' | 'instancesOf'>;
  readonly download: DownloadStore & {
    sums(): Promise<{ readonly received: number; readonly bytes: number; readonly notAskedFor: number }>;
  };
}

export interface GatewayDownloadOptions {
  /** What all items have in common. */
  readonly item: Omit<RetrieveItem, 'item' | 'series' | 'until'>;
  readonly isWanted: (SeriesInstanceUID: string) => boolean;
  readonly associations: number;
  readonly window: TimeWindow | undefined;
  readonly onProgress: (at: {
    readonly expected: number;
    readonly received: number;
    readonly bytes: number;
    readonly doing: readonly SeriesProgress[];
    readonly opensIn: number;
  }) => void;
  /** That there is not enough room, as far as can be told. */
  readonly onWarning: (text: string) => void;
  readonly signal: AbortSignal;
}

export interface GatewayDownloadOutcome {
  readonly expected: number;
  readonly received: number;
  readonly bytes: number;
  readonly notAskedFor: number;
  readonly manifest: boolean;
  readonly open: readonly (readonly [series: PlannedSeries, reason: string])[];
  /** Instances that came and could not be stored, as far as gateways that still run know. */
  readonly notStored: ReadonlyMap<StoreFailure, number>;
  readonly refusedCallers: readonly string[];
}

/** Throws `no-gateway`, `gateways-gone`. Where `signal` aborts, gateways end what is under way. */
export async function downloadThroughGateways(
  ports: GatewayDownloadPorts,
  options: GatewayDownloadOptions,
): Promise<GatewayDownloadOutcome> {
  return new GatewayDownload(ports, options).run();
}

class GatewayDownload {
  private readonly ports: GatewayDownloadPorts;
  private readonly options: GatewayDownloadOptions;
  private readonly isThere: () => Promise<boolean>;
  private name = '';
  private expected = 0;
  private items = 0;
  private countedAt = 0;
  private readonly refusedCallers = new Set<string>();
  private readonly notStored = new Map<StoreFailure, number>();
  private counted = 0;

  constructor(ports: GatewayDownloadPorts, options: GatewayDownloadOptions) {
    this.ports = ports;
    this.options = options;
    this.isThere = async () => {
      await ports.gateways.call(this.name);
      return ports.gateways.canDownload();
    };
  }

  async run(): Promise<GatewayDownloadOutcome> {
    const { queue, gateways, store, download } = this.ports;
    const { item, isWanted, associations, signal } = this.options;
    const series: (ExpectedSeries & { readonly accession: string })[] = [];
    for await (const one of store.series()) if (isWanted(one.SeriesInstanceUID)) series.push(one);
    this.expected = series.reduce((sum, one) => sum + expectedCount(one), 0);
    if (!(await gateways.canDownload())) throw ditagError('no-gateway', {});
    await this.checkSpace(series);
    this.name = await queue.open(item.pacs, associations);
    let manifest = false;
    try {
      // The manifest has what was asked for, also where it is not come to.
      if (item.isPart === true) await this.noteAsked(series);
      await this.retrieve(series);
      await this.count();
    } finally {
      await queue.drop(item.send).catch(() => {});
      await gateways.cancel(item.send).catch(() => {});
      manifest = await this.finish(signal.aborted).catch(() => false);
    }
    const open: (readonly [PlannedSeries, string])[] = [];
    let received = 0;
    for (const one of series) {
      const here = await this.receivedOf(one);
      received += here;
      if (here === expectedCount(one)) continue;
      const { accession, StudyInstanceUID, SeriesInstanceUID } = one;
      const known = { expected: expectedCount(one), unlisted: unlistedCount(one), received: here };
      const planned = { accession, StudyInstanceUID, SeriesInstanceUID, folder: '', ...known };
      open.push([planned, await download.reasonOf(SeriesInstanceUID)]);
    }
    const { bytes, notAskedFor } = await download.sums();
    const { expected, notStored, refusedCallers } = this;
    return { expected, received, bytes, notAskedFor, manifest, open, notStored, refusedCallers: [...refusedCallers] };
  }

  private async noteAsked(series: readonly ExpectedSeries[]): Promise<void> {
    const { download } = this.ports;
    for (let at = 0; at < series.length; at += NOTED_TOGETHER) {
      const some = series.slice(at, at + NOTED_TOGETHER);
      await Promise.all(
        some.map(async ({ SeriesInstanceUID: uid }) => {
          // What an earlier run has said of it stays.
          if ((await download.reasonOf(uid)) === '') await download.setReason(uid, NOT_YET);
        }),
      );
    }
  }

  private async checkSpace(series: readonly ExpectedSeries[]): Promise<void> {
    const { gateways, download } = this.ports;
    const free = await gateways.freeSpace();
    if (free === undefined) return;
    const counts = { expected: this.expected, received: 0, bytes: 0 };
    const { item, signal } = this.options;
    // Of all series one answer has it.
    if (item.isPart !== true) {
      const { received, bytes } = await download.sums();
      Object.assign(counts, { received: Math.min(received, this.expected), bytes });
    }
    for (const { SeriesInstanceUID } of item.isPart === true ? series : []) {
      if (signal.aborted) return;
      for (const { size } of await download.receivedOf(SeriesInstanceUID)) {
        counts.received++;
        counts.bytes += size;
      }
    }
    const short = shortageText(counts, free - SPACE_LEFT);
    if (short !== undefined) this.options.onWarning(short);
  }

  /** All of them are looked at by gateways, whatever is noted: what counts is on disk. Outside of the hours nothing is. */
  private async retrieve(series: readonly ExpectedSeries[]): Promise<void> {
    const { window, signal } = this.options;
    for (let rest = series; rest.length > 0 && !signal.aborted; ) {
      if (window !== undefined) await this.waitUntilOpen(window);
      const until = window === undefined ? undefined : Date.now() + untilClosed(window, new Date());
      await this.add(rest, until);
      if (until === undefined || Date.now() < until) return;
      const open: ExpectedSeries[] = [];
      for (const one of rest) if ((await this.receivedOf(one)) < expectedCount(one)) open.push(one);
      rest = open;
    }
  }

  private async receivedOf(series: ExpectedSeries): Promise<number> {
    const { store, download } = this.ports;
    return (await receivedOfExpected(series, await download.receivedOf(series.SeriesInstanceUID), store)).count;
  }

  private async waitUntilOpen(window: TimeWindow): Promise<void> {
    const { signal, onProgress } = this.options;
    for (let opensIn: number; !signal.aborted && (opensIn = untilOpen(window, new Date())) > 0; ) {
      onProgress({ expected: this.expected, received: this.counted, bytes: 0, doing: [], opensIn });
      await pause(LOOK_EVERY, signal);
    }
  }

  /** @param until when the hours end (milliseconds since 1970); what was not begun then is taken back */
  private async add(series: readonly ExpectedSeries[], until: number | undefined): Promise<void> {
    const { queue, gateways } = this.ports;
    const { item, signal } = this.options;
    const ofHours = until === undefined ? {} : { until };
    for (let at = 0; at < series.length && !signal.aborted; at += TOGETHER) {
      const uids = series.slice(at, at + TOGETHER).map(({ SeriesInstanceUID }) => SeriesInstanceUID);
      await queue.add({ ...item, ...ofHours, item: this.items++, series: uids });
    }
    await gateways.call(this.name);
    const { send } = item;
    const hours = until === undefined ? [] : [AbortSignal.timeout(Math.max(0, until - Date.now()))];
    const ending = AbortSignal.any([signal, ...hours]);
    await untilDone(this.ports, { send, isThere: this.isThere, signal: ending }, () => this.look());
    if (ending.aborted && !signal.aborted) {
      await queue.drop(send);
      await untilDone(this.ports, { send, isThere: this.isThere, signal }, () => this.look());
    }
  }

  /** False where it was not waited for to its end. */
  private async finish(isInterrupted: boolean): Promise<boolean> {
    const { queue, gateways } = this.ports;
    // What was taken back is not to take this back, too.
    const send = `${this.options.item.send}-end`;
    await queue.add({ ...this.options.item, send, item: 0, series: [] });
    await gateways.call(this.name);
    const signal = isInterrupted ? AbortSignal.timeout(MANIFEST) : new AbortController().signal;
    await untilDone(this.ports, { send, isThere: this.isThere, signal }, async () => false);
    return !signal.aborted;
  }

  private async look(): Promise<boolean> {
    if (performance.now() - this.countedAt < COUNT_EVERY) return false;
    return this.count();
  }

  private async count(): Promise<boolean> {
    this.countedAt = performance.now();
    const { download, gateways } = this.ports;
    const [{ received, bytes }, each] = await Promise.all([download.sums(), gateways.doing(this.options.item.send)]);
    const doing = each.flatMap(({ series }) => series);
    this.notStored.clear();
    for (const { refusedCallers, notStored } of each) {
      for (const caller of refusedCallers) this.refusedCallers.add(caller);
      for (const { reason, instances } of notStored)
        this.notStored.set(reason, (this.notStored.get(reason) ?? 0) + instances);
    }
    this.options.onProgress({
      expected: this.expected,
      received: Math.min(received, this.expected),
      bytes,
      doing,
      opensIn: 0,
    });
    const isMore = received > this.counted;
    this.counted = received;
    return isMore;
  }
}
