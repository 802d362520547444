// Where sequences of undefined length end (PS3.5 section 7.5): steps over items and what is nested in them, and finds a
// way on where they are not nested as they should be.
import { vrOfTag } from './dictionary.ts';
import { CUT, ElementHeaders, MALFORMED, NEED_MORE } from './element-header.ts';
import {
  type Encoding,
  IMPLICIT_LITTLE,
  ITEM,
  ITEM_DELIMITATION,
  isPixelData,
  SEQUENCE_DELIMITATION,
  tagAt,
  UNDEFINED_LENGTH,
  VR_UN,
} from './element-table.ts';
import { explicitVrFlags } from './value-representations.ts';

/** Deeper nesting than this is an attack or garbage; the deepest structured reports stay below 20. */
const MAX_DEPTH = 64;
/** Steps inside of sequences, per pass: what is built to be walked over and over is given up as malformed. */
const MAX_STEPS = 4_000_000;
/** DataSetTrailingPadding (PS3.10 section 7.2). */
const TRAILING_PADDING = 0xfffcfffc;
const PATIENT_NAME = 0x00100010;
const PATIENT_ID = 0x00100020;
const STUDY_INSTANCE_UID = 0x0020000d;
/** Steps over items in one window. */
export class ElementSkipper extends ElementHeaders {
  /** A sequence or item is not nested as it should be. */
  malformed = false;
  protected steps = 0;
  /** Where an item or a delimiter was looked for among the items of the sequence itself, and was not; else -1. */
  private stoppedAt = -1;
  /** Where items were left because the file ends in them; else -1. */
  private cutAt = -1;

  /**
   * The offset behind the sequence `tag` of undefined length whose items start at `value`, in a data set encoded as
   * `encoding`, of an item that ends at `itemEnd`, or without that of the file. Where its delimiter is missing and an
   * element that may follow it stands in its place, that is where it ends; where its items are not nested as they should
   * be, behind a later delimiter of a sequence. In the file's own data set that has to be proven: what stands in a nested
   * item must never be taken for the file's. MALFORMED where there is none.
   */
  protected endOfDelimited(tag: number, vr: number, value: number, encoding: Encoding, itemEnd?: number): number {
    const end = itemEnd ?? this.window.available;
    this.stoppedAt = -1;
    this.cutAt = -1;
    const after = this.skipItems(value, vr === VR_UN ? IMPLICIT_LITTLE : encoding, 0);
    if (after === NEED_MORE || (after >= 0 && after <= end)) return after;
    this.malformed = true;
    const { stoppedAt } = this;
    const stopped = stoppedAt >= 0 && stoppedAt + 8 <= end && this.canFollow(stoppedAt, tag, encoding);
    if (itemEnd !== undefined) {
      if (stopped) return stoppedAt;
      // Of a file that is cut off, a later delimiter is none of this sequence, but of one inside of it.
      const isCut = this.cutAt >= 0 && this.nextDelimitation(this.cutAt, end, encoding.littleEndian) < 0;
      return isCut ? end : this.nextDelimitation(value, end, encoding.littleEndian);
    }
    if (stopped) {
      const proof = this.goesOn(stoppedAt, tag, encoding);
      if (proof !== MALFORMED) return proof;
    }
    let at = this.nextDelimitation(value, end, encoding.littleEndian);
    while (at >= 0) {
      const proof = this.goesOn(at, tag, encoding);
      if (proof !== MALFORMED) return proof;
      at = this.nextDelimitation(at, end, encoding.littleEndian);
    }
    return this.window.beyond > 0 ? NEED_MORE : MALFORMED;
  }

  /**
   * Where a sequence of defined length ends, in the file's own data set: at `end`, as its length says, where its items end
   * there too. Where they do not, one of the lengths is wrong: it ends where an element stands that may follow it, and where
   * one stands at both places, it has to be proven, as for a sequence of undefined length. MALFORMED where that cannot be,
   * NEED_MORE while it cannot be told. What is not at hand, and what holds no items at all, is believed.
   */
  protected endOfSequence(tag: number, value: number, end: number, encoding: Encoding): number {
    const { available, beyond } = this.window;
    const total = available + beyond;
    if (end <= total && (end > available || (end + 8 > available && end < total))) return end;
    const itemsEnd = this.endOfItems(value, end, encoding);
    if (itemsEnd === end || itemsEnd === value) return end;
    if (itemsEnd === NEED_MORE) return NEED_MORE;
    this.malformed = true;
    const places = [itemsEnd, end].filter((at) => at >= 0 && this.canFollow(at, tag, encoding));
    // What ends with the file has nothing behind it that could be taken for the file's own.
    if (places.length === 0) return end;
    if (places[0] === itemsEnd && places.length === 1) return itemsEnd;
    for (const at of places) {
      const proof = this.goesOn(at, tag, encoding);
      if (proof !== MALFORMED) return proof;
    }
    return MALFORMED;
  }

  /** Behind the items from `at` on, up to `end` or beyond it, wherever something else stands; NEED_MORE or MALFORMED. */
  private endOfItems(from: number, end: number, encoding: Encoding): number {
    const { view, available, beyond } = this.window;
    let at = from;
    while (at < end && at + 8 <= available && tagAt(view, at, encoding.littleEndian) === ITEM) {
      if (++this.steps > MAX_STEPS) return MALFORMED;
      const length = view.getUint32(at + 4, encoding.littleEndian);
      at = length === UNDEFINED_LENGTH ? this.skipItem(at + 8, encoding, 0) : at + 8 + length;
      if (at < 0) return at;
    }
    return at < end && at + 8 > available && beyond > 0 ? NEED_MORE : at;
  }

  /**
   * `from`, where the elements from there on are the file's own: they ascend from `tag` to PixelData, and no delimiter says
   * that they stand in an item; or to the end of the file, where a cut item may end, too: then there must be a patient and
   * a study among them, which an item that refers to another series has not. Else MALFORMED; NEED_MORE while that cannot
   * be told.
   */
  private goesOn(from: number, tag: number, encoding: Encoding): number {
    const { view, available, beyond } = this.window;
    const total = available + beyond;
    let before = tag;
    let at = from;
    let hasPatient = tag >= PATIENT_ID;
    let hasStudy = tag >= STUDY_INSTANCE_UID;
    for (;;) {
      if (++this.steps > MAX_STEPS) return MALFORMED;
      const isOwn = hasPatient && hasStudy ? from : MALFORMED;
      if (at + 8 > available) {
        if (at < total && beyond > 0) return NEED_MORE;
        return this.isPadding(at, available) ? isOwn : MALFORMED;
      }
      const next = tagAt(view, at, encoding.littleEndian);
      if (next === TRAILING_PADDING || (next === 0 && this.isPadding(at, Math.min(available, at + 64)))) return isOwn;
      if (next <= before || next >>> 16 === 0xfffe) return MALFORMED;
      if (encoding.explicitVr && explicitVrFlags[view.getUint16(at + 4, false)] === 0) return MALFORMED;
      const status = this.readHeader(at, next, encoding, total);
      if (status !== 0) return status === NEED_MORE ? NEED_MORE : MALFORMED;
      const { value, length } = this;
      if (isPixelData(next)) return this.isOwnPixelData(value, length, encoding.littleEndian) ? from : MALFORMED;
      if (length === UNDEFINED_LENGTH) {
        at = this.skipItems(value, this.vr === VR_UN ? IMPLICIT_LITTLE : encoding, 0);
        if (at < 0) return at;
      } else at = value + length;
      if (at > total) return MALFORMED;
      if (next === PATIENT_NAME || next === PATIENT_ID) hasPatient = true;
      if (next === STUDY_INSTANCE_UID) hasStudy = true;
      before = next;
    }
  }

  /** Not the pixel data of an icon, behind which its item ends. */
  private isOwnPixelData(value: number, length: number, littleEndian: boolean): boolean {
    const { view, available } = this.window;
    if (length === UNDEFINED_LENGTH) return this.isItemAt(value, littleEndian);
    const end = value + length;
    return end + 4 > available || tagAt(view, end, littleEndian) >>> 16 !== 0xfffe;
  }

  /** The offset behind the items that start at `position` (PS3.5 section 7.5), NEED_MORE or MALFORMED. */
  private skipItems(position: number, encoding: Encoding, depth: number): number {
    if (depth > MAX_DEPTH) return MALFORMED;
    const { view, available, beyond } = this.window;
    let at = position;
    for (;;) {
      if (++this.steps > MAX_STEPS) return MALFORMED;
      if (at + 8 > available) return beyond > 0 ? NEED_MORE : this.cut(at);
      const tag = tagAt(view, at, encoding.littleEndian);
      if (tag === SEQUENCE_DELIMITATION) return at + 8;
      if (tag !== ITEM) {
        if (depth === 0) this.stoppedAt = at;
        return MALFORMED;
      }
      const length = view.getUint32(at + 4, encoding.littleEndian);
      at += 8;
      if (length === UNDEFINED_LENGTH) {
        at = this.skipItem(at, encoding, depth);
        if (at < 0) return at;
      } else {
        if (at + length > available + beyond) return this.cut(at);
        at += length;
      }
    }
  }

  /** The offset behind the delimitation item of the item whose data set starts at `position`. */
  protected skipItem(position: number, outer: Encoding, depth: number): number {
    const { view, available, beyond } = this.window;
    if (position + 8 > available) return beyond > 0 ? NEED_MORE : this.cut(position);
    const total = available + beyond;
    const encoding = this.encodingOfItem(position, total, outer);
    let at = position;
    for (;;) {
      if (++this.steps > MAX_STEPS) return MALFORMED;
      if (at + 8 > available) return beyond > 0 ? NEED_MORE : this.cut(at);
      const tag = tagAt(view, at, encoding.littleEndian);
      if (tag === ITEM_DELIMITATION) return at + 8;
      if (tag === SEQUENCE_DELIMITATION || tag === ITEM) {
        // The item's own delimiter is missing: it ends here all the same.
        this.malformed = true;
        return at;
      }
      if (tag >>> 16 === 0xfffe) return MALFORMED;
      const status = this.readHeader(at, tag, encoding, total);
      if (status !== 0) return status === CUT ? this.cut(at) : status;
      const { value, length } = this;
      if (length === UNDEFINED_LENGTH) {
        at = this.skipItems(value, this.vr === VR_UN ? IMPLICIT_LITTLE : encoding, depth + 1);
        if (at < 0) return at;
      } else {
        at = value + length;
        if (at > total) return this.cut(value);
      }
    }
  }

  private cut(at: number): number {
    this.cutAt = at;
    return MALFORMED;
  }

  /** Is what stands at `at` an element that comes behind `tag` in its data set? By its bytes, which may say so by chance. */
  protected canFollow(at: number, tag: number, { explicitVr, littleEndian }: Encoding): boolean {
    const { view, available, beyond } = this.window;
    if (at + 8 > available) return false;
    const next = tagAt(view, at, littleEndian);
    if (next <= tag || next >>> 16 === 0xfffe) return false;
    if (explicitVr) return explicitVrFlags[view.getUint16(at + 4, false)] !== 0;
    const length = view.getUint32(at + 4, littleEndian);
    return vrOfTag(next) !== 'UN' && (length === UNDEFINED_LENGTH || at + 8 + length <= available + beyond);
  }

  /** Where a sequence that could not be walked may end: behind the next sequence delimitation item. */
  private nextDelimitation(from: number, end: number, littleEndian: boolean): number {
    const { view } = this.window;
    for (let at = from; at + 8 <= end; at++) {
      if (view.getUint32(at + 4, true) === 0 && tagAt(view, at, littleEndian) === SEQUENCE_DELIMITATION) return at + 8;
    }
    return MALFORMED;
  }

  protected isPadding(from: number, to: number): boolean {
    const { view } = this.window;
    for (let at = from; at < to; at++) if (view.getUint8(at) !== 0) return false;
    return true;
  }
}
