// Where sequences of undefined length end (PS3.5 section 7.5): steps over items and what is nested in them, and finds a
// way on where they are not nested as they should be.
import { vrOfTag } from './dictionary.ts';
import { ElementHeaders, MALFORMED, NEED_MORE } from './element-header.ts';
import {
  type Encoding,
  IMPLICIT_LITTLE,
  ITEM,
  ITEM_DELIMITATION,
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
/** Steps over items in one window. */
export class ElementSkipper extends ElementHeaders {
  /** A sequence or item is not nested as it should be. */
  malformed = false;
  protected steps = 0;
  /** Where an item or a delimiter was looked for among the items of the sequence itself, and was not; else -1. */
  private stoppedAt = -1;

  /**
   * The offset behind the sequence `tag` of undefined length whose items start at `value`, in a data set encoded as
   * `encoding`. Where its delimiter is missing and an element that may follow it stands in its place, that is where it
   * ends; where its items are not nested as they should be, behind the next delimiter of a sequence before `end`;
   * MALFORMED where there is none.
   */
  protected endOfDelimited(tag: number, vr: number, value: number, encoding: Encoding, end: number): number {
    this.stoppedAt = -1;
    const after = this.skipItems(value, vr === VR_UN ? IMPLICIT_LITTLE : encoding, 0);
    if (after === NEED_MORE || (after >= 0 && after <= end)) return after;
    this.malformed = true;
    const { stoppedAt } = this;
    if (stoppedAt >= 0 && stoppedAt + 8 <= end && this.canFollow(stoppedAt, tag, encoding)) return stoppedAt;
    const resumed = this.findSequenceDelimitation(value, end, encoding.littleEndian);
    return resumed < 0 && this.window.beyond > 0 ? NEED_MORE : resumed;
  }

  /** The offset behind the items that start at `position` (PS3.5 section 7.5), NEED_MORE or MALFORMED. */
  private skipItems(position: number, encoding: Encoding, depth: number): number {
    if (depth > MAX_DEPTH) return MALFORMED;
    const { view, available, beyond } = this.window;
    let at = position;
    for (;;) {
      if (++this.steps > MAX_STEPS) return MALFORMED;
      if (at + 8 > available) return beyond > 0 ? NEED_MORE : MALFORMED;
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
        at += length;
        if (at > available + beyond) return MALFORMED;
      }
    }
  }

  /** The offset behind the delimitation item of the item whose data set starts at `position`. */
  protected skipItem(position: number, outer: Encoding, depth: number): number {
    const { view, available, beyond } = this.window;
    if (position + 8 > available) return beyond > 0 ? NEED_MORE : MALFORMED;
    const total = available + beyond;
    const encoding = this.encodingOfItem(position, total, outer);
    let at = position;
    for (;;) {
      if (++this.steps > MAX_STEPS) return MALFORMED;
      if (at + 8 > available) return beyond > 0 ? NEED_MORE : MALFORMED;
      const tag = tagAt(view, at, encoding.littleEndian);
      if (tag === ITEM_DELIMITATION) return at + 8;
      if (tag === SEQUENCE_DELIMITATION || tag === ITEM) {
        // The item's own delimiter is missing: it ends here all the same.
        this.malformed = true;
        return at;
      }
      if (tag >>> 16 === 0xfffe) return MALFORMED;
      const status = this.readHeader(at, tag, encoding, total);
      if (status !== 0) return status === NEED_MORE ? NEED_MORE : MALFORMED;
      const { value, length } = this;
      if (length === UNDEFINED_LENGTH) {
        at = this.skipItems(value, this.vr === VR_UN ? IMPLICIT_LITTLE : encoding, depth + 1);
        if (at < 0) return at;
      } else {
        at = value + length;
        if (at > total) return MALFORMED;
      }
    }
  }

  /** Is what stands at `at` an element that comes behind `tag` in its data set? By its bytes, which may say so by chance. */
  private canFollow(at: number, tag: number, { explicitVr, littleEndian }: Encoding): boolean {
    const { view, available, beyond } = this.window;
    const next = tagAt(view, at, littleEndian);
    if (next <= tag || next >>> 16 === 0xfffe) return false;
    if (explicitVr) return explicitVrFlags[view.getUint16(at + 4, false)] !== 0;
    const length = view.getUint32(at + 4, littleEndian);
    return vrOfTag(next) !== 'UN' && (length === UNDEFINED_LENGTH || at + 8 + length <= available + beyond);
  }

  /** Where a sequence that could not be walked is likely to end: behind the next sequence delimitation item. */
  private findSequenceDelimitation(from: number, end: number, littleEndian: boolean): number {
    const { view } = this.window;
    for (let at = from; at + 8 <= end; at++) {
      if (view.getUint32(at + 4, true) === 0 && tagAt(view, at, littleEndian) === SEQUENCE_DELIMITATION) return at + 8;
    }
    return MALFORMED;
  }
}
