// What is already known of an archive, asked by the stages of a scan to find out what changed. Answers come at once or
// as promises: a file on this machine is asked as well as a server.
import type { SeriesHeader } from '../jobs/jobs.ts';

/** Which part of a folder a record covers: names whose hash starts with `index` in its first `bits` bits. */
export interface Chunk {
  readonly bits: number;
  readonly index: number;
}

export const WHOLE_FOLDER: Chunk = { bits: 0, index: 0 };

/** The record of a chunk as it is known. */
export interface KnownChunk extends Chunk {
  readonly record: Uint8Array;
  /** True when it was read by a scan that was interrupted before it became part of the index. */
  readonly staged: boolean;
  /**
   * The full header of the least file of each of its series, where the ledger keeps headers; then a new record has to
   * come with all of its own. Undefined: the index has them.
   */
  readonly headers?: readonly SeriesHeader[];
}

export interface ScanLedger {
  /** Names of the sub-folders that are known in `folder`. */
  subfolders(folder: string): string[] | Promise<string[]>;
  /** The number of bits by which the known folder is cut into chunks; 0 for an unknown one. */
  chunkBits(folder: string): number | Promise<number>;
  /** The record that covers the chunk: its own, or that of a larger chunk which it was split from. */
  chunk(folder: string, chunk: Chunk): KnownChunk | undefined | Promise<KnownChunk | undefined>;
}
