// Command sets: group 0000 in implicit VR little endian (PS3.7 6.3.1), by keyword. Elements that are not in the table
// (retired ones) are stepped over.
import { Buffer } from 'node:buffer';
import { PduError } from './pdu.ts';

/** Element numbers and VRs of PS3.7 table E.1-1, for the messages that are spoken here. */
const ELEMENTS = {
  AffectedSOPClassUID: [0x0002, 'UI'],
  CommandField: [0x0100, 'US'],
  MessageID: [0x0110, 'US'],
  MessageIDBeingRespondedTo: [0x0120, 'US'],
  MoveDestination: [0x0600, 'AE'],
  Priority: [0x0700, 'US'],
  CommandDataSetType: [0x0800, 'US'],
  Status: [0x0900, 'US'],
  ErrorComment: [0x0902, 'LO'],
  AffectedSOPInstanceUID: [0x1000, 'UI'],
  NumberOfRemainingSuboperations: [0x1020, 'US'],
  NumberOfCompletedSuboperations: [0x1021, 'US'],
  NumberOfFailedSuboperations: [0x1022, 'US'],
  NumberOfWarningSuboperations: [0x1023, 'US'],
  MoveOriginatorApplicationEntityTitle: [0x1030, 'AE'],
  MoveOriginatorMessageID: [0x1031, 'US'],
} as const satisfies Record<string, readonly [number, Vr]>;

type Vr = 'UI' | 'US' | 'LO' | 'AE';
type Keyword = keyof typeof ELEMENTS;
type ValueOf<K extends Keyword> = (typeof ELEMENTS)[K][1] extends 'US' ? number : string;

/** A command set; numbers for US, text without padding for the rest. */
export type CommandSet = { readonly [K in Keyword]?: ValueOf<K> };

/** CommandField (PS3.7 E.1). A response is its request with the highest bit. */
export const COMMAND = {
  storeRequest: 0x0001,
  getRequest: 0x0010,
  findRequest: 0x0020,
  moveRequest: 0x0021,
  echoRequest: 0x0030,
  cancelRequest: 0x0fff,
} as const;
const RESPONSE = 0x8000;

const NAMES: ReadonlyMap<number | undefined, string> = new Map([
  [COMMAND.storeRequest, 'C-STORE'],
  [COMMAND.getRequest, 'C-GET'],
  [COMMAND.findRequest, 'C-FIND'],
  [COMMAND.moveRequest, 'C-MOVE'],
  [COMMAND.echoRequest, 'C-ECHO'],
  [COMMAND.cancelRequest, 'C-CANCEL'],
]);

/** What a request asks for, as PS3.7 calls it. */
export function operationName(CommandField: number | undefined): string {
  return NAMES.get(CommandField) ?? 'unknown';
}

/** CommandDataSetType that says that no data set follows (PS3.7 E.1), and one of those that say that one does. */
export const NO_DATA_SET = 0x0101;
export const WITH_DATA_SET = 0x0001;
/** Priority MEDIUM (PS3.7 E.1). */
export const MEDIUM = 0x0000;

export function isResponse({ CommandField = 0 }: CommandSet): boolean {
  return (CommandField & RESPONSE) !== 0;
}

/** What a response has of its request. */
export function responseTo(request: CommandSet): CommandSet {
  const { AffectedSOPClassUID, CommandField = 0, MessageID = 0 } = request;
  return {
    ...(AffectedSOPClassUID === undefined ? {} : { AffectedSOPClassUID }),
    CommandField: CommandField | RESPONSE,
    MessageIDBeingRespondedTo: MessageID,
    CommandDataSetType: NO_DATA_SET,
  };
}

const KEYWORDS: ReadonlyMap<number, { keyword: string; vr: Vr }> = new Map(
  Object.entries(ELEMENTS).map(([keyword, [element, vr]]) => [element, { keyword, vr }]),
);
const HEADER = 8;

/** Encodes a command set, with its CommandGroupLength. */
export function encodeCommand(command: CommandSet): Buffer {
  const parts: Buffer[] = [];
  for (const [keyword, [number, vr]] of Object.entries(ELEMENTS)) {
    const value = command[keyword as Keyword];
    if (value === undefined) continue;
    parts.push(vr === 'US' ? element(number, shortValue(value as number)) : element(number, text(value as string, vr)));
  }
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return Buffer.concat([element(0x0000, length), body]);
}

function element(number: number, value: Buffer): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt16LE(number, 2);
  header.writeUInt32LE(value.length, 4);
  return Buffer.concat([header, value]);
}

function shortValue(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function text(value: string, vr: Vr): Buffer {
  const even = value.length % 2 === 0 ? value : value + (vr === 'UI' ? '\0' : ' ');
  return Buffer.from(even, 'latin1');
}

/** Decodes a command set. Throws PduError. */
export function decodeCommand(bytes: Buffer): CommandSet {
  const command: Record<string, number | string> = {};
  for (let at = 0; at < bytes.length; ) {
    if (at + HEADER > bytes.length) throw new PduError('an element of a command set is cut off');
    const group = bytes.readUInt16LE(at);
    const known = KEYWORDS.get(bytes.readUInt16LE(at + 2));
    const length = bytes.readUInt32LE(at + 4);
    const value = bytes.subarray(at + HEADER, at + HEADER + length);
    if (group !== 0) throw new PduError('a command set holds an element of another group');
    if (value.length < length) throw new PduError('an element of a command set is longer than the set');
    at += HEADER + length;
    if (known === undefined) continue;
    if (known.vr !== 'US') command[known.keyword] = value.toString('latin1').replace(/^ +|[ \0]+$/g, '');
    else if (value.length >= 2) command[known.keyword] = value.readUInt16LE(0);
    else throw new PduError(`${known.keyword} has no value`);
  }
  return command as CommandSet;
}
