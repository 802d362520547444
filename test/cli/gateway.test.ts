// `ditag gateway` as users run it: who may associate, what is kept and with which rights, how it ends, and that nothing
// that was answered is lost when it is killed.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { echo } from '../../adapters/dimse/echo.ts';
import { DimseStorePeer } from '../../adapters/dimse/store-scu.ts';
import { dataSetStart, encodeFileMeta } from '../../core/dimse/file-meta.ts';
import { findOnPath, freePort, isHere } from '../../scripts/parts/parts.ts';
import { makeCertificates } from '../certificates.ts';
import { CT, ctDataSet, filesOf, until } from '../gateway-here.ts';
import { EXPLICIT } from '../reader/dicom-bytes.ts';
import { queryHere } from './query-here.ts';
import { type Ended, runDitag, startDitag, temporaryFolder } from './run-ditag.ts';

interface GatewayProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** What it has logged. */
  lines(): Readonly<Record<string, unknown>>[];
}

interface User {
  readonly home: string;
  readonly port: number;
  readonly received: string;
  /** Resolves when peers can associate. */
  start(): Promise<GatewayProcess>;
}

async function user(t: TestContext, ...settings: readonly string[]): Promise<User> {
  const home = temporaryFolder(t);
  const port = await freePort();
  fs.mkdirSync(path.join(home, '.ditag'));
  const lines = ['[GATEWAY]', `port = ${port}`, ...settings, ''];
  fs.writeFileSync(path.join(home, '.ditag/config.ini'), lines.join('\n'));
  const start = async () => {
    const { child, ended } = startDitag(['gateway'], { home });
    t.after(() => child.kill('SIGKILL'));
    let text = '';
    child.stderr!.on('data', (data: Buffer) => (text += data.toString()));
    const logged = () =>
      text
        .split('\n')
        .filter((line) => line.endsWith('}'))
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    await until(
      () => text,
      (so) => so.includes('"ready"') || child.exitCode !== null,
      'the start',
    );
    return { child, ended, lines: logged };
  };
  return { home, port, received: path.join(home, '.ditag/received'), start };
}

const INSTANCE = { SOPClassUID: CT, transferSyntax: EXPLICIT };

test('peers of the configuration store, what they stored is found, and Ctrl-C ends it when they are done', async (t) => {
  const { home, port, received, start } = await user(
    t,
    ...['[PEER CT1]', 'host = localhost', 'may = store', '[PEER LOOKER]', 'host = *', '[PEER FAR]', 'host = 192.0.2.1'],
  );
  const { child, ended, lines } = await start();
  assert.deepEqual([lines()[0]?.['host'], lines()[0]?.['port'], lines()[0]?.['aeTitle']], ['127.0.0.1', port, 'DITAG']);
  const as = (callingAETitle: string, more = {}) => ({
    host: '127.0.0.1',
    port,
    calledAETitle: 'DITAG',
    callingAETitle,
    ...more,
  });
  const contexts = [{ SOPClassUID: CT, transferSyntaxes: [EXPLICIT] }];

  // Who may.
  for (const who of ['NOBODY', 'FAR'])
    await assert.rejects(echo(as(who)), {
      code: 'association-rejected',
      message: /calling AE title is not known there/,
    });
  await assert.rejects(echo(as('CT1', { calledAETitle: 'OTHER' })), {
    code: 'association-rejected',
    message: /called/,
  });
  await echo(as('LOOKER'));
  const looker = await new DimseStorePeer(as('LOOKER')).open(contexts);
  assert.deepEqual(looker.accepted(CT), []);
  await looker.release();
  for (const { address } of Object.values(os.networkInterfaces()).flatMap((all) => all ?? [])) {
    if (address.startsWith('127.') || address.includes(':')) continue;
    await assert.rejects(echo(as('CT1', { host: address }), { connect: 1000, answer: 1000 }), {
      code: 'pacs-unreachable',
    });
  }
  const second = await runDitag(['gateway'], { home });
  assert.deepEqual([second.code, second.stdout], [2, '']);
  assert.match(second.stderr, /^[^\n]*EADDRINUSE[^\n]*\n$/);

  // What is kept.
  const association = await new DimseStorePeer(as('CT1')).open(contexts);
  const store = (SOPInstanceUID: string) =>
    association.store({ ...INSTANCE, SOPInstanceUID }, [ctDataSet(SOPInstanceUID, 50_000)]);
  assert.equal(await store('1.2.3.1'), 0);
  const count = async () => (await queryHere(['--count'], home)).stdout.trim();
  let found = '';
  for (const begun = performance.now(); performance.now() - begun < 15_000 && found !== '1'; ) found = await count();
  assert.equal(found, '1');
  const modes = new Set<string>();
  for (const entry of fs.readdirSync(path.dirname(received), { recursive: true, withFileTypes: true })) {
    if (entry.name === 'config.ini') continue;
    // The index may be at work still.
    const status = fs.statSync(path.join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    if (status !== undefined)
      modes.add(`${entry.isDirectory() ? 'folder' : 'file'} ${(status.mode & 0o777).toString(8)}`);
  }
  assert.deepEqual([...modes].sort(), ['file 600', 'folder 700']);

  // The end: what is under way is done, nobody else comes in.
  child.kill('SIGINT');
  await untilUnreachable(port);
  assert.equal(await store('1.2.3.2'), 0);
  await association.release();
  const { code, signal, stdout, stderr } = await ended;
  assert.deepEqual([code, signal, stdout], [0, null, '']);
  const query = await queryHere(['--columns', 'SOPInstanceUID', '--format', 'json'], home);
  assert.equal(query.code, 0, query.stderr);
  const stats = JSON.parse((await runDitag(['stats', '--format', 'json'], { home })).stdout) as { instances: number };
  assert.equal(stats.instances, 2);
  assert.deepEqual(filesOf(received), ['instances/1.2.3/1.2.3.4/1.2.3.1.dcm', 'instances/1.2.3/1.2.3.4/1.2.3.2.dcm']);
  assert.deepEqual(fs.readdirSync(path.join(received, 'incoming')), []);

  // The audit.
  assert.ok(!stderr.includes('Doe'));
  const audit = lines().filter((line) => line['msg'] === 'association ended');
  assert.deepEqual(audit.at(-1)?.['received'], { stored: 2 });
  assert.equal(audit.at(-1)?.['end'], 'released');
  const { associations, refused, stored, failed } = lines().at(-1)!;
  assert.deepEqual([associations, refused, stored, failed], [3, 3, 2, 0]);
  assert.deepEqual(
    lines()
      .filter(({ level }) => Number(level) > 30)
      .map(({ msg }) => msg),
    Array(3).fill('association refused'),
  );
});

test('received files that are gone keep none that come after them out of the index', async (t) => {
  const { home, port, received, start } = await user(t, '[PEER CT1]', 'host = localhost', 'may = store');
  const { child, ended, lines } = await start();
  const peer = { host: '127.0.0.1', port, calledAETitle: 'DITAG', callingAETitle: 'CT1' };
  const association = await new DimseStorePeer(peer).open([{ SOPClassUID: CT, transferSyntaxes: [EXPLICIT] }]);
  const store = async (SOPInstanceUID: string) =>
    assert.equal(await association.store({ ...INSTANCE, SOPInstanceUID }, [ctDataSet(SOPInstanceUID, 1_000)]), 0);
  const untilInstances = async (wanted: number) => {
    let found = 0;
    for (const begun = performance.now(); performance.now() - begun < 20_000 && found !== wanted; ) {
      const { code, stdout } = await runDitag(['stats', '--format', 'json'], { home });
      if (code === 0) found = (JSON.parse(stdout) as { instances: number }).instances;
    }
    assert.equal(found, wanted);
  };
  for (let n = 1; n <= 8; n++) await store(`1.2.3.${n}`);
  await untilInstances(8);
  // Also its own folder, as of an archive that is another one.
  fs.rmSync(path.join(received, 'instances/1.2.3'), { recursive: true });
  fs.mkdirSync(path.join(received, 'instances/other'));
  fs.copyFileSync(path.join(import.meta.dirname, '../samples/CT_small.dcm'), path.join(received, 'instances/other/1'));
  await store('1.2.3.99');
  await untilInstances(10);
  const warned = lines().find(({ level }) => Number(level) > 30);
  assert.match(String(warned?.['msg']), /gone.*--append --accept-deletions --archive/);
  await association.release();
  child.kill('SIGINT');
  assert.equal((await ended).code, 0);
});

test('one that has received nothing has nothing to index, and ends at once', async (t) => {
  const { start } = await user(t);
  const { child, ended, lines } = await start();
  child.kill('SIGTERM');
  assert.deepEqual([(await ended).code, lines().map(({ msg }) => msg)], [0, ['ready', 'ended']]);
});

test('what cannot be right in the configuration, or on the machine, is one sentence', async (t) => {
  const folder = temporaryFolder(t);
  if (!isHere(t, makeCertificates(folder), 'there is no openssl (Debian package openssl)')) return;
  fs.writeFileSync(path.join(folder, 'text.pem'), 'not a certificate\n');
  const file = (name: string) => path.join(folder, name);
  const wrong: readonly (readonly [settings: readonly string[], message: RegExp])[] = [
    [
      ['[PEER CT1]', 'host = no.such.host.invalid'],
      /is not valid: host = no\.such\.host\.invalid under \[PEER CT1\] has no address/,
    ],
    [[`tls_cert = ${file('server.pem')}`, 'tls_key = gone.key'], /^Cannot read .*gone\.key: /],
    [[`tls_cert = ${file('text.pem')}`, `tls_key = ${file('server.key')}`], /^TLS cannot use /],
    [[`tls_cert = ${file('server.pem')}`, `tls_key = ${file('client.key')}`], /^TLS cannot use /],
    [['folder = config.ini'], /^Cannot write .*config\.ini: /],
    [['host = 192.0.2.1'], /EADDRNOTAVAIL/],
  ];
  await Promise.all(
    wrong.map(async ([settings, message]) => {
      const { home, received } = await user(t, ...settings);
      const { code, stdout, stderr } = await runDitag(['gateway'], { home });
      assert.deepEqual([code, stdout], [2, ''], stderr);
      assert.match(stderr, message);
      assert.match(stderr, /^[^\n]+\n$/);
      if (fs.existsSync(received)) assert.deepEqual(fs.readdirSync(path.join(received, 'incoming')), []);
    }),
  );
});

/** Nobody listens any more. */
async function untilUnreachable(port: number): Promise<void> {
  const listens = () =>
    new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
  while (await listens()) await sleep(20);
}

const SENDERS = 4;
const FILES = 50;

/** Files of one sender, each with the data set that is sent. */
function filesToSend(folder: string, sender: number): Map<string, { file: string; dataSet: Buffer }> {
  const files = new Map<string, { file: string; dataSet: Buffer }>();
  for (let n = 0; n < FILES; n++) {
    const SOPInstanceUID = `1.2.3.${sender}.${n}`;
    const dataSet = ctDataSet(SOPInstanceUID, 300_000, SOPInstanceUID);
    const meta = encodeFileMeta({ SOPClassUID: CT, SOPInstanceUID, transferSyntaxUID: EXPLICIT, sourceAETitle: '' });
    const file = path.join(folder, `${sender}-${n}.dcm`);
    fs.writeFileSync(file, Buffer.concat([meta, dataSet]));
    files.set(SOPInstanceUID, { file, dataSet });
  }
  return files;
}

/** Sends files; gives the SOPInstanceUIDs that were answered with success. */
function dcmsend(port: number, files: readonly string[]): Promise<string[]> {
  const child = spawn('dcmsend', ['-d', '-aec', 'DITAG', '127.0.0.1', String(port), ...files], {
    env: { ...process.env, TCP_NODELAY: '1' },
  });
  const pieces: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => pieces.push(data));
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', () => {
      const messages = Buffer.concat(pieces).toString().split('INCOMING DIMSE MESSAGE').slice(1);
      const answers = messages.map((text) => text.split('END DIMSE MESSAGE', 1)[0]!);
      const good = answers.filter((text) => /C-STORE RSP/.test(text) && /DIMSE Status\s+: 0x0000/.test(text));
      resolve(good.map((text) => /Affected SOP Instance UID\s+: (\S+)/.exec(text)![1]!));
    });
  });
}

test('killed while 4 peers send: what was answered is on disk, whole, and after a restart in the index', async (t) => {
  if (!isHere(t, findOnPath('dcmsend') !== undefined, 'there is no dcmsend (Debian package dcmtk)')) return;
  const { home, port, received, start } = await user(t, '[PEER DCMSEND]', 'host = 127.0.0.1', 'may = store');
  const folder = temporaryFolder(t);
  const senders = Array.from({ length: SENDERS }, (_, sender) => filesToSend(folder, sender));
  const all = new Map(senders.flatMap((files) => [...files]));
  const first = await start();
  const archive = path.join(received, 'instances');
  const sending = senders.map((files) =>
    dcmsend(
      port,
      [...files.values()].map(({ file }) => file),
    ),
  );
  await until(
    () => filesOf(archive).length,
    (count) => count > 40,
    'stored',
  );
  first.child.kill('SIGKILL');
  assert.equal((await first.ended).signal, 'SIGKILL');
  const answered = (await Promise.all(sending)).flat();
  assert.ok(answered.length > 20 && answered.length < all.size, String(answered.length));
  const stored = filesOf(archive);
  for (const SOPInstanceUID of answered) {
    const bytes = fs.readFileSync(path.join(archive, `1.2.3/1.2.3.4/${SOPInstanceUID}.dcm`));
    assert.ok(bytes.subarray(dataSetStart(bytes)).equals(all.get(SOPInstanceUID)!.dataSet), SOPInstanceUID);
  }
  // What was not answered in time is whole, too, where it has its name.
  for (const name of stored) {
    const bytes = fs.readFileSync(path.join(archive, name));
    assert.ok(bytes.subarray(dataSetStart(bytes)).equals(all.get(path.basename(name, '.dcm'))!.dataSet), name);
  }

  const next = await start();
  const incoming = path.join(received, 'incoming');
  assert.deepEqual(filesOf(incoming), []);
  assert.equal(fs.readdirSync(incoming).filter((name) => !name.endsWith('.lock')).length, 1);
  let instances = 0;
  for (const begun = performance.now(); performance.now() - begun < 15_000 && instances !== stored.length; ) {
    const { stdout } = await runDitag(['stats', '--format', 'json'], { home });
    instances = stdout === '' ? 0 : (JSON.parse(stdout) as { instances: number }).instances;
  }
  assert.equal(instances, stored.length);
  next.child.kill('SIGTERM');
  assert.equal((await next.ended).code, 0);
  assert.deepEqual(
    filesOf(received).filter((name) => !name.startsWith('instances/')),
    [],
  );
});
