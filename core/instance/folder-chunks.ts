// How a big flat folder is cut into chunks: by a hash of the name, into a power of two of parts that are only ever
// split, never by position. So a file stays in its chunk when others come and go.
import type { Chunk } from '../ports/scan-ledger.ts';

/** A folder with more files than this is cut; chunks hold about half of it on average. */
const MOST_FILES = 8192;

/** Bits needed for `files` names, never fewer than those already used for the folder. */
export function chunkBitsFor(files: number, knownBits: number): number {
  let bits = knownBits;
  while (files / 2 ** bits > MOST_FILES) bits++;
  return bits;
}

/** FNV-1a of the name's bytes, 32 bit; its top bits are the chunk. */
export function nameHash(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  // FNV's top bits are weak for short names that differ at their end: one more round spreads them.
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** Index of the chunk that holds a name when the folder is cut by `bits`. */
export function chunkIndex(name: string, bits: number): number {
  return bits === 0 ? 0 : nameHash(name) >>> (32 - bits);
}

/** Does `name` belong to the chunk? */
export function isInChunk(name: string, chunk: Chunk): boolean {
  return chunkIndex(name, chunk.bits) === chunk.index;
}
