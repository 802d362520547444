// Writes the elements of a data set in another encoding (PS3.5 sections 7.1, 7.5, A.1-A.3), from pieces of any size and
// without ever holding a value. Strict where `element-walker.ts` is tolerant: what would have to be guessed is an error.
import { Buffer } from 'node:buffer';
import {
  type Encoding,
  IMPLICIT_LITTLE,
  ITEM,
  ITEM_DELIMITATION,
  isPixelData,
  SEQUENCE_DELIMITATION,
  tagAt,
  UNDEFINED_LENGTH,
} from './element-table.ts';
import { ReEncodeError, tagName } from './re-encode-error.ts';
import { ReEncodeOutput } from './re-encode-output.ts';
import { ItemContext } from './re-encode-vr.ts';
import type { TransferSyntax } from './transfer-syntaxes.ts';
import { EXPLICIT_VR_LONG, explicitVrFlags, valueRepresentation } from './value-representations.ts';

/** Sequences that may be nested in each other. */
const MOST_NESTED = 64;
/** Longer pieces are taken in parts of this many bytes, so that the rest of one can be put in front of the next. */
const PART = 64 * 1024;
/** OffsetOfTheFirstDirectoryRecord..., which every DICOMDIR has (PS3.3 section F.3.2.2). */
const DIRECTORY_OFFSET = 0x00041200;

/** A data set, sequence or item that has begun and not ended. */
interface Level {
  /** Its elements are items. */
  readonly isSequence: boolean;
  /** Ends with a delimiter; otherwise at `limit`. */
  readonly delimited: boolean;
  /** No element of it goes beyond this offset in the data set. */
  readonly limit: number;
  readonly source: Encoding;
  readonly target: Encoding;
  /** Inside a UN of undefined length: bytes stay as they are. */
  readonly verbatim: boolean;
  readonly context: ItemContext;
}

const encodingOf = ({ byteOrder, explicitVr }: TransferSyntax): Encoding => ({
  littleEndian: byteOrder === 'little',
  explicitVr,
});

/** Re-encodes one data set. Deflating and inflating it is up to the caller. */
export class ElementReEncoder {
  private readonly from: TransferSyntax;
  private readonly to: TransferSyntax;
  private readonly output = new ReEncodeOutput();
  private readonly levels: Level[];

  /** Bytes at hand; `at` is where the next element starts, `base` the offset of `bytes` in the data set. */
  private bytes: Buffer = Buffer.alloc(0);
  private view = new DataView(this.bytes.buffer);
  private at = 0;
  private base = 0;

  /** Of the value that is being copied: bytes to come, bytes that are swapped together, or whether it is left out. */
  private remaining = 0;
  private unit: 1 | 2 | 4 | 8 = 1;
  private dropped = false;

  constructor(from: TransferSyntax, to: TransferSyntax) {
    this.from = from;
    this.to = to;
    const [source, target] = [encodingOf(from), encodingOf(to)];
    const limit = Number.POSITIVE_INFINITY;
    const context = new ItemContext(undefined);
    this.levels = [{ isSequence: false, delimited: false, limit, source, target, verbatim: false, context }];
  }

  /** Takes the next piece of the data set, which may be used for something else afterwards. Gives what is written. */
  *take(piece: Buffer): Generator<Buffer, void, undefined> {
    for (let from = 0; from < piece.length; from += PART) {
      this.show(piece.subarray(from, from + PART));
      while (this.step()) if (this.output.isFull) yield this.output.flush();
      this.show(Buffer.alloc(0));
    }
  }

  /** Gives the rest. Throws where the data set does not end here. */
  end(): Buffer {
    if (this.remaining > 0 || this.bytes.length > 0 || this.levels.length > 1) {
      throw new ReEncodeError(`The data set ends within an element, after ${this.base + this.bytes.length} bytes.`);
    }
    return this.output.flush();
  }

  /** Puts `piece` behind a copy of what has not been used. */
  private show(piece: Buffer): void {
    const rest = this.bytes.subarray(this.at);
    this.base += this.at;
    this.at = 0;
    this.bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
  }

  /** One header, a part of a value, or the end of a level. False where more bytes are needed. */
  private step(): boolean {
    if (this.remaining > 0) return this.copyValue();
    const level = this.levels.at(-1)!;
    const position = this.base + this.at;
    if (position >= level.limit) return this.endAtLimit(level);
    if (this.at + 8 > this.bytes.length) return false;
    const tag = tagAt(this.view, this.at, level.source.littleEndian);
    if (position + 8 > level.limit) throw tooLong(tag);
    if (level.isSequence || tag >>> 16 === 0xfffe) return this.itemOrDelimiter(level, tag);
    return this.element(level, tag);
  }

  private copyValue(): boolean {
    const { bytes, at, unit, output } = this;
    const fits = Math.min(bytes.length - at, this.remaining, this.dropped ? this.remaining : output.room);
    const length = fits - (fits % unit);
    if (length === 0) return false;
    if (!this.dropped) output.value(bytes.subarray(at, at + length), unit);
    this.at += length;
    this.remaining -= length;
    return true;
  }

  /** Sequences and items of defined length are written with delimiters (PS3.5 section 7.5): their length changes. */
  private endAtLimit(level: Level): boolean {
    const tag = level.isSequence ? SEQUENCE_DELIMITATION : ITEM_DELIMITATION;
    if (level.delimited) throw new ReEncodeError(`The delimiter ${tagName(tag)} is missing.`);
    this.output.bareHeader(tag, 0, level.target);
    this.levels.pop();
    return true;
  }

  private itemOrDelimiter(level: Level, tag: number): boolean {
    const { isSequence, delimited, target, verbatim } = level;
    const length = this.view.getUint32(this.at + 4, level.source.littleEndian);
    if (isSequence && tag === ITEM) {
      this.at += 8;
      const limit = this.limitOf(level, tag, length);
      // Inside UN an item of defined length is as opaque as any other value.
      const isWhole = verbatim && length !== UNDEFINED_LENGTH;
      this.output.bareHeader(tag, isWhole ? length : UNDEFINED_LENGTH, target);
      if (isWhole) this.startValue(length, 1);
      else this.enter(level, tag, { isSequence: false, delimited: length === UNDEFINED_LENGTH, limit });
      return true;
    }
    if (tag !== (isSequence ? SEQUENCE_DELIMITATION : ITEM_DELIMITATION) || !delimited) {
      throw new ReEncodeError(`${tagName(tag)} is out of place after ${this.base + this.at} bytes.`);
    }
    if (length !== 0) throw new ReEncodeError(`The delimiter ${tagName(tag)} has a length of ${length} bytes.`);
    this.at += 8;
    this.output.bareHeader(tag, 0, target);
    this.levels.pop();
    return true;
  }

  private element(level: Level, tag: number): boolean {
    // Commands are no data set (PS3.7 section 6.3); as a tag of zeros this is padding that no standard has.
    if (tag >>> 16 === 0) throw new ReEncodeError(`${tagName(tag)} is no element of a data set.`);
    if (tag === DIRECTORY_OFFSET)
      throw new ReEncodeError(`${tagName(tag)} and others are offsets, which would change.`);
    if (level.source.explicitVr) return this.explicitElement(level, tag);
    const length = this.view.getUint32(this.at + 4, level.source.littleEndian);
    return this.implicitElement(level, tag, length);
  }

  private explicitElement(level: Level, tag: number): boolean {
    const { view, at } = this;
    const { littleEndian } = level.source;
    const flags = explicitVrFlags[view.getUint16(at + 4, false)]!;
    const isLong = (flags & EXPLICIT_VR_LONG) !== 0;
    if (flags === 0) throw new ReEncodeError(`${tagName(tag)} has a VR that the standard does not know.`);
    if (isLong && at + 12 > this.bytes.length) return false;
    // A writer that puts a length here would have everything behind it misread.
    if (isLong && view.getUint16(at + 6) !== 0) throw new ReEncodeError(`${tagName(tag)} has reserved bytes in use.`);
    const length = isLong ? view.getUint32(at + 8, littleEndian) : view.getUint16(at + 6, littleEndian);
    const vr = this.bytes.toString('latin1', at + 4, at + 6);
    this.at += isLong ? 12 : 8;
    this.start(level, tag, vr, length);
    return true;
  }

  private implicitElement(level: Level, tag: number, length: number): boolean {
    const { bytes, at } = this;
    const { verbatim, context } = level;
    if (verbatim) {
      this.at += 8;
      this.startVerbatim(level, tag, length);
      return true;
    }
    let vr = context.vrOf(tag, length);
    if (ItemContext.isNoted(tag, length)) {
      if (at + 8 + length > bytes.length) return false;
      context.note(tag, bytes.subarray(at + 8, at + 8 + length));
    } else if (vr === 'SQ' && length !== UNDEFINED_LENGTH && length > 0) {
      if (at + 12 > bytes.length) return false;
      // The dictionary's sequence is not always the writer's, above all where it is private.
      if (tagAt(this.view, at + 8, level.source.littleEndian) !== ITEM) vr = 'UN';
    }
    this.at += 8;
    this.start(level, tag, vr, length);
    return true;
  }

  /** Writes the header of the element whose value starts here, and sees to what follows. */
  private start(level: Level, tag: number, vr: string, length: number): void {
    const { output } = this;
    const { target } = level;
    const limit = this.limitOf(level, tag, length);
    const delimited = length === UNDEFINED_LENGTH;
    if (vr === 'SQ') {
      output.header(tag, vr, UNDEFINED_LENGTH, target);
      this.enter(level, tag, { isSequence: true, delimited, limit });
    } else if (vr === 'UN' && delimited) {
      // PS3.5 section 6.2.2: a sequence whose items are implicit VR little endian, in any transfer syntax.
      const [source, isSequence] = [IMPLICIT_LITTLE, true];
      output.header(tag, vr, length, target);
      this.enter(level, tag, { isSequence, delimited, limit, source, target: source, verbatim: true });
    } else if (delimited) {
      throw new ReEncodeError(`${tagName(tag)} of VR ${vr} has an undefined length.`);
    } else if ((tag & 0xffff) === 0 && tag >>> 16 !== 2) {
      // PS3.5 section 7.2: group lengths are retired, and would be wrong.
      this.startValue(length, 1, true);
    } else {
      const unit = this.swapUnit(level, tag, vr, length);
      output.header(tag, vr, length, target);
      this.startValue(length, unit);
    }
  }

  private startVerbatim(level: Level, tag: number, length: number): void {
    const limit = this.limitOf(level, tag, length);
    this.output.bareHeader(tag, length, level.target);
    if (length === UNDEFINED_LENGTH) this.enter(level, tag, { isSequence: true, delimited: true, limit });
    else this.startValue(length, 1);
  }

  private startValue(length: number, unit: 1 | 2 | 4 | 8, dropped = false): void {
    this.remaining = length;
    this.unit = unit;
    this.dropped = dropped;
  }

  /** Where what starts here ends, at the latest. */
  private limitOf(level: Level, tag: number, length: number): number {
    if (length === UNDEFINED_LENGTH) return level.limit;
    if (length % 2 !== 0) throw new ReEncodeError(`${tagName(tag)} has an odd length of ${length} bytes.`);
    const limit = this.base + this.at + length;
    if (limit > level.limit) throw tooLong(tag);
    return limit;
  }

  private enter(level: Level, tag: number, changes: Partial<Level>): void {
    if (this.levels.length > 2 * MOST_NESTED) {
      throw new ReEncodeError(`${tagName(tag)} is within more than ${MOST_NESTED} nested sequences.`);
    }
    const context = changes.isSequence === true ? level.context : new ItemContext(level.context);
    this.levels.push({ ...level, ...changes, context });
  }

  /**
   * Bytes of the value that are swapped together. 1, also for UN: whatever is in it is little endian if it has a byte
   * order at all (PS3.5 section 6.2.2), so it stays as it is in big endian too.
   */
  private swapUnit(level: Level, tag: number, vr: string, length: number): 1 | 2 | 4 | 8 {
    const { from, to } = this;
    const isGe = isPixelData(tag) && from.pixelByteOrder !== from.byteOrder;
    if (isGe && level.context.bitsAllocated !== 16) {
      throw new ReEncodeError(`The byte order of ${tagName(tag)} is known for 16 bits allocated only.`);
    }
    const isSwapped = isGe ? from.pixelByteOrder !== to.pixelByteOrder : from.byteOrder !== to.byteOrder;
    const unit = valueRepresentation(vr)!.unit;
    if (!isSwapped) return 1;
    if (length % unit === 0) return unit;
    throw new ReEncodeError(`${tagName(tag)} of VR ${vr} has a length of ${length} bytes, no multiple of ${unit}.`);
  }
}

function tooLong(tag: number): ReEncodeError {
  return new ReEncodeError(`${tagName(tag)} goes beyond the end of its sequence or item.`);
}
