// From where the API can be reached, and what follows from it: whether callers need tokens, and whose word counts on the
// address of a caller.
import net from 'node:net';
import { ditagError } from '../../core/errors/errors.ts';

/** Of the machine itself: `localhost`, 127.0.0.0/8 and ::1. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/.test(host);
}

/** Addresses of reverse proxies: what they say in X-Forwarded-For is believed. */
export class Proxies {
  private readonly list = new net.BlockList();

  /** From addresses and networks (10.1.0.0/16) with commas between them. Throws what is none of these, as an Error. */
  static of(text: string): Proxies {
    const proxies = new Proxies();
    for (const part of text.split(',').map((one) => one.trim())) proxies.add(part);
    return proxies;
  }

  holds(address: string): boolean {
    const version = net.isIP(address);
    return version !== 0 && this.list.check(address, version === 6 ? 'ipv6' : 'ipv4');
  }

  private add(part: string): void {
    const [address, bits, ...more] = part.split('/');
    const version = net.isIP(address!);
    if (version === 0 || more.length > 0) throw new Error(`"${part}" is no address`);
    const type = version === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) this.list.addAddress(address!, type);
    else if (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 6 ? 128 : 32))
      this.list.addSubnet(address!, Number(bits), type);
    else throw new Error(`"${part}" is no network`);
  }
}

export interface Reach {
  readonly host: string;
  readonly isEncrypted: boolean;
  /** That it need not be: a proxy in front is. */
  readonly isPlain: boolean;
  readonly proxies: Proxies | undefined;
}

/** Whether only programs of this machine can call it. Throws `not-private`. */
export function isOnlyLocal({ host, isEncrypted, isPlain, proxies }: Reach): boolean {
  if (!isLoopback(host) && !isEncrypted && !isPlain) throw ditagError('not-private', { host });
  return isLoopback(host) && proxies === undefined;
}
