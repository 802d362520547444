// What a refusal, an abort and a status say, in words: PS3.8 tables 9-18, 9-21 and 9-26, PS3.7 annex C.
import type { Abort, AssociateReject } from './pdu.ts';

const REJECTIONS: Readonly<Record<string, string>> = {
  '1.1': 'no reason given',
  '1.2': 'the application context is not supported',
  '1.3': 'the calling AE title is not known there',
  '1.7': 'the called AE title is not known there',
  '2.1': 'no reason given',
  '2.2': 'the protocol version is not supported',
  '3.1': 'temporary congestion',
  '3.2': 'the local limit is exceeded',
};

/** The reason of an A-ASSOCIATE-RJ. */
export function rejectionText({ source, reason }: AssociateReject): string {
  return REJECTIONS[`${source}.${reason}`] ?? `source ${source}, reason ${reason}`;
}

const ABORTS = [
  'no reason given',
  'an unrecognized PDU',
  'an unexpected PDU',
  'a reserved reason',
  'an unrecognized parameter',
  'an unexpected parameter',
  'an invalid parameter value',
] as const;

/** The reason of an A-ABORT. */
export function abortText({ source, reason }: Abort): string {
  return source === 2 ? (ABORTS[reason] ?? `reason ${reason}`) : 'no reason given';
}

/** The result of a presentation context that was not accepted. */
export function contextText(result: number): string {
  const texts = ['accepted', 'rejected by the user', 'no reason given'];
  return (
    texts[result] ??
    { 3: 'the abstract syntax is not supported', 4: 'no transfer syntax is supported' }[result] ??
    `result ${result}`
  );
}

const STATUSES: Readonly<Record<number, string>> = {
  0: 'Success',
  290: 'SOP class not supported',
  528: 'Duplicate invocation',
  529: 'Unrecognized operation',
  530: 'Mistyped argument',
};

/** A status by its name, and its number in any case. */
export function statusText(status: number): string {
  const number = `${status.toString(16).toUpperCase().padStart(4, '0')}H`;
  const name = STATUSES[status];
  return name === undefined ? number : `${name} (${number})`;
}
