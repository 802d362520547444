// An identifier into bytes (PS3.5 sections 7.1, 7.5): elements by tag, even lengths, sequences and items of defined
// length, no group lengths.
import { Buffer } from 'node:buffer';
import { type Encoding, ITEM } from '../dicom/element-table.ts';
import type { TransferSyntax } from '../dicom/transfer-syntaxes.ts';
import { lengthBytesOf, type NumberFormat, valueRepresentation } from '../dicom/value-representations.ts';
import {
  type Identifier,
  type IdentifierElement,
  IdentifierError,
  MOST_DEPTH,
  SPECIFIC_CHARACTER_SET,
} from './identifier.ts';
import { type TextEncoder, textEncoder, UTF_8 } from './identifier-text.ts';

export interface EncodingOptions {
  /** A value of (0008,0005), such as a request's: taken if every text can be written in it. */
  readonly characterSet?: string | undefined;
}

/**
 * Encodes an identifier. (0008,0005) is written by itself, whatever the identifier has there: none if all text is ASCII,
 * else `characterSet` if that will do, else UTF-8. A character beyond ASCII in a VR that has none (CS, UI ...) is written
 * as `?`. Throws IdentifierError for what its VR cannot hold.
 */
export function encodeIdentifier(
  identifier: Identifier,
  { byteOrder, explicitVr }: TransferSyntax,
  options: EncodingOptions = {},
): Buffer {
  const encoding = { littleEndian: byteOrder === 'little', explicitVr };
  for (const characterSet of ['', options.characterSet ?? '', UTF_8]) {
    const encodeText = textEncoder(characterSet);
    const bytes = encodeText && new IdentifierEncoder(encoding, encodeText).dataSet(identifier, characterSet, 0);
    if (bytes !== undefined) return bytes;
  }
  throw new IdentifierError('an identifier cannot be written'); // UTF-8 has every character
}

class IdentifierEncoder {
  private readonly encoding: Encoding;
  private readonly encodeText: TextEncoder;

  constructor(encoding: Encoding, encodeText: TextEncoder) {
    this.encoding = encoding;
    this.encodeText = encodeText;
  }

  /** Undefined if a text has characters that are not of the character set. */
  dataSet(identifier: Identifier, characterSet: string, depth: number): Buffer | undefined {
    if (depth > MOST_DEPTH) throw new IdentifierError(`an identifier is nested deeper than ${MOST_DEPTH}`);
    const elements = new Map(identifier);
    elements.delete(SPECIFIC_CHARACTER_SET);
    if (characterSet !== '') elements.set(SPECIFIC_CHARACTER_SET, { vr: 'CS', values: [characterSet] });
    const parts: Buffer[] = [];
    for (const [tag, element] of [...elements].sort(([a], [b]) => a - b)) {
      if ((tag & 0xffff) === 0) continue;
      const value = 'items' in element ? this.items(element.items, depth + 1) : this.value(element);
      if (value === undefined) return undefined;
      parts.push(this.header(tag, element.vr, value.length), value);
    }
    return Buffer.concat(parts);
  }

  private items(items: readonly Identifier[], depth: number): Buffer | undefined {
    const parts: Buffer[] = [];
    for (const item of items) {
      const bytes = this.dataSet(item, '', depth);
      if (bytes === undefined) return undefined;
      parts.push(this.itemHeader(bytes.length), bytes);
    }
    return Buffer.concat(parts);
  }

  private header(tag: number, vr: string, length: number): Buffer {
    const { explicitVr } = this.encoding;
    const isLong = explicitVr && lengthBytesOf(vr) === 4;
    const bytes = Buffer.alloc(isLong ? 12 : 8);
    this.write16(bytes, tag >>> 16, 0);
    this.write16(bytes, tag & 0xffff, 2);
    if (explicitVr) bytes.write(vr, 4, 2, 'latin1');
    if (isLong || !explicitVr) this.write32(bytes, length, isLong ? 8 : 4);
    else if (length > 0xffff) throw new IdentifierError(`an element of an identifier is too long for its VR ${vr}`);
    else this.write16(bytes, length, 6);
    return bytes;
  }

  private value({ vr, values }: Exclude<IdentifierElement, { items: unknown }>): Buffer | undefined {
    const row = valueRepresentation(vr);
    if (row === undefined) throw new IdentifierError('an element of an identifier has a VR that does not exist');
    if (row.kind === 'bytes' || row.kind === 'sequence') return Buffer.alloc(0);
    if (row.kind === 'tag') return Buffer.concat(values.map((value) => this.attributeTag(value)));
    if (row.format !== undefined) {
      const { format, unit } = row;
      return Buffer.concat(values.map((value) => numberBytes(value, format, unit, this.encoding.littleEndian)));
    }
    const text = values.join('\\');
    const bytes =
      row.kind === 'text' ? this.encodeText(text, vr) : Buffer.from(text.replaceAll(/[^\0-\x7f]/gu, '?'), 'latin1');
    return bytes === undefined || bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.of(row.padding)]);
  }

  private attributeTag(value: string): Buffer {
    if (!/^[\dA-F]{8}$/i.test(value)) throw new IdentifierError('a value of VR AT is no tag');
    return this.tag(Number.parseInt(value, 16));
  }

  private tag(tag: number): Buffer {
    const bytes = Buffer.alloc(4);
    this.write16(bytes, tag >>> 16, 0);
    this.write16(bytes, tag & 0xffff, 2);
    return bytes;
  }

  private itemHeader(length: number): Buffer {
    const bytes = Buffer.alloc(8);
    this.write16(bytes, ITEM >>> 16, 0);
    this.write16(bytes, ITEM & 0xffff, 2);
    this.write32(bytes, length, 4);
    return bytes;
  }

  private write16(bytes: Buffer, value: number, at: number): void {
    if (this.encoding.littleEndian) bytes.writeUInt16LE(value, at);
    else bytes.writeUInt16BE(value, at);
  }

  private write32(bytes: Buffer, value: number, at: number): void {
    if (this.encoding.littleEndian) bytes.writeUInt32LE(value, at);
    else bytes.writeUInt32BE(value, at);
  }
}

/** A number from its decimal text. */
function numberBytes(text: string, format: NumberFormat, unit: number, littleEndian: boolean): Buffer {
  const bytes = Buffer.alloc(unit);
  const view = new DataView(bytes.buffer, bytes.byteOffset, unit);
  if (format === 'f32') view.setFloat32(0, Number(text), littleEndian);
  else if (format === 'f64') view.setFloat64(0, Number(text), littleEndian);
  else {
    const value = /^[+-]?\d+$/.test(text) ? BigInt(text) : undefined;
    const bits = unit * 8;
    const isSigned = format.startsWith('i');
    if (value === undefined || value !== (isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)))
      throw new IdentifierError(`a number of ${bits} bits is none, or too large`);
    for (let i = 0; i < unit; i++) bytes[littleEndian ? i : unit - 1 - i] = Number((value >> BigInt(8 * i)) & 0xffn);
  }
  return bytes;
}
