// The stage that has the gateways of a cluster download a project: it puts series into the queue of the PACS, some at a
// time, and in the end the manifest; what came is told as the project knows it.
import { ditagError } from '../errors/errors.ts';
import type { DownloadStore, ProjectStore } from '../ports/project-store.ts';
import type { RetrieveItem } from '../ports/store-queue.ts';
import { type ExpectedSeries, expectedCount } from '../projects/expected.ts';
import type { PlannedSeries } from './download-plan.ts';
import { type ItemPorts, untilDone } from './gateway-items.ts';

/** Series of an item: little is lost with it, and an association is opened for it. */
const TOGETHER = 10;
/** How often it is counted what has come (milliseconds). */
const COUNT_EVERY = 2_000;

export interface GatewayDownloadPorts extends ItemPorts {
  readonly store: Pick<ProjectStore, 'series'>;
  readonly download: DownloadStore & {
    sums(): Promise<{ readonly received: number; readonly bytes: number; readonly notAskedFor: number }>;
  };
}

export interface GatewayDownloadOptions {
  /** What all items have in common. */
  readonly item: Omit<RetrieveItem, 'item' | 'series'>;
  readonly isWanted: (SeriesInstanceUID: string) => boolean;
  readonly associations: number;
  readonly onProgress: (come: { readonly expected: number; readonly received: number; readonly bytes: number }) => void;
  readonly signal: AbortSignal;
}

export interface GatewayDownloadOutcome {
  readonly expected: number;
  readonly received: number;
  readonly bytes: number;
  readonly notAskedFor: number;
  readonly open: readonly (readonly [series: PlannedSeries, reason: string])[];
}

/** Throws `no-gateway`. Where `signal` aborts, gateways end what is under way. */
export async function downloadThroughGateways(
  ports: GatewayDownloadPorts,
  { item, isWanted, associations, onProgress, signal }: GatewayDownloadOptions,
): Promise<GatewayDownloadOutcome> {
  const { queue, gateways, store, download } = ports;
  const { send, pacs } = item;
  const series: ExpectedSeries[] = [];
  for await (const one of store.series()) if (isWanted(one.SeriesInstanceUID)) series.push(one);
  const expected = series.reduce((sum, one) => sum + expectedCount(one), 0);
  if (!(await gateways.canDownload())) throw ditagError('no-gateway', {});
  const name = await queue.open(pacs, associations);
  let countedAt = 0;
  let before = 0;
  const look = async () => {
    if (performance.now() - countedAt < COUNT_EVERY) return false;
    countedAt = performance.now();
    const { received, bytes } = await download.sums();
    onProgress({ expected, received: Math.min(received, expected), bytes });
    const isMore = received > before;
    before = received;
    return isMore;
  };
  let items = 0;
  try {
    for (let at = 0; at < series.length && !signal.aborted; at += TOGETHER) {
      const uids = series.slice(at, at + TOGETHER).map(({ SeriesInstanceUID }) => SeriesInstanceUID);
      await queue.add({ ...item, item: items++, series: uids });
    }
    await gateways.call(name);
    await untilDone(ports, { send, name, signal }, look);
    if (!signal.aborted) {
      await queue.add({ ...item, item: items++, series: [] });
      await gateways.call(name);
      await untilDone(ports, { send, name, signal }, async () => false);
    }
  } finally {
    await queue.drop(send).catch(() => {});
    await gateways.cancel(send).catch(() => {});
  }
  const open: (readonly [PlannedSeries, string])[] = [];
  let received = 0;
  for (const one of series) {
    const { StudyInstanceUID, SeriesInstanceUID, isListed } = one;
    const wanted = expectedCount(one);
    const here = Math.min(wanted, (await download.receivedOf(SeriesInstanceUID)).length);
    received += here;
    if (here === wanted) continue;
    const planned = { StudyInstanceUID, SeriesInstanceUID, folder: '', isListed, expected: wanted, received: here };
    open.push([planned, await download.reasonOf(SeriesInstanceUID)]);
  }
  const { bytes, notAskedFor } = await download.sums();
  return { expected, received, bytes, notAskedFor, open };
}
