// Bytes of a connection, as they come, into PDUs. Control PDUs are given whole; of a P-DATA-TF the fragments are handed on
// as their bytes arrive, as views: nothing is copied, and nothing waits for the end of a long PDU. One that says it is
// longer than allowed is refused when its header is read.
import { Buffer } from 'node:buffer';
import { PDU, PDU_HEADER, PDV_HEADER, PduError } from './pdu.ts';

/** The longest A-ASSOCIATE PDU that is taken: 128 contexts with some 60 transfer syntaxes each fit. */
const MOST_CONTROL = 512 * 1024;
/** Pieces of a control PDU that are held before they are put into one: a single byte costs hundreds as a piece. */
const MOST_PIECES = 256;
const EMPTY = Buffer.alloc(0);

/** A PDU other than P-DATA-TF. */
export interface RawPdu {
  readonly type: number;
  readonly body: Buffer;
}

/** Bytes of a fragment of a message (PS3.8 annex E); a fragment comes in one or more pieces. */
export interface DataPiece {
  readonly type: typeof PDU.data;
  readonly contextId: number;
  readonly isCommand: boolean;
  /** With this piece the command set, or the data set, is whole. */
  readonly isEnd: boolean;
  /** A view of what came: whoever needs it longer than the call copies it. */
  readonly bytes: Buffer;
}

export function isData(read: RawPdu | DataPiece): read is DataPiece {
  return read.type === PDU.data;
}

type Stage = 'header' | 'control' | 'fragment-header' | 'fragment';

export class PduReader {
  private readonly mostData: number;
  private stage: Stage = 'header';
  /** What is here of a header or a control PDU, and how much of it there has to be. */
  private held: Buffer[] = [];
  private heldLength = 0;
  private wanted = PDU_HEADER;
  private controlType = 0;
  /** Bytes of the P-DATA-TF and of its fragment that are still to come. */
  private pduLeft = 0;
  private fragmentLeft = 0;
  private contextId = 0;
  private isCommand = false;
  private isLast = false;
  /** PDUs that are whole. */
  count = 0;

  /** @param mostData the longest P-DATA-TF that was announced, in bytes without its header */
  constructor(mostData: number) {
    this.mostData = mostData;
  }

  /** A PDU has begun and is not whole. */
  get isWithin(): boolean {
    return this.stage !== 'header' || this.heldLength > 0;
  }

  /** Takes bytes; gives what they complete. Throws PduError, after which nothing more may be taken. */
  *take(bytes: Buffer): Iterable<RawPdu | DataPiece> {
    let rest = bytes;
    for (;;) {
      if (this.stage === 'fragment') {
        if (rest.length === 0 && this.fragmentLeft > 0) return;
        const piece = rest.subarray(0, this.fragmentLeft);
        rest = rest.subarray(piece.length);
        this.takeOfFragment(piece.length);
        const { contextId, isCommand, isLast } = this;
        yield { type: PDU.data, contextId, isCommand, isEnd: isLast && this.fragmentLeft === 0, bytes: piece };
        continue;
      }
      if (rest.length === 0) return;
      const missing = this.wanted - this.heldLength;
      const part = rest.subarray(0, missing);
      rest = rest.subarray(part.length);
      const whole = this.gather(part, missing);
      if (whole === undefined) return;
      if (this.stage === 'fragment-header') this.beginFragment(whole);
      else if (this.stage === 'control') yield this.endControl(whole);
      else if (whole[0] === PDU.data) this.beginData(whole.readUInt32BE(2));
      else if (this.beginControl(whole) === 0) yield this.endControl(EMPTY);
    }
  }

  /** What was wanted, in one piece; undefined, and the part held, where there is too little. */
  private gather(part: Buffer, missing: number): Buffer | undefined {
    if (part.length < missing) {
      // What comes holds good only while it is handed on.
      this.held.push(Buffer.from(part));
      this.heldLength += part.length;
      if (this.held.length > MOST_PIECES) this.held = [Buffer.concat(this.held)];
      return undefined;
    }
    if (this.heldLength === 0) return part;
    const whole = Buffer.concat([...this.held, part], this.wanted);
    this.held = [];
    this.heldLength = 0;
    return whole;
  }

  private next(stage: Stage, wanted = 0): void {
    this.stage = stage;
    this.wanted = wanted;
  }

  private beginControl(header: Buffer): number {
    this.controlType = header[0]!;
    const length = header.readUInt32BE(2);
    if (length > MOST_CONTROL) throw tooLong(this.controlType, length, MOST_CONTROL);
    this.next('control', length);
    return length;
  }

  private endControl(body: Buffer): RawPdu {
    this.endPdu();
    return { type: this.controlType, body };
  }

  private beginData(length: number): void {
    if (length > this.mostData) throw tooLong(PDU.data, length, this.mostData);
    this.pduLeft = length;
    if (length === 0) this.endPdu();
    else this.beginFragmentHeader();
  }

  private beginFragmentHeader(): void {
    if (this.pduLeft < PDV_HEADER) throw new PduError('a presentation data value is cut off');
    this.pduLeft -= PDV_HEADER;
    this.next('fragment-header', PDV_HEADER);
  }

  private beginFragment(header: Buffer): void {
    const length = header.readUInt32BE(0) - 2;
    if (length < 0 || length > this.pduLeft) throw new PduError('a presentation data value does not fit into its PDU');
    this.fragmentLeft = length;
    this.contextId = header[4]!;
    this.isCommand = (header[5]! & 1) !== 0;
    this.isLast = (header[5]! & 2) !== 0;
    this.next('fragment');
  }

  private takeOfFragment(length: number): void {
    this.fragmentLeft -= length;
    this.pduLeft -= length;
    if (this.fragmentLeft > 0) return;
    if (this.pduLeft === 0) this.endPdu();
    else this.beginFragmentHeader();
  }

  private endPdu(): void {
    this.count++;
    this.next('header', PDU_HEADER);
  }
}

function tooLong(type: number, length: number, most: number): PduError {
  return new PduError(`a PDU of type ${type} says that it has ${length} bytes, of at most ${most}`);
}
