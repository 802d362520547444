// Element values as text: what a full header keeps and what `--targets` is matched against. The text is the raw DICOM
// text (several values joined by `\`), numbers in decimal; nothing is reformatted. Bulk is never kept. Where the
// elements lie was found by `element-walker.ts`; which bytes were fetched was decided by `header-reader.ts`.

import type { Buffer } from 'node:buffer';
import { type DicomTextDecoder, makeTextDecoder } from './character-sets.ts';
import { isPrivate, privateEntry, resolveVr } from './dictionary.ts';
import {
  ElementTable,
  type Encoding,
  EXPLICIT_LITTLE,
  IMPLICIT_LITTLE,
  ITEM,
  NOT_HELD,
  tagAt,
  UNDEFINED_LENGTH,
  VR_UN,
} from './element-table.ts';
import type { HeaderElement } from './header-element.ts';
import type { HeaderReader } from './header-reader.ts';
import { Issue } from './issues.ts';
import { binaryNote, creatorName, isCut } from './kept-text.ts';
import { tagDigits } from './tag-digits.ts';
import { valueRepresentation } from './value-representations.ts';
import { evidentText, textValue } from './value-text.ts';
import { attributeTagText, numberText } from './vr-numbers.ts';

/**
 * Items kept of one sequence, and more of them as long as all together have no more characters than this; the number of
 * those left out stands behind them in the JSON array.
 */
const MAX_ITEMS = 16;
const MANY_ITEMS_TEXT = 16 * 1024;
/** Characters kept of one header, keys included; further elements are left out and the file is marked. */
const MAX_HEADER_TEXT = 256 * 1024;
/** A value of a row that is kept all the same (bytes). */
const MAX_ROW_VALUE = 4096;
/** A binary or numeric value longer than this many bytes is bulk. */
const MAX_BINARY = 1024;
/** Of what has no known VR, so much is looked through for text. */
const MAX_UNKNOWN = 64 * 1024;
const MAX_DEPTH = 16;

const SPECIFIC_CHARACTER_SET = 0x00080005;
const PIXEL_REPRESENTATION = 0x00280103;

type JsonItem = { [key: string]: string | JsonValue };
type JsonValue = (JsonItem | number)[];

/** What the elements of a data set inherit from the one around it. */
interface Context {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly encoding: Encoding;
  readonly decoder: DicomTextDecoder;
  readonly pixelRepresentation: number | undefined;
  readonly depth: number;
}

/** @param again another block of the same creator may have had an element of this key */
type Add = (key: string, vr: string, value: string | JsonValue, again: boolean) => void;

/** The elements of the file that `reader` has just indexed (`beginFull` ended), file meta first. Adds to its issues. */
export function headerElements(reader: HeaderReader): HeaderElement[] {
  const out: HeaderElement[] = [];
  const add: Add = (key, vr, value, again) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const at = again ? out.findIndex((one) => one.key === key) : -1;
    if (at < 0) out.push({ key, vr, text });
    // Of two sequences, or a sequence and a value, the first stays.
    else if (typeof value === 'string' && out[at]!.vr !== 'SQ')
      out[at] = { key, vr, text: bothValues(out[at]!.text, value) };
  };
  const values = new Values(reader);
  values.collect(reader.meta, values.context(reader.meta, reader.buffer, EXPLICIT_LITTLE), add);
  values.collect(reader.elements, values.context(reader.elements, reader.bytes, reader.encoding), add);
  if (reader.walker.malformed) reader.issues |= Issue.MalformedSequence;
  if (reader.walker.unknownVr) reader.issues |= Issue.UnknownVr;
  if (reader.walker.oddLength) reader.issues |= Issue.OddLength;
  return out;
}

class Values {
  private kept = 0;
  private readonly reader: HeaderReader;

  constructor(reader: HeaderReader) {
    this.reader = reader;
  }

  context(table: ElementTable, bytes: Buffer, encoding: Encoding): Context {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const outer = { bytes, view, encoding, decoder: makeTextDecoder(''), pixelRepresentation: undefined, depth: -1 };
    return this.contextInside(table, outer, encoding);
  }

  /** Adds the elements of one data set. */
  collect(table: ElementTable, context: Context, add: Add): void {
    let creators: Map<number, string> | undefined;
    /** What each group's creators are called. */
    let names: Set<string> | undefined;
    /** Blocks whose creator has one of a lower number in the same group. */
    let again: Set<number> | undefined;
    const counting = table.ordered ? undefined : table.indices();
    for (let at = 0; at < table.count; at++) {
      const tag = table.tags[at]!;
      const element = tag & 0xffff;
      if (element === 0) continue; // group lengths say nothing (PS3.5 section 7.2)
      if (counting !== undefined && counting.get(tag) !== at) continue;
      if (this.kept > MAX_HEADER_TEXT && !this.isRowValue(table, at, context)) continue;
      let creator = '';
      if (isPrivate(tag) && element >= 0x1000) creator = creators?.get(blockOf(tag, element >>> 8)) ?? '';
      let vr = vrOf(table.vrs[at]!, tag, creator, context.pixelRepresentation);
      const value = this.value(table, at, vr, context);
      if (typeof value !== 'string') vr = 'SQ';
      else if (isPrivate(tag) && element >= 0x10 && element <= 0xff) {
        creators ??= new Map();
        const [block, name] = [blockOf(tag, element), creatorName(value)];
        names ??= new Set();
        const inGroup = `${tag >>> 16} ${name}`;
        if (names.has(inGroup)) (again ??= new Set()).add(block);
        names.add(inGroup);
        creators.set(block, name);
      }
      const key = elementKey(tag, creator);
      const isSequence = typeof value !== 'string';
      this.kept += key.length + (isSequence ? 0 : value.length);
      // What is in a sequence has been counted: of one that is too long, the start is kept.
      const isFull = this.kept > MAX_HEADER_TEXT;
      if (isFull) this.reader.issues |= Issue.HeaderCut;
      if (isFull && !isSequence && !this.isRowValue(table, at, context)) continue;
      add(key, vr, value, creator !== '' && again?.has(blockOf(tag, element >>> 8)) === true);
    }
  }

  /** What a row shows and is found by is kept of a header that is too long, too. */
  private isRowValue(table: ElementTable, at: number, { depth }: Context): boolean {
    return depth === 0 && this.reader.compares(table.tags[at]!) && table.lengths[at]! <= MAX_ROW_VALUE;
  }

  /** The character set that (0008,0005) of this data set asks for, else the outer one (PS3.5 section 7.5.3). */
  private contextInside(table: ElementTable, outer: Context, encoding: Encoding): Context {
    const { bytes, view } = outer;
    let { decoder, pixelRepresentation } = outer;
    const charset = heldIndex(table, SPECIFIC_CHARACTER_SET);
    if (charset >= 0) {
      const start = table.offsets[charset]!;
      const declared = bytes.toString('latin1', start, start + Math.min(table.lengths[charset]!, 1024));
      decoder = makeTextDecoder(declared.replace(/[\0 ]+$/, ''));
      if (decoder.declaredIssue === 'misspelt') this.reader.issues |= Issue.CharacterSetMisspelt;
      if (decoder.declaredIssue === 'unknown') this.reader.issues |= Issue.CharacterSetWrong;
    }
    const pixels = heldIndex(table, PIXEL_REPRESENTATION);
    if (pixels >= 0 && table.lengths[pixels] === 2) {
      pixelRepresentation = view.getUint16(table.offsets[pixels]!, encoding.littleEndian);
    }
    return { bytes, view, encoding, decoder, pixelRepresentation, depth: outer.depth + 1 };
  }

  private value(table: ElementTable, at: number, vr: string, context: Context): string | JsonValue {
    const start = table.offsets[at]!;
    const length = table.lengths[at]!;
    if (start === NOT_HELD) return binaryNote(length);
    const { bytes, view, decoder } = context;
    const end = table.ends[at]!;
    // UN keeps the byte order of implicit VR little endian (PS3.5 section 6.2.2).
    const encoding = table.vrs[at] === VR_UN ? IMPLICIT_LITTLE : context.encoding;
    const { littleEndian } = encoding;
    const row = valueRepresentation(vr);
    const kind = row?.kind ?? 'bytes';
    const isUnknown = vr === 'UN';
    if (length === UNDEFINED_LENGTH && kind === 'bytes' && !isUnknown) {
      // A value in fragments (PS3.5 section A.4) is bulk, not a sequence.
      return binaryNote(end - start);
    }
    const isGuessed = isUnknown || table.vrs[at] === 0 || table.vrs[at] === VR_UN;
    const isText = kind === 'text' || kind === 'plain';
    const hasItem = end - start >= 8 && tagAt(view, start, littleEndian) === ITEM;
    if (kind === 'sequence' || length === UNDEFINED_LENGTH || (hasItem && isGuessed && (isText || isUnknown))) {
      return this.items(start, end, encoding, context);
    }
    if (isText) return this.text(start, end, vr, kind === 'text', context);
    if (length === 0) return '';
    const evident = isUnknown && length <= MAX_UNKNOWN ? evidentText(bytes, start, end, decoder) : undefined;
    if (evident !== undefined && isCut(evident)) this.reader.issues |= Issue.HeaderCut;
    if (evident !== undefined) return evident;
    if (length > MAX_BINARY) return binaryNote(length);
    if (row?.format !== undefined && length >= row.unit) {
      return numberText(view, start, end, littleEndian, row.format, row.unit);
    }
    if (kind === 'tag' && length >= 4) return attributeTagText(view, start, end, littleEndian);
    return binaryNote(length);
  }

  private text(start: number, end: number, vr: string, isEncoded: boolean, { bytes, decoder }: Context): string {
    const text = textValue(bytes, start, end, vr, isEncoded ? decoder : undefined);
    if (isCut(text)) this.reader.issues |= Issue.HeaderCut;
    if (decoder.textIssue) {
      this.reader.issues |= Issue.CharacterSetWrong;
      decoder.textIssue = false;
    }
    return text;
  }

  private items(start: number, end: number, encoding: Encoding, context: Context): JsonValue {
    const { walker } = this.reader;
    const items: JsonValue = [];
    let left = 0;
    const isTooDeep = context.depth >= MAX_DEPTH;
    const before = this.kept;
    const isMuch = () => items.length >= MAX_ITEMS && this.kept - before > MANY_ITEMS_TEXT;
    walker.items(start, end, encoding.littleEndian, (from, to, delimited) => {
      const inside = walker.encodingOfItem(from, to, encoding);
      if (isTooDeep || isMuch() || this.kept > MAX_HEADER_TEXT) {
        left++;
        return delimited ? walker.itemEnd(from, inside, to) : to;
      }
      const table = takeTable(context.depth);
      const after = walker.walkItem(table, inside, from, to, delimited);
      const item: JsonItem = {};
      this.kept += 2;
      this.collect(table, this.contextInside(table, context, inside), (key, _vr, value, again) => {
        const known = again ? item[key] : undefined;
        if (known === undefined) item[key] = value;
        else if (typeof known === 'string' && typeof value === 'string') item[key] = bothValues(known, value);
      });
      items.push(item);
      return after;
    });
    if (left > 0) {
      items.push(left);
      this.reader.issues |= Issue.HeaderCut;
    }
    return items;
  }
}

/**
 * Two blocks of one creator have one name for what they hold: as of one with several values. What is only a note of bytes
 * gives way to a text; one that was cut says how long it was, and is not added to.
 */
function bothValues(first: string, second: string): string {
  if (first.startsWith('\0bytes')) return second;
  return first.startsWith('\0') || second.startsWith('\0') ? first : `${first}\\${second}`;
}

/** One table per level of nesting serves all items of that level: they are looked at one after the other. */
const itemTables: ElementTable[] = [];

function takeTable(depth: number): ElementTable {
  let table = itemTables[depth];
  if (table === undefined || table.tags.length > 4096) itemTables[depth] = table = new ElementTable();
  table.clear();
  return table;
}

/** The index of an element whose value is at hand, or -1. */
function heldIndex(table: ElementTable, tag: number): number {
  const i = table.indexOf(tag);
  return i >= 0 && table.offsets[i] !== NOT_HELD && table.lengths[i] !== UNDEFINED_LENGTH ? i : -1;
}

/** A block of private elements (PS3.5 section 7.8.1) as a number: group and the upper byte of its elements. */
function blockOf(tag: number, block: number): number {
  return (tag & 0xffff0000) | block;
}

const vrNames = new Map<number, string>();

/** The VR in the file, or where that is none or UN the dictionary's. */
function vrOf(code: number, tag: number, creator: string, pixelRepresentation: number | undefined): string {
  if (code !== 0 && code !== VR_UN) {
    let name = vrNames.get(code);
    if (name === undefined) vrNames.set(code, (name = String.fromCharCode(code >>> 8, code & 255)));
    return name;
  }
  if (isPrivate(tag) && (tag & 0xffff) > 0xff) return (creator && privateEntry(creator, tag)?.vr) || 'UN';
  return resolveVr(tag, pixelRepresentation);
}

const MAX_KEY_NAMES = 20_000;
const keyNames = new Map<number, string>();

/** Canonical key of an element, see `HeaderElement`. */
export function elementKey(tag: number, creator: string): string {
  let key = keyNames.get(tag);
  if (key === undefined) {
    key = tagDigits(tag);
    if (keyNames.size < MAX_KEY_NAMES) keyNames.set(tag, key);
  }
  return creator === '' ? key : `${key.slice(0, 4)}xx${key.slice(6)}:${creator}`;
}
