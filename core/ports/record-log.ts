// The log of a cluster: the last state of every folder chunk, each with the position at which it was written. It is
// the truth; the index is derived from it, and scanners compare with it. A record never replaces a newer one.
import type { SeriesHeader } from '../jobs/jobs.ts';
import type { Chunk, ScanLedger } from './scan-ledger.ts';

/** A named tree of folders. Of series that lie in several archives, the one with the least number speaks. */
export interface ArchiveIdentity {
  readonly name: string;
  readonly number: number;
}

/** The files of one folder chunk. */
export interface ChunkEntry {
  readonly entry: 'chunk';
  readonly archive: ArchiveIdentity;
  /** Byte path relative to the archive's root. */
  readonly folder: string;
  readonly chunk: Chunk;
  /** Encoded by core/instance/folder-record.ts; undefined: the chunk is gone. */
  readonly record: Uint8Array | undefined;
  /** The full header of the least file of each series of the record. */
  readonly headers: readonly SeriesHeader[];
}

/** What is known to lie in a folder besides its files; a folder without an entry has no sub-folders and is not cut. */
export interface FolderEntry {
  readonly entry: 'folder';
  readonly archive: ArchiveIdentity;
  readonly folder: string;
  readonly subfolders: readonly string[];
  /** Bits by which its files are cut into chunks. */
  readonly bits: number;
}

/** An archive as a whole, written at the end of each of its scans. */
export interface ArchiveEntry {
  readonly entry: 'archive';
  readonly archive: ArchiveIdentity;
  /** ISO 8601; undefined: the archive has left the cluster. */
  readonly indexedAt: string | undefined;
}

export type LogEntry = ChunkEntry | FolderEntry | ArchiveEntry;

/** An entry and its position: of two of the same chunk the one with the greater position speaks. */
export interface LoggedEntry {
  readonly sequence: number;
  readonly entry: LogEntry;
  /**
   * Position of the entry in place of which it was written, 0 for none. Undefined where that tells nothing: it was written
   * whatever was there, or before this generation of the index began, which the replaced entry never reached.
   */
  readonly replaces?: number | undefined;
}

/** Entries of which none is done with yet. */
export interface LoggedBatch {
  readonly entries: readonly LoggedEntry[];
  /** They are in the index: they are not delivered again. Resolves when the log knows. */
  done(): Promise<void>;
  /** They could not be taken now: they are delivered again after `milliseconds`. */
  later(milliseconds: number): void;
  /** The work on them goes on: they are not given to another one meanwhile. */
  working(): void;
}

/** A ledger over the log, which also remembers at which position it found what it answered. */
export interface LogLedger extends ScanLedger {
  /** Position of the entry of exactly this chunk, as the ledger has seen it last; 0 where there was none. */
  chunkPosition(folder: string, chunk: Chunk): Promise<number>;
  /** The same of the folder's own entry. */
  folderPosition(folder: string): Promise<number>;
}

export interface RecordLog {
  /**
   * Writes an entry. `expected` is the position of the entry that it replaces (0: none; undefined: whichever is
   * there). Returns its position, or undefined where another writer was there first: then nothing was written.
   */
  write(entry: LogEntry, expected: number | undefined): Promise<number | undefined>;
  /** What is known of an archive. One ledger serves one folder after the other. */
  ledger(archive: ArchiveIdentity): LogLedger;
  /** Every entry of an archive with its position, in no particular order. */
  entries(archive: ArchiveIdentity): AsyncIterable<LoggedEntry>;
  /** Position of the last entry of the log. */
  end(): Promise<number>;
  /** Number of entries that the log holds. */
  size(): Promise<number>;
}

/** The entries of the log as they are written, shared out among the indexers. */
export interface RecordFeed {
  /**
   * Batches of up to `most` entries, for ever: each is delivered again until it is done. Ends when `signal` aborts, or
   * where the delivery broke off: it is to be asked for again.
   */
  batches(most: number, signal: AbortSignal): AsyncIterable<LoggedBatch>;
  /** Whether every entry up to this position is done. */
  isPast(position: number): Promise<boolean>;
  /** Entries that are not done. */
  waiting(): Promise<number>;
}
