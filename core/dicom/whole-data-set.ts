// Whether a file has its data set to the end: every element's value, and all fragments of compressed pixel data with the
// delimiter behind them (PS3.5 section A.4). Only headers of elements and fragments are read, however large the values are.
import { Buffer } from 'node:buffer';
import { ITEM, SEQUENCE_DELIMITATION, tagAt, UNDEFINED_LENGTH } from './element-table.ts';
import type { HeaderReader } from './header-reader.ts';
import { Issue } from './issues.ts';

/** Reads bytes of the file into `buffer`; gives how many, 0 at its end. */
export type ReadBytes = (buffer: Buffer, offset: number, length: number, position: number) => Promise<number>;

/** Bytes of an item's tag and length. */
const ITEM_HEADER = 8;

/**
 * False: the file ends before its data set does. Of a header of more than 4 MB, and of a deflated one, only the beginning is
 * looked at. @param reader has read the file's identity to its end @param bytes size of the file
 */
export async function isWholeDataSet(reader: HeaderReader, bytes: number, read: ReadBytes): Promise<boolean> {
  // What is no image is header to its end, and of a long one only the identity has been read.
  if (!reader.isAtPixelData && reader.outcome === 'instance') await feed(reader, reader.beginFull(), read);
  if ((reader.issues & Issue.Truncated) !== 0) return false;
  const { fragmentsPosition: start } = reader;
  return start < 0 || areFragmentsWhole(start, bytes, reader.encoding.littleEndian, read);
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

async function areFragmentsWhole(
  start: number,
  bytes: number,
  isLittleEndian: boolean,
  read: ReadBytes,
): Promise<boolean> {
  const header = Buffer.allocUnsafe(ITEM_HEADER);
  const view = new DataView(header.buffer, header.byteOffset, ITEM_HEADER);
  for (let position = start; ; ) {
    for (let held = 0; held < ITEM_HEADER; ) {
      const more = await read(header, held, ITEM_HEADER - held, position + held);
      if (more === 0) return false;
      held += more;
    }
    const tag = tagAt(view, 0, isLittleEndian);
    if (tag === SEQUENCE_DELIMITATION) return true;
    const length = view.getUint32(4, isLittleEndian);
    // What is no fragment at all is wrong in another way than by its end.
    if (tag !== ITEM || length === UNDEFINED_LENGTH) return true;
    position += ITEM_HEADER + length;
    if (position > bytes) return false;
  }
}
