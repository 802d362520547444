// The page's calls of the API.
import type {
  FacetsAnswer,
  FacetsBody,
  HealthAnswer,
  JobAnswer,
  JobsAnswer,
  OrderedAnswer,
  OrderedBody,
  ProjectsAnswer,
  SeriesAnswer,
} from '../schemas.ts';
import type { SearchedFor } from './search-line.ts';

/** `years` where they were counted by themselves. */
export type Facets = FacetsAnswer & { readonly years?: FacetsAnswer['dates'] };
export type Row = Readonly<Record<string, string>>;
export type Attribute = NonNullable<OrderedBody['orderBy']>;
export type Job = JobsAnswer['jobs'][number];

/** Attributes by which the page counts. */
export const FACETS = [
  'Modality',
  'Manufacturer',
  'ManufacturerModelName',
  'BodyPartExamined',
  'StationName',
  'StudyDescription',
  'SeriesDescription',
] as const satisfies FacetsBody['attributes'];

/** An answer that is none; `status` 401 asks for a token. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

/** Kept as long as the tab, and in it only. */
const TOKEN = 'token';
export const keepToken = (token: string) => sessionStorage.setItem(TOKEN, token);
export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;

export async function ask(
  method: 'GET' | 'POST' | 'DELETE',
  where: string,
  { body, signal }: { readonly body?: object; readonly signal?: AbortSignal } = {},
): Promise<Response> {
  const token = sessionStorage.getItem(TOKEN);
  const response = await fetch(where, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (response.ok) return response;
  const { title } = (await response.json().catch(() => ({}))) as { title?: string };
  throw new Refused(response.status, title ?? `The API answered with status ${response.status}.`);
}

async function told<T>(asked: Promise<Response>): Promise<T> {
  return (await (await asked).json()) as T;
}

export function facets(
  query: SearchedFor,
  counted: Omit<FacetsBody, keyof SearchedFor>,
  signal: AbortSignal,
): Promise<Facets> {
  return told(ask('POST', 'facets', { body: { ...query, ...counted }, signal }));
}

export function rows(
  query: SearchedFor,
  order: Omit<OrderedBody, keyof SearchedFor>,
  signal: AbortSignal,
): Promise<OrderedAnswer> {
  return told(ask('POST', 'rows', { body: { ...query, ...order }, signal }));
}

/** As the command line prints it. */
export async function csv(query: SearchedFor): Promise<Blob> {
  return (await ask('POST', 'query', { body: query })).blob();
}

/** All values of a tag, of the series that are found. */
export async function values(query: SearchedFor, tag: string): Promise<string[]> {
  const found = await told<Row[]>(ask('POST', 'query', { body: { ...query, columns: tag, format: 'json' } }));
  return [...new Set(found.map((row) => row[tag] ?? ''))].filter((value) => value !== '');
}

export const series = (uid: string) => told<SeriesAnswer>(ask('GET', `series/${uid}`));
export type SeriesFile = Pick<SeriesAnswer['files'][number], 'path' | 'size'>;

/** All files of a series. */
export async function filesOf(uid: string): Promise<SeriesFile[]> {
  const lines = await (await ask('GET', `series/${uid}/instances`)).text();
  return lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SeriesFile);
}

export const projects = () => told<ProjectsAnswer>(ask('GET', 'projects'));
export const health = () => told<HealthAnswer>(ask('GET', 'archives/health'));
export const archives = () => told<{ archives: ArchiveTold[] }>(ask('GET', 'archives'));
export const job = (id: string) => told<JobAnswer>(ask('GET', `jobs/${id}`));
export const start = (operation: object) => told<JobAnswer>(ask('POST', 'jobs', { body: operation }));
export const cancel = (id: string) => ask('DELETE', `jobs/${id}`);

export interface ArchiveTold {
  readonly name: string;
  readonly indexedAt: string;
  readonly files: number;
  readonly instances: number;
}

/** Tells what runs with every change, until the signal aborts. Throws where the stream ends. */
export async function watchJobs(told: (jobs: JobsAnswer) => void, signal: AbortSignal): Promise<void> {
  const response = await ask('GET', 'jobs/events', { signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error('The stream of events ended.');
    const events = (rest + value).split('\n\n');
    rest = events.pop()!;
    for (const event of events)
      if (event.startsWith('data: ')) told(JSON.parse(event.slice('data: '.length)) as JobsAnswer);
  }
}

/** Has the browser save what an answer holds. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
