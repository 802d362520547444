// Bytes into an identifier (PS3.5 sections 7.1, 7.5, annexes A.1 to A.3). A peer's bytes are not a file that has to be
// made the best of: what does not fit is an error. Disorder of tags, odd lengths and unknown text are taken.
import type { Buffer } from 'node:buffer';
import { type DicomTextDecoder, makeTextDecoder } from '../dicom/character-sets.ts';
import { isPrivate, privateEntry, resolveVr } from '../dicom/dictionary.ts';
import {
  type Encoding,
  IMPLICIT_LITTLE,
  ITEM,
  ITEM_DELIMITATION,
  SEQUENCE_DELIMITATION,
  tagAt,
  UNDEFINED_LENGTH,
} from '../dicom/element-table.ts';
import type { TransferSyntax } from '../dicom/transfer-syntaxes.ts';
import { lengthBytesOf, valueRepresentation } from '../dicom/value-representations.ts';
import { attributeTagText, numberText } from '../dicom/vr-numbers.ts';
import {
  type Identifier,
  type IdentifierElement,
  IdentifierError,
  MOST_DEPTH,
  SPECIFIC_CHARACTER_SET,
  splitValues,
} from './identifier.ts';

const MOST_BYTES = 1024 * 1024;
/** Elements and items of all levels together. */
const MOST_ELEMENTS = 10_000;
const PIXEL_REPRESENTATION = 0x00280103;

/** Decodes an identifier that is not deflated. Group lengths are left out. Throws IdentifierError. */
export function decodeIdentifier(bytes: Buffer, syntax: TransferSyntax): Identifier {
  if (bytes.length > MOST_BYTES)
    throw new IdentifierError(`an identifier has ${bytes.length} bytes, of at most ${MOST_BYTES}`);
  const { byteOrder, explicitVr } = syntax;
  const context = { encoding: { littleEndian: byteOrder === 'little', explicitVr }, decoder: makeTextDecoder('') };
  return new IdentifierDecoder(bytes).dataSet(bytes.length, { ...context, depth: 0 }, false);
}

/** What a data set has from the one around it. */
interface Context {
  readonly encoding: Encoding;
  readonly decoder: DicomTextDecoder;
  readonly depth: number;
}

interface Header {
  readonly tag: number;
  /** '' for items and delimiters. */
  readonly vr: string;
  readonly length: number;
}

class IdentifierDecoder {
  private readonly bytes: Buffer;
  private readonly view: DataView;
  private position = 0;
  private count = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The data set from `position` to `end`, or to its delimiter. */
  dataSet(end: number, outer: Context, isDelimited: boolean): Identifier {
    const found = new Map<number, IdentifierElement>();
    let context = outer;
    while (this.position < end) {
      const header = this.header(end, context.encoding);
      const { tag } = header;
      if (tag === ITEM_DELIMITATION && isDelimited) return found;
      if (header.vr === '') throw new IdentifierError('an identifier has an item or a delimiter out of place');
      const element = this.element(header, end, context, found);
      if ((tag & 0xffff) === 0) continue;
      if (found.has(tag)) throw new IdentifierError('an identifier has an element twice');
      found.set(tag, element);
      if (tag === SPECIFIC_CHARACTER_SET && 'values' in element)
        context = { ...context, decoder: makeTextDecoder(element.values.join('\\')) };
    }
    if (isDelimited) throw new IdentifierError('an item of an identifier does not end');
    return found;
  }

  private header(end: number, { littleEndian, explicitVr }: Encoding): Header {
    const { view, position: at } = this;
    if (++this.count > MOST_ELEMENTS)
      throw new IdentifierError(`an identifier has more than ${MOST_ELEMENTS} elements`);
    this.step(8, end);
    const tag = tagAt(view, at, littleEndian);
    const isItem = tag >>> 16 === 0xfffe;
    if (isItem || !explicitVr) return { tag, vr: isItem ? '' : 'UN', length: view.getUint32(at + 4, littleEndian) };
    const vr = this.bytes.toString('latin1', at + 4, at + 6);
    if (!/^[A-Z]{2}$/.test(vr)) throw new IdentifierError('an element of an identifier has no VR');
    if (lengthBytesOf(vr) === 2) return { tag, vr, length: view.getUint16(at + 6, littleEndian) };
    this.step(4, end);
    return { tag, vr, length: view.getUint32(at + 8, littleEndian) };
  }

  /** Moves on over bytes that have to be there. */
  private step(length: number, end: number): void {
    if (this.position + length > end) throw new IdentifierError('an element of an identifier is longer than there is');
    this.position += length;
  }

  /** @param found the elements in front of it, in the same data set */
  private element(header: Header, end: number, context: Context, found: Identifier): IdentifierElement {
    const { tag, length } = header;
    const start = this.position;
    const vr = header.vr === 'UN' ? vrInDictionary(tag, found) : header.vr;
    // In UN everything is implicit VR little endian (PS3.5 section 6.2.2).
    const encoding = header.vr === 'UN' && context.encoding.explicitVr ? IMPLICIT_LITTLE : context.encoding;
    const isUndefined = length === UNDEFINED_LENGTH;
    if (!isUndefined && start + length > end)
      throw new IdentifierError('an element of an identifier is longer than there is');
    const isHidden = vr === 'UN' && (isUndefined || (length >= 8 && tagAt(this.view, start, true) === ITEM));
    if (vr === 'SQ' || isHidden) {
      const inside = { ...context, encoding, depth: context.depth + 1 };
      return { vr: 'SQ', items: this.items(isUndefined ? end : start + length, inside, isUndefined) };
    }
    this.step(length, end);
    return { vr, values: this.values(vr, start, start + length, encoding, context.decoder) };
  }

  private items(end: number, context: Context, isDelimited: boolean): Identifier[] {
    if (context.depth > MOST_DEPTH) throw new IdentifierError(`an identifier is nested deeper than ${MOST_DEPTH}`);
    const items: Identifier[] = [];
    while (this.position < end) {
      const { tag, length } = this.header(end, context.encoding);
      if (tag === SEQUENCE_DELIMITATION && isDelimited) return items;
      if (tag !== ITEM) throw new IdentifierError('a sequence of an identifier holds something else than items');
      const isUndefined = length === UNDEFINED_LENGTH;
      const itemEnd = isUndefined ? end : this.position + length;
      if (itemEnd > end) throw new IdentifierError('an item of an identifier is longer than its sequence');
      items.push(this.dataSet(itemEnd, context, isUndefined));
    }
    if (isDelimited) throw new IdentifierError('a sequence of an identifier does not end');
    return items;
  }

  private values(
    vr: string,
    start: number,
    end: number,
    { littleEndian }: Encoding,
    decoder: DicomTextDecoder,
  ): string[] {
    const row = valueRepresentation(vr);
    if (row === undefined || end - start < row.unit) return [];
    if (row.kind === 'text') return splitValues(decoder.decode(this.bytes.subarray(start, end), vr), vr);
    if (row.kind === 'plain') return splitValues(this.bytes.toString('latin1', start, end), vr);
    if (row.kind === 'tag') {
      const tags = attributeTagText(this.view, start, end, littleEndian).replaceAll(/[(),]/g, '');
      return tags === '' ? [] : tags.split('\\');
    }
    if (row.format === undefined) return [];
    return numberText(this.view, start, end, littleEndian, row.format, row.unit).split('\\');
  }
}

/** The VR of an element that comes without one; a private one by its creator's table, if that is there and known. */
function vrInDictionary(tag: number, found: Identifier): string {
  if (isPrivate(tag) && (tag & 0xffff) >= 0x1000) {
    const creator = found.get(((tag & 0xffff0000) | ((tag >>> 8) & 0xff)) >>> 0);
    const name = creator !== undefined && 'values' in creator ? creator.values[0] : undefined;
    return (name !== undefined && privateEntry(name, tag)?.vr) || 'UN';
  }
  const pixels = found.get(PIXEL_REPRESENTATION);
  return resolveVr(tag, pixels !== undefined && 'values' in pixels ? Number(pixels.values[0]) : undefined);
}
