// Where in a text of many values a pattern may be found: a regular expression for what stands in every value in which
// it is, such as `[mM][rR]` for `(?i)mr.*t2`. It leads to values that are then tested; the others need not be.
import type { Node } from './ast.ts';
import { type CodeSet, toRanges } from './code-set.ts';

/** A set of more characters says too little of a place. */
const MOST_CHARACTERS = 6;
const MOST_RUNS = 32;
/** A shorter run is found in too many values. */
const FEWEST_SETS = 2;

/** Runs of characters one of which stands in each value, and the length of the shortest. */
interface Runs {
  readonly runs: readonly (readonly CodeSet[])[];
  readonly length: number;
}

/**
 * An expression with the flag g that matches no control character; undefined where nothing certain is known that is
 * longer than `known`.
 */
export function leadOf(root: Node, known: number): RegExp | undefined {
  const found = runsOf(root);
  if (found === undefined || found.length < FEWEST_SETS || found.length <= known) return undefined;
  return new RegExp(found.runs.map((run) => run.map(classText).join('')).join('|'), 'g');
}

function runsOf(node: Node): Runs | undefined {
  switch (node.type) {
    case 'set':
      return isFew(node.set) ? { runs: [[node.set]], length: 1 } : undefined;
    case 'group':
    case 'atomic':
      return runsOf(node.body);
    case 'repeat':
      return node.min > 0 ? runsOf(node.body) : undefined;
    case 'alternation':
      return unionOf(node.branches.map((branch) => runsOf(branch)));
    case 'sequence':
      return bestOf(node.items);
    default:
      return undefined;
  }
}

function unionOf(branches: readonly (Runs | undefined)[]): Runs | undefined {
  const runs: (readonly CodeSet[])[] = [];
  for (const branch of branches) {
    if (branch === undefined) return undefined;
    runs.push(...branch.runs);
  }
  return runs.length > MOST_RUNS ? undefined : { runs, length: Math.min(...branches.map((branch) => branch!.length)) };
}

/** Of what stands one after the other, the longest. */
function bestOf(items: readonly Node[]): Runs | undefined {
  let best: Runs | undefined;
  const offer = (runs: Runs | undefined) => {
    if (runs !== undefined && runs.length > (best?.length ?? 0)) best = runs;
  };
  let run: CodeSet[] = [];
  for (const item of items) {
    if (item.type === 'set' && isFew(item.set)) {
      run.push(item.set);
      offer({ runs: [run], length: run.length });
    } else {
      run = [];
      offer(runsOf(item));
    }
  }
  return best;
}

/** Neither halves of surrogate pairs, nor characters that are such pairs: they are two for an expression without u. */
function isFew(set: CodeSet): boolean {
  if (set.length > 2 * MOST_CHARACTERS) return false;
  const ranges = toRanges(set);
  const count = ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  return (
    count > 0 &&
    count <= MOST_CHARACTERS &&
    ranges.every(([first, last]) => (first >= 0x20 && last < 0xd800) || (first > 0xdfff && last <= 0xffff))
  );
}

function classText(set: CodeSet): string {
  const code = (value: number) => `\\u${value.toString(16).padStart(4, '0')}`;
  return `[${toRanges(set)
    .map(([first, last]) => (first === last ? code(first) : `${code(first)}-${code(last)}`))
    .join('')}]`;
}
