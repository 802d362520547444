// The page in a real Chromium over a cluster: what it shows is what the command line prints there; an archive is looked at
// again by the cluster's scanners, and series are sent to a real Orthanc by its gateway.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { type RunningCluster, startCluster } from '../../scripts/parts/cluster.ts';
import { MissingPart } from '../../scripts/parts/parts.ts';
import { runDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { makeAccessionArchive } from '../projects/accession-archive.ts';
import { HOST, type RunningOrthanc, startOrthanc } from '../projects/orthanc-here.ts';
import { launchChromium, openPage, picture, shows } from './chromium.ts';

describe('the page over a cluster', { concurrency: 1 }, () => {
  const releases: (() => void)[] = [];
  const home = temporaryFolder({ after: (release) => releases.push(release) });
  let cluster: RunningCluster | undefined;
  let orthanc: RunningOrthanc | undefined;
  let browser: Browser | undefined;
  let missing = '';
  let series = 0;
  const ditag = (...args: string[]) => runDitag(['--nats', cluster!.addresses.nats, ...args], { home });

  before(async () => {
    const archive = path.join(home, 'archive');
    const made = makeAccessionArchive(archive, 'plain', 120);
    series = new Set(made.map(({ SeriesInstanceUID }) => SeriesInstanceUID)).size;
    try {
      orthanc = await startOrthanc({ folder: path.join(home, 'orthanc') });
      cluster = await startCluster({
        stateFolder: path.join(home, 'state'),
        archives: new Map([['made', archive]]),
        gateways: 1,
        variables: {
          DITAG_PACS_DESTINATION: HOST,
          DITAG_PACS_PORT: String(orthanc.port),
          DITAG_PACS_AETITLE: orthanc.aeTitle,
        },
      });
      const { code, stderr } = await ditag('index', '--archive', 'made', '--quiet');
      assert.equal(code, 0, stderr);
    } catch (error) {
      if (!(error instanceof MissingPart) || process.env['DITAG_REQUIRE_PARTS'] === '1') throw error;
      missing = error.message;
    }
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await cluster?.stop();
    await orthanc?.stop();
    for (const release of releases) release();
  });

  const opened = async (t: TestContext, address = '') => {
    if (missing === '') return openPage(t, browser, { url: cluster!.addresses.api, address }, { statuses: [404] });
    t.skip(`NOT RUN: ${missing}`);
    return undefined;
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
      page.getByRole('button', { name: 'Export as CSV' }).click(),
    ]);
    assert.equal(fs.readFileSync(await download.path(), 'utf8'), stdout);
    await page.locator('tbody button.open').first().click();
    const detail = page.getByRole('region', { name: 'Series in detail' });
    await detail.getByRole('cell', { name: 'SeriesInstanceUID', exact: true }).waitFor();
    await picture(page, 'cluster');
  });

  test('an archive is looked at again by the scanners, as everybody sees', async (t) => {
    const page = await opened(t, '?view=archives');
    if (page === undefined) return;
    await page.getByRole('button', { name: 'Look at it again' }).click();
    await page.locator('.jobs li', { hasText: 'index' }).locator('[role=status]', { hasText: 'done' }).waitFor();
    await page
      .getByText(/^Scan of made: done/)
      .first()
      .waitFor();
  });

  test('series are sent by the gateway', async (t) => {
    const page = await opened(t);
    if (page === undefined) return;
    await shows(page, series);
    await page.getByRole('button', { name: `Send all ${series} found to ORTHANC` }).click();
    await page.locator('.jobs li', { hasText: 'send' }).locator('[role=status]', { hasText: 'done' }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Results' }).click(),
    ]);
    const lines = fs
      .readFileSync(await download.path(), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(1);
    assert.ok(lines.length > 100 && lines.every((each) => each.includes(',stored,')), lines[0]);
  });
});
