// A condition on a tag outside the table of indexed attributes, as a filter: the pattern is tested against the distinct
// values of the tag, and against the full header of the few series where the tag's value is too long to be searched.
import type { Pattern } from '../../core/query/pattern/pattern.ts';
import { type Target, type TargetStep, targetText } from '../../core/query/target.ts';
import { headerText, isSearchableKey } from './header-fields.ts';
import { allOf, anyOf, EVERY, type Filter, NONE, noneOf, type SeriesReader } from './series-reader.ts';
import { decodeWholeHeader } from './series-state.ts';

const PAGES = { first: 500, others: 500 } as const;

/** The series in which the pattern is found in the target. */
export async function headerFilter(reader: SeriesReader, target: Target, pattern: Pattern): Promise<Filter> {
  const { key, block } = target.path[0]!;
  const creators = block === undefined ? [] : await creatorsOf(reader, block);
  const byValue = await valueFilter(reader, target, key, pattern);
  const found: Filter[] = [];
  const isByCreator: Filter[] = [];
  for (const creator of creators) {
    // Where a block's creator is known, its elements stand under the creator's name (see HeaderElement).
    const own = allOf([creator.filter, exists(creator.key)]);
    isByCreator.push(own);
    found.push(allOf([own, await valueFilter(reader, target, creator.key, pattern)]));
  }
  found.push(isByCreator.length === 0 ? byValue : allOf([noneOf(isByCreator), byValue]));
  const keys = [key, ...(block === undefined ? [] : [block.creatorKey]), ...creators.map((creator) => creator.key)];
  const isLong: Filter = { terms: { longKeys: keys.map((one) => one.toWellFormed()) } };
  const long: string[] = [];
  let isAnyLong = false;
  for await (const hits of reader.pages({ filter: isLong, docValues: ['wholeHeader'] }, PAGES)) {
    isAnyLong = true;
    for (const { SeriesInstanceUID, fields } of hits) {
      if (pattern.test(headerText(decodeWholeHeader(fields['wholeHeader']![0]!), target))) long.push(SeriesInstanceUID);
    }
  }
  if (!isAnyLong) return anyOf(found);
  return anyOf([allOf([noneOf([isLong]), anyOf(found)]), { terms: { SeriesInstanceUID: long } }]);
}

/** The creators of a private block that occur: the series that have each, and the key of the element in them. */
async function creatorsOf(
  reader: SeriesReader,
  { creatorKey, prefix }: NonNullable<TargetStep['block']>,
): Promise<{ readonly key: string; readonly filter: Filter }[]> {
  const spellings = new Map<string, string[]>();
  for (const value of await reader.distinct(`header.${creatorKey}`)) {
    const creator = value.trim();
    if (creator !== '') spellings.set(creator, [...(spellings.get(creator) ?? []), value]);
  }
  return [...spellings].map(([creator, values]) => ({
    key: prefix + creator,
    filter: { terms: { [`header.${creatorKey}`]: values } },
  }));
}

/** The series in whose element of this key the pattern is found; those without the element have the empty value. */
async function valueFilter(reader: SeriesReader, target: Target, key: string, pattern: Pattern): Promise<Filter> {
  const values = isSearchableKey(key) ? await reader.distinct(`header.${key}`) : [];
  const found = termsFilter(
    `header.${key}`,
    values,
    (value) => pattern.test(targetText(value, target.path)),
    exists(key),
  );
  return pattern.test('') ? anyOf([found, noneOf([exists(key)])]) : found;
}

function exists(key: string): Filter {
  return isSearchableKey(key) ? { exists: { field: `header.${key}` } } : NONE;
}

/**
 * The series whose field has one of the values that pass the test. `values` are all that occur in the series that
 * `among` matches: where most of them pass, the others are excluded instead.
 */
export function termsFilter(
  field: string,
  values: Iterable<string>,
  test: (value: string) => boolean,
  among: Filter = EVERY,
): Filter {
  const passed: string[] = [];
  const failed: string[] = [];
  for (const value of values) (test(value) ? passed : failed).push(value);
  if (passed.length === 0) return NONE;
  if (passed.length <= failed.length) return { terms: { [field]: passed } };
  return failed.length === 0 ? among : allOf([among, noneOf([{ terms: { [field]: failed } }])]);
}
