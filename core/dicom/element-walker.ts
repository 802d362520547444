// Steps from element to element without decoding a single value (PS3.5 sections 7.1, 7.5 and A.1-A.4). Sequences are
// stepped over as a whole; their items are walked one level at a time, when someone wants them. This is the one place
// that knows how elements are nested; `header-reader.ts` decides which bytes to fetch.
import { vrOfTag } from './dictionary.ts';
import { CUT, MALFORMED, NEED_MORE } from './element-header.ts';
import { ElementSkipper } from './element-skipper.ts';
import {
  type ElementTable,
  type Encoding,
  ITEM,
  ITEM_DELIMITATION,
  isPixelData,
  NOT_HELD,
  SEQUENCE_DELIMITATION,
  tagAt,
  UNDEFINED_LENGTH,
  VR_SQ,
  VR_UI,
  VR_UN,
} from './element-table.ts';
import { EXPLICIT_VR_KNOWN, explicitVrFlags } from './value-representations.ts';

/** Why a walk ended. */
export type WalkEnd =
  | 'complete' // the data set ended exactly, or with padding only
  | 'pixel-data' // PixelData (or its float variants) was reached: the header ends here
  | 'need-more' // more bytes are wanted, from `position` on
  | 'truncated' // the file ends inside an element
  | 'garbage'; // what stands at `position` is not an element

/** No element has this tag: the end of every list of wanted tags. */
export const NO_TAG = 0xffffffff;
/** For `wanted`: nothing is left out. */
export const EVERY_TAG = new Uint32Array(0);
const FIRST_PIXEL_DATA = 0x7fe00008;

/**
 * Up to which length (bytes) a value is asked for that is not at hand. `isItem`: whether it begins with an item; undefined
 * where that is not at hand either.
 */
export type HoldUpTo = (tag: number, vr: number, isItem: boolean | undefined) => number;

/** Steps through data sets in one window. Not re-entrant: one walker per file being read. */
export class ElementWalker extends ElementSkipper {
  /** Where the walk stands or ended: offset in the window. */
  position = 0;
  /** A value had an odd length. */
  oddLength = false;
  /** Offset behind PixelData, where the walk ended there and its length is defined; else -1. */
  pixelDataEnd = -1;
  /** Offset of the first item of PixelData, where the walk ended there and its length is undefined; else -1. */
  fragments = -1;

  reset(position: number): void {
    this.position = position;
    this.malformed = false;
    this.unknownVr = false;
    this.oddLength = false;
    this.pixelDataEnd = -1;
    this.fragments = -1;
    this.steps = 0;
  }

  /**
   * Walks the elements from `position` up to PixelData or the end of the file and adds them to `table`. Values longer
   * than `holdUpTo` bytes that are not at hand are stepped over (NOT_HELD); shorter ones are asked for. On
   * 'need-more', call again with more bytes: the walk goes on where it stood. `beforeTag` ends the walk at the first
   * element with that tag or a greater one, NO_TAG nowhere. Tags that are not `wanted` (ascending, NO_TAG at the
   * end) are not added.
   */
  walk(
    table: ElementTable,
    encoding: Encoding,
    holdUpTo: HoldUpTo,
    beforeTag = NO_TAG,
    wanted: Uint32Array = EVERY_TAG,
  ): WalkEnd {
    const { littleEndian } = encoding;
    const { view, available, beyond } = this.window;
    let next = 0;
    let before = 0;
    for (;;) {
      const start = this.position;
      if (start + 8 > available) {
        if (start >= available + beyond) return 'complete';
        if (beyond > 0) return 'need-more';
        return this.isPadding(start, available) ? 'complete' : 'truncated';
      }
      const tag = tagAt(view, start, littleEndian);
      if (tag >= beforeTag && beforeTag !== NO_TAG) return 'complete';
      if (tag >= FIRST_PIXEL_DATA || tag === 0) {
        if (isPixelData(tag)) return this.atPixelData(start, tag, encoding);
        if (tag >>> 16 === 0xfffe) {
          // A delimiter or an item without its sequence: stepping over it keeps its elements out of this data set.
          this.malformed = true;
          const after = this.endOfStrayItem(start, tag, encoding);
          if (after === NEED_MORE) return 'need-more';
          this.position = after;
          continue;
        }
        if (tag === 0 && this.isPadding(start, Math.min(available, start + 64))) return 'complete';
      }
      let isWanted = true;
      if (wanted !== EVERY_TAG) {
        if (tag < before) next = 0;
        while (wanted[next]! < tag) next++;
        isWanted = wanted[next] === tag;
        before = tag;
        if (!isWanted) {
          const after = this.stepOver(start, tag, wanted[next]!, encoding);
          if (after > start) {
            this.position = after;
            continue;
          }
        }
      }
      const status = this.readHeader(start, tag, encoding, available + beyond);
      if (status === NEED_MORE) return 'need-more';
      if (status !== 0) return status === CUT ? 'truncated' : 'garbage';
      const { vr, value } = this;
      let { length } = this;
      if (length === UNDEFINED_LENGTH) {
        const after = this.endOfDelimited(tag, vr, value, encoding);
        if (after === NEED_MORE) return 'need-more';
        this.position = after < 0 ? available : after;
        if (isWanted) table.push(tag, vr, value, length, this.position);
        if (after < 0) return 'truncated';
        continue;
      }
      if ((length & 1) !== 0) this.oddLength = true;
      let after = value + length;
      if (vr === VR_SQ || (vr === 0 && length >= 8 && this.isItemAt(value, littleEndian))) {
        after = this.endOfSequence(tag, value, after, encoding);
        if (after === NEED_MORE) return 'need-more';
        if (after === MALFORMED) {
          this.position = available;
          if (isWanted) table.push(tag, vr, value, available - value, available);
          return 'truncated';
        }
        length = after - value;
      }
      if (after <= available) {
        if (isWanted) table.push(tag, vr, value, length, after);
        this.position = after;
        continue;
      }
      if (after > available + beyond) {
        // The value runs past the end of the file: what there is of it is still taken, but for a UID. Cut off, it is another.
        if (beyond > 0 && length <= holdUpTo(tag, vr, this.isItemHere(value, littleEndian))) return 'need-more';
        if (isWanted && value < available && !isUid(vr, tag)) table.push(tag, vr, value, available - value, available);
        this.position = available;
        return 'truncated';
      }
      if (length <= holdUpTo(tag, vr, this.isItemHere(value, littleEndian))) return 'need-more';
      if (isWanted) table.push(tag, vr, NOT_HELD, length, after);
      this.position = after;
    }
  }

  /** Does an item start there? undefined where that is not at hand. */
  private isItemHere(value: number, littleEndian: boolean): boolean | undefined {
    return value + 8 > this.window.available ? undefined : this.isItemAt(value, littleEndian);
  }

  /**
   * Steps over short elements that are at hand, in order, in front of `limit`: most are. Returns where the
   * first other one starts, `start` where that is the one there, of tag `tag`.
   */
  private stepOver(start: number, tag: number, limit: number, { littleEndian, explicitVr }: Encoding): number {
    const { view, available } = this.window;
    let at = start;
    let before = tag - 1;
    let odd = 0;
    while (at + 8 <= available) {
      const word = view.getUint32(at, littleEndian);
      const here = littleEndian ? ((word << 16) | (word >>> 16)) >>> 0 : word;
      if (here <= before || here >= limit || here >= FIRST_PIXEL_DATA) break;
      let length = 0;
      if (explicitVr) {
        if (explicitVrFlags[view.getUint16(at + 4, false)] !== EXPLICIT_VR_KNOWN) break;
        length = view.getUint16(at + 6, littleEndian);
      } else length = view.getUint32(at + 4, littleEndian);
      if (at + 8 + length > available) break;
      if (!explicitVr && length >= 8 && this.isItemAt(at + 8, littleEndian)) break;
      odd |= length;
      before = here;
      at += 8 + length;
    }
    if ((odd & 1) !== 0) this.oddLength = true;
    return at;
  }

  /**
   * Adds the elements of one item's data set, the bytes from `start` to `end` of the window, to `table`.
   * Returns the offset behind the item (behind its delimitation item, where its length is undefined).
   */
  walkItem(table: ElementTable, inside: Encoding, start: number, end: number, delimited: boolean): number {
    const { view } = this.window;
    let at = start;
    while (at + 8 <= end) {
      const tag = tagAt(view, at, inside.littleEndian);
      if (tag >>> 16 === 0xfffe) {
        if (delimited && tag === ITEM_DELIMITATION) return at + 8;
        // Without its own delimiter the item ends where the next one or the sequence does.
        this.malformed = true;
        if (tag !== ITEM_DELIMITATION) return delimited ? at : end;
        at += 8;
        continue;
      }
      if (this.readHeader(at, tag, inside, end) !== 0 || this.value > end) {
        this.malformed = true;
        return end;
      }
      const { vr, value } = this;
      let { length } = this;
      let next = value + length;
      if (length === UNDEFINED_LENGTH) {
        next = this.endOfDelimited(tag, vr, value, inside, end);
        if (next < 0) next = end;
      } else if (next > end) {
        this.malformed = true;
        next = end;
        length = end - value;
      } else if ((length & 1) !== 0) this.oddLength = true;
      if (!isPixelData(tag)) table.push(tag, vr, value, length, next);
      at = next;
    }
    if (at < end || delimited) this.malformed ||= delimited || !this.isPadding(at, end);
    return end;
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
        if (start + length > end) this.malformed = true;
        position = Math.min(start + length, end);
        each(start, position, false);
      }
    }
    if (position < end) this.malformed = true;
  }

  /** The offset behind the item of undefined length whose data set starts at `start`; `end` where it does not end. */
  itemEnd(start: number, encoding: Encoding, end: number): number {
    const after = this.skipItem(start, encoding, 0);
    return after < 0 || after > end ? end : after;
  }

  private endOfStrayItem(start: number, tag: number, encoding: Encoding): number {
    const { view, available, beyond } = this.window;
    const length = view.getUint32(start + 4, encoding.littleEndian);
    if (tag !== ITEM) return start + 8;
    if (length !== UNDEFINED_LENGTH) return start + 8 + length <= available + beyond ? start + 8 + length : start + 8;
    const after = this.skipItem(start + 8, encoding, 0);
    return after === NEED_MORE || after > 0 ? after : start + 8;
  }

  private atPixelData(start: number, tag: number, encoding: Encoding): WalkEnd {
    const { available, beyond } = this.window;
    this.pixelDataEnd = -1;
    // An explicit VR may have four bytes more before its value (PS3.5 section 7.1.2), also where it is at the end of a file.
    const longest = start + (encoding.explicitVr ? 12 : 8);
    if (longest > available && beyond > 0) return 'need-more';
    if (longest > available) return 'truncated';
    if (this.readHeader(start, tag, encoding, available + beyond) !== 0) return 'pixel-data';
    if (this.length === UNDEFINED_LENGTH) {
      this.fragments = this.value;
      return 'pixel-data';
    }
    const end = this.value + this.length;
    if (end > available + beyond) return 'truncated';
    this.pixelDataEnd = end;
    return 'pixel-data';
  }
}

function isUid(vr: number, tag: number): boolean {
  return vr === VR_UI || ((vr === 0 || vr === VR_UN) && vrOfTag(tag) === 'UI');
}
