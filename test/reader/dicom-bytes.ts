// Builds DICOM bytes for tests: elements, sequences and whole files, right or wrong on purpose. A part is a function of
// the encoding, so one data set can be written in all of them:
//   dicomFile({ syntax: '1.2.840.10008.1.2', dataSet: [element(0x00080018, 'UI', '1.2.3'), sequence(...)] })
import { Buffer } from 'node:buffer';
import zlib from 'node:zlib';
import { type Encoding, EXPLICIT_LITTLE } from '../../core/dicom/element-table.ts';
import { transferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { lengthBytesOf, valueRepresentation } from '../../core/dicom/value-representations.ts';

export type Part = (encoding: Encoding) => Buffer;
export type Value = string | number | bigint | readonly (number | bigint)[] | Uint8Array;

export const EXPLICIT = '1.2.840.10008.1.2.1';
export const IMPLICIT = '1.2.840.10008.1.2';
export const BIG = '1.2.840.10008.1.2.2';
export const DEFLATED = '1.2.840.10008.1.2.1.99';

export const u16 = (value: number, { littleEndian }: Encoding): Buffer => {
  const bytes = Buffer.alloc(2);
  if (littleEndian) bytes.writeUInt16LE(value);
  else bytes.writeUInt16BE(value);
  return bytes;
};

export const u32 = (value: number, { littleEndian }: Encoding): Buffer => {
  const bytes = Buffer.alloc(4);
  if (littleEndian) bytes.writeUInt32LE(value);
  else bytes.writeUInt32BE(value);
  return bytes;
};

const tagBytes = (tag: number, encoding: Encoding): Buffer =>
  Buffer.concat([u16(tag >>> 16, encoding), u16(tag & 0xffff, encoding)]);

export interface ElementOptions {
  /** The length field says this instead of the truth. */
  readonly length?: number;
  /** The form of the explicit header, where it is not the VR's own. */
  readonly lengthBytes?: 2 | 4;
  /** No byte is added to make an odd length even. */
  readonly odd?: boolean;
}

/** One element; a text is padded to an even length as its VR demands. */
export function element(tag: number, vr: string, value: Value = '', options: ElementOptions = {}): Part {
  return (encoding) => {
    let bytes = valueBytes(vr, value, encoding);
    if (bytes.length % 2 === 1 && options.odd !== true) {
      bytes = Buffer.concat([bytes, Buffer.of(valueRepresentation(vr)?.padding ?? 0)]);
    }
    return Buffer.concat([header(tag, vr, options.length ?? bytes.length, encoding, options.lengthBytes), bytes]);
  };
}

function header(tag: number, vr: string, length: number, encoding: Encoding, lengthBytes = lengthBytesOf(vr)): Buffer {
  if (!encoding.explicitVr) return Buffer.concat([tagBytes(tag, encoding), u32(length, encoding)]);
  const start = Buffer.concat([tagBytes(tag, encoding), Buffer.from(vr, 'latin1')]);
  if (lengthBytes === 2) return Buffer.concat([start, u16(length, encoding)]);
  return Buffer.concat([start, Buffer.alloc(2), u32(length, encoding)]);
}

function valueBytes(vr: string, value: Value, encoding: Encoding): Buffer {
  if (typeof value === 'string') return Buffer.from(value, 'latin1');
  if (value instanceof Uint8Array) return Buffer.from(value);
  const { littleEndian } = encoding;
  const values = Array.isArray(value) ? value : [value];
  return Buffer.concat(
    values.map((number: number | bigint) => {
      if (vr === 'AT') return tagBytes(Number(number), encoding);
      const row = valueRepresentation(vr)!;
      const bytes = Buffer.alloc(row.unit);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      if (row.format === 'u16') view.setUint16(0, Number(number), littleEndian);
      else if (row.format === 'i16') view.setInt16(0, Number(number), littleEndian);
      else if (row.format === 'u32') view.setUint32(0, Number(number), littleEndian);
      else if (row.format === 'i32') view.setInt32(0, Number(number), littleEndian);
      else if (row.format === 'u64') view.setBigUint64(0, BigInt(number), littleEndian);
      else if (row.format === 'i64') view.setBigInt64(0, BigInt(number), littleEndian);
      else if (row.format === 'f32') view.setFloat32(0, Number(number), littleEndian);
      else if (row.format === 'f64') view.setFloat64(0, Number(number), littleEndian);
      else throw new Error(`no number in ${vr}`);
      return bytes;
    }),
  );
}

export interface SequenceOptions {
  /** 'UN' for a sequence that lost its VR: its items then are implicit VR little endian (PS3.5 section 6.2.2). */
  readonly vr?: string;
  readonly undefinedLength?: boolean;
  readonly undefinedItems?: boolean;
  /** Delimiters that are left out although the length is undefined. */
  readonly without?: 'item-delimiter' | 'sequence-delimiter';
  /** The sequence's length field says this instead of the truth. */
  readonly length?: number;
}

/** A sequence of items (PS3.5 section 7.5), each a list of parts. */
export function sequence(tag: number, items: readonly (readonly Part[])[], options: SequenceOptions = {}): Part {
  return (encoding) => {
    const vr = options.vr ?? 'SQ';
    const inside = vr === 'UN' ? { littleEndian: true, explicitVr: false } : encoding;
    const written = items.map((parts) => item(parts, inside, options));
    const ends = options.undefinedLength === true && options.without !== 'sequence-delimiter';
    const bytes = Buffer.concat([...written, ...(ends ? [delimiter(0xfffee0dd, inside)] : [])]);
    const length = options.length ?? (options.undefinedLength === true ? 0xffffffff : bytes.length);
    return Buffer.concat([header(tag, vr, length, encoding), bytes]);
  };
}

function item(parts: readonly Part[], encoding: Encoding, options: SequenceOptions): Buffer {
  const bytes = encode(parts, encoding);
  const isUndefined = options.undefinedItems === true;
  const ends = isUndefined && options.without !== 'item-delimiter';
  const length = u32(isUndefined ? 0xffffffff : bytes.length, encoding);
  const end = ends ? [delimiter(0xfffee00d, encoding)] : [];
  return Buffer.concat([tagBytes(0xfffee000, encoding), length, bytes, ...end]);
}

export function delimiter(tag: number, encoding: Encoding): Buffer {
  return Buffer.concat([tagBytes(tag, encoding), u32(0, encoding)]);
}

/** Bytes as they are, whatever the encoding. */
export function raw(bytes: Uint8Array | string): Part {
  return () => (typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes));
}

export function encode(parts: readonly Part[], encoding: Encoding): Buffer {
  return Buffer.concat(parts.map((part) => part(encoding)));
}

/** The encoding that a transfer syntax demands. */
export function encodingOf(syntax: string): Encoding {
  const { byteOrder, explicitVr } = transferSyntax(syntax)!;
  return { littleEndian: byteOrder === 'little', explicitVr };
}

export interface FileOptions {
  /** Declared in (0002,0010); '' for none. */
  readonly syntax?: string;
  /** How the data set is written, where that is not as declared. */
  readonly encoding?: Encoding;
  readonly deflated?: boolean;
  readonly preamble?: boolean;
  readonly prefix?: boolean;
  /** False: no file meta. A list: besides the usual elements. */
  readonly meta?: false | readonly Part[];
  /** False: none. A number: this instead of the truth. */
  readonly groupLength?: false | number;
  readonly metaEncoding?: Encoding;
  readonly dataSet: readonly Part[];
}

/** A file as PS3.10 section 7.1 describes it, or short of some of its parts. */
export function dicomFile(options: FileOptions): Buffer {
  const syntax = options.syntax ?? EXPLICIT;
  const encoding = options.encoding ?? encodingOf(syntax === '' ? EXPLICIT : syntax);
  const plain = encode(options.dataSet, encoding);
  const isDeflated = options.deflated ?? transferSyntax(syntax)?.deflated === true;
  const parts: Buffer[] = [];
  if (options.preamble !== false) parts.push(Buffer.alloc(128));
  if (options.prefix !== false) parts.push(Buffer.from('DICM'));
  if (options.meta !== false) parts.push(fileMeta(syntax, options));
  parts.push(isDeflated ? zlib.deflateRawSync(plain) : plain);
  return Buffer.concat(parts);
}

function fileMeta(syntax: string, { meta, groupLength, metaEncoding = EXPLICIT_LITTLE }: FileOptions): Buffer {
  const parts = [
    element(0x00020001, 'OB', Buffer.of(0, 1)),
    element(0x00020002, 'UI', '1.2.840.10008.5.1.4.1.1.7'),
    element(0x00020003, 'UI', SOP_INSTANCE),
    ...(syntax === '' ? [] : [element(0x00020010, 'UI', syntax)]),
    ...(meta === false ? [] : (meta ?? [])),
  ];
  const bytes = encode(parts, metaEncoding);
  if (groupLength === false) return bytes;
  return Buffer.concat([element(0x00020000, 'UL', groupLength ?? bytes.length)(metaEncoding), bytes]);
}

export const SOP_INSTANCE = '1.2.3.4.5';
export const SERIES = '1.2.3.4';

/** The least that makes an instance, in order, with room for others in between. */
export function instance(...others: readonly Part[]): Part[] {
  return inOrder([
    element(0x00080016, 'UI', '1.2.840.10008.5.1.4.1.1.7'),
    element(0x00080018, 'UI', SOP_INSTANCE),
    element(0x0020000e, 'UI', SERIES),
    ...others,
  ]);
}

/** By tag; bytes that are no element stay at the end. */
function inOrder(parts: Part[]): Part[] {
  const tagOf = (part: Part): number => {
    const bytes = part(EXPLICIT_LITTLE);
    return bytes.length < 8 ? Number.POSITIVE_INFINITY : bytes.readUInt16LE(0) * 65536 + bytes.readUInt16LE(2);
  };
  return parts
    .map((part) => ({ part, tag: tagOf(part) }))
    .sort((a, b) => a.tag - b.tag)
    .map(({ part }) => part);
}
