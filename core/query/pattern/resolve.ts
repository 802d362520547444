// From raw items to the AST: flags are applied to each item, look-behinds are checked for a fixed width. This is
// CPython's second pass, so its errors come after all errors of the parser.

import type { Node, Position, SequenceNode } from './ast.ts';
import { EMPTY } from './ast.ts';
import type { Alphabet } from './characters.ts';
import { anySet, hasCased, ignoreCaseLiteral, ignoreCaseSet, plainSet } from './characters.ts';
import { type CodeSet, complement } from './code-set.ts';
import { invalidPattern } from './errors.ts';
import type { ParseState } from './parse-state.ts';
import type { FlagChange, Flags, RawItem, RawLiteral, RawRepeat, RawSequence, RawSet } from './raw.ts';
import { widthOf } from './raw.ts';

/** What the items of one pattern have in common. */
interface Context {
  readonly source: string;
  readonly groupWidths: ParseState['groupWidths'];
  /** the deprecated flag `t`, under which CPython refuses repeats */
  readonly template: boolean;
  /** each set once, however often the pattern has it: a class of Unicode has hundreds of ranges */
  readonly sets: Map<string, Node>;
}

/** The AST of a whole pattern. Throws PatternError for a look-behind that may have several widths. */
export function resolve(source: string, raw: RawSequence, state: ParseState): Node {
  const flags = changed(
    { ignoreCase: false, multiLine: false, dotAll: false, verbose: false, ascii: false },
    { on: state.flags, off: '' },
  );
  const context = { source, groupWidths: state.groupWidths, template: state.flags.includes('t'), sets: new Map() };
  const root = sequence(context, raw, flags);
  const guard = startGuard(context, raw, flags);
  return guard === undefined ? root : { type: 'sequence', items: [guard, root] };
}

/**
 * CPython looks for the first character of a pattern before it tries the pattern, and if that is a set inside of
 * `(?a:...)` or `(?u:...)` it takes the set's classes by the flags of the whole. So such a match must also start with a
 * character of the set as it would be outside of the group.
 */
function startGuard(context: Context, raw: RawSequence, flags: Flags): Node | undefined {
  let [item] = raw.items;
  let inner = flags;
  while (item?.type === 'group') {
    inner = changed(inner, item.flags);
    [item] = item.body.items;
  }
  if (item?.type !== 'set' || inner.ascii === flags.ascii || widthOf(raw, context.groupWidths)[0] === 0)
    return undefined;
  if (inner.ignoreCase) {
    if (item.members.some((member) => member.type === 'range' && member.last > 0xffff)) return undefined;
    const listed = plainSet(
      item.members.filter((member) => member.type !== 'class'),
      'unicode',
    );
    if (hasCased(listed, inner.ascii ? 'ascii' : 'unicode')) return undefined;
  }
  const body = setNode(plainSet(item.members, flags.ascii ? 'ascii' : 'unicode'), item.negated);
  return { type: 'look', negated: false, behind: undefined, body };
}

function changed(flags: Flags, { on, off }: FlagChange): Flags {
  const value = (letter: string, before: boolean) => (on.includes(letter) || before) && !off.includes(letter);
  return {
    ignoreCase: value('i', flags.ignoreCase),
    multiLine: value('m', flags.multiLine),
    dotAll: value('s', flags.dotAll),
    verbose: value('x', flags.verbose),
    ascii: on.includes('a') || (flags.ascii && !on.includes('u')),
  };
}

function sequence(context: Context, raw: RawSequence, flags: Flags): Node {
  const items = raw.items.map((item) => resolveItem(context, item, flags)).filter((item) => !isEmpty(item));
  if (items.length === 1) return items[0]!;
  return items.length === 0 ? EMPTY : { type: 'sequence', items };
}

function isEmpty(node: Node): node is SequenceNode {
  return node.type === 'sequence' && node.items.length === 0;
}

function resolveItem(context: Context, item: RawItem, flags: Flags): Node {
  const alphabet: Alphabet = flags.ascii ? 'ascii' : 'unicode';
  switch (item.type) {
    case 'literal':
    case 'set':
      return knownSet(context, item, flags.ignoreCase, alphabet);
    case 'any':
      return setNode(anySet(flags.dotAll), false);
    case 'at':
      return { type: 'position', at: position(item.escape, flags.multiLine), ascii: flags.ascii };
    case 'branch':
      return { type: 'alternation', branches: item.branches.map((branch) => sequence(context, branch, flags)) };
    case 'repeat':
      return repeat(context, item, flags);
    case 'group': {
      const body = sequence(context, item.body, changed(flags, item.flags));
      return item.index === undefined ? body : { type: 'group', index: item.index, body };
    }
    case 'atomic':
      return { type: 'atomic', body: sequence(context, item.body, flags) };
    case 'look': {
      const behind = item.behind ? fixedWidth(context, item.body) : undefined;
      return { type: 'look', negated: item.negated, behind, body: sequence(context, item.body, flags) };
    }
    case 'reference':
      return { type: 'backreference', group: item.group, fold: flags.ignoreCase ? alphabet : 'none' };
    case 'conditional':
      return {
        type: 'conditional',
        group: item.group,
        yes: sequence(context, item.yes, flags),
        no: item.no === undefined ? EMPTY : sequence(context, item.no, flags),
      };
  }
}

function knownSet(context: Context, item: RawLiteral | RawSet, ignoreCase: boolean, alphabet: Alphabet): Node {
  const key = JSON.stringify([item, ignoreCase, alphabet]);
  const known = context.sets.get(key) ?? setNode(setOf(item, ignoreCase, alphabet), item.negated);
  context.sets.set(key, known);
  return known;
}

function setOf(item: RawLiteral | RawSet, ignoreCase: boolean, alphabet: Alphabet): CodeSet {
  if (item.type === 'set') return ignoreCase ? ignoreCaseSet(item.members, alphabet) : plainSet(item.members, alphabet);
  return ignoreCase ? ignoreCaseLiteral(item.code, alphabet) : [item.code, item.code];
}

function setNode(set: CodeSet, negated: boolean): Node {
  return { type: 'set', set: negated ? complement(set) : set };
}

function repeat(context: Context, item: RawRepeat, flags: Flags): Node {
  if (context.template) {
    const name = { greedy: 'MAX_REPEAT', lazy: 'MIN_REPEAT', possessive: 'POSSESSIVE_REPEAT' }[item.mode];
    throw invalidPattern(context.source, `internal: unsupported template operator ${name}`);
  }
  const body = sequence(context, item.body, flags);
  // Repeating nothing is nothing, however often; CPython would count to four thousand million.
  if (isEmpty(body) || item.max === 0) return EMPTY;
  return { type: 'repeat', min: item.min, max: item.max, mode: item.mode, body };
}

function fixedWidth(context: Context, body: RawSequence): number {
  const [least, most] = widthOf(body, context.groupWidths);
  if (least > 0xffffffff) throw invalidPattern(context.source, 'looks too much behind');
  if (least !== most) throw invalidPattern(context.source, 'look-behind requires fixed-width pattern');
  return least;
}

function position(written: '^' | '$' | 'A' | 'Z' | 'b' | 'B', multiLine: boolean): Position {
  switch (written) {
    case '^':
      return multiLine ? 'lineStart' : 'start';
    case '$':
      return multiLine ? 'lineEnd' : 'end';
    case 'A':
      return 'start';
    case 'Z':
      return 'stringEnd';
    case 'b':
      return 'boundary';
    case 'B':
      return 'notBoundary';
  }
}
