// An association as its requestor has it (PS3.8 7, 9.2): the state table of core/dimse driven by a socket and by timers.
// Whatever goes wrong ends this association and nothing else, with one DitagError for everyone who waits for it.
import type net from 'node:net';
import { type CommandSet, decodeCommand, encodeCommand } from '../../core/dimse/command-set.ts';
import {
  type Abort,
  type AnsweredContext,
  type AssociateReject,
  type AssociateRequest,
  decodeData,
  decodePdu,
  encodeData,
  encodePdu,
  PDU,
  PduError,
} from '../../core/dimse/pdu.ts';
import { PduReader, type RawPdu } from '../../core/dimse/pdu-reader.ts';
import { abortText, rejectionText } from '../../core/dimse/reasons.ts';
import { type Event, type State, transition } from '../../core/dimse/state-table.ts';
import { IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME } from '../../core/dimse/uids.ts';
import { type DitagError, ditagError } from '../../core/errors/errors.ts';
import { connect, nameOf, type Peer } from './connection.ts';

/** How long is waited, in milliseconds. */
export interface Patience {
  /** For the connection. */
  readonly connect: number;
  /** For the next answer of the peer. */
  readonly answer: number;
}

const PATIENCE: Patience = { connect: 10_000, answer: 30_000 };
/** The longest P-DATA-TF that is taken. */
const MAXIMUM_LENGTH = 128 * 1024;
/** A whole command set is shorter than this, whatever its peer: PS3.7 knows no long elements in it. */
const MOST_COMMAND = 64 * 1024;
/** The ARTIM timer of PS3.8 9.1.5: how long the peer may take to close the connection (milliseconds). */
const ARTIM = 5_000;

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

export class Association {
  private readonly peer: Peer;
  private readonly patience: Patience;
  private readonly request: AssociateRequest;
  private readonly reader = new PduReader(MAXIMUM_LENGTH);
  private state: State = 1;
  private socket: net.Socket | undefined;
  private artim: NodeJS.Timeout | undefined;
  /** Why it has ended. */
  private failure: DitagError | undefined;
  private opening: Waiter<undefined> | undefined;
  private answering: Waiter<CommandSet> | undefined;
  private releasing: Waiter<undefined> | undefined;
  private command: Buffer[] = [];
  private answered: ReadonlyMap<number, AnsweredContext> = new Map();

  private constructor(peer: Peer, contexts: AssociateRequest['contexts'], patience: Patience) {
    this.peer = peer;
    this.patience = patience;
    this.request = {
      pdu: 'associate-request',
      calledAETitle: peer.calledAETitle,
      callingAETitle: peer.callingAETitle,
      contexts,
      maximumLength: MAXIMUM_LENGTH,
      implementationClassUID: IMPLEMENTATION_CLASS_UID,
      implementationVersionName: IMPLEMENTATION_VERSION_NAME,
    };
  }

  /**
   * Connects and negotiates. Throws `pacs-unreachable`, `pacs-silent`, `association-rejected`, `association-aborted`,
   * `not-dicom`.
   */
  static async open(
    peer: Peer,
    contexts: AssociateRequest['contexts'],
    patience: Patience = PATIENCE,
  ): Promise<Association> {
    const association = new Association(peer, contexts, patience);
    await association.within(patience.answer, (waiter) => {
      association.opening = waiter;
      association.on('ask-associate');
    });
    return association;
  }

  /** What the peer made of a proposed context; undefined where it said nothing of it. */
  context(id: number): AnsweredContext | undefined {
    return this.answered.get(id);
  }

  /** Sends a command without a data set and gives the peer's answer to it. Throws what `open` throws. */
  async ask(contextId: number, command: CommandSet): Promise<CommandSet> {
    const answer = await this.within(this.patience.answer, (waiter: Waiter<CommandSet>) => {
      this.answering = waiter;
      this.on('ask-data', { contextId, command: encodeCommand(command) });
    });
    if (answer.MessageIDBeingRespondedTo !== command.MessageID) {
      this.abort();
      throw this.notDicom('it answered another message than the one that was sent');
    }
    return answer;
  }

  /** Ends it as PS3.8 has it: nothing that was sent is lost. */
  async release(): Promise<void> {
    if (this.state !== 6) return;
    await this.within(this.patience.answer, (waiter: Waiter<undefined>) => {
      this.releasing = waiter;
      this.on('ask-release');
    });
  }

  /** Ends it at once. */
  abort(): void {
    if (this.state !== 1 && this.state !== 13) this.on('ask-abort');
  }

  /** Waits for what `begin` has begun; the peer's silence ends the association. */
  private async within<T>(milliseconds: number, begin: (waiter: Waiter<T>) => void): Promise<T> {
    if (this.failure !== undefined) throw this.failure;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        timer = setTimeout(() => {
          this.fail(ditagError('pacs-silent', { peer: this.name, seconds: String(Math.ceil(milliseconds / 1000)) }));
          this.abort();
        }, milliseconds);
        begin({ resolve, reject });
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** One event of PS3.8 table 9-10, and the action that it brings. */
  private on(event: Event, detail?: RawPdu | { contextId: number; command: Buffer }): void {
    const found = transition(this.state, event);
    if (found === undefined) throw new Error(`PS3.8 has nothing for ${event} in Sta${this.state}`);
    const { action, next } = found;
    // Only AR-8 is left open for a requestor.
    this.state = next ?? 9;
    switch (action) {
      case 'AE-1':
        this.connect();
        break;
      case 'AE-2':
        this.send(encodePdu(this.request));
        break;
      case 'AE-3':
        this.accepted(detail as RawPdu);
        break;
      case 'AE-4':
        this.rejected(decodePdu(PDU.associateReject, (detail as RawPdu).body) as AssociateReject);
        this.close();
        break;
      case 'DT-1': {
        const { contextId, command } = detail as { contextId: number; command: Buffer };
        this.send(encodeData(contextId, true, true, command));
        break;
      }
      case 'DT-2':
      case 'AR-6':
        this.takeData((detail as RawPdu).body);
        break;
      case 'AR-1':
        this.send(encodePdu({ pdu: 'release-request' }));
        break;
      case 'AR-2':
        // The peer wants no more: what waits for it has failed.
        this.fail(ditagError('association-aborted', { peer: this.name, reason: 'it asked for the release' }));
        this.on('answer-release');
        break;
      case 'AR-8':
        this.on('answer-release');
        break;
      case 'AR-9':
        this.send(encodePdu({ pdu: 'release-response' }));
        break;
      case 'AR-4':
        this.send(encodePdu({ pdu: 'release-response' }));
        this.startArtim();
        break;
      case 'AR-3':
        this.releasing?.resolve(undefined);
        this.close();
        break;
      case 'AA-1':
        this.send(encodePdu({ pdu: 'abort', source: 0, reason: 0 }));
        this.startArtim();
        break;
      case 'AA-2':
        this.close();
        break;
      case 'AA-3':
        this.aborted(decodePdu(PDU.abort, (detail as RawPdu).body) as Abort);
        this.close();
        break;
      case 'AA-4':
        this.fail(ditagError('association-aborted', { peer: this.name, reason: 'the connection was lost' }));
        break;
      case 'AA-7':
      case 'AA-8':
        this.send(encodePdu({ pdu: 'abort', source: 2, reason: 2 }));
        this.fail(this.notDicom('it sent a PDU that does not belong there'));
        this.startArtim();
        break;
      case 'AR-5':
        clearTimeout(this.artim);
        break;
      case 'AA-6':
        break;
      default:
        throw new Error(`${action} is not a requestor's`);
    }
  }

  private connect(): void {
    const socket = connect(this.peer, this.patience.connect, {
      connected: () => this.on('connected'),
      failed: (error) => {
        if (this.state !== 4) return;
        this.fail(error);
        this.on('ask-abort');
      },
    });
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => this.take(bytes));
    socket.on('close', () => {
      clearTimeout(this.artim);
      if (this.state !== 1) this.on('closed');
    });
  }

  private take(bytes: Buffer): void {
    try {
      for (const pdu of this.reader.take(bytes)) this.on(EVENTS[pdu.type] ?? 'pdu-unknown', pdu);
    } catch (error) {
      if (!(error instanceof PduError)) throw error;
      this.fail(this.notDicom(error.message));
      // What was to be the last PDU has ended the association, readable or not.
      if (this.state === 1) this.close();
      else this.abort();
    }
  }

  private accepted({ type, body }: RawPdu): void {
    const pdu = decodePdu(type, body);
    if (pdu.pdu !== 'associate-accept') return;
    this.answered = new Map(pdu.contexts.map((context) => [context.id, context]));
    this.opening?.resolve(undefined);
  }

  private rejected(pdu: AssociateReject): void {
    const { calledAETitle: called, callingAETitle: calling } = this.peer;
    this.fail(ditagError('association-rejected', { peer: this.name, reason: rejectionText(pdu), called, calling }));
  }

  private aborted(pdu: Abort): void {
    this.fail(ditagError('association-aborted', { peer: this.name, reason: abortText(pdu) }));
  }

  private takeData(body: Buffer): void {
    for (const { isCommand, isLast, fragment } of decodeData(body)) {
      if (!isCommand) throw new PduError('it sent a data set where none belongs');
      this.command.push(fragment);
      const length = this.command.reduce((sum, part) => sum + part.length, 0);
      if (length > MOST_COMMAND) throw new PduError(`it sent a command set of more than ${MOST_COMMAND} bytes`);
      if (!isLast) continue;
      const command = decodeCommand(Buffer.concat(this.command));
      this.command = [];
      this.answering?.resolve(command);
      this.answering = undefined;
    }
  }

  private send(bytes: Buffer): void {
    this.socket!.write(bytes);
  }

  private startArtim(): void {
    // What was sent goes out before the connection is closed.
    this.socket!.end();
    this.artim = setTimeout(() => {
      if (this.state === 13) this.on('timeout');
    }, ARTIM);
    this.artim.unref();
  }

  private close(): void {
    this.socket?.destroy();
  }

  private fail(error: DitagError): void {
    this.failure ??= error;
    for (const waiter of [this.opening, this.answering, this.releasing]) waiter?.reject(this.failure);
  }

  private notDicom(reason: string): DitagError {
    return ditagError('not-dicom', { peer: this.name, reason });
  }

  private get name(): string {
    return nameOf(this.peer);
  }
}

/** The events that PDUs are, by type. */
const EVENTS: Readonly<Record<number, Event>> = {
  [PDU.associateRequest]: 'pdu-request',
  [PDU.associateAccept]: 'pdu-accept',
  [PDU.associateReject]: 'pdu-reject',
  [PDU.data]: 'pdu-data',
  [PDU.releaseRequest]: 'pdu-release',
  [PDU.releaseResponse]: 'pdu-released',
  [PDU.abort]: 'pdu-abort',
};
