// How many of the expected instances of a series a download has.
import type { DownloadStore, ProjectStore } from '../ports/project-store.ts';
import { type ExpectedSeries, expectedCount } from '../projects/expected.ts';

/** What is on disk and no longer expected does not count. */
export async function receivedCount(
  series: ExpectedSeries,
  store: Pick<ProjectStore, 'instancesOf'>,
  download: Pick<DownloadStore, 'receivedOf'>,
): Promise<number> {
  const received = await download.receivedOf(series.SeriesInstanceUID);
  if (received.length === 0) return 0;
  if (!series.isListed) return Math.min(received.length, expectedCount(series));
  const here = new Set(received.map(({ SOPInstanceUID }) => SOPInstanceUID));
  return (await store.instancesOf(series.SeriesInstanceUID)).filter(({ SOPInstanceUID }) => here.has(SOPInstanceUID))
    .length;
}
