// What the page knows: what is explored stands in the address, and whatever changes it asks the API anew.
import { effect, signal } from '@preact/signals';
import type { HealthAnswer, JobsAnswer, ProjectsAnswer, SeriesAnswer } from '../schemas.ts';
import * as api from './api.ts';
import { dateUnit, type Explored, fromParams, isSameQuery, queryBody, toParams } from './explored.ts';

/** Rows asked for at first, and of those that scroll on. */
const FIRST_ROWS = 100;
const FURTHER_ROWS = 500;
/** Whoever types is not interrupted (milliseconds). */
const WAIT = 200;
/** After a stream of events has ended (milliseconds). */
const AGAIN = 3_000;

export const explored = signal<Explored>(fromParams(new URLSearchParams(location.search)));
export const counts = signal<api.Facets | undefined>(undefined);
/** Those that are known, in order: changed where `loaded` changes. */
export const rows = signal<api.Row[]>([]);
export const loaded = signal(0);
/** Where the rows go on; undefined at the end. */
export const next = signal<string | undefined>(undefined);
export const wrong = signal('');
/** How many answers there were: each begins at the top. */
export const answered = signal(0);
export const isAsking = signal(false);
export const needsToken = signal(false);
export const jobs = signal<JobsAnswer>({ jobs: [], scans: [], projects: [] });
export const projects = signal<ProjectsAnswer | undefined>(undefined);
export const archives = signal<readonly api.ArchiveTold[]>([]);
export const health = signal<HealthAnswer | undefined>(undefined);
export const detail = signal<SeriesAnswer | undefined>(undefined);

let isTyping = false;

export function show(change: Partial<Explored>, isTyped = false): void {
  isTyping = isTyped;
  const before = explored.peek();
  const shown = { ...before, ...change };
  // What was chosen of another answer is not meant any more.
  const meant = isSameQuery(before, shown) ? shown : { ...shown, chosen: [] };
  keep(meant, !isTyped);
}

/** Chooses a series, or lets it be; without one, lets all be. */
export function choose(uid?: string): void {
  const { chosen } = explored.peek();
  const others = chosen.filter((one) => one !== uid);
  const now = uid === undefined ? [] : others.length < chosen.length ? others : [...chosen, uid];
  keep({ ...explored.peek(), chosen: now }, false);
}

function keep(shown: Explored, isStep: boolean): void {
  const address = `?${toParams(shown)}`;
  if (isStep) history.pushState(null, '', address);
  else history.replaceState(null, '', address);
  explored.value = shown;
}

/** Does what may go wrong, and says so. What is asked beside the query leaves what is said of that. */
export async function trying(act: () => Promise<unknown>, isBeside = false): Promise<void> {
  try {
    await act();
    if (!isBeside) wrong.value = '';
  } catch (error) {
    if ((error as Error).name === 'AbortError') return;
    if (error instanceof api.Refused && error.status === 401) needsToken.value = true;
    wrong.value = (error as Error).message;
  }
}

let asked = new AbortController();
let isMore = false;

/** Asks for the counts and the first rows. */
async function ask(now: Explored): Promise<void> {
  asked.abort();
  asked = new AbortController();
  const { signal: own } = asked;
  isMore = false;
  isAsking.value = true;
  await trying(async () => {
    const query = queryBody(now);
    const [found, first] = await Promise.all([
      api.facets(query, dateUnit(now), own),
      api.rows(query, { ...order(now), rows: FIRST_ROWS }, own),
    ]);
    counts.value = found;
    rows.value = first.rows;
    next.value = first.next;
    loaded.value = first.rows.length;
    answered.value = answered.peek() + 1;
  });
  if (!own.aborted) isAsking.value = false;
}

/** Asks for the rows behind those that are known. */
export async function more(): Promise<void> {
  const after = next.peek();
  if (isMore || after === undefined) return;
  isMore = true;
  const { signal: own } = asked;
  await trying(async () => {
    const now = explored.peek();
    const found = await api.rows(queryBody(now), { ...order(now), rows: FURTHER_ROWS, after }, own);
    // Added in place: there may be a million of them.
    rows.peek().push(...found.rows);
    next.value = found.next;
    loaded.value = rows.peek().length;
  });
  if (!own.aborted) isMore = false;
}

function order({ order: by, columns }: Explored) {
  const descending = by.startsWith('-');
  return {
    orderBy: (descending ? by.slice(1) : by) as api.Attribute,
    ...{ descending, columns: columns.join(',') },
  };
}

async function watchJobs(): Promise<void> {
  for (;;) {
    await api.watchJobs(takeJobs, new AbortController().signal).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
    if (needsToken.peek()) return;
  }
}

/** A project is there as soon as it is looked up. */
function takeJobs(told: JobsAnswer): void {
  const looked = ({ jobs: all }: JobsAnswer) => all.filter(({ operation }) => operation === 'project-index');
  const state = (of: JobsAnswer) => JSON.stringify(looked(of).map(({ id, status }) => [id, status]));
  const isNew = state(told) !== state(jobs.peek());
  jobs.value = told;
  if (isNew) void trying(async () => (projects.value = await api.projects()), true);
}

let isWatching = false;

/** What stands beside the answer. */
async function askBeside(): Promise<void> {
  await trying(async () => {
    projects.value = await api.projects();
  }, true);
  if (isWatching || needsToken.peek()) return;
  isWatching = true;
  void watchJobs().finally(() => (isWatching = false));
}

async function askArchives(): Promise<void> {
  await trying(async () => {
    const [told, wrongWith] = await Promise.all([api.archives(), api.health()]);
    archives.value = told.archives;
    health.value = wrongWith;
  }, true);
}

/** Takes a token, and asks again. */
export function takeToken(token: string): void {
  api.keepToken(token);
  needsToken.value = false;
  explored.value = { ...explored.peek() };
  void askBeside();
}

/** Begins: from here on the page follows the address. */
export function begin(): void {
  addEventListener('popstate', () => {
    explored.value = fromParams(new URLSearchParams(location.search));
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = '';
  effect(() => {
    const now = explored.value;
    const { view: _, series: __, chosen: ___, ...asks } = now;
    const text = JSON.stringify(asks);
    if (text === last && !needsToken.peek() && counts.peek() !== undefined) return;
    last = text;
    isAsking.value = true;
    clearTimeout(timer);
    timer = setTimeout(() => void ask(now), isTyping ? WAIT : 0);
    isTyping = false;
  });
  effect(() => {
    if (explored.value.view === 'archives') void askArchives();
  });
  let open = '';
  effect(() => {
    const { series } = explored.value;
    if (series === open) return;
    open = series;
    detail.value = undefined;
    if (series === '') return;
    void trying(async () => {
      const found = await api.series(series);
      if (explored.peek().series === series) detail.value = found;
    });
  });
  void askBeside();
}

export const grouped = (n: number) => n.toLocaleString('en');
export const shownValue = (value: string) => (value === '' ? '(missing)' : value);
