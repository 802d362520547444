// Whether a file has its data set to the end: every element's value, all fragments of compressed pixel data with the
// delimiter behind them (PS3.5 section A.4), and what follows those. Only headers of elements and fragments are read, however large the values are.
import { Buffer } from 'node:buffer';
import { type Encoding, ITEM, SEQUENCE_DELIMITATION, tagAt, UNDEFINED_LENGTH } from './element-table.ts';
import type { HeaderReader } from './header-reader.ts';
import { Issue } from './issues.ts';
import { EXPLICIT_VR_LONG, explicitVrFlags } from './value-representations.ts';

/** Reads bytes of the file into `buffer`; gives how many, 0 at its end. */
export type ReadBytes = (buffer: Buffer, offset: number, length: number, position: number) => Promise<number>;

/** Bytes of an item's tag and length. */
const ITEM_HEADER = 8;
/** Bytes of an element before its value (PS3.5 section 7.1). */
const SHORT_HEADER = 8;
const LONGEST_HEADER = 12;
/** The last of the tags at which a header ends. */
const PIXEL_DATA = 0x7fe00010;

/**
 * False: the file ends before its data set does. Of a header of more than 4 MB, and of a deflated one, only the beginning is
 * looked at. @param reader has read the file's identity to its end @param bytes size of the file
 */
export async function isWholeDataSet(reader: HeaderReader, bytes: number, read: ReadBytes): Promise<boolean> {
  // What is no image is header to its end, and of a long one only the identity has been read.
  if (!reader.isAtPixelData && reader.outcome === 'instance') await feed(reader, reader.beginFull(), read);
  if ((reader.issues & Issue.Truncated) !== 0) return false;
  const { fragmentsPosition, pixelDataEnd, encoding } = reader;
  const file: File = { bytes, read, encoding };
  if (fragmentsPosition < 0) return pixelDataEnd < 0 || areElementsWhole(pixelDataEnd, file);
  const end = await fragmentsEnd(fragmentsPosition, file);
  return end !== undefined && areElementsWhole(end, file);
}

/** Gives a header reader what it asks for, until it wants no more or `isEnough`. */
export async function feed(
  reader: HeaderReader,
  first: ReturnType<HeaderReader['begin']>,
  read: ReadBytes,
  isEnough: () => boolean = () => false,
): Promise<void> {
  let request = first;
  while (request !== undefined && !isEnough()) {
    const { buffer, bufferOffset } = reader;
    request = reader.advance(await read(buffer, bufferOffset, request.length, request.position));
  }
}

interface File {
  readonly bytes: number;
  readonly read: ReadBytes;
  readonly encoding: Encoding;
}

/** Reads up to `length` bytes; fewer at the file's end. */
async function readAt({ read }: File, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let held = 0; held < length; ) {
    const more = await read(bytes, held, length - held, position + held);
    if (more === 0) return bytes.subarray(0, held);
    held += more;
  }
  return bytes;
}

/**
 * Where the fragments end that begin at `start`; undefined: the file ends before. What is no fragment at all is wrong in
 * another way than by its end, and all that follows is taken as there.
 */
async function fragmentsEnd(start: number, file: File): Promise<number | undefined> {
  const { littleEndian } = file.encoding;
  for (let position = start; ; ) {
    const header = await readAt(file, position, ITEM_HEADER);
    if (header.length < ITEM_HEADER) return undefined;
    const view = new DataView(header.buffer, header.byteOffset, ITEM_HEADER);
    const tag = tagAt(view, 0, littleEndian);
    if (tag === SEQUENCE_DELIMITATION) return position + ITEM_HEADER;
    const length = view.getUint32(4, littleEndian);
    if (tag !== ITEM || length === UNDEFINED_LENGTH) return file.bytes;
    position += ITEM_HEADER + length;
    if (position > file.bytes) return undefined;
  }
}

/**
 * Whether the elements behind PixelData are whole: few files have any. Zeros at the end are padding; from a sequence of
 * undefined length, and from what is no element, nothing more is looked at.
 */
async function areElementsWhole(start: number, file: File): Promise<boolean> {
  const { littleEndian, explicitVr } = file.encoding;
  let before = PIXEL_DATA;
  for (let position = start; position < file.bytes; ) {
    const header = await readAt(file, position, LONGEST_HEADER);
    if (header.every((byte) => byte === 0)) return true;
    const view = new DataView(header.buffer, header.byteOffset, header.length);
    // A line end that somebody has added is no element that was cut.
    if (header.length < SHORT_HEADER) return header.length < 2 || view.getUint16(0, littleEndian) < PIXEL_DATA >>> 16;
    const tag = tagAt(view, 0, littleEndian);
    if (tag <= before) return true;
    before = tag;
    const flags = explicitVr ? explicitVrFlags[view.getUint16(4)]! : 0;
    if (explicitVr && flags === 0) return true;
    const isLong = (flags & EXPLICIT_VR_LONG) !== 0;
    if (isLong && header.length < LONGEST_HEADER) return false;
    const length = isLong
      ? view.getUint32(8, littleEndian)
      : explicitVr
        ? view.getUint16(6, littleEndian)
        : view.getUint32(4, littleEndian);
    if (length === UNDEFINED_LENGTH) return true;
    position += (isLong ? LONGEST_HEADER : SHORT_HEADER) + length;
    if (position > file.bytes) return false;
  }
  return true;
}
