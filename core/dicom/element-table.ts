// The elements of a data set as a table of numbers: tag, VR, offset and length of each. Filled by `element-walker.ts`,
// the one place that knows how an element header looks; turned into text by `header-values.ts`.

/** The value of a length field that announces delimitation items instead (PS3.5 section 7.1.1). */
export const UNDEFINED_LENGTH = 0xffffffff;
/** Offset of an element whose value was stepped over and is not among the bytes at hand. */
export const NOT_HELD = 0xffffffff;

export const ITEM = 0xfffee000;
export const ITEM_DELIMITATION = 0xfffee00d;
export const SEQUENCE_DELIMITATION = 0xfffee0dd;

/** The two VR bytes as one number. */
export const VR_SQ = 0x5351;
export const VR_UI = 0x5549;
export const VR_UN = 0x554e;

/** How a data set is encoded: PS3.5 annexes A.1 (implicit), A.2 (explicit), A.3 (explicit, big endian). */
export interface Encoding {
  readonly littleEndian: boolean;
  readonly explicitVr: boolean;
}

export const IMPLICIT_LITTLE: Encoding = { littleEndian: true, explicitVr: false };
export const EXPLICIT_LITTLE: Encoding = { littleEndian: true, explicitVr: true };
export const EXPLICIT_BIG: Encoding = { littleEndian: false, explicitVr: true };
/** No transfer syntax of the standard, but found in files without one. */
export const IMPLICIT_BIG: Encoding = { littleEndian: false, explicitVr: false };

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

  /**
   * Index of the element with this tag, or -1. A tag may not stand in a data set twice (PS3.5 section 7.1); where it does,
   * the first one that has a value counts.
   */
  indexOf(tag: number): number {
    const { tags, lengths, count, ordered } = this;
    let empty = -1;
    for (let i = 0; i < count; i++) {
      const at = tags[i]!;
      if (at === tag) {
        if (ordered || lengths[i] !== 0) return i;
        if (empty < 0) empty = i;
      } else if (at > tag && ordered) return -1;
    }
    return empty;
  }

  /** Of each tag the index that `indexOf` gives. */
  indices(): Map<number, number> {
    const indices = new Map<number, number>();
    for (let i = 0; i < this.count; i++) {
      const known = indices.get(this.tags[i]!);
      if (known === undefined || (this.lengths[known] === 0 && this.lengths[i] !== 0)) indices.set(this.tags[i]!, i);
    }
    return indices;
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
export function isPixelData(tag: number): boolean {
  return tag === 0x7fe00010 || tag === 0x7fe00008 || tag === 0x7fe00009;
}
