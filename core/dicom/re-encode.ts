// Changes a data set from one uncompressed transfer syntax into another (PS3.5 annex A) while it passes by: memory does
// not grow with the data set. Preamble and file meta information are not part of it. The elements are the work of
// `re-encode-elements.ts`, here is the deflate stream around them; encapsulated pixel data are never touched.
import { Buffer } from 'node:buffer';
import zlib from 'node:zlib';
import { ElementReEncoder } from './re-encode-elements.ts';
import { ReEncodeError } from './re-encode-error.ts';
import type { TransferSyntax } from './transfer-syntaxes.ts';

export { ReEncodeError };

/** PS3.5 sections A.1, A.2, A.3 and A.5. */
const writable: ReadonlySet<string> = new Set([
  '1.2.840.10008.1.2',
  '1.2.840.10008.1.2.1',
  '1.2.840.10008.1.2.2',
  '1.2.840.10008.1.2.1.99',
]);
/** Of GE: implicit VR little endian with pixels in big endian. */
const READABLE_ONLY = '1.2.840.113619.5.2';
/** Size of what is inflated or deflated at a time, in bytes. */
const CHUNK = 64 * 1024;

/**
 * Whether data sets can be changed from one into the other without touching compressed pixel data. False for every
 * encapsulated transfer syntax, also from one into itself.
 */
export function canReEncode(from: TransferSyntax, to: TransferSyntax): boolean {
  return (writable.has(from.uid) || from.uid === READABLE_ONLY) && writable.has(to.uid);
}

/**
 * The data set in another transfer syntax. Every element keeps its value and its place; group lengths are left out, and
 * sequences and items have undefined lengths. The pieces of `source` are not altered, and not
 * looked at any more when the next one is asked for. Throws `ReEncodeError` where the data set is malformed or would
 * lose something; what has been given up to then is worthless. An error of `source` is passed on as it is.
 */
export async function* reEncode(
  source: AsyncIterable<Buffer>,
  from: TransferSyntax,
  to: TransferSyntax,
): AsyncIterable<Buffer> {
  if (!canReEncode(from, to)) throw new ReEncodeError(`There is no way from ${from.name} to ${to.name}.`);
  const plain = from.deflated ? through(source, zlib.createInflateRaw({ chunkSize: CHUNK })) : source;
  const written = reEncodeElements(plain, from, to);
  yield* to.deflated ? padded(through(written, zlib.createDeflateRaw({ chunkSize: CHUNK }))) : written;
}

async function* reEncodeElements(
  source: AsyncIterable<Buffer>,
  from: TransferSyntax,
  to: TransferSyntax,
): AsyncGenerator<Buffer, void, undefined> {
  const encoder = new ElementReEncoder(from, to);
  for await (const piece of source) yield* encoder.take(piece);
  const rest = encoder.end();
  if (rest.length > 0) yield rest;
}

/** PS3.5 section A.5: a null byte makes the length of the stream even. */
async function* padded(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let length = 0;
  for await (const piece of stream) {
    length += piece.length;
    yield piece;
  }
  if (length % 2 !== 0) yield Buffer.alloc(1);
}

/** What comes out where `source` goes into a stream of zlib. */
async function* through(
  source: AsyncIterable<Buffer>,
  stream: zlib.InflateRaw | zlib.DeflateRaw,
): AsyncGenerator<Buffer, void, undefined> {
  let failure: unknown;
  const fed = feed(source, stream).catch((error: unknown) => {
    failure = error;
    stream.destroy();
  });
  try {
    for await (const piece of stream) yield piece as Buffer;
  } catch (cause) {
    failure ??= new ReEncodeError('The deflated data set is damaged or ends too early.', { cause });
  } finally {
    stream.destroy();
    await fed;
  }
  if (failure !== undefined) throw failure;
}

async function feed(source: AsyncIterable<Buffer>, stream: zlib.InflateRaw | zlib.DeflateRaw): Promise<void> {
  const closed = new Promise<void>((resolve) => stream.once('close', resolve));
  for await (const piece of source) {
    // What stands behind the end of a deflate stream, such as the null byte of PS3.5 section A.5, belongs to nothing.
    if (stream.destroyed || stream.readableEnded) break;
    // One at a time: the piece may change when the next one is asked for.
    const taken = new Promise<void>((resolve) => stream.write(piece, () => resolve()));
    await Promise.race([taken, closed]);
  }
  stream.end();
}
