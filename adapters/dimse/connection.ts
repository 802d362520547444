// The connection under an association (PS3.8 9.1), with or without TLS: whom to reach, and why they cannot be reached.
import net from 'node:net';
import tls from 'node:tls';
import { type DitagError, ditagError } from '../../core/errors/errors.ts';

/** Whom to associate with, and as whom. */
export interface Peer {
  readonly host: string;
  readonly port: number;
  readonly calledAETitle: string;
  readonly callingAETitle: string;
  /** Undefined: without TLS. */
  readonly tls?: TlsMaterial | undefined;
  /** Which settings TLS with it has, in messages. */
  readonly tlsSettings?: string | undefined;
}

const PACS_SETTINGS = 'the tls settings under [PACS]';

/** For TLS 1.2 or newer (PS3.15 B.9, B.10), in PEM; who has a certificate of its own is known by it to the peer. */
export interface TlsMaterial {
  /** Certificates that are trusted; undefined: the system's. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What becomes of a connection that is being opened. */
interface Outcome {
  connected(): void;
  /** `pacs-unreachable` or `tls-failed`. */
  failed(error: DitagError): void;
  /** `tls-failed`: the peer has refused what was shown to it. With TLS 1.3 it says so when the connection stands. */
  refused(error: DitagError): void;
}

/** Throws `tls-failed` where a certificate or a key is none, or they do not belong together. */
function secureContextOf(peer: Peer): tls.SecureContext {
  try {
    return tls.createSecureContext({ ...peer.tls, minVersion: 'TLSv1.2' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw tlsFailed(peer, code ?? message);
  }
}

/** Opens a connection; after so many milliseconds without one it has failed. Throws `tls-failed`. */
export function connect(peer: Peer, milliseconds: number, outcome: Outcome): net.Socket {
  const { host, port, tls: material } = peer;
  const socket =
    material === undefined
      ? net.connect({ host, port })
      : tls.connect({ secureContext: secureContextOf(peer), host, port });
  // Nagle's algorithm would cost up to 44 ms a message.
  socket.setNoDelay(true);
  const fail = (code: 'pacs-unreachable' | 'tls-failed', reason: string) =>
    outcome.failed(code === 'tls-failed' ? tlsFailed(peer, reason) : ditagError(code, { peer: nameOf(peer), reason }));
  socket.setTimeout(milliseconds, () => fail('pacs-unreachable', 'no connection within the time'));
  let isOnline = false;
  let isThere = false;
  socket.once('connect', () => (isOnline = true));
  socket.once(material === undefined ? 'connect' : 'secureConnect', () => {
    socket.setTimeout(0);
    isThere = true;
    outcome.connected();
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    const reason = error.code ?? error.message;
    if (!isThere) fail(isOnline ? 'tls-failed' : 'pacs-unreachable', reason);
    // Of all else the socket's close tells.
    else if (reason.startsWith('ERR_SSL')) outcome.refused(tlsFailed(peer, reason));
  });
  return socket;
}

/** A peer in messages. */
export function nameOf({ host, port }: Peer): string {
  return `${host}:${port}`;
}

function tlsFailed(peer: Peer, reason: string): DitagError {
  return ditagError('tls-failed', { peer: nameOf(peer), reason, settings: peer.tlsSettings ?? PACS_SETTINGS });
}
