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
  const literal = literalOf(texts, pattern);
  if (literal === undefined) {
    testValues(splitValues(texts), pattern, found, first);
    return;
  }
  let number = first;
  let counted = 0;
  aroundLiteral(texts, literal, (value, start) => {
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
  const literal = literalOf(texts, pattern);
  if (literal === undefined) return splitValues(texts).filter((value) => pattern.test(value));
  const found: string[] = [];
  aroundLiteral(texts, literal, (value) => {
    if (pattern.test(value)) found.push(value);
  });
  return found;
}

/** What each value in which the pattern is found has; undefined where all have to be tested. */
function literalOf(texts: string, { requiredLiteral }: Pattern): string | undefined {
  return requiredLiteral === '' || texts.startsWith(JSON_MARK) ? undefined : requiredLiteral;
}

/** Gives the values in which the literal occurs, in their order, each with its place in the text. */
function aroundLiteral(texts: string, literal: string, take: (value: string, start: number) => void): void {
  if (literal.includes(SEPARATOR)) return;
  for (let at = texts.indexOf(literal); at >= 0; ) {
    const start = texts.lastIndexOf(SEPARATOR, at) + 1;
    const end = texts.indexOf(SEPARATOR, at);
    take(end < 0 ? texts.slice(start) : texts.slice(start, end), start);
    at = end < 0 ? -1 : texts.indexOf(literal, end + 1);
  }
}
