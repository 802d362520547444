// The page in a real Chromium over a cluster: what it shows is what the command line prints there; an archive is looked at
// again by the cluster's scanners, and series are sent to a real Orthanc by its gateway. And what of the API only a cluster has.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { ROLES, type Role } from '../../core/access/access.ts';
import { type RunningCluster, startCluster } from '../../scripts/parts/cluster.ts';
import { freePort, isHere, partOrSkip } from '../../scripts/parts/parts.ts';
import type { JobAnswer, JobsAnswer } from '../../services/api/schemas.ts';
import { makeCertificates } from '../certificates.ts';
import { fuzz } from '../cli/fuzzing.ts';
import { runDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { askerOf } from '../cli/serving.ts';
import { assertWholeTable, mayTable, tryEachCell } from '../cli/who-may-do-what.ts';
import { makeArchive, plainSeries } from '../index/make-archive.ts';
import { makeAccessionArchive } from '../projects/accession-archive.ts';
import { HOST, type RunningOrthanc, startOrthanc } from '../projects/orthanc-here.ts';
import { launchChromium, openPage, picture, sendAll, shows } from './chromium.ts';
import { makeMany, manyPatients, orderAndScroll, searchAndZoom } from './exploring.ts';

describe('the API of a cluster and its page', { concurrency: 1 }, () => {
  const releases: (() => void)[] = [];
  const home = temporaryFolder({ after: (release) => releases.push(release) });
  const archive = path.join(home, 'archive');
  const large = path.join(home, 'large');
  const many = path.join(home, 'many');
  let started: Promise<{ readonly cluster: RunningCluster; readonly orthanc: RunningOrthanc }>;
  let browser: Browser | undefined;
  let series = 0;

  /** Without Orthanc no cluster is started: then nothing of this file is run, and says so. */
  async function start() {
    const orthanc = await startOrthanc({ folder: path.join(home, 'orthanc') });
    try {
      const variables = {
        DITAG_PACS_DESTINATION: HOST,
        DITAG_PACS_PORT: String(orthanc.port),
        DITAG_PACS_AETITLE: orthanc.aeTitle,
      };
      const archives = new Map([
        ['made', archive],
        ['large', large],
        ['many', many],
      ]);
      return {
        orthanc,
        cluster: await startCluster({ stateFolder: path.join(home, 'state'), archives, gateways: 1, variables }),
      };
    } catch (error) {
      await orthanc.stop();
      throw error;
    }
  }

  const ditag = async (...args: string[]) => {
    const { cluster } = await started;
    return runDitag(['--nats', cluster.addresses.nats, ...args], { home });
  };

  before(async () => {
    const made = makeAccessionArchive(archive, 'plain', 120);
    series = new Set(made.map(({ SeriesInstanceUID }) => SeriesInstanceUID)).size;
    fs.mkdirSync(large);
    makeMany(many);
    started = start();
    browser = await launchChromium();
    await started.then(
      async () => {
        const { code, stderr } = await ditag('index', '--archive', 'made', '--quiet');
        assert.equal(code, 0, stderr);
      },
      // Each test says so.
      () => {},
    );
  });
  after(async () => {
    await browser?.close();
    await started.then(
      async ({ cluster, orthanc }) => {
        await cluster.stop();
        await orthanc.stop();
      },
      () => {},
    );
    for (const release of releases) release();
  });

  const opened = async (t: TestContext, address = '') => {
    const parts = await partOrSkip(t, () => started);
    if (parts === undefined) return undefined;
    return openPage(t, browser, { url: parts.cluster.addresses.api, address }, { statuses: [404] });
  };

  test('search, order, a series in detail, and the CSV of the command line', async (t) => {
    const page = await opened(t);
    if (page === undefined) return;
    await shows(page, series);
    const line = '--where SeriesDescription=.';
    await page.getByRole('searchbox').fill(line);
    const { stdout } = await ditag('query', '--where', 'SeriesDescription=.');
    await shows(page, stdout.trimEnd().split('\n').length - 1);
    await page.getByRole('button', { name: 'PatientID', exact: true }).click();
    await page.locator('th[aria-sort=ascending]', { hasText: 'PatientID' }).waitFor();
    await page.locator('[role=status][aria-busy=false]').first().waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: /^Export all .* as CSV$/ }).click(),
    ]);
    assert.equal(fs.readFileSync(await download.path(), 'utf8'), stdout);
    await page.locator('tbody button.open').first().click();
    const detail = page.getByRole('region', { name: 'Series in detail' });
    await detail.getByRole('cell', { name: 'SeriesInstanceUID', exact: true }).waitFor();
    await picture(page, 'cluster');
  });

  test('an archive is looked at again by the scanners, as everybody sees', async (t) => {
    const page = await opened(t, '#view=archives');
    if (page === undefined) return;
    await page.getByRole('button', { name: 'Look at it again' }).click();
    await page.locator('.jobs li', { hasText: 'index' }).locator('[role=status]', { hasText: 'done' }).waitFor();
    await page
      .getByText(/^Scan of made: done/)
      .first()
      .waitFor();
  });

  test('beyond this machine the service wants a token of the cluster, and speaks TLS', async (t) => {
    const parts = await partOrSkip(t, () => started);
    if (parts === undefined || !isHere(t, makeCertificates(home), 'there is no openssl (Debian package openssl)'))
      return;
    const port = await freePort();
    const second = await parts.cluster.start('api', {
      DITAG_HTTP_HOST: '0.0.0.0',
      DITAG_HTTP_PORT: String(port),
      DITAG_HTTP_TLS_CERT: path.join(home, 'server.pem'),
      DITAG_HTTP_TLS_KEY: path.join(home, 'server.key'),
    });
    t.after(() => second.stop());
    const { stdout, code } = await ditag('token', 'create', 'reader', '--role', 'read');
    assert.equal(code, 0);
    const get = (headers: Record<string, string>) =>
      new Promise<number>((resolve, reject) => {
        const ca = fs.readFileSync(path.join(home, 'ca.pem'));
        const request = https.get({ host: 'localhost', port, path: '/statistics', headers, ca }, (answer) => {
          answer.resume();
          resolve(answer.statusCode!);
        });
        request.on('error', reject);
      });
    const authorization = `Bearer ${stdout.trim()}`;
    assert.deepEqual([await get({}), await get({ authorization })], [401, 200]);
    assert.match((await ditag('token', 'trail')).stdout, /,command,,token create,/);
    assert.equal((await ditag('token', 'revoke', 'reader')).code, 0);
    assert.equal(await get({ authorization }), 401, 'at once, for every api');
  });

  test('search, include, exclude and zoom; rows ordered and scrolled to the end', async (t) => {
    const page = await opened(t);
    if (page === undefined) return;
    makeArchive(many, plainSeries('ct', '1.8.1', 1, { Modality: 'CT', StudyDate: '20120305' }));
    makeArchive(many, plainSeries('mr', '1.8.2', 1, { Modality: 'MR', StudyDate: '20120305' }));
    const { code, stderr } = await ditag('index', '--archive', 'many', '--append', '--quiet');
    assert.equal(code, 0, stderr);
    const query = async (...args: string[]) => (await ditag('query', ...args)).stdout;
    await searchAndZoom(page, (address) => opened(t, address), query);
    const ordered = await opened(t, `#${new URLSearchParams({ q: '--where Modality=^SM$' })}`);
    await orderAndScroll(ordered!, manyPatients);
  });

  test('series are sent by the gateway', async (t) => {
    const page = await opened(t);
    if (page === undefined) return;
    const all = Number((await ditag('query', '--count')).stdout);
    assert.ok(all > series + manyPatients.length, `${all} of ${series} and ${manyPatients.length}`);
    await shows(page, all);
    const { orthanc } = await started;
    await sendAll(page, all, orthanc);
  });

  test('who ends an operation that looks at an archive ends its scan', async (t) => {
    const parts = await partOrSkip(t, () => started);
    if (parts === undefined) return;
    const { api } = parts.cluster.addresses;
    makeArchive(large, plainSeries('first', '1.7.1', 1));
    assert.equal((await ditag('index', '--archive', 'large', '--append', '--quiet')).code, 0);
    for (let n = 0; n < 200; n++) makeArchive(large, plainSeries(`s${n}`, `1.7.2.${n}`, 150));
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ operation: 'index', archive: 'large' });
    const job = (await (await fetch(`${api}/jobs`, { method: 'POST', headers, body })).json()) as JobAnswer;
    const jobs = async () => (await (await fetch(`${api}/jobs`)).json()) as JobsAnswer;
    const scanOf = async () =>
      (await jobs()).scans.find(({ archive: name, endedAt }) => name === 'large' && endedAt === undefined);
    let scan = await scanOf();
    for (let tries = 0; tries < 200 && scan === undefined; tries++) {
      await sleep(20);
      scan = await scanOf();
    }
    // So that it does not end by itself.
    const { pid } = parts.cluster.service('scanner');
    process.kill(pid, 'SIGSTOP');
    t.after(() => process.kill(pid, 'SIGCONT'));
    assert.ok(scan !== undefined, 'the scan is seen while it runs');
    assert.equal((await fetch(`${api}/jobs/${job.id}`, { method: 'DELETE' })).status, 202);
    let told = await jobs();
    const hasEnded = () => told.scans.find(({ id }) => id === scan.id)!.endedAt !== undefined;
    for (let tries = 0; tries < 200 && !hasEnded(); tries++) {
      await sleep(50);
      told = await jobs();
    }
    assert.equal(told.scans.find(({ id }) => id === scan.id)!.status, 'cancelled');
    assert.equal(told.jobs.find(({ id }) => id === job.id)!.status, 'cancelled');
  });

  test('each role may do what it is for, and nothing else; no request ends in a failure of the service', async (t) => {
    const parts = await partOrSkip(t, () => started);
    if (parts === undefined) return;
    const port = await freePort();
    const beyond = await parts.cluster.start('api', {
      DITAG_HTTP_HOST: '0.0.0.0',
      DITAG_HTTP_PORT: String(port),
      DITAG_HTTP_PLAIN: 'yes',
    });
    t.after(() => beyond.stop());
    const tokens = new Map<Role, string>();
    for (const role of ROLES)
      tokens.set(role, (await ditag('token', 'create', `for-${role}`, '--role', role)).stdout.trim());
    const url = `http://127.0.0.1:${port}`;
    const ask = askerOf(url);
    const { stdout } = await ditag('query', '--where=Modality=^CT$');
    const uid = stdout.split('\n')[1]!.split(',').at(-1)!;
    const table = mayTable({ uid, preview: 404, send: 202 });
    await tryEachCell(ask, tokens, table);
    await assertWholeTable(ask, uid, table);
    await fuzz(t, { url, token: tokens.get('admin')!, home });
  });
});
