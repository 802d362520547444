// DIMSE messages over an association (PS3.7 6.3, PS3.8 annex E): commands with their data sets, out and in, and which
// answer belongs to which request. The same for the requestor and the acceptor; data sets go by as they come.
import { Buffer } from 'node:buffer';
import type net from 'node:net';
import {
  COMMAND,
  type CommandSet,
  decodeCommand,
  encodeCommand,
  isResponse,
  NO_DATA_SET,
  responseTo,
} from '../../core/dimse/command-set.ts';
import {
  type AnsweredContext,
  type AssociateAccept,
  type AssociateReject,
  type AssociateRequest,
  dataHeader,
  PDV_HEADER,
  PduError,
  type ProposedContext,
  type Role,
} from '../../core/dimse/pdu.ts';
import type { DataPiece } from '../../core/dimse/pdu-reader.ts';
import { isPending } from '../../core/dimse/statuses.ts';
import { type DitagError, ditagError } from '../../core/errors/errors.ts';
import { type AgreedContext, agreed, request } from './agreement.ts';
import type { Peer } from './connection.ts';
import { collector, type DataTaker } from './data-taker.ts';
import { type LayerUser, UpperLayer } from './upper-layer.ts';

/** How long is waited, in milliseconds. */
export interface Patience {
  /** For the connection. */
  readonly connect: number;
  /** For the next answer of the peer, or until it takes the next bytes. */
  readonly answer: number;
}

export const PATIENCE: Patience = { connect: 10_000, answer: 60_000 };
/** For the answer to a C-STORE: a peer may have much to do before it, and to send an instance again does not make it quicker. */
export const STORE_PATIENCE: Patience = { ...PATIENCE, answer: 120_000 };
/** A whole command set is shorter than this, whatever its peer: PS3.7 knows no long elements in it. */
const MOST_COMMAND = 64 * 1024;
/** What a P-DATA-TF of ours has at most, in bytes without its header, where the peer takes any. */
const MOST_SENT = 128 * 1024;
const EMPTY = Buffer.alloc(0);

/** Takes a request of the peer. Gives what takes its data set; where it gives nothing the data set is read and dropped. */
export type RequestTaker = (contextId: number, command: CommandSet) => DataTaker | undefined;

/** What an acceptor makes of a request for an association. */
export interface Acceptor {
  decide(request: AssociateRequest): AssociateAccept | AssociateReject;
  /** It has been accepted: who takes its requests. */
  begin(association: Association): RequestTaker;
  /** It is over. */
  ended(failure: DitagError | undefined): void;
}

interface Waiting {
  readonly messageId: number;
  /** CommandField of the answer (PS3.7 E.1). */
  readonly field: number;
  readonly timer: NodeJS.Timeout;
  readonly onPending: ((command: CommandSet, identifier: Buffer) => void) | undefined;
  resolve(command: CommandSet): void;
  reject(error: Error): void;
}

/** A data set in pieces. */
export type DataSource = Iterable<Buffer> | AsyncIterable<Buffer>;

export class Association {
  /** What the peer made of each context that was proposed; of an acceptor those that it has accepted. */
  answered: ReadonlyMap<number, AnsweredContext> = new Map();
  /** By id, the contexts on which both agree. */
  contexts: ReadonlyMap<number, AgreedContext> = new Map();
  private readonly layer: UpperLayer;
  private readonly patience: Patience;
  private takeRequest: RequestTaker | undefined;
  /** The longest P-DATA-TF that the peer takes. */
  private most = MOST_SENT;
  private failure: DitagError | undefined;
  private hasEnded = false;
  private waiting: Waiting | undefined;
  /** Requests of the peer that are being carried out. */
  private serving = 0;
  /** The peer has not taken yet what it was sent. */
  private isDraining = false;
  private opening: { resolve(): void; reject(error: Error): void } | undefined;
  private releasing: (() => void) | undefined;
  private lastMessageId = 0;
  private sending: Promise<void> | undefined;
  /** Of the message that comes: its command set so far, then who takes its data set. */
  private commandPieces: Buffer[] = [];
  private commandLength = 0;
  private incoming: { contextId: number; taker: DataTaker | undefined } | undefined;

  private constructor(makeLayer: (user: LayerUser) => UpperLayer, patience: Patience, acceptor?: Acceptor) {
    this.patience = patience;
    this.layer = makeLayer({
      asked: (asked) => this.asked(asked, acceptor!),
      accepted: (answer) => this.accepted(answer),
      data: (piece) => this.take(piece),
      ended: (failure) => {
        this.end(failure);
        acceptor?.ended(failure);
      },
    });
  }

  /**
   * Connects and negotiates. Throws `pacs-unreachable`, `pacs-silent`, `association-rejected`, `association-aborted`,
   * `not-dicom`, `tls-failed`; `association-given-up` where `signal` aborts before it stands.
   */
  static async open(
    peer: Peer,
    proposal: { readonly contexts: readonly ProposedContext[]; readonly roles?: readonly Role[] },
    patience: Patience = PATIENCE,
    {
      takeRequest,
      signal,
    }: { readonly takeRequest?: RequestTaker | undefined; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Association> {
    const association = new Association(
      (user) => UpperLayer.open(peer, request(peer, proposal), patience.connect, user),
      patience,
    );
    association.takeRequest = takeRequest;
    const proposed = new Map(proposal.contexts.map((context) => [context.id, context]));
    const timer = association.timer(patience.connect + patience.answer);
    const giveUp = () => {
      association.abort(ditagError('association-given-up', { peer: association.name, reason: 'it was interrupted' }));
    };
    if (signal?.aborted === true) giveUp();
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      if (association.failure !== undefined) throw association.failure;
      await new Promise<void>((resolve, reject) => (association.opening = { resolve, reject }));
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    }
    association.contexts = agreed(proposed, association.answered);
    return association;
  }

  /** Takes a connection that a peer has opened. */
  static accept(
    socket: net.Socket,
    name: string,
    acceptor: Acceptor,
    patience: Patience = STORE_PATIENCE,
  ): Association {
    return new Association((user) => UpperLayer.take(socket, name, user), patience, acceptor);
  }

  /** Who the peer is, in messages. */
  get name(): string {
    return this.layer.name;
  }

  /** When the peer was heard last (performance.now()): now, while it is not the peer that is waited for. */
  get heardAt(): number {
    const isWaiting = this.serving > 0 && !this.isDraining;
    return this.layer.isPaused || isWaiting ? performance.now() : this.layer.heardAt;
  }

  /** Carries out what the peer asks for, which waits for the answer meanwhile and is not silent. */
  async serve<T>(work: () => Promise<T>): Promise<T> {
    this.serving++;
    try {
      return await work();
    } finally {
      this.serving--;
      this.layer.heardAt = performance.now();
    }
  }

  /** Has a peer connected that has not asked for an association yet? */
  get awaitsRequest(): boolean {
    return this.layer.awaitsRequest;
  }

  /** Is nothing but the close of the connection waited for? */
  get isOver(): boolean {
    return this.layer.isOver;
  }

  /** Since when a PDU of it has been on its way (performance.now()). */
  get pduSince(): number | undefined {
    return this.layer.isPaused ? undefined : this.layer.pduSince;
  }

  /** Resolves when the connection is closed. */
  get closed(): Promise<void> {
    return this.layer.closed;
  }

  get isOpen(): boolean {
    return !this.hasEnded;
  }

  /** A number for the next request. */
  nextMessageId(): number {
    this.lastMessageId = (this.lastMessageId % 65_535) + 1;
    return this.lastMessageId;
  }

  /**
   * Sends a request and gives the final answer to it; answers before that go to `onPending`, with their data set. One at a
   * time. Throws what `open` throws; where the data set cannot be read to its end, that is thrown, and the
   * association is aborted unless nothing of it was sent.
   */
  async request(
    contextId: number,
    command: CommandSet,
    dataSet?: DataSource,
    onPending?: (command: CommandSet, identifier: Buffer) => void,
  ): Promise<CommandSet> {
    if (this.failure !== undefined) throw this.failure;
    const timer = this.timer(this.patience.answer);
    const answer = new Promise<CommandSet>((resolve, reject) => {
      const field = responseTo(command).CommandField!;
      this.waiting = { messageId: command.MessageID!, field, timer, onPending, resolve, reject };
    });
    // It is waited for only when all is sent; until then nobody else sees that it failed.
    answer.catch(() => {});
    try {
      await this.send(contextId, command, dataSet);
      return await answer;
    } finally {
      clearTimeout(timer);
      this.waiting = undefined;
    }
  }

  /** Small messages that are sent from now on go out together, a moment later. */
  gather(): void {
    this.layer.gather();
  }

  /** Sends a message. Throws what `request` throws. */
  async send(contextId: number, command: CommandSet, dataSet?: DataSource): Promise<void> {
    while (this.sending !== undefined) await this.sending;
    const turn = Promise.withResolvers<void>();
    this.sending = turn.promise;
    const progress = { isBegun: false };
    try {
      await this.sendAll(contextId, command, dataSet, progress);
    } catch (error) {
      // Half a message has no end: nothing can follow it.
      if (progress.isBegun) this.abort();
      throw error;
    } finally {
      this.sending = undefined;
      turn.resolve();
    }
  }

  /** Has the peer cancel what it was asked for (PS3.7 9.3.2.3); its answer still comes. */
  async cancel(contextId: number, messageId: number): Promise<void> {
    await this.send(contextId, {
      CommandField: COMMAND.cancelRequest,
      MessageIDBeingRespondedTo: messageId,
      CommandDataSetType: NO_DATA_SET,
    });
  }

  /** Ends it as PS3.8 has it: nothing that was sent is lost. Throws what `open` throws. */
  async release(): Promise<void> {
    const timer = this.timer(this.patience.answer);
    try {
      await new Promise<void>((resolve) => {
        this.releasing = resolve;
        if (!this.layer.release()) resolve();
      });
    } finally {
      clearTimeout(timer);
    }
    if (this.failure !== undefined) throw this.failure;
  }

  /** Ends it at once. @param failure what those who wait are told */
  abort(failure?: DitagError): void {
    this.layer.abort(failure);
  }

  private timer(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => {
      const seconds = String(Math.ceil(milliseconds / 1000));
      this.abort(ditagError('pacs-silent', { peer: this.name, seconds }));
    }, milliseconds);
  }

  private async sendAll(
    contextId: number,
    command: CommandSet,
    dataSet: DataSource | undefined,
    progress: { isBegun: boolean },
  ): Promise<void> {
    let out: Buffer[] = [];
    this.fragment(out, contextId, true, encodeCommand(command), true);
    if (dataSet !== undefined) {
      let held: Buffer | undefined;
      for await (const piece of dataSet) {
        if (piece.length === 0) continue;
        // Every fragment has an even length, as a data set has: DCMTK ends the association over another one.
        const odd: number = (held?.length ?? 0) % 2;
        if (held !== undefined) {
          this.fragment(out, contextId, false, held.subarray(0, held.length - odd), false);
          progress.isBegun = true;
          await this.flush(out);
          out = [];
        }
        held = odd === 1 ? Buffer.concat([held!.subarray(-1), piece]) : piece;
      }
      this.fragment(out, contextId, false, held ?? EMPTY, true);
    }
    progress.isBegun = true;
    await this.flush(out);
  }

  private fragment(out: Buffer[], contextId: number, isCommand: boolean, bytes: Buffer, isLast: boolean): void {
    // An even number of bytes, as some peers insist.
    const most = (this.most - PDV_HEADER) & ~1;
    for (let at = 0; at < bytes.length || (at === 0 && isLast); at += most) {
      const part = bytes.subarray(at, at + most);
      out.push(dataHeader(contextId, isCommand, isLast && at + most >= bytes.length, part.length), part);
    }
  }

  private async flush(buffers: readonly Buffer[]): Promise<void> {
    if (!this.layer.send(buffers)) {
      // From now on it is the peer that is waited for.
      this.layer.heardAt = performance.now();
      this.isDraining = true;
      await this.layer.drained();
      this.isDraining = false;
    }
    this.waiting?.timer.refresh();
    if (this.failure !== undefined) throw this.failure;
    // A peer that takes what it is sent, such as many answers, is there.
    this.layer.heardAt = performance.now();
  }

  private asked(request: AssociateRequest, acceptor: Acceptor): void {
    const decision = acceptor.decide(request);
    if (decision.pdu === 'associate-reject') {
      this.layer.reject(decision);
      return;
    }
    this.answered = new Map(decision.contexts.map((context) => [context.id, context]));
    this.contexts = agreed(new Map(request.contexts.map((context) => [context.id, context])), this.answered);
    this.use(request.maximumLength);
    this.takeRequest = acceptor.begin(this);
    this.layer.accept(decision);
  }

  private accepted(answer: AssociateAccept): void {
    this.answered = new Map(answer.contexts.map((context) => [context.id, context]));
    this.use(answer.maximumLength);
    this.opening?.resolve();
  }

  private use(maximumLength: number): void {
    if (maximumLength > 0 && maximumLength < PDV_HEADER + 2)
      throw new PduError(`it takes PDUs of at most ${maximumLength} bytes, into which nothing fits`);
    this.most = maximumLength === 0 ? MOST_SENT : Math.min(maximumLength, MOST_SENT);
  }

  private take(piece: DataPiece): void {
    if (piece.isCommand) this.takeCommand(piece);
    else this.takeData(piece);
  }

  private takeCommand({ contextId, bytes, isEnd }: DataPiece): void {
    if (this.incoming !== undefined) throw new PduError('it sent a command set where a data set has not ended');
    this.commandLength += bytes.length;
    if (this.commandLength > MOST_COMMAND)
      throw new PduError(`it sent a command set of more than ${MOST_COMMAND} bytes`);
    // Empty ones would never be too many bytes.
    if (bytes.length > 0) this.commandPieces.push(isEnd ? bytes : Buffer.from(bytes));
    if (!isEnd) return;
    const pieces = this.commandPieces;
    this.commandPieces = [];
    this.commandLength = 0;
    const command = decodeCommand(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
    if (!this.contexts.has(contextId) && !this.answered.has(contextId))
      throw new PduError('it sent a message in a presentation context that was not agreed on');
    const hasDataSet = (command.CommandDataSetType ?? NO_DATA_SET) !== NO_DATA_SET;
    if (isResponse(command)) this.takeResponse(contextId, command, hasDataSet);
    else {
      if (this.takeRequest === undefined) throw new PduError('it sent a request where only answers belong');
      const taker = this.takeRequest(contextId, command);
      if (hasDataSet) this.incoming = { contextId, taker };
    }
  }

  private takeResponse(contextId: number, command: CommandSet, hasDataSet: boolean): void {
    const { waiting } = this;
    if (waiting === undefined) throw new PduError('it answered where nothing was asked');
    if (command.CommandField !== waiting.field) throw new PduError('it answered with the response of another service');
    if (command.MessageIDBeingRespondedTo !== waiting.messageId)
      throw new PduError('it answered another message than the one that was sent');
    waiting.timer.refresh();
    const done = (identifier: Buffer) => {
      if (isPending(command.Status)) waiting.onPending?.(command, identifier);
      else waiting.resolve(command);
    };
    if (hasDataSet) this.incoming = { contextId, taker: collector(done) };
    else done(EMPTY);
  }

  private takeData({ contextId, bytes, isEnd }: DataPiece): void {
    const { incoming } = this;
    if (incoming === undefined) throw new PduError('it sent a data set where none belongs');
    if (contextId !== incoming.contextId)
      throw new PduError('it sent a data set in another presentation context than its command');
    const { taker } = incoming;
    this.waiting?.timer.refresh();
    if (isEnd) this.incoming = undefined;
    if (taker === undefined) return;
    if (bytes.length > 0 && !taker.write(bytes)) {
      this.layer.pause();
      void taker.drained().then(() => this.layer.resume());
    }
    if (isEnd) taker.end();
  }

  private end(failure: DitagError | undefined): void {
    this.hasEnded = true;
    this.failure = failure;
    const over = failure ?? ditagError('association-aborted', { peer: this.name, reason: 'it has ended' });
    this.waiting?.reject(over);
    this.opening?.reject(over);
    this.releasing?.();
    this.incoming?.taker?.lost();
    this.incoming = undefined;
  }
}
