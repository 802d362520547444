// Bytes of a connection, as they come, into PDUs. What waits for its end is kept in pieces and put together once: the
// work is linear in the bytes, and a PDU that says it is longer than allowed is refused when its header is read.
import { Buffer } from 'node:buffer';
import { PDU, PDU_HEADER, PduError } from './pdu.ts';

/** The longest A-ASSOCIATE PDU that is taken: 128 contexts with some 60 transfer syntaxes each fit. */
const MOST_CONTROL = 512 * 1024;

export interface RawPdu {
  readonly type: number;
  readonly body: Buffer;
}

export class PduReader {
  private readonly mostData: number;
  private pieces: Buffer[] = [];
  private held = 0;

  /** @param mostData the longest P-DATA-TF that was announced, in bytes without its header */
  constructor(mostData: number) {
    this.mostData = mostData;
  }

  /** Takes bytes; gives the PDUs that they complete. Throws PduError, after which nothing more may be taken. */
  *take(bytes: Buffer): Iterable<RawPdu> {
    this.pieces.push(bytes);
    this.held += bytes.length;
    for (;;) {
      if (this.held < PDU_HEADER) return;
      const header = this.first(PDU_HEADER);
      const type = header[0]!;
      const length = header.readUInt32BE(2);
      const most = type === PDU.data ? this.mostData : MOST_CONTROL;
      if (length > most)
        throw new PduError(`a PDU of type ${type} says that it has ${length} bytes, of at most ${most}`);
      if (this.held < PDU_HEADER + length) return;
      const whole = this.first(PDU_HEADER + length);
      this.drop(PDU_HEADER + length);
      yield { type, body: whole.subarray(PDU_HEADER, PDU_HEADER + length) };
    }
  }

  /** The first bytes in one piece; pieces are joined only as far as that needs. */
  private first(length: number): Buffer {
    const [head] = this.pieces;
    if (head!.length >= length) return head!;
    let count = 0;
    let joined = 0;
    while (joined < length) joined += this.pieces[count++]!.length;
    const whole = Buffer.concat(this.pieces.slice(0, count), joined);
    this.pieces.splice(0, count, whole);
    return whole;
  }

  private drop(length: number): void {
    this.held -= length;
    const rest = this.pieces[0]!.subarray(length);
    if (rest.length === 0) this.pieces.shift();
    else this.pieces[0] = rest;
  }
}
