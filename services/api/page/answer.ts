// The answer to what is explored: counts, and rows as far as they are loaded. It is one value with the query that it
// answers, so what is done with "all that are found" is done with those whose number is shown.
import { effect, signal } from '@preact/signals';
import * as api from './api.ts';
import { dateUnit, type Explored, queryBody, withoutIncluded, YEAR } from './explored.ts';
import { explored, isTyping, needsToken, sentenceOf, wrong } from './state.ts';

/** Rows asked for at first, and of those that scroll on. */
const FIRST_ROWS = 100;
const FURTHER_ROWS = 500;
/** Milliseconds. */
const TYPING = 200;

export interface Answer {
  /** What was asked. */
  readonly of: Explored;
  readonly counts: api.Facets;
  /** Those that are known, in order: further ones are added in place, as there may be a million. */
  readonly rows: api.Row[];
}

export const answer = signal<Answer | undefined>(undefined);
/** Rows of the answer that are known. */
export const loaded = signal(0);
/** Where they go on; undefined at the end. */
export const next = signal<string | undefined>(undefined);
export const isAsking = signal(false);
/** Whether the index has changed since it was asked. */
export const isStale = signal(false);

let asked = new AbortController();
let isMore = false;

/** Asks for the counts and the first rows. What was asked before is not waited for any more. */
async function ask(now: Explored): Promise<void> {
  asked.abort();
  asked = new AbortController();
  const { signal: own } = asked;
  isMore = false;
  try {
    const query = queryBody(now);
    const rows = api.rows(query, { ...order(now), rows: FIRST_ROWS }, own);
    // Where the counts fail, that is what is told.
    rows.catch(() => {});
    const counts = await countsOf(now, own);
    const first = await rows;
    if (own.aborted) return;
    answer.value = { of: now, counts, rows: first.rows };
    next.value = first.next;
    loaded.value = first.rows.length;
    wrong.value = '';
    isStale.value = false;
  } catch (error) {
    if (own.aborted) return;
    wrong.value = sentenceOf(error);
  }
  isAsking.value = false;
}

/**
 * Of an attribute of which values are included the others are counted, too, as if none were: else nobody could add
 * a second one.
 */
async function countsOf(now: Explored, own: AbortSignal): Promise<api.Facets> {
  const included = Object.keys(now.include);
  const [all, ...others] = await Promise.all([
    api.facets(queryBody(now), { attributes: api.FACETS, dates: dateUnit(now) }, own),
    ...included.map((attribute) =>
      api.facets(
        queryBody(withoutIncluded(now, attribute)),
        { attributes: api.FACETS.filter((one) => one === attribute), dates: 'year' },
        own,
      ),
    ),
  ]);
  const years = others[included.indexOf(YEAR)]?.dates;
  return {
    ...all,
    attributes: all.attributes.map((one) => others[included.indexOf(one.attribute)]?.attributes[0] ?? one),
    ...(years === undefined ? {} : { years }),
  };
}

/** Asks for the rows behind those that are known. */
export async function more(): Promise<void> {
  const after = next.peek();
  const of = answer.peek();
  // Of a query that is about to be answered there are none yet.
  if (isMore || isAsking.peek() || after === undefined || of === undefined) return;
  isMore = true;
  const { signal: own } = asked;
  try {
    const found = await api.rows(queryBody(of.of), { ...order(of.of), rows: FURTHER_ROWS, after }, own);
    if (own.aborted) return;
    of.rows.push(...found.rows);
    next.value = found.next;
    loaded.value = of.rows.length;
  } catch (error) {
    if (own.aborted) return;
    wrong.value = sentenceOf(error);
  }
  isMore = false;
}

function order({ order: by, columns }: Explored) {
  const descending = by.startsWith('-');
  return { orderBy: (descending ? by.slice(1) : by) as api.Attribute, descending, columns: columns.join(',') };
}

/** From here on whatever changes what is explored asks anew. */
export function keepAsking(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = '';
  effect(() => {
    const now = explored.value;
    const { view: _, series: __, chosen: ___, ...asks } = now;
    const text = JSON.stringify(asks);
    if (text === last) return;
    last = text;
    isAsking.value = true;
    clearTimeout(timer);
    // Of what was asked before nothing comes any more.
    asked.abort();
    if (isTyping) timer = setTimeout(() => void ask(now), TYPING);
    else void ask(now);
  });
}

/** Asks the same again. */
export function askAgain(): void {
  isAsking.value = true;
  void ask(explored.peek());
}

/** The index has changed: who looks at rows is not disturbed, but told. */
export function noteChange(): void {
  if (needsToken.peek()) return;
  if (explored.peek().view === 'series') isStale.value = true;
  else askAgain();
}
