// How many of the expected instances of a series a download has.
import type { ProjectStore } from '../ports/project-store.ts';
import { type ExpectedSeries, expectedCount } from '../projects/expected.ts';
import type { ReceivedInstance } from '../projects/received.ts';

/** @param received of the series; what is on disk and no longer expected does not count */
export async function receivedCount(
  series: ExpectedSeries,
  received: readonly ReceivedInstance[],
  store: Pick<ProjectStore, 'instancesOf'>,
): Promise<number> {
  if (received.length === 0) return 0;
  if (!series.isListed) return Math.min(received.length, expectedCount(series));
  const here = new Set(received.map(({ SOPInstanceUID }) => SOPInstanceUID));
  const listed = await store.instancesOf(series.SeriesInstanceUID);
  return listed.filter(({ SOPInstanceUID }) => here.has(SOPInstanceUID)).length;
}
