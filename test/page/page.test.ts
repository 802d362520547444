// The page in a real Chromium, served by the real program over an index of the samples.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import zlib from 'node:zlib';
import { type Browser, chromium, type Page } from 'playwright-core';
import { findOnPath, isHere } from '../../scripts/parts/parts.ts';
import { runDitag, startDitag, temporaryFolder } from '../cli/run-ditag.ts';

const PROJECT = path.join(import.meta.dirname, '..', '..');
const SAMPLES = path.join(PROJECT, 'test', 'samples');
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const program = findOnPath('chromium');
const home = temporaryFolder({ after });
let url = '';
let served: ReturnType<typeof startDitag> | undefined;
let browser: Browser | undefined;

before(async () => {
  if (program === undefined) return;
  assert.equal((await runDitag(['index', '--archive', SAMPLES, '--quiet'], { home })).code, 0);
  served = startDitag(['serve', '--port', '0'], { home });
  for await (const data of served.child.stderr!) {
    url = /http:\/\/[^\s/]+/.exec(String(data))?.[0] ?? '';
    if (url !== '') break;
  }
  browser = await chromium.launch({ executablePath: program, args: QUIET });
});

after(async () => {
  await browser?.close();
  served?.child.kill('SIGKILL');
});

/** Opens the page; what it asks of other hosts, and what goes wrong in it, is kept. */
async function opened(t: TestContext, address = '', options: { width?: number } = {}) {
  if (!isHere(t, browser !== undefined, 'install chromium')) return undefined;
  const context = await browser!.newContext({ viewport: { width: options.width ?? 1200, height: 900 } });
  t.after(() => context.close());
  const page = await context.newPage();
  const others: string[] = [];
  const errors: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) others.push(request.url());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/400/.test(message.text())) errors.push(message.text());
  });
  t.after(() => assert.deepEqual([others, errors], [[], []]));
  await page.goto(`${url}/${address}`);
  await page.waitForSelector('[role=status]:has-text("series")');
  return page;
}

const count = async (...args: string[]) => Number((await runDitag(['query', '--count', ...args], { home })).stdout);

/** Waits until the page tells of so many series. */
async function shows(page: Page, series: number): Promise<void> {
  await page.locator('[role=status]', { hasText: new RegExp(`^${series} series`) }).waitFor();
}

test('it shows all series, with their counts', async (t) => {
  const page = await opened(t);
  if (page === undefined) return;
  await shows(page, await count());
  assert.ok((await page.locator('aside section').count()) >= 5);
  assert.ok((await page.locator('.histogram li').count()) > 3);
  assert.equal(await page.locator('tbody tr').count(), Math.min(100, await count()));
});

test('search, include, exclude and zoom; the address has it all', async (t) => {
  const page = await opened(t);
  if (page === undefined) return;
  await page.getByRole('searchbox').fill('--where Modality=^(CT|MR)$');
  await shows(page, await count('--where=Modality=^(CT|MR)$'));
  const modality = page.getByRole('region', { name: 'Modality', exact: true });
  await modality.getByRole('button', { name: /^MR/ }).click();
  await shows(page, await count('--where=Modality=^MR$'));
  await modality.getByRole('button', { name: 'without MR' }).click();
  await shows(page, await count('--where=Modality=^CT$'));
  const bar = page.locator('.histogram button:enabled').first();
  const year = (await bar.textContent())!.trim();
  await bar.click();
  const expected = await count('--where=Modality=^CT$', `--where=StudyDate=^${year}`);
  await shows(page, expected);
  const again = await opened(t, new URL(page.url()).search);
  await shows(again!, expected);
  assert.equal(await again!.getByRole('searchbox').inputValue(), '--where Modality=^(CT|MR)$');
  const finer = page.locator('.histogram button:enabled').first();
  const month = (await finer.textContent())!.trim();
  await finer.click();
  await shows(page, await count('--where=Modality=^CT$', `--where=StudyDate=^${year}${month}`));
  await page.getByRole('button', { name: `${year}${month}: back` }).click();
  await shows(page, expected);
  await page.getByRole('button', { name: `${year}: back` }).click();
  await shows(page, await count('--where=Modality=^CT$'));
});

test('what is wrong with the search is said while it is typed, and nothing else changes', async (t) => {
  const page = await opened(t);
  if (page === undefined) return;
  for (const [line, said] of [
    ['--where Modalty=MR', /Did you mean Modality/],
    ['--pattern', /--pattern needs a value/],
    ['(', /unterminated|missing/],
  ] as const) {
    await page.getByRole('searchbox').fill(line);
    await page.locator('#wrong', { hasText: said }).waitFor();
  }
  await shows(page, await count());
});

test('the CSV is that of the command line, byte for byte', async (t) => {
  const page = await opened(t, `?${new URLSearchParams({ q: '--where Modality=^MR$' })}`);
  if (page === undefined) return;
  await shows(page, await count('--where=Modality=^MR$'));
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export as CSV' }).click(),
  ]);
  const { stdout } = await runDitag(['query', '--where=Modality=^MR$'], { home });
  assert.equal(fs.readFileSync(await download.path(), 'utf8'), stdout);
});

test('axe finds nothing serious, in light and dark, on a screen and on a phone', async (t) => {
  const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  for (const [width, colorScheme] of [
    [1200, 'light'],
    [1200, 'dark'],
    [390, 'light'],
  ] as const) {
    const page = await opened(t, '', { width });
    if (page === undefined) return;
    await page.emulateMedia({ colorScheme });
    await shows(page, await count());
    await page.evaluate(axe);
    const found = (await page.evaluate('axe.run()')) as { violations: { id: string; impact: string; help: string }[] };
    const serious = found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    assert.deepEqual(
      serious.map(({ id, help }) => `${id}: ${help}`),
      [],
      `${width} ${colorScheme}`,
    );
    const widest = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.ok(widest <= width, `${widest} of ${width}`);
  }
});

test('a value is included by the keyboard alone', async (t) => {
  const page = await opened(t);
  if (page === undefined) return;
  await shows(page, await count());
  for (let presses = 0; presses < 200; presses++) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate<string>("document.activeElement?.textContent ?? ''");
    if (/^MR\b/.test(at)) break;
  }
  await page.keyboard.press('Enter');
  await shows(page, await count('--where=Modality=^MR$'));
});

test('its code is small', () => {
  const code = ['page.js', 'page.css', 'index.html'].map((file) =>
    fs.readFileSync(path.join(PROJECT, 'dist/page', file)),
  );
  const bytes = code.reduce((sum, one) => sum + zlib.gzipSync(one).length, 0);
  assert.ok(bytes < 60_000, `${bytes} bytes`);
});
