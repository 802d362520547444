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
  /** Series that something is to be done with; none means all that are found. */
  readonly chosen: readonly string[];
}

/** Chosen series that the address holds: it may not be longer than some thousand characters. */
export const MOST_CHOSEN_IN_ADDRESS = 100;
/** Counted and chosen like an attribute: the year of StudyDate. */
export const YEAR = 'Year';

export const VIEWS = ['series', 'work', 'archives'] as const;
export type View = (typeof VIEWS)[number];

export type DateUnit = NonNullable<FacetsBody['dates']>;

export const COLUMNS = ['StudyDate', 'Modality', 'PatientName', 'PatientID', 'StudyDescription', 'SeriesDescription'];

export const EVERYTHING: Explored = {
  ...{ line: '', include: {}, exclude: {}, dates: '' },
  ...{ view: 'series', order: 'StudyDate', columns: COLUMNS, series: '', chosen: [] },
};

/** For the address. */
export function toParams(explored: Explored): URLSearchParams {
  const { line, include, exclude, dates, view, order, columns, series, chosen } = explored;
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
  if (chosen.length > 0 && chosen.length <= MOST_CHOSEN_IN_ADDRESS) params.set('chosen', chosen.join());
  return params;
}

/** What does not belong there is left out. */
export function fromParams(params: URLSearchParams): Explored {
  const include: Record<string, string[]> = {};
  const exclude: Record<string, string[]> = {};
  for (const [name, value] of params) {
    // Keywords begin with a capital letter: what an object has of its own does not.
    const [, kind, attribute] = /^(is|not)\.([A-Z]\w*)$/.exec(name) ?? [];
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
    chosen: of('chosen', /^[0-9.]+(,[0-9.]+)*$/, '')
      .split(',')
      .filter((uid) => uid !== ''),
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

/** The same with no value of an attribute included. */
export function withoutIncluded(explored: Explored, attribute: string): Explored {
  return { ...explored, include: nonEmpty({ ...explored.include, [attribute]: [] }) };
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

/** Years that are shown where there is nothing: not so many that a mistyped one makes all bars thin. */
const MOST_YEARS = 150;

/** The dates that were counted and those between of which there are none, so that bars stand where they belong in time. */
export function withGaps<T extends { readonly value: string }>(
  dates: readonly T[],
  zoomed: string,
  empty: (value: string) => T,
): readonly T[] {
  const counted = new Map(dates.map((one) => [one.value, one]));
  const all = (zoomed.length === 8 ? [] : zoomed === '' ? years([...counted.keys()]) : parts(zoomed)).map(
    (value) => counted.get(value) ?? empty(value),
  );
  const others = dates.filter(({ value }) => !all.some((one) => one.value === value));
  return [...others, ...all];
}

function years(counted: readonly string[]): string[] {
  const numbers = counted.filter((value) => value !== '').map(Number);
  const [first, last] = [Math.min(...numbers), Math.max(...numbers)];
  if (!(last - first < MOST_YEARS)) return [];
  return Array.from({ length: last - first + 1 }, (_, i) => String(first + i).padStart(4, '0'));
}

/** Months of a year, or days of a month. */
function parts(zoomed: string): string[] {
  const count = zoomed.length === 4 ? 12 : lastDay(zoomed);
  return Array.from({ length: count }, (_, i) => zoomed + String(i + 1).padStart(2, '0'));
}

/** Of a month: `202602`. */
function lastDay(month: string): number {
  return new Date(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(4, 6)), 0)).getUTCDate();
}

/** Whether two select the same series. */
export function isSameQuery(a: Explored, b: Explored): boolean {
  const query = ({ line, include, exclude, dates }: Explored) => JSON.stringify([line, include, exclude, dates]);
  return query(a) === query(b);
}

/** The body for the API. Throws BadLine. */
export function queryBody(explored: Explored): SearchedFor {
  const searched = parseSearchLine(explored.line);
  const where = [...(searched.where ?? []), ...conditions(explored.include)];
  const whereNot = [...(searched.whereNot ?? []), ...conditions(explored.exclude)];
  return {
    ...searched,
    ...(explored.dates === '' ? {} : zoomed(explored.dates, searched)),
    ...(where.length === 0 ? {} : { where }),
    ...(whereNot.length === 0 ? {} : { whereNot }),
  };
}

function conditions(values: Readonly<Record<string, readonly string[]>>): string[] {
  return Object.entries(values).map(([attribute, ones]) =>
    attribute === YEAR ? `StudyDate=${yearsPattern(ones)}` : `${attribute}=\\A(?:${ones.map(literal).join('|')})\\Z`,
  );
}

/** The first and last day of a year, a month or a day, within those that are searched for. */
function zoomed(dates: string, { sdate, edate }: SearchedFor): Pick<SearchedFor, 'sdate' | 'edate'> {
  const [year, month, day] = [dates.slice(0, 4), dates.slice(4, 6), dates.slice(6)];
  const first = `${year}${month || '01'}${day || '01'}`;
  const last = month === '' ? `${year}1231` : `${year}${month}${day || lastDay(dates)}`;
  // What is no date is told by the API.
  const isDate = (text: string | undefined) => text !== undefined && /^\d{8}$/.test(text);
  return {
    sdate: sdate !== undefined && (!isDate(sdate) || sdate > first) ? sdate : first,
    edate: edate !== undefined && (!isDate(edate) || edate < last) ? edate : last,
  };
}

/** Days of a year that is none of 366 days, as a pattern. */
const days = (dot: string) =>
  [
    `(?:0[1-9]|1[0-2])${dot}(?:0[1-9]|1[0-9]|2[0-8])`,
    `(?:0[13-9]|1[0-2])${dot}(?:29|30)`,
    `(?:0[13578]|1[02])${dot}31`,
  ].join('|');

/**
 * A StudyDate that is read as a day of one of these years, '' for one that is not read as a day of any: what the API counts
 * as one (core/query/dates.ts), also in the form of ACR-NEMA, 1982.01.11.
 */
function yearsPattern(years: readonly string[]): string {
  const anyYear = '[0-9]{4}';
  const ofLeap = '(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)';
  const dated = (year: string, leap: string) =>
    `\\A\\s*(?:${year}(?:${days('')})|${year}\\.(?:${days('\\.')})|${leap}(?:0229|\\.02\\.29))(?:\\Z|[\\s\\\\])`;
  const named = years.filter((year) => year !== '');
  const alternatives = years.includes('') ? [`(?!${dated(anyYear, ofLeap)})\\A`] : [];
  if (named.length > 0) {
    const oneOf = `(?:${named.map(literal).join('|')})`;
    alternatives.push(dated(oneOf, `(?=${oneOf})${ofLeap}`));
  }
  return alternatives.join('|');
}

/** The text as a pattern of Python's re that means just it. */
function literal(text: string): string {
  return text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&').replaceAll('\n', '\\n');
}
