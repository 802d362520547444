// Element values as text: what a full header keeps and what `--targets` is matched against. The text is the raw DICOM
// text (several values joined by `\`), numbers in decimal; nothing is reformatted. Bulk is never kept. Where the
// elements lie was found by `element-table.ts`; which bytes were fetched was decided by `header-reader.ts`.
import { Buffer } from 'node:buffer';
import { type DicomTextDecoder, makeTextDecoder } from './character-sets.ts';
import { isPrivate, privateEntry, vrOfTag } from './dictionary.ts';
import { ElementTable, type Encoding, EXPLICIT_LITTLE, IMPLICIT_LITTLE, NOT_HELD, tagAt, UNDEFINED_LENGTH } from './element-table.ts';
import type { HeaderReader } from './header-reader.ts';
import { binaryNote, cutNote } from './kept-text.ts';
import { Issue } from './issues.ts';
import { valueRepresentation } from './value-representations.ts';

/**
 * One element of a full header. `key` is the tag as `GGGGEEEE`, or for a private element with a known creator
 * `GGGGxxEE:CREATOR`, so that it is the same whatever block was reserved (PS3.5 section 7.8.1). `text` is the value;
 * a sequence is a JSON array of its items, each an object from key to text or array. Text that starts with NUL is
 * not a value but a note about one, see `kept-text.ts`.
 */
export interface HeaderElement {
  readonly key: string;
  readonly vr: string;
  readonly text: string;
}

/** A text longer than this many characters is kept up to there and marked. */
const MAX_TEXT = 4096;
/** Items kept of one sequence; the number of those left out stands behind them in the JSON array. */
const MAX_ITEMS = 16;
/** Characters kept of one header; further elements are left out and the file is marked. */
const MAX_HEADER_TEXT = 256 * 1024;
/** A binary or numeric value longer than this many bytes is bulk. */
const MAX_BINARY = 1024;
const MAX_DEPTH = 16;

const SPECIFIC_CHARACTER_SET = 0x00080005;
const PIXEL_REPRESENTATION = 0x00280103;

type JsonItem = { [key: string]: string | JsonValue };
type JsonValue = (JsonItem | number)[];

/** The elements of the file that `reader` has just indexed (`beginFull` ended), file meta first. Adds to its issues. */
export function headerElements(reader: HeaderReader): HeaderElement[] {
  const out: HeaderElement[] = [];
  const values = new Values(reader);
  values.collect(reader.meta, reader.buffer, EXPLICIT_LITTLE, makeTextDecoder(''), 0, (element) => out.push(element));
  const decoder = values.decoderFor(reader.elements, reader.bytes, makeTextDecoder(''));
  values.collect(reader.elements, reader.bytes, reader.encoding, decoder, 0, (element) => out.push(element));
  if (reader.walker.malformed) reader.issues |= Issue.MalformedSequence;
  if (reader.walker.unknownVr) reader.issues |= Issue.UnknownVr;
  return out;
}

class Values {
  private kept = 0;
  private readonly reader: HeaderReader;

  constructor(reader: HeaderReader) {
    this.reader = reader;
  }

  /** The decoder that (0008,0005) of this data set asks for, else the outer one (PS3.5 section 7.5.3). */
  decoderFor(table: ElementTable, bytes: Buffer, outer: DicomTextDecoder): DicomTextDecoder {
    const i = table.indexOf(SPECIFIC_CHARACTER_SET);
    if (i < 0 || table.offsets[i] === NOT_HELD) return outer;
    const start = table.offsets[i]!;
    const declared = trimmed(bytes.toString('latin1', start, start + Math.min(table.lengths[i]!, 1024)));
    const decoder = makeTextDecoder(declared);
    if (decoder.declaredIssue === 'misspelt') this.reader.issues |= Issue.CharacterSetMisspelt;
    if (decoder.declaredIssue === 'unknown') this.reader.issues |= Issue.CharacterSetWrong;
    return decoder;
  }

  collect(
    table: ElementTable,
    bytes: Buffer,
    encoding: Encoding,
    decoder: DicomTextDecoder,
    depth: number,
    add: (element: HeaderElement) => void,
  ): void {
    const creators = new Map<number, string>();
    const i = table.indexOf(PIXEL_REPRESENTATION);
    const signed = i >= 0 && table.offsets[i] !== NOT_HELD && table.lengths[i] === 2 && bytes[table.offsets[i]! + (encoding.littleEndian ? 0 : 1)] === 1;
    for (let at = 0; at < table.count; at++) {
      const tag = table.tags[at]!;
      if ((tag & 0xffff) === 0) continue; // group lengths say nothing (PS3.5 section 7.2)
      let creator = '';
      if (isPrivate(tag) && (tag & 0xffff) >= 0x1000) creator = creators.get((tag & 0xffff0000) | ((tag >>> 8) & 0xff)) ?? '';
      const vr = this.vrOf(table, at, tag, creator, signed);
      const text = this.valueText(table, at, vr, bytes, encoding, decoder, depth);
      if (isPrivate(tag) && (tag & 0xffff) >= 0x10 && (tag & 0xffff) <= 0xff) {
        creators.set((tag & 0xffff0000) | (tag & 0xff), text.trim());
      }
      this.kept += text.length;
      if (this.kept > MAX_HEADER_TEXT) {
        this.reader.issues |= Issue.HeaderCut;
        return;
      }
      add({ key: elementKey(tag, creator), vr, text });
    }
  }

  private vrOf(table: ElementTable, at: number, tag: number, creator: string, signed: boolean): string {
    const code = table.vrs[at]!;
    let vr = code === 0 ? 'UN' : String.fromCharCode(code >>> 8, code & 255);
    if (code === 0 || vr === 'UN') {
      const known = creator === '' ? (isPrivate(tag) && (tag & 0xffff) > 0xff ? 'UN' : vrOfTag(tag)) : (privateEntry(creator, tag)?.vr ?? 'UN');
      vr = known === 'US' && signed && SIGNED_BY_PIXELS.has(tag) ? 'SS' : known;
    }
    return vr;
  }

  private valueText(
    table: ElementTable,
    at: number,
    vr: string,
    bytes: Buffer,
    encoding: Encoding,
    decoder: DicomTextDecoder,
    depth: number,
  ): string {
    const start = table.offsets[at]!;
    const length = table.lengths[at]!;
    if (start === NOT_HELD) return binaryNote(length);
    const end = table.ends[at]!;
    // UN keeps the byte order of implicit VR little endian (PS3.5 section 6.2.2).
    const isUn = table.vrs[at] === 0x554e;
    const inner = isUn ? IMPLICIT_LITTLE : encoding;
    const description = valueRepresentation(vr);
    const startsWithItem = end - start >= 8 && isItem(bytes, start, inner.littleEndian);
    if (vr === 'SQ' || length === UNDEFINED_LENGTH || ((vr === 'UN' || description === undefined) && startsWithItem)) {
      if (end === start) return '[]';
      if (!startsWithItem && vr === 'SQ' && !isDelimiter(bytes, start, end, inner.littleEndian)) {
        this.reader.issues |= Issue.MalformedSequence;
      }
      return JSON.stringify(this.items(start, end, inner, decoder, depth));
    }
    const kind = description?.kind ?? 'unknown';
    if (kind === 'text' || kind === 'plain') return this.text(bytes, start, end, vr, kind === 'text', decoder);
    if (kind === 'number') {
      if (length > MAX_BINARY) return binaryNote(length);
      return numbers(bytes, start, end, vr, inner.littleEndian);
    }
    if (kind === 'tag') {
      if (length > MAX_BINARY) return binaryNote(length);
      return attributeTags(bytes, start, end, inner.littleEndian);
    }
    if (length > MAX_BINARY) return binaryNote(length);
    // Bytes of unknown meaning are taken for text where every one of them is printable: private elements often are.
    if (vr === 'UN' || kind === 'unknown') {
      if (isPrintable(bytes, start, end)) return this.text(bytes, start, end, 'LO', true, decoder);
    }
    return length === 0 ? '' : binaryNote(length);
  }

  private text(bytes: Buffer, start: number, end: number, vr: string, encoded: boolean, decoder: DicomTextDecoder): string {
    let text: string;
    if (encoded) {
      const decoded = decoder.decode(bytes.subarray(start, end), vr);
      if (decoder.textIssue) {
        this.reader.issues |= Issue.CharacterSetWrong;
        decoder.textIssue = false;
      }
      text = trimValues(decoded, vr);
    } else {
      text = trimValues(bytes.toString('latin1', start, end), vr);
    }
    return text.length > MAX_TEXT ? cutNote(end - start, text.slice(0, MAX_TEXT)) : text;
  }

  private items(start: number, end: number, encoding: Encoding, decoder: DicomTextDecoder, depth: number): JsonValue {
    const { walker } = this.reader;
    const items: JsonValue = [];
    if (depth >= MAX_DEPTH) return items;
    let left = 0;
    walker.items(start, end, encoding.littleEndian, (from, to, delimited) => {
      const table = new ElementTable();
      const inside = walker.encodingOfItem(from, to, encoding);
      const after = walker.walkItem(table, encoding, from, to, delimited);
      if (items.length >= MAX_ITEMS) {
        left++;
        return after;
      }
      const item: JsonItem = {};
      const own = this.decoderFor(table, this.reader.bytes, decoder);
      this.collect(table, this.reader.bytes, inside, own, depth + 1, (element) => {
        const sequence = element.text.startsWith('[') && (element.vr === 'SQ' || element.vr === 'UN');
        item[element.key] = sequence ? parseItems(element.text) : element.text;
      });
      items.push(item);
      return after;
    });
    if (left > 0) items.push(left);
    return items;
  }
}

/** Elements whose VR is "US or SS" by PixelRepresentation (PS3.6; PS3.3 section C.7.6.3.1). */
const SIGNED_BY_PIXELS = new Set([
  0x00280106, 0x00280107, 0x00280108, 0x00280109, 0x00280110, 0x00280111, 0x00280120, 0x00280121, 0x00281041, 0x00409216,
  0x00409211,
]);

function parseItems(text: string): string | JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

/** Canonical key of an element, see `HeaderElement`. */
export function elementKey(tag: number, creator: string): string {
  const hex = tag.toString(16).toUpperCase().padStart(8, '0');
  return creator === '' ? hex : `${hex.slice(0, 4)}xx${hex.slice(6)}:${creator}`;
}

function isItem(bytes: Buffer, at: number, littleEndian: boolean): boolean {
  return littleEndian ? bytes.readUInt32LE(at) === 0xe000fffe : bytes.readUInt32BE(at) === 0xfffee000;
}

function isDelimiter(bytes: Buffer, at: number, end: number, littleEndian: boolean): boolean {
  if (end - at < 8) return false;
  return tagAt(new DataView(bytes.buffer, bytes.byteOffset), at, littleEndian) === 0xfffee0dd;
}

/** VRs whose leading spaces are padding too (PS3.5 section 6.2). */
const LEADING_SPACES_ARE_PADDING = new Set(['AE', 'CS', 'DS', 'IS', 'UI', 'DA', 'TM', 'DT', 'AS']);
/** VRs of one value, in which `\` is a character like any other (PS3.5 section 6.2). */
const SINGLE_VALUED = new Set(['LT', 'ST', 'UT', 'UR']);

/** Cuts the padding from each value (PS3.5 section 6.2): trailing spaces and NULs, leading ones where VR says so. */
function trimValues(text: string, vr: string): string {
  if (SINGLE_VALUED.has(vr) || !text.includes('\\')) return trimOne(text, vr);
  return text
    .split('\\')
    .map((value) => trimOne(value, vr))
    .join('\\');
}

function trimOne(value: string, vr: string): string {
  const cut = trimmed(value);
  if (LEADING_SPACES_ARE_PADDING.has(vr)) return cut.trimStart();
  return cut.charCodeAt(0) === 0 ? cut.replace(/^\0+/, '') : cut;
}

function trimmed(value: string): string {
  let end = value.length;
  while (end > 0) {
    const code = value.charCodeAt(end - 1);
    if (code !== 0x20 && code !== 0) break;
    end--;
  }
  return end === value.length ? value : value.slice(0, end);
}

function isPrintable(bytes: Buffer, start: number, end: number): boolean {
  if (end === start) return false;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d && byte !== 0x1b) {
      // NUL is padding, but only at the end.
      if (byte !== 0 || i !== end - 1 || i === start) return false;
    }
    if (byte === 0x7f) return false;
  }
  return true;
}

/** Decimal text of binary numbers, joined by `\` (PS3.5 section 6.2: US SS UL SL UV SV FL FD, and OW-like ones of 1). */
function numbers(bytes: Buffer, start: number, end: number, vr: string, littleEndian: boolean): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const read = NUMBER_READERS[vr];
  if (read === undefined) return binaryNote(end - start);
  const out: string[] = [];
  for (let at = start; at + read.size <= end; at += read.size) out.push(read.text(view, at, littleEndian));
  return out.join('\\');
}

const NUMBER_READERS: Record<string, { size: number; text: (view: DataView, at: number, le: boolean) => string }> = {
  US: { size: 2, text: (view, at, le) => String(view.getUint16(at, le)) },
  SS: { size: 2, text: (view, at, le) => String(view.getInt16(at, le)) },
  UL: { size: 4, text: (view, at, le) => String(view.getUint32(at, le)) },
  SL: { size: 4, text: (view, at, le) => String(view.getInt32(at, le)) },
  UV: { size: 8, text: (view, at, le) => String(view.getBigUint64(at, le)) },
  SV: { size: 8, text: (view, at, le) => String(view.getBigInt64(at, le)) },
  FL: { size: 4, text: (view, at, le) => shortestFloat32(view.getFloat32(at, le)) },
  FD: { size: 8, text: (view, at, le) => String(view.getFloat64(at, le)) },
};

/** The shortest decimal that reads back as the same 32 bit float. */
function shortestFloat32(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(Number(value.toPrecision(9)));
}

function attributeTags(bytes: Buffer, start: number, end: number, littleEndian: boolean): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const out: string[] = [];
  for (let at = start; at + 4 <= end; at += 4) {
    const hex = tagAt(view, at, littleEndian).toString(16).toUpperCase().padStart(8, '0');
    out.push(`(${hex.slice(0, 4)},${hex.slice(4)})`);
  }
  return out.join('\\');
}
