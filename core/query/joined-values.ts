// Many values of an attribute as one text, in which a literal is found without taking them apart: so indices keep the
// distinct values against which patterns are tested.
import type { Pattern } from './pattern/pattern.ts';

/** Values of one text. */
export const JOINED_AT_ONCE = 4096;
const SEPARATOR = '\x1f';
/** First character of a text with a value that holds the separator: the rest is JSON. */
const JSON_MARK = '\x1e';

export function joinValues(values: readonly string[]): string {
  const isPlain =
    values.every((value) => !value.includes(SEPARATOR) && !value.includes('\0')) &&
    values[0]?.startsWith(JSON_MARK) !== true;
  return isPlain ? values.join(SEPARATOR) : JSON_MARK + JSON.stringify(values);
}

export function splitValues(texts: string): string[] {
  return texts.startsWith(JSON_MARK) ? (JSON.parse(texts.slice(1)) as string[]) : texts.split(SEPARATOR);
}

/** One value by its number, where that is to be had without taking all apart. */
export function nthValue(texts: string, n: number): string | undefined {
  if (texts.startsWith(JSON_MARK)) return undefined;
  let start = 0;
  for (let i = 0; i < n; i++) start = texts.indexOf(SEPARATOR, start) + 1;
  const end = texts.indexOf(SEPARATOR, start);
  return end < 0 ? texts.slice(start) : texts.slice(start, end);
}

/** Sets a byte of `found` to 1 for each value in which the pattern is found; that of the first value is at `first`. */
export function testJoined(texts: string, pattern: Pattern, found: Uint8Array, first: number): void {
  const next = placesIn(texts, pattern);
  if (next === undefined) {
    testValues(splitValues(texts), pattern, found, first);
    return;
  }
  let number = first;
  let counted = 0;
  aroundPlaces(texts, next, (value, start) => {
    if (!pattern.test(value)) return;
    for (; counted < start; number++) counted = texts.indexOf(SEPARATOR, counted) + 1;
    found[number] = 1;
  });
}

/** The same of values that are apart. */
export function testValues(values: readonly string[], pattern: Pattern, found: Uint8Array, first: number): void {
  for (let i = 0; i < values.length; i++) if (pattern.test(values[i]!)) found[first + i] = 1;
}

/** The values in which the pattern is found, in their order. */
export function findJoined(texts: string, pattern: Pattern): string[] {
  const next = placesIn(texts, pattern);
  if (next === undefined) return splitValues(texts).filter((value) => pattern.test(value));
  const found: string[] = [];
  aroundPlaces(texts, next, (value) => {
    if (pattern.test(value)) found.push(value);
  });
  return found;
}

/** Whether only some values of a text have to be tested. */
export function hasPlaces({ requiredLiteral, lead }: Pattern): boolean {
  return requiredLiteral !== '' || lead !== undefined;
}

/** The next place from one on, or -1, at which the pattern may be found; undefined where all values have to be tested. */
function placesIn(texts: string, { requiredLiteral, lead }: Pattern): ((from: number) => number) | undefined {
  if (texts.startsWith(JSON_MARK)) return undefined;
  if (requiredLiteral.includes(SEPARATOR)) return () => -1;
  if (lead !== undefined)
    return (from) => {
      lead.lastIndex = from;
      return lead.test(texts) ? lead.lastIndex - 1 : -1;
    };
  return requiredLiteral === '' ? undefined : (from) => texts.indexOf(requiredLiteral, from);
}

/** Gives the values at these places, in their order, each with where it begins. */
function aroundPlaces(
  texts: string,
  next: (from: number) => number,
  take: (value: string, start: number) => void,
): void {
  for (let at = next(0); at >= 0; ) {
    const start = texts.lastIndexOf(SEPARATOR, at) + 1;
    const end = texts.indexOf(SEPARATOR, at);
    take(end < 0 ? texts.slice(start) : texts.slice(start, end), start);
    at = end < 0 ? -1 : next(end + 1);
  }
}
