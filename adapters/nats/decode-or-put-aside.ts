// What is done with a message that cannot be read: one of a newer ditag waits for a part that knows it, one that is
// damaged is put aside. Neither holds up what comes behind it.
import type { JsMsg } from '@nats-io/jetstream';
import { DitagError } from '../../core/errors/errors.ts';

/** Keeps a message that can never be read. */
export type PutAside = (sequence: number, reason: string) => Promise<void>;

/** What a message needs before it can be tried again, when it comes from a newer ditag (milliseconds). */
const NEWER_AGAIN = 30_000;

/** Reads a message. Undefined where it cannot be: then it has been dealt with. */
export async function decodeOrPutAside<T>(
  message: JsMsg,
  decode: (data: Uint8Array) => T,
  putAside: PutAside,
): Promise<T | undefined> {
  try {
    return decode(message.data);
  } catch (error) {
    if (error instanceof DitagError && error.retry === 'later') message.nak(NEWER_AGAIN);
    else {
      await putAside(message.seq, (error as Error).message);
      message.term('put aside');
    }
    return undefined;
  }
}
