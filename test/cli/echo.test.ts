import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { freePort, isHere } from '../../scripts/parts/parts.ts';
import { makeCertificates } from '../certificates.ts';
import { startDcmtk } from '../dcmtk.ts';
import { runDitag, temporaryFolder } from './run-ditag.ts';

const SETTINGS = ['DEFAULT', 'archive_path = /mnt/archive', '# ours', '[PACS]', 'note = kept'];

test('the PACS that answers is kept for later commands, one that does not is not', async (t) => {
  const port = await startDcmtk(t, 'storescp', (on, folder) => ['--output-directory', folder, String(on)]);
  if (port === undefined) return;
  const home = temporaryFolder(t);
  const config = path.join(home, 'config.ini');
  const before = `${SETTINGS.join('\n').replace('DEFAULT', '[DEFAULT]')}\n`;
  fs.writeFileSync(config, before);
  const echo = (...args: string[]) => runDitag(['--config-file', config, 'echo', ...args], { home });
  const nobody = String(await freePort());

  const unknown = await echo();
  assert.equal(unknown.code, 2);
  assert.match(
    unknown.stderr,
    /^It is not known which PACS: give --destination, or set destination under \[PACS\] in /,
  );
  const refused = await echo('--destination', '127.0.0.1', '--port', nobody, '--pacs-aetitle', 'ARCHIVE');
  assert.deepEqual([refused.code, refused.stdout], [1, '']);
  assert.match(refused.stderr, /^127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\): .*\n$/);
  assert.equal(fs.readFileSync(config, 'utf8'), before);

  const answered = await echo('--destination', '127.0.0.1', '--port', String(port), '--pacs-aetitle', 'ARCHIVE');
  assert.deepEqual(answered, {
    code: 0,
    signal: null,
    stdout: `ARCHIVE at 127.0.0.1:${port} answers DITAG.\n`,
    stderr: '',
  });
  const after = fs.readFileSync(config, 'utf8');
  for (const line of ['# ours', 'note = kept', 'destination = 127.0.0.1', `port = ${port}`, 'aetitle = ARCHIVE'])
    assert.ok(after.includes(`${line}\n`), `${line} in ${after}`);
  assert.equal((await echo()).code, 0);
  assert.match((await echo('--myaet', 'OTHER')).stdout, /answers OTHER\.\n$/);
  // The environment comes before the configuration.
  const under = ['env', 'DITAG_PACS_MYAET=FOURTH', 'DITAG_PACS_AETITLE=THIRD'];
  const { stdout } = await runDitag(['--config-file', config, 'echo'], { home, under });
  assert.match(stdout, /^THIRD at .* answers FOURTH\.\n$/);

  // Not even root can make a file there.
  const to = ['--destination', '127.0.0.1', '--port', String(port), '--pacs-aetitle', 'ARCHIVE'];
  const unkept = await runDitag(['--config-file', '/dev/null/config.ini', 'echo', ...to], { home });
  assert.deepEqual([unkept.code, unkept.stdout], [0, `ARCHIVE at 127.0.0.1:${port} answers DITAG.\n`]);
  assert.match(unkept.stderr, /^The settings of the PACS are not kept: Cannot write .*\n$/);
});

test('values that cannot be right are refused before anything is sent', async (t) => {
  const home = temporaryFolder(t);
  const whole = ['echo', '--destination', 'localhost', '--port', '104', '--pacs-aetitle', 'ARCHIVE'];
  const wrong: readonly (readonly [option: string, value: string])[] = [
    ['--port', '0'],
    ['--port', '65536'],
    ['--port', '1e3'],
    ['--pacs-aetitle', 'A TITLE THAT IS TOO LONG'],
    ['--myaet', 'A\\B'],
    ['--myaet', ' '],
  ];
  for (const [option, value] of wrong) {
    const { code, stderr } = await runDitag([...whole, option, value], { home });
    assert.equal(code, 2);
    assert.ok(stderr.startsWith(`${option} "${value}" is not valid: `), stderr);
  }
  assert.ok(!fs.existsSync(path.join(home, '.ditag')));
});

test('over TLS: with the right certificates, with none of ditag, and with one that is not trusted', async (t) => {
  const home = temporaryFolder(t);
  const made = makeCertificates(home);
  if (!isHere(t, made, 'there is no openssl (Debian package openssl)')) return;
  const file = (name: string) => path.join(home, name);
  const port = await startDcmtk(t, 'storescp', (on, folder) => [
    ...[
      '--output-directory',
      folder,
      '+tls',
      file('server.key'),
      file('server.pem'),
      '--add-cert-file',
      file('ca.pem'),
    ],
    String(on),
  ]);
  if (port === undefined) return;
  const echo = (...settings: string[]) => {
    const config = file(`config-${settings.length}.ini`);
    fs.writeFileSync(config, ['[PACS]', 'tls = yes', ...settings, ''].join('\n'));
    const args = ['--destination', 'localhost', '--port', String(port), '--pacs-aetitle', 'ARCHIVE'];
    return runDitag(['--config-file', config, 'echo', ...args], { home });
  };
  const own = ['tls_cert = client.pem', 'tls_key = client.key'];
  assert.deepEqual(await echo('tls_ca = ca.pem', ...own), {
    code: 0,
    signal: null,
    stdout: `ARCHIVE at localhost:${port} answers DITAG.\n`,
    stderr: '',
  });
  const untrusted = await echo(...own);
  assert.equal(untrusted.code, 1);
  assert.match(untrusted.stderr, /^localhost:\d+ and ditag do not agree on TLS \([A-Z_]+\): see the tls settings/);
  // In TLS 1.3 the peer may refuse a certificate only after the connection stands.
  const nameless = await echo('tls_ca = ca.pem');
  assert.equal(nameless.code, 1);
  assert.match(nameless.stderr, /TLS|ended the association: the connection was lost/);
  const half = await echo('tls_cert = client.pem');
  assert.deepEqual([half.code, half.stderr.includes('[PACS] needs tls_cert and tls_key together')], [2, true]);
  // Without TLS to a port that speaks it.
  const args = ['--destination', 'localhost', '--port', String(port), '--pacs-aetitle', 'ARCHIVE'];
  fs.writeFileSync(file('plain.ini'), '');
  const plain = await runDitag(['--config-file', file('plain.ini'), 'echo', ...args], { home });
  assert.deepEqual([plain.code, plain.stderr.includes('it may want TLS')], [1, true], plain.stderr);
  fs.writeFileSync(file('no.pem'), '-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n');
  const useless = await echo('tls_ca = ca.pem', 'tls_cert = no.pem', 'tls_key = client.key');
  const told = /^TLS cannot use \S+\/no\.pem, \S+\/client\.key, \S+\/ca\.pem: [^\n]+ Give files in PEM: [^\n]+\n$/;
  assert.match(useless.stderr, told);
  assert.equal(useless.code, 2);
  fs.writeFileSync(file('empty.pem'), 'nobody');
  const nobody = await echo('tls_ca = empty.pem');
  assert.deepEqual([nobody.code, nobody.stderr.includes('empty.pem: there is no certificate in it')], [2, true]);
  const missing = await echo('tls_ca = nothing.pem', '# with');
  assert.deepEqual([missing.code, missing.stderr.startsWith('Cannot read ')], [2, true]);
});
