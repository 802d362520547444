// What a scan has found, as numbers: added up from events on one machine, from pieces of work in a cluster.
import type { ScanEvent } from './jobs.ts';

/** A folder of which the known content was kept. */
export interface KeptFolder {
  readonly folder: string;
  readonly reason: 'unreadable' | 'lists-empty';
  readonly detail: string;
  /** Nothing is known of it. */
  readonly isNew?: true | undefined;
}

/** A folder of which something could not be listed or kept; of a new one nothing is known. */
export interface UnlistedFolder {
  readonly folder: string;
  readonly reason: string;
  readonly isNew: boolean;
}

export interface ScanTally {
  readonly files: number;
  readonly instances: number;
  readonly opened: number;
  readonly unchanged: number;
  /** Files that could not be read now, and of which what was known is kept. */
  readonly unread: number;
  /** Messages with work of the scan that could not be read themselves: what they asked for was not done. */
  readonly unreadWork: number;
  /** Records of the archive that the index refuses: what they hold is not in it. */
  readonly refusedRecords: number;
  readonly vanished: number;
  readonly appeared: number;
  /** Chunks whose record is new. */
  readonly changedChunks: number;
  readonly kept: readonly KeptFolder[];
}

/** What a scan has done, as its end tells it. */
export type ScanChanges = Omit<ScanTally, 'files' | 'instances' | 'changedChunks' | 'kept'>;

export function scanChanges(tally: ScanTally): ScanChanges {
  const { opened, unchanged, unread, unreadWork, refusedRecords, vanished, appeared } = tally;
  return { opened, unchanged, unread, unreadWork, refusedRecords, vanished, appeared };
}

const OF_CHUNKS = ['files', 'instances', 'opened', 'unchanged', 'unread', 'vanished', 'appeared'] as const;

/** A tally that grows. */
export class TallySum implements ScanTally {
  files = 0;
  instances = 0;
  opened = 0;
  unchanged = 0;
  unread = 0;
  unreadWork = 0;
  refusedRecords = 0;
  vanished = 0;
  appeared = 0;
  changedChunks = 0;
  readonly kept: KeptFolder[] = [];

  addEvent(event: ScanEvent): void {
    if (event.event === 'chunk') {
      for (const name of OF_CHUNKS) this[name] += event.tally[name];
      if (event.record !== undefined) this.changedChunks++;
    } else if (event.event === 'folder-kept') {
      const { folder, reason, detail, isNew } = event;
      this.kept.push({ folder, reason, detail, ...(isNew === undefined ? {} : { isNew }) });
    }
  }

  add(tally: ScanTally): void {
    for (const name of OF_CHUNKS) this[name] += tally[name];
    this.changedChunks += tally.changedChunks;
    this.unreadWork += tally.unreadWork;
    this.refusedRecords += tally.refusedRecords;
    this.kept.push(...tally.kept);
  }
}

export function unlistedFolders({ kept }: ScanTally): UnlistedFolder[] {
  const unlisted = kept.filter(({ reason }) => reason === 'unreadable');
  return unlisted.map(({ folder, detail, isNew = false }) => ({ folder, reason: detail, isNew }));
}
