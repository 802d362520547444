// The address of this machine that a peer sees: where a listener has to be for what the peer sends.
import net from 'node:net';
import { ditagError } from '../../core/errors/errors.ts';
import { nameOf, type Peer } from './connection.ts';

const PATIENCE = 10_000;

/** Throws `pacs-unreachable`. Gives also the peer's own address. */
export function localAddress(peer: Peer): Promise<{ readonly local: string; readonly remote: string }> {
  const { host, port } = peer;
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port });
    const fail = (reason: string) => {
      socket.destroy();
      reject(ditagError('pacs-unreachable', { peer: nameOf(peer), reason }));
    };
    socket.setTimeout(PATIENCE, () => fail('no connection within the time'));
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.once('connect', () => {
      const plain = (address: string | undefined) => (address ?? '').replace(/^::ffff:/, '');
      resolve({ local: plain(socket.localAddress), remote: plain(socket.remoteAddress) });
      socket.destroy();
    });
  });
}
