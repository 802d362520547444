// Takes the connections of peers (PS3.8 9.1), with or without TLS, and serves an association over each. What one of them
// does costs no more than itself: there are limits for their number, for silence, for a PDU, and for all.
import net from 'node:net';
import tls from 'node:tls';
import { ditagError } from '../../core/errors/errors.ts';
import { listenFailure } from '../../core/errors/listen-failure.ts';
import type { Scp } from '../../core/ports/scp.ts';
import { Association } from './association.ts';
import type { TlsMaterial } from './connection.ts';
import { ScpAssociation } from './scp-association.ts';

/** Numbers of associations, and times in milliseconds. */
export interface ListenerLimits {
  /** Connections at a time; further ones are closed at once. */
  readonly connections: number;
  /** A peer that says nothing for so long is not waited for. */
  readonly idle: number;
  /** So long a PDU may be on its way: a peer that sends byte by byte does not hold an association for ever. */
  readonly pdu: number;
  /** So long an association may last. */
  readonly total: number;
}

export const LIMITS: ListenerLimits = { connections: 64, idle: 120_000, pdu: 60_000, total: 24 * 3_600_000 };

/** For TLS 1.2 or newer (PS3.15 B.9, B.10), in PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** Whom peers' certificates have to be signed by; undefined: peers need none. */
  readonly ca?: string;
}

/** Who has a certificate for those that are called shows it to those that call, too. */
export function serverTls(material: TlsMaterial | undefined): ServerTls | undefined {
  if (material?.cert === undefined || material.key === undefined) return undefined;
  return { ...material, cert: material.cert, key: material.key };
}

export interface ListenerOptions {
  readonly host: string;
  /** 0: one that the system picks. */
  readonly port: number;
  readonly tls?: ServerTls | undefined;
  readonly limits?: Partial<ListenerLimits>;
}

const LOOK_EVERY = 1_000;
/** When the listener ends, associations have so long to end by themselves (milliseconds). */
const GRACE = 5_000;

/** A connection that was taken: of TLS, the one below it. */
interface Connection {
  readonly socket: net.Socket;
  association: Association | undefined;
}

export class DimseListener {
  private readonly scp: Scp;
  private readonly limits: ListenerLimits;
  private readonly server: net.Server;
  private readonly open = new Map<Association, number>();
  /** By the peer's address and port, the oldest first. */
  private readonly connections = new Map<string, Connection>();
  private timer: NodeJS.Timeout | undefined;
  private isClosing = false;
  private closing: Promise<void> | undefined;
  /** Connections that were closed because there were too many. */
  refused = 0;
  /** Those of them that were told. */
  private told = 0;

  private constructor(scp: Scp, { tls: material, limits }: ListenerOptions) {
    this.scp = scp;
    this.limits = { ...LIMITS, ...limits };
    this.server =
      material === undefined
        ? net.createServer({ noDelay: true })
        : tls.createServer({
            ...material,
            minVersion: 'TLSv1.2',
            requestCert: material.ca !== undefined,
            rejectUnauthorized: material.ca !== undefined,
            handshakeTimeout: 10_000,
          });
    this.server.on('connection', (socket: net.Socket) => {
      if (this.admit(socket) && material === undefined) this.take(socket);
    });
    if (material !== undefined) this.server.on('secureConnection', (socket: net.Socket) => this.take(socket));
    // A peer whose TLS fails has no association to end.
    this.server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: net.Socket) => {
      // Of one whose certificate is not trusted the connection is gone already, and nobody knows any more from where it came.
      const { authorizationError } = socket as { authorizationError?: string | Error | null };
      const reason = authorizationError == null ? (error.code ?? error.message) : String(authorizationError);
      this.scp.tlsFailed?.(socket.remoteAddress ?? '', reason);
      socket.destroy();
    });
  }

  /** Begins to listen. Throws `cannot-listen`. */
  static async open(scp: Scp, options: ListenerOptions): Promise<DimseListener> {
    const listener = new DimseListener(scp, options);
    const { host, port } = options;
    await new Promise<void>((resolve, reject) => {
      listener.server.once('error', (error: NodeJS.ErrnoException) => reject(listenFailure(host, port, error)));
      listener.server.listen({ host, port }, () => resolve());
    });
    // A connection that the system could not give, for want of memory for example, is that connection's loss only.
    listener.server.on('error', () => listener.refused++);
    listener.timer = setInterval(() => listener.look(), LOOK_EVERY);
    return listener;
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  /** Associations that stand. */
  get associations(): number {
    return this.open.size;
  }

  /** Takes no more connections; associations may end by themselves for a while. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    this.isClosing = true;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    const timer = setTimeout(() => {
      for (const association of this.open.keys())
        association.abort(ditagError('association-given-up', { peer: association.name, reason: 'the service ends' }));
    }, GRACE);
    await closed;
    clearTimeout(timer);
    clearInterval(this.timer);
  }

  /**
   * Is there room for this connection? Whoever connects and says nothing, or stays when all is said, does not keep those out
   * that do: where all places are taken, the oldest of them makes room.
   */
  private admit(socket: net.Socket): boolean {
    const key = keyOf(socket);
    if (this.connections.size >= this.limits.connections && !this.makeRoom()) {
      this.refused++;
      socket.destroy();
      return false;
    }
    const connection: Connection = { socket, association: undefined };
    this.connections.set(key, connection);
    socket.once('close', () => {
      if (this.connections.get(key) === connection) this.connections.delete(key);
    });
    return true;
  }

  private makeRoom(): boolean {
    const all = [...this.connections];
    const [key, { socket, association }] =
      all.find(([, { association }]) => association?.isOver === true) ??
      all.find(([, { association }]) => association === undefined || association.awaitsRequest) ??
      NOBODY;
    if (socket === undefined) return false;
    this.connections.delete(key);
    if (association !== undefined) this.open.delete(association);
    // What is over was answered; what had said nothing was not.
    if (association?.isOver !== true) this.refused++;
    socket.destroy();
    return true;
  }

  private take(socket: net.Socket): void {
    // Its TLS was not ready before.
    if (this.isClosing) {
      socket.destroy();
      return;
    }
    const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    const association = Association.accept(socket, address, new ScpAssociation(this.scp, address));
    this.open.set(association, performance.now());
    const connection = this.connections.get(keyOf(socket));
    if (connection !== undefined) connection.association = association;
    void association.closed.then(() => this.open.delete(association));
  }

  private look(): void {
    const now = performance.now();
    if (this.refused > this.told) this.scp.crowded?.(this.refused - this.told);
    this.told = this.refused;
    const { idle, pdu, total } = this.limits;
    for (const [association, began] of this.open) {
      const { heardAt, pduSince, name } = association;
      const reason =
        now - heardAt > idle
          ? `nothing was heard of it for ${idle / 1000} s`
          : pduSince !== undefined && now - pduSince > pdu
            ? `a PDU took longer than ${pdu / 1000} s`
            : now - began > total
              ? `it lasted longer than ${total / 1000} s`
              : undefined;
      if (reason !== undefined) association.abort(ditagError('association-given-up', { peer: name, reason }));
    }
  }
}

const NOBODY: readonly [string, Partial<Connection>] = ['', {}];

function keyOf({ remoteAddress = '', remotePort = 0 }: net.Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
