// The header of one DICOM file (PS3.10 section 7, and what is found in its stead): file meta, transfer syntax,
// identity, and where every element lies. Pure: it says which bytes it wants next and is given them, so one reader
// serves synchronous reads, many reads in flight, and a byte array in a test. Reading goes in two steps: identity for
// every file (`begin`, `advance`), and all elements only where someone wants the full header (`beginFull`).
import type { Buffer } from 'node:buffer';
import { canBeDataSet, encodingAt, findFileStart, syntaxOf } from './data-set-start.ts';
import { vrOfTag } from './dictionary.ts';
import {
  ElementTable,
  type Encoding,
  EXPLICIT_LITTLE,
  IMPLICIT_LITTLE,
  NOT_HELD,
  UNDEFINED_LENGTH,
  VR_UN,
} from './element-table.ts';
import { EVERY_TAG, NO_TAG, type WalkEnd } from './element-walker.ts';
import { FIRST_READ, HeaderBytes, MAX_BEHIND_IDENTITY, MAX_HEADER, type ReadRequest } from './header-bytes.ts';
import { Issue } from './issues.ts';
import { foreignSyntax, isForeignSyntax, type TransferSyntax, transferSyntax } from './transfer-syntaxes.ts';
import { digestValues } from './value-digest.ts';
import { explicitVrFlags, valueRepresentation } from './value-representations.ts';

/** Values kept in a full header: a binary one up to this many bytes, a text up to the second, a sequence to the third. */
const HOLD_BINARY = 1024;
const HOLD_TEXT = 64 * 1024;
const HOLD_SEQUENCE = 1024 * 1024;
/** PS3.5 section 9.1. A longer one is marked, and one of more than twice this length is none. */
const MAX_UID = 64;
const FILE_META_GROUP = 0x0002;
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

export type { ReadRequest };

/** What a file turned out to be. */
export type HeaderOutcome = 'instance' | 'not-dicom' | 'dicomdir' | 'no-identity';

/** Reads one file at a time; made once and used for many. */
export class HeaderReader extends HeaderBytes {
  outcome: HeaderOutcome = 'not-dicom';
  /** Bits of `Issue`: of the reading for identity, and after `beginFull` those of the full header too. */
  issues = 0;
  /** Those of the reading for identity alone: the same whether or not the full header was read. */
  identityIssues = 0;
  SOPInstanceUID = '';
  SOPClassUID = '';
  SeriesInstanceUID = '';
  /** As declared, or as found out where nothing is declared; '' for a guess that has no UID. */
  TransferSyntaxUID = '';
  /** Digest of the values of `comparedTags`: files of one series whose digests differ disagree with each other. */
  digest = 0;

  readonly meta = new ElementTable();
  encoding: Encoding = EXPLICIT_LITTLE;
  private readonly comparedTags: Uint32Array;
  /** What the reading for identity looks at. */
  private readonly identityTags: Uint32Array;
  private state: 'meta' | 'encoding' | 'data-set' | 'done' = 'meta';
  private metaStart = 0;
  private hasPrefix = false;
  private hasMeta = false;
  private syntax: TransferSyntax | undefined;
  private dataSetStart = 0;
  private full = false;
  /** Identity was not in front of PixelData, so the elements behind it were looked at. */
  private passedPixelData = false;
  /** What has been read ends at PixelData. */
  isAtPixelData = false;

  /** @param comparedTags tags (group * 65536 + element), ascending, whose values make `digest`. */
  constructor(comparedTags: Iterable<number>) {
    super();
    this.comparedTags = Uint32Array.from(comparedTags);
    const { SOPClassUID, SOPInstanceUID, SeriesInstanceUID, directoryRecordSequence } = TAG;
    const identity = [SOPClassUID, SOPInstanceUID, SeriesInstanceUID, directoryRecordSequence];
    this.identityTags = Uint32Array.from(new Set([...identity, ...this.comparedTags, NO_TAG])).sort();
  }

  /** Is it one of `comparedTags`? */
  compares(tag: number): boolean {
    return this.comparedTags.includes(tag);
  }

  /** Where the data set starts in the file. */
  get dataSetPosition(): number {
    return this.deflatedStart;
  }

  /** Where in the file the fragments of PixelData begin (PS3.5 section A.4), once the reading has ended there; else -1. */
  get fragmentsPosition(): number {
    return this.isAtPixelData && !this.deflated && this.walker.fragments >= 0 ? this.base + this.walker.fragments : -1;
  }

  /** Where in the file the value of native PixelData ends, once the reading has ended there; else -1. */
  get pixelDataEnd(): number {
    const { pixelDataEnd: end } = this.walker;
    return this.isAtPixelData && !this.deflated && end >= 0 ? this.base + end : -1;
  }

  /** The transfer syntax in which the data set really is, whatever is declared; undefined where that is none of DICOM's. */
  get actualSyntax(): TransferSyntax | undefined {
    const declared = transferSyntax(this.TransferSyntaxUID);
    if (declared !== undefined && (this.issues & Issue.TransferSyntaxMismatch) === 0) return declared;
    // Compressed pixel data are in no other syntax than the declared one, and the data set is not in that.
    if (declared?.encapsulated === true) return undefined;
    const found = { ...this.encoding, deflated: this.deflated };
    // Of a private syntax only its maker knows what it does to the pixels: no other name says the same.
    if (declared === undefined && isForeignSyntax(this.TransferSyntaxUID))
      return foreignSyntax(this.TransferSyntaxUID, found);
    return transferSyntax(this.deflated ? DEFLATED_EXPLICIT_LITTLE : syntaxOf(this.encoding));
  }

  /** Starts on a file of `fileSize` bytes. Returns the first request, or undefined where there is nothing to read. */
  begin(fileSize: number): ReadRequest | undefined {
    this.restart(fileSize);
    this.outcome = 'not-dicom';
    this.issues = 0;
    this.SOPInstanceUID = '';
    this.SOPClassUID = '';
    this.SeriesInstanceUID = '';
    this.TransferSyntaxUID = '';
    this.digest = 0;
    this.meta.clear();
    this.full = false;
    this.passedPixelData = false;
    this.isAtPixelData = false;
    this.hasPrefix = false;
    this.hasMeta = false;
    this.syntax = undefined;
    this.state = 'meta';
    if (fileSize < 8) return this.done('not-dicom');
    return this.ask(0, Math.min(fileSize, FIRST_READ));
  }

  /** Takes the bytes that were asked for (`bytesRead` of them, 0 at the end of the file). Undefined: done. */
  advance(bytesRead: number): ReadRequest | undefined {
    const rest = this.take(bytesRead);
    if (rest !== undefined) return rest;
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
    this.returnToStart();
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
    let start = this.endOfMeta(walker.position);
    this.TransferSyntaxUID = this.uid(meta, buffer, TAG.transferSyntaxUID);
    this.syntax = transferSyntax(this.TransferSyntaxUID);
    const deflated = this.syntax?.deflated === true;
    // Compressed bytes may look like more of group 0002: there the group length decides, and where the walk is lost.
    const isLost = end === 'garbage' || end === 'truncated';
    const byLength = this.announcedEnd();
    const isWrong = end === 'complete' && !deflated && this.goesOnAt(byLength, start);
    const announced = deflated || isLost || isWrong ? byLength : -1;
    if (announced >= 0) {
      start = announced;
      while (meta.count > 0 && meta.ends[meta.count - 1]! > announced) meta.count--;
    } else if (end === 'need-more') {
      return this.askMore(this.limit()) ?? this.done('no-identity');
    }
    if (end === 'truncated' && announced < 0) this.issues |= Issue.Truncated;
    if (end === 'garbage' || isWrong) this.issues |= Issue.StrayBytes;
    if (this.uid(meta, buffer, TAG.mediaStorageSOPClassUID) === MEDIA_STORAGE_DIRECTORY) return this.done('dicomdir');
    return this.beginDataSet(start);
  }

  /** Elements of group 0001, which has no place in a data set and is there all the same, are none of the file meta. */
  private endOfMeta(walked: number): number {
    const { meta } = this;
    for (let i = 0; i < meta.count; i++) {
      if (meta.tags[i]! >>> 16 === FILE_META_GROUP) continue;
      meta.count = i;
      return i === 0 ? this.metaStart : meta.ends[i - 1]!;
    }
    return walked;
  }

  /** Where the file meta ends by its group length, if that is at hand; else -1. */
  private announcedEnd(): number {
    const { meta, filled } = this;
    const i = meta.indexOf(TAG.fileMetaGroupLength);
    if (i < 0 || meta.lengths[i] !== 4 || meta.offsets[i] === NOT_HELD) return -1;
    const end = meta.ends[i]! + this.buffer.readUInt32LE(meta.offsets[i]!);
    return end <= filled ? end : -1;
  }

  /**
   * Whether the data set begins where the group length says and not where the walk ended: a wrong length of an element has
   * taken the start of the data set with it, or has led astray. A group length that is wrong leads to no data set.
   */
  private goesOnAt(announced: number, walked: number): boolean {
    const { window } = this.walker;
    if (announced < 0 || announced === walked || announced + 8 > window.available) return false;
    const { view } = window;
    const group = Math.min(view.getUint16(announced, true), view.getUint16(announced, false));
    if (group <= FILE_META_GROUP || !canBeDataSet(window, announced)) return false;
    return announced < walked || !(walked + 8 <= window.available && canBeDataSet(window, walked));
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
      else this.showBuffer();
    }
    walker.position = this.dataSetStart;
    if (this.dataSetStart + 8 > window.available) {
      if (window.beyond > 0) {
        const request = this.askMore(this.limit());
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
    const [hold, wanted] = this.full ? [holdFull, EVERY_TAG] : [this.holdIdentity, this.identityTags];
    for (;;) {
      const end = walker.walk(elements, this.encoding, hold, NO_TAG, wanted);
      if (end === 'need-more') {
        if (!this.full) this.takeIdentity(true);
        const request = this.askMore(this.limit());
        if (request !== undefined) return request;
        if (this.full || this.SeriesInstanceUID === '') this.issues |= Issue.HeaderCut;
        return this.finish('complete');
      }
      if (end !== 'pixel-data' || walker.pixelDataEnd < 0 || !this.goesOnBehindPixelData()) return this.finish(end);
      walker.position = walker.pixelDataEnd;
    }
  }

  /** How many bytes of the file may be held before the header is given up. */
  private limit(): number {
    return this.full || this.SeriesInstanceUID === '' ? MAX_HEADER : MAX_BEHIND_IDENTITY;
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
    this.isAtPixelData = end === 'pixel-data';
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
    this.identityIssues = this.issues;
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

  /** A UID as latin1, without blanks and NULs around it; behind a NUL nothing counts. */
  private uid(table: ElementTable, bytes: Buffer, tag: number): string {
    const i = table.indexOf(tag);
    if (i < 0 || table.offsets[i] === NOT_HELD || table.lengths[i] === UNDEFINED_LENGTH) return '';
    let start = table.offsets[i]!;
    let end = start + table.lengths[i]!;
    if (this.isLostInZeros(bytes, end)) return '';
    while (start < end && (bytes[start] === 0x20 || bytes[start] === 0)) start++;
    let at = start;
    while (at < end && ((bytes[at]! >= 0x30 && bytes[at]! <= 0x39) || bytes[at] === 0x2e)) at++;
    if (at < end && bytes[at] !== 0 && bytes[at] !== 0x20) this.issues |= Issue.MalformedUid;
    while (at < end && bytes[at] !== 0) at++;
    end = at;
    while (end > start && bytes[end - 1] === 0x20) end--;
    if (end - start > MAX_UID) this.issues |= Issue.MalformedUid;
    return end - start > 2 * MAX_UID ? '' : bytes.toString('latin1', start, end);
  }

  /** Is it the last one of a file that goes on with zeros, and more of them than pad a value? Then it was cut off in it. */
  private isLostInZeros(bytes: Buffer, end: number): boolean {
    const { position, window } = this.walker;
    if (end !== position || position >= window.available || bytes[end - 1] !== 0 || bytes[end - 2] !== 0) return false;
    // No element has the tag of zeros: behind file meta, in front of PixelData and where more is wanted others stand.
    return bytes.subarray(position, Math.min(position + 4, window.available)).every((byte) => byte === 0);
  }

  private readonly holdIdentity = (tag: number): number => (this.identityTags.includes(tag) ? HOLD_TEXT : 0);
}

function holdAll(): number {
  return Number.POSITIVE_INFINITY;
}

function holdFull(tag: number, vr: number, isItem: boolean | undefined): number {
  // UN is what the dictionary says, if it knows (PS3.5 section 6.2.2); else what the value shows.
  const name = vr === 0 || vr === VR_UN ? vrOfTag(tag) : String.fromCharCode(vr >>> 8, vr & 255);
  if (name === 'SQ') return HOLD_SEQUENCE;
  if (name === 'UN') return isItem === false ? HOLD_TEXT : HOLD_SEQUENCE;
  const kind = valueRepresentation(name)?.kind;
  return kind === 'text' || kind === 'plain' || kind === 'sequence' ? HOLD_TEXT : HOLD_BINARY;
}
