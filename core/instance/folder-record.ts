// The record of one folder chunk: its files with size, time, identity and series, as one compressed value. It is
// the ledger that tells what changed, the list of files of a series, and the only place where instances are kept:
// some 20 bytes each. Column by column, each value against the one before it, then zstd.
import { Buffer } from 'node:buffer';
import zlib from 'node:zlib';
import { SKIP_REASONS, type SkipReason } from './skipped.ts';

/** What several files of a chunk have in common: one row of the record's `kinds`. */
export interface FileKind {
  /** Index into the record's `series`, or -1 for a file that is skipped. */
  readonly series: number;
  readonly SOPClassUID: string;
  readonly TransferSyntaxUID: string;
  /** Bits of `Issue`. */
  readonly issues: number;
  /** Digest of the values in which the files of a series should agree; 0 for a skipped file. */
  readonly digest: number;
  readonly skipped: SkipReason | '';
}

/** One file. `mtime` is in microseconds since 1970; -1 says that the file must be read again (racy, unreadable). */
export interface FileEntry {
  readonly name: string;
  readonly size: number;
  readonly mtime: number;
  readonly SOPInstanceUID: string;
  /** Index into `kinds`. */
  readonly kind: number;
}

/** A decoded record. `files` are in ascending order of name, byte by byte. */
export interface FolderRecord {
  readonly kinds: readonly FileKind[];
  /** SeriesInstanceUIDs. */
  readonly series: readonly string[];
  readonly files: readonly FileEntry[];
}

const FORMAT = 1;
/** Behind a name's stem: the SOPInstanceUID stands here. No file name holds a slash. */
const UID_IN_NAME = '/';

/** Encodes a record. */
export function encodeFolderRecord(record: FolderRecord): Uint8Array {
  const { kinds, series, files } = record;
  const head = JSON.stringify([
    kinds.map((kind) => [
      kind.series,
      kind.SOPClassUID,
      kind.TransferSyntaxUID,
      kind.issues,
      kind.digest,
      kind.skipped === '' ? -1 : SKIP_REASONS.indexOf(kind.skipped),
    ]),
    series,
  ]);
  const out = new ByteWriter(head.length + files.length * 48 + 64);
  out.varint(files.length);
  out.varint(Buffer.byteLength(head));
  out.utf8(head);
  let before = '';
  for (const file of files) {
    const uid = file.SOPInstanceUID;
    const at = uid === '' ? -1 : file.name.indexOf(uid);
    const name = at < 0 ? file.name : file.name.slice(0, at) + UID_IN_NAME + file.name.slice(at + uid.length);
    out.frontCoded(name, before);
    before = name;
  }
  before = '';
  for (const file of files) {
    const kind = kinds[file.kind]!;
    if (kind.series < 0) continue;
    const against = before === '' ? series[kind.series]! : before;
    out.frontCoded(file.SOPInstanceUID, against);
    before = file.SOPInstanceUID;
  }
  let last = 0;
  for (const file of files) {
    out.signed(file.size - last);
    last = file.size;
  }
  last = 0;
  for (const file of files) {
    out.signed(file.mtime - last);
    last = file.mtime;
  }
  for (const file of files) out.varint(file.kind);
  const raw = out.bytes();
  const packed = raw.length < 128 ? undefined : zlib.zstdCompressSync(raw, COMPRESSION);
  const small = packed === undefined || packed.length >= raw.length;
  const body = small ? raw : packed;
  const result = Buffer.allocUnsafeSlow(body.length + 1);
  result[0] = FORMAT * 2 + (small ? 0 : 1);
  result.set(body, 1);
  return result;
}

const COMPRESSION = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } };

/** Decodes a record. Throws a RangeError for bytes that are no record of this format. */
export function decodeFolderRecord(bytes: Uint8Array): FolderRecord {
  return orRangeError(() => decodeRecord(bytes));
}

/** What cannot be decompressed, or names kinds that are not there, is a record no more than what ends too early. */
function orRangeError<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new RangeError('the folder record is damaged', { cause: error });
  }
}

function decodeRecord(bytes: Uint8Array): FolderRecord {
  const { reader, kinds, series, count } = decodeHead(bytes);
  const names: string[] = new Array(count);
  let before = '';
  for (let i = 0; i < count; i++) names[i] = before = reader.frontCoded(before);
  const uids: string[] = new Array(count);
  // Kinds come last in the record, but which files have a UID is known only from them.
  const rest = new ByteReader(reader.bytes, reader.position);
  const kindOf = kindsColumn(reader.bytes, count);
  before = '';
  for (let i = 0; i < count; i++) {
    const kind = kinds[kindOf[i]!]!;
    if (kind.series < 0) {
      uids[i] = '';
      continue;
    }
    uids[i] = before = rest.frontCoded(before === '' ? series[kind.series]! : before);
  }
  const files: FileEntry[] = new Array(count);
  const sizes = new Float64Array(count);
  let last = 0;
  for (let i = 0; i < count; i++) sizes[i] = last += rest.signed();
  last = 0;
  for (let i = 0; i < count; i++) {
    last += rest.signed();
    const name = names[i]!;
    const at = name.indexOf(UID_IN_NAME);
    files[i] = {
      name: at < 0 ? name : name.slice(0, at) + uids[i] + name.slice(at + 1),
      size: sizes[i]!,
      mtime: last,
      SOPInstanceUID: uids[i]!,
      kind: kindOf[i]!,
    };
  }
  return { kinds, series, files };
}

/** Only the SeriesInstanceUIDs of a record, without decoding the files. */
export function decodeSeriesOfRecord(bytes: Uint8Array): readonly string[] {
  return orRangeError(() => decodeHead(bytes).series);
}

function decodeHead(bytes: Uint8Array) {
  const format = bytes[0]! >> 1;
  if (format !== FORMAT) throw new RangeError(`folder record of format ${format}: this ditag reads format ${FORMAT}`);
  const body = bytes.subarray(1);
  const raw = (bytes[0]! & 1) === 0 ? body : zlib.zstdDecompressSync(body);
  const reader = new ByteReader(raw, 0);
  const count = reader.varint();
  return { reader, count, ...decodeKinds(reader.utf8(reader.varint())) };
}

function decodeKinds(text: string): { readonly kinds: FileKind[]; readonly series: string[] } {
  try {
    const [rows, series] = JSON.parse(text) as [[number, string, string, number, number, number][], string[]];
    const kinds = rows.map(
      ([series, SOPClassUID, TransferSyntaxUID, issues, digest, skipped]): FileKind => ({
        ...{ series, SOPClassUID, TransferSyntaxUID, issues, digest },
        skipped: skipped < 0 ? '' : SKIP_REASONS[skipped]!,
      }),
    );
    return { kinds, series };
  } catch (error) {
    throw new RangeError('the folder record is damaged', { cause: error });
  }
}

/** The last `count` varints of the record. */
function kindsColumn(raw: Uint8Array, count: number): Uint32Array {
  const column = new Uint32Array(count);
  let end = raw.length;
  for (let i = count - 1; i >= 0; i--) {
    let start = end - 1;
    while (start > 0 && (raw[start - 1]! & 0x80) !== 0) start--;
    column[i] = new ByteReader(raw, start).varint();
    end = start;
  }
  return column;
}

class ByteWriter {
  private buffer: Buffer;
  private length = 0;

  constructor(size: number) {
    this.buffer = Buffer.allocUnsafe(size);
  }

  private room(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + more));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }

  /** Non-negative, seven bits a byte, lowest first. */
  varint(value: number): void {
    this.room(9);
    while (value >= 0x80) {
      this.buffer[this.length++] = (value % 0x80) | 0x80;
      value = Math.floor(value / 0x80);
    }
    this.buffer[this.length++] = value;
  }

  signed(value: number): void {
    this.varint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  utf8(text: string): void {
    this.room(text.length * 3);
    this.length += this.buffer.write(text, this.length, 'utf8');
  }

  /** `text` (latin1) as the number of characters it shares with the start of `against`, and the rest. */
  frontCoded(text: string, against: string): void {
    let shared = 0;
    const most = Math.min(text.length, against.length);
    while (shared < most && text.charCodeAt(shared) === against.charCodeAt(shared)) shared++;
    this.varint(shared);
    this.varint(text.length - shared);
    this.room(text.length - shared);
    this.length += this.buffer.write(text.slice(shared), this.length, 'latin1');
  }

  bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }
}

class ByteReader {
  readonly bytes: Buffer;
  position: number;

  constructor(bytes: Uint8Array, position: number) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.position = position;
  }

  varint(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = this.bytes[this.position++];
      if (byte === undefined) throw new RangeError('folder record ends early');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 0x80;
    }
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  utf8(length: number): string {
    this.position += length;
    return this.bytes.toString('utf8', this.position - length, this.position);
  }

  frontCoded(against: string): string {
    const shared = this.varint();
    const length = this.varint();
    this.position += length;
    return against.slice(0, shared) + this.bytes.toString('latin1', this.position - length, this.position);
  }
}
