// The start of a deflated data set (PS3.5 section A.5), from as much of the stream as is at hand. Bounded: what a few
// kilobytes inflate to is up to whoever wrote them.
import type { Buffer } from 'node:buffer';
import zlib from 'node:zlib';

/** Most that is inflated, in bytes. A stream that grows beyond is inflated from a shorter piece. */
const MAX_INFLATED = 8 * 1024 * 1024;
/** Pieces shorter than this hold no header worth having, in bytes. */
const LEAST = 32;

export interface InflatedStart {
  readonly bytes: Buffer;
  /** Everything that was given has been inflated. */
  readonly whole: boolean;
}

/**
 * Inflates `deflated`, or where that fails (damage further on, or too much of it) the longest piece of a half, a
 * quarter ... that works. Undefined: it is not deflated. Besides raw streams, streams in zlib's format are taken,
 * which occur in spite of the standard.
 */
export function inflateStart(deflated: Buffer): InflatedStart | undefined {
  const options = { finishFlush: zlib.constants.Z_SYNC_FLUSH, maxOutputLength: MAX_INFLATED };
  const hasZlibHeader = deflated.length > 2 && (deflated[0]! & 0x0f) === 8 && deflated.readUInt16BE(0) % 31 === 0;
  for (let size = deflated.length; size >= LEAST || size === deflated.length; size >>>= 1) {
    const piece = deflated.subarray(0, size);
    for (const inflate of hasZlibHeader ? [zlib.inflateRawSync, zlib.inflateSync] : [zlib.inflateRawSync]) {
      try {
        const bytes = inflate(piece, options);
        if (bytes.length > 0) return { bytes, whole: size === deflated.length };
      } catch {
        // The next piece is shorter.
      }
    }
    if (size === 0) break;
  }
  return undefined;
}
