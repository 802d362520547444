// Sets of Unicode code points as sorted, disjoint, inclusive ranges in one flat array: [first, last, first, last, ...].
// Here are the operations on such sets and a fast membership test; which characters belong to a class is in
// characters.ts.

/** Ranges [first, last, first, last, ...], ascending, not touching. */
export type CodeSet = readonly number[];

/** The highest code point. */
export const LAST_CODE = 0x10ffff;

export const NO_CODES: CodeSet = [];
export const ALL_CODES: CodeSet = [0, LAST_CODE];

/** The set of all given ranges, which may overlap and stand in any order. */
export function fromRanges(ranges: readonly (readonly [number, number])[]): CodeSet {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
  const set: number[] = [];
  for (const [first, last] of sorted) {
    const end = set.length - 1;
    if (end > 0 && first <= set[end]! + 1) set[end] = Math.max(set[end]!, last);
    else set.push(first, last);
  }
  return set;
}

/** The ranges of a set as pairs. */
export function toRanges(set: CodeSet): [number, number][] {
  const ranges: [number, number][] = [];
  for (let i = 0; i < set.length; i += 2) ranges.push([set[i]!, set[i + 1]!]);
  return ranges;
}

export function union(...sets: readonly CodeSet[]): CodeSet {
  return fromRanges(sets.flatMap(toRanges));
}

/** Every code point that is not in the set. */
export function complement(set: CodeSet): CodeSet {
  const result: number[] = [];
  let next = 0;
  for (let i = 0; i < set.length; i += 2) {
    if (set[i]! > next) result.push(next, set[i]! - 1);
    next = set[i + 1]! + 1;
  }
  if (next <= LAST_CODE) result.push(next, LAST_CODE);
  return result;
}

export function intersection(a: CodeSet, b: CodeSet): CodeSet {
  return complement(union(complement(a), complement(b)));
}

export function contains(set: CodeSet, code: number): boolean {
  let low = 0;
  let high = set.length >> 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (set[middle * 2 + 1]! < code) low = middle + 1;
    else high = middle;
  }
  return low * 2 < set.length && set[low * 2]! <= code;
}

/** The only code point of a set, or undefined when it has none or several. */
export function onlyCode(set: CodeSet): number | undefined {
  return set.length === 2 && set[0] === set[1] ? set[0] : undefined;
}

/** A set ready for testing many code points: a table for ASCII, ranges for the others. */
export class CodeSetTest {
  readonly set: CodeSet;
  readonly #ascii = new Uint8Array(128);

  constructor(set: CodeSet) {
    this.set = set;
    for (let code = 0; code < 128; code++) this.#ascii[code] = contains(set, code) ? 1 : 0;
  }

  has(code: number): boolean {
    return code < 128 ? this.#ascii[code] === 1 : contains(this.set, code);
  }
}
