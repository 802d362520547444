// Where the elements of a data set lie, found without decoding a single value: tag, VR, offset and length of each
// top-level element (PS3.5 sections 7.1, 7.5 and A.1-A.4). Sequences are stepped over as a whole. This is the one
// place that knows how an element header looks; `header-reader.ts` decides which bytes to fetch, `header-values.ts`
// turns values into text.
import { EXPLICIT_VR_KNOWN, EXPLICIT_VR_LONG, explicitVrFlags } from './value-representations.ts';

/** The value of a length field that announces delimitation items instead (PS3.5 section 7.1.1). */
export const UNDEFINED_LENGTH = 0xffffffff;
/** Offset of an element whose value was stepped over and is not among the bytes at hand. */
export const NOT_HELD = 0xffffffff;

const ITEM = 0xfffee000;
const ITEM_DELIMITATION = 0xfffee00d;
const SEQUENCE_DELIMITATION = 0xfffee0dd;
/** Deeper nesting than this is an attack or garbage; the deepest structured reports stay below 20. */
const MAX_DEPTH = 64;

export const VR_SQ = 0x5351;
export const VR_UN = 0x554e;

/** How a data set is encoded: PS3.5 annexes A.1 (implicit), A.2 (explicit), A.3 (explicit, big endian). */
export interface Encoding {
  readonly littleEndian: boolean;
  readonly explicitVr: boolean;
}

export const IMPLICIT_LITTLE: Encoding = { littleEndian: true, explicitVr: false };
export const EXPLICIT_LITTLE: Encoding = { littleEndian: true, explicitVr: true };
export const EXPLICIT_BIG: Encoding = { littleEndian: false, explicitVr: true };

/** Bytes at hand, and what is known of those behind them. */
export interface Window {
  view: DataView;
  /** Number of bytes at hand, from offset 0 of `view`. */
  available: number;
  /** Bytes of the file (or inflated stream) that follow after `available`; Infinity when unknown. */
  beyond: number;
}

/** Why a walk ended. */
export type WalkEnd =
  | 'complete' // the data set ended exactly, or with padding only
  | 'pixel-data' // PixelData (or its float variants) was reached: the header ends here
  | 'need-more' // more bytes are wanted, from `position` on
  | 'truncated' // the file ends inside an element
  | 'garbage'; // what stands at `position` is not an element

/** A list of elements as columns; grows as needed, is reused from file to file. */
export class ElementTable {
  count = 0;
  tags = new Uint32Array(512);
  /** The two VR bytes as one number (0x5351 is SQ), 0 where the encoding is implicit. */
  vrs = new Uint16Array(512);
  /** Offset of the value in the window, or NOT_HELD. */
  offsets = new Uint32Array(512);
  /** Length in bytes; UNDEFINED_LENGTH for delimited sequences, whose extent stands in `ends`. */
  lengths = new Uint32Array(512);
  /** Offset of the first byte behind the element (only meaningful when held). */
  ends = new Uint32Array(512);
  /** True while every tag was greater than the one before it (PS3.5 section 7.1). */
  ordered = true;

  clear(): void {
    this.count = 0;
    this.ordered = true;
  }

  push(tag: number, vr: number, offset: number, length: number, end: number): void {
    const i = this.count++;
    if (i === this.tags.length) this.grow();
    if (i > 0 && this.tags[i - 1]! >= tag) this.ordered = false;
    this.tags[i] = tag;
    this.vrs[i] = vr;
    this.offsets[i] = offset;
    this.lengths[i] = length;
    this.ends[i] = end;
  }

  /** Index of the first element with this tag, or -1. */
  indexOf(tag: number): number {
    const { tags, count } = this;
    for (let i = 0; i < count; i++) if (tags[i] === tag) return i;
    return -1;
  }

  private grow(): void {
    const size = this.tags.length * 2;
    for (const key of ['tags', 'offsets', 'lengths', 'ends'] as const) {
      const larger = new Uint32Array(size);
      larger.set(this[key]);
      this[key] = larger;
    }
    const vrs = new Uint16Array(size);
    vrs.set(this.vrs);
    this.vrs = vrs;
  }
}

/** The tag at `position` as group * 65536 + element. */
export function tagAt(view: DataView, position: number, littleEndian: boolean): number {
  const word = view.getUint32(position, littleEndian);
  return littleEndian ? ((word << 16) | (word >>> 16)) >>> 0 : word;
}

/** PixelData, FloatPixelData, DoubleFloatPixelData: with them the header ends (PS3.3 section C.7.6.3, C.7.6.24-25). */
function isPixelData(tag: number): boolean {
  return tag === 0x7fe00010 || tag === 0x7fe00008 || tag === 0x7fe00009;
}

function isUpper(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

const NEED_MORE = -1;
const MALFORMED = -2;

/** Steps through data sets in one window. Not re-entrant: one walker per file being read. */
export class ElementWalker {
  readonly window: Window;
  /** Where the walk stands or ended: offset in the window. */
  position = 0;
  /** Seen on the way; they become issues of the file. */
  malformed = false;
  unknownVr = false;
  oddLength = false;
  /** Length of the value that ran past the end of the file, or of PixelData. */
  pixelDataLength = 0;

  constructor(window: Window) {
    this.window = window;
  }

  reset(position: number): void {
    this.position = position;
    this.malformed = false;
    this.unknownVr = false;
    this.oddLength = false;
    this.pixelDataLength = 0;
  }

  /**
   * Walks the elements from `position` up to PixelData or `end` (an offset in the window; Infinity for a whole file)
   * and adds them to `table`. Values longer than `holdUpTo` bytes that are not at hand are stepped over (NOT_HELD);
   * shorter ones are asked for. On 'need-more', call again with more bytes: the walk goes on where it stood.
   * `beforeTag` ends the walk at the first element with that tag or a greater one.
   */
  walk(
    table: ElementTable,
    encoding: Encoding,
    end: number,
    holdUpTo: (tag: number, vr: number) => number,
    beforeTag = Number.POSITIVE_INFINITY,
  ): WalkEnd {
    const { littleEndian, explicitVr } = encoding;
    for (;;) {
      const { view, available, beyond } = this.window;
      const start = this.position;
      if (start >= end) return 'complete';
      if (start + 8 > available) {
        if (beyond > 0) return 'need-more';
        return this.isPadding(start, available) ? 'complete' : 'truncated';
      }
      const tag = tagAt(view, start, littleEndian);
      if (tag >= beforeTag) return 'complete';
      if (isPixelData(tag)) return this.atPixelData(start, encoding);
      if (tag >>> 16 === 0xfffe) {
        // A delimiter without its sequence: some writers leave one behind. Stepping over it loses nothing.
        this.malformed = true;
        this.position = start + 8;
        continue;
      }
      if (tag === 0) return this.isPadding(start, Math.min(available, start + 64)) ? 'complete' : 'garbage';

      let vr = 0;
      let length: number;
      let value = start + 8;
      if (explicitVr) {
        vr = view.getUint16(start + 4, false);
        const flags = explicitVrFlags[vr]!;
        if (flags === EXPLICIT_VR_KNOWN) {
          length = view.getUint16(start + 6, littleEndian);
        } else if ((flags & EXPLICIT_VR_LONG) !== 0) {
          if (start + 12 > available) {
            if (beyond > 0) return 'need-more';
            return 'truncated';
          }
          length = view.getUint32(start + 8, littleEndian);
          value = start + 12;
        } else {
          const layout = this.layoutOfUnknownVr(start, tag, littleEndian);
          if (layout === undefined) return 'garbage';
          vr = layout.vr;
          length = layout.length;
          value = layout.value;
        }
      } else {
        length = view.getUint32(start + 4, littleEndian);
      }

      if (length === UNDEFINED_LENGTH) {
        // PS3.5 section 6.2.2: UN of undefined length is a sequence in implicit VR little endian.
        const inside = vr === VR_UN ? IMPLICIT_LITTLE : encoding;
        const after = this.skipItems(value, inside, 0);
        if (after === NEED_MORE) return 'need-more';
        if (after === MALFORMED) {
          this.malformed = true;
          const resumed = this.findSequenceDelimitation(value, inside.littleEndian);
          if (resumed < 0) {
            if (beyond > 0) return 'need-more';
            table.push(tag, vr, value, length, available);
            this.position = available;
            return 'truncated';
          }
          table.push(tag, vr, value, length, resumed);
          this.position = resumed;
          continue;
        }
        table.push(tag, vr, value, length, after);
        this.position = after;
        continue;
      }
      if ((length & 1) !== 0) this.oddLength = true;
      const after = value + length;
      if (after <= available) {
        table.push(tag, vr, value, length, after);
        this.position = after;
        continue;
      }
      if (after > available + beyond) {
        // The value runs past the end of the file: what there is of it is still taken.
        if (value < available) table.push(tag, vr, value, available - value, available);
        this.position = available;
        return 'truncated';
      }
      if (length <= holdUpTo(tag, vr)) return 'need-more';
      table.push(tag, vr, NOT_HELD, length, after);
      this.position = after;
    }
  }

  /**
   * Adds the elements of one item's data set, the bytes from `start` to `end` of the window, to `table`.
   * Returns the offset behind the item (behind its delimitation item, where its length is undefined).
   */
  walkItem(table: ElementTable, encoding: Encoding, start: number, end: number, delimited: boolean): number {
    const saved = this.position;
    let position = start;
    const { view } = this.window;
    const inside = this.encodingOfItem(start, end, encoding);
    const hold = () => Number.POSITIVE_INFINITY;
    // Elements are walked one after the other until the delimitation item, which `walk` itself would step over.
    while (position + 8 <= end) {
      const tag = tagAt(view, position, inside.littleEndian);
      if (tag === ITEM_DELIMITATION) {
        position += 8;
        break;
      }
      if (tag === SEQUENCE_DELIMITATION || tag === ITEM) break;
      this.position = position;
      const next = this.elementEnd(position, inside, 0);
      if (next <= position || next > end) {
        this.malformed = true;
        position = end;
        break;
      }
      const before = table.count;
      const pixelLike = isPixelData(tag);
      if (!pixelLike) this.walk(table, inside, next, hold);
      if (table.count === before && !pixelLike) this.malformed = true;
      position = next;
    }
    this.position = saved;
    return delimited ? position : end;
  }

  /** Items of the sequence whose value starts at `value`: calls `each` with the bounds of every item's data set. */
  items(
    value: number,
    end: number,
    littleEndian: boolean,
    each: (start: number, end: number, delimited: boolean) => number,
  ): void {
    const { view } = this.window;
    let position = value;
    while (position + 8 <= end) {
      const tag = tagAt(view, position, littleEndian);
      if (tag === SEQUENCE_DELIMITATION) return;
      if (tag !== ITEM) {
        this.malformed = true;
        return;
      }
      const length = view.getUint32(position + 4, littleEndian);
      const start = position + 8;
      if (length === UNDEFINED_LENGTH) {
        position = each(start, end, true);
      } else {
        const itemEnd = Math.min(start + length, end);
        if (start + length > end) this.malformed = true;
        each(start, itemEnd, false);
        position = itemEnd;
      }
    }
  }

  /** Items of an explicit data set that are implicitly encoded all the same occur in UN and in converted files. */
  encodingOfItem(start: number, end: number, encoding: Encoding): Encoding {
    const { view } = this.window;
    if (start + 8 > end) return encoding;
    const tag = tagAt(view, start, encoding.littleEndian);
    if (tag >>> 16 === 0xfffe) return encoding;
    const looksExplicit = isUpper(view.getUint8(start + 4)) && isUpper(view.getUint8(start + 5));
    if (encoding.explicitVr && !looksExplicit && encoding.littleEndian) {
      const length = view.getUint32(start + 4, true);
      if (length === UNDEFINED_LENGTH || start + 8 + length <= end) return IMPLICIT_LITTLE;
    }
    if (!encoding.explicitVr && looksExplicit) {
      const flags = explicitVrFlags[view.getUint16(start + 4, false)]!;
      const length = view.getUint32(start + 4, encoding.littleEndian);
      if (flags !== 0 && start + 8 + length > end) return { littleEndian: encoding.littleEndian, explicitVr: true };
    }
    return encoding;
  }

  private atPixelData(start: number, encoding: Encoding): WalkEnd {
    const { view, available, beyond } = this.window;
    if (start + 12 > available && beyond > 0) return 'need-more';
    if (start + 12 > available) return 'truncated';
    let length = view.getUint32(start + 4, encoding.littleEndian);
    let value = start + 8;
    if (encoding.explicitVr) {
      const flags = explicitVrFlags[view.getUint16(start + 4, false)]!;
      if ((flags & EXPLICIT_VR_LONG) !== 0) {
        length = view.getUint32(start + 8, encoding.littleEndian);
        value = start + 12;
      } else if (flags === EXPLICIT_VR_KNOWN) {
        length = view.getUint16(start + 6, encoding.littleEndian);
      }
    }
    this.pixelDataLength = length;
    this.position = start;
    if (length !== UNDEFINED_LENGTH && value + length > available + beyond) return 'truncated';
    return 'pixel-data';
  }

  /** The offset behind the items that start at `position` (PS3.5 section 7.5), NEED_MORE or MALFORMED. */
  private skipItems(position: number, encoding: Encoding, depth: number): number {
    if (depth > MAX_DEPTH) return MALFORMED;
    const { view, available, beyond } = this.window;
    let at = position;
    for (;;) {
      if (at + 8 > available) return beyond > 0 ? NEED_MORE : MALFORMED;
      const tag = tagAt(view, at, encoding.littleEndian);
      if (tag === SEQUENCE_DELIMITATION) return at + 8;
      if (tag !== ITEM) return MALFORMED;
      const length = view.getUint32(at + 4, encoding.littleEndian);
      at += 8;
      if (length === UNDEFINED_LENGTH) {
        at = this.skipItem(at, encoding, depth);
        if (at < 0) return at;
      } else {
        at += length;
        if (at > available + beyond) return MALFORMED;
      }
    }
  }

  /** The offset behind the delimitation item of the item whose data set starts at `position`. */
  private skipItem(position: number, outer: Encoding, depth: number): number {
    const { available, beyond } = this.window;
    const encoding = this.encodingOfItem(position, available, outer);
    let at = position;
    for (;;) {
      if (at + 8 > available) return beyond > 0 ? NEED_MORE : MALFORMED;
      const tag = tagAt(this.window.view, at, encoding.littleEndian);
      if (tag === ITEM_DELIMITATION) return at + 8;
      if (tag === SEQUENCE_DELIMITATION) {
        // The item's own delimiter is missing: the sequence ends here all the same.
        this.malformed = true;
        return at;
      }
      if (tag >>> 16 === 0xfffe) return MALFORMED;
      at = this.elementEnd(at, encoding, depth);
      if (at < 0) return at;
    }
  }

  /** The offset behind the element at `start`, NEED_MORE or MALFORMED. */
  private elementEnd(start: number, encoding: Encoding, depth: number): number {
    const { view, available, beyond } = this.window;
    const { littleEndian, explicitVr } = encoding;
    let vr = 0;
    let length: number;
    let value = start + 8;
    if (explicitVr) {
      vr = view.getUint16(start + 4, false);
      const flags = explicitVrFlags[vr]!;
      if (flags === EXPLICIT_VR_KNOWN) {
        length = view.getUint16(start + 6, littleEndian);
      } else if ((flags & EXPLICIT_VR_LONG) !== 0) {
        if (start + 12 > available) return beyond > 0 ? NEED_MORE : MALFORMED;
        length = view.getUint32(start + 8, littleEndian);
        value = start + 12;
      } else {
        const layout = this.layoutOfUnknownVr(start, tagAt(view, start, littleEndian), littleEndian);
        if (layout === undefined) return MALFORMED;
        length = layout.length;
        value = layout.value;
      }
    } else {
      length = view.getUint32(start + 4, littleEndian);
    }
    if (length === UNDEFINED_LENGTH) {
      return this.skipItems(value, vr === VR_UN ? IMPLICIT_LITTLE : encoding, depth + 1);
    }
    const end = value + length;
    return end > available + beyond ? MALFORMED : end;
  }

  /**
   * An element of an explicit data set whose VR bytes are not a VR of PS3.5 section 6.2. Section 7.1.2 gives any VR
   * but the listed short ones a 32 bit length behind two reserved bytes; writers that invent VRs, or leave the
   * bytes blank or NUL, mostly keep the 16 bit form; converted files have implicit elements. The first reading
   * after which a greater tag (or the end) follows is taken.
   */
  private layoutOfUnknownVr(start: number, tag: number, littleEndian: boolean) {
    const { view, available } = this.window;
    this.unknownVr = true;
    const vr = view.getUint16(start + 4, false);
    const letters = isUpper(vr >>> 8) && isUpper(vr & 255);
    const long = start + 12 <= available && view.getUint16(start + 6) === 0 && {
      vr: VR_UN,
      length: view.getUint32(start + 8, littleEndian),
      value: start + 12,
    };
    const short = { vr: VR_UN, length: view.getUint16(start + 6, littleEndian), value: start + 8 };
    const implicit = { vr: 0, length: view.getUint32(start + 4, littleEndian), value: start + 8 };
    for (const layout of letters ? [long, short] : [short, long, implicit]) {
      if (layout && this.isFollowedByElement(layout.value + layout.length, tag, littleEndian)) return layout;
    }
    if (long && letters && long.length === UNDEFINED_LENGTH) return long;
    return undefined;
  }

  private isFollowedByElement(position: number, tag: number, littleEndian: boolean): boolean {
    const { view, available, beyond } = this.window;
    if (position === available + beyond) return true;
    if (position > available + beyond) return false;
    if (position + 8 > available) return beyond > 0;
    const next = tagAt(view, position, littleEndian);
    return next > tag && (next >>> 16) - (tag >>> 16) <= 0x7fe0;
  }

  /** Where a sequence that could not be walked is likely to end: behind the next sequence delimitation item. */
  private findSequenceDelimitation(from: number, littleEndian: boolean): number {
    const { view, available } = this.window;
    for (let at = from; at + 8 <= available; at++) {
      if (view.getUint32(at + 4, true) === 0 && tagAt(view, at, littleEndian) === SEQUENCE_DELIMITATION) return at + 8;
    }
    return -1;
  }

  private isPadding(from: number, to: number): boolean {
    const { view } = this.window;
    for (let at = from; at < to; at++) if (view.getUint8(at) !== 0) return false;
    return true;
  }
}
