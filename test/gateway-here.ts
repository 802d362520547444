// A gateway in this process for tests: the listener, the service and the real store, and what to look at afterwards.
// And a peer on a real socket that says what it is told to say, right or wrong.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DimseListener, type ListenerLimits, type ServerTls } from '../adapters/dimse/listener.ts';
import { FilesystemInstanceStore } from '../adapters/filesystem/instance-store.ts';
import { COMMAND, type CommandSet, decodeCommand, encodeCommand, MEDIUM } from '../core/dimse/command-set.ts';
import { dataSetStart } from '../core/dimse/file-meta.ts';
import { type ControlPdu, decodePdu, encodeData, encodePdu, type Role } from '../core/dimse/pdu.ts';
import { isData, PduReader } from '../core/dimse/pdu-reader.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN, STUDY_ROOT_FIND, STUDY_ROOT_MOVE, VERIFICATION } from '../core/dimse/uids.ts';
import type { StoredInstance } from '../core/ports/instance-store.ts';
import type { PeerRight } from '../core/ports/scp.ts';
import { Gateway } from '../services/dimse-gateway/app.ts';
import { element, encode, encodingOf } from './reader/dicom-bytes.ts';

export const CT = '1.2.840.10008.5.1.4.1.1.2';
/** Nothing that is waited for takes longer (milliseconds). */
const LONGEST = 10_000;

export interface GatewayHere {
  readonly port: number;
  readonly listener: DimseListener;
  readonly gateway: Gateway;
  /** What was stored, in its order. */
  readonly received: readonly StoredInstance[];
  /** What was logged. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  /** The file of what was stored, and its data set. */
  fileOf(stored: StoredInstance): string;
  dataSet(stored: StoredInstance): Buffer;
  /** Files of the archive, and those on their way in. */
  files(): { archive: string[]; incoming: string[] };
  close(): Promise<void>;
}

export interface GatewayHereOptions {
  readonly peers?: readonly string[];
  /** What each of them may do; `store` if it is not said. */
  readonly rights?: readonly PeerRight[];
  readonly limits?: Partial<ListenerLimits>;
  readonly tls?: ServerTls;
}

/** Starts one, which ends with the test. */
export async function startGateway(t: TestContext, options: GatewayHereOptions = {}): Promise<GatewayHere> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-test-'));
  const store = FilesystemInstanceStore.open(folder, { sync: false });
  const received: StoredInstance[] = [];
  const lines: Record<string, unknown>[] = [];
  const log = (details: Readonly<Record<string, unknown>>, message: string) => void lines.push({ ...details, message });
  const rights = new Set<PeerRight>(options.rights ?? ['store']);
  const peers = new Map(
    (options.peers ?? ['PEER']).map((aeTitle) => [
      aeTitle,
      { aeTitle, addresses: new Set(['127.0.0.1']), rights, associations: 100 },
    ]),
  );
  const gateway = new Gateway(
    {
      store,
      received: (stored) => void received.push(stored),
      openIndex: async () => undefined,
      files: { open: () => Promise.reject(new Error('there are none')) },
      openPeer: () => assert.fail('nothing is moved'),
      log: { info: log, warn: log },
    },
    { aeTitle: 'DITAG', peers, associations: 100 },
  );
  const { limits, tls } = options;
  const listener = await DimseListener.open(gateway, {
    ...{ host: '127.0.0.1', port: 0, tls },
    ...(limits === undefined ? {} : { limits }),
  });
  const fileOf = (stored: StoredInstance) => path.join(store.archive, stored.path);
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= listener.close().then(() => store.close()));
  t.after(async () => {
    await close();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  return {
    ...{ port: listener.port, listener, gateway, received, lines, close },
    fileOf,
    dataSet: (stored) => {
      const bytes = fs.readFileSync(fileOf(stored));
      return bytes.subarray(dataSetStart(bytes));
    },
    files: () => ({ archive: filesOf(store.archive), incoming: filesOf(path.join(folder, 'incoming')) }),
  };
}

/** Files below a folder, without those that keep other processes away. */
export function filesOf(root: string): string[] {
  return fs
    .readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.lock'))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** Waits until it is so; fails, saying what was found last, where that takes too long. */
export async function until<T>(look: () => T, isSo: (found: T) => boolean, what: string): Promise<T> {
  for (const start = performance.now(); ; ) {
    const found = look();
    if (isSo(found)) return found;
    if (performance.now() - start > LONGEST) throw new Error(`${what}: still ${JSON.stringify(found)}`);
    await sleep(10);
  }
}

/** Descriptors that this process has open. */
export function descriptors(): number {
  return fs.readdirSync('/proc/self/fd').length;
}

/** A data set with an identity and pixels. */
export function ctDataSet(SOPInstanceUID: string, pixels = 200, fill = 'x', SOPClassUID = CT): Buffer {
  const parts = [
    element(0x00080016, 'UI', SOPClassUID),
    element(0x00080018, 'UI', SOPInstanceUID),
    element(0x00100010, 'PN', 'Doe^Jane'),
    element(0x0020000d, 'UI', '1.2.3'),
    element(0x0020000e, 'UI', '1.2.3.4'),
    element(0x7fe00010, 'OW', Buffer.alloc(pixels, fill)),
  ];
  return encode(parts, encodingOf(EXPLICIT_VR_LITTLE_ENDIAN));
}

/** Presentation contexts that RawPeer proposes: one is refused, and those of queries where the peer may not ask. */
export const ID = { verification: 1, ct: 3, refused: 5, find: 7, move: 9 } as const;

export function associateRequest(maximumLength = 0, roles: readonly Role[] = [], callingAETitle = 'PEER'): Buffer {
  const transferSyntaxes = [EXPLICIT_VR_LITTLE_ENDIAN];
  return encodePdu({
    pdu: 'associate-request',
    calledAETitle: 'DITAG',
    callingAETitle,
    contexts: [
      { id: ID.verification, abstractSyntax: VERIFICATION, transferSyntaxes },
      { id: ID.ct, abstractSyntax: CT, transferSyntaxes },
      { id: ID.refused, abstractSyntax: '1.2.840.10008.1.20.1', transferSyntaxes },
      { id: ID.find, abstractSyntax: STUDY_ROOT_FIND, transferSyntaxes },
      { id: ID.move, abstractSyntax: STUDY_ROOT_MOVE, transferSyntaxes },
    ],
    maximumLength,
    roles,
    implementationClassUID: '1.2.3',
    implementationVersionName: 'RAW',
  });
}

export const RELEASE = encodePdu({ pdu: 'release-request' });
export const ABORT = encodePdu({ pdu: 'abort', source: 0, reason: 0 });

/** A command set in one fragment. */
export function commandOf(command: CommandSet, id: number = ID.ct): Buffer {
  return encodeData(id, true, true, encodeCommand(command));
}

export function echoCommand(MessageID = 1): CommandSet {
  return {
    AffectedSOPClassUID: VERIFICATION,
    CommandField: COMMAND.echoRequest,
    MessageID,
    CommandDataSetType: 0x0101,
  };
}

export function storeCommand(AffectedSOPInstanceUID: string, MessageID = 1): CommandSet {
  return {
    ...{ AffectedSOPClassUID: CT, CommandField: COMMAND.storeRequest, MessageID, Priority: MEDIUM },
    ...{ CommandDataSetType: 1, AffectedSOPInstanceUID },
  };
}

/** The fragments of a data set. */
export function dataOf(bytes: Buffer, id: number = ID.ct, isLast = true): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16_000) {
    const end = at + 16_000;
    parts.push(encodeData(id, false, isLast && end >= bytes.length, bytes.subarray(at, end)));
  }
  return Buffer.concat(parts);
}

export type Heard = ControlPdu | { readonly pdu: 'message'; readonly command: CommandSet } | { readonly pdu: 'closed' };

export class RawPeer {
  readonly socket: net.Socket;
  private readonly reader = new PduReader(2 ** 31);
  private readonly heard: Heard[] = [];
  private wake: () => void = () => {};
  private pieces: Buffer[] = [];

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    const put = (one: Heard) => {
      this.heard.push(one);
      this.wake();
    };
    socket.on('error', () => {});
    socket.on('close', () => put({ pdu: 'closed' }));
    socket.on('data', (bytes: Buffer) => {
      for (const read of this.reader.take(bytes)) {
        if (!isData(read)) put(decodePdu(read.type, read.body));
        else {
          this.pieces.push(read.bytes);
          if (!read.isEnd) continue;
          put({ pdu: 'message', command: decodeCommand(Buffer.concat(this.pieces)) });
          this.pieces = [];
        }
      }
    });
  }

  static async connect(port: number): Promise<RawPeer> {
    const socket = net.connect(port, '127.0.0.1');
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new RawPeer(socket);
  }

  /** With an association. */
  static async associate(port: number): Promise<RawPeer> {
    const peer = await RawPeer.connect(port);
    peer.send(associateRequest());
    const { pdu } = await peer.next();
    if (pdu !== 'associate-accept') throw new Error(`${pdu} instead of an association`);
    return peer;
  }

  send(...parts: readonly Buffer[]): boolean {
    return this.socket.write(Buffer.concat(parts));
  }

  /** The next PDU or message that comes, or the end of the connection. */
  async next(): Promise<Heard> {
    const deadline = performance.now() + LONGEST;
    while (this.heard.length === 0) {
      const left = deadline - performance.now();
      if (left <= 0) throw new Error('nothing was heard');
      await Promise.race([
        new Promise<void>((resolve) => (this.wake = resolve)),
        sleep(left, undefined, { ref: false }),
      ]);
    }
    return this.heard.shift()!;
  }

  /** All that comes until the connection ends. */
  async rest(): Promise<string[]> {
    for (const all: string[] = []; ; ) {
      const { pdu } = await this.next();
      if (pdu === 'closed') return all;
      all.push(pdu);
    }
  }

  /** The command set of the next message. */
  async answer(): Promise<CommandSet> {
    const heard = await this.next();
    if (heard.pdu !== 'message') throw new Error(`${heard.pdu} instead of an answer`);
    return heard.command;
  }
}
