// Which bytes of a file are at hand, and which to ask for next: the first 16 kB, more where a header goes on, a new
// segment behind a long value that is stepped over, more of a deflated stream. `header-reader.ts` says what they mean.
import { Buffer } from 'node:buffer';
import { ElementTable } from './element-table.ts';
import { ElementWalker } from './element-walker.ts';
import { inflateStart } from './inflate-start.ts';

/** First read of a file, and the least of each further one, in bytes. */
export const FIRST_READ = 16_384;
/** Where the reading of a header is given up: an undelimited sequence may pretend to go on for ever. */
export const MAX_HEADER = 4 * 1024 * 1024;
/** The same, once identity is known and the rest would only tell whether PixelData is whole; and for deflated bytes. */
export const MAX_BEHIND_IDENTITY = 256 * 1024;
/** A buffer that one long header has made larger than this is not kept for the next file. */
const MAX_IDLE_BUFFER = 8 * FIRST_READ;
/** Stands for the unknown length of what a deflated stream still holds. */
const UNKNOWN_BEYOND = 2 ** 40;

/** Bytes wanted next: `length` bytes from `position` of the file, to be put into `buffer` at `bufferOffset`. */
export interface ReadRequest {
  readonly position: number;
  readonly length: number;
}

/** The bytes of one file at a time, as far as they were read. */
export class HeaderBytes {
  /** Where the caller puts the bytes that it was asked for, from `bufferOffset` on. */
  buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_READ);
  bufferOffset = 0;

  readonly walker: ElementWalker;
  /** The bytes in which `elements` lie: `buffer`, or what was inflated from it. Those of `meta` lie in `buffer`. */
  bytes: Buffer = this.buffer;

  protected fileSize = 0;
  /** File position of buffer offset 0, for the segment that is being walked. */
  protected base = 0;
  protected filled = 0;
  protected asked: ReadRequest = { position: 0, length: 0 };
  /** Bytes of the buffer in front of the first gap: up to there, offsets are positions in the file. */
  protected firstSegment = 0;
  protected deflated = false;
  protected deflatedStart = 0;
  readonly elements = new ElementTable();

  constructor() {
    this.walker = new ElementWalker({ view: new DataView(this.buffer.buffer), available: 0, beyond: 0 });
  }

  protected restart(fileSize: number): void {
    this.fileSize = fileSize;
    this.base = 0;
    this.filled = 0;
    this.bufferOffset = 0;
    this.firstSegment = Number.MAX_SAFE_INTEGER;
    this.deflated = false;
    this.elements.clear();
    this.walker.reset(0);
    if (this.buffer.length > MAX_IDLE_BUFFER) this.useBuffer(Buffer.allocUnsafeSlow(FIRST_READ));
    else if (this.bytes !== this.buffer) this.useBuffer(this.buffer);
  }

  /** Takes what was read on the last request. Returns a further one where the file gave less than was asked for. */
  protected take(bytesRead: number): ReadRequest | undefined {
    const { asked } = this;
    this.filled += bytesRead;
    if (bytesRead < asked.length) {
      // A file that is shorter than its listing said ends where reading gives nothing more.
      if (bytesRead > 0) return this.ask(asked.position + bytesRead, asked.length - bytesRead);
      this.fileSize = asked.position;
    }
    if (this.deflated) this.inflate();
    else this.showBuffer();
    return undefined;
  }

  /** Whatever was read behind a gap is forgotten: offsets in the first segment stay true. */
  protected returnToStart(): void {
    if (this.deflated) return;
    this.base = 0;
    this.filled = Math.min(this.filled, this.firstSegment);
    this.showBuffer();
  }

  protected ask(position: number, length: number): ReadRequest {
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
  protected showBuffer(): void {
    const { window } = this.walker;
    if (this.bytes !== this.buffer) this.useBuffer(this.buffer);
    window.available = this.filled;
    window.beyond = this.fileSize - (this.base + this.filled);
  }

  /** More bytes from where the walk stands; undefined where the header is longer than is read of one. */
  protected askMore(limit: number): ReadRequest | undefined {
    if (this.deflated) return this.askMoreDeflated();
    const { walker, fileSize } = this;
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
  protected inflate(): boolean {
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
