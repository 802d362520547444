// What to tell where a service cannot listen: what is to be done depends on what is wrong, the address or the port.
import { type DitagError, ditagError } from './errors.ts';

const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'choose another port, or end what listens there',
  EADDRNOTAVAIL: 'this machine has no such address, choose one that it has',
  ENOTFOUND: 'there is no such host, choose an address of this machine',
  EACCES: 'ports below 1024 need rights, choose another',
};

/** `cannot-listen`. @param error of node:net */
export function listenFailure(host: string, port: number, error: unknown): DitagError {
  const { code, message } = error as NodeJS.ErrnoException;
  const advice = ADVICE[code ?? ''] ?? 'choose another address or port';
  return ditagError('cannot-listen', { host, port, reason: code ?? message, advice }, error);
}
