// What a scan has found, as numbers: added up from events on one machine, from pieces of work in a cluster.
import { joinPath } from '../instance/byte-path.ts';
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
  /** Byte paths of files that `unread` counts: not all of them where there are very many. */
  readonly unreadFiles: readonly string[];
}

/** What a scan has done, as its end tells it. */
export type ScanChanges = Omit<ScanTally, 'files' | 'instances' | 'vanished' | 'appeared' | 'changedChunks' | 'kept'>;

export function scanChanges(tally: ScanTally): ScanChanges {
  const { opened, unchanged, unread, unreadWork, refusedRecords, unreadFiles } = tally;
  return {
    opened,
    unchanged,
    unread,
    unreadWork,
    refusedRecords,
    unreadFiles: [...unreadFiles].sort(),
  };
}

const OF_CHUNKS = ['files', 'instances', 'opened', 'unchanged', 'unread', 'vanished', 'appeared'] as const;

/** Files that could not be read are named as long as their paths have so many characters; those of a piece of work travel. */
const MOST_NAMES = 20_000_000;
const MOST_NAMES_OF_A_PIECE = 32_768;

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
  readonly unreadFiles: string[] = [];
  /** Characters that the names of further files may have. */
  private namesLeft: number;

  private constructor(mostNames: number) {
    this.namesLeft = mostNames;
  }

  static ofScan(): TallySum {
    return new TallySum(MOST_NAMES);
  }

  static ofPiece(): TallySum {
    return new TallySum(MOST_NAMES_OF_A_PIECE);
  }

  addEvent(event: ScanEvent): void {
    if (event.event === 'chunk') {
      for (const name of OF_CHUNKS) this[name] += event.tally[name];
      if (event.record !== undefined) this.changedChunks++;
      const { folder, unreadNames = [] } = event;
      this.name(unreadNames.map((name) => joinPath(folder, name)));
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
    this.name(tally.unreadFiles);
  }

  private name(files: readonly string[]): void {
    for (const file of files) {
      if (file.length > this.namesLeft) return;
      this.namesLeft -= file.length;
      this.unreadFiles.push(file);
    }
  }
}

/** By their paths: folders are looked into in any order. */
export function unlistedFolders({ kept }: ScanTally): UnlistedFolder[] {
  const unlisted = kept.filter(({ reason }) => reason === 'unreadable');
  const folders = unlisted.map(({ folder, detail, isNew = false }) => ({ folder, reason: detail, isNew }));
  return folders.sort((a, b) => (a.folder < b.folder ? -1 : 1));
}
