import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { readConfiguration } from './configuration.ts';
import { type GatewaySettings, gatewaySettings } from './gateway-settings.ts';

function folderOf(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-test-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function read(folder: string, ...lines: readonly string[]): GatewaySettings {
  const file = path.join(folder, 'config.ini');
  fs.writeFileSync(file, `${lines.join('\n')}\n`);
  return gatewaySettings(readConfiguration(file, { environment: {} }));
}

test('without settings: this machine only, no peer, beside the configuration', (t) => {
  const folder = folderOf(t);
  const { isSynced, ...settings } = read(folder, '[GATEWAY]');
  assert.deepEqual(settings, {
    aeTitle: 'DITAG',
    host: '127.0.0.1',
    port: 11_112,
    folder: path.join(folder, 'received'),
    associations: 32,
    answers: 100_000,
    tls: undefined,
    peers: [],
  });
  assert.equal(isSynced, true);
});

test('every setting is taken', (t) => {
  const folder = folderOf(t);
  const { isSynced, ...settings } = read(
    folder,
    ...['[GATEWAY]', 'aetitle = MINE', 'host = 0.0.0.0', 'port = 104', 'folder = ~/in', 'associations = 1000'],
    ...['sync = no', 'tls_cert = a.pem', 'tls_key = /b.key', 'tls_ca = c.pem'],
    ...['[PEER CT 1]', 'host = ct1', 'port = 105', 'tls = yes', 'may = store,find', 'associations = 2'],
    ...['[PEER ANY]', 'host = *', '[OTHER]', 'x = 1'],
  );
  assert.deepEqual(settings, {
    aeTitle: 'MINE',
    host: '0.0.0.0',
    port: 104,
    folder: path.join(os.homedir(), 'in'),
    associations: 1000,
    answers: 100_000,
    tls: { cert: path.join(folder, 'a.pem'), key: '/b.key', ca: path.join(folder, 'c.pem') },
    peers: [
      { aeTitle: 'CT 1', host: 'ct1', port: 105, isTls: true, rights: ['store', 'find'], associations: 2 },
      { aeTitle: 'ANY', host: undefined, port: undefined, isTls: false, rights: [], associations: 8 },
    ],
  });
  assert.equal(isSynced, false);
});

const PEER = ['[PEER CT1]', 'host = *'];

const WRONG: readonly (readonly [lines: readonly string[], reason: RegExp])[] = [
  [['[GATEWAY]', 'port = 0'], /port = 0 under \[GATEWAY\] is not a whole number from 1 to 65535/],
  [['[GATEWAY]', 'port = 65536'], /port = 65536 under \[GATEWAY\] is not a whole number/],
  [['[GATEWAY]', 'port = 1e3'], /port = 1e3 under/],
  [['[GATEWAY]', 'port = -1'], /port = -1 under/],
  [['[GATEWAY]', 'associations = 1001'], /associations = 1001 under \[GATEWAY\] is not a whole number from 1 to 1000/],
  [['[GATEWAY]', 'sync = true'], /sync = true under \[GATEWAY\] is not known: write yes or no/],
  [['[GATEWAY]', 'aetitle = A TITLE THAT IS TOO LONG'], /aetitle = A TITLE THAT IS TOO LONG under \[GATEWAY\]/],
  [['[GATEWAY]', 'aetitle = A\\B'], /aetitle = A\\B under \[GATEWAY\]/],
  [['[GATEWAY]', 'aetitle = ÄÖ'], /aetitle = ÄÖ under \[GATEWAY\]/],
  [['[GATEWAY]', 'tls_cert = a.pem'], /\[GATEWAY\] needs tls_cert and tls_key together/],
  [['[GATEWAY]', 'tls_key = a.pem'], /\[GATEWAY\] needs tls_cert and tls_key together/],
  // Whoever writes only this believes that peers need certificates.
  [['[GATEWAY]', 'tls_ca = ca.pem'], /\[GATEWAY\] has tls_ca, but no tls_cert and tls_key/],
  [['[PEER CT1]', 'may = store'], /\[PEER CT1\] has no host: name its address, or \* for any/],
  [['[PEER CT1]', 'host ='], /\[PEER CT1\] has no host/],
  [[...PEER, 'mai = store'], /mai under \[PEER CT1\] is not known: write host, port, tls, may, associations/],
  [['[GATEWAY]', 'asociations = 4'], /asociations under \[GATEWAY\] is not known: write aetitle, host/],
  [[...PEER, 'may = store, delete'], /may = delete under \[PEER CT1\] is not known: write store, find, move, get/],
  [[...PEER, 'associations = 0'], /associations = 0 under \[PEER CT1\]/],
  [['[PEER CT1]', 'host = ct1', 'port = 70000'], /port = 70000 under \[PEER CT1\] is not a whole number/],
  [[...PEER, 'port = 104'], /\[PEER CT1\] has a port, but no host/],
  [[...PEER, 'tls = on'], /tls = on under \[PEER CT1\] is not known: write yes or no/],
  [['[PEER A TITLE THAT IS TOO LONG]', 'host = *'], /\[PEER A TITLE THAT IS TOO LONG\]/],
  [['[PEER A\\B]', 'host = *'], /\[PEER A\\B\]/],
  [['[PEER]', 'host = *'], /\[PEER\] names no AE title/],
  [['[peer CT1]', 'host = *'], /\[peer CT1\] .* PEER in capitals/],
  [[...PEER, '[PEER  CT1]', 'host = 1.2.3.4'], /there are two sections for the peer CT1/],
];

test('every value that cannot be right is refused in one sentence', (t) => {
  const folder = folderOf(t);
  for (const [lines, reason] of WRONG) {
    assert.throws(
      () => read(folder, ...lines),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'bad-config', lines.join(' '));
        assert.match(error.message, reason);
        assert.match(error.message, /^The configuration .*config\.ini is not valid: [^\n]*\.$/);
        return true;
      },
      lines.join(' '),
    );
  }
});
