// One element header at a time (PS3.5 section 7.1): its VR, its length, where its value starts, in any of the encodings
// of annex A and for VRs that the standard does not know. `element-walker.ts` goes from one to the next.
import {
  type Encoding,
  EXPLICIT_BIG,
  EXPLICIT_LITTLE,
  IMPLICIT_LITTLE,
  ITEM,
  ITEM_DELIMITATION,
  SEQUENCE_DELIMITATION,
  tagAt,
  UNDEFINED_LENGTH,
  VR_UN,
} from './element-table.ts';
import { EXPLICIT_VR_KNOWN, EXPLICIT_VR_LONG, explicitVrFlags } from './value-representations.ts';

/** Bytes at hand, and what is known of those behind them. */
export interface Window {
  view: DataView;
  /** Number of bytes at hand, from offset 0 of `view`. */
  available: number;
  /** Bytes of the file (or inflated stream) that follow after `available`; huge when unknown. */
  beyond: number;
}

/** Results of a step that are not offsets. */
export const NEED_MORE = -1;
export const MALFORMED = -2;
export const CUT = -3;

/** How far behind an element of unknown VR its successor is fetched to see which layout is right, in bytes. */
const FAR = 0x10010;

/** Reads element headers in one window. Holds what it read last, so that a step costs no object. */
export class ElementHeaders {
  readonly window: Window;
  /** An explicit VR was none of PS3.5 section 6.2. */
  unknownVr = false;

  /** Of the element header that `readHeader` has read last: the VR bytes, length, offset of the value. */
  protected vr = 0;
  protected length = 0;
  protected value = 0;

  constructor(window: Window) {
    this.window = window;
  }

  /** Items of an explicit data set that are implicitly encoded all the same occur in UN and in converted files. */
  encodingOfItem(start: number, end: number, encoding: Encoding): Encoding {
    const { view, available } = this.window;
    if (start + 8 > end || start + 8 > available) return encoding;
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
      const explicit = encoding.littleEndian ? EXPLICIT_LITTLE : EXPLICIT_BIG;
      // Letters may be a length, too: one of some hundred kilobytes, which fits into any large file.
      if (flags !== 0 && (start + 8 + length > end || this.isFollowed(start, tag, explicit, end))) return explicit;
    }
    return encoding;
  }

  /** Read with this explicit encoding, is the element at `start` followed by another one, a delimiter or the end? */
  private isFollowed(start: number, tag: number, encoding: Encoding, end: number): boolean {
    const { view, available } = this.window;
    if (this.readHeader(start, tag, encoding, end) !== 0) return false;
    if (this.length === UNDEFINED_LENGTH) return this.isItemAt(this.value, encoding.littleEndian);
    const at = this.value + this.length;
    if (at + 8 > available || at + 8 > end) return at === end;
    const next = tagAt(view, at, encoding.littleEndian);
    if (next >>> 16 === 0xfffe) return view.getUint32(at + 4, true) === 0 || next === ITEM;
    return next > tag && explicitVrFlags[view.getUint16(at + 4, false)] !== 0;
  }

  /**
   * Reads the element header at `start`, of which 8 bytes are at hand, into `vr`, `length` and `value`. `end` is where
   * the data set ends, as far as that is known. Returns 0, NEED_MORE, CUT (the file ends in it) or MALFORMED.
   */
  protected readHeader(start: number, tag: number, encoding: Encoding, end: number): number {
    const { view, available } = this.window;
    const { littleEndian } = encoding;
    this.value = start + 8;
    if (!encoding.explicitVr) {
      this.vr = 0;
      this.length = view.getUint32(start + 4, littleEndian);
      return 0;
    }
    const vr = view.getUint16(start + 4, false);
    const flags = explicitVrFlags[vr]!;
    this.vr = vr;
    if (flags === EXPLICIT_VR_KNOWN) {
      this.length = view.getUint16(start + 6, littleEndian);
      return 0;
    }
    if ((flags & EXPLICIT_VR_LONG) === 0) return this.readUnknownVr(start, tag, littleEndian, end);
    if (start + 12 > available) return this.window.beyond > 0 ? NEED_MORE : CUT;
    this.length = view.getUint32(start + 8, littleEndian);
    this.value = start + 12;
    return 0;
  }

  /**
   * An element of an explicit data set whose VR bytes are not a VR of PS3.5 section 6.2. Section 7.1.2 gives any VR
   * but the listed short ones a 32 bit length behind two reserved bytes; writers that invent VRs, or leave the
   * bytes blank or NUL, mostly keep the 16 bit form; converted files have implicit elements. The first reading
   * after which an element of known VR (or the end) follows is taken, else one after which a greater tag does.
   */
  private readUnknownVr(start: number, tag: number, littleEndian: boolean, end: number): number {
    const { view, available, beyond } = this.window;
    if (start + 12 > available && beyond > 0) return NEED_MORE;
    this.unknownVr = true;
    const vr = view.getUint16(start + 4, false);
    const letters = isUpper(vr >>> 8) && isUpper(vr & 255);
    const canBeLong = start + 12 <= available && view.getUint16(start + 6) === 0;
    const long = canBeLong ? view.getUint32(start + 8, littleEndian) : -1;
    const short = view.getUint16(start + 6, littleEndian);
    const implicit = letters ? -1 : view.getUint32(start + 4, littleEndian);
    // Per reading: VR as which it is kept, length (-1: not possible), offset of the value.
    const readings = letters
      ? [VR_UN, long, start + 12, VR_UN, short, start + 8]
      : [VR_UN, short, start + 8, VR_UN, long, start + 12, 0, implicit, start + 8];
    // The last time it may be one of a lower tag, if its VR is known: elements out of order occur, too.
    for (const strictly of [true, false, 'out-of-order'] as const) {
      for (let i = 0; i < readings.length; i += 3) {
        const [kept, length, value] = [readings[i]!, readings[i + 1]!, readings[i + 2]!];
        if (length < 0) continue;
        this.vr = kept;
        this.length = length;
        this.value = value;
        if (length === UNDEFINED_LENGTH && this.isItemAt(value, littleEndian)) return 0;
        const follows = this.followsAt(value + length, tag, littleEndian, start, end);
        if (follows === NEED_MORE || (follows === 0 && strictly === false)) return follows;
        const isFollowed =
          follows === 0 || (strictly === 'out-of-order' && this.isElementAt(value + length, littleEndian));
        if (isFollowed && strictly !== false && this.isKnownAt(value + length, littleEndian, end)) return 0;
      }
    }
    return MALFORMED;
  }

  /** Does an element of a data set stand at `position`, of whatever tag: one with a VR that is known? */
  private isElementAt(position: number, littleEndian: boolean): boolean {
    const { view, available } = this.window;
    if (position + 8 > available) return false;
    const group = tagAt(view, position, littleEndian) >>> 16;
    return group >= 0x0008 && group <= 0x7fe0 && explicitVrFlags[view.getUint16(position + 4, false)] !== 0;
  }

  /** Does an element with a known VR stand at `position`, a delimiter, or the end? */
  private isKnownAt(position: number, littleEndian: boolean, end: number): boolean {
    const { view, available } = this.window;
    if (position === end || position + 8 > available) return true;
    return (
      explicitVrFlags[view.getUint16(position + 4, false)] !== 0 ||
      tagAt(view, position, littleEndian) >>> 16 === 0xfffe
    );
  }

  /** 0 if what stands at `position` may follow the element `tag` that starts at `start`; else MALFORMED, NEED_MORE. */
  protected followsAt(position: number, tag: number, littleEndian: boolean, start: number, end: number): number {
    const { view, available, beyond } = this.window;
    if (position === end || position === available + beyond) return 0;
    if (position > end || position > available + beyond) return MALFORMED;
    if (position + 8 > available) return beyond === 0 ? MALFORMED : position - start < FAR ? NEED_MORE : 0;
    const next = tagAt(view, position, littleEndian);
    if (next === ITEM || next === ITEM_DELIMITATION || next === SEQUENCE_DELIMITATION) return 0;
    if (next <= tag) return MALFORMED;
    return (next >>> 16) - (tag >>> 16) <= 0x7fe0 || next === 0xfffcfffc ? 0 : MALFORMED;
  }

  protected isItemAt(position: number, littleEndian: boolean): boolean {
    const { view, available } = this.window;
    return position + 4 <= available && tagAt(view, position, littleEndian) === ITEM;
  }
}

function isUpper(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}
