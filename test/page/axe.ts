// What is seen is accessible: axe finds nothing serious, and nothing is wider than the screen.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** @param name of what is looked at, for the message. */
export async function assertAccessible(page: Page, name: string): Promise<void> {
  await page.evaluate(axe);
  const found = (await page.evaluate('axe.run()')) as { violations: { id: string; impact: string; help: string }[] };
  const serious = found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  assert.deepEqual(
    serious.map(({ id, help }) => `${id}: ${help}`),
    [],
    name,
  );
  const width = page.viewportSize()!.width;
  const widest = await page.evaluate<number>('document.documentElement.scrollWidth');
  assert.ok(widest <= width, `${name}: ${widest} of ${width}`);
}
