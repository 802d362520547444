/**
 * Finds the keyword of PS3.6 that a misspelt one most likely meant, for hints in error messages.
 * Exact look-up is `tagOfKeyword` in dictionary.ts; this one walks the whole dictionary (some milliseconds).
 */
import { namedEntries } from './dictionary.ts';

interface Candidate {
  readonly keyword: string;
  readonly distance: number;
  readonly retired: boolean;
  readonly prefix: number;
}

/**
 * The nearest keyword, or undefined if none is near. Case, blanks and punctuation don't count (`patient's name` finds
 * `PatientName`); up to a quarter of the letters, but no more than 4, may be missing, too many, wrong or swapped with
 * their neighbour. Among equally near ones the order is: not retired, longest common beginning, alphabet.
 */
export function nearestKeyword(word: string): string | undefined {
  const wanted = fold(word);
  const bound = Math.min(4, Math.max(1, Math.floor(wanted.length / 4)));
  if (wanted.length < 2 || wanted.length > 80) return undefined;
  let best: Candidate | undefined;
  for (const { keyword, retired } of namedEntries()) {
    const limit = best?.distance ?? bound;
    if (Math.abs(keyword.length - wanted.length) > limit) continue;
    const folded = keyword.toLowerCase();
    const distance = editDistance(wanted, folded, limit);
    if (distance > limit) continue;
    const candidate = { keyword, distance, retired, prefix: commonPrefix(wanted, folded) };
    if (!best || isBetter(candidate, best)) best = candidate;
  }
  return best?.keyword;
}

const fold = (word: string): string => word.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.distance !== b.distance) return a.distance < b.distance;
  if (a.retired !== b.retired) return b.retired;
  if (a.prefix !== b.prefix) return a.prefix > b.prefix;
  return a.keyword < b.keyword;
}

function commonPrefix(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}

/**
 * Edits (insert, delete, replace, swap neighbours: Damerau's, in its "optimal string alignment" form) from `a` to `b`;
 * `limit + 1` as soon as it is known to be more than `limit`.
 */
export function editDistance(a: string, b: string, limit: number): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    let least = row;
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let edits = Math.min(last[column - 1]! + (same ? 0 : 1), last[column]! + 1, current[column - 1]! + 1);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        edits = Math.min(edits, beforeLast[column - 2]! + 1);
      }
      current.push(edits);
      least = Math.min(least, edits);
    }
    if (least > limit) return limit + 1;
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
}
