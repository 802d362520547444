// What stands in front of a data set that came over the network when it is kept as a file (PS3.10 section 7.1):
// preamble, prefix, and group 0002 in explicit VR little endian.
import { Buffer } from 'node:buffer';
import { IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME } from './uids.ts';

/** What is told of an instance before its data set comes: the C-STORE command, the presentation context, the peer. */
export interface FileMeta {
  readonly SOPClassUID: string;
  readonly SOPInstanceUID: string;
  readonly transferSyntaxUID: string;
  /** '' for none. */
  readonly sourceAETitle: string;
}

type Element = readonly [number: number, vr: 'OB' | 'UI' | 'SH' | 'AE', value: string];

const PREAMBLE = 128;
const PREFIX = 'DICM';
/** FileMetaInformationGroupLength: header and value, behind the prefix. */
const GROUP_LENGTH = 12;
const START = PREAMBLE + PREFIX.length + GROUP_LENGTH;
const GROUP_LENGTH_HEADER = Buffer.from('\x02\0\0\0UL\x04\0', 'latin1');

/** Encodes preamble, prefix and file meta; the data set's bytes follow as they are. */
export function encodeFileMeta(meta: FileMeta): Buffer {
  // PS3.10 table 7.1-1.
  const elements: Element[] = [
    [0x0001, 'OB', '\0\x01'],
    [0x0002, 'UI', meta.SOPClassUID],
    [0x0003, 'UI', meta.SOPInstanceUID],
    [0x0010, 'UI', meta.transferSyntaxUID],
    [0x0012, 'UI', IMPLEMENTATION_CLASS_UID],
    [0x0013, 'SH', IMPLEMENTATION_VERSION_NAME],
  ];
  if (meta.sourceAETitle !== '') elements.push([0x0016, 'AE', meta.sourceAETitle]);
  let size = START;
  for (const [, vr, value] of elements) size += headerLength(vr) + evenLength(value);
  const bytes = Buffer.alloc(size);
  bytes.write(PREFIX, PREAMBLE, 'latin1');
  GROUP_LENGTH_HEADER.copy(bytes, PREAMBLE + PREFIX.length);
  bytes.writeUInt32LE(size - START, START - 4);
  let at = START;
  for (const element of elements) at = writeElement(bytes, at, element);
  return bytes;
}

/** Where the data set begins in a file that starts with these bytes; undefined where `encodeFileMeta` did not write it. */
export function dataSetStart(bytes: Buffer): number | undefined {
  if (bytes.length < START || bytes.toString('latin1', PREAMBLE, PREAMBLE + PREFIX.length) !== PREFIX) return undefined;
  if (GROUP_LENGTH_HEADER.compare(bytes, PREAMBLE + PREFIX.length, START - 4) !== 0) return undefined;
  return START + bytes.readUInt32LE(START - 4);
}

/** How many bytes `dataSetStart` needs. */
export const LEAST_OF_FILE_META = START;

/** PS3.5 section 7.1.2: OB has a length of four bytes, the others here of two. */
function headerLength(vr: string): number {
  return vr === 'OB' ? 12 : 8;
}

function evenLength(value: string): number {
  return value.length + (value.length % 2);
}

function writeElement(bytes: Buffer, start: number, [number, vr, value]: Element): number {
  const length = evenLength(value);
  bytes.writeUInt16LE(0x0002, start);
  bytes.writeUInt16LE(number, start + 2);
  bytes.write(vr, start + 4, 'latin1');
  if (vr === 'OB') bytes.writeUInt32LE(length, start + 8);
  else bytes.writeUInt16LE(length, start + 6);
  const at = start + headerLength(vr);
  bytes.write(value, at, 'latin1');
  // UIDs are padded with NUL (PS3.5 section 9.1), text with a blank (PS3.5 section 6.2).
  if (length > value.length && vr !== 'UI') bytes[at + value.length] = 0x20;
  return at + length;
}
