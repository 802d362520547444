// The gateway of the configuration: [GATEWAY], and a section [PEER AETITLE] for each peer that it serves.
import path from 'node:path';
import { ditagError } from '../../core/errors/errors.ts';
import type { PeerRight } from '../../core/ports/scp.ts';
import { type Configuration, expandHome, readIni } from './configuration.ts';

export interface GatewaySettings {
  readonly aeTitle: string;
  readonly host: string;
  readonly port: number;
  /** Where received instances are kept. */
  readonly folder: string;
  readonly associations: number;
  readonly tls: TlsFiles | undefined;
  readonly peers: readonly PeerSettings[];
}

/** Files in PEM. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string | undefined;
}

export interface PeerSettings {
  readonly aeTitle: string;
  /** Name or address; undefined: it may call from anywhere. */
  readonly host: string | undefined;
  readonly rights: readonly PeerRight[];
  readonly associations: number;
}

const PEER = /^PEER\s+(.+)$/;
const RIGHTS: readonly PeerRight[] = ['store', 'find', 'move', 'get'];

/** Reads them. Throws `bad-config`. */
export function gatewaySettings({ file }: Configuration): GatewaySettings {
  const ini = readIni(file);
  const folder = path.dirname(file);
  const wrong = (reason: string) => ditagError('bad-config', { config: file, reason });
  const setting = (section: string, key: string) => {
    const value = ini.get(section, key);
    return value === undefined || value === '' ? undefined : value;
  };
  const number = (section: string, key: string, standard: number, most: number) => {
    const text = setting(section, key);
    if (text === undefined) return standard;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
    throw wrong(`${key} = ${text} under [${section}] is not a whole number from 1 to ${most}`);
  };
  const place = (key: string) => {
    const value = setting('GATEWAY', key);
    return value === undefined ? undefined : path.resolve(folder, expandHome(value));
  };
  const peers = ini.sections().flatMap((section): PeerSettings[] => {
    const aeTitle = PEER.exec(section)?.[1]?.trim();
    if (aeTitle === undefined) return [];
    const host = setting(section, 'host');
    if (host === undefined) throw wrong(`[${section}] has no host: name its address, or * for any`);
    const rights = (setting(section, 'may') ?? '').split(/[\s,]+/).filter((one) => one !== '');
    const unknown = rights.find((one) => !RIGHTS.includes(one as PeerRight));
    if (unknown !== undefined)
      throw wrong(`may = ${unknown} under [${section}] is not known: write ${RIGHTS.join(', ')}`);
    return [
      {
        aeTitle,
        host: host === '*' ? undefined : host,
        rights: rights as PeerRight[],
        associations: number(section, 'associations', 8, 1000),
      },
    ];
  });
  const [certFile, keyFile, caFile] = ['tls_cert', 'tls_key', 'tls_ca'].map(place);
  if ((certFile === undefined) !== (keyFile === undefined))
    throw wrong('[GATEWAY] needs tls_cert and tls_key together');
  return {
    aeTitle: setting('GATEWAY', 'aetitle') ?? 'DITAG',
    host: setting('GATEWAY', 'host') ?? '127.0.0.1',
    port: number('GATEWAY', 'port', 11_112, 65_535),
    folder: place('folder') ?? path.join(folder, 'received'),
    associations: number('GATEWAY', 'associations', 32, 1000),
    tls: certFile === undefined ? undefined : { certFile, keyFile: keyFile!, caFile },
    peers,
  };
}
