// Character classes and equality without case, by the rules of Python 3.11 (Unicode 14): `\w`, `\d`, `\s`, the simple
// lower case, and the groups of characters that are equal although their lower cases differ (s and long s).
// Python's own oddities with characters beyond U+FFFF in sets are kept: see ignoreCaseSet.

import type { CodeSet } from './code-set.ts';
import { ALL_CODES, complement, contains, fromRanges, intersection, toRanges, union } from './code-set.ts';
import { DIGIT_RANGES, EXTRA_CASES, LOWER_RUNS, SPACE_RANGES, WORD_RANGES } from './tables.generated.ts';

/** Which characters count for classes and for equality without case. */
export type Alphabet = 'unicode' | 'ascii';

/** A member of a bracketed set as written, before case is taken into account. */
export type SetMember =
  | { readonly type: 'range'; readonly first: number; readonly last: number }
  | { readonly type: 'literal'; readonly code: number }
  | { readonly type: 'class'; readonly name: ClassName };

/** The letter of a class escape; upper case means "not". */
export type ClassName = 'd' | 'D' | 's' | 'S' | 'w' | 'W';

const LAST_BMP = 0xffff;
/** Its upper case is two letters, and CPython goes by the first. */
const SHARP_S = 0xdf;

const UNICODE_CLASSES = { w: decode(WORD_RANGES), d: decode(DIGIT_RANGES), s: decode(SPACE_RANGES) };
const ASCII_CLASSES = {
  w: fromRanges([
    [0x30, 0x39],
    [0x41, 0x5a],
    [0x5f, 0x5f],
    [0x61, 0x7a],
  ]),
  d: [0x30, 0x39],
  s: [0x09, 0x0d, 0x20, 0x20],
};
const NOT_CLASSES = {
  unicode: negated(UNICODE_CLASSES),
  ascii: negated(ASCII_CLASSES),
};

const lowerOf = new Map<number, number>();
const uppersOf = new Map<number, number[]>();
const extrasOf = new Map<number, readonly number[]>();
for (const run of LOWER_RUNS.split(' ')) {
  const [first, count, step, distance] = run.split(',').map(Number) as [number, number, number, number];
  for (let i = 0; i < count; i++) {
    const code = first + i * step;
    lowerOf.set(code, code + distance);
    uppersOf.set(code + distance, [...(uppersOf.get(code + distance) ?? []), code]);
  }
}
for (const text of EXTRA_CASES.split(' ')) {
  const group = text.split(',').map(Number);
  for (const code of group) extrasOf.set(code, group);
}

function decode(text: string): CodeSet {
  let bound = 0;
  return text.split(' ').map((distance) => (bound += Number.parseInt(distance, 36)));
}

function negated(classes: { w: CodeSet; d: CodeSet; s: CodeSet }): { W: CodeSet; D: CodeSet; S: CodeSet } {
  return { W: complement(classes.w), D: complement(classes.d), S: complement(classes.s) };
}

/** The characters of a class such as `\w` (name `w`) or `\W`. */
export function classSet(name: ClassName, alphabet: Alphabet): CodeSet {
  const plain = alphabet === 'unicode' ? UNICODE_CLASSES : ASCII_CLASSES;
  return { ...plain, ...NOT_CLASSES[alphabet] }[name];
}

/** Python's simple lower case of one character. */
export function lowerCase(code: number, alphabet: Alphabet): number {
  if (alphabet === 'ascii') return code >= 0x41 && code <= 0x5a ? code + 32 : code;
  return lowerOf.get(code) ?? code;
}

/** All characters equal to a literal when case is ignored. */
export function ignoreCaseLiteral(code: number, alphabet: Alphabet): CodeSet {
  const lower = lowerCase(code, alphabet);
  if (alphabet === 'ascii') return withAsciiUppers([lower, lower]);
  return withUppers(fromRanges((extrasOf.get(lower) ?? [lower]).map((member) => [member, member])));
}

/** The characters a bracketed set stands for, before negation. */
export function plainSet(members: readonly SetMember[], alphabet: Alphabet): CodeSet {
  return union(...members.map((member) => memberSet(member, alphabet)));
}

/**
 * The characters a bracketed set stands for when case is ignored, before negation. Python compares the lower case of
 * the value's character with the set, into which it has put the lower case of each member up to U+FFFF; a literal
 * beyond that stays as written, so that a capital there matches nothing, and a range that goes beyond is compared
 * with lower and upper case.
 */
export function ignoreCaseSet(members: readonly SetMember[], alphabet: Alphabet): CodeSet {
  const parts: CodeSet[] = [];
  const lowers = alphabet === 'ascii' ? asciiLowers : withLowers;
  for (const member of members) {
    const set = memberSet(member, alphabet);
    if (member.type === 'class') parts.push(set);
    else if (member.type === 'literal') parts.push(member.code <= LAST_BMP ? lowers(set) : set);
    else if (member.last <= LAST_BMP) parts.push(lowers(set));
    else parts.push(lowers(intersection(set, [0, LAST_BMP])), set, uppersIn(set));
  }
  const members_ = union(...parts);
  return alphabet === 'ascii' ? withAsciiUppers(members_) : withUppers(members_);
}

function memberSet(member: SetMember, alphabet: Alphabet): CodeSet {
  if (member.type === 'class') return classSet(member.name, alphabet);
  if (member.type === 'literal') return [member.code, member.code];
  return [member.first, member.last];
}

function withLowers(set: CodeSet): CodeSet {
  const added = new Set<number>();
  for (const [code, lower] of lowerOf) if (contains(set, code)) added.add(lower);
  const found: [number, number][] = [...added].map((code) => [code, code]);
  for (const [code, group] of extrasOf) {
    if (contains(set, code) || added.has(code)) found.push(...group.map((other): [number, number] => [other, other]));
  }
  return union(set, fromRanges(found));
}

/** The characters whose lower case is in the set (characters that have another lower case do not count themselves). */
function withUppers(set: CodeSet): CodeSet {
  const dropped: [number, number][] = [];
  const added: [number, number][] = [];
  for (const [code, lower] of lowerOf) {
    if (contains(set, lower)) added.push([code, code]);
    else if (contains(set, code)) dropped.push([code, code]);
  }
  const kept = dropped.length === 0 ? set : intersection(set, complement(fromRanges(dropped)));
  return union(kept, fromRanges(added));
}

/** The lower-case characters whose capital is in the set. */
function uppersIn(set: CodeSet): CodeSet {
  const found: [number, number][] = [];
  for (const [lower, capitals] of uppersOf) {
    // Of several capitals (I and I with a dot, K and the Kelvin sign) the first is the simple upper case.
    if (lower === SHARP_S || !contains(set, capitals[0]!)) continue;
    for (const code of extrasOf.get(lower) ?? [lower]) found.push([code, code]);
  }
  return fromRanges(found);
}

/** Whether any character of the set has an upper or lower case that differs from it. */
export function hasCased(set: CodeSet, alphabet: Alphabet): boolean {
  if (alphabet === 'ascii') return intersection(set, [0x41, 0x5a, 0x61, 0x7a]).length > 0;
  return [lowerOf, uppersOf, extrasOf].some((table) => [...table.keys()].some((code) => contains(set, code)));
}

function asciiLowers(set: CodeSet): CodeSet {
  const capitals = intersection(set, [0x41, 0x5a]);
  return union(
    intersection(set, complement([0x41, 0x5a])),
    fromRanges(toRanges(capitals).map(([first, last]) => [first + 32, last + 32])),
  );
}

function withAsciiUppers(set: CodeSet): CodeSet {
  const small = intersection(set, [0x61, 0x7a]);
  return union(
    intersection(set, complement([0x41, 0x5a])),
    fromRanges(toRanges(small).map(([first, last]) => [first - 32, last - 32])),
  );
}

/** `.`: every character, or every one but the line feed. */
export function anySet(dotAll: boolean): CodeSet {
  return dotAll ? ALL_CODES : complement([0x0a, 0x0a]);
}
