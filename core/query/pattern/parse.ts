// The parser: a pattern in Python's syntax to raw items, then to the AST. It follows the order in which CPython 3.11
// reads and checks, so that a wrong pattern is refused for the same reason at the same place. Groups and flags are
// read in parse-group.ts, escapes and sets in parse-escape.ts.

import type { ParsedPattern } from './ast.ts';
import type { SetMember } from './characters.ts';
import { invalidPattern, PatternError } from './errors.ts';
import { parseEscape, parseSet, uniqueMembers } from './parse-escape.ts';
import { parseGroup } from './parse-group.ts';
import { ParseState } from './parse-state.ts';
import type { RawItem, RawRepeat, RawSequence } from './raw.ts';
import { sameItem } from './raw.ts';
import { resolve } from './resolve.ts';
import { codeLength, isOneOf, Tokenizer } from './tokenizer.ts';

/** Longest pattern that is accepted, in code points. */
export const MAX_PATTERN_LENGTH = 2_000;

/** CPython's ceiling for the numbers in `{m,n}`. */
const MAX_REPEAT = 4_294_967_295;
const VERBOSE_SPACE = ' \t\n\r\v\f';
const DIGITS = '0123456789';

/**
 * The tree of a pattern, flags resolved. Throws PatternError when the pattern is not valid (with CPython's reason and
 * position), not supported, or longer or deeper than the limits.
 */
export function parsePattern(source: string): ParsedPattern {
  const length = codeLength(source);
  if (length > MAX_PATTERN_LENGTH) {
    throw new PatternError(
      `The pattern is too large: it has ${length} characters, the limit is ${MAX_PATTERN_LENGTH}.`,
    );
  }
  const tokens = new Tokenizer(source);
  const state = new ParseState(tokens, { alternation: parseAlternation, sequence: parseSequence });
  const raw = parseAlternation(state, false, 0);
  if (state.flags.includes('a') && state.flags.includes('u')) {
    throw invalidPattern(source, 'ASCII and UNICODE flags are incompatible');
  }
  if (tokens.next !== undefined) throw tokens.error('unbalanced parenthesis');
  for (const [group, position] of state.conditions) {
    if (group >= state.groups) throw invalidPattern(source, `invalid group reference ${group}`, position);
  }
  return { source, root: resolve(source, raw, state), groups: state.groups - 1 };
}

/** Alternatives separated by `|`, up to a `)` or the end. */
function parseAlternation(state: ParseState, verbose: boolean, nested: number): RawSequence {
  state.checkNesting(nested);
  const branches: RawSequence[] = [];
  do {
    if (nested === 0 && branches.length > 0) verbose = state.flags.includes('x');
    branches.push(parseSequence(state, verbose, nested + 1, nested === 0 && branches.length === 0));
  } while (state.tokens.match('|'));
  return branches.length === 1 ? branches[0]! : mergeBranches(branches);
}

/** CPython's simplification of alternatives: common first items are taken out, single characters become a set. */
function mergeBranches(branches: readonly RawSequence[]): RawSequence {
  const items: RawItem[] = [];
  for (;;) {
    const prefix = branches[0]!.items[0];
    if (prefix === undefined) break;
    if (!branches.every(({ items: [first] }) => first !== undefined && sameItem(first, prefix))) break;
    for (const branch of branches) branch.items.shift();
    items.push(prefix);
  }
  const members = branches.flatMap((branch): readonly (SetMember | undefined)[] => {
    const [item] = branch.items;
    if (branch.items.length !== 1) return [undefined];
    if (item!.type === 'literal' && !item!.negated) return [{ type: 'literal', code: item!.code }];
    if (item!.type === 'set' && !item!.negated) return item!.members;
    return [undefined];
  });
  const all = members.filter((member) => member !== undefined);
  if (all.length === members.length) items.push({ type: 'set', negated: false, members: uniqueMembers(all) });
  else items.push({ type: 'branch', branches });
  return { items };
}

/** Items one after another. `first`: global flags may still stand here. */
function parseSequence(state: ParseState, verbose: boolean, nested: number, first = false): RawSequence {
  const { tokens } = state;
  const items: RawItem[] = [];
  for (;;) {
    const token = tokens.next;
    if (token === undefined || token === '|' || token === ')') break;
    tokens.get();
    if (verbose && isOneOf(token, VERBOSE_SPACE)) continue;
    if (verbose && token === '#') {
      for (let skipped = tokens.get(); skipped !== undefined && skipped !== '\n'; ) skipped = tokens.get();
      continue;
    }
    if (token[0] === '\\') items.push(parseEscape(state, token));
    else if (token === '[') items.push(parseSet(tokens));
    else if (isOneOf(token, '*+?{')) parseRepeat(state, token, items);
    else if (token === '.') items.push({ type: 'any' });
    else if (token === '(') {
      const result = parseGroup(state, verbose, nested, first && items.length === 0);
      if (result === 'flags') verbose = state.flags.includes('x');
      else if (result !== 'comment') items.push(result);
    } else if (token === '^' || token === '$') items.push({ type: 'at', escape: token });
    else items.push({ type: 'literal', code: token.codePointAt(0)!, negated: false });
  }
  return { items: items.flatMap((item) => (isPlainGroup(item) ? item.body.items : [item])) };
}

/** A repeat of the last item; `token` is its first character, which has been taken. */
function parseRepeat(state: ParseState, token: string, items: RawItem[]): void {
  const { tokens } = state;
  const here = tokens.position;
  const bounds = token === '{' ? parseBounds(state, here) : SIGNS[token]!;
  if (bounds === undefined) {
    items.push({ type: 'literal', code: 0x7b, negated: false });
    return;
  }
  const item = items.at(-1);
  if (item === undefined || item.type === 'at') throw tokens.errorAt('nothing to repeat', here - 1);
  if (item.type === 'repeat') throw tokens.errorAt('multiple repeat', here - 1);
  const body = isPlainGroup(item) ? item.body : { items: [item] };
  const mode: RawRepeat['mode'] = tokens.match('?') ? 'lazy' : tokens.match('+') ? 'possessive' : 'greedy';
  items[items.length - 1] = { type: 'repeat', min: bounds[0], max: bounds[1], mode, body };
}

const SIGNS: Readonly<Record<string, readonly [number, number]>> = {
  '?': [0, 1],
  '*': [0, Infinity],
  '+': [1, Infinity],
};

/** The numbers of `{m,n}`; undefined when the brace is a literal after all. */
function parseBounds(state: ParseState, here: number): readonly [number, number] | undefined {
  const { tokens } = state;
  if (tokens.next === '}') return undefined;
  const low = tokens.getWhile(Infinity, DIGITS);
  const high = tokens.match(',') ? tokens.getWhile(Infinity, DIGITS) : low;
  if (!tokens.match('}')) {
    tokens.seek(here);
    return undefined;
  }
  const min = low === '' ? 0 : Number(low);
  const max = high === '' ? Infinity : Number(high);
  if (min >= MAX_REPEAT || (high !== '' && max >= MAX_REPEAT)) {
    throw tokens.errorAt('the repetition number is too large', here - 1);
  }
  if (max < min) throw tokens.errorAt('min repeat greater than max repeat', here);
  return [min, max];
}

/** A group that neither captures nor changes flags. */
function isPlainGroup(item: RawItem): item is Extract<RawItem, { type: 'group' }> {
  return item.type === 'group' && item.index === undefined && item.flags.on === '' && item.flags.off === '';
}
