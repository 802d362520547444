// Patterns that find nothing but certain whole values, such as one UID or a list of them: `\A(?:1\.2|1\.3)\Z`. An index
// looks such values up instead of testing each value that it has.
import type { Node } from './ast.ts';
import { toRanges } from './code-set.ts';
import type { Pattern } from './pattern.ts';

/** A pattern that stands for more values than this is run as any other. */
const MOST_LITERALS = 20_000;

/** The only values in which a pattern is found, or undefined where they cannot be told one by one. */
export function wholeValues(root: Node): ReadonlySet<string> | undefined {
  if (root.type !== 'sequence') return undefined;
  const first = root.items[0];
  const last = root.items.at(-1);
  const isWhole = first?.type === 'position' && first.at === 'start' && last?.type === 'position';
  if (!isWhole || last.at !== 'stringEnd' || root.items.length < 2) return undefined;
  const texts = textsOf({ type: 'sequence', items: root.items.slice(1, -1) });
  return texts && new Set(texts);
}

function textsOf(node: Node): string[] | undefined {
  switch (node.type) {
    case 'set':
      return charactersOf(node.set);
    case 'group':
      return textsOf(node.body);
    case 'alternation':
      return unionOf(node.branches);
    case 'sequence':
      return productOf(node.items);
    default:
      return undefined;
  }
}

function charactersOf(set: readonly number[]): string[] | undefined {
  const characters: string[] = [];
  for (const [first, last] of toRanges(set)) {
    // Halves of surrogate pairs are no characters by themselves.
    if (last - first + characters.length >= MOST_LITERALS || (last >= 0xd800 && first <= 0xdfff)) return undefined;
    for (let code = first; code <= last; code++) characters.push(String.fromCodePoint(code));
  }
  return characters;
}

function unionOf(branches: readonly Node[]): string[] | undefined {
  const all: string[] = [];
  for (const branch of branches) {
    const texts = textsOf(branch);
    if (texts === undefined || all.length + texts.length > MOST_LITERALS) return undefined;
    for (const text of texts) all.push(text);
  }
  return all;
}

function productOf(items: readonly Node[]): string[] | undefined {
  let all = [''];
  for (const item of items) {
    const texts = textsOf(item);
    if (texts === undefined || all.length * texts.length > MOST_LITERALS) return undefined;
    all = texts.length === 1 ? all.map((text) => text + texts[0]!) : all.flatMap((a) => texts.map((b) => a + b));
  }
  return all;
}

/** The pattern that is found in these values and in no others; nothing has to be compiled for it. */
export function valuesPattern(values: readonly string[]): Pattern {
  const literals = new Set(values);
  const sources = Array.from(literals, (value) => value.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return {
    source: `\\A(?:${sources.join('|')})\\Z`,
    requiredLiteral: literals.size === 1 ? values[0]! : '',
    wholeValues: literals,
    test: (value) => literals.has(value),
  };
}
