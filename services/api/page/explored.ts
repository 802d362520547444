// What the page shows, as one value: the search line, values that are included and excluded, the dates that were zoomed to.
// It stands in the address, so a link shows the same; and it becomes the body that the API is asked with.
import type { FacetsBody } from '../schemas.ts';
import { parseSearchLine, type SearchedFor } from './search-line.ts';

export interface Explored {
  readonly line: string;
  /** Values by attribute. */
  readonly include: Readonly<Record<string, readonly string[]>>;
  readonly exclude: Readonly<Record<string, readonly string[]>>;
  /** A year, a month or a day, as the histogram has it: `2026`, `202601`, `20260131`; '' for all. */
  readonly dates: string;
  readonly view: View;
  /** Column by which rows come, `-` before it where they come the other way round. */
  readonly order: string;
  readonly columns: readonly string[];
  /** The series that is open; '' for none. */
  readonly series: string;
}

export const VIEWS = ['series', 'work', 'archives'] as const;
export type View = (typeof VIEWS)[number];

export type DateUnit = NonNullable<FacetsBody['dates']>;

export const COLUMNS = ['StudyDate', 'Modality', 'PatientName', 'PatientID', 'StudyDescription', 'SeriesDescription'];

export const EVERYTHING: Explored = {
  ...{ line: '', include: {}, exclude: {}, dates: '' },
  ...{ view: 'series', order: 'StudyDate', columns: COLUMNS, series: '' },
};

/** For the address. */
export function toParams({ line, include, exclude, dates, view, order, columns, series }: Explored): URLSearchParams {
  const params = new URLSearchParams();
  if (line !== '') params.set('q', line);
  for (const [attribute, values] of Object.entries(include))
    for (const one of values) params.append(`is.${attribute}`, one);
  for (const [attribute, values] of Object.entries(exclude))
    for (const one of values) params.append(`not.${attribute}`, one);
  if (dates !== '') params.set('dates', dates);
  if (view !== EVERYTHING.view) params.set('view', view);
  if (order !== EVERYTHING.order) params.set('order', order);
  if (columns.join() !== COLUMNS.join()) params.set('columns', columns.join());
  if (series !== '') params.set('series', series);
  return params;
}

/** What does not belong there is left out. */
export function fromParams(params: URLSearchParams): Explored {
  const include: Record<string, string[]> = {};
  const exclude: Record<string, string[]> = {};
  for (const [name, value] of params) {
    const [, kind, attribute] = /^(is|not)\.(\w+)$/.exec(name) ?? [];
    if (attribute !== undefined) ((kind === 'is' ? include : exclude)[attribute] ??= []).push(value);
  }
  const dates = params.get('dates') ?? '';
  const of = (name: string, pattern: RegExp, otherwise: string) => {
    const value = params.get(name) ?? '';
    return pattern.test(value) ? value : otherwise;
  };
  return {
    ...{ line: params.get('q') ?? '', include, exclude, dates: /^\d{4}(\d\d){0,2}$/.test(dates) ? dates : '' },
    view: VIEWS.find((view) => view === params.get('view')) ?? EVERYTHING.view,
    order: of('order', /^-?\w+$/, EVERYTHING.order),
    columns: of('columns', /^\w+(,\w+)*$/, COLUMNS.join()).split(','),
    series: of('series', /^[0-9.]+$/, ''),
  };
}

/** Adds a value, or takes it away where it is there. */
export function toggled(explored: Explored, kind: 'include' | 'exclude', attribute: string, value: string): Explored {
  const other = kind === 'include' ? 'exclude' : 'include';
  const without = (values: readonly string[] = []) => values.filter((one) => one !== value);
  const has = explored[kind][attribute]?.includes(value) === true;
  const own = has ? without(explored[kind][attribute]) : [...(explored[kind][attribute] ?? []), value];
  return {
    ...explored,
    [kind]: nonEmpty({ ...explored[kind], [attribute]: own }),
    [other]: nonEmpty({ ...explored[other], [attribute]: without(explored[other][attribute]) }),
  };
}

function nonEmpty(values: Readonly<Record<string, readonly string[]>>): Record<string, readonly string[]> {
  return Object.fromEntries(Object.entries(values).filter(([, ones]) => ones.length > 0));
}

/** How finely dates are counted: one step below what was zoomed to. */
export function dateUnit({ dates }: Explored): DateUnit {
  return dates === '' ? 'year' : dates.length === 4 ? 'month' : 'day';
}

/** The order after a click on the head of a column: by it, and then the other way round. */
export function orderedBy({ order }: Explored, column: string): string {
  return order === column ? `-${column}` : column;
}

/** Adds a column at the end, or takes it away; one stays. */
export function withColumn({ columns }: Explored, column: string): readonly string[] {
  if (!columns.includes(column)) return [...columns, column];
  return columns.length === 1 ? columns : columns.filter((one) => one !== column);
}

/** One step back from what was zoomed to. */
export function zoomedOut(dates: string): string {
  return dates.length === 4 ? '' : dates.slice(0, -2);
}

/** The body for the API. Throws BadLine. */
export function queryBody(explored: Explored): SearchedFor {
  const searched = parseSearchLine(explored.line);
  const where = [...(searched.where ?? []), ...conditions(explored.include)];
  const whereNot = [...(searched.whereNot ?? []), ...conditions(explored.exclude)];
  if (explored.dates !== '') where.push(`StudyDate=${dayPattern(explored.dates)}`);
  return {
    ...searched,
    ...(where.length === 0 ? {} : { where }),
    ...(whereNot.length === 0 ? {} : { whereNot }),
  };
}

function conditions(values: Readonly<Record<string, readonly string[]>>): string[] {
  return Object.entries(values).map(([attribute, ones]) => `${attribute}=\\A(?:${ones.map(literal).join('|')})\\Z`);
}

/** A StudyDate of this year, month or day, also in the form of ACR-NEMA (1982.01.11). */
function dayPattern(dates: string): string {
  const [year, month = '', day = ''] = [dates.slice(0, 4), dates.slice(4, 6), dates.slice(6)];
  return `^\\s*${[year, month, day].filter((part) => part !== '').join('\\.?')}`;
}

/** The text as a pattern of Python's re that means just it. */
function literal(text: string): string {
  return text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&').replaceAll('\n', '\\n');
}
