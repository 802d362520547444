// A real Chromium for tests of the page.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { findOnPath, isHere } from '../../scripts/parts/parts.ts';
import type { RunningOrthanc } from '../projects/orthanc-here.ts';

const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const SCREENSHOTS = path.join(import.meta.dirname, '../../.cache/screenshots');

/** Undefined where there is none. */
export async function launchChromium(): Promise<Browser | undefined> {
  const program = findOnPath('chromium');
  return program === undefined ? undefined : chromium.launch({ executablePath: program, args: QUIET });
}

export interface OpenOptions {
  readonly width?: number;
  /** Answers with these statuses are part of the test. */
  readonly statuses?: readonly number[];
}

/** Opens the page at an address of `url`. The test fails where it asks anything of another host, or where something goes wrong in it. */
export async function openPage(
  t: TestContext,
  browser: Browser | undefined,
  { url, address = '' }: { readonly url: string; readonly address?: string },
  { width = 1200, statuses = [400] }: OpenOptions = {},
): Promise<Page | undefined> {
  if (!isHere(t, browser !== undefined, 'install chromium')) return undefined;
  const context = await browser!.newContext({ viewport: { width, height: 900 } });
  t.after(() => context.close());
  const page = await context.newPage();
  const others: string[] = [];
  const errors: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) others.push(request.url());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    const isExpected = statuses.some((status) => message.text().includes(String(status)));
    if (message.type() === 'error' && !isExpected) errors.push(message.text());
  });
  t.after(() => assert.deepEqual([others, errors], [[], []]));
  await page.goto(`${url}/${address}`);
  return page;
}

/** Waits until the page tells of so many series. */
export async function shows(page: Page, series: number): Promise<void> {
  const told = new RegExp(`^${series.toLocaleString('en')} series`);
  await page.locator('[role=status]', { hasText: told }).first().waitFor();
}

/** Sends all series that are found to the Orthanc that is configured; sees it end, and each instance stored. */
export async function sendAll(page: Page, series: number, { pid }: RunningOrthanc): Promise<void> {
  const progress = await watchProgress(page, 'send');
  // Halted until there is a bar: else all may be sent before.
  process.kill(pid, 'SIGSTOP');
  try {
    await page.getByRole('button', { name: `Send all ${series} found to ORTHANC` }).click();
    await page.locator('.jobs progress[aria-label^="send "]').waitFor();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
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
  assertProgress(await progress(), /send .*: running .*\d/);
  assert.ok(lines.length > 100 && lines.every((line) => line.includes(',stored,')), lines[0]);
}

/** What the bars of progress of an operation have shown until now: how far, and the text beside. */
export type ProgressSeen = () => Promise<readonly { readonly done: number; readonly text: string }[]>;

/** Looks from now on at the bars of progress, which may come and go in a moment. */
export async function watchProgress(page: Page, operation: string): Promise<ProgressSeen> {
  await page.evaluate(`
    globalThis.progressSeen = [];
    new MutationObserver(() => {
      const bar = document.querySelector('.jobs progress[aria-label^="${operation} "]');
      if (bar !== null) progressSeen.push({ done: bar.value, text: bar.parentElement.textContent });
    }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  `);
  return () => page.evaluate('progressSeen');
}

/** That progress was seen, and went on only forwards. */
export function assertProgress(seen: Awaited<ReturnType<ProgressSeen>>, text: RegExp): void {
  assert.ok(seen.length > 0, 'no progress was seen');
  for (const [at, { done, text: beside }] of seen.entries()) {
    assert.ok(done >= 0 && done <= 1 && done >= (seen[at - 1]?.done ?? 0), JSON.stringify(seen));
    assert.match(beside, text);
  }
}

/** Keeps a picture of what is seen in .cache/screenshots. */
export async function picture(page: Page, name: string): Promise<void> {
  fs.mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`) });
}
