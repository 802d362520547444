// The connection to the cluster's NATS server, from settings to an open connection. Credentials come from files: never
// from an address, which ends up in logs, and never from a command line.
import fs from 'node:fs';
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import {
  connect,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import { ditagError } from '../../core/errors/errors.ts';
import type { NatsSettings } from '../../core/settings/settings.ts';

/** An open connection with JetStream. */
export interface Cluster {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
  close(): Promise<void>;
}

/**
 * Connects. `name` shows in the server's list of connections. A service waits for a server that is not there yet and
 * comes back after it was gone (`patient`); a command says so at once. Throws `cluster-unreachable`, `secret-in-url`.
 */
export async function openCluster(settings: NatsSettings, name: string, patient: boolean): Promise<Cluster> {
  const servers = settings.url.split(',').map((address) => withoutSecret(address.trim()));
  const authenticator = readable(servers, () => authenticatorOf(settings));
  const { caFile, certFile, keyFile } = settings;
  const tls = caFile === undefined && certFile === undefined ? {} : { tls: tlsOf(caFile, certFile, keyFile) };
  let connection: NatsConnection;
  try {
    connection = await connect({
      servers,
      name,
      ...(authenticator === undefined ? {} : { authenticator }),
      ...tls,
      timeout: 5_000,
      reconnect: true,
      maxReconnectAttempts: patient ? -1 : 60,
      reconnectTimeWait: 1_000,
      waitOnFirstConnect: patient,
      ignoreClusterUpdates: false,
    });
  } catch (error) {
    const hint = patient ? '' : ' Say --local to work on this machine.';
    throw ditagError('cluster-unreachable', { url: servers.join(','), reason: (error as Error).message, hint }, error);
  }
  return {
    connection,
    jetstream: jetstream(connection),
    manager: await jetstreamManager(connection, { checkAPI: false }),
    close: async () => {
      if (!connection.isClosed()) await connection.close();
    },
  };
}

function withoutSecret(address: string): string {
  let url: URL;
  try {
    url = new URL(address.includes('://') ? address : `nats://${address}`);
  } catch {
    const url = address.replace(/^.*@/s, '…@');
    throw ditagError('cluster-unreachable', { url, reason: 'it is not an address like nats://host:4222' });
  }
  if (url.username !== '' || url.password !== '') {
    throw ditagError('secret-in-url', { url: `${url.protocol}//…@${url.host}`, setting: 'nats_credentials' });
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
    throw ditagError('cluster-unreachable', { url: servers.join(','), reason }, error);
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
