// The page in a real Chromium: series are sent to a real Orthanc, and seen to end; a project is made of them, with its report;
// beyond this machine it asks for a token.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { partOrSkip } from '../../scripts/parts/parts.ts';
import { runDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { orthancOf, type Serving, startServing } from '../cli/serving.ts';
import { makeAccessionArchive } from '../projects/accession-archive.ts';
import type { RunningOrthanc } from '../projects/orthanc-here.ts';
import { assertAccessible } from './axe.ts';
import { assertProgress, launchChromium, openPage, picture, sendAll, shows, watchProgress } from './chromium.ts';
import { pressAt } from './keyboard.ts';

describe('work that is started from the page', { concurrency: 1 }, () => {
  const releases: (() => void)[] = [];
  const home = temporaryFolder({ after: (release) => releases.push(release) });
  const output = path.join(home, 'downloads');
  let series = 0;
  let served: Serving;
  let browser: Browser | undefined;
  let orthanc: Promise<RunningOrthanc>;

  before(async () => {
    const archive = path.join(home, 'archive');
    const made = makeAccessionArchive(archive, 'plain', 120);
    series = new Set(made.map(({ SeriesInstanceUID }) => SeriesInstanceUID)).size;
    assert.equal((await runDitag(['index', '--archive', archive, '--quiet'], { home })).code, 0);
    orthanc = orthancOf(home);
    // Each test that needs it says so.
    await orthanc.catch(() => {});
    served = await startServing(home, '--output', output);
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    served.stop();
    await orthanc.then(
      (pacs) => pacs.stop(),
      () => {},
    );
    for (const release of releases) release();
  });

  test('all that is found is sent, and the results are saved', async (t) => {
    const pacs = await partOrSkip(t, () => orthanc);
    if (pacs === undefined) return;
    const page = await openPage(t, browser, served);
    if (page === undefined) return;
    await shows(page, series);
    await sendAll(page, series, pacs);
    await picture(page, 'sent');
  });

  test('chosen series become a project', async (t) => {
    if ((await partOrSkip(t, () => orthanc)) === undefined) return;
    const page = await openPage(t, browser, served);
    if (page === undefined) return;
    await shows(page, series);
    await page.locator('td.check input').first().check();
    await page.locator('td.check input').nth(2).check();
    await page.getByRole('button', { name: 'As a project…' }).click();
    await page.getByLabel('Name of the project').fill('Chosen');
    await page.getByRole('button', { name: 'Look up the studies of 2 chosen' }).click();
    await page
      .locator('.jobs li', { hasText: 'project-index' })
      .locator('[role=status]', { hasText: 'done' })
      .waitFor();
    const [report] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Report of Chosen' }).click(),
    ]);
    const { stdout } = await runDitag(['project', 'report', '--project-name', 'Chosen'], { home });
    assert.equal(fs.readFileSync(await report.path(), 'utf8'), stdout);
    await page.getByLabel('Download with').selectOption('get');
    const progress = await watchProgress(page, 'project-download');
    await page.getByRole('button', { name: 'Download Chosen' }).click();
    await page
      .locator('.jobs li', { hasText: 'project-download' })
      .locator('[role=status]', { hasText: 'done' })
      .waitFor();
    assertProgress(await progress(), /project-download Chosen: running .*\d/);
    const folder = path.join(output, fs.readdirSync(output)[0]!);
    assert.equal((await runDitag(['project', 'verify', '--folder', folder], { home })).code, 0);
    await page.emulateMedia({ colorScheme: 'light' });
    await assertAccessible(page, 'work that has ended');
    await page.setViewportSize({ width: 390, height: 800 });
    await page.getByRole('button', { name: 'What it said' }).first().click();
    await page.locator('pre').first().waitFor();
    await assertAccessible(page, 'work that has ended, on a phone');
  });

  test('a series is chosen and sent by the keyboard alone', async (t) => {
    if ((await partOrSkip(t, () => orthanc)) === undefined) return;
    const page = await openPage(t, browser, served);
    if (page === undefined) return;
    await shows(page, series);
    await pressAt(page, /^choose /, { key: 'Space' });
    await page.locator('td.check input:checked').waitFor();
    await pressAt(page, /^Send 1 chosen to ORTHANC/, { isBack: true });
    await page
      .locator('.jobs li', { hasText: 'send 1 series' })
      .locator('[role=status]', { hasText: 'done' })
      .waitFor();
  });

  test('what runs is ended from the page', async (t) => {
    const pacs = await partOrSkip(t, () => orthanc);
    if (pacs === undefined) return;
    const page = await openPage(t, browser, served);
    if (page === undefined) return;
    await shows(page, series);
    process.kill(pacs.pid, 'SIGSTOP');
    try {
      await page.getByRole('button', { name: `Send all ${series} found to ORTHANC` }).click();
      const job = page.locator('.jobs li', { hasText: `send ${series} series: running` }).first();
      await job.getByRole('button', { name: 'Cancel' }).click();
    } finally {
      process.kill(pacs.pid, 'SIGCONT');
    }
    await page
      .locator('.jobs li', { hasText: `send ${series} series: cancelled` })
      .first()
      .waitFor();
  });

  test('beyond this machine it asks for a token, and shows all with one', async (t) => {
    if ((await partOrSkip(t, () => orthanc)) === undefined) return;
    const { stdout } = await runDitag(['token', 'create', 'reader', '--role', 'read'], { home });
    const beyond = await startServing(home, '--host', '0.0.0.0', '--plain-http');
    const url = `http://127.0.0.1:${new URL(beyond.url).port}`;
    // Stopped once the page is closed: an answer that is cut off is a failure to it.
    const page = await openPage(t, browser, { url }, { statuses: [401, 403] }).finally(() =>
      t.after(() => beyond.stop()),
    );
    if (page === undefined) return;
    await page.getByLabel('Token').waitFor();
    await assertAccessible(page, 'the question for a token');
    await page.getByLabel('Token').fill(stdout.trim());
    await page.getByRole('button', { name: 'Enter' }).click();
    await shows(page, series);
    // A reader may not make a project: that is said, and nothing else happens.
    await page.locator('td.check input').first().check();
    await page.getByRole('button', { name: 'As a project…' }).click();
    await page.getByLabel('Name of the project').fill('Refused');
    await page.getByRole('button', { name: 'Look up the studies of 1 chosen' }).click();
    await page.locator('#failed', { hasText: 'this needs one for' }).waitFor();
    await page.reload();
    await shows(page, series);
  });
});
