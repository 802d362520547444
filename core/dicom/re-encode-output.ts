// Writes element headers and values (PS3.5 section 7.1) into buffers of fixed size, which are given away when full.
import { Buffer } from 'node:buffer';
import type { Encoding } from './element-table.ts';
import { lengthBytesOf } from './value-representations.ts';

/** Size of a buffer that is given away, in bytes. */
const SIZE = 64 * 1024;
/** A buffer with less room than this is full: no header is longer, and no value is cut inside a unit for want of room. */
const LEAST_ROOM = 64;

/** What has been written and not yet been given away. */
export class ReEncodeOutput {
  private buffer = Buffer.allocUnsafeSlow(SIZE);
  private view = new DataView(this.buffer.buffer);
  private used = 0;

  get isFull(): boolean {
    return this.room < LEAST_ROOM;
  }

  /** Bytes that still fit. */
  get room(): number {
    return SIZE - this.used;
  }

  /** Gives what has been written. The buffer is not used again. */
  flush(): Buffer {
    const written = this.buffer.subarray(0, this.used);
    this.buffer = Buffer.allocUnsafeSlow(SIZE);
    this.view = new DataView(this.buffer.buffer);
    this.used = 0;
    return written;
  }

  /** The header of an element (PS3.5 sections 7.1.2 and 7.1.3). */
  header(tag: number, vr: string, length: number, encoding: Encoding): void {
    if (!encoding.explicitVr) {
      this.bareHeader(tag, length, encoding);
      return;
    }
    const isShort = lengthBytesOf(vr) === 2;
    this.tag(tag, encoding);
    this.view.setUint8(this.used, vr.charCodeAt(0));
    this.view.setUint8(this.used + 1, vr.charCodeAt(1));
    this.view.setUint16(this.used + 2, isShort ? length : 0, encoding.littleEndian);
    if (!isShort) this.view.setUint32(this.used + 4, length, encoding.littleEndian);
    this.used += isShort ? 4 : 8;
  }

  /** A header without VR: of items and delimiters (PS3.5 section 7.5), and of all elements in implicit VR. */
  bareHeader(tag: number, length: number, encoding: Encoding): void {
    this.tag(tag, encoding);
    this.view.setUint32(this.used, length, encoding.littleEndian);
    this.used += 4;
  }

  /** Copies bytes, for which there must be room, and reverses the order of each `unit` of them. */
  value(bytes: Buffer, unit: 1 | 2 | 4 | 8): void {
    const start = this.used;
    this.used += bytes.copy(this.buffer, start);
    const copy = this.buffer.subarray(start, this.used);
    if (unit === 2) copy.swap16();
    else if (unit === 4) copy.swap32();
    else if (unit === 8) copy.swap64();
  }

  private tag(tag: number, { littleEndian }: Encoding): void {
    this.view.setUint16(this.used, tag >>> 16, littleEndian);
    this.view.setUint16(this.used + 2, tag & 0xffff, littleEndian);
    this.used += 4;
  }
}
