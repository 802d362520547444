// The page as somebody uses it who has no mouse.
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';

/** More than there are things to stop at. */
const MOST_STOPS = 500;

/** Goes on with Tab until something with this name has the focus, and presses a key there. */
export async function pressAt(page: Page, name: RegExp, key: 'Enter' | 'Space' = 'Enter'): Promise<void> {
  const names: string[] = [];
  for (let stop = 0; stop < MOST_STOPS; stop++) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate<string>(
      "(document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '').trim()",
    );
    names.push(at);
    if (!name.test(at)) continue;
    await page.keyboard.press(key);
    return;
  }
  assert.fail(`the keyboard does not lead to ${name}, but to ${[...new Set(names)].slice(0, 100).join(' | ')}`);
}
