// What takes the data set of a message.
import { Buffer } from 'node:buffer';
import { PduError } from '../../core/dimse/pdu.ts';

/** An identifier, the data set of a query or of an answer to one, is shorter than this. */
const MOST_IDENTIFIER = 1024 * 1024;

/** What takes the data set of a message, as its bytes come. */
export interface DataTaker {
  /** Holds none of the bytes afterwards. False: no more for now, until `drained`. */
  write(bytes: Buffer): boolean;
  drained(): Promise<void>;
  end(): void;
  /** The association has ended before the data set did. */
  lost(): void;
}

/** Takes an identifier whole. */
export function collector(done: (identifier: Buffer) => void): DataTaker {
  const pieces: Buffer[] = [];
  let length = 0;
  return {
    write: (bytes) => {
      length += bytes.length;
      if (length > MOST_IDENTIFIER) throw new PduError(`it sent an identifier of more than ${MOST_IDENTIFIER} bytes`);
      pieces.push(Buffer.from(bytes));
      return true;
    },
    drained: () => Promise.resolve(),
    end: () => done(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)),
    lost: () => {},
  };
}
