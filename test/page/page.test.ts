// The page in a real Chromium, served by the real program over an index of the samples.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import zlib from 'node:zlib';
import type { Browser } from 'playwright-core';
import { runDitag, startDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { type Element, makeArchive, plainSeries } from '../index/make-archive.ts';
import { assertAccessible } from './axe.ts';
import { launchChromium, type OpenOptions, openPage, picture, shows } from './chromium.ts';
import { makeMany, manyPatients, orderAndScroll, orderedAndWhole, searchAndZoom } from './exploring.ts';
import { pressAt } from './keyboard.ts';

const PROJECT = path.join(import.meta.dirname, '..', '..');
const SAMPLES = path.join(PROJECT, 'test', 'samples');
/** A series of 1,250 instances. */
const BIG = '1.9.9999';
const home = temporaryFolder({ after });
let url = '';
let served: ReturnType<typeof startDitag> | undefined;
let browser: Browser | undefined;

before(async () => {
  assert.equal((await runDitag(['index', '--archive', SAMPLES, '--quiet'], { home })).code, 0);
  const many = path.join(home, 'many');
  makeMany(many);
  makeArchive(many, plainSeries('big', BIG, 1250));
  const misspelt: Element[] = [[0x00080005, 'CS', 'ISO-IR 1OO']];
  const name = { PatientName: 'Äneas^Rüdiger', elements: misspelt };
  makeArchive(many, plainSeries('misspelt', '1.9.7777', 1, name));
  assert.equal((await runDitag(['index', '--archive', many, '--append', '--quiet'], { home })).code, 0);
  served = startDitag(['serve', '--port', '0'], { home });
  for await (const data of served.child.stderr!) {
    url = /http:\/\/[^\s/]+/.exec(String(data))?.[0] ?? '';
    if (url !== '') break;
  }
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  served?.child.kill('SIGKILL');
});

const opened = (t: TestContext, address = '', options: OpenOptions = {}) =>
  openPage(t, browser, { url, address }, options);

const count = async (...args: string[]) => Number((await runDitag(['query', '--count', ...args], { home })).stdout);

test('it shows all series, with their counts', async (t) => {
  const page = await opened(t);
  if (page === undefined) return;
  await shows(page, await count());
  assert.ok((await page.locator('aside section').count()) >= 5);
  assert.ok((await page.locator('.histogram li').count()) > 3);
  const inDocument = await page.locator('tbody tr[aria-rowindex]').count();
  assert.ok(inDocument > 25 && inDocument < 100, `${inDocument} rows`);
  await picture(page, 'series');
});

test('search, include, exclude and zoom; the address has it all', async (t) => {
  const page = await opened(t);
  if (page === undefined) return;
  const query = async (...args: string[]) => (await runDitag(['query', ...args], { home })).stdout;
  await searchAndZoom(page, (address) => opened(t, address), query);
});

test('rows are ordered by a column, either way, and scrolled to the end with nothing missing or twice', async (t) => {
  const page = await opened(t, `#${new URLSearchParams({ q: '--where Modality=^SM$' })}`);
  if (page !== undefined) await orderAndScroll(page, manyPatients);
});

test('columns are chosen, and a series opens with its header and its files', async (t) => {
  const page = await opened(t, `#${new URLSearchParams({ q: '--where Modality=^CT$' })}`, { statuses: [404] });
  if (page === undefined) return;
  await shows(page, await count('--where=Modality=^CT$'));
  await page.getByText('Columns', { exact: true }).click();
  await page.getByLabel('AccessionNumber').check();
  await page.locator('th', { hasText: 'AccessionNumber' }).waitFor();
  await page.getByLabel('PatientName').uncheck();
  assert.equal(await page.locator('.rows th', { hasText: 'PatientName' }).count(), 0);
  await page.locator('tbody button.open').first().click();
  const detail = page.getByRole('region', { name: 'Series in detail' });
  await detail
    .getByText('1 instances,')
    .or(detail.getByText(/^\d+ instances,/))
    .first()
    .waitFor();
  const uid = new URLSearchParams(new URL(page.url()).hash.slice(1)).get('series')!;
  const { stdout } = await runDitag(['query', `--where=SeriesInstanceUID=^${uid}$`, '--columns=KVP,Rows'], { home });
  assert.match(stdout, new RegExp(uid));
  await detail.getByRole('searchbox').fill('SeriesInstanceUID');
  assert.equal(await detail.locator('.header tbody tr').count(), 1);
  assert.equal(await detail.locator('.header tbody td').nth(3).textContent(), uid);
  await detail.getByAltText('the middle of the series').waitFor();
  await picture(page, 'detail');
  await detail.getByRole('button', { name: 'Close' }).click();
  await detail.waitFor({ state: 'detached' });
});

test('the archives are told with what is wrong with them, and are looked at again', async (t) => {
  const page = await opened(t, '#view=archives');
  if (page === undefined) return;
  await page.getByRole('cell', { name: SAMPLES }).waitFor();
  await page.getByText('10: DICOM without SOPInstanceUID or SeriesInstanceUID').waitFor();
  await page.getByText(/^\d+: Truncated$/).waitFor();
  await page
    .getByText(/^\d+: CharacterSet(Misspelt|Wrong)$/)
    .first()
    .waitFor();
  await picture(page, 'archives');
  await page.getByRole('button', { name: 'Look at it again' }).first().click();
  await page.locator('.jobs [role=status]', { hasText: 'done' }).first().waitFor();
  await page.getByRole('button', { name: 'What it said' }).first().click();
  await page.locator('pre', { hasText: /^Files: /m }).waitFor();
  await picture(page, 'work');
});

test('the API is described for people', async (t) => {
  const page = await opened(t, 'api.html');
  if (page === undefined) return;
  await page.getByText('POST /jobs').click();
  await page.getByText('accessions', { exact: true }).first().waitFor();
  await page.getByText('POST /query').click();
  await page.getByText('regular expression, with the syntax of Python').first().waitFor();
});

test('what is wrong with the search is said while it is typed, and nothing else changes', async (t) => {
  const page = await opened(t);
  if (page === undefined) return;
  const all = await count();
  await shows(page, all);
  for (const [line, said] of [
    ['--where Modalty=MR', /Did you mean Modality/],
    ['--pattern', /--pattern needs a value/],
    ['(', /unterminated|missing/],
  ] as const) {
    await page.getByRole('searchbox').fill(line);
    await page.locator('#wrong', { hasText: said }).waitFor();
  }
  await shows(page, all);
});

test('of a search that cannot be answered no number is shown', async (t) => {
  const page = await opened(t, `#${new URLSearchParams({ q: '(' })}`);
  if (page === undefined) return;
  await page.locator('#wrong', { hasText: /unterminated|missing/ }).waitFor();
  assert.equal(await page.locator('[role=status]').first().textContent(), '');
});

test('the CSV is that of the command line, byte for byte', async (t) => {
  const page = await opened(t, `#${new URLSearchParams({ q: '--where Modality=^MR$' })}`);
  if (page === undefined) return;
  await shows(page, await count('--where=Modality=^MR$'));
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: /^Export all .* as CSV$/ }).click(),
  ]);
  const { stdout } = await runDitag(['query', '--where=Modality=^MR$'], { home });
  assert.equal(fs.readFileSync(await download.path(), 'utf8'), stdout);
});

test('axe finds nothing serious, in light and dark, on a screen and on a phone', async (t) => {
  const [uid] = (await runDitag(['query', '--where=Modality=^CT$'], { home })).stdout
    .split('\n')[1]!
    .split(',')
    .slice(-1);
  for (const [width, colorScheme, address, text] of [
    [1200, 'light', '', 'are loaded'],
    [1200, 'dark', '', 'are loaded'],
    [390, 'light', '', 'are loaded'],
    [1200, 'light', `#series=${uid}`, 'Find in the header'],
    [390, 'dark', `#series=${uid}`, 'Find in the header'],
    [390, 'light', '#view=archives', 'not DICOM'],
    [1200, 'dark', '#view=work', 'Started here'],
    [390, 'light', 'api.html', 'POST /query'],
  ] as const) {
    const page = await opened(t, address, { width, statuses: [404] });
    if (page === undefined) return;
    await page.emulateMedia({ colorScheme });
    await page.getByText(text).first().waitFor();
    await assertAccessible(page, `${width} ${colorScheme} ${address}`);
  }
});

test('a value, a bar, an order, a series and an export by the keyboard alone', async (t) => {
  const page = await opened(t, '', { statuses: [404] });
  if (page === undefined) return;
  await shows(page, await count());
  await page.getByRole('region', { name: 'Modality', exact: true }).waitFor();
  await pressAt(page, /^To the values$/);
  await page.locator('aside button:focus').waitFor();
  await pressAt(page, /^MR /);
  const found = await count('--where=Modality=^MR$');
  await shows(page, found);
  await page.reload();
  await shows(page, found);
  await pressAt(page, /^20\d\d: \d+ studies/);
  await page.getByRole('button', { name: /^20\d\d: back$/ }).waitFor();
  await page.locator('.back:focus').waitFor();
  await page.keyboard.press('Enter');
  await shows(page, found);
  await page.locator('#dates:focus').waitFor();
  const saved = page.waitForEvent('download');
  await pressAt(page, /^Export all \d+ as CSV$/);
  const { stdout } = await runDitag(['query', '--where=Modality=^MR$'], { home });
  assert.equal(fs.readFileSync(await (await saved).path(), 'utf8'), stdout);
  await pressAt(page, /^PatientID/);
  await page.locator('th[aria-sort=ascending]', { hasText: 'PatientID' }).waitFor();
  await pressAt(page, /: open /);
  const detail = page.getByRole('region', { name: 'Series in detail' });
  await detail.getByText('Find in the header').waitFor();
  await detail.locator('h2:focus').waitFor();
  await pressAt(page, /^Close$/);
  await detail.waitFor({ state: 'detached' });
  await page.locator('.open:focus').waitFor();
});

test('what is chosen stands in the address, until another query is asked', async (t) => {
  const page = await opened(t);
  if (page === undefined) return;
  await shows(page, await count());
  for (const row of [0, 2]) await page.locator('td.check input').nth(row).check();
  await page.locator('td.check input').nth(1).check();
  await page.locator('td.check input').nth(1).uncheck();
  const again = await opened(t, new URL(page.url()).hash);
  await shows(again!, await count());
  assert.deepEqual(await Promise.all([0, 1, 2].map((row) => again!.locator('td.check input').nth(row).isChecked())), [
    true,
    false,
    true,
  ]);
  await again!.getByRole('searchbox').fill('--where Modality=.');
  await shows(again!, await count('--where=Modality=.'));
  assert.doesNotMatch(again!.url(), /chosen/);
});

test('all files of a series can be seen', async (t) => {
  const page = await opened(t, `#series=${BIG}`, { statuses: [404] });
  if (page === undefined) return;
  const detail = page.getByRole('region', { name: 'Series in detail' });
  await detail.getByText(/^There is no preview of 1\.9\.9999: /).waitFor();
  await detail.getByText('Files, the first 100 of 1,250').click();
  await detail.getByRole('button', { name: 'Further files' }).click();
  await detail.getByText('Files, the first 1,100 of 1,250').waitFor();
  await detail.getByRole('button', { name: 'Further files' }).click();
  await detail.getByText('Files', { exact: true }).waitFor();
  const { stdout } = await runDitag(['query', '--count', `--where=SeriesInstanceUID=^${BIG}$`], { home });
  assert.equal(stdout.trim(), '1');
  const shown = await detail.locator('details li').allTextContents();
  assert.equal(new Set(shown).size, 1250);
});

test('what is done is done with those whose number is shown', async (t) => {
  const line = (text: string) => page!.getByRole('searchbox').first().fill(text);
  const page = await opened(t, `#${new URLSearchParams({ q: '--where Modality=^MR$' })}`);
  if (page === undefined) return;
  const found = await count('--where=Modality=^MR$');
  await shows(page, found);
  await line('');
  const button = page.getByRole('button', { name: /^Export all/ });
  // Until the new answer is there.
  assert.equal(await button.isDisabled(), true);
  await shows(page, await count());
  assert.equal(await button.isDisabled(), false);
  await line('--where Modalty=x');
  await page.locator('#wrong', { hasText: /Did you mean/ }).waitFor();
  assert.equal(await button.isDisabled(), true);
});

test('rows of one answer never stand in another', async (t) => {
  const page = await opened(t, `#${new URLSearchParams({ q: '--where Modality=^SM$' })}`);
  if (page === undefined) return;
  await shows(page, manyPatients.length);
  // Answers take their time, and all as long.
  await page.route(/\/(facets|rows)$/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    await route.continue();
  });
  await page.getByRole('button', { name: 'PatientID', exact: true }).click();
  for (let scrolled = 0; scrolled < 6; scrolled++) {
    await page.evaluate("document.querySelector('.rows').scrollTop = 1e6");
    await page.waitForTimeout(120);
  }
  await page.unrouteAll({ behavior: 'wait' });
  await orderedAndWhole(page, manyPatients);
});

test('what went wrong stays until something else is wanted', async (t) => {
  const page = await opened(t, `#${new URLSearchParams({ q: '--where Modalty=MR', series: BIG })}`, {
    statuses: [400, 404],
  });
  if (page === undefined) return;
  await page.getByText('Find in the header').waitFor();
  await page.waitForTimeout(500);
  assert.match((await page.locator('#wrong').textContent())!, /Did you mean Modality/);
  const other = await opened(t, '#series=9.9.9', { statuses: [404] });
  await shows(other!, await count());
  await other!.getByText('There is no series 9.9.9 in the index.').waitFor();
  // What is none of the page's does not make it blank.
  const mangled = await opened(t, '#is.constructor=x&is.__proto__=y&not.toString=z&is.modality=MR');
  await shows(mangled!, await count());
});

test('a second value is included; the other values keep their numbers', async (t) => {
  const page = await opened(t);
  if (page === undefined) return;
  const modality = page.getByRole('region', { name: 'Modality', exact: true });
  await modality.getByRole('button', { name: /^MR/ }).click();
  await shows(page, await count('--where=Modality=^MR$'));
  const cts = await count('--where=Modality=^CT$');
  await modality.getByRole('button', { name: `CT ${cts}`, exact: true }).click();
  await shows(page, await count('--where=Modality=^(CT|MR)$'));
});

test('bars stand where they belong in time', async (t) => {
  const page = await opened(t);
  if (page === undefined) return;
  await shows(page, await count());
  const years = (await page.locator('.histogram li').allTextContents()).map((text) => text.trim());
  const numbers = years.filter((year) => /^\d{4}$/.test(year)).map(Number);
  assert.ok(numbers.length > 15);
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => numbers[0]! + i),
  );
});

test('what was indexed since is told, and shown when it is asked for', async (t) => {
  const page = await opened(t);
  if (page === undefined) return;
  const before = await count();
  await shows(page, before);
  const added = path.join(home, 'many');
  makeArchive(added, plainSeries('added', '1.9.8888', 1));
  const body = JSON.stringify({ operation: 'index', archive: added });
  const headers = { 'content-type': 'application/json' };
  assert.equal((await fetch(`${url}/jobs`, { method: 'POST', headers, body })).status, 202);
  await page.getByRole('button', { name: 'Ask again' }).click();
  await shows(page, before + 1);
  await page.getByText('The index has changed').waitFor({ state: 'detached' });
});

test('copies are looked for from the page, and their table is saved', async (t) => {
  const page = await opened(t, '#view=archives');
  if (page === undefined) return;
  await page.getByRole('button', { name: 'Look for instances in several files' }).click();
  const job = page.locator('.jobs li', { hasText: 'copies' }).first();
  await job.locator('[role=status]', { hasText: 'done' }).waitFor();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    job.getByRole('button', { name: 'Results' }).click(),
  ]);
  const copies = await runDitag(['copies'], { home });
  assert.equal(fs.readFileSync(await download.path(), 'utf8'), copies.stdout);
});

test('its code is small', () => {
  const code = ['page.js', 'page.css', 'index.html'].map((file) =>
    fs.readFileSync(path.join(PROJECT, 'dist/page', file)),
  );
  const bytes = code.reduce((sum, one) => sum + zlib.gzipSync(one).length, 0);
  assert.ok(bytes < 60_000, `${bytes} bytes`);
});
