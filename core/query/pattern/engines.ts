// The ways a pattern can be run, each behind the same function, and which of them a pattern gets. Tests use this file
// to force one way and compare it with the others.

import { firstSet, forSearch, isNullable, wholeLiteral } from './analysis.ts';
import type { Node, ParsedPattern } from './ast.ts';
import { BacktrackMatcher } from './backtrack-matcher.ts';
import { compileBacktrack } from './backtrack-program.ts';
import type { PatternBudget } from './errors.ts';
import { LinearMatcher } from './linear-matcher.ts';
import { compileLinear, isLinear } from './linear-program.ts';
import { nativeLength, nativeRegExp } from './native.ts';
import { Subject } from './subject.ts';

/** Whether a pattern occurs in a value; may throw PatternTooExpensive. */
export type Test = (value: string, budget: PatternBudget) => boolean;

export type Engine = 'native' | 'linear' | 'backtrack';

const NOT_ASCII = /[^\x00-\x7f]/;
const SURROGATE = /[\ud800-\udfff]/;
const subject = new Subject();

/**
 * The test of one engine alone, undefined when the pattern is not for it. `native` passes values with surrogates on,
 * but takes values of any length.
 */
export function testWith(engine: Engine, parsed: ParsedPattern): Test | undefined {
  const root = forSearch(parsed.root);
  if (engine === 'backtrack') return backtrackTest(parsed.root, parsed.groups);
  if (engine === 'linear') return isLinear(root) ? linearTest(root) : undefined;
  return nativeLength(root) > 0 ? nativeTest(root, linearTest(root)) : undefined;
}

/** The test a pattern gets: plain text, native for values short enough, own matcher otherwise. */
export function layeredTest(parsed: ParsedPattern): Test {
  const root = forSearch(parsed.root);
  const own = isLinear(root) ? linearTest(root) : backtrackTest(parsed.root, parsed.groups);
  const literal = wholeLiteral(root);
  if (literal !== undefined) {
    return (value, budget) => {
      budget.spend(1);
      return value.includes(literal);
    };
  }
  const longest = nativeLength(root);
  if (longest === 0) return own;
  const native = nativeTest(root, own);
  return (value, budget) => (value.length <= longest ? native(value, budget) : own(value, budget));
}

function nativeTest(root: Node, own: Test): Test {
  let ascii: RegExp | undefined;
  let other: RegExp | undefined;
  return (value, budget) => {
    budget.spend(1);
    if (NOT_ASCII.test(value)) {
      if (SURROGATE.test(value)) return own(value, budget);
      other ??= nativeRegExp(root, false);
      return other.test(value);
    }
    ascii ??= nativeRegExp(root, true);
    return ascii.test(value);
  };
}

function linearTest(root: Node): Test {
  const matcher = new LinearMatcher(compileLinear(root), isNullable(root) ? undefined : firstSet(root));
  return (value, budget) => {
    subject.set(value);
    return matcher.test(subject, budget);
  };
}

function backtrackTest(root: Node, groups: number): Test {
  const program = compileBacktrack(root, groups);
  const matcher = new BacktrackMatcher(program, isNullable(root) ? undefined : firstSet(root));
  return (value, budget) => {
    subject.set(value);
    return matcher.test(subject, budget);
  };
}
