// What the page shows, which stands in its address: behind the `#`, since what is searched for may name patients, and that
// part goes to no server and into no log. And what went wrong.
import { signal } from '@preact/signals';
import * as api from './api.ts';
import { type Explored, fromParams, isSameQuery, toParams } from './explored.ts';

export const explored = signal<Explored>(ofAddress());
/** What is wrong with the search; and with something else that was to be done. */
export const wrong = signal('');
export const failed = signal('');
export const needsToken = signal(false);

/** Whether the last change was typed: whoever types is not interrupted. */
export let isTyping = false;

export function show(change: Partial<Explored>, isTyped = false): void {
  isTyping = isTyped;
  failed.value = '';
  const before = explored.peek();
  const shown = { ...before, ...change };
  // What was chosen of another answer is not meant any more.
  keep(isSameQuery(before, shown) ? shown : { ...shown, chosen: [] }, !isTyped);
}

/** Chooses a series, or lets it be; without one, lets all be. */
export function choose(uid?: string): void {
  const { chosen } = explored.peek();
  const others = chosen.filter((one) => one !== uid);
  const now = uid === undefined ? [] : others.length < chosen.length ? others : [...chosen, uid];
  keep({ ...explored.peek(), chosen: now }, false);
}

function keep(shown: Explored, isStep: boolean): void {
  const address = `#${toParams(shown)}`;
  if (isStep) history.pushState(null, '', address);
  else history.replaceState(null, '', address);
  explored.value = shown;
}

function ofAddress(): Explored {
  return fromParams(new URLSearchParams(location.hash.slice(1)));
}

/** From here on the page follows the address. */
export function followAddress(): void {
  addEventListener('popstate', () => {
    isTyping = false;
    failed.value = '';
    const [before, now] = [explored.peek(), ofAddress()];
    if (isSameQuery(before, now)) keep({ ...now, chosen: before.chosen }, false);
    else explored.value = now;
  });
}

/** Does what somebody wants done, and says where that failed. */
export async function trying(act: () => Promise<unknown>): Promise<void> {
  failed.value = '';
  await loading(act);
}

/** Loads what stands beside the answer, and says where that failed. */
export async function loading(load: () => Promise<unknown>): Promise<void> {
  try {
    await load();
  } catch (error) {
    failed.value = sentenceOf(error);
  }
}

/** Where it is a token that is missing, one is asked for. */
export function sentenceOf(error: unknown): string {
  if (error instanceof api.Refused && error.status === 401) needsToken.value = true;
  return (error as Error).message;
}

export const grouped = (n: number) => n.toLocaleString('en');
export const shownValue = (value: string) => (value === '' ? '(missing)' : value);
