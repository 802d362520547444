// The VR that an element of an implicit VR data set gets in explicit VR: by the dictionary, by what the data set has
// said of itself so far, and by the element's length.
import type { Buffer } from 'node:buffer';
import { isPrivate, privateEntry, resolveVr, vrOfTag } from './dictionary.ts';
import { isPixelData, UNDEFINED_LENGTH } from './element-table.ts';
import { ReEncodeError, tagName } from './re-encode-error.ts';
import { valueRepresentation } from './value-representations.ts';

/** The longest value with a length field of 16 bits, in bytes: lengths are even. */
const LONGEST_SHORT = 65_534;
/** A private creator is an LO: one that is longer (in bytes) is none of the dictionary's. */
const LONGEST_CREATOR = 64;

const BITS_ALLOCATED = 0x00280100;
const PIXEL_REPRESENTATION = 0x00280103;

/** What one data set or item has said that the VRs and the byte order of its elements depend on. */
export class ItemContext {
  private readonly outer: ItemContext | undefined;
  private ownPixelRepresentation: number | undefined;
  private ownBitsAllocated: number | undefined;
  /** The private creators of one group, by block: elements are in the order of their tags. */
  private group = 0;
  private creators: Map<number, string> | undefined;

  constructor(outer: ItemContext | undefined) {
    this.outer = outer;
  }

  /** Of this item, or else of the next enclosing one that has it. */
  get pixelRepresentation(): number | undefined {
    return this.ownPixelRepresentation ?? this.outer?.pixelRepresentation;
  }

  get bitsAllocated(): number | undefined {
    return this.ownBitsAllocated ?? this.outer?.bitsAllocated;
  }

  /** Must the value of this element be shown to `note`? */
  static isNoted(tag: number, length: number): boolean {
    if (tag === BITS_ALLOCATED || tag === PIXEL_REPRESENTATION) return length === 2;
    return isPrivateCreator(tag) && length <= LONGEST_CREATOR;
  }

  /** Takes note of a value in little endian. */
  note(tag: number, value: Buffer): void {
    if (tag === BITS_ALLOCATED) this.ownBitsAllocated = value.readUInt16LE(0);
    else if (tag === PIXEL_REPRESENTATION) this.ownPixelRepresentation = value.readUInt16LE(0);
    else {
      if (this.group !== tag >>> 16 || this.creators === undefined) this.creators = new Map();
      this.group = tag >>> 16;
      this.creators.set(tag & 0xff, value.toString('latin1').replace(/[\0 ]+$/, ''));
    }
  }

  /**
   * The VR of an element. Attributes that may be OW are OW, as PS3.5 section A.1 has them; section A.2 allows it for
   * all of them, and only OW for PixelData of more than 8 bits. UN stands for what the dictionary does not know, and
   * where the value does not fit the VR: too long for it (PS3.5 section 6.2.2), or no multiple of its unit.
   */
  vrOf(tag: number, length: number): string {
    const vr = this.dictionaryVr(tag);
    if (length === UNDEFINED_LENGTH) {
      // The dictionary may be wrong about private attributes; only sequences have an undefined length in implicit VR.
      if (!isPixelData(tag) && (isPrivate(tag) || vr === 'UN' || vr === 'SQ')) return 'SQ';
      throw new ReEncodeError(`${tagName(tag)} is no sequence and has an undefined length.`);
    }
    const row = valueRepresentation(vr);
    if (row === undefined || length % row.unit !== 0) return 'UN';
    return row.lengthBytes === 2 && length > LONGEST_SHORT ? 'UN' : vr;
  }

  private dictionaryVr(tag: number): string {
    if (!isPrivate(tag)) return resolveVr(tag, this.pixelRepresentation);
    const creator = this.group === tag >>> 16 ? this.creators?.get((tag >>> 8) & 0xff) : undefined;
    return (creator === undefined ? undefined : privateEntry(creator, tag)?.vr) ?? vrOfTag(tag);
  }
}

/** Does the element reserve a block for a private creator (PS3.5 section 7.8.1)? */
function isPrivateCreator(tag: number): boolean {
  const element = tag & 0xffff;
  return isPrivate(tag) && element >= 0x10 && element <= 0xff;
}
