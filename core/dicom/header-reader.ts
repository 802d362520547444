// The header of one DICOM file (PS3.10 section 7, and what is found in its stead): file meta, transfer syntax,
// identity, and where every element lies. Pure: it says which bytes it wants next and is given them, so one reader
// serves synchronous reads, many reads in flight, and a byte array in a test. Reading goes in two steps: identity for
// every file (`begin`, `advance`), and all elements only where someone wants the full header (`beginFull`).
import { Buffer } from 'node:buffer';
import { canBeDataSet, encodingAt, findFileStart, syntaxOf } from './data-set-start.ts';
import { vrOfTag } from './dictionary.ts';
import {
  ElementTable,
  type Encoding,
  EXPLICIT_LITTLE,
  IMPLICIT_LITTLE,
  NOT_HELD,
  UNDEFINED_LENGTH,
} from './element-table.ts';
import { ElementWalker, type WalkEnd } from './element-walker.ts';
import { inflateStart } from './inflate-start.ts';
import { Issue } from './issues.ts';
import { type TransferSyntax, transferSyntax } from './transfer-syntaxes.ts';
import { digestValues } from './value-digest.ts';
import { explicitVrFlags, valueRepresentation } from './value-representations.ts';

/** First read of a file, and the least of each further one, in bytes. */
export const FIRST_READ = 16_384;
/** Where the reading of a header is given up: an undelimited sequence may pretend to go on for ever. */
export const MAX_HEADER = 4 * 1024 * 1024;
/** The same, once identity is known and the rest would only tell whether PixelData is whole; and for deflated bytes. */
const MAX_BEHIND_IDENTITY = 256 * 1024;
/** A buffer that one long header has made larger than this is not kept for the next file. */
const MAX_IDLE_BUFFER = 8 * FIRST_READ;
/** Values kept in a full header: a binary one up to this many bytes, a text up to the second, a sequence to the third. */
const HOLD_BINARY = 1024;
const HOLD_TEXT = 64 * 1024;
const HOLD_SEQUENCE = 1024 * 1024;
/** PS3.5 section 9.1. A longer one is marked, and one of more than twice this length is none. */
const MAX_UID = 64;
/** Stands for the unknown length of what a deflated stream still holds. */
const UNKNOWN_BEYOND = 2 ** 40;

const MEDIA_STORAGE_DIRECTORY = '1.2.840.10008.1.3.10';
const DEFLATED_EXPLICIT_LITTLE = '1.2.840.10008.1.2.1.99';
const TAG = {
  fileMetaGroupLength: 0x00020000,
  mediaStorageSOPClassUID: 0x00020002,
  mediaStorageSOPInstanceUID: 0x00020003,
  transferSyntaxUID: 0x00020010,
  behindFileMeta: 0x00030000,
  directoryRecordSequence: 0x00041220,
  SOPClassUID: 0x00080016,
  SOPInstanceUID: 0x00080018,
  SeriesInstanceUID: 0x0020000e,
} as const;

/** Bytes wanted next: `length` bytes from `position` of the file, to be put into `buffer` at `bufferOffset`. */
export interface ReadRequest {
  readonly position: number;
  readonly length: number;
}

/** What a file turned out to be. */
export type HeaderOutcome = 'instance' | 'not-dicom' | 'dicomdir' | 'no-identity';

/** Reads one file at a time; made once and used for many. */
export class HeaderReader {
  /** Where the caller puts the bytes that it was asked for, from `bufferOffset` on. */
  buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_READ);
  bufferOffset = 0;

  outcome: HeaderOutcome = 'not-dicom';
  /** Bits of `Issue`. */
  issues = 0;
  SOPInstanceUID = '';
  SOPClassUID = '';
  SeriesInstanceUID = '';
  /** As declared, or as found out where nothing is declared; '' for a guess that has no UID. */
  TransferSyntaxUID = '';
  /** Digest of the values of `comparedTags`: files of one series whose digests differ disagree with each other. */
  digest = 0;

  readonly meta = new ElementTable();
  readonly elements = new ElementTable();
  encoding: Encoding = EXPLICIT_LITTLE;
  readonly walker: ElementWalker;
  /** The bytes in which `elements` lie: `buffer`, or what was inflated from it. Those of `meta` lie in `buffer`. */
  bytes: Buffer = this.buffer;

  private readonly comparedTags: Uint32Array;
  private state: 'meta' | 'encoding' | 'data-set' | 'done' = 'meta';
  private fileSize = 0;
  /** File position of buffer offset 0, for the segment that is being walked. */
  private base = 0;
  private filled = 0;
  private asked: ReadRequest = { position: 0, length: 0 };
  /** Bytes of the buffer in front of the first gap: up to there, offsets are positions in the file. */
  private firstSegment = 0;
  private metaStart = 0;
  private hasPrefix = false;
  private hasMeta = false;
  private syntax: TransferSyntax | undefined;
  private dataSetStart = 0;
  private deflated = false;
  private deflatedStart = 0;
  private full = false;
  /** Identity was not in front of PixelData, so the elements behind it were looked at. */
  private passedPixelData = false;

  /** @param comparedTags tags (group * 65536 + element), ascending, whose values make `digest`. */
  constructor(comparedTags: Iterable<number>) {
    this.comparedTags = Uint32Array.from(comparedTags);
    this.walker = new ElementWalker({ view: new DataView(this.buffer.buffer), available: 0, beyond: 0 });
  }

  /** Starts on a file of `fileSize` bytes. Returns the first request, or undefined where there is nothing to read. */
  begin(fileSize: number): ReadRequest | undefined {
    this.fileSize = fileSize;
    this.base = 0;
    this.filled = 0;
    this.bufferOffset = 0;
    this.outcome = 'not-dicom';
    this.issues = 0;
    this.SOPInstanceUID = '';
    this.SOPClassUID = '';
    this.SeriesInstanceUID = '';
    this.TransferSyntaxUID = '';
    this.digest = 0;
    this.meta.clear();
    this.elements.clear();
    this.deflated = false;
    this.full = false;
    this.passedPixelData = false;
    this.hasPrefix = false;
    this.hasMeta = false;
    this.syntax = undefined;
    this.firstSegment = Number.MAX_SAFE_INTEGER;
    this.state = 'meta';
    this.walker.reset(0);
    if (this.buffer.length > MAX_IDLE_BUFFER) this.useBuffer(Buffer.allocUnsafeSlow(FIRST_READ));
    else if (this.bytes !== this.buffer) this.useBuffer(this.buffer);
    if (fileSize < 8) return this.done('not-dicom');
    return this.ask(0, Math.min(fileSize, FIRST_READ));
  }

  /** Takes the bytes that were asked for (`bytesRead` of them, 0 at the end of the file). Undefined: done. */
  advance(bytesRead: number): ReadRequest | undefined {
    const { asked } = this;
    this.filled += bytesRead;
    if (bytesRead < asked.length) {
      // A file that is shorter than its listing said ends where reading gives nothing more.
      if (bytesRead > 0) return this.ask(asked.position + bytesRead, asked.length - bytesRead);
      this.fileSize = asked.position;
    }
    if (this.deflated) this.inflate();
    else this.showBuffer();
    if (this.state === 'meta') return this.readMeta();
    return this.state === 'encoding' ? this.startDataSet() : this.readDataSet();
  }

  /**
   * After 'instance': goes on to index every element that a full header keeps. Returns a request where bytes are
   * missing, else undefined: then `elements` is whole.
   */
  beginFull(): ReadRequest | undefined {
    this.full = true;
    this.state = 'data-set';
    this.elements.clear();
    this.walker.reset(this.dataSetStart);
    if (!this.deflated) {
      // Whatever was read behind a gap is read again: offsets in the first segment stay true.
      this.base = 0;
      this.filled = Math.min(this.filled, this.firstSegment);
      this.showBuffer();
    }
    return this.readDataSet();
  }

  /** PS3.10 section 7.1: preamble, prefix, group 0002; each of them may be missing. */
  private readMeta(): ReadRequest | undefined {
    const { buffer, meta, walker } = this;
    const { window } = walker;
    if (meta.count === 0 && walker.position === 0) {
      const start = findFileStart(window);
      if (start === undefined) return this.done('not-dicom');
      this.hasPrefix = start.hasPrefix;
      if (start.hasStrayBytes) this.issues |= Issue.StrayBytes;
      if (start.position + 8 > window.available) return this.done('no-identity');
      this.metaStart = start.position;
      walker.position = start.position;
      if (window.view.getUint16(start.position, true) !== 0x0002) {
        this.issues |= Issue.NoFileMeta;
        return this.beginDataSet(start.position);
      }
      this.hasMeta = true;
    }
    // File meta is explicit VR little endian; implicit occurs all the same.
    const { metaStart } = this;
    const explicit = explicitVrFlags[(buffer[metaStart + 4]! << 8) | buffer[metaStart + 5]!] !== 0;
    const encoding = explicit ? EXPLICIT_LITTLE : IMPLICIT_LITTLE;
    const end = walker.walk(meta, encoding, holdAll, TAG.behindFileMeta);
    let start = walker.position;
    this.TransferSyntaxUID = this.uid(meta, buffer, TAG.transferSyntaxUID);
    this.syntax = transferSyntax(this.TransferSyntaxUID);
    const deflated = this.syntax?.deflated === true;
    // Compressed bytes may look like more of group 0002: there the group length decides, and where the walk is lost.
    const announced = deflated || end === 'garbage' || end === 'truncated' ? this.announcedEnd() : -1;
    if (announced >= 0) {
      start = announced;
      while (meta.count > 0 && meta.ends[meta.count - 1]! > announced) meta.count--;
    } else if (end === 'need-more') {
      return this.askMore() ?? this.done('no-identity');
    }
    if (end === 'truncated' && announced < 0) this.issues |= Issue.Truncated;
    if (end === 'garbage') this.issues |= Issue.StrayBytes;
    if (this.uid(meta, buffer, TAG.mediaStorageSOPClassUID) === MEDIA_STORAGE_DIRECTORY) return this.done('dicomdir');
    return this.beginDataSet(start);
  }

  /** Where the file meta ends by its group length, if that is at hand; else -1. */
  private announcedEnd(): number {
    const { meta, filled } = this;
    const i = meta.indexOf(TAG.fileMetaGroupLength);
    if (i < 0 || meta.lengths[i] !== 4 || meta.offsets[i] === NOT_HELD) return -1;
    const end = meta.ends[i]! + this.buffer.readUInt32LE(meta.offsets[i]!);
    return end <= filled ? end : -1;
  }

  private beginDataSet(start: number): ReadRequest | undefined {
    this.dataSetStart = start;
    this.deflatedStart = start;
    this.state = 'encoding';
    return this.startDataSet();
  }

  /** Decides the encoding from what is declared and what the first element looks like (PS3.5 section 10). */
  private startDataSet(): ReadRequest | undefined {
    const { walker, syntax } = this;
    const { window } = walker;
    const declaredDeflated = syntax?.deflated === true;
    if (!this.deflated && this.filled > this.deflatedStart) {
      if (declaredDeflated) this.deflated = this.inflate();
      else if (this.dataSetStart + 8 <= window.available && !canBeDataSet(window, this.dataSetStart)) {
        this.deflated = this.inflate() && window.available >= 8 && canBeDataSet(window, 0);
      }
      if (this.deflated) this.dataSetStart = 0;
      else if (this.bytes !== this.buffer) this.showBuffer();
    }
    walker.position = this.dataSetStart;
    if (this.dataSetStart + 8 > window.available) {
      if (window.beyond > 0) {
        const request = this.deflated ? this.askMoreDeflated() : this.askMore();
        if (request !== undefined) return request;
      }
      return this.finish(this.dataSetStart < window.available ? 'truncated' : 'complete');
    }
    this.state = 'data-set';
    const found = encodingAt(window, this.dataSetStart, syntax);
    this.encoding = found;
    if (syntax !== undefined) {
      const isLittle = syntax.byteOrder === 'little';
      const differs = isLittle !== found.littleEndian || syntax.explicitVr !== found.explicitVr;
      if (differs || declaredDeflated !== this.deflated) this.issues |= Issue.TransferSyntaxMismatch;
    } else if (this.TransferSyntaxUID === '') {
      this.TransferSyntaxUID = this.deflated ? DEFLATED_EXPLICIT_LITTLE : syntaxOf(found);
    }
    return this.readDataSet();
  }

  private readDataSet(): ReadRequest | undefined {
    const { walker, elements } = this;
    const hold = this.full ? holdFull : this.holdIdentity;
    for (;;) {
      const end = walker.walk(elements, this.encoding, hold);
      if (end === 'need-more') {
        if (!this.full) this.takeIdentity(true);
        const request = this.deflated ? this.askMoreDeflated() : this.askMore();
        if (request !== undefined) return request;
        if (this.full || this.SeriesInstanceUID === '') this.issues |= Issue.HeaderCut;
        return this.finish('complete');
      }
      if (end !== 'pixel-data' || walker.pixelDataEnd < 0 || !this.goesOnBehindPixelData()) return this.finish(end);
      walker.position = walker.pixelDataEnd;
    }
  }

  private goesOnBehindPixelData(): boolean {
    const { elements } = this;
    if (this.full || this.passedPixelData) return this.passedPixelData;
    const isWhole = elements.indexOf(TAG.SOPInstanceUID) >= 0 && elements.indexOf(TAG.SeriesInstanceUID) >= 0;
    this.passedPixelData = !isWhole;
    return !isWhole;
  }

  private finish(end: WalkEnd): undefined {
    const { walker } = this;
    if (end === 'truncated') this.issues |= Issue.Truncated;
    if (end === 'garbage') this.issues |= Issue.StrayBytes;
    if (walker.malformed) this.issues |= Issue.MalformedSequence;
    if (walker.unknownVr) this.issues |= Issue.UnknownVr;
    if (walker.oddLength) this.issues |= Issue.OddLength;
    if (this.full) return this.done('instance');
    this.takeIdentity(false);
    if (this.elements.indexOf(TAG.directoryRecordSequence) >= 0) return this.done('dicomdir');
    if (this.SOPInstanceUID === '' || this.SeriesInstanceUID === '') {
      const isDicom = this.hasMeta || this.hasPrefix || this.elements.indexOf(TAG.SOPClassUID) >= 0;
      return this.done(isDicom ? 'no-identity' : 'not-dicom');
    }
    this.digest = digestValues(this.elements, this.bytes, this.comparedTags);
    return this.done('instance');
  }

  private done(outcome: HeaderOutcome): undefined {
    this.outcome = outcome;
    this.state = 'done';
    return undefined;
  }

  private takeIdentity(soFar: boolean): void {
    const { elements, meta, bytes, buffer } = this;
    if (soFar && elements.indexOf(TAG.SeriesInstanceUID) < 0) return;
    this.SOPInstanceUID = this.uid(elements, bytes, TAG.SOPInstanceUID);
    this.SOPClassUID = this.uid(elements, bytes, TAG.SOPClassUID);
    this.SeriesInstanceUID = this.uid(elements, bytes, TAG.SeriesInstanceUID);
    if (soFar) return;
    const declared = this.uid(meta, buffer, TAG.mediaStorageSOPInstanceUID);
    if (declared !== '' && declared !== this.SOPInstanceUID) {
      this.issues |= Issue.FileMetaMismatch;
      if (this.SOPInstanceUID === '') this.SOPInstanceUID = declared;
    }
    if (this.SOPClassUID === '') this.SOPClassUID = this.uid(meta, buffer, TAG.mediaStorageSOPClassUID);
  }

  /** A UID as latin1, up to its first NUL, without blanks around it. */
  private uid(table: ElementTable, bytes: Buffer, tag: number): string {
    const i = table.indexOf(tag);
    if (i < 0 || table.offsets[i] === NOT_HELD || table.lengths[i] === UNDEFINED_LENGTH) return '';
    let start = table.offsets[i]!;
    let end = start + table.lengths[i]!;
    while (start < end && bytes[start] === 0x20) start++;
    let at = start;
    while (at < end && ((bytes[at]! >= 0x30 && bytes[at]! <= 0x39) || bytes[at] === 0x2e)) at++;
    if (at < end && bytes[at] !== 0 && bytes[at] !== 0x20) this.issues |= Issue.MalformedUid;
    while (at < end && bytes[at] !== 0) at++;
    end = at;
    while (end > start && bytes[end - 1] === 0x20) end--;
    if (end - start > MAX_UID) this.issues |= Issue.MalformedUid;
    return end - start > 2 * MAX_UID ? '' : bytes.latin1Slice(start, end);
  }

  private readonly holdIdentity = (tag: number): number =>
    tag === TAG.SOPInstanceUID ||
    tag === TAG.SOPClassUID ||
    tag === TAG.SeriesInstanceUID ||
    this.comparedTags.includes(tag)
      ? HOLD_TEXT
      : 0;

  private ask(position: number, length: number): ReadRequest {
    const wanted = this.filled + length;
    if (wanted > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.buffer.length * 2));
      this.buffer.copy(larger, 0, 0, this.filled);
      this.useBuffer(larger);
    }
    this.bufferOffset = this.filled;
    this.asked = { position, length };
    return this.asked;
  }

  private useBuffer(buffer: Buffer): void {
    this.buffer = buffer;
    if (this.deflated) return;
    this.bytes = buffer;
    this.walker.window.view = new DataView(buffer.buffer);
  }

  /** Lets the walker see what of the file is in the buffer. */
  private showBuffer(): void {
    const { window } = this.walker;
    if (this.bytes !== this.buffer) this.useBuffer(this.buffer);
    window.available = this.filled;
    window.beyond = this.fileSize - (this.base + this.filled);
  }

  /** More bytes from where the walk stands; undefined where the header is longer than is read of one. */
  private askMore(): ReadRequest | undefined {
    const { walker, fileSize } = this;
    const limit = this.full || this.SeriesInstanceUID === '' ? MAX_HEADER : MAX_BEHIND_IDENTITY;
    const held = this.filled - walker.position;
    if (this.filled + Math.max(held, 0) > limit) return undefined;
    if (held < 0) {
      // A long value was stepped over: the next segment starts behind it, right after what is held.
      const position = this.base + walker.position;
      this.firstSegment = Math.min(this.firstSegment, this.filled);
      this.base = position - this.filled;
      walker.position = this.filled;
      return this.ask(position, Math.min(FIRST_READ, fileSize - position));
    }
    const next = this.base + this.filled;
    return this.ask(next, Math.min(Math.max(FIRST_READ, held), fileSize - next));
  }

  /** More of a deflated stream, which then is inflated and walked anew. */
  private askMoreDeflated(): ReadRequest | undefined {
    const { filled, fileSize } = this;
    if (filled >= fileSize || filled > MAX_BEHIND_IDENTITY) return undefined;
    return this.ask(filled, Math.min(filled, fileSize - filled));
  }

  /** Shows the walker the start of the data set as inflated from what is at hand. False: it is not deflated. */
  private inflate(): boolean {
    const inflated = inflateStart(this.buffer.subarray(this.deflatedStart, this.filled));
    if (inflated === undefined) return false;
    const { bytes, whole } = inflated;
    this.bytes = bytes;
    const { window } = this.walker;
    window.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    window.available = bytes.length;
    window.beyond = whole && this.filled >= this.fileSize ? 0 : UNKNOWN_BEYOND;
    this.elements.clear();
    this.walker.reset(0);
    return true;
  }
}

function holdAll(): number {
  return MAX_HEADER;
}

function holdFull(tag: number, vr: number): number {
  const name = vr === 0 ? vrOfTag(tag) : String.fromCharCode(vr >>> 8, vr & 255);
  if (name === 'SQ') return HOLD_SEQUENCE;
  const kind = valueRepresentation(name)?.kind;
  return kind === 'text' || kind === 'plain' || kind === 'sequence' ? HOLD_TEXT : HOLD_BINARY;
}
