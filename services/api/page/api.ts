// The page's calls of the API.
import type { FacetsAnswer, FacetsBody } from '../schemas.ts';
import type { DateUnit } from './explored.ts';
import type { SearchedFor } from './search-line.ts';

export type Facets = FacetsAnswer;
export type Counted = Facets['dates'][number];
export type Row = Readonly<Record<string, string>>;

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

async function post(where: string, body: object, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(where, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
  if (response.ok) return response;
  const { title } = (await response.json().catch(() => ({}))) as { title?: string };
  throw new Error(title ?? `The API answered with status ${response.status}.`);
}

export async function facets(query: SearchedFor, dates: DateUnit, signal: AbortSignal): Promise<Facets> {
  return (await (await post('facets', { ...query, attributes: FACETS, dates }, signal)).json()) as Facets;
}

export async function rows(query: SearchedFor, limit: number, signal: AbortSignal): Promise<readonly Row[]> {
  const body = { ...query, columns: 'Modality', format: 'json', limit };
  return (await (await post('query', body, signal)).json()) as readonly Row[];
}

/** As the command line prints it. */
export async function csv(query: SearchedFor): Promise<Blob> {
  return (await post('query', query)).blob();
}
