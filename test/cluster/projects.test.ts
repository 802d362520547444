// Projects of a cluster: gateways ask the PACS, the state is the same for everyone who looks, and what is answered is what a
// project on one machine answers. NATS and the gateways are real; the PACS is scripted.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { dataSetStart } from '../../core/dimse/file-meta.ts';
import { freePort } from '../../scripts/parts/parts.ts';
import { runDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { associateRequest, filesOf, until } from '../gateway-here.ts';
import { CONTENT, ProjectCluster, THREADS } from './project-cluster.ts';

describe('projects of a cluster', { timeout: 240_000 }, () => {
  const it = new ProjectCluster({ before, after });
  const { home, list, destinations, gateways, cluster, here, jobs, at } = it;
  const of = (name: string) => ['--project-name', name];

  test('are looked up by gateways within the limit of the PACS, and one that dies loses nothing', async (t) => {
    if (!(await it.hasParts(t))) return;
    const asking = cluster('index', ...of('study'), ...at(), '--target-list', list);
    await until(
      () => it.pacs.requests.length,
      (asked) => asked >= 60,
      'queries',
    );
    await gateways.shift()!.kill();
    const asked = await asking;
    assert.match(asked.stderr, /88 of 90 accession numbers found, 2 not found: 90 studies, 180 series, 270 instances/);
    assert.equal(asked.code, 0, asked.stderr);
    assert.ok(it.pacs.peakAssociations <= THREADS, `${it.pacs.peakAssociations} associations`);
    await it.startGateway();
    // What is known is not asked for again.
    const { length } = it.pacs.requests;
    assert.equal((await cluster('index', ...of('study'), ...at(), '--target-list', list)).code, 0);
    assert.equal(it.pacs.requests.length, length);
  });

  test('answer as a project on one machine does', async (t) => {
    if (!(await it.hasParts(t))) return;
    const asked = await here('index', ...of('study'), ...at(), '--target-list', list);
    assert.equal(asked.code, 0, asked.stderr);
    for (const question of [
      ['query', ...of('study'), '--columns', 'AccessionNumber,Modality'],
      ['query', ...of('study'), '--where', 'SeriesDescription=T2 [01]', '--format', 'json'],
      ['report', ...of('study'), '--get-cost', '2.50'],
      ['report', ...of('study'), '--format', 'csv'],
    ]) {
      const [there, local] = [await cluster(...question), await here(...question)];
      assert.equal(there.stdout, local.stdout);
      assert.deepEqual([there.code, there.stderr], [local.code, local.stderr]);
    }
    const unknown = await cluster('report', ...of('nobody'));
    assert.deepEqual([unknown.code, unknown.stderr.includes('there are: study')], [2, true], unknown.stderr);
  });

  test('are downloaded with a state that the cluster keeps', async (t) => {
    if (!(await it.hasParts(t))) return;
    const port = await freePort();
    destinations.set('DITAG', { host: '127.0.0.1', port });
    const output = path.join(home, 'out');
    const download = () => cluster('download', ...of('study'), '--output', output, '--scp-port', String(port));
    // The second has to find out that the first lives.
    it.pacs.faults.slow = 60;
    const [first, second] = await Promise.all([download(), download()]);
    it.pacs.faults.slow = 0;
    // Whoever comes second is told so, and nothing came twice.
    assert.deepEqual([first.code, second.code].sort(), [0, 2], first.stderr + second.stderr);
    assert.equal(it.pacs.sent.length, 270);
    const again = await download();
    assert.deepEqual([again.code, it.pacs.sent.length], [0, 270], again.stderr);
    const verified = await cluster('verify', ...of('study'));
    assert.deepEqual([verified.code, verified.stdout], [0, '']);
    // Anyone sees it, wherever they are.
    const report = await runDitag(['--nats', it.url, 'project', 'report', ...of('study')], {
      home: temporaryFolder({ after }),
    });
    assert.match(report.stdout, /270 expected instances, 270 received, none missing/);
  });

  for (const method of ['move', 'get'])
    test(`are downloaded by gateways, C-${method.toUpperCase()}, also where one dies`, async (t) => {
      if (!(await it.hasParts(t))) return;
      // They have no place for it, and would only pass items on.
      await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
      const mount = path.join(home, `downloads-${method}`);
      const begun = await Promise.all(
        [1, 2].map(async (n) => {
          const port = await freePort();
          destinations.set(`GATEWAY${n}`, { host: '127.0.0.1', port });
          return it.startGateway({
            DITAG_GATEWAY_DOWNLOADS: mount,
            DITAG_GATEWAY_DOWNLOAD_PORT: String(port),
            DITAG_GATEWAY_DOWNLOAD_AETITLE: `GATEWAY${n}`,
          });
        }),
      );
      const before = it.pacs.sent.length;
      const name = ['--output', `of-${method}`, '--method', method, '--threads', String(THREADS)];
      const patience = ['--patience', '2', '--rounds', '2'];
      const downloading = cluster('download', ...of('study'), ...name, ...patience);
      await until(
        () => it.pacs.sent.length - before,
        (sent) => sent >= 40,
        'instances',
      );
      if (method === 'move') await callAsStranger(destinations.get('GATEWAY2')!.port);
      await begun[0]!.kill();
      it.forget(begun[0]!);
      const downloaded = await downloading;
      assert.equal(downloaded.code, 0, downloaded.stderr);
      const refused = /PEER at 127\.0\.0\.2 wanted to send and was refused/.test(downloaded.stderr);
      assert.equal(refused, method === 'move', downloaded.stderr);
      assert.match(downloaded.stderr, /Complete: all 270 instances are on disk/);
      // What was on its way when it died comes again, and nothing else.
      const { length } = it.pacs.sent;
      assert.ok(length - before < 270 + 60, `${length - before} instances were sent`);
      const [folder] = fs.readdirSync(path.join(mount, `of-${method}`));
      const whole = path.join(mount, `of-${method}`, folder!);
      const verified = await here('verify', '--folder', whole);
      assert.deepEqual([verified.code, verified.stdout], [0, ''], verified.stderr);
      const dataSets = new Set(
        filesOf(whole)
          .filter((file) => file.endsWith('.dcm'))
          .map((file) => {
            const bytes = fs.readFileSync(path.join(whole, file));
            const uid = path.basename(file, '.dcm');
            return bytes.subarray(dataSetStart(bytes)).equals(CONTENT.dataSet(uid)) ? uid : `${uid} differs`;
          }),
      );
      assert.deepEqual(dataSets, new Set(CONTENT.uids({})));
      // The same folder is continued: nothing is asked for again, and each subject becomes a zip.
      const sent = it.pacs.sent.length;
      const link = path.join(whole, fs.readdirSync(whole).find((one) => one.startsWith('N'))!, 'link');
      fs.symlinkSync(home, link);
      const zip = () => cluster('download', ...of('study'), ...name, ...patience, '--zip-project');
      const failed = await zip();
      assert.equal(failed.code, 1, failed.stderr);
      assert.match(failed.stderr, /could not be made: .*link.* does not go into a zip\. The folder is kept\./);
      fs.unlinkSync(link);
      const zipped = await zip();
      assert.deepEqual([zipped.code, it.pacs.sent.length], [0, sent], zipped.stderr);
      const left = fs.readdirSync(whole).filter((one) => !one.endsWith('.zip'));
      assert.deepEqual(left, ['.owner', 'manifest.csv']);
      const inZips = await here('verify', '--folder', whole);
      assert.deepEqual([inZips.code, inZips.stdout], [0, ''], inZips.stderr);
      await begun[1]!.stop();
      it.forget(begun[1]!);
    });

  test('share one limit: lookups and downloads of several, by several gateways', async (t) => {
    if (!(await it.hasParts(t))) return;
    const mount = path.join(home, 'downloads-shared');
    const begun = await Promise.all([1, 2].map(() => it.startGateway({ DITAG_GATEWAY_DOWNLOADS: mount })));
    const lookUp = (name: string) =>
      cluster('index', ...of(name), ...at(), '--target-list', list, '--threads', String(THREADS));
    const second = await lookUp('second');
    assert.equal(second.code, 0, second.stderr);
    it.pacs.peakRequests = 0;
    it.pacs.faults.slow = 5;
    const fetch = (name: string) =>
      cluster('download', ...of(name), '--output', name, '--method', 'get', '--threads', String(THREADS));
    const all = await Promise.all([fetch('study'), fetch('second'), lookUp('third')]);
    it.pacs.faults.slow = 0;
    for (const { code, stderr } of all) assert.equal(code, 0, stderr);
    // Each command also asks with a C-ECHO of its own whether the PACS is there.
    const { peakRequests } = it.pacs;
    assert.ok(peakRequests > 1 && peakRequests <= THREADS, `${peakRequests} associations at work`);
    for (const gateway of begun) {
      await gateway.stop();
      it.forget(gateway);
    }
  });

  test('are listed as jobs, and what gateways do can be ended', async (t) => {
    if (!(await it.hasParts(t))) return;
    const only = await it.startGateway({ DITAG_GATEWAY_DOWNLOADS: path.join(home, 'downloads-jobs') });
    const download = () =>
      cluster('download', ...of('study'), '--output', 'jobs', '--method', 'get', '--patience', '2', '--rounds', '1');
    const before = it.pacs.sent.length;
    it.pacs.faults.slow = 40;
    const downloading = download();
    await until(
      () => it.pacs.sent.length - before,
      (sent) => sent >= 20,
      'instances',
    );
    const [line] = (await jobs('list')).stdout.split('\n');
    assert.match(line!, /^[0-9a-f-]{13} {2}downloading {2}\d{4}-.*Z {2}project study$/);
    const cancelled = await jobs('cancel', line!.slice(0, 13));
    assert.deepEqual([cancelled.code, cancelled.stderr.startsWith('Cancelled')], [0, true], cancelled.stderr);
    const broken = await downloading;
    assert.match(broken.stderr, /Not complete: \d+ of 270 instances/);
    assert.match(broken.stderr, /project study was ended by `ditag jobs cancel`/);
    assert.equal(broken.code, 1);
    assert.match((await jobs('list')).stdout, /^[0-9a-f-]{13} {2}cancelled {2}.* project study, download: .*\n$/);
    assert.equal((await jobs('cancel', 'nothing')).code, 2);
    it.pacs.faults.slow = 0;
    const again = await download();
    assert.equal(again.code, 0, again.stderr);
    assert.equal((await jobs('list')).stdout, '');
    // The same gateway, another download of the same series: each has its own.
    const series = path.join(home, 'part.csv');
    assert.equal(
      (await cluster('query', ...of('study'), '--where', 'SeriesDescription=T2', '--output', series)).code,
      0,
    );
    const part = await cluster('download', ...of('study'), '--output', 'part/', '--method', 'get', '--input', series);
    assert.match(part.stderr, /Complete: all 90 instances are on disk/);
    const folder = path.join(home, 'downloads-jobs/part', fs.readdirSync(path.join(home, 'downloads-jobs/part'))[0]!);
    const verified = await here('verify', '--folder', folder);
    assert.deepEqual([verified.code, verified.stdout], [0, ''], verified.stderr);
    const outside = await cluster('download', ...of('study'), '--output', '../x', '--method', 'get');
    assert.deepEqual([outside.code, outside.stderr.includes('name a folder below')], [2, true], outside.stderr);
    await only.stop();
    it.forget(only);
  });
});

/** From another address than the PACS. */
async function callAsStranger(port: number): Promise<void> {
  const socket = net.connect({ host: '127.0.0.1', port, localAddress: '127.0.0.2' });
  socket.write(associateRequest());
  await once(socket, 'data');
  socket.destroy();
}
