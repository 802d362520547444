// The gateway of the configuration: [GATEWAY], and a section [PEER AETITLE] for each peer that it serves.
import path from 'node:path';
import { AE_TITLE_RULE, isAETitle } from '../../core/dimse/ae-title.ts';
import { ditagError } from '../../core/errors/errors.ts';
import type { PeerRight } from '../../core/ports/scp.ts';
import { PEER_ASSOCIATIONS, peerTwice, type ServedPeer } from '../../core/settings/served-peers.ts';
import { type Configuration, expandHome, readIni } from './configuration.ts';

export interface GatewaySettings {
  readonly aeTitle: string;
  readonly host: string;
  readonly port: number;
  /** Where received instances are kept. */
  readonly folder: string;
  readonly associations: number;
  /** Most answers to one C-FIND. */
  readonly answers: number;
  /** Whether an instance is on the disk before it is answered; without it, one may be lost that was answered. */
  readonly isSynced: boolean;
  /** Files in PEM. */
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string | undefined } | undefined;
  readonly peers: readonly ServedPeer[];
}

const PEER = /^PEER(\s|$)/i;
const PEER_KEYS = ['host', 'port', 'tls', 'may', 'associations'];
const GATEWAY_KEYS = [
  ...['aetitle', 'host', 'port', 'folder', 'associations', 'answers', 'sync'],
  ...['tls_cert', 'tls_key', 'tls_ca'],
];
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
  const yesOrNo = (section: string, key: string, standard: 'yes' | 'no') => {
    const value = setting(section, key) ?? standard;
    if (value !== 'yes' && value !== 'no')
      throw wrong(`${key} = ${value} under [${section}] is not known: write yes or no`);
    return value === 'yes';
  };
  /** A right or a limit that is misspelt must not be one that is not there. */
  const checkKeys = (section: string, known: readonly string[]) => {
    const unknown = ini.keys(section).find((key) => !known.includes(key));
    if (unknown !== undefined) throw wrong(`${unknown} under [${section}] is not known: write ${known.join(', ')}`);
  };
  checkKeys('GATEWAY', GATEWAY_KEYS);
  const peers = ini.sections().flatMap((section): ServedPeer[] => {
    if (!PEER.test(section)) return [];
    if (!section.startsWith('PEER')) throw wrong(`[${section}] is not known: write PEER in capitals`);
    const aeTitle = section.slice('PEER'.length).trim();
    if (aeTitle === '') throw wrong(`[${section}] names no AE title: write [PEER AETITLE]`);
    if (!isAETitle(aeTitle)) throw wrong(`[${section}] cannot be: ${AE_TITLE_RULE}`);
    checkKeys(section, PEER_KEYS);
    const host = setting(section, 'host');
    if (host === undefined) throw wrong(`[${section}] has no host: name its address, or * for any`);
    if (host === '*' && setting(section, 'port') !== undefined)
      throw wrong(`[${section}] has a port, but no host to which C-MOVE could send`);
    const rights = (setting(section, 'may') ?? '').split(/[\s,]+/).filter((one) => one !== '');
    const unknown = rights.find((one) => !RIGHTS.includes(one as PeerRight));
    if (unknown !== undefined)
      throw wrong(`may = ${unknown} under [${section}] is not known: write ${RIGHTS.join(', ')}`);
    return [
      {
        aeTitle,
        host: host === '*' ? undefined : host,
        port: setting(section, 'port') === undefined ? undefined : number(section, 'port', 104, 65_535),
        isTls: yesOrNo(section, 'tls', 'no'),
        rights: rights as PeerRight[],
        associations: number(section, 'associations', PEER_ASSOCIATIONS, 1000),
      },
    ];
  });
  const twice = peerTwice(peers);
  if (twice !== undefined) throw wrong(`there are two sections for the peer ${twice}`);
  const aeTitle = setting('GATEWAY', 'aetitle') ?? 'DITAG';
  if (!isAETitle(aeTitle)) throw wrong(`aetitle = ${aeTitle} under [GATEWAY] cannot be: ${AE_TITLE_RULE}`);
  const [certFile, keyFile, caFile] = ['tls_cert', 'tls_key', 'tls_ca'].map(place);
  if ((certFile === undefined) !== (keyFile === undefined))
    throw wrong('[GATEWAY] needs tls_cert and tls_key together');
  if (caFile !== undefined && certFile === undefined)
    throw wrong('[GATEWAY] has tls_ca, but no tls_cert and tls_key: without them there is no TLS');
  return {
    aeTitle,
    host: setting('GATEWAY', 'host') ?? '127.0.0.1',
    port: number('GATEWAY', 'port', 11_112, 65_535),
    folder: place('folder') ?? path.join(folder, 'received'),
    associations: number('GATEWAY', 'associations', 32, 1000),
    answers: number('GATEWAY', 'answers', 100_000, 1_000_000_000),
    isSynced: yesOrNo('GATEWAY', 'sync', 'yes'),
    tls: certFile === undefined ? undefined : { cert: certFile, key: keyFile!, ca: caFile },
    peers,
  };
}
