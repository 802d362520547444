// The seven PDUs of PS3.8 9.3 as values, and as bytes. Decoding trusts no length: what does not fit is a PduError that
// says what was wrong, never a read beyond the PDU.
import { Buffer } from 'node:buffer';
import { APPLICATION_CONTEXT } from './uids.ts';

/** PDU types (PS3.8 9.3.1). */
export const PDU = {
  associateRequest: 0x01,
  associateAccept: 0x02,
  associateReject: 0x03,
  data: 0x04,
  releaseRequest: 0x05,
  releaseResponse: 0x06,
  abort: 0x07,
} as const;

/** Bytes of a PDU's type, reserved byte and length. */
export const PDU_HEADER = 6;

/** A PDU that is not as PS3.8 has it. The message holds no value of the peer's. */
export class PduError extends Error {}

/** An abstract syntax and the transfer syntaxes in which the requestor could speak it. */
export interface ProposedContext {
  /** Odd, 1 to 255. */
  readonly id: number;
  readonly abstractSyntax: string;
  readonly transferSyntaxes: readonly string[];
}

/** What the acceptor made of a context: `result` as in PS3.8 table 9-18, 0 is acceptance. */
export interface AnsweredContext {
  readonly id: number;
  readonly result: number;
  /** Of significance only if accepted. */
  readonly transferSyntax: string;
}

/** What both sides say of themselves (PS3.7 D.3.3). */
export interface UserInformation {
  /** The longest P-DATA-TF that is taken, its header not counted; 0: any. */
  readonly maximumLength: number;
  readonly implementationClassUID: string;
  readonly implementationVersionName: string;
  /** Who may be SCU and SCP of a SOP class, where that is not the requestor and the acceptor (PS3.7 D.3.3.4). */
  readonly roles?: readonly Role[];
}

/** What the requestor of an association proposes to be, or the acceptor lets it be. */
export interface Role {
  readonly SOPClassUID: string;
  readonly isScu: boolean;
  readonly isScp: boolean;
}

interface AeTitles {
  readonly calledAETitle: string;
  readonly callingAETitle: string;
}

export interface AssociateRequest extends AeTitles, UserInformation {
  readonly pdu: 'associate-request';
  /** Where it is not that of DICOM (PS3.7 annex A), and where no version is version 1 (PS3.8 9.3.2): a refusal's reason. */
  readonly foreign?: 'application-context' | 'protocol-version';
  readonly contexts: readonly ProposedContext[];
}

export interface AssociateAccept extends AeTitles, UserInformation {
  readonly pdu: 'associate-accept';
  readonly contexts: readonly AnsweredContext[];
}

/** PS3.8 table 9-21. */
export interface AssociateReject {
  readonly pdu: 'associate-reject';
  readonly result: number;
  readonly source: number;
  readonly reason: number;
}

export interface ReleaseRequest {
  readonly pdu: 'release-request';
}

export interface ReleaseResponse {
  readonly pdu: 'release-response';
}

/** PS3.8 table 9-26. */
export interface Abort {
  readonly pdu: 'abort';
  readonly source: number;
  readonly reason: number;
}

/** Every PDU but P-DATA-TF, whose fragments are handed on as they come: see pdu-reader.ts. */
export type ControlPdu =
  | AssociateRequest
  | AssociateAccept
  | AssociateReject
  | ReleaseRequest
  | ReleaseResponse
  | Abort;

const ITEM = {
  applicationContext: 0x10,
  proposedContext: 0x20,
  answeredContext: 0x21,
  abstractSyntax: 0x30,
  transferSyntax: 0x40,
  userInformation: 0x50,
  maximumLength: 0x51,
  implementationClassUID: 0x52,
  role: 0x54,
  implementationVersionName: 0x55,
} as const;

const PROTOCOL_VERSION = 1;
const AE_TITLE = 16;
/** Of an A-ASSOCIATE PDU, up to its items. */
const FIXED_PART = 68;

export function encodePdu(pdu: ControlPdu): Buffer {
  switch (pdu.pdu) {
    case 'associate-request':
      return associate(PDU.associateRequest, pdu, pdu.contexts.map(proposedContext));
    case 'associate-accept':
      return associate(PDU.associateAccept, pdu, pdu.contexts.map(answeredContext));
    case 'associate-reject':
      return withHeader(PDU.associateReject, Buffer.from([0, pdu.result, pdu.source, pdu.reason]));
    case 'release-request':
      return withHeader(PDU.releaseRequest, Buffer.alloc(4));
    case 'release-response':
      return withHeader(PDU.releaseResponse, Buffer.alloc(4));
    case 'abort':
      return withHeader(PDU.abort, Buffer.from([0, 0, pdu.source, pdu.reason]));
  }
}

function withHeader(type: number, body: Buffer): Buffer {
  const header = Buffer.alloc(PDU_HEADER);
  header[0] = type;
  header.writeUInt32BE(body.length, 2);
  return Buffer.concat([header, body]);
}

function associate(type: number, pdu: AssociateRequest | AssociateAccept, contexts: readonly Buffer[]): Buffer {
  const fixed = Buffer.alloc(FIXED_PART);
  fixed.writeUInt16BE(PROTOCOL_VERSION, 0);
  fixed.write(pdu.calledAETitle.padEnd(AE_TITLE).slice(0, AE_TITLE), 4, 'latin1');
  fixed.write(pdu.callingAETitle.padEnd(AE_TITLE).slice(0, AE_TITLE), 20, 'latin1');
  const maximumLength = Buffer.alloc(4);
  maximumLength.writeUInt32BE(pdu.maximumLength);
  const user = item(
    ITEM.userInformation,
    item(ITEM.maximumLength, maximumLength),
    textItem(ITEM.implementationClassUID, pdu.implementationClassUID),
    ...(pdu.roles ?? []).map(roleItem),
    textItem(ITEM.implementationVersionName, pdu.implementationVersionName),
  );
  return withHeader(
    type,
    Buffer.concat([fixed, textItem(ITEM.applicationContext, APPLICATION_CONTEXT), ...contexts, user]),
  );
}

function roleItem({ SOPClassUID, isScu, isScp }: Role): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(SOPClassUID.length);
  return item(ITEM.role, length, Buffer.from(SOPClassUID, 'latin1'), Buffer.from([Number(isScu), Number(isScp)]));
}

function decodeRole(value: Buffer): Role {
  const end = value.length < 2 ? 0 : 2 + value.readUInt16BE(0);
  if (end === 0 || end + 2 > value.length) throw new PduError('a role selection is cut off');
  return { SOPClassUID: uid(value.subarray(2, end)), isScu: value[end] === 1, isScp: value[end + 1] === 1 };
}

function proposedContext({ id, abstractSyntax, transferSyntaxes }: ProposedContext): Buffer {
  return item(
    ITEM.proposedContext,
    Buffer.from([id, 0, 0, 0]),
    textItem(ITEM.abstractSyntax, abstractSyntax),
    ...transferSyntaxes.map((one) => textItem(ITEM.transferSyntax, one)),
  );
}

function answeredContext({ id, result, transferSyntax }: AnsweredContext): Buffer {
  return item(ITEM.answeredContext, Buffer.from([id, 0, result, 0]), textItem(ITEM.transferSyntax, transferSyntax));
}

function item(type: number, ...parts: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(4);
  header[0] = type;
  header.writeUInt16BE(
    parts.reduce((sum, part) => sum + part.length, 0),
    2,
  );
  return Buffer.concat([header, ...parts]);
}

function textItem(type: number, text: string): Buffer {
  return item(type, Buffer.from(text, 'latin1'));
}

/** Decodes the body of a PDU. Throws PduError. */
export function decodePdu(type: number, body: Buffer): ControlPdu {
  switch (type) {
    case PDU.associateRequest:
      return {
        pdu: 'associate-request',
        ...withIds(decodeAssociate(body, ITEM.proposedContext, decodeProposed)),
        ...foreign(body),
      };
    case PDU.associateAccept:
      return { pdu: 'associate-accept', ...decodeAssociate(body, ITEM.answeredContext, decodeAnswered) };
    case PDU.associateReject:
      return { pdu: 'associate-reject', result: byte(body, 1), source: byte(body, 2), reason: byte(body, 3) };
    case PDU.releaseRequest:
      return { pdu: 'release-request' };
    case PDU.releaseResponse:
      return { pdu: 'release-response' };
    case PDU.abort:
      return { pdu: 'abort', source: byte(body, 2), reason: byte(body, 3) };
    default:
      throw new PduError(`there is no PDU type ${type}`);
  }
}

function byte(body: Buffer, at: number): number {
  if (at >= body.length) throw new PduError(`a PDU ends after ${body.length} bytes, before its byte ${at}`);
  return body[at]!;
}

function decodeAssociate<Context>(
  body: Buffer,
  contextType: number,
  decodeContext: (value: Buffer) => Context,
): AeTitles & UserInformation & { readonly contexts: readonly Context[] } {
  if (body.length < FIXED_PART) throw new PduError(`an A-ASSOCIATE PDU of ${body.length} bytes is too short`);
  const contexts: Context[] = [];
  let user: UserInformation = { maximumLength: 0, implementationClassUID: '', implementationVersionName: '' };
  for (const { type, value } of items(body.subarray(FIXED_PART))) {
    if (type === contextType) contexts.push(decodeContext(value));
    else if (type === ITEM.userInformation) user = decodeUser(value);
  }
  return { calledAETitle: aeTitle(body, 4), callingAETitle: aeTitle(body, 20), contexts, ...user };
}

/** IDs of presentation contexts are odd, and each stands for one (PS3.8 table 9-13). */
function withIds<Request extends { readonly contexts: readonly ProposedContext[] }>(request: Request): Request {
  const ids = request.contexts.map(({ id }) => id);
  if (ids.some((id) => id % 2 === 0)) throw new PduError('a presentation context has an ID that is even');
  if (new Set(ids).size < ids.length) throw new PduError('two presentation contexts have the same ID');
  return request;
}

/** What cannot be spoken with: bodies that are too short are none of its business. */
function foreign(body: Buffer): { foreign?: 'application-context' | 'protocol-version' } {
  if ((body.readUInt16BE(0) & PROTOCOL_VERSION) === 0) return { foreign: 'protocol-version' };
  for (const { type, value } of items(body.subarray(FIXED_PART)))
    if (type === ITEM.applicationContext && uid(value) === APPLICATION_CONTEXT) return {};
  return { foreign: 'application-context' };
}

/** Leading and trailing spaces mean nothing (PS3.8 table 9-11). */
function aeTitle(body: Buffer, at: number): string {
  return body.toString('latin1', at, at + AE_TITLE).replace(/^ +|[ \0]+$/g, '');
}

function* items(bytes: Buffer): Iterable<{ type: number; value: Buffer }> {
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) throw new PduError('an item of a PDU is cut off');
    const end = at + 4 + bytes.readUInt16BE(at + 2);
    if (end > bytes.length) throw new PduError('an item of a PDU says that it is longer than the PDU');
    yield { type: bytes[at]!, value: bytes.subarray(at + 4, end) };
    at = end;
  }
}

function decodeProposed(value: Buffer): ProposedContext {
  let abstractSyntax = '';
  const transferSyntaxes: string[] = [];
  for (const sub of items(contextItems(value))) {
    if (sub.type === ITEM.abstractSyntax) abstractSyntax = uid(sub.value);
    else if (sub.type === ITEM.transferSyntax) transferSyntaxes.push(uid(sub.value));
  }
  return { id: value[0]!, abstractSyntax, transferSyntaxes };
}

function decodeAnswered(value: Buffer): AnsweredContext {
  let transferSyntax = '';
  for (const sub of items(contextItems(value))) if (sub.type === ITEM.transferSyntax) transferSyntax = uid(sub.value);
  return { id: value[0]!, result: value[2]!, transferSyntax };
}

function contextItems(value: Buffer): Buffer {
  if (value.length < 4) throw new PduError('a presentation context is cut off');
  return value.subarray(4);
}

/** Some peers pad UIDs, which PS3.8 does not have. */
function uid(value: Buffer): string {
  return value.toString('latin1').replace(/[ \0]+$/, '');
}

function decodeUser(value: Buffer): UserInformation {
  let maximumLength = 0;
  let implementationClassUID = '';
  let implementationVersionName = '';
  const roles: Role[] = [];
  for (const { type, value: own } of items(value)) {
    if (type === ITEM.maximumLength && own.length >= 4) maximumLength = own.readUInt32BE(0);
    else if (type === ITEM.implementationClassUID) implementationClassUID = uid(own);
    else if (type === ITEM.implementationVersionName) implementationVersionName = uid(own);
    else if (type === ITEM.role) roles.push(decodeRole(own));
  }
  const user = { maximumLength, implementationClassUID, implementationVersionName };
  return roles.length === 0 ? user : { ...user, roles };
}

/** Bytes in front of a fragment: its length, the context, the message control header (PS3.8 9.3.5.1, annex E). */
export const PDV_HEADER = 6;
/** Bytes in front of a fragment that is a P-DATA-TF of its own. */
const DATA_HEADER = PDU_HEADER + PDV_HEADER;

/** What stands in front of a fragment of `length` bytes that goes as a P-DATA-TF of its own. */
export function dataHeader(contextId: number, isCommand: boolean, isLast: boolean, length: number): Buffer {
  const header = Buffer.allocUnsafe(DATA_HEADER);
  header[0] = PDU.data;
  header[1] = 0;
  header.writeUInt32BE(length + PDV_HEADER, 2);
  header.writeUInt32BE(length + 2, PDU_HEADER);
  header[10] = contextId;
  header[11] = (isCommand ? 1 : 0) | (isLast ? 2 : 0);
  return header;
}

/** A fragment as a P-DATA-TF PDU. */
export function encodeData(contextId: number, isCommand: boolean, isLast: boolean, fragment: Buffer): Buffer {
  return Buffer.concat([dataHeader(contextId, isCommand, isLast, fragment.length), fragment]);
}
