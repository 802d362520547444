// What the page knows beside the answer: what runs, projects, archives, and the series that is open.
import { effect, signal } from '@preact/signals';
import type { HealthAnswer, JobsAnswer, ProjectsAnswer, SeriesAnswer } from '../schemas.ts';
import { askAgain, noteChange } from './answer.ts';
import * as api from './api.ts';
import { explored, loading, needsToken, sentenceOf } from './state.ts';

/** After a stream of events has ended (milliseconds). */
const AGAIN = 3_000;

export const jobs = signal<JobsAnswer>({ jobs: [], scans: [], projects: [] });
export const projects = signal<ProjectsAnswer | undefined>(undefined);
export const archives = signal<readonly api.ArchiveTold[]>([]);
export const health = signal<HealthAnswer | undefined>(undefined);
/** Undefined while it is asked for; a sentence where it cannot be told. */
export const detail = signal<SeriesAnswer | string | undefined>(undefined);

async function watchJobs(): Promise<void> {
  for (;;) {
    await api.watchJobs(takeJobs, new AbortController().signal).catch(sentenceOf);
    if (needsToken.peek()) return;
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}

/** A project is there as soon as it is looked up; what was indexed can be found when that has ended. */
function takeJobs(told: JobsAnswer): void {
  const before = jobs.peek();
  jobs.value = told;
  const looked = ({ jobs: all }: JobsAnswer) =>
    all.filter(({ operation }) => operation === 'project-index').map(({ id, status }) => `${id} ${status}`);
  if (looked(told).join() !== looked(before).join()) void loading(askProjects);
  const running = ({ jobs: all, scans }: JobsAnswer) => [
    ...all.filter(({ operation, status }) => operation === 'index' && status === 'running'),
    ...scans.filter(({ endedAt }) => endedAt === undefined),
  ];
  const now = new Set(running(told).map(({ id }) => id));
  if (running(before).every(({ id }) => now.has(id))) return;
  noteChange();
  if (explored.peek().view === 'archives') void loading(askArchives);
}

async function askProjects(): Promise<void> {
  projects.value = await api.projects();
}

let isWatching = false;

async function askBeside(): Promise<void> {
  await loading(askProjects);
  if (isWatching || needsToken.peek()) return;
  isWatching = true;
  void watchJobs().finally(() => (isWatching = false));
}

async function askArchives(): Promise<void> {
  const [told, wrongWith] = await Promise.all([api.archives(), api.health()]);
  archives.value = told.archives;
  health.value = wrongWith;
}

async function askSeries(series: string): Promise<void> {
  const found = await api.series(series).catch(sentenceOf);
  if (explored.peek().series === series) detail.value = found;
}

/** Takes a token in the place of the one before, and asks again. */
export function takeToken(token: string): void {
  api.keepToken(token);
  needsToken.value = false;
  askAgain();
  void askBeside();
  const { series, view } = explored.peek();
  if (series !== '') void askSeries(series);
  if (view === 'archives') void loading(askArchives);
}

/** From here on what stands beside is asked for as it is looked at. */
export function keepBeside(): void {
  effect(() => {
    if (explored.value.view === 'archives') void loading(askArchives);
  });
  let open = '';
  effect(() => {
    const { series } = explored.value;
    if (series === open) return;
    open = series;
    detail.value = undefined;
    if (series !== '') void askSeries(series);
  });
  void askBeside();
}
