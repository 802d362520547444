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
  let [ofListed, others, bytes] = [0, 0, 0];
  for (const { SOPInstanceUID, size } of received) {
    const isListed = listed.has(SOPInstanceUID);
    if (isListed) ofListed++;
    else if (unlisted > 0) others++;
    if (isListed || unlisted > 0) bytes += size;
  }
  return { count: ofListed + Math.min(others, unlisted), bytes };
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
