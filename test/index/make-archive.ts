// Builds DICOM files and archives for tests: explicit VR little endian (PS3.5 section 7.1.2) with file meta, and
// nothing in them but what the test says. Times of files are long past, so that none is taken for freshly written.
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import path from 'node:path';

export type Value = string | Uint8Array | readonly (readonly Element[])[];
/** Tag, VR, value: text, bytes, or the items of a sequence. */
export type Element = readonly [tag: number, vr: string, value: Value];

/** The attributes that tests name by keyword: tag and VR (PS3.6). */
const KEYWORDS = {
  StudyDate: [0x00080020, 'DA'],
  AccessionNumber: [0x00080050, 'SH'],
  Modality: [0x00080060, 'CS'],
  Manufacturer: [0x00080070, 'LO'],
  InstitutionName: [0x00080080, 'LO'],
  StationName: [0x00081010, 'SH'],
  StudyDescription: [0x00081030, 'LO'],
  SeriesDescription: [0x0008103e, 'LO'],
  ManufacturerModelName: [0x00081090, 'LO'],
  PatientName: [0x00100010, 'PN'],
  PatientID: [0x00100020, 'LO'],
  PatientSex: [0x00100040, 'CS'],
  BodyPartExamined: [0x00180015, 'CS'],
  ProtocolName: [0x00181030, 'LO'],
  StudyInstanceUID: [0x0020000d, 'UI'],
} as const;

export interface Instance extends Partial<Record<keyof typeof KEYWORDS, string>> {
  readonly SOPInstanceUID?: string;
  readonly SeriesInstanceUID?: string;
  readonly SOPClassUID?: string;
  /** Further elements. */
  readonly elements?: readonly Element[];
  /** Bytes of pixel data. */
  readonly pixels?: number;
}

const LONG = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV']);
const MR_IMAGE = '1.2.840.10008.5.1.4.1.1.4';
const EXPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2.1';

export function element([tag, vr, value]: Element): Buffer {
  let body: Buffer;
  if (typeof value === 'string') {
    body = Buffer.from(value, 'utf8');
    if (body.length % 2 === 1) body = Buffer.concat([body, Buffer.from(vr === 'UI' ? '\0' : ' ')]);
  } else if (value instanceof Uint8Array) body = Buffer.from(value);
  else body = Buffer.concat(value.map(item));
  const head = Buffer.alloc(LONG.has(vr) ? 12 : 8);
  head.writeUInt16LE(tag >>> 16, 0);
  head.writeUInt16LE(tag & 0xffff, 2);
  head.write(vr, 4, 'latin1');
  if (LONG.has(vr)) head.writeUInt32LE(body.length, 8);
  else head.writeUInt16LE(body.length, 6);
  return Buffer.concat([head, body]);
}

function item(elements: readonly Element[]): Buffer {
  const body = Buffer.concat(inOrder(elements).map(element));
  const head = Buffer.alloc(8);
  head.writeUInt16LE(0xfffe, 0);
  head.writeUInt16LE(0xe000, 2);
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body]);
}

function inOrder(elements: readonly Element[]): Element[] {
  return [...elements].sort(([a], [b]) => a - b);
}

/** The bytes of one file. */
export function dicomFile(instance: Instance): Buffer {
  const { SOPInstanceUID, SeriesInstanceUID, SOPClassUID = MR_IMAGE, elements = [], pixels = 0 } = instance;
  const all: Element[] = [[0x00080016, 'UI', SOPClassUID], ...elements];
  if (SOPInstanceUID !== undefined) all.push([0x00080018, 'UI', SOPInstanceUID]);
  if (SeriesInstanceUID !== undefined) all.push([0x0020000e, 'UI', SeriesInstanceUID]);
  for (const [keyword, [tag, vr]] of Object.entries(KEYWORDS)) {
    const value = instance[keyword as keyof typeof KEYWORDS];
    if (value !== undefined) all.push([tag, vr, value]);
  }
  if (pixels > 0) all.push([0x7fe00010, 'OW', Buffer.alloc(pixels)]);
  // PS3.3 C.12.1.1.2: text beyond ASCII needs its character set named.
  if (!/^[\x00-\x7f]*$/.test(JSON.stringify(instance))) all.push([0x00080005, 'CS', 'ISO_IR 192']);
  const meta = Buffer.concat(
    (
      [
        [0x00020001, 'OB', Buffer.from([0, 1])],
        [0x00020002, 'UI', SOPClassUID],
        [0x00020003, 'UI', SOPInstanceUID ?? ''],
        [0x00020010, 'UI', EXPLICIT_LITTLE_ENDIAN],
      ] as Element[]
    ).map(element),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from('DICM'),
    element([0x00020000, 'UL', length]),
    meta,
    ...inOrder(all).map(element),
  ]);
}

/** A time long past, in seconds since 1970. */
export const LONG_AGO = 1_577_880_000;

/** Writes one file below `root` with an old time; folders are made. */
export function writeFile(root: string, name: string, content: Uint8Array | string, seconds = LONG_AGO): void {
  const file = path.join(root, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
  fs.utimesSync(file, seconds, seconds);
}

/** Writes an archive: path to instance, or to bytes or text of another file. */
export function makeArchive(root: string, files: Record<string, Instance | Uint8Array | string>): void {
  fs.mkdirSync(root, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const plain = typeof content === 'string' || content instanceof Uint8Array;
    writeFile(root, name, plain ? content : dicomFile(content));
  }
}

/** Writes instance `i` of a generation: each has its own descriptions and times; four files a series, 500 studies. */
export function writeGeneration(root: string, name: string, i: number, generation: number): void {
  const content = dicomFile({
    SeriesInstanceUID: `1.2.${Math.floor(i / 4)}`,
    SOPInstanceUID: `1.9.${i}`,
    StudyInstanceUID: `1.3.${i % 500}`,
    StudyDate: String(20000101 + (i % 28)),
    SeriesDescription: `generation ${generation} of ${i % 50}`,
  });
  writeFile(root, name, content, LONG_AGO + generation * 10);
}

/** A plain series of `count` files for when only their number matters: paths `folder/0001.dcm` on. */
export function plainSeries(folder: string, uid: string, count: number, more: Instance = {}): Record<string, Instance> {
  const files: Record<string, Instance> = {};
  for (let i = 1; i <= count; i++) {
    files[`${folder}/${String(i).padStart(4, '0')}.dcm`] = {
      StudyInstanceUID: `${uid}.9`,
      SeriesInstanceUID: uid,
      SOPInstanceUID: `${uid}.${i}`,
      ...more,
    };
  }
  return files;
}
