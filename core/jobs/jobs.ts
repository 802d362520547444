// Every job and event of a scan. Vocabulary (docs/glossary.md): an archive is a tree of folders with instances; a
// record lists the files of one folder chunk; a job is a piece of work that can be done again without harm; a stage
// does one kind of job; an event says what a stage found out. The shapes are plain data: they cross threads and wires.
import type { SeriesPart } from '../instance/series-fold.ts';
import type { SkipReason } from '../instance/skipped.ts';
import type { EntryType } from '../ports/archive-files.ts';
import type { Chunk } from '../ports/scan-ledger.ts';

/** List a folder: its sub-folders become jobs, its files one or more `read-files` jobs. */
export interface ScanFolderJob {
  readonly job: 'scan-folder';
  readonly folder: string;
  /** A huge folder is listed in several passes, each for the names of one slice; undefined: not known to be huge. */
  readonly slice?: Slice;
}

/** A part of the names of a huge folder. */
export interface Slice {
  readonly bits: number;
  readonly index: number;
  /** Bits by which the whole folder is cut into chunks: the same in each slice. */
  readonly chunkBits: number;
}

/** Compare the files of one chunk with its record and read those that changed. */
export interface ReadFilesJob {
  readonly job: 'read-files';
  readonly folder: string;
  readonly chunk: Chunk;
  readonly names: readonly string[];
  /** Types of the names that are not plain files. */
  readonly types: ReadonlyMap<string, EntryType>;
  /** Milliseconds since 1970 at which the folder was listed. */
  readonly listedAt: number;
}

export type ScanJob = ScanFolderJob | ReadFilesJob;

/** The full header of a file that is the first of its series in its chunk. */
export interface SeriesHeader {
  readonly SeriesInstanceUID: string;
  readonly name: string;
  /** Bits of `Issue` that the full header showed. */
  readonly issues: number;
  /** Encoded by core/instance/header-codec.ts. */
  readonly header: string;
}

/** A chunk was compared: `record` is its new state, undefined where nothing changed. */
export interface ChunkEvent {
  readonly event: 'chunk';
  readonly folder: string;
  readonly chunk: Chunk;
  readonly record: Uint8Array | undefined;
  /** Where nothing changed: the known record was one of an interrupted scan. */
  readonly staged: boolean;
  /** What the new record holds of each series; empty where nothing changed. */
  readonly parts: readonly SeriesPart[];
  readonly headers: readonly SeriesHeader[];
  readonly tally: ChunkTally;
  /** Names of the files that `tally.unread` counts; for who takes the event, and not part of any record. */
  readonly unreadNames?: readonly string[];
}

/** What a chunk holds, and what became of it since its last record. */
export interface ChunkTally {
  readonly files: number;
  readonly instances: number;
  readonly skipped: Partial<Record<SkipReason, number>>;
  /** Files that were opened, and files that were found as they are known. */
  readonly opened: number;
  readonly unchanged: number;
  /** Files that could not be read now: what was known of them is kept, and they are read again next time. */
  readonly unread: number;
  /** Known files that are gone, and files that were not known. */
  readonly vanished: number;
  readonly appeared: number;
  /** Known instances that the chunk no longer holds under any name. */
  readonly lost: number;
}

/** A folder holds other sub-folders than those known, or its files are cut into more chunks. Comes after what vanished. */
export interface FolderListedEvent {
  readonly event: 'folder-listed';
  readonly folder: string;
  readonly subfolders: readonly string[];
  readonly bits: number;
}

/** Known sub-folders are gone: everything below them leaves the index. */
export interface FoldersVanishedEvent {
  readonly event: 'folders-vanished';
  readonly folder: string;
  readonly names: readonly string[];
}

/** A folder could not be listed, or a known one lists empty: what is known of it is kept. */
export interface FolderKeptEvent {
  readonly event: 'folder-kept';
  readonly folder: string;
  readonly reason: 'unreadable' | 'lists-empty';
  /** Nothing is known of it. */
  readonly isNew?: true;
  readonly detail: string;
}

export type ScanEvent = ChunkEvent | FolderListedEvent | FoldersVanishedEvent | FolderKeptEvent;
