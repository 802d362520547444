// Instances that came when they were waited for and do not count: why a series is not whole although the PACS has sent it.
import type { StoreFailure } from '../ports/instance-store.ts';

/** `cut-off`, `other-study` and `other-series` are kept aside, the others are not on disk. */
export type NotCountedReason = StoreFailure | 'cut-off' | 'other-study' | 'other-series';

const TEXTS: Readonly<Record<NotCountedReason, string>> = {
  identity: 'came with the data set of another instance',
  'no-space': 'came, and there was no space to store it',
  failed: 'came, and could not be stored',
  'cut-off': 'came with a data set that is cut off, and is kept aside',
  'other-study': 'came with another StudyInstanceUID, and is kept aside',
  'other-series': 'came with another SeriesInstanceUID, and is kept aside',
};

export class NotCounted {
  private readonly reasons = new Map<string, NotCountedReason>();

  add(SOPInstanceUID: string, reason: NotCountedReason): void {
    this.reasons.set(SOPInstanceUID, reason);
  }

  /** It has come as it has to be. */
  remove(SOPInstanceUID: string): void {
    this.reasons.delete(SOPInstanceUID);
  }

  /** In words, by reason; '' where there are none. */
  text(): string {
    const counts = new Map<NotCountedReason, number>();
    for (const reason of this.reasons.values()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    return Array.from(counts, ([reason, count]) => `${count === 1 ? 'one' : `each of ${count}`} ${TEXTS[reason]}`).join(
      '; ',
    );
  }
}
