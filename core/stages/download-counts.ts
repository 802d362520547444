// How many of the expected instances of a series a download has.
import type { ProjectStore } from '../ports/project-store.ts';
import { type ExpectedSeries, unlistedCount } from '../projects/expected.ts';
import type { ReceivedInstance } from '../projects/received.ts';

export interface ReceivedOfExpected {
  readonly count: number;
  /** Bytes of all that belongs to the series, also where more came than the PACS has counted. */
  readonly bytes: number;
}

/**
 * Each listed instance has to be there by its UID; others count for those of which only the number is known. @param received
 * of the series; what is on disk and no longer expected does not count
 */
export async function receivedOfExpected(
  series: ExpectedSeries,
  received: readonly ReceivedInstance[],
  store: Pick<ProjectStore, 'instancesOf'>,
): Promise<ReceivedOfExpected> {
  if (received.length === 0) return { count: 0, bytes: 0 };
  const unlisted = unlistedCount(series);
  const listed = new Set(await listedOf(series, store));
  const belonging = received.filter(({ SOPInstanceUID }) => unlisted > 0 || listed.has(SOPInstanceUID));
  const count = countExpected(belonging, listed, unlisted);
  return { count, bytes: belonging.reduce((sum, { size }) => sum + size, 0) };
}

/** How many of those that are expected these are. @param listed those that are known by UID @param unlisted how many others */
export function countExpected(
  received: readonly Pick<ReceivedInstance, 'SOPInstanceUID'>[],
  listed: ReadonlySet<string>,
  unlisted: number,
): number {
  let ofListed = 0;
  for (const { SOPInstanceUID } of received) if (listed.has(SOPInstanceUID)) ofListed++;
  return ofListed + Math.min(received.length - ofListed, unlisted);
}

/** UIDs of the instances that the PACS lists. */
export async function listedOf(
  { SeriesInstanceUID, listed }: Pick<ExpectedSeries, 'SeriesInstanceUID' | 'listed'>,
  store: Pick<ProjectStore, 'instancesOf'>,
): Promise<readonly string[]> {
  if (listed === 0) return [];
  return (await store.instancesOf(SeriesInstanceUID)).map(({ SOPInstanceUID }) => SOPInstanceUID);
}

/** Whether a download has all that a project expects by now. */
export async function isWhole(
  store: Pick<ProjectStore, 'series' | 'instancesOf'>,
  download: { receivedOf(SeriesInstanceUID: string): Promise<readonly ReceivedInstance[]> },
): Promise<boolean> {
  for await (const series of store.series()) {
    const { count } = await receivedOfExpected(series, await download.receivedOf(series.SeriesInstanceUID), store);
    if (count < series.listed + unlistedCount(series)) return false;
  }
  return true;
}
