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
  261: 'No such attribute',
  262: 'Invalid attribute value',
  263: 'Attribute list error',
  272: 'Processing failure',
  273: 'Duplicate SOP instance',
  274: 'No such SOP instance',
  278: 'Attribute value out of range',
  279: 'Invalid SOP instance',
  280: 'No such SOP class',
  281: 'Class-instance conflict',
  290: 'SOP class not supported',
  292: 'Not authorized',
  528: 'Duplicate invocation',
  529: 'Unrecognized operation',
  530: 'Mistyped argument',
  531: 'Resource limitation',
  42753: 'Out of resources, unable to calculate the number of matches',
  42754: 'Out of resources, unable to perform sub-operations',
  43009: 'Move destination unknown',
  45056: 'Coercion of data elements',
  45062: 'Elements discarded',
  45063: 'Data set does not match SOP class (warning)',
  65024: 'Cancelled',
  65280: 'Pending',
  65281: 'Pending, optional keys not supported',
};

/** Ranges of PS3.4 table B.2-1 and annex C: the high byte, or its first half, decides. */
const RANGES: readonly (readonly [mask: number, value: number, name: string])[] = [
  [0xff00, 0xa700, 'Out of resources'],
  [0xff00, 0xa900, 'Data set does not match SOP class'],
  [0xf000, 0xc000, 'Cannot understand'],
];

/** A status by its name, and its number in any case. */
export function statusText(status: number): string {
  const number = `${status.toString(16).toUpperCase().padStart(4, '0')}H`;
  const name = STATUSES[status] ?? RANGES.find(([mask, value]) => (status & mask) === value)?.[2];
  return name === undefined ? number : `${name} (${number})`;
}

/** Answers that are not the last one (PS3.7 annex C.4). */
export function isPending(status: number | undefined): boolean {
  return status === 0xff00 || status === 0xff01;
}

/** PS3.7 annex C.3: done, and something is to be said of it. */
export function isWarning(status: number): boolean {
  return (status & 0xf000) === 0xb000 || status === 0x0001 || status === 0x0107 || status === 0x0116;
}

/** What may be otherwise in a while. */
export function isTemporary(status: number): boolean {
  return (status & 0xff00) === 0xa700 || status === 0x0213;
}
