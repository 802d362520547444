// Orthanc, a PACS of others, as target and as source: what is sent to it comes back by C-MOVE into the gateway, and the
// index then has the same instances.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { findOnPath, freePort, isHere } from '../../scripts/parts/parts.ts';
import { makeArchive, plainSeries } from '../index/make-archive.ts';
import { runDitag, startDitag, temporaryFolder } from './run-ditag.ts';

const CT_SAMPLE = path.resolve(import.meta.dirname, '../samples/CT_small.dcm');
const SAMPLES = [
  'CT_small.dcm',
  'JPEG2000.dcm',
  'MR_small_implicit.dcm',
  'SC_rgb_rle.dcm',
  'SC_rgb_small_odd.dcm',
  'waveform_ecg.dcm',
];

describe('Orthanc', { timeout: 60_000 }, () => {
  const folder = temporaryFolder({ after });

  test('takes what ditag sends, and gives it back to the gateway', async (t) => {
    const orthanc = findOnPath('Orthanc');
    const hasAll = orthanc !== undefined && findOnPath('movescu') !== undefined;
    if (!isHere(t, hasAll, 'there is no Orthanc or movescu (Debian packages orthanc, dcmtk)')) return;
    const [orthancPort, gatewayPort] = [await freePort(), await freePort()];
    const archive = path.join(folder, 'archive');
    fs.mkdirSync(path.join(archive, 'samples'), { recursive: true });
    for (const name of SAMPLES)
      fs.copyFileSync(path.join(path.dirname(CT_SAMPLE), name), path.join(archive, 'samples', name));
    makeArchive(archive, plainSeries('plain', '1.2.9.5.1', 5, { StudyInstanceUID: '1.2.9.5', PatientID: 'P5' }));
    const settings = {
      DicomAet: 'ORTHANC',
      DicomPort: orthancPort,
      HttpServerEnabled: false,
      StorageDirectory: path.join(folder, 'orthanc'),
      IndexDirectory: path.join(folder, 'orthanc'),
      DicomModalities: { gateway: ['GATEWAY', '127.0.0.1', gatewayPort], movescu: ['MOVESCU', '127.0.0.1', 1] },
    };
    const file = path.join(folder, 'orthanc.json');
    fs.writeFileSync(file, JSON.stringify(settings));
    const running = spawn(orthanc!, [file], { stdio: 'ignore', env: { ...process.env, TCP_NODELAY: '1' } });
    t.after(() => running.kill('SIGKILL'));
    // Each its own configuration, and so its own index.
    const sender = path.join(folder, 'sender/config.ini');
    const receiver = path.join(folder, 'receiver/config.ini');
    for (const config of [sender, receiver]) fs.mkdirSync(path.dirname(config));
    const lines = [
      '[GATEWAY]',
      'aetitle = GATEWAY',
      `port = ${gatewayPort}`,
      '[PEER ORTHANC]',
      'host = 127.0.0.1',
      'may = store',
    ];
    fs.writeFileSync(receiver, `${lines.join('\n')}\n`);
    const gateway = startDitag(['--config-file', receiver, 'gateway'], { home: folder });
    t.after(() => gateway.child.kill('SIGKILL'));
    const ditag = (config: string, ...args: string[]) => runDitag(['--config-file', config, ...args], { home: folder });
    assert.equal((await ditag(sender, 'index', '--archive', archive)).code, 0);
    const list = path.join(folder, 'list.csv');
    assert.equal((await ditag(sender, 'query', '--output', list)).code, 0);
    const to = ['--destination', '127.0.0.1', '--port', String(orthancPort), '--pacs-aetitle', 'ORTHANC'];
    await until(async () => (await ditag(sender, 'echo', ...to)).code === 0);
    const sent = await ditag(sender, 'send', ...to, '--input', list);
    assert.equal(sent.code, 0, sent.stderr);
    const studies = (await ditag(sender, 'query', '--columns', 'StudyInstanceUID', '--format', 'ndjson')).stdout;
    for (const line of new Set(
      studies
        .trim()
        .split('\n')
        .map((row) => (JSON.parse(row) as Row).StudyInstanceUID),
    )) {
      const at = ['-S', '-aet', 'MOVESCU', '-aec', 'ORTHANC', '-aem', 'GATEWAY', '127.0.0.1', String(orthancPort)];
      const keys = ['-k', 'QueryRetrieveLevel=STUDY', '-k', `StudyInstanceUID=${line}`];
      const moved = spawnSync('movescu', [...at, ...keys], {
        encoding: 'utf8',
        env: { ...process.env, TCP_NODELAY: '1' },
      });
      assert.equal(moved.status, 0, moved.stderr);
    }
    // The gateway indexes what came before it ends.
    gateway.child.kill('SIGINT');
    const { stderr } = await gateway.ended;
    const rows = async (config: string) => (await ditag(config, 'query')).stdout;
    assert.equal(await rows(receiver), await rows(sender), stderr);
    const totals = async (config: string) =>
      (JSON.parse((await ditag(config, 'stats', '--format', 'json')).stdout) as Totals).instances;
    assert.equal(await totals(receiver), SAMPLES.length + 5);
    assert.equal(await totals(sender), SAMPLES.length + 5);
  });
});

interface Row {
  readonly StudyInstanceUID: string;
}

interface Totals {
  readonly instances: number;
}

async function until(check: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    if (await check()) return;
    await sleep(100);
  }
  assert.fail('Orthanc does not answer');
}
