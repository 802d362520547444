// Credentials and TLS, against real servers that demand them: the right settings open a connection, and anything else
// is told in one sentence that holds no secret.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { nkeys } from '@nats-io/transport-node';
import type { NatsSettings } from '../../core/settings/settings.ts';
import { startNatsServer } from '../../scripts/parts/nats-server.ts';
import { MissingPart, partOrSkip } from '../../scripts/parts/parts.ts';
import { temporaryFolder } from '../../test/cli/run-ditag.ts';
import { openCluster } from './connection.ts';

const PASSWORD = 'not-to-be-shown-7351';
const NO_LIMITS = { subs: -1, data: -1, payload: -1 };
const ACCOUNT = {
  type: 'account',
  limits: {
    ...{ ...NO_LIMITS, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 },
    ...{ mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 },
  },
};

/** A JWT as `nsc` makes it: what `issuer` says of `subject`. */
function jwtOf(issuer: nkeys.KeyPair, subject: nkeys.KeyPair, nats: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    ...{ jti: `${subject.getPublicKey()}`, iat: Math.floor(Date.now() / 1000), name: 'test' },
    ...{ iss: issuer.getPublicKey(), sub: subject.getPublicKey(), nats: { ...nats, version: 2 } },
  };
  const signed = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(claims)}`;
  return `${signed}.${Buffer.from(issuer.sign(new TextEncoder().encode(signed))).toString('base64url')}`;
}

describe('credentials', () => {
  const folder = temporaryFolder({ after });
  const file = (name: string, text: string) => {
    const made = path.join(folder, name);
    fs.writeFileSync(made, text, { mode: 0o600 });
    return made;
  };
  let number = 0;

  async function server(t: TestContext, config: string): Promise<string | undefined> {
    const running = await partOrSkip(t, () =>
      startNatsServer({ stateFolder: path.join(folder, `nats-${++number}`), config }),
    );
    if (running === undefined) return undefined;
    t.after(() => running.stop());
    return running.url;
  }

  async function opens(settings: NatsSettings): Promise<void> {
    const cluster = await openCluster(settings, 'test');
    assert.ok(await cluster.manager.getAccountInfo());
    await cluster.close();
  }

  async function refuses(settings: NatsSettings, reason: RegExp): Promise<void> {
    await assert.rejects(openCluster(settings, 'test'), (error: Error & { code: string }) => {
      assert.equal(error.code, 'cluster-unreachable', error.stack);
      assert.match(error.message, reason);
      assert.doesNotMatch(error.message, /not-to-be-shown|SUA|\n/);
      return true;
    });
  }

  test('a user and a password', async (t) => {
    const url = await server(t, `authorization { user: "ditag", password: "${PASSWORD}" }`);
    if (url === undefined) return;
    const passwordFile = file('password', `${PASSWORD}\n`);
    await opens({ url, user: 'ditag', passwordFile });
    await refuses({ url }, /[Aa]uthorization/);
    await refuses({ url, user: 'other', passwordFile }, /[Aa]uthorization/);
    await refuses({ url, user: 'ditag', passwordFile: file('wrong', 'x') }, /[Aa]uthorization/);
    await refuses({ url, user: 'ditag', passwordFile: path.join(folder, 'none') }, /none cannot be read \(ENOENT\)/);
  });

  test('an nkey', async (t) => {
    const pair = nkeys.createUser();
    const seed = new TextDecoder().decode(pair.getSeed());
    const key = pair.getPublicKey();
    const url = await server(t, `authorization { users: [ { nkey: "${key}" } ] }`);
    if (url === undefined) return;
    await opens({ url, nkeyFile: file('nkey', `${seed}\n`) });
    await refuses({ url }, /[Aa]uthorization/);
    await refuses({ url, nkeyFile: file('damaged', `SU${seed.slice(3)}A`) }, /nkeys/);
    await refuses({ url, nkeyFile: path.join(folder, 'none') }, /ENOENT/);
  });

  test('a file with a JWT and its seed', async (t) => {
    const operator = nkeys.createOperator();
    const account = nkeys.createAccount();
    const system = nkeys.createAccount();
    const user = nkeys.createUser();
    const url = await server(
      t,
      `operator: "${jwtOf(operator, operator, { type: 'operator' })}"
      system_account: ${system.getPublicKey()}
      resolver: MEMORY
      resolver_preload: {
        ${account.getPublicKey()}: "${jwtOf(operator, account, ACCOUNT)}"
        ${system.getPublicKey()}: "${jwtOf(operator, system, { type: 'account', limits: NO_LIMITS })}"
      }`,
    );
    if (url === undefined) return;
    const credentials = (jwt: string, seed: Uint8Array) =>
      `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n` +
      `-----BEGIN USER NKEY SEED-----\n${new TextDecoder().decode(seed)}\n------END USER NKEY SEED------\n`;
    const jwt = jwtOf(account, user, { type: 'user', ...NO_LIMITS });
    await opens({ url, credentialsFile: file('ditag.creds', credentials(jwt, user.getSeed())) });
    await refuses({ url }, /[Aa]uthorization/);
    // A JWT that is somebody else's, one by an account that the server does not know, one without its seed, and none.
    const other = credentials(jwt, nkeys.createUser().getSeed());
    await refuses({ url, credentialsFile: file('other.creds', other) }, /[Aa]uthorization/);
    const stranger = jwtOf(nkeys.createAccount(), user, { type: 'user', ...NO_LIMITS });
    await refuses(
      { url, credentialsFile: file('strange.creds', credentials(stranger, user.getSeed())) },
      /[Aa]uthorization/,
    );
    await refuses({ url, credentialsFile: file('half.creds', jwt) }, /./);
    await refuses({ url, credentialsFile: path.join(folder, 'none') }, /ENOENT/);
  });

  test('an address with a secret is refused without showing it', async () => {
    for (const address of [
      `nats://ditag:${PASSWORD}@127.0.0.1:1`,
      `nats://${PASSWORD}@127.0.0.1:1`,
      `ditag:${PASSWORD}@127.0.0.1:1`,
      `nats://127.0.0.1:1,nats://a:${PASSWORD}@b:1`,
      `nats://a:#${PASSWORD}@b:1`,
    ]) {
      await assert.rejects(openCluster({ url: address }, 'test'), (error: Error & { code: string }) => {
        assert.match(error.code, /^secret-in-url$/);
        assert.doesNotMatch(error.message, /not-to-be-shown/);
        return true;
      });
    }
    for (const url of ['http://127.0.0.1:4222', 'https://127.0.0.1', ''])
      await assert.rejects(openCluster({ url }, 'test'), { message: /it is not an address like nats:\/\/host:4222/ });
    await assert.rejects(openCluster({ url: `nats://a:${PASSWORD}@b:1` }, 'test'), { code: 'secret-in-url' });
  });

  describe('TLS with certificates of both sides', () => {
    const at = (name: string) => path.join(folder, name);
    let isMade = false;
    before(() => {
      const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
      try {
        for (const ca of ['ca', 'stranger']) {
          openssl('req', '-x509', ...key, '-subj', `/CN=${ca}`, '-keyout', `${ca}.key`, '-out', `${ca}.pem`);
        }
        file('names', 'subjectAltName=DNS:localhost\n');
        for (const [name, ca] of [
          ['server', 'ca'],
          ['client', 'ca'],
          ['forged', 'stranger'],
        ] as const) {
          openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
          const sign = [
            '-CA',
            `${ca}.pem`,
            '-CAkey',
            `${ca}.key`,
            '-CAcreateserial',
            '-extfile',
            'names',
            '-days',
            '2',
          ];
          openssl('x509', '-req', '-in', `${name}.csr`, ...sign, '-out', `${name}.pem`);
        }
        isMade = true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    });

    test('both have to be known to the other', async (t) => {
      await partOrSkip(t, async () => {
        if (!isMade) throw new MissingPart('openssl is not here');
      });
      if (!isMade) return;
      const own = `cert_file: "${at('server.pem')}", key_file: "${at('server.key')}", ca_file: "${at('ca.pem')}"`;
      const plain = await server(t, `tls { ${own}, verify: true }`);
      if (plain === undefined) return;
      const known = { caFile: at('ca.pem'), certFile: at('client.pem'), keyFile: at('client.key') };
      const named = plain.replace('127.0.0.1', 'localhost');
      for (const url of [named, named.replace('nats:', 'tls:')]) {
        await opens({ url, ...known });
      }
      for (const url of [named]) {
        await refuses({ url }, /cannot be reached: ./);
        await refuses({ url, caFile: at('ca.pem') }, /cannot be reached: ./);
        await refuses({ url, ...known, caFile: at('stranger.pem') }, /cannot be reached: ./);
        await refuses({ url, ...known, certFile: at('forged.pem'), keyFile: at('forged.key') }, /cannot be reached: ./);
        await refuses({ url, ...known, keyFile: at('none.key') }, /cannot be reached: ./);
      }
    });

    test('a server without TLS is refused where certificates are named', async (t) => {
      const url = await server(t, '');
      if (url === undefined || !isMade) return;
      await refuses({ url, caFile: at('ca.pem') }, /cannot be reached: ./);
      await refuses({ url: url.replace('nats:', 'tls:') }, /cannot be reached: ./);
    });
  });
});
