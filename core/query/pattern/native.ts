// The native way: a tree written as a JavaScript RegExp, where that is proven to mean the same and its backtracking is
// bounded. Characters are written as explicit classes, so no flag of JavaScript's own changes their meaning. There are
// two forms: for values of ASCII characters (small classes), and for values of characters up to U+FFFF. Neither is in
// Unicode mode: values with characters beyond are not for it (V8 finds matches inside of surrogate pairs).

import { firstSet, isAnchored, isNullable } from './analysis.ts';
import type { Node, PositionNode } from './ast.ts';
import { classSet } from './characters.ts';
import { type CodeSet, complement, intersection } from './code-set.ts';

/** Most steps the native engine may need in the worst case for one value (some 50 us). */
const MAX_STEPS = 50_000;
/** Longest value given to the native engine, in UTF-16 units. */
const MAX_VALUE = 20_000;
/** Characters that count as one step where they are looked at one after the other: few of them are, as a rule. */
const WALKED_AT_ONCE = 16;
/** A way of more characters is not for the native engine: compiling it would take longer than what it saves. */
const MAX_WALK = 500;

/** The longest value (in UTF-16 units) for which the native form is within its bounds; 0: never use it. */
export function nativeLength(root: Node): number {
  const cost = costOf(root);
  if (cost === undefined || cost.walk > MAX_WALK) return 0;
  const ways = cost.ways * Math.max(1, cost.walk / WALKED_AT_ONCE);
  const loops = cost.loops + (isAnchored(root) ? 0 : 1);
  let length = 0;
  for (let candidate = 16; candidate <= MAX_VALUE; candidate = Math.ceil(candidate * 1.1)) {
    if (ways * combinations(candidate, loops) > MAX_STEPS) break;
    length = candidate;
  }
  return length;
}

/** In how many ways a node can match from one position: `ways` times those of `loops` endless repeats in turn. */
interface Cost {
  readonly ways: number;
  readonly loops: number;
  /** most characters and positions that are looked at in one way, each round of an endless repeat not counted */
  readonly walk: number;
}

/** Ways to place `count` ends in a text of a length, which bounds the steps of that many repeats one after another. */
function combinations(length: number, count: number): number {
  let result = 1;
  for (let i = 1; i <= Math.max(count, 1); i++) result = (result * (length + i)) / i;
  return result;
}

/** The cost of a node; undefined when it is not bounded by a small power of the length, or not the same in JavaScript. */
function costOf(node: Node): Cost | undefined {
  switch (node.type) {
    case 'set':
    case 'position':
      return { ways: 1, loops: 0, walk: 1 };
    case 'sequence':
      return product(node.items);
    case 'alternation': {
      const costs = node.branches.map(costOf);
      if (costs.includes(undefined)) return undefined;
      const known = costs as Cost[];
      const ways = known.map((cost) => cost.ways);
      const walk = Math.max(...known.map((cost) => cost.walk));
      const isOneOf = areDisjoint(node.branches);
      return {
        ways: isOneOf ? Math.max(...ways) : ways.reduce((sum, way) => sum + way, 0),
        loops: Math.max(...known.map((cost) => cost.loops)),
        // Where one branch at most can be taken, the others are tried in vain.
        walk: isOneOf ? walk + node.branches.length : walk,
      };
    }
    case 'repeat':
      return repeatCost(node.min, node.max, node.mode === 'possessive', node.body);
    case 'group':
    case 'look':
      return costOf(node.body);
    default:
      return undefined;
  }
}

function product(nodes: readonly Node[]): Cost | undefined {
  let ways = 1;
  let loops = 0;
  let walk = 0;
  for (const node of nodes) {
    const cost = costOf(node);
    if (cost === undefined) return undefined;
    ways *= cost.ways;
    loops += cost.loops;
    walk += cost.walk;
  }
  return { ways, loops, walk };
}

function repeatCost(min: number, max: number, possessive: boolean, body: Node): Cost | undefined {
  const cost = costOf(body);
  if (cost === undefined || possessive) return undefined;
  if (min === 0 && max === 1 && !isNullable(body)) return { ...cost, ways: cost.ways + 1 };
  if (cost.loops > 0 || isNullable(body)) return undefined;
  if (max === Infinity) {
    return cost.ways === 1 ? { ways: 1, loops: 1, walk: cost.walk * Math.max(min, 1) } : undefined;
  }
  const walk = cost.walk * max;
  if (cost.ways === 1) return { ways: max - min + 1 + (body.type === 'set' ? 0 : max), loops: 0, walk };
  return { ways: cost.ways ** max * (max - min + 1), loops: 0, walk };
}

/** Whether at most one of the branches can start with any given character. */
function areDisjoint(branches: readonly Node[]): boolean {
  if (branches.some(isNullable)) return false;
  let taken: CodeSet = [];
  for (const branch of branches) {
    const first = firstSet(branch);
    if (intersection(taken, first).length > 0) return false;
    taken = complement(intersection(complement(taken), complement(first)));
  }
  return true;
}

/** A RegExp that occurs where the tree does, for values of ASCII characters only or for those without surrogates. */
export function nativeRegExp(root: Node, ascii: boolean): RegExp {
  return new RegExp(write(root, ascii));
}

function write(node: Node, ascii: boolean): string {
  switch (node.type) {
    case 'set':
      return writeSet(node.set, ascii);
    case 'sequence':
      return node.items.map((item) => write(item, ascii)).join('');
    case 'alternation':
      return `(?:${node.branches.map((branch) => write(branch, ascii)).join('|')})`;
    case 'repeat': {
      const body = write(node.body, ascii);
      const max = node.max === Infinity ? '' : node.max;
      const count = node.min === node.max ? `{${node.min}}` : `{${node.min},${max}}`;
      return `${node.body.type === 'set' ? body : `(?:${body})`}${count}${node.mode === 'lazy' ? '?' : ''}`;
    }
    case 'group':
      return `(?:${write(node.body, ascii)})`;
    case 'look':
      return `(?${node.behind === undefined ? '' : '<'}${node.negated ? '!' : '='}${write(node.body, ascii)})`;
    case 'position':
      return writePosition(node, ascii);
    default:
      throw new Error(`a ${node.type} has no native form`);
  }
}

function writePosition({ at, ascii: asciiWords }: PositionNode, ascii: boolean): string {
  switch (at) {
    case 'start':
      return '^';
    case 'lineStart':
      return '(?:^|(?<=\\n))';
    case 'end':
      return '(?=\\n?$)';
    case 'lineEnd':
      return '(?=\\n|$)';
    case 'stringEnd':
      return '$';
    default:
  }
  const word = writeSet(classSet('w', asciiWords ? 'ascii' : 'unicode'), ascii);
  if (at === 'boundary') return ascii ? '\\b' : `(?:(?<=${word})(?!${word})|(?<!${word})(?=${word}))`;
  // Nowhere in an empty value, for Python.
  const not = ascii ? '\\B' : `(?:(?<=${word})(?=${word})|(?<!${word})(?!${word}))`;
  return `(?!^$)${not}`;
}

/** How a set is written, for ASCII alone and for all; a pattern has the same few sets again and again. */
const written = { ascii: new WeakMap<CodeSet, string>(), all: new WeakMap<CodeSet, string>() };

function writeSet(set: CodeSet, ascii: boolean): string {
  const known = ascii ? written.ascii : written.all;
  const text = known.get(set) ?? textOf(set, ascii);
  known.set(set, text);
  return text;
}

function textOf(set: CodeSet, ascii: boolean): string {
  const all = [0, ascii ? 0x7f : 0xffff];
  const within = intersection(set, all);
  const outside = intersection(complement(set), all);
  if (within.length === 0) return '[]';
  if (outside.length === 0) return '[^]';
  if (outside.length < within.length) return `[^${writeRanges(outside)}]`;
  const plain = within.length === 2 && within[0] === within[1] ? String.fromCodePoint(within[0]!) : '';
  return /^[A-Za-z0-9 ]$/.test(plain) ? plain : `[${writeRanges(within)}]`;
}

function writeRanges(set: CodeSet): string {
  let text = '';
  for (let i = 0; i < set.length; i += 2) {
    text += writeCode(set[i]!);
    if (set[i + 1]! > set[i]!) text += `-${writeCode(set[i + 1]!)}`;
  }
  return text;
}

function writeCode(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`;
}
