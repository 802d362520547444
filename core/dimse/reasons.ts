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

const STATUSES: ReadonlyMap<number, string> = new Map([
  [0x0000, 'Success'],
  [0x0001, 'Warning'],
  [0x0105, 'No such attribute'],
  [0x0106, 'Invalid attribute value'],
  [0x0107, 'Attribute list error'],
  [0x0110, 'Processing failure'],
  [0x0111, 'Duplicate SOP instance'],
  [0x0112, 'No such SOP instance'],
  [0x0116, 'Attribute value out of range'],
  [0x0117, 'Invalid SOP instance'],
  [0x0118, 'No such SOP class'],
  [0x0119, 'Class-instance conflict'],
  [0x0122, 'SOP class not supported'],
  [0x0124, 'Not authorized'],
  [0x0210, 'Duplicate invocation'],
  [0x0211, 'Unrecognized operation'],
  [0x0212, 'Mistyped argument'],
  [0x0213, 'Resource limitation'],
  [0xa701, 'Out of resources, unable to calculate the number of matches'],
  [0xa702, 'Out of resources, unable to perform sub-operations'],
  [0xa801, 'Move destination unknown'],
  [0xb000, 'Coercion of data elements'],
  [0xb006, 'Elements discarded'],
  [0xb007, 'Data set does not match SOP class (warning)'],
  [0xfe00, 'Cancelled'],
  [0xff00, 'Pending'],
  [0xff01, 'Pending, optional keys not supported'],
]);

/** Ranges of PS3.4 table B.2-1 and annex C: the high byte, or its first half, decides. */
const RANGES: readonly (readonly [mask: number, value: number, name: string])[] = [
  [0xff00, 0xa700, 'Out of resources'],
  [0xff00, 0xa900, 'Data set does not match SOP class'],
  [0xf000, 0xc000, 'Cannot understand'],
];

/** A status by its name, and its number in any case. */
export function statusText(status: number): string {
  const number = `${status.toString(16).toUpperCase().padStart(4, '0')}H`;
  const name = STATUSES.get(status) ?? RANGES.find(([mask, value]) => (status & mask) === value)?.[2];
  return name === undefined ? number : `${name} (${number})`;
}
