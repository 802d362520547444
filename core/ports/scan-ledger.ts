// What is already known of an archive, asked by the stages of a scan to find out what changed.

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
}

export interface ScanLedger {
  /** Names of the sub-folders that the index knows in `folder`. */
  subfolders(folder: string): string[];
  /** The number of bits by which the known folder is cut into chunks; 0 for an unknown one. */
  chunkBits(folder: string): number;
  /** The record that covers the chunk: its own, or that of a larger chunk which it was split from. */
  chunk(folder: string, chunk: Chunk): KnownChunk | undefined;
}
