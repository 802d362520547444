// The page as somebody uses it who has no mouse.
import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';

/** Whoever has to press a key more often gives up. */
const MOST_STOPS = 45;

/** Goes on with Tab, or back, until something with this name has the focus, and presses a key there. */
export async function pressAt(
  page: Page,
  name: RegExp,
  { key = 'Enter', isBack = false }: { readonly key?: 'Enter' | 'Space'; readonly isBack?: boolean } = {},
): Promise<void> {
  const names: string[] = [];
  for (let stop = 0; stop < MOST_STOPS; stop++) {
    await page.keyboard.press(isBack ? 'Shift+Tab' : 'Tab');
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
