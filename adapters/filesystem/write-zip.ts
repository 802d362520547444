// Writes one zip. Memory stays within some blocks, however many files there are and however big they are. What goes into
// the zip of a subject, and when it may take the folder's place: subject-zip.ts.
import { Buffer } from 'node:buffer';
import { createHash, hash } from 'node:crypto';
import fs from 'node:fs';
import { Duplex, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Options, ZipFile } from 'yazl';
import { call, PRIVATE_FILE, writeAll } from './instance-store-calls.ts';
import { BLOCK, ZipFailed } from './zip-files.ts';

/** A file of more bytes is streamed: its size and CRC-32 stand behind it (APPNOTE 4.3.9), where readers that cannot seek do not find its end. */
const LARGEST_IN_MEMORY = 8 * 1024 * 1024;
/** Bytes of a local header without its name, and of the smaller kind of data descriptor. */
const HEADER = 30;
const DESCRIPTOR = 16;
/**
 * Stored. Deflate makes CT, MR and RT images 1.2 to 2.2 times smaller, and compressed ones not at all, but at 25 to 45
 * MB/s a core (level 1; level 6: 9 to 40, for some per cent more), which is slower than they came.
 */
const STORED: Partial<Options> = { compress: false, mode: 0o100_000 | PRIVATE_FILE };

/** What goes into the zip under `path`. */
export interface ZipSource {
  readonly path: string;
  readonly size: number;
  readonly mtime: Date;
  /** With `room`, of BLOCK bytes, a block stays what it is only until the next is asked for. */
  read(room?: Buffer): AsyncIterable<Buffer>;
}

export interface WriteZipOptions {
  readonly signal: AbortSignal;
  /** Is told of the bytes that were taken into the zip. */
  readonly onBytes?: (bytes: number) => void;
  /** Zip64 also where the zip is small. */
  readonly forceZip64Format?: boolean;
}

/**
 * Writes and syncs a new zip. Tells the SHA-256 of each source that `isHashed` names, by path. Throws ZipFailed, the
 * failure of a call, and the signal's reason.
 */
export async function writeZip(
  path: string,
  sources: readonly ZipSource[],
  isHashed: (path: string) => boolean,
  { signal, onBytes = () => {}, forceZip64Format = false }: WriteZipOptions,
): Promise<ReadonlyMap<string, string>> {
  const digests = new Map<string, string>();
  const zip = await ZipOnDisk.create(path, { signal, forceZip64Format });
  try {
    // While the disk takes the one, the next is read into the other.
    const rooms = [Buffer.allocUnsafeSlow(LARGEST_IN_MEMORY), Buffer.allocUnsafeSlow(LARGEST_IN_MEMORY)];
    const block = Buffer.allocUnsafeSlow(BLOCK);
    for (const [i, source] of sources.entries()) {
      if (source.size > LARGEST_IN_MEMORY) {
        const whole = isHashed(source.path) ? createHash('sha256') : undefined;
        const onBlock = (bytes: Buffer) => {
          whole?.update(bytes);
          onBytes(bytes.length);
        };
        await zip.addStream(source, blocksOf(source, onBlock));
        if (whole !== undefined) digests.set(source.path, whole.digest('hex'));
        continue;
      }
      const room = rooms[i % rooms.length]!.subarray(0, source.size);
      let at = 0;
      for await (const bytes of blocksOf(source, (some) => onBytes(some.length), block)) {
        signal.throwIfAborted();
        at += bytes.copy(room, at);
      }
      if (isHashed(source.path)) digests.set(source.path, hash('sha256', room));
      await zip.addBuffer(source, room);
    }
    await zip.end();
    return digests;
  } finally {
    await zip.close();
  }
}

/** Throws at the end, or before it, where there are not as many bytes as there should be. */
async function* blocksOf(source: ZipSource, onBlock: (block: Buffer) => void, room?: Buffer): AsyncGenerator<Buffer> {
  let left = source.size;
  for await (const block of source.read(room)) {
    left -= block.length;
    if (left < 0) break;
    onBlock(block);
    yield block;
  }
  if (left !== 0) throw new ZipFailed(`${source.path} changed while it was zipped.`);
}

interface ZipOnDiskOptions {
  readonly signal: AbortSignal;
  readonly forceZip64Format: boolean;
}

/**
 * A zip that is written. yazl keeps every buffer that it was given until its end: they are parts of the same memory, and
 * may change when the disk has taken them. Entries are added one after the other.
 */
class ZipOnDisk {
  private readonly file: number;
  private readonly options: ZipOnDiskOptions;
  private readonly zip = new ZipFile();
  private readonly output: Duplex;
  private readonly disk: Writable;
  private readonly toDisk: Promise<void>;
  private stream: Readable | undefined;
  private writing = Promise.resolve();
  /** Bytes that the disk has, and that it has at least when it has taken what was added. */
  private taken = 0;
  private due = 0;
  private failure: unknown;
  private wake = () => {};

  private constructor(file: number, options: ZipOnDiskOptions) {
    this.file = file;
    this.options = options;
    const output = this.zip.outputStream;
    if (!(output instanceof Duplex)) throw new TypeError('yazl has another output stream.');
    this.output = output;
    this.zip.on('error', (error: Error) => output.destroy(error));
    this.disk = new Writable({
      highWaterMark: BLOCK,
      writev: (chunks, done) => {
        const pieces = chunks.map(({ chunk }) => chunk as Buffer);
        this.writing = this.write(pieces, done);
      },
    });
    this.toDisk = pipeline(output, this.disk, { signal: options.signal });
    this.toDisk.catch((error) => {
      this.failure = error;
      this.wake();
    });
  }

  static async create(path: string, options: ZipOnDiskOptions): Promise<ZipOnDisk> {
    const file = await call<number>((done) => fs.open(path, 'wx', PRIVATE_FILE, done));
    return new ZipOnDisk(file, options);
  }

  /** `bytes` must not change before the next call has been waited for. */
  async addBuffer({ path, mtime }: ZipSource, bytes: Buffer): Promise<void> {
    await this.untilTaken();
    this.due = this.taken + HEADER + Buffer.byteLength(path) + bytes.length;
    const { forceZip64Format } = this.options;
    this.zip.addBuffer(bytes, path, { ...STORED, mtime, forceZip64Format });
  }

  async addStream({ path, size, mtime }: ZipSource, blocks: AsyncIterable<Buffer>): Promise<void> {
    await this.untilTaken();
    this.due = this.taken + HEADER + Buffer.byteLength(path) + size + DESCRIPTOR;
    const stream = Readable.from(blocks, { objectMode: false });
    this.stream = stream;
    stream.on('error', (error) => this.output.destroy(error));
    const { forceZip64Format } = this.options;
    this.zip.addReadStream(stream, path, { ...STORED, mtime, size, forceZip64Format });
    await this.untilTaken();
  }

  async end(): Promise<void> {
    await this.untilTaken();
    this.zip.end({ forceZip64Format: this.options.forceZip64Format, comment: '' });
    await this.toDisk;
    await call((done) => fs.fsync(this.file, done));
  }

  async close(): Promise<void> {
    const { stream } = this;
    this.output.destroy();
    // What it reads is closed, too.
    if (stream !== undefined && !stream.closed)
      await new Promise<void>((resolve) => {
        stream.on('close', resolve).destroy();
      });
    await this.writing;
    await call((done) => fs.close(this.file, done));
  }

  private async write(pieces: readonly Buffer[], done: (error?: Error) => void): Promise<void> {
    let bytes = 0;
    for (const { length } of pieces) bytes += length;
    try {
      await writeAll(this.file, pieces, bytes);
      this.taken += bytes;
      done();
    } catch (error) {
      done(error as Error);
    }
    this.wake();
  }

  /** Nothing is on its way: what was added last began to be when it was added. */
  private async untilTaken(): Promise<void> {
    const { output, disk } = this;
    for (;;) {
      this.options.signal.throwIfAborted();
      if (this.failure !== undefined) throw this.failure;
      const onTheWay = output.writableLength + output.readableLength + disk.writableLength;
      if (onTheWay === 0 && this.taken >= this.due) return;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}
