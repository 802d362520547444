// Which series a query selects: a filter for Elasticsearch, made by testing the patterns against distinct values, and
// what is left to be tested series by series, because it is about their SeriesInstanceUIDs, of which no two are alike.
// A pattern that stands for certain whole values is a filter by itself.
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import type { Condition, Query } from '../../core/query/query.ts';
import type { Target } from '../../core/query/target.ts';
import type { DistinctValues } from './distinct-values.ts';
import { headerFilter } from './header-filter.ts';
import type { KnownValues } from './known-values.ts';
import { allOf, anyOf, EVERY, type Filter, noneOf, type SeriesHit, type SeriesReader } from './series-reader.ts';

/** The selected series: those that the filter lets through and that `test`, if there is one, finds true. */
export interface Selection {
  readonly filter: Filter;
  /** Filters whose outcome `test` has to know. */
  readonly named: Readonly<Record<string, Filter>>;
  readonly test: ((hit: SeriesHit) => boolean) | undefined;
}

/** All values of an attribute, by now. */
type ValuesOf = (attribute: number) => Promise<KnownValues>;

/** Makes the selection of a query. */
export async function selectSeries(reader: SeriesReader, values: DistinctValues, query: Query): Promise<Selection> {
  const filters: Filter[] = [];
  const named: Record<string, Filter> = {};
  const tests: ((hit: SeriesHit) => boolean)[] = [];
  const { from, to } = query;
  // A series without a readable date has the date 0 and matches no bound.
  if (from !== undefined || to !== undefined)
    filters.push({ range: { date: { gte: Math.max(from ?? 1, 1), ...(to === undefined ? {} : { lte: to }) } } });
  const isTested = ({ targets, pattern }: Condition) =>
    pattern.wholeValues === undefined && targets.some(({ attribute }) => attribute >= 0);
  const now = query.conditions.some(isTested) ? await values.now() : undefined;
  const known = async (attribute: number) => values.of(attribute, now ?? (await values.now()));
  for (const [i, condition] of query.conditions.entries()) {
    const filter = await conditionFilter(reader, known, condition);
    const isLookup = condition.pattern.wholeValues !== undefined;
    if (isLookup || !condition.targets.some(({ isSeriesInstanceUID }) => isSeriesInstanceUID)) {
      filters.push(condition.negate ? noneOf([filter]) : filter);
      continue;
    }
    const name = `condition ${i}`;
    const { pattern, negate, targets } = condition;
    if (!targets.every(({ isSeriesInstanceUID }) => isSeriesInstanceUID)) named[name] = filter;
    else if (!negate && pattern.requiredLiteral !== '') filters.push(containsLiteral(pattern.requiredLiteral));
    tests.push(
      ({ named: met, SeriesInstanceUID }) => (met.includes(name) || pattern.test(SeriesInstanceUID)) !== negate,
    );
  }
  return {
    filter: filters.length === 0 ? EVERY : allOf(filters),
    named,
    test: tests.length === 0 ? undefined : (hit) => tests.every((test) => test(hit)),
  };
}

/** Only narrows what is tested. */
function containsLiteral(literal: string): Filter {
  return { wildcard: { SeriesInstanceUID: { value: `*${literal.replace(/[\\*?]/g, '\\$&')}*` } } };
}

/**
 * The series in which the pattern is found in one of the targets, leaving SeriesInstanceUID aside where its values have to
 * be tested.
 */
async function conditionFilter(
  reader: SeriesReader,
  valuesOf: ValuesOf,
  { targets, pattern }: Condition,
): Promise<Filter> {
  const filters: Filter[] = [];
  for (const target of targets) {
    const { wholeValues } = pattern;
    if (wholeValues !== undefined && (target.isSeriesInstanceUID || target.attribute >= 0)) {
      const field = target.isSeriesInstanceUID ? 'SeriesInstanceUID' : INDEXED_ATTRIBUTES[target.attribute]!;
      filters.push({ terms: { [field]: [...wholeValues] } });
    } else if (target.isSeriesInstanceUID) continue;
    else if (target.isIssues) filters.push(await issuesFilter(reader, pattern));
    else if (target.attribute >= 0) filters.push(await attributeFilter(valuesOf, target, pattern));
    else filters.push(await headerFilter(reader, target, pattern));
  }
  return anyOf(filters);
}

/** Few combinations occur. */
async function issuesFilter(reader: SeriesReader, pattern: Condition['pattern']): Promise<Filter> {
  const texts = await reader.distinct('issuesText');
  // A series without issues has no text.
  const areFound = !pattern.test('');
  const values = texts.filter((text) => pattern.test(text) === areFound);
  const filters = values.length === 0 ? [] : [{ terms: { issuesText: values } }];
  return areFound ? anyOf(filters) : noneOf(filters);
}

async function attributeFilter(
  valuesOf: ValuesOf,
  { attribute }: Target,
  pattern: Condition['pattern'],
): Promise<Filter> {
  const { values, areFound } = (await valuesOf(attribute)).find(pattern);
  const filters = values.length === 0 ? [] : [{ terms: { [INDEXED_ATTRIBUTES[attribute]!]: [...values] } }];
  return areFound ? anyOf(filters) : noneOf(filters);
}
