// What can be said about a tree without running it: whether it can match the empty string, with which characters a
// match can start, which literal every match contains, whether it is anchored, and a smaller tree that occurs in the
// same values.

import type { Node, RepeatNode } from './ast.ts';
import { EMPTY } from './ast.ts';
import { ALL_CODES, type CodeSet, NO_CODES, onlyCode, union } from './code-set.ts';

/** Whether the node may match without taking a character (true when in doubt). */
export function isNullable(node: Node): boolean {
  switch (node.type) {
    case 'set':
      return false;
    case 'sequence':
      return node.items.every(isNullable);
    case 'alternation':
      return node.branches.some(isNullable);
    case 'repeat':
      return node.min === 0 || isNullable(node.body);
    case 'group':
    case 'atomic':
      return isNullable(node.body);
    case 'conditional':
      return isNullable(node.yes) || isNullable(node.no);
    case 'look':
    case 'position':
    case 'backreference':
      return true;
  }
}

/** The characters that a match which takes any can start with (a superset). */
export function firstSet(node: Node): CodeSet {
  switch (node.type) {
    case 'set':
      return node.set;
    case 'sequence': {
      const parts: CodeSet[] = [];
      for (const item of node.items) {
        parts.push(firstSet(item));
        if (!isNullable(item)) break;
      }
      return union(...parts);
    }
    case 'alternation':
      return union(...node.branches.map(firstSet));
    case 'repeat':
    case 'group':
    case 'atomic':
      return firstSet(node.body);
    case 'conditional':
      return union(firstSet(node.yes), firstSet(node.no));
    case 'look':
    case 'position':
      return NO_CODES;
    case 'backreference':
      return ALL_CODES;
  }
}

/** Whether every match starts at the start of the value. */
export function isAnchored(node: Node): boolean {
  switch (node.type) {
    case 'position':
      return node.at === 'start';
    case 'sequence':
      return node.items.length > 0 && isAnchored(node.items[0]!);
    case 'alternation':
      return node.branches.every(isAnchored);
    case 'group':
    case 'atomic':
      return isAnchored(node.body);
    default:
      return false;
  }
}

/** Whether any node of the tree has one of the given types. */
export function hasType(node: Node, ...types: Node['type'][]): boolean {
  if (types.includes(node.type)) return true;
  switch (node.type) {
    case 'sequence':
      return node.items.some((item) => hasType(item, ...types));
    case 'alternation':
      return node.branches.some((branch) => hasType(branch, ...types));
    case 'repeat':
    case 'group':
    case 'atomic':
    case 'look':
      return hasType(node.body, ...types);
    case 'conditional':
      return hasType(node.yes, ...types) || hasType(node.no, ...types);
    default:
      return false;
  }
}

/** The longest text that every value with a match contains as it stands, or ''. */
export function requiredLiteral(node: Node): string {
  const runs: string[] = [''];
  collectLiterals(node, runs);
  return runs.reduce((longest, run) => (run.length > longest.length ? run : longest), '');
}

/** Adds to the last run what certainly follows it, and starts new runs where that is not known. */
function collectLiterals(node: Node, runs: string[]): void {
  switch (node.type) {
    case 'set': {
      const code = onlyCode(node.set);
      // Half of a surrogate pair would be found inside of a whole one, or not at all.
      if (code === undefined || (code >= 0xd800 && code <= 0xdfff)) runs.push('');
      else runs[runs.length - 1] += String.fromCodePoint(code);
      return;
    }
    case 'sequence':
      for (const item of node.items) collectLiterals(item, runs);
      return;
    case 'group':
    case 'atomic':
      collectLiterals(node.body, runs);
      return;
    case 'repeat':
      if (node.min > 0) {
        if (node.min > 1 || node.max > 1) runs.push('');
        collectLiterals(node.body, runs);
      }
      if (node.min !== 1 || node.max !== 1) runs.push('');
      return;
    case 'position':
      return;
    case 'look':
      // What it looks at stands in the value, but not between what is in front of it and what follows.
      if (!node.negated) {
        const seen = [''];
        collectLiterals(node.body, seen);
        runs.unshift(...seen);
      }
      return;
    default:
      runs.push('');
  }
}

/** The text of a pattern that is nothing but that text, otherwise undefined. */
export function wholeLiteral(node: Node): string | undefined {
  const items = node.type === 'sequence' ? node.items : [node];
  const literal = requiredLiteral(node);
  const plain = items.every((item) => item.type === 'set' && onlyCode(item.set) !== undefined);
  return plain && literal !== '' && Array.from(literal).length === items.length ? literal : undefined;
}

/**
 * A tree that occurs in exactly the same values, without what a search does not need: `.*` at either end, and groups
 * when nothing refers to them.
 */
export function forSearch(root: Node): Node {
  if (hasType(root, 'backreference', 'conditional')) return root;
  const items = [...itemsOf(withoutGroups(root))];
  while (items.length > 0 && isSetRepeat(items[0]!) && items[0]!.mode !== 'possessive') {
    const { min, body } = items.shift() as RepeatNode;
    if (min > 0) {
      items.unshift(...copies(body, min));
      break;
    }
  }
  for (;;) {
    const last = items.at(-1);
    if (last === undefined || !isSetRepeat(last)) break;
    items.pop();
    if (last.min > 0) {
      items.push(...copies(last.body, last.min));
      break;
    }
  }
  return sequenceOf(items);
}

function copies(body: Node, count: number): Node[] {
  if (count === 1) return [body];
  return [{ type: 'repeat', min: count, max: count, mode: 'greedy', body }];
}

function isSetRepeat(node: Node): node is RepeatNode {
  return node.type === 'repeat' && node.body.type === 'set' && (node.min === 0 || node.min !== node.max);
}

function itemsOf(node: Node): readonly Node[] {
  return node.type === 'sequence' ? node.items : [node];
}

function sequenceOf(items: readonly Node[]): Node {
  if (items.length === 1) return items[0]!;
  return items.length === 0 ? EMPTY : { type: 'sequence', items };
}

function withoutGroups(node: Node): Node {
  switch (node.type) {
    case 'group':
      return withoutGroups(node.body);
    case 'sequence':
      return sequenceOf(node.items.flatMap((item) => itemsOf(withoutGroups(item))));
    case 'alternation':
      return { ...node, branches: node.branches.map(withoutGroups) };
    case 'repeat':
    case 'atomic':
    case 'look':
      return { ...node, body: withoutGroups(node.body) };
    default:
      return node;
  }
}
