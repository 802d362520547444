// Settings of the services, from environment variables to values: checked at the start, all that is wrong told at once.
// Secrets are never settings themselves: a setting names the file that holds one.
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { AE_TITLE_PATTERN } from '../dimse/ae-title.ts';
import { ditagError } from '../errors/errors.ts';

/** How to reach NATS. */
export const NatsVariables = Type.Object({
  DITAG_NATS_URL: Type.String({ description: 'nats://host:4222 or tls://host:4222' }),
  DITAG_NATS_CREDENTIALS: Type.Optional(Type.String({ description: 'file with a JWT and its seed' })),
  DITAG_NATS_NKEY: Type.Optional(Type.String({ description: 'file with the seed of an nkey' })),
  DITAG_NATS_USER: Type.Optional(Type.String({ description: 'user name, with DITAG_NATS_PASSWORD_FILE' })),
  DITAG_NATS_PASSWORD_FILE: Type.Optional(Type.String({ description: 'file with the password' })),
  DITAG_NATS_CA: Type.Optional(Type.String({ description: 'file with the certificates to trust' })),
  DITAG_NATS_CERT: Type.Optional(Type.String({ description: 'file with the own certificate' })),
  DITAG_NATS_KEY: Type.Optional(Type.String({ description: 'file with its key' })),
  DITAG_REPLICAS: Type.Optional(Type.String({ pattern: '^[135]$', description: 'replicas of each stream: 1, 3 or 5' })),
});

/** The same as values. */
export interface NatsSettings {
  /** `nats://host:4222` or `tls://host:4222`; several with commas. */
  readonly url: string;
  /** A file with a JWT and its seed, as `nsc` makes it. */
  readonly credentialsFile?: string | undefined;
  /** A file with an nkey's seed. */
  readonly nkeyFile?: string | undefined;
  readonly user?: string | undefined;
  readonly passwordFile?: string | undefined;
  /** Certificates to trust instead of the system's; with them the connection has to be TLS. */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

export function natsSettings(set: Static<typeof NatsVariables>): NatsSettings {
  return {
    url: set.DITAG_NATS_URL,
    credentialsFile: set.DITAG_NATS_CREDENTIALS,
    nkeyFile: set.DITAG_NATS_NKEY,
    user: set.DITAG_NATS_USER,
    passwordFile: set.DITAG_NATS_PASSWORD_FILE,
    caFile: set.DITAG_NATS_CA,
    certFile: set.DITAG_NATS_CERT,
    keyFile: set.DITAG_NATS_KEY,
  };
}

/** How to reach Elasticsearch. */
export const ElasticsearchVariables = Type.Object({
  DITAG_ELASTICSEARCH_URL: Type.String({ description: 'http://host:9200 or https://host:9200' }),
  DITAG_ELASTICSEARCH_API_KEY_FILE: Type.Optional(Type.String({ description: 'file with an API key' })),
  DITAG_ELASTICSEARCH_CA: Type.Optional(Type.String({ description: 'file with the certificates to trust' })),
});

/** The same as values. */
export interface ElasticsearchSettings {
  readonly url: string;
  readonly apiKeyFile: string | undefined;
  readonly caFile: string | undefined;
}

/** Throws `bad-settings`. */
export function elasticsearchSettings(set: Static<typeof ElasticsearchVariables>): ElasticsearchSettings {
  return {
    url: elasticsearchUrl(set.DITAG_ELASTICSEARCH_URL),
    apiKeyFile: set.DITAG_ELASTICSEARCH_API_KEY_FILE,
    caFile: set.DITAG_ELASTICSEARCH_CA,
  };
}

/** Messages name addresses: what is in one must not be a secret. */
function elasticsearchUrl(text: string): string {
  // Whatever stands before an @ is a user or a password, also where it makes the address unreadable.
  if (text.includes('@')) {
    const wrong =
      'DITAG_ELASTICSEARCH_URL has a user name or a password in it (give the address alone, and a file with an API key in DITAG_ELASTICSEARCH_API_KEY_FILE)';
    throw ditagError('bad-settings', { wrong });
  }
  const url = URL.parse(text);
  if (url === null || url.hostname === '' || !/^https?:$/.test(url.protocol))
    throw ditagError('bad-settings', {
      wrong: `DITAG_ELASTICSEARCH_URL is "${text}" (http://host:9200 or https://host:9200)`,
    });
  return text;
}

/** Where a service answers /health, /ready and /metrics. */
export const HttpVariables = Type.Object({
  DITAG_HTTP_HOST: Type.Optional(Type.String({ description: 'address to listen on (127.0.0.1)' })),
  DITAG_HTTP_PORT: Type.Optional(
    Type.String({ pattern: '^\\d{1,5}$', description: 'port to listen on; none: do not' }),
  ),
});

/** Who may call the API from other machines, and what can be started over it. */
export const ApiVariables = Type.Object({
  DITAG_HTTP_TLS_CERT: Type.Optional(Type.String({ description: 'file with the certificate to show' })),
  DITAG_HTTP_TLS_KEY: Type.Optional(Type.String({ description: 'file with its key' })),
  DITAG_HTTP_PLAIN: Type.Optional(
    Type.String({ pattern: '^yes$', description: 'yes: without TLS also beyond this machine, since a proxy has it' }),
  ),
  DITAG_HTTP_PROXY: Type.Optional(
    Type.String({
      description:
        'addresses and networks of the proxies in front, with commas: their X-Forwarded-For is believed, and tokens are asked for on loopback, too',
    }),
  ),
  DITAG_ARCHIVES: Type.Optional(
    Type.String({
      pattern: '^[^=]+=.+',
      description: 'archives of which pictures are shown: NAME=DIR, several with commas',
    }),
  ),
  DITAG_HTTP_DOWNLOADS: Type.Optional(
    Type.String({ pattern: '^/', description: 'folder for downloads that are started over HTTP (none can be)' }),
  ),
});

/** The PACS to which what is started over HTTP sends, and of which it asks; also of every command. */
export const PacsVariables = Type.Object({
  DITAG_PACS_DESTINATION: Type.Optional(
    Type.String({ description: 'host of the PACS for what is started over HTTP (api) or by a command' }),
  ),
  DITAG_PACS_PORT: Type.Optional(Type.String({ pattern: '^\\d{1,5}$', description: 'its port' })),
  DITAG_PACS_AETITLE: Type.Optional(Type.String({ pattern: AE_TITLE_PATTERN, description: 'its AE title' })),
  DITAG_PACS_MYAET: Type.Optional(
    Type.String({ pattern: AE_TITLE_PATTERN, description: 'AE title by which it is called (DITAG)' }),
  ),
});

/** What a scanner or a gateway can see. */
export const ArchiveVariables = Type.Object({
  DITAG_ARCHIVES: Type.String({ pattern: '^[^=]+=.+', description: 'NAME=DIR, several with commas' }),
});

/** How much a scanner does at a time. */
export const ScannerVariables = Type.Object({
  DITAG_SCANNER_CALLS: Type.Optional(
    Type.String({ pattern: '^[1-9]\\d{0,2}$', description: 'most file calls at a time (64)' }),
  ),
  DITAG_SCANNER_JOBS: Type.Optional(
    Type.String({ pattern: '^[1-9]\\d?$', description: 'pieces of work at a time (4)' }),
  ),
});

/** How a gateway sends to PACSs. */
export const SendingVariables = Type.Object({
  DITAG_GATEWAY_ASSOCIATIONS: Type.Optional(
    Type.String({ pattern: '^[1-9]\\d?$', description: 'associations with one PACS at a time, of this gateway (4)' }),
  ),
  DITAG_GATEWAY_PACS_CA: Type.Optional(Type.String({ description: 'file with the certificates of PACSs to trust' })),
  DITAG_GATEWAY_PACS_CERT: Type.Optional(Type.String({ description: 'file with the own certificate for PACSs' })),
  DITAG_GATEWAY_PACS_KEY: Type.Optional(Type.String({ description: 'file with its key' })),
});

/** Files for TLS with PACSs. Throws `bad-settings`. */
export function pacsTlsFiles({
  DITAG_GATEWAY_PACS_CA: ca,
  DITAG_GATEWAY_PACS_CERT: cert,
  DITAG_GATEWAY_PACS_KEY: key,
}: Static<typeof SendingVariables>): { ca: string | undefined; cert: string | undefined; key: string | undefined } {
  if ((cert === undefined) !== (key === undefined))
    throw ditagError('bad-settings', { wrong: 'DITAG_GATEWAY_PACS_CERT and DITAG_GATEWAY_PACS_KEY go together' });
  return { ca, cert, key };
}

/** What a gateway needs besides the port to serve peers. */
const NEEDED_TO_RECEIVE = ['DITAG_GATEWAY_FOLDER', 'DITAG_GATEWAY_ARCHIVE', 'DITAG_GATEWAY_PEERS_FILE'] as const;

/** How a gateway serves peers: receives instances, answers queries. */
export const ReceivingVariables = Type.Object({
  DITAG_GATEWAY_PORT: Type.Optional(
    Type.String({ pattern: '^\\d{1,5}$', description: 'port on which peers are served; none: they are not' }),
  ),
  DITAG_GATEWAY_HOST: Type.Optional(Type.String({ description: 'address for it (127.0.0.1)' })),
  DITAG_GATEWAY_AETITLE: Type.Optional(Type.String({ pattern: AE_TITLE_PATTERN, description: 'own AE title (DITAG)' })),
  DITAG_GATEWAY_FOLDER: Type.Optional(
    Type.String({ pattern: '^/', description: 'folder, from the root on, in which `instances` gets what is received' }),
  ),
  DITAG_GATEWAY_ARCHIVE: Type.Optional(
    Type.String({ description: 'archive as which a scanner has that `instances` mounted' }),
  ),
  DITAG_GATEWAY_PEERS_FILE: Type.Optional(Type.String({ description: 'file with the peers, as JSON' })),
  DITAG_GATEWAY_CALLERS: Type.Optional(
    Type.String({ pattern: '^[1-9]\\d{0,2}$', description: 'associations of all peers that call at a time (32)' }),
  ),
  DITAG_GATEWAY_ANSWERS: Type.Optional(
    Type.String({ pattern: '^[1-9]\\d{0,8}$', description: 'most answers to one C-FIND (100000)' }),
  ),
  DITAG_GATEWAY_SYNC: Type.Optional(
    Type.String({
      pattern: '^(yes|no)$',
      description:
        '`no`: answers before instances are on the disk; a power cut then loses some that were answered (yes)',
    }),
  ),
  DITAG_GATEWAY_TLS_CERT: Type.Optional(Type.String({ description: 'file with the certificate shown to peers' })),
  DITAG_GATEWAY_TLS_KEY: Type.Optional(Type.String({ description: 'file with its key' })),
  DITAG_GATEWAY_TLS_CA: Type.Optional(
    Type.String({ description: 'file with the certificates that peers have to be signed by' }),
  ),
});

/** The same as values; undefined where peers are not served. */
export interface ReceivingSettings {
  readonly host: string;
  readonly port: number;
  readonly aeTitle: string;
  readonly folder: string;
  readonly archive: string;
  readonly peersFile: string;
  readonly callers: number;
  /** Most to one C-FIND; undefined: the gateway's own number. */
  readonly answers: number | undefined;
  readonly sync: boolean;
  readonly tls: { readonly cert: string; readonly key: string; readonly ca: string | undefined } | undefined;
}

/** Where a gateway keeps downloads of projects, and how PACSs reach it. */
export const DownloadVariables = Type.Object({
  DITAG_GATEWAY_DOWNLOADS: Type.Optional(
    Type.String({
      pattern: '^/',
      description:
        'folder, from the root on, for downloads of projects, the same for all gateways; none: it does not download',
    }),
  ),
  DITAG_GATEWAY_DOWNLOAD_PORT: Type.Optional(
    Type.String({
      pattern: '^\\d{1,5}$',
      description: 'port to which PACSs send what is downloaded by C-MOVE; none: only C-GET',
    }),
  ),
  DITAG_GATEWAY_DOWNLOAD_HOST: Type.Optional(Type.String({ description: 'address for it (127.0.0.1)' })),
  DITAG_GATEWAY_DOWNLOAD_AETITLE: Type.Optional(
    Type.String({
      pattern: AE_TITLE_PATTERN,
      description: 'AE title for it, of this gateway alone (DITAG)',
    }),
  ),
});

/** Throws `bad-settings`. */
export function receivingSettings(set: Static<typeof ReceivingVariables>): ReceivingSettings | undefined {
  if (set.DITAG_GATEWAY_PORT === undefined) return undefined;
  const missing: string[] = NEEDED_TO_RECEIVE.filter((name) => set[name] === undefined);
  const { DITAG_GATEWAY_TLS_CERT: cert, DITAG_GATEWAY_TLS_KEY: key, DITAG_GATEWAY_TLS_CA: ca } = set;
  const isTls = cert !== undefined || key !== undefined || ca !== undefined;
  if (isTls && cert === undefined) missing.push('DITAG_GATEWAY_TLS_CERT');
  if (isTls && key === undefined) missing.push('DITAG_GATEWAY_TLS_KEY');
  if (missing.length > 0)
    throw ditagError('bad-settings', { wrong: `${missing.join(', ')} missing, which go together` });
  return {
    host: set.DITAG_GATEWAY_HOST ?? '127.0.0.1',
    port: Number(set.DITAG_GATEWAY_PORT),
    aeTitle: set.DITAG_GATEWAY_AETITLE ?? 'DITAG',
    folder: set.DITAG_GATEWAY_FOLDER!,
    archive: set.DITAG_GATEWAY_ARCHIVE!,
    peersFile: set.DITAG_GATEWAY_PEERS_FILE!,
    callers: Number(set.DITAG_GATEWAY_CALLERS ?? 32),
    answers: set.DITAG_GATEWAY_ANSWERS === undefined ? undefined : Number(set.DITAG_GATEWAY_ANSWERS),
    sync: set.DITAG_GATEWAY_SYNC !== 'no',
    tls: isTls ? { cert: cert!, key: key!, ca } : undefined,
  };
}

/**
 * Reads the variables that `schema` names. Empty ones count as not set. Throws `bad-settings`, which names every
 * variable that is missing or wrong and what it should be.
 */
export function readSettings<Schema extends ReturnType<typeof Type.Object>>(
  schema: Schema,
  environment: Readonly<Record<string, string | undefined>>,
): Static<Schema> {
  const set: Record<string, string> = {};
  const wrong: string[] = [];
  for (const [name, property] of Object.entries(schema.properties as Record<string, SettingSchema>)) {
    const value = environment[name]?.trim();
    if (value !== undefined && value !== '') set[name] = value;
    const isMissing = set[name] === undefined;
    const isWanted = (schema.required as readonly string[] | undefined)?.includes(name) === true;
    if (isMissing ? isWanted : property.pattern !== undefined && !new RegExp(property.pattern).test(set[name]!)) {
      wrong.push(`${name}${isMissing ? ' is missing' : ` is "${set[name]}"`} (${property.description})`);
    }
  }
  if (wrong.length > 0 || !Compile(schema).Check(set)) throw ditagError('bad-settings', { wrong: wrong.join('; ') });
  return set as Static<Schema>;
}

interface SettingSchema {
  readonly description: string;
  readonly pattern?: string;
}

/** The mounts of a scanner or a gateway by the archive's name. Throws `bad-settings`. */
export function archivesOf(text: string): Map<string, string> {
  const archives = new Map<string, string>();
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    const [name, folder] = [part.slice(0, at).trim(), part.slice(at + 1).trim()];
    if (at <= 0 || name === '' || !folder.startsWith('/')) {
      throw ditagError('bad-settings', { wrong: `DITAG_ARCHIVES has "${part}" (NAME=DIR, DIR from the root on)` });
    }
    archives.set(name, folder);
  }
  return archives;
}
