// The upper layer of one association (PS3.8 7, 9.2), for its requestor and its acceptor: the state table of core/dimse
// driven by a socket and by timers. Whatever goes wrong ends this association and nothing else; why it has ended is told
// once, as a DitagError.
import { Buffer } from 'node:buffer';
import type net from 'node:net';
import { TLSSocket } from 'node:tls';
import {
  type Abort,
  type AssociateAccept,
  type AssociateReject,
  type AssociateRequest,
  decodePdu,
  encodePdu,
  PDU,
  PduError,
} from '../../core/dimse/pdu.ts';
import { type DataPiece, isData, PduReader, type RawPdu } from '../../core/dimse/pdu-reader.ts';
import { abortText, rejectionText } from '../../core/dimse/reasons.ts';
import { type Event, type State, transition } from '../../core/dimse/state-table.ts';
import { DitagError, ditagError } from '../../core/errors/errors.ts';
import { connect, nameOf, type Peer } from './connection.ts';

/** The longest P-DATA-TF that is taken, in bytes without its header. */
export const MAXIMUM_LENGTH = 128 * 1024;
/** The ARTIM timer of PS3.8 9.1.5: how long the peer may take to ask for the association, or to close it (milliseconds). */
const ARTIM = 5_000;
/** Source and reasons of PS3.8 table 9-21 that may be about AE titles: no reason given, calling and called not recognized. */
const BY_USER = 1;
const ABOUT_TITLES: ReadonlySet<number> = new Set([1, 3, 7]);
/** The result "rejected-transient" of PS3.8 table 9-21. */
const TRANSIENT = 2;
/** Source and reasons of an A-ABORT (PS3.8 table 9-26). */
const BY_PROVIDER = 2;
const UNRECOGNIZED_PDU = 1;
const UNEXPECTED_PDU = 2;
const INVALID_PARAMETER_VALUE = 6;
/** Up to so many bytes, copying them together costs less than handing over their pieces. */
const SMALL = 4096;

/** Whoever uses the layer hears of it. */
export interface LayerUser {
  /** The peer asks for the association: `accept` or `reject` answers it. */
  asked(request: AssociateRequest): void;
  accepted(answer: AssociateAccept): void;
  /** Throws PduError for what does not belong there. */
  data(piece: DataPiece): void;
  /** It is over: by the release of either side, or for a reason. Called once. */
  ended(failure: DitagError | undefined): void;
}

type Detail = RawPdu | DataPiece | AssociateAccept | AssociateReject | readonly Buffer[];

export class UpperLayer {
  /** Who the peer is, in messages. */
  readonly name: string;
  /** When the peer was heard last, and since when a PDU of it has been on its way (milliseconds, performance.now()). */
  heardAt = performance.now();
  private isGathering = false;
  pduSince: number | undefined;
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>;
  private readonly user: LayerUser;
  private readonly isRequestor: boolean;
  private readonly reader = new PduReader(MAXIMUM_LENGTH);
  private readonly close = Promise.withResolvers<void>();
  private state: State = 1;
  private socket: net.Socket | undefined;
  private artim: NodeJS.Timeout | undefined;
  /** What the peer is told where this side aborts because of what it has sent. */
  private abortReason = UNEXPECTED_PDU;
  private request: AssociateRequest | undefined;
  private hasEnded = false;
  private failure: DitagError | undefined;
  private wasAccepted = false;
  /** Ends the wait for the peer to take what was sent. */
  private draining: (() => void) | undefined;
  private counted = 0;

  private constructor(name: string, isRequestor: boolean, user: LayerUser) {
    this.name = name;
    this.isRequestor = isRequestor;
    this.user = user;
    this.closed = this.close.promise;
  }

  /** Connects to a peer and asks it for an association. Throws `tls-failed`. @param milliseconds for the connection */
  static open(peer: Peer, request: AssociateRequest, milliseconds: number, user: LayerUser): UpperLayer {
    const layer = new UpperLayer(nameOf(peer), true, user);
    layer.request = request;
    layer.on('ask-associate');
    layer.use(
      connect(peer, milliseconds, {
        connected: () => layer.on('connected'),
        failed: (error) => {
          if (layer.state !== 4) return;
          layer.end(error);
          layer.on('ask-abort');
        },
        refused: (error) => layer.end(error),
      }),
    );
    return layer;
  }

  /** Takes a connection that a peer has opened. @param name who it is, in messages */
  static take(socket: net.Socket, name: string, user: LayerUser): UpperLayer {
    const layer = new UpperLayer(name, false, user);
    socket.setNoDelay(true);
    layer.on('connection-indicated');
    layer.use(socket);
    // The socket's close tells of it.
    socket.on('error', () => {});
    return layer;
  }

  accept(answer: AssociateAccept): void {
    if (this.state === 3) this.on('answer-accept', answer);
  }

  reject(answer: AssociateReject): void {
    if (this.state === 3) this.on('answer-reject', answer);
  }

  /** Sends P-DATA-TF PDUs. False: the peer is slower than we are; `drained` says when it has caught up. Throws why the association has ended. */
  send(buffers: readonly Buffer[]): boolean {
    if (this.state !== 6 && this.state !== 8) throw this.failure ?? this.abortedFor('it was ended');
    this.on('ask-data', buffers);
    return !this.socket!.writableNeedDrain;
  }

  /** What is sent from now on goes out together, when others have had their turn: for many small messages. */
  gather(): void {
    const { socket } = this;
    if (this.isGathering || socket === undefined) return;
    this.isGathering = true;
    socket.cork();
    setImmediate(() => {
      this.isGathering = false;
      socket.uncork();
    });
  }

  /** Resolves when what was sent has gone out, or the association has ended. */
  drained(): Promise<void> {
    const socket = this.socket!;
    if (!socket.writableNeedDrain || this.hasEnded) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        socket.off('drain', done).off('close', done);
        if (this.draining === done) this.draining = undefined;
        resolve();
      };
      socket.on('drain', done).on('close', done);
      this.draining = done;
    });
  }

  /** Takes nothing more from the peer until `resume`. */
  pause(): void {
    this.socket?.pause();
  }

  resume(): void {
    this.heardAt = performance.now();
    this.pduSince = undefined;
    this.socket?.resume();
  }

  get isPaused(): boolean {
    return this.socket?.isPaused() ?? false;
  }

  /** Asks the peer for the end: nothing that was sent is lost. False where there is no association to end. */
  release(): boolean {
    if (this.state !== 6) return false;
    this.on('ask-release');
    return true;
  }

  /** Ends it at once. @param failure what its user is told */
  abort(failure?: DitagError): void {
    if (failure !== undefined) this.end(failure);
    if (this.state !== 1 && this.state !== 2 && this.state !== 13) this.on('ask-abort');
    else if (this.state === 2) this.on('timeout');
    this.end(ditagError('association-given-up', { peer: this.name, reason: 'it was not wanted any more' }));
  }

  /** One event of PS3.8 table 9-10, and the action that it brings. */
  private on(event: Event, detail?: Detail): void {
    const found = transition(this.state, event);
    if (found === undefined) throw new Error(`PS3.8 has nothing for ${event} in Sta${this.state}`);
    const { action, next } = found;
    // AE-6 always asks the user; AR-8 depends on who has asked for the association.
    this.state = next ?? (action === 'AE-6' ? 3 : this.isRequestor ? 9 : 10);
    switch (action) {
      case 'AE-1':
        break;
      case 'AE-2':
        this.write(encodePdu(this.request!));
        break;
      case 'AE-3':
        this.wasAccepted = true;
        this.user.accepted(decodePdu(PDU.associateAccept, (detail as RawPdu).body) as AssociateAccept);
        break;
      case 'AE-4':
        this.rejected(decodePdu(PDU.associateReject, (detail as RawPdu).body) as AssociateReject);
        this.socket!.destroy();
        break;
      case 'AE-5':
        this.startArtim();
        break;
      case 'AE-6':
        clearTimeout(this.artim);
        this.user.asked(decodePdu(PDU.associateRequest, (detail as RawPdu).body) as AssociateRequest);
        break;
      case 'AE-7':
        this.write(encodePdu(detail as AssociateAccept));
        break;
      case 'AE-8':
        this.write(encodePdu(detail as AssociateReject));
        this.end(undefined);
        this.closeSoon();
        break;
      case 'DT-1':
      case 'AR-7':
        this.writeAll(detail as readonly Buffer[]);
        break;
      case 'DT-2':
      case 'AR-6':
        this.user.data(detail as DataPiece);
        break;
      case 'AR-1':
        this.write(encodePdu({ pdu: 'release-request' }));
        break;
      case 'AR-2':
        // Whoever still waits for something of the peer has waited in vain.
        this.end(this.isRequestor ? this.abortedFor('it asked for the release') : undefined);
        this.on('answer-release');
        break;
      case 'AR-8':
        if (this.isRequestor) this.on('answer-release');
        break;
      case 'AR-9':
        this.write(encodePdu({ pdu: 'release-response' }));
        break;
      case 'AR-10':
        this.on('answer-release');
        break;
      case 'AR-4':
        this.write(encodePdu({ pdu: 'release-response' }));
        this.end(undefined);
        this.closeSoon();
        break;
      case 'AR-3':
        this.end(undefined);
        this.socket!.destroy();
        break;
      case 'AA-1':
        this.write(encodePdu({ pdu: 'abort', source: 0, reason: 0 }));
        this.closeSoon();
        break;
      case 'AA-2':
        this.end(this.abortedFor('it was not begun'));
        this.socket?.destroy();
        break;
      case 'AA-3': {
        const { body } = detail as RawPdu;
        this.end(this.abortedFor(abortText(decodePdu(PDU.abort, body) as Abort)));
        this.socket!.destroy();
        break;
      }
      case 'AA-4':
      case 'AA-5':
        this.end(this.abortedFor(this.lossText()));
        break;
      case 'AA-7':
      case 'AA-8':
        this.write(encodePdu({ pdu: 'abort', source: BY_PROVIDER, reason: this.abortReason }));
        this.end(this.notDicom('it sent a PDU that does not belong there'));
        this.closeSoon();
        break;
      case 'AR-5':
      case 'AA-6':
        break;
    }
  }

  private use(socket: net.Socket): void {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => this.take(bytes));
    socket.on('close', () => {
      clearTimeout(this.artim);
      if (this.state !== 1) this.on('closed');
      this.close.resolve();
    });
  }

  private take(bytes: Buffer): void {
    const { reader } = this;
    try {
      for (const read of reader.take(bytes)) {
        const event = isData(read) ? 'pdu-data' : EVENTS[read.type];
        if (event === undefined) this.abortReason = UNRECOGNIZED_PDU;
        this.on(event ?? 'pdu-unknown', read);
        if (this.state === 1) return;
      }
    } catch (error) {
      // A fault of ours costs this association, not those of others. Its message may hold what the peer sent.
      this.end(error instanceof PduError ? this.notDicom(error.message) : this.abortedFor(faultOf(error)));
      // What was to be the last PDU has ended the association, readable or not.
      if (this.state === 1) this.socket!.destroy();
      else {
        if (error instanceof PduError) this.abortReason = INVALID_PARAMETER_VALUE;
        this.on('pdu-unknown');
      }
      // What follows what cannot be read cannot be read either.
      this.socket!.removeAllListeners('data').resume();
    }
    giveBack(bytes);
    this.heardAt = performance.now();
    if (!reader.isWithin) this.pduSince = undefined;
    else if (this.pduSince === undefined || reader.count !== this.counted) this.pduSince = this.heardAt;
    this.counted = reader.count;
  }

  /** Has a peer connected that has not asked for an association yet? */
  get awaitsRequest(): boolean {
    return this.state === 2;
  }

  /** Is nothing but the close of the connection waited for? */
  get isOver(): boolean {
    return this.state === 13;
  }

  private rejected(pdu: AssociateReject): void {
    const { calledAETitle, callingAETitle } = this.request!;
    const isTransient = pdu.result === TRANSIENT;
    const titles = `It was called as ${calledAETitle} by ${callingAETitle}; the AE titles have to be as the PACS has them.`;
    const isAboutTitles = pdu.source === BY_USER && ABOUT_TITLES.has(pdu.reason);
    const advice = isTransient ? 'It may take one in a while.' : isAboutTitles ? titles : 'Ask those who run it.';
    const error = ditagError('association-rejected', { peer: this.name, reason: rejectionText(pdu), advice });
    this.end(isTransient ? new DitagError(error.code, error.message, { retry: 'later' }) : error);
  }

  private write(bytes: Buffer): void {
    this.socket!.write(bytes);
  }

  /** As one system call. */
  private writeAll(buffers: readonly Buffer[]): void {
    const socket = this.socket!;
    const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
    if (length <= SMALL) {
      socket.write(Buffer.concat(buffers, length));
      return;
    }
    socket.cork();
    for (const buffer of buffers) socket.write(buffer);
    socket.uncork();
  }

  /** What was sent goes out before the connection is closed. */
  private closeSoon(): void {
    this.socket!.end();
    // It may be that nobody takes what comes: the peer's close is to be seen all the same.
    this.socket!.resume();
    this.startArtim();
  }

  private startArtim(): void {
    clearTimeout(this.artim);
    this.artim = setTimeout(() => {
      if (this.state === 2 || this.state === 13) this.on('timeout');
    }, ARTIM);
    this.artim.unref();
  }

  private end(failure: DitagError | undefined): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.failure = failure;
    this.user.ended(failure);
    this.draining?.();
  }

  /** Many peers close the connection without a word when they do not trust the certificate that they have asked for. */
  private lossText(): string {
    if (!this.isRequestor || this.wasAccepted) return 'the connection was lost';
    const wanted = this.socket instanceof TLSSocket ? 'a certificate of ditag that it trusts' : 'TLS';
    return `the connection was lost before an answer; it may want ${wanted}`;
  }

  private abortedFor(reason: string): DitagError {
    return ditagError('association-aborted', { peer: this.name, reason });
  }

  private notDicom(reason: string): DitagError {
    return ditagError('not-dicom', { peer: this.name, reason });
  }
}

/** Smaller ones are left to the garbage collector. */
const LEAST_GIVEN_BACK = 16 * 1024;

/**
 * Frees the memory of what a socket gave, which nobody holds any more. The garbage collector would do it too, but goes
 * through the whole heap for every 64 MB of such memory: that costs more than all else that is done with a large instance.
 */
function giveBack({ buffer, byteLength }: Buffer): void {
  // Of a buffer that is a part of another one nothing may be said.
  if (byteLength >= LEAST_GIVEN_BACK && buffer.byteLength === byteLength) (buffer as ArrayBuffer).transfer(0);
}

/** The events that PDUs are, by type. */
const EVENTS: Readonly<Record<number, Event>> = {
  [PDU.associateRequest]: 'pdu-request',
  [PDU.associateAccept]: 'pdu-accept',
  [PDU.associateReject]: 'pdu-reject',
  [PDU.releaseRequest]: 'pdu-release',
  [PDU.releaseResponse]: 'pdu-released',
  [PDU.abort]: 'pdu-abort',
};

/** What went wrong, and where in the program. */
function faultOf(error: unknown): string {
  const { name, stack = '' } = error instanceof Error ? error : new Error();
  const [, place = ''] = /\n\s+at (\S+)/.exec(stack) ?? [];
  return `a fault in ditag: ${name} in ${place}`;
}
