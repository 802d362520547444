// The writing side of the index on one machine: events of a scan are kept, and become the index's new state at once.
import type { HeaderElement } from '../dicom/header-element.ts';
import type { ScanEvent } from '../jobs/jobs.ts';

/** What is known of an archive before it is scanned. */
export interface KnownArchive {
  readonly files: number;
  /** Names of its root's known sub-folders and files, up to a bound: a sample by which it is recognised. */
  readonly rootSample: readonly string[];
}

/** What a run starts from. */
export interface IndexWriterStart {
  /** Undefined for an archive that is not in the index. */
  readonly known: KnownArchive | undefined;
  /** True when an interrupted scan of this archive left something to go on from. */
  readonly resumed: boolean;
  /** The file whose ledger scan workers read. */
  readonly databasePath: string;
}

export interface PublishOptions {
  /** Keep the index's other archives. */
  readonly append: boolean;
  /** Let files leave the index however many they are. */
  readonly acceptDeletions: boolean;
  /** Where it would be `too-many-deletions`: take what is new all the same, and keep what is gone (`heldInstances`). */
  readonly holdDeletions?: boolean;
}

/** What the publication needs from around it. */
export interface PublishPorts {
  /** Reads the full header of a file of this archive; undefined where it cannot be read now. */
  readonly readHeader: (
    folder: string,
    name: string,
  ) => { readonly elements: readonly HeaderElement[]; readonly issues: number } | undefined;
  /** Called now and then with the number of series that are done, and of all. */
  readonly progress: (done: number, all: number) => void;
  /** Called often; throws where the publication is to end: then it is undone. */
  readonly throwIfEnded?: () => void;
}

/** What the index holds of the archive after publishing. */
export interface PublishReport {
  readonly files: number;
  readonly instances: number;
  readonly series: number;
  readonly studies: number;
  readonly skipped: Readonly<Record<string, number>>;
  /** Folder chunks whose record is new. */
  readonly changedChunks: number;
  /** Known folders that listed empty and whose instances stand nowhere else: what is known of them was kept. */
  readonly keptFolders: readonly string[];
  /** Files that the index did not have, and files that it had, of folders that are still there. */
  readonly appeared: number;
  readonly vanished: number;
  /** Files of folders that are gone as a whole: a scan does not come to them. */
  readonly goneFiles?: number;
  /** Instances whose files are gone and that were kept, because those are too many to be believed; see `holdDeletions`. */
  readonly heldInstances?: number;
  /** Names of other archives that this run took out of the index, because they were not to stay. */
  readonly removedArchives: readonly string[];
}

/** One archive's index run. Only one at a time per index (`already-running`). */
export interface IndexWriter {
  readonly start: IndexWriterStart;
  /** Keeps what a scan found, with the memory of its records; survives an interruption after at most a second. */
  stage(events: readonly ScanEvent[]): Promise<void>;
  /** Makes everything staged the new state of the index, in one transaction. Throws `too-many-deletions`. */
  publish(options: PublishOptions): Promise<PublishReport>;
  close(): Promise<void>;
}
