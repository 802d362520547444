// Peers of a cluster's gateway: findscu, getscu and movescu of DCMTK are answered from what the cluster has indexed, a C-STORE
// comes into the index by the cluster's scanners, and send and lookups go to a PACS that wants TLS. All parts are real.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningCluster, startCluster } from '../../scripts/parts/cluster.ts';
import { freePort, isHere, partOrSkip } from '../../scripts/parts/parts.ts';
import { makeCertificates } from '../certificates.ts';
import { runDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { startDcmtk } from '../dcmtk.ts';
import { makeArchive, plainSeries } from '../index/make-archive.ts';

const SERIES = 12;
const EACH = 3;
const PROGRAMS = ['findscu', 'getscu', 'movescu', 'storescu', 'storescp'];

describe('peers of a gateway of a cluster', { timeout: 240_000 }, () => {
  const releases: (() => void)[] = [];
  const home = temporaryFolder({ after: (release) => releases.push(release) });
  const archive = path.join(home, 'archive');
  const received = path.join(home, 'received');
  const hasDcmtk = PROGRAMS.every((one) => spawnSync(one, ['--version']).status === 0);
  let started: Promise<RunningCluster> | undefined;
  const ports = { gateway: 0, target: 0 };

  async function start(): Promise<RunningCluster> {
    Object.assign(ports, { gateway: await freePort(), target: await freePort() });
    const archives = new Map([
      ['made', archive],
      ['received', path.join(received, 'instances')],
    ]);
    fs.mkdirSync(path.join(received, 'instances'), { recursive: true });
    const cluster = await startCluster({ stateFolder: path.join(home, 'state'), archives });
    const peers = [
      { aeTitle: 'BOTH', host: '127.0.0.1', may: ['find', 'move', 'get', 'store'] },
      { aeTitle: 'TARGET', host: '127.0.0.1', port: ports.target, may: [] },
    ];
    fs.writeFileSync(path.join(home, 'peers.json'), JSON.stringify(peers));
    await cluster.start('dimse-gateway', {
      DITAG_GATEWAY_PORT: String(ports.gateway),
      DITAG_GATEWAY_AETITLE: 'GATEWAY',
      DITAG_GATEWAY_FOLDER: received,
      DITAG_GATEWAY_ARCHIVE: 'received',
      DITAG_GATEWAY_PEERS_FILE: path.join(home, 'peers.json'),
    });
    return cluster;
  }

  const ditag = async (...args: string[]) => runDitag(['--nats', (await started!).addresses.nats, ...args], { home });
  const count = async (...args: string[]) => Number((await ditag('query', '--count', ...args)).stdout);

  before(async () => {
    for (let n = 0; n < SERIES; n++) {
      const more = { StudyInstanceUID: `1.2.9.${n % 4}`, PatientID: `P${n % 4}`, Modality: n % 2 === 0 ? 'CT' : 'MR' };
      makeArchive(archive, plainSeries(`s${n}`, `1.2.9.${n % 4}.${n}`, EACH, more));
    }
    if (!hasDcmtk) return;
    started = start();
    await started.then(
      () => ditag('index', '--archive', 'made', '--quiet'),
      // Each test says so.
      () => {},
    );
  });
  after(async () => {
    await started?.then((cluster) => cluster.stop()).catch(() => {});
    for (const release of releases) release();
  });

  const parts = (name: string, check: (t: TestContext, cluster: RunningCluster) => Promise<void>) =>
    void test(name, async (t) => {
      if (!isHere(t, hasDcmtk, `one of ${PROGRAMS.join(', ')} is missing (Debian package dcmtk)`)) return;
      const cluster = await partOrSkip(t, () => started!);
      if (cluster !== undefined) await check(t, cluster);
    });

  const dcmtk = (program: string, ...args: string[]) =>
    new Promise<{ readonly code: number; readonly log: string }>((resolve) => {
      const line = ['-v', '-aet', 'BOTH', '-aec', 'GATEWAY', ...args];
      const env = { ...process.env, TCP_NODELAY: '1' };
      execFile(program, line, { env, encoding: 'latin1' }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), log: stdout + stderr }),
      );
    });
  const at = () => ['127.0.0.1', String(ports.gateway)];
  const keys = (...all: string[]) => all.flatMap((key) => ['-k', key]);
  const folderOf = (name: string) => fs.mkdtempSync(path.join(home, `${name}-`));

  parts('C-FIND is answered from the cluster', async () => {
    for (const [level, key, expected] of [
      ['STUDY', 'StudyInstanceUID', 4],
      ['SERIES', 'SeriesInstanceUID', SERIES],
    ] as const) {
      const into = folderOf('found');
      const { code, log } = await dcmtk(
        'findscu',
        '-S',
        '-X',
        '-od',
        into,
        ...keys(`QueryRetrieveLevel=${level}`, key),
        ...at(),
      );
      assert.equal(code, 0, log);
      assert.equal(fs.readdirSync(into).length, expected, log);
    }
    const into = folderOf('found');
    const of = keys('QueryRetrieveLevel=SERIES', 'Modality=MR', 'SeriesInstanceUID');
    await dcmtk('findscu', '-S', '-X', '-od', into, ...of, ...at());
    assert.equal(fs.readdirSync(into).length, await count('--where', 'Modality=^MR$'));
  });

  parts('a gateway gives no more answers than it is told, and says so', async (t, cluster) => {
    const [own, into] = [await freePort(), folderOf('found')];
    const gateway = await cluster.start('dimse-gateway', {
      DITAG_GATEWAY_PORT: String(own),
      DITAG_GATEWAY_AETITLE: 'GATEWAY',
      DITAG_GATEWAY_FOLDER: folderOf('received-too'),
      DITAG_GATEWAY_ARCHIVE: 'received',
      DITAG_GATEWAY_PEERS_FILE: path.join(home, 'peers.json'),
      DITAG_GATEWAY_ANSWERS: '5',
    });
    t.after(() => gateway.stop());
    const of = keys('QueryRetrieveLevel=SERIES', 'SeriesInstanceUID');
    const { log } = await dcmtk('findscu', '-S', '-X', '-od', into, ...of, '127.0.0.1', String(own));
    assert.equal(fs.readdirSync(into).length, 5, log);
    assert.match(log, /Final Find Response \(Refused: OutOfResources\)/);
  });

  parts('C-GET and C-MOVE bring what the archive has', async (t) => {
    const got = folderOf('got');
    const study = keys('QueryRetrieveLevel=STUDY', 'StudyInstanceUID=1.2.9.1');
    const get = await dcmtk('getscu', '-S', '+B', '-od', got, ...study, ...at());
    assert.equal(get.code, 0, get.log);
    assert.equal(fs.readdirSync(got).length, (SERIES / 4) * EACH);
    const moved = folderOf('moved');
    await startDcmtk(t, 'storescp', (on) => ['+xa', '--fork', '-od', moved, String(on)], ports.target);
    const move = await dcmtk('movescu', '-S', '-aem', 'TARGET', ...study, ...at());
    assert.equal(move.code, 0, move.log);
    assert.match(move.log, /Final Move Response \(Success\)/);
    assert.equal(fs.readdirSync(moved).length, (SERIES / 4) * EACH);
    const unknown = await dcmtk('movescu', '-S', '-aem', 'NOBODY', ...study, ...at());
    assert.match(unknown.log, /MoveDestinationUnknown/);
  });

  parts('what is stored is found by the next query, and answered to peers', async () => {
    const outside = path.join(home, 'outside');
    makeArchive(outside, plainSeries('new', '1.2.9.9.1', EACH, { StudyInstanceUID: '1.2.9.9', PatientID: 'P9' }));
    const stored = await dcmtk('storescu', '+sd', '+r', ...at(), outside);
    assert.equal(stored.code, 0, stored.log);
    // The gateway asks for a scan some seconds after the last instance.
    for (let tries = 0; tries < 60 && (await count('--where', 'PatientID=^P9$')) === 0; tries++) await sleep(500);
    const into = folderOf('found');
    await dcmtk(
      'findscu',
      '-S',
      '-X',
      '-od',
      into,
      ...keys('QueryRetrieveLevel=SERIES', 'PatientID=P9', 'SeriesInstanceUID'),
      ...at(),
    );
    assert.equal(fs.readdirSync(into).length, 1);
  });

  parts('a PACS that wants TLS and a certificate is sent to by the gateway', async (t, cluster) => {
    const certificates = folderOf('certificates');
    if (!isHere(t, makeCertificates(certificates), 'there is no openssl (Debian package openssl)')) return;
    const file = (name: string) => path.join(certificates, name);
    const came = folderOf('came');
    const tls = ['+tls', file('server.key'), file('server.pem'), '--add-cert-file', file('ca.pem')];
    const port = await startDcmtk(t, 'storescp', (on) => [...tls, '-aet', 'SECURE', '+xa', '-od', came, String(on)]);
    if (port === undefined) return;
    const own = await freePort();
    const peers = [
      { aeTitle: 'BOTH', host: '127.0.0.1', may: ['move'] },
      { aeTitle: 'SECURE', host: 'localhost', port, tls: true, may: [] },
    ];
    fs.writeFileSync(file('peers.json'), JSON.stringify(peers));
    const gateway = await cluster.start('dimse-gateway', {
      DITAG_GATEWAY_PORT: String(own),
      DITAG_GATEWAY_AETITLE: 'GATEWAY',
      DITAG_GATEWAY_FOLDER: folderOf('received-too'),
      DITAG_GATEWAY_ARCHIVE: 'received',
      DITAG_GATEWAY_PEERS_FILE: file('peers.json'),
      DITAG_GATEWAY_PACS_CA: file('ca.pem'),
      DITAG_GATEWAY_PACS_CERT: file('client.pem'),
      DITAG_GATEWAY_PACS_KEY: file('client.key'),
    });
    t.after(() => gateway.stop());
    // The other one has no certificate, and would be refused.
    await cluster.service('dimse-gateway').stop();
    const lines = [
      'tls = yes',
      `tls_ca = ${file('ca.pem')}`,
      `tls_cert = ${file('client.pem')}`,
      `tls_key = ${file('client.key')}`,
    ];
    const config = path.join(certificates, 'config.ini');
    fs.writeFileSync(config, `[DEFAULT]\ndatabase = x.db\n[PACS]\n${lines.join('\n')}\n`);
    const list = path.join(certificates, 'list.csv');
    const chosen = ['--where', 'StudyInstanceUID=^1\\.2\\.9\\.2$'];
    assert.equal((await ditag('query', ...chosen, '--output', list)).code, 0);
    const where = ['--destination', 'localhost', '--port', String(port), '--pacs-aetitle', 'SECURE'];
    const sent = await ditag('--config-file', config, 'send', '--input', list, ...where);
    assert.equal(sent.code, 0, sent.stderr);
    assert.equal(fs.readdirSync(came).length, (SERIES / 4) * EACH);
    const named = keys('QueryRetrieveLevel=SERIES', 'StudyInstanceUID=1.2.9.3', 'SeriesInstanceUID=1.2.9.3.3');
    await dcmtk(
      'movescu',
      '-S',
      '-aet',
      'BOTH',
      '-aec',
      'GATEWAY',
      '-aem',
      'SECURE',
      ...named,
      '127.0.0.1',
      String(own),
    );
    assert.equal(fs.readdirSync(came).length, (SERIES / 4 + 1) * EACH);
  });
});
