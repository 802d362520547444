// The connection to the cluster's NATS server, from settings to an open connection. Credentials come from files: never
// from an address, which ends up in logs, and never from a command line.

import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  JetStreamApiError,
  type JetStreamClient,
  JetStreamError,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import {
  AuthorizationError,
  ClosedConnectionError,
  ConnectionError,
  connect,
  credsAuthenticator,
  DrainingConnectionError,
  type NatsConnection,
  NoRespondersError,
  nkeyAuthenticator,
  RequestError,
  TimeoutError,
  UserAuthenticationExpiredError,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import { type DitagError, ditagError } from '../../core/errors/errors.ts';
import type { NatsSettings } from '../../core/settings/settings.ts';

/** An open connection with JetStream. */
export interface Cluster {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
  close(): Promise<void>;
}

/** Told each time that a server is not there yet. */
type OnWait = (reason: string) => void;

/** Subjects of JetStream's API (not of its messages). */
const API = '$JS.API.';
/** How long a server may be away before what is asked of it fails, and before its JetStream answers (milliseconds). */
const AWAY = 60_000;
const STARTS_WITHIN = 5_000;
const LOOK_EVERY = 200;
/** Tries of a message that may be stored twice without harm: it has an id, or only the last one counts. */
export const STORED_AGAIN = { retries: 10 } as const;

/** A server that is not there is tried again after this (milliseconds). */
const TRY_AGAIN = 1_000;

/**
 * Connects. `name` shows in the server's list of connections. A command says at once where there is no server; a service
 * (`onWait`) waits for it, and comes back whenever it was gone. Throws `cluster-unreachable`, `secret-in-url`.
 */
export async function openCluster(settings: NatsSettings, name: string, onWait?: OnWait): Promise<Cluster> {
  const servers = settings.url.split(',').map((address) => withoutSecret(address.trim()));
  const connection = await connected(servers, settings, name, onWait);
  askAgain(connection);
  return {
    connection,
    jetstream: jetstream(connection),
    manager: await jetstreamManager(connection, { checkAPI: false }),
    close: async () => {
      if (!connection.isClosed()) await connection.close();
    },
  };
}

/**
 * What was asked of JetStream's API when the server went is lost: it is asked again, as long as the client tries to come
 * back. All of it can be: it reads, or makes, changes and removes what has a name.
 */
function askAgain(connection: NatsConnection): void {
  const request = connection.request.bind(connection);
  connection.request = async (subject, payload, options) => {
    if (!subject.startsWith(API)) return request(subject, payload, options);
    const began = performance.now();
    for (;;) {
      try {
        return await request(subject, payload, options);
      } catch (error) {
        // A server that is starting answers before JetStream does; one without JetStream never does.
        const isUnserved = error instanceof RequestError && error.isNoResponders();
        const patience = isUnserved ? STARTS_WITHIN : error instanceof TimeoutError ? AWAY : 0;
        if (connection.isClosed() || performance.now() - began > patience) throw error;
        if (isUnserved) await sleep(LOOK_EVERY);
      }
    }
  };
}

async function connected(
  servers: readonly string[],
  settings: NatsSettings,
  name: string,
  onWait: OnWait | undefined,
): Promise<NatsConnection> {
  const authenticator = readable(servers, () => authenticatorOf(settings));
  const { caFile, certFile, keyFile } = settings;
  // The client takes tls:// for a name only: what has to be TLS is told by an option.
  const isTls = caFile !== undefined || certFile !== undefined || servers.some((server) => server.startsWith('tls://'));
  const tls = isTls ? { tls: tlsOf(caFile, certFile, keyFile) } : {};
  for (;;) {
    try {
      return await connect({
        servers: [...servers],
        name,
        ...(authenticator === undefined ? {} : { authenticator }),
        ...tls,
        timeout: 5_000,
        reconnect: true,
        maxReconnectAttempts: onWait === undefined ? 60 : -1,
        reconnectTimeWait: 1_000,
        // A stack for each request costs a tenth of a scanner's time.
        noAsyncTraces: true,
      });
    } catch (error) {
      const reason = (error as Error).message;
      const isRefused = error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError;
      if (onWait === undefined || isRefused) {
        const hint = onWait === undefined ? ' Say --local to work on this machine.' : '';
        throw ditagError('cluster-unreachable', { url: servers.join(','), reason, hint }, error);
      }
      onWait(reason);
      await sleep(TRY_AGAIN);
    }
  }
}

/** Whether an error is the server's or the network's, and may pass. */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof JetStreamError ||
    error instanceof JetStreamApiError ||
    error instanceof TimeoutError ||
    error instanceof RequestError ||
    error instanceof NoRespondersError ||
    error instanceof ConnectionError ||
    error instanceof ClosedConnectionError ||
    error instanceof DrainingConnectionError
  );
}

/** What publishing to a subject that no stream has fails with: a class that the client keeps to itself. */
const NOT_ENABLED = 'JetStreamNotEnabled';

/** The sentence for a command where its error is the server's: before the services have started there are no streams. */
export function explainedFailure(error: unknown): DitagError | undefined {
  if (!isPassing(error) && (error as Error).name !== NOT_ENABLED) return undefined;
  const reason = `${(error as Error).name}; it may not be ready: start its services, or wait`;
  return ditagError('cluster-failed', { reason }, error);
}

function withoutSecret(address: string): string {
  const whole = address.includes('://') ? address : `nats://${address}`;
  // Whatever stands before an @ is a user or a password, also where it makes the address unreadable.
  const at = whole.lastIndexOf('@');
  if (at >= 0) {
    const shown = `${whole.slice(0, whole.indexOf('://'))}://…${whole.slice(at)}`;
    throw ditagError('secret-in-url', { url: shown, setting: 'nats_credentials' });
  }
  const url = URL.parse(whole);
  if (url === null || url.hostname === '' || !/^(nats|tls):$/.test(url.protocol)) {
    throw ditagError('cluster-unreachable', {
      url: address === '' ? '""' : address,
      reason: 'it is not an address like nats://host:4222',
      hint: '',
    });
  }
  return address;
}

/** What is wrong with a file of credentials is told without what is in it. */
function readable<T>(servers: readonly string[], read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    const reason = path === undefined ? 'the credentials are not of their form' : `${path} cannot be read (${code})`;
    throw ditagError('cluster-unreachable', { url: servers.join(','), reason, hint: '' }, error);
  }
}

function authenticatorOf({ credentialsFile, nkeyFile, user, passwordFile }: NatsSettings) {
  if (credentialsFile !== undefined) return credsAuthenticator(fs.readFileSync(credentialsFile));
  if (nkeyFile !== undefined) return nkeyAuthenticator(Buffer.from(fs.readFileSync(nkeyFile, 'utf8').trim()));
  if (user === undefined) return undefined;
  const password = passwordFile === undefined ? '' : fs.readFileSync(passwordFile, 'utf8').trim();
  return usernamePasswordAuthenticator(user, password);
}

function tlsOf(caFile: string | undefined, certFile: string | undefined, keyFile: string | undefined) {
  return {
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined ? {} : { certFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
  };
}
