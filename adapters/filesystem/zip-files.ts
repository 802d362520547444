// The bytes of files and of entries of zips, for those who write, compare and list the zips of subjects. No link is
// followed. What the zips of a download are: subject-zip.ts.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import process from 'node:process';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl';
import { failureCode, isCallFailure } from '../../core/ports/archive-files.ts';
import { call, read } from './instance-store-calls.ts';

// O_NONBLOCK: opening a named pipe that someone put there must not wait for a writer.
export const READ_WITHOUT_LINKS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
/** Bytes that are read at a time. */
export const BLOCK = 1024 * 1024;
/** Bytes of the directory of a zip that are read at a time. */
const DIRECTORY_BLOCK = 64 * 1024;
/** Compression method (APPNOTE 4.4.5). */
const STORED = 0;
/** Signature and bytes of a local header without its name and extra field, and where their lengths are (APPNOTE 4.3.7). */
const LOCAL_HEADER = { signature: 0x04034b50, size: 30, nameLength: 26, extraLength: 28 };

export interface Content {
  readonly size: number;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

/** Why a zip cannot be read or made. */
export class ZipFailed extends Error {}

/** A zip that is read. It is closed when nobody reads an entry. */
export class OpenZip {
  private readonly file: number;
  private readonly zip: ZipFile;

  constructor(file: number, zip: ZipFile) {
    this.file = file;
    this.zip = zip;
  }

  /** What the directory of the zip names. Can be called once. */
  eachEntry(): AsyncIterable<Entry> {
    return this.zip.eachEntry();
  }

  /**
   * The bytes of an entry. Throws at its end where its CRC is another. With `room`, of BLOCK bytes, nothing is allocated,
   * and a block stays what it is only until the next is asked for.
   */
  async *read(entry: Entry, room?: Buffer): AsyncGenerator<Buffer> {
    let crc = 0;
    for await (const block of this.blocksOf(entry, room)) {
      crc = crc32(block, crc);
      yield block;
    }
    if (crc !== entry.crc32) throw new ZipFailed(`${entry.fileName} is damaged in the zip: its CRC-32 is wrong.`);
  }

  close(): void {
    this.zip.close();
  }

  /** yauzl's own streams read 64 kB at a time. */
  private async *blocksOf(entry: Entry, room: Buffer | undefined): AsyncGenerator<Buffer> {
    if (entry.compressionMethod !== STORED || entry.isEncrypted()) {
      yield* (await this.zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>;
      return;
    }
    const start = await this.startOf(entry);
    yield* rangeOf(this.file, start, start + entry.compressedSize, room);
  }

  private async startOf({ fileName, relativeOffsetOfLocalHeader: at }: Entry): Promise<number> {
    const { signature, size, nameLength, extraLength } = LOCAL_HEADER;
    const header = Buffer.allocUnsafe(size);
    const count = await read(this.file, header, 0, size, at);
    if (count < size || header.readUInt32LE(0) !== signature)
      throw new ZipFailed(`${fileName} is not where the directory of the zip says.`);
    return at + size + header.readUInt16LE(nameLength) + header.readUInt16LE(extraLength);
  }
}

async function* rangeOf(file: number, start: number, end: number, room?: Buffer): AsyncGenerator<Buffer> {
  for (let at = start; at < end; ) {
    const length = Math.min(BLOCK, end - at);
    const block = room ?? Buffer.allocUnsafe(length);
    const count = await read(file, block, 0, length, at);
    if (count === 0) throw new ZipFailed('The zip ends before its entry does.');
    yield block.subarray(0, count);
    at += count;
  }
}

/** What yauzl reads. Of the directory it asks for two pieces an entry. */
class ZipReader extends RandomAccessReader {
  private readonly file: number;
  private block = Buffer.alloc(0);
  private start = 0;

  constructor(file: number) {
    super();
    this.file = file;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    const from = position - this.start;
    if (from >= 0 && from + length <= this.block.length) {
      this.block.copy(buffer, offset, from, from + length);
      process.nextTick(callback, null, length);
      return;
    }
    const block = Buffer.allocUnsafeSlow(Math.max(DIRECTORY_BLOCK, length));
    fs.read(this.file, block, 0, block.length, position, (error, count) => {
      if (error) return callback(error);
      this.block = block.subarray(0, count);
      this.start = position;
      callback(null, this.block.copy(buffer, offset, 0, length));
    });
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(rangeOf(this.file, start, end), { objectMode: false });
  }

  override close(callback: (error: Error | null) => void): void {
    fs.close(this.file, (error) => callback(error ?? null));
  }
}

/** Opens a zip that is a file and not a link. Throws the failure of the call, or ZipFailed. */
export async function openZip(path: string): Promise<OpenZip> {
  const file = await call<number>((done) => fs.open(path, READ_WITHOUT_LINKS, done));
  try {
    const { size } = await call<fs.Stats>((done) => fs.fstat(file, done));
    const options = { autoClose: false, lazyEntries: true, strictFileNames: true };
    return new OpenZip(file, await fromRandomAccessReaderPromise(new ZipReader(file), size, options));
  } catch (error) {
    await call((done) => fs.close(file, done));
    if (isCallFailure(error)) throw error;
    throw new ZipFailed(`${path} is not a zip: ${failureCode(error)}`, { cause: error });
  }
}

/** The bytes of a file that is no link. `room` as for the entries of a zip. */
export async function* readFile(path: string, room?: Buffer): AsyncGenerator<Buffer> {
  const file = await call<number>((done) => fs.open(path, READ_WITHOUT_LINKS, done));
  try {
    const { size } = await call<fs.Stats>((done) => fs.fstat(file, done));
    for (let at = 0; ; ) {
      // One byte more than there should be, to see the end, and a file that grows.
      const length = Math.min(BLOCK, Math.max(0, size - at) + 1);
      const block = room ?? Buffer.allocUnsafe(length);
      const count = await read(file, block, 0, length, at);
      if (count > 0) yield block.subarray(0, count);
      at += count;
      if (count === 0 || (count < length && at >= size)) return;
    }
  } finally {
    await call((done) => fs.close(file, done));
  }
}

export async function contentOf(
  blocks: AsyncIterable<Buffer>,
  signal: AbortSignal,
  onBlock: (block: Buffer) => void = () => {},
): Promise<Content> {
  const whole = createHash('sha256');
  let size = 0;
  for await (const block of blocks) {
    signal.throwIfAborted();
    whole.update(block);
    size += block.length;
    onBlock(block);
  }
  return { size, sha256: whole.digest('hex') };
}

export function undefinedIfMissing(error: unknown): undefined {
  const code = failureCode(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}
