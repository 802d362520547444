// The header of one DICOM file (PS3.10 section 7, and what is found in its stead): file meta, transfer syntax,
// identity, and where every element lies. Pure: it says which bytes it wants next and is given them, so one reader
// serves synchronous reads, many reads in flight, and a byte array in a test. Reading goes in two steps: identity for
// every file (`begin`, `advance`), and all elements only where someone wants the full header (`beginFull`).
import { Buffer } from 'node:buffer';
import zlib from 'node:zlib';
import { vrOfTag } from './dictionary.ts';
import {
  ElementTable,
  ElementWalker,
  type Encoding,
  EXPLICIT_BIG,
  EXPLICIT_LITTLE,
  IMPLICIT_LITTLE,
  NOT_HELD,
  tagAt,
  UNDEFINED_LENGTH,
  type WalkEnd,
} from './element-table.ts';
import { Issue } from './issues.ts';
import { transferSyntax } from './transfer-syntaxes.ts';
import { explicitVrFlags, valueRepresentation } from './value-representations.ts';

/** First read of a file, and the least of each further one, in bytes. */
export const FIRST_READ = 16_384;
/** Where the reading of a header is given up: an undelimited sequence may pretend to go on for ever. */
const MAX_HEADER = 4 * 1024 * 1024;
/** The same, once identity is known and the rest would only tell whether PixelData is whole. */
const MAX_BEHIND_IDENTITY = 256 * 1024;
/** Most that a deflated data set may grow to in memory. */
const MAX_INFLATED = 64 * 1024 * 1024;
/** Values kept in a full header: a binary one up to this many bytes, a text up to the second, a sequence to the third. */
const HOLD_BINARY = 1024;
const HOLD_TEXT = 64 * 1024;
const HOLD_SEQUENCE = 1024 * 1024;

const MEDIA_STORAGE_DIRECTORY = '1.2.840.10008.1.3.10';
const TAG = {
  fileMetaGroupLength: 0x00020000,
  mediaStorageSOPClassUID: 0x00020002,
  mediaStorageSOPInstanceUID: 0x00020003,
  transferSyntaxUID: 0x00020010,
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
  /** As declared, or as found out where nothing is declared; '' for a big endian or unknown guess that has no UID. */
  TransferSyntaxUID = '';
  /** Digest of the values of `comparedTags`: files of one series whose digests differ disagree with each other. */
  digest = 0;

  readonly meta = new ElementTable();
  readonly elements = new ElementTable();
  encoding: Encoding = EXPLICIT_LITTLE;
  readonly walker: ElementWalker;

  private readonly comparedTags: Uint32Array;
  private fileSize = 0;
  /** File position of buffer offset 0, for the segment that is being walked. */
  private base = 0;
  private filled = 0;
  private asked = 0;
  private firstSegment = 0;
  private dataSetStart = 0;
  /** The bytes in which `elements` lie: `buffer`, or what was inflated from it. */
  bytes: Buffer = this.buffer;
  private deflated = false;
  private deflatedStart = 0;
  private full = false;
  private state: 'meta' | 'encoding' | 'data-set' | 'done' = 'meta';
  private metaEnd = 0;
  private hasMeta = false;

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
    if (this.deflated) {
      this.deflated = false;
      this.useBuffer(this.buffer);
    }
    this.full = false;
    this.hasMeta = false;
    this.state = 'meta';
    this.walker.reset(0);
    if (fileSize < 8) return undefined;
    return this.ask(0, Math.min(fileSize, FIRST_READ));
  }

  /** Takes the bytes that were asked for (`bytesRead` of them, 0 at the end of the file). Undefined: done. */
  advance(bytesRead: number): ReadRequest | undefined {
    this.filled += bytesRead;
    // A file that is shorter than its listing said ends where reading ended.
    if (bytesRead < this.asked) this.fileSize = this.base + this.filled;
    if (this.deflated) {
      if (!this.inflate()) return this.finish('truncated');
      this.elements.clear();
      this.walker.reset(0);
      return this.readDataSet();
    }
    const { window } = this.walker;
    window.available = this.filled;
    window.beyond = this.fileSize - (this.base + this.filled);
    if (this.state === 'data-set') return this.readDataSet();
    const request = this.state === 'meta' ? this.readMeta() : this.chooseEncoding();
    return request ?? (this.isInDataSet() ? this.readDataSet() : undefined);
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
      const { window } = this.walker;
      window.available = this.filled;
      window.beyond = this.fileSize - this.filled;
    }
    return this.readDataSet();
  }

  /** The bytes from `start` to `end` of the buffer as latin1, without trailing NULs and spaces. */
  private uid(table: ElementTable, tag: number): string {
    const buffer = table === this.meta ? this.buffer : this.bytes;
    const i = table.indexOf(tag);
    if (i < 0 || table.offsets[i] === NOT_HELD) return '';
    let start = table.offsets[i]!;
    let end = start + table.lengths[i]!;
    if (table.lengths[i] === UNDEFINED_LENGTH) return '';
    while (end > start && (buffer[end - 1] === 0 || buffer[end - 1] === 0x20)) end--;
    while (start < end && buffer[start] === 0x20) start++;
    const text = buffer.toString('latin1', start, end);
    if (end - start > 64 || !isUid(buffer, start, end)) this.issues |= Issue.MalformedUid;
    return text;
  }

  private isInDataSet(): boolean {
    return this.state === 'data-set';
  }

  private ask(position: number, length: number): ReadRequest {
    this.asked = length;
    const wanted = this.filled + length;
    if (wanted > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.buffer.length * 2));
      this.buffer.copy(larger, 0, 0, this.filled);
      this.useBuffer(larger);
    } else if (this.filled === 0 && this.buffer.length > 8 * FIRST_READ) {
      this.useBuffer(Buffer.allocUnsafeSlow(FIRST_READ));
    }
    this.bufferOffset = this.filled;
    return { position, length };
  }

  private useBuffer(buffer: Buffer): void {
    this.buffer = buffer;
    if (this.deflated) return;
    this.bytes = buffer;
    this.walker.window.view = new DataView(buffer.buffer);
  }

  /** More bytes from where the walk stands; undefined where the header is longer than is read of one. */
  private askMore(): ReadRequest | undefined {
    const { walker } = this;
    const position = this.base + walker.position;
    if (walker.position > this.filled) {
      // A long value was stepped over: the next segment starts behind it, right after what is held.
      this.firstSegment = Math.min(this.firstSegment, this.filled);
      this.base = position - this.filled;
      walker.position = this.filled;
      return this.ask(position, Math.min(FIRST_READ, this.fileSize - position));
    }
    const held = this.filled - walker.position;
    const limit = this.full || this.SeriesInstanceUID === '' ? MAX_HEADER : MAX_BEHIND_IDENTITY;
    if (this.filled + held > limit || this.filled > limit) return undefined;
    const next = this.base + this.filled;
    return this.ask(next, Math.min(Math.max(FIRST_READ, held), this.fileSize - next));
  }

  private done(outcome: HeaderOutcome): undefined {
    this.outcome = outcome;
    this.state = 'done';
    return undefined;
  }

  /** PS3.10 section 7.1: preamble, prefix, group 0002; each of them may be missing. */
  private readMeta(): ReadRequest | undefined {
    const { buffer, filled, meta, walker } = this;
    if (meta.count === 0) {
      const start = this.findStart();
      if (start < 0) return this.done('not-dicom');
      walker.reset(start);
      if (this.walker.window.view.getUint16(start, true) !== 0x0002) {
        this.issues |= Issue.NoFileMeta;
        return this.startDataSet(start, '');
      }
    }
    this.hasMeta = true;
    // File meta is explicit VR little endian; implicit occurs all the same.
    const at = meta.count === 0 ? walker.position : this.metaEnd;
    const explicit = explicitVrFlags[(buffer[at + 4]! << 8) | buffer[at + 5]!] !== 0;
    this.metaEnd = at;
    const end = walker.walk(meta, explicit ? EXPLICIT_LITTLE : IMPLICIT_LITTLE, Number.POSITIVE_INFINITY, all, 0x00030000);
    if (end === 'need-more') return this.askMore() ?? this.done('not-dicom');
    let start = walker.position;
    const syntaxUid = this.uid(meta, TAG.transferSyntaxUID);
    const syntax = transferSyntax(syntaxUid);
    if (syntax?.deflated === true) {
      // Compressed bytes may look like more of group 0002: here the group length decides, where there is one.
      const i = meta.indexOf(TAG.fileMetaGroupLength);
      if (i >= 0 && meta.lengths[i] === 4) {
        const announced = meta.ends[i]! + buffer.readUInt32LE(meta.offsets[i]!);
        if (announced <= filled) start = announced;
      }
    }
    if (end === 'truncated' && syntax?.deflated !== true) this.issues |= Issue.Truncated;
    if (this.uid(meta, TAG.mediaStorageSOPClassUID) === MEDIA_STORAGE_DIRECTORY) return this.done('dicomdir');
    return this.startDataSet(start, syntaxUid);
  }

  /** Offset of the first element (of file meta or data set), or -1 where the bytes are not DICOM's. */
  private findStart(): number {
    const { buffer, filled } = this;
    if (filled >= 140 && buffer.readUInt32BE(128) === 0x4449434d) {
      this.hasMeta = true;
      return 132;
    }
    if (buffer.readUInt32BE(0) === 0x4449434d && filled >= 12) return 4;
    if (this.isLikelyElement(0)) return 0;
    if (filled >= 136 && this.isLikelyElement(128)) return 128;
    return -1;
  }

  /** Does an element of one of the groups with which a file may start stand here? For files without the prefix. */
  private isLikelyElement(at: number): boolean {
    const { view, available, beyond } = this.walker.window;
    if (at + 8 > available) return false;
    const little = view.getUint16(at, true);
    const big = view.getUint16(at, false);
    const littleEndian = little <= big;
    const group = littleEndian ? little : big;
    if (group !== 0x0002 && group !== 0x0004 && group !== 0x0008) return false;
    const known = explicitVrFlags[view.getUint16(at + 4, false)] !== 0;
    if (known) return true;
    const length = view.getUint32(at + 4, littleEndian);
    return length < 1024 && at + 8 + length <= available + beyond;
  }

  /** Decides the encoding from what is declared and what the first element looks like (PS3.5 section 10). */
  private startDataSet(start: number, declaredUid: string): ReadRequest | undefined {
    const declared = transferSyntax(declaredUid);
    this.TransferSyntaxUID = declaredUid;
    this.dataSetStart = start;
    this.firstSegment = Number.MAX_SAFE_INTEGER;
    if (declared?.deflated === true) {
      this.deflatedStart = start;
      this.deflated = this.inflate();
      if (this.deflated) this.dataSetStart = 0;
      else this.issues |= Issue.TransferSyntaxMismatch;
    }
    return this.chooseEncoding();
  }

  private chooseEncoding(): ReadRequest | undefined {
    const { walker, dataSetStart } = this;
    walker.position = dataSetStart;
    this.state = 'data-set';
    if (dataSetStart + 8 > walker.window.available) {
      this.encoding = EXPLICIT_LITTLE;
      if (walker.window.beyond === 0) return undefined;
      this.state = 'encoding';
      return this.deflated ? this.askMoreDeflated() : this.askMore();
    }
    const declared = transferSyntax(this.TransferSyntaxUID);
    const found = this.encodingAt(dataSetStart, declared);
    this.encoding = found;
    if (declared !== undefined) {
      const littleEndian = declared.byteOrder === 'little';
      if (littleEndian !== found.littleEndian || declared.explicitVr !== found.explicitVr) {
        this.issues |= Issue.TransferSyntaxMismatch;
      }
    } else if (this.TransferSyntaxUID === '') {
      this.TransferSyntaxUID = found.littleEndian
        ? found.explicitVr
          ? '1.2.840.10008.1.2.1'
          : '1.2.840.10008.1.2'
        : '1.2.840.10008.1.2.2';
    }
    return undefined;
  }

  private encodingAt(at: number, declared: ReturnType<typeof transferSyntax>): Encoding {
    const { view, available, beyond } = this.walker.window;
    const littleEndian = view.getUint16(at, true) <= view.getUint16(at, false);
    const flags = explicitVrFlags[view.getUint16(at + 4, false)]!;
    const implicitLength = view.getUint32(at + 4, littleEndian);
    const implicitFits = implicitLength === UNDEFINED_LENGTH || at + 8 + implicitLength <= available + beyond;
    let explicitVr = flags !== 0;
    if (flags !== 0 && declared?.explicitVr === false && implicitFits) {
      // Two letters of a VR may also be the low half of an implicit length: see which reading leads to an element.
      const tag = tagAt(view, at, littleEndian);
      const next = at + 8 + implicitLength;
      explicitVr = !(next + 8 <= available && tagAt(view, next, littleEndian) > tag);
    }
    if (flags === 0 && declared?.explicitVr === true) explicitVr = !implicitFits;
    if (explicitVr) return littleEndian ? EXPLICIT_LITTLE : EXPLICIT_BIG;
    return littleEndian ? IMPLICIT_LITTLE : { littleEndian: false, explicitVr: false };
  }

  /** PS3.5 section A.5: the data set behind the file meta is one raw deflate stream. False: it is not deflated. */
  private inflate(): boolean {
    let inflated: Buffer;
    try {
      inflated = zlib.inflateRawSync(this.buffer.subarray(this.deflatedStart, this.filled), {
        finishFlush: zlib.constants.Z_SYNC_FLUSH,
        maxOutputLength: MAX_INFLATED,
      });
    } catch {
      return false;
    }
    if (inflated.length === 0) return false;
    this.bytes = inflated;
    const { window } = this.walker;
    window.view = new DataView(inflated.buffer, inflated.byteOffset, inflated.length);
    window.available = inflated.length;
    window.beyond = this.filled >= this.fileSize ? 0 : Number.MAX_SAFE_INTEGER;
    return true;
  }

  private readDataSet(): ReadRequest | undefined {
    const { walker, elements } = this;
    const hold = this.full ? this.holdFull : this.holdIdentity;
    const end = walker.walk(elements, this.encoding, Number.POSITIVE_INFINITY, hold);
    if (end !== 'need-more') return this.finish(end);
    if (!this.full) this.takeIdentity(true);
    const request = this.deflated ? this.askMoreDeflated() : this.askMore();
    if (request === undefined && (this.full || this.SeriesInstanceUID === '')) this.issues |= Issue.HeaderCut;
    return request ?? this.finish('complete');
  }

  private askMoreDeflated(): ReadRequest | undefined {
    if (this.filled >= this.fileSize || this.filled > MAX_BEHIND_IDENTITY) return undefined;
    return this.ask(this.filled, Math.min(this.filled, this.fileSize - this.filled));
  }

  private readonly holdIdentity = (tag: number): number =>
    tag === TAG.SOPInstanceUID || tag === TAG.SOPClassUID || tag === TAG.SeriesInstanceUID || this.isCompared(tag)
      ? HOLD_TEXT
      : 0;

  private readonly holdFull = (tag: number, vr: number): number => {
    const name = vr === 0 ? vrOfTag(tag) : String.fromCharCode(vr >>> 8, vr & 255);
    if (name === 'SQ') return HOLD_SEQUENCE;
    const kind = valueRepresentation(name)?.kind;
    return kind === 'bytes' || kind === 'number' || kind === 'tag' || kind === undefined ? HOLD_BINARY : HOLD_TEXT;
  };

  private isCompared(tag: number): boolean {
    return this.comparedTags.includes(tag);
  }

  private finish(end: WalkEnd): undefined {
    const { walker } = this;
    if (end === 'truncated') this.issues |= Issue.Truncated;
    if (end === 'garbage') this.issues |= Issue.Truncated;
    if (walker.malformed) this.issues |= Issue.MalformedSequence;
    if (walker.unknownVr) this.issues |= Issue.UnknownVr;
    if (walker.oddLength) this.issues |= Issue.OddLength;
    if (this.full) return this.done('instance');
    this.takeIdentity(false);
    if (this.elements.indexOf(TAG.directoryRecordSequence) >= 0) return this.done('dicomdir');
    if (this.SOPInstanceUID === '' || this.SeriesInstanceUID === '') {
      const sure = this.hasMeta || this.elements.indexOf(TAG.SOPClassUID) >= 0;
      return this.done(sure && this.elements.count > 0 ? 'no-identity' : this.hasMeta ? 'no-identity' : 'not-dicom');
    }
    this.digest = this.digestOf();
    return this.done('instance');
  }

  private takeIdentity(soFar: boolean): void {
    const { elements, meta } = this;
    if (soFar && elements.indexOf(TAG.SeriesInstanceUID) < 0) return;
    this.SOPInstanceUID = this.uid(elements, TAG.SOPInstanceUID);
    this.SOPClassUID = this.uid(elements, TAG.SOPClassUID);
    this.SeriesInstanceUID = this.uid(elements, TAG.SeriesInstanceUID);
    if (soFar) return;
    const declared = this.uid(meta, TAG.mediaStorageSOPInstanceUID);
    if (declared !== '' && declared !== this.SOPInstanceUID) {
      this.issues |= Issue.FileMetaMismatch;
      if (this.SOPInstanceUID === '') this.SOPInstanceUID = declared;
    }
    if (this.SOPClassUID === '') this.SOPClassUID = this.uid(meta, TAG.mediaStorageSOPClassUID);
  }

  /** FNV-1a over tag and value bytes of the compared tags, 32 bit. */
  private digestOf(): number {
    const { elements, bytes: buffer, comparedTags } = this;
    let hash = 0x811c9dc5;
    let i = 0;
    for (const tag of comparedTags) {
      if (elements.ordered) {
        while (i < elements.count && elements.tags[i]! < tag) i++;
        if (i >= elements.count) break;
        if (elements.tags[i] !== tag) continue;
      } else {
        i = elements.indexOf(tag);
        if (i < 0) continue;
      }
      const start = elements.offsets[i]!;
      if (start === NOT_HELD || elements.lengths[i] === UNDEFINED_LENGTH) continue;
      let end = start + elements.lengths[i]!;
      while (end > start && (buffer[end - 1] === 0x20 || buffer[end - 1] === 0)) end--;
      if (end === start) continue;
      hash = Math.imul(hash ^ (tag >>> 16), 0x01000193);
      hash = Math.imul(hash ^ (tag & 0xffff), 0x01000193);
      for (let at = start; at < end; at++) hash = Math.imul(hash ^ buffer[at]!, 0x01000193);
    }
    return hash >>> 0;
  }
}

function all(): number {
  return MAX_HEADER;
}

/** PS3.5 section 9.1: digits and full stops. */
function isUid(buffer: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = buffer[i]!;
    if ((byte < 0x30 || byte > 0x39) && byte !== 0x2e) return false;
  }
  return true;
}
