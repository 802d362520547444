// How the page is explored, by whoever serves it: the series for that, and what is done with them in a browser.
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { makeArchive, plainSeries } from '../index/make-archive.ts';
import { shows } from './chromium.ts';

/** Series of one instance, more than are loaded at once. */
const MANY = 350;
const patientOf = (n: number) => `P${(n * 7919) % 1000}`;

/** PatientIDs of the series with Modality SM, one each. */
export const manyPatients: readonly string[] = Array.from({ length: MANY }, (_, n) => patientOf(n));

/** Makes an archive of many series over nine years. */
export function makeMany(root: string): void {
  for (let n = 0; n < MANY; n++) {
    const more = { Modality: 'SM', PatientID: patientOf(n), StudyDate: `20${String(10 + (n % 9))}0101` };
    makeArchive(root, plainSeries(`s${n}`, `1.9.${n}`, 1, more));
  }
}

/**
 * The search line, a value included and excluded, a bar of the histogram and one within it, and back; a year included and
 * excluded; and the page opened anew at its address. @param query what `ditag query` prints with these options
 */
export async function searchAndZoom(
  page: Page,
  reopen: (address: string) => Promise<Page | undefined>,
  query: (...args: string[]) => Promise<string>,
): Promise<void> {
  const count = async (...args: string[]) => Number(await query('--count', ...args));
  await page.getByRole('searchbox').fill('--where Modality=^(CT|MR)$');
  await shows(page, await count('--where=Modality=^(CT|MR)$'));
  const modality = page.getByRole('region', { name: 'Modality', exact: true });
  await modality.getByRole('button', { name: /^MR/ }).click();
  await shows(page, await count('--where=Modality=^MR$'));
  await modality.getByRole('button', { name: 'without MR' }).click();
  await shows(page, await count('--where=Modality=^CT$'));
  const bar = page.locator('.histogram button:enabled').first();
  const year = (await bar.textContent())!.trim();
  const rows = (await query('--where=Modality=^CT$', `--where=StudyDate=^${year}`, '--columns=StudyInstanceUID'))
    .trimEnd()
    .split('\n')
    .slice(1);
  const studies = new Set(rows.map((row) => row.split(',').at(-1))).size;
  assert.equal(await bar.getAttribute('aria-label'), `${year}: ${studies} studies, ${rows.length} series`);
  await bar.click();
  const expected = await count('--where=Modality=^CT$', `--where=StudyDate=^${year}`);
  assert.ok(expected > 0);
  await shows(page, expected);
  const again = await reopen(new URL(page.url()).hash);
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
  const years = page.getByRole('region', { name: 'Year', exact: true });
  await years.getByRole('button', { name: `without ${year}` }).click();
  await shows(page, await count('--where=Modality=^CT$', `--where-not=StudyDate=^${year}`));
  await years.getByRole('button', { name: new RegExp(`^${year}`) }).click();
  await shows(page, expected);
}

/** The rows that the page shows, of these PatientIDs, ordered by them either way and scrolled from the top to the end. */
export async function orderAndScroll(page: Page, patients: readonly string[]): Promise<void> {
  await shows(page, patients.length);
  const ids = [...patients].sort();
  await page.getByRole('button', { name: 'PatientID', exact: true }).click();
  await page.locator('th[aria-sort=ascending]', { hasText: 'PatientID' }).waitFor();
  await page.locator('tbody tr[aria-rowindex="2"]', { hasText: ids[0]! }).waitFor();
  await page.locator('[role=status][aria-busy=false]').first().waitFor();
  assert.deepEqual(await scrolled(page, 4), ids);
  await page.getByRole('button', { name: 'PatientID ▲' }).click();
  await page.locator('tbody tr[aria-rowindex="2"]', { hasText: ids.at(-1)! }).waitFor();
  await page.locator('[role=status][aria-busy=false]').first().waitFor();
  assert.deepEqual(await scrolled(page, 4), ids.toReversed());
  assert.match(page.url(), /order=-PatientID/);
}

/** The rows that the page shows in the order of PatientID: all of them, each once. */
export async function orderedAndWhole(page: Page, patients: readonly string[]): Promise<void> {
  await page.locator('[role=status][aria-busy=false]').first().waitFor();
  assert.deepEqual(await scrolled(page, 4), [...patients].sort());
}

/** What is used of a browser's document. */
interface PageDocument {
  querySelector(selector: string): {
    scrollTop: number;
    querySelectorAll(selector: string): Iterable<{
      getAttribute(name: string): string;
      readonly children: Record<number, { readonly textContent: string }>;
    }>;
  };
}

/** All rows from the top to the end, read while it is scrolled: the texts of a column. */
async function scrolled(page: Page, column: number): Promise<string[]> {
  const texts = new Map<number, string>();
  for (let top = 0; ; top += 400) {
    const read = await page.evaluate<[number, string][], [number, number]>(
      ([at, cell]) => {
        const box = (globalThis as unknown as { document: PageDocument }).document.querySelector('.rows');
        box.scrollTop = at;
        return new Promise((resolve) =>
          setTimeout(
            () =>
              resolve(
                [...box.querySelectorAll('tr[aria-rowindex]')].slice(1).map((row) => {
                  return [Number(row.getAttribute('aria-rowindex')), row.children[cell]!.textContent];
                }),
              ),
            60,
          ),
        );
      },
      [top, column],
    );
    for (const [index, text] of read) texts.set(index, text);
    const end = await page.evaluate<boolean>(
      "(() => { const box = document.querySelector('.rows'); return box.scrollTop + box.clientHeight >= box.scrollHeight - 2 && box.querySelector('table').getAttribute('aria-rowcount') !== '-1'; })()",
    );
    if (end) return [...texts].sort(([a], [b]) => a - b).map(([, text]) => text);
    assert.ok(top < 200_000);
  }
}
