// What becomes of a message with work that cannot be read: it is put aside, and its scan remembers that, so that it does
// not end as if all had been done.
import { TallySum } from '../../core/jobs/scan-tally.ts';
import type { FailedMessages } from '../../core/ports/failed-messages.ts';
import type { ScanRegistry } from '../../core/ports/scan-registry.ts';

/** Puts work aside. `scan`: the one that it belongs to, as its subject says. It can be done again without harm. */
export function putDamagedWorkAside(
  failed: FailedMessages,
  registry: ScanRegistry,
): (sequence: number, reason: string, scan: string) => Promise<void> {
  return async (sequence, reason, scan) => {
    await failed.add('jobs', sequence, reason);
    // Of a scan that nobody knows any more nobody asks either.
    if ((await registry.find(scan)) === undefined) return;
    const tally = TallySum.ofPiece();
    tally.unreadWork = 1;
    await registry.addTally(scan, `unread-${sequence}`, tally);
  };
}
