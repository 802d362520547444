// A condition on a tag outside the table of indexed attributes, as a filter: the pattern is tested against the distinct
// values of the tag, and against the full header of the few series where the tag's value is too long to be searched.
import { creatorName } from '../../core/dicom/kept-text.ts';
import type { Pattern } from '../../core/query/pattern/pattern.ts';
import { type Target, type TargetStep, targetText } from '../../core/query/target.ts';
import { fullHeader, HEADER_FIELDS, headerText, isSearchableKey, termPrefix, textOfTerm } from './header-fields.ts';
import { allOf, anyOf, type Filter, NONE, noneOf, type SeriesReader } from './series-reader.ts';

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
    const own = allOf([creator.filter, hasAny(await termsOf(reader, creator.key))]);
    isByCreator.push(own);
    found.push(allOf([own, await valueFilter(reader, target, creator.key, pattern)]));
  }
  found.push(isByCreator.length === 0 ? byValue : allOf([noneOf(isByCreator), byValue]));
  const keys = [key, ...(block === undefined ? [] : [block.creatorKey]), ...creators.map((creator) => creator.key)];
  const isLong: Filter = { terms: { longKeys: keys.map((one) => one.toWellFormed()) } };
  const long: string[] = [];
  let isAnyLong = false;
  for await (const hits of reader.pages({ filter: isLong, docValues: HEADER_FIELDS }, PAGES)) {
    isAnyLong = true;
    for (const { SeriesInstanceUID, fields } of hits) {
      if (pattern.test(headerText(fullHeader(fields), target))) long.push(SeriesInstanceUID);
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
  for (const term of await termsOf(reader, creatorKey)) {
    const creator = creatorName(textOfTerm(term, creatorKey));
    if (creator !== '') spellings.set(creator, [...(spellings.get(creator) ?? []), term]);
  }
  return [...spellings].map(([creator, terms]) => ({ key: prefix + creator, filter: hasAny(terms) }));
}

/** The series in whose element of this key the pattern is found; those without the element have the empty value. */
async function valueFilter(reader: SeriesReader, target: Target, key: string, pattern: Pattern): Promise<Filter> {
  const passed: string[] = [];
  const failed: string[] = [];
  for (const term of await termsOf(reader, key))
    (pattern.test(targetText(textOfTerm(term, key), target.path)) ? passed : failed).push(term);
  // A series has at most one element of a key.
  return pattern.test('') ? noneOf(failed.length === 0 ? [] : [hasAny(failed)]) : hasAny(passed);
}

/** The values of `header` that are elements of this key. */
async function termsOf(reader: SeriesReader, key: string): Promise<readonly string[]> {
  return isSearchableKey(key) ? reader.distinct('header', { prefix: termPrefix(key) }) : [];
}

function hasAny(terms: readonly string[]): Filter {
  return terms.length === 0 ? NONE : { terms: { header: [...terms] } };
}
