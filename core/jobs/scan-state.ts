// Where a cluster's scan stands, as everyone who looks sees it.
import type { PublishReport } from '../ports/index-writer.ts';
import type { ArchiveIdentity } from '../ports/record-log.ts';

/** `starting` until its first job waits, `scanning` while any is left, `publishing` until everything can be queried. */
export type ScanStatus = 'starting' | 'scanning' | 'publishing' | 'done' | 'failed' | 'cancelled';

export interface ScanState {
  readonly id: string;
  readonly archive: ArchiveIdentity;
  /** Keep the other archives. */
  readonly append: boolean;
  readonly acceptDeletions: boolean;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly status: ScanStatus;
  /** Files and instances of the archive that were known before. */
  readonly knownFiles: number;
  readonly knownInstances: number;
  /** Of a scan that is done. */
  readonly report?: PublishReport;
  /** Of a scan that failed: a code of core/errors, and its message. */
  readonly failure?: { readonly code: string; readonly message: string };
}

/** Whether a scan is under way. */
export function isActive({ status }: ScanState): boolean {
  return status === 'starting' || status === 'scanning' || status === 'publishing';
}
