// How large a message may be: NATS takes up to `max_payload`, headers included, and the client's own error does not say
// what to do about it.
import { MessageTooLarge } from '../../core/errors/message-too-large.ts';
import type { Cluster } from './connection.ts';

/**
 * Room for headers (bytes): the condition of a write, or the reason with which a message may have to be put aside, which
 * is cut at 1,000 characters.
 */
const HEADERS = 4096;

/** Gives back `data` where it fits into a message. Throws `message-too-large`. @param what names it */
export function fitting({ connection }: Cluster, data: Uint8Array, what: string): Uint8Array {
  const most = (connection.info?.max_payload ?? Number.POSITIVE_INFINITY) - HEADERS;
  if (data.length > most) throw new MessageTooLarge(what, data.length, most, HEADERS);
  return data;
}
