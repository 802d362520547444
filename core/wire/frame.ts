// How everything travels between the parts of a cluster: one byte that says the version, the length of a description,
// the description as JSON (compressed with Zstandard, unless it is short), and after it bytes as they are (the record of a chunk, which is
// compressed already). docs/wire.md lists the descriptions.
import { Buffer } from 'node:buffer';
import zlib from 'node:zlib';
import { ditagError } from '../errors/errors.ts';

/** To be raised with every change that an older ditag would misread. */
export const WIRE_VERSION = 1;
const HEAD = 5;
/** Shorter descriptions are not compressed (bytes): that would cost more than it saves. */
const SHORT = 512;
/** The first byte of what Zstandard has compressed; JSON never begins with it. */
const ZSTD_MAGIC = 0x28;
const QUICK = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } };
/** A description is never larger than this when it is unpacked (bytes): what claims to be is not believed. */
const MOST_BYTES = 256 * 1024 * 1024;

/** A message as it was taken apart. */
export interface Frame {
  readonly description: unknown;
  readonly bytes: Uint8Array;
}

/** Puts a message together. */
export function encodeFrame(description: unknown, bytes: Uint8Array = NOTHING): Uint8Array {
  const plain = Buffer.from(JSON.stringify(description), 'utf8');
  const text = plain.length < SHORT ? plain : zlib.zstdCompressSync(plain, QUICK);
  const frame = Buffer.allocUnsafe(HEAD + text.length + bytes.length);
  frame[0] = WIRE_VERSION;
  frame.writeUInt32LE(text.length, 1);
  frame.set(text, HEAD);
  frame.set(bytes, HEAD + text.length);
  return frame;
}

/** Takes a message apart. Throws `newer-message` and `damaged-message`. */
export function decodeFrame(frame: Uint8Array): Frame {
  const version = frame[0];
  if (version !== undefined && version > WIRE_VERSION) {
    throw ditagError('newer-message', { found: version, known: WIRE_VERSION });
  }
  const view = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  if (version !== WIRE_VERSION || frame.length < HEAD) throw ditagError('damaged-message', { reason: 'no version' });
  const end = HEAD + view.readUInt32LE(1);
  if (end > frame.length) throw ditagError('damaged-message', { reason: 'it is cut off' });
  let description: unknown;
  try {
    const packed = view.subarray(HEAD, end);
    const isPacked = packed[0] === ZSTD_MAGIC;
    const text = isPacked ? zlib.zstdDecompressSync(packed, { maxOutputLength: MOST_BYTES }) : packed;
    description = JSON.parse(text.toString('utf8'));
  } catch (error) {
    throw ditagError('damaged-message', { reason: (error as Error).message }, error);
  }
  return { description, bytes: view.subarray(end) };
}

const NOTHING = new Uint8Array(0);
