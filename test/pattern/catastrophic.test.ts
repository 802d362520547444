// Patterns on which plain backtracking takes years: each answers or refuses within about a second, and an answer is
// the right one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SequenceNode } from '../../core/query/pattern/ast.ts';
import { nativeLength } from '../../core/query/pattern/native.ts';
import { parsePattern } from '../../core/query/pattern/parse.ts';
import { compilePattern, PatternError, PatternTooExpensive } from '../../core/query/pattern/pattern.ts';

/** Pattern, value, right answer. */
const CASES: readonly (readonly [string, string, boolean])[] = [
  ['(a+)+$', `${'a'.repeat(10_000)}!`, false],
  ['(a|a)*b', 'a'.repeat(5_000), false],
  ['(a*)*b', 'a'.repeat(5_000), false],
  ['(?:.*a){20}x', 'a'.repeat(10_000), false],
  ['(.*a){20}x', 'a'.repeat(2_000), false],
  ['(a|aa)+$', `${'a'.repeat(10_000)}b`, false],
  ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a'.repeat(5_000), false],
  ['(x+x+)+y', 'x'.repeat(5_000), false],
  ['.*.*.*.*b', 'a'.repeat(5_000), false],
  ['(\\w+\\s?)*[!]', 'word '.repeat(1_000), false],
  ['(?=(a+)+b)a', 'a'.repeat(5_000), false],
  ['(?!(a+)+b)(?!(?=(a*)*c))x', 'a'.repeat(5_000), false],
  ['(?=(?=(?=(a|a)*b)a*b)a*b)a', 'a'.repeat(2_000), false],
  ['(?>(a|aa)+)b', 'a'.repeat(5_000), false],
  ['(?:(?>a+)+)+b', 'a'.repeat(5_000), false],
  ['(?:a*+a)+b', 'a'.repeat(5_000), false],
  ['(a?){200}a{200}b', 'a'.repeat(1_000), false],
  ['(?i)(?:[a-z]+[0-9]*)*_', 'aB3'.repeat(1_000), false],
  ['((a*)*)*c|(b?)*d', 'ab'.repeat(2_000), false],
  ['(a+)+\\1b', 'a'.repeat(1_000), false],
  ['(a*)*\\1b', 'a'.repeat(1_000), false],
  ['(.*)(.*)(.*)\\3\\2\\1x', 'ab'.repeat(500), false],
  ['((a|b)*)\\1\\2c', 'ab'.repeat(500), false],
  ['(?:(a)|a)*(?(1)b|c)', 'a'.repeat(1_000), false],
  ['(?>(?:a*b?)*)c', 'a'.repeat(2_000), false],
  ['(a+)+$', 'a'.repeat(10_000), true],
  ['(x|xy)*z', `${'xy'.repeat(4_000)}z`, true],
  ['^(?:(?!b).)*$', 'a'.repeat(10_000), true],
];

/** Generous, so that a busy machine does not fail the test; the cases take a fraction of it. */
const LIMIT_MS = 3_000;

for (const [pattern, value, expected] of CASES) {
  test(`${pattern} on ${value.length} characters`, () => {
    const before = performance.now();
    try {
      assert.equal(compilePattern(pattern).test(value), expected);
    } catch (error) {
      if (!(error instanceof PatternTooExpensive)) throw error;
    }
    assert.ok(performance.now() - before < LIMIT_MS);
  });
}

test('what is too large is refused when it is compiled', () => {
  for (const pattern of ['a'.repeat(2_001), '('.repeat(300) + ')'.repeat(300), '((a{100}){100}){100}', '(.{30000})']) {
    assert.throws(() => compilePattern(pattern), PatternError);
  }
});

test('long ways through a pattern are native for short values only, very long ones for none', () => {
  const longest = (pattern: string) => nativeLength(parsePattern(pattern).root);
  assert.ok(longest('[ab][cd]') >= 20_000 / 1.1);
  assert.ok(longest('[ab]{400}x') < 2_500);
  assert.ok(longest('(?:[ab]{20}[cd]{20}){10}x') < 2_500);
  assert.equal(longest('[ab]{1000}[ab]{1000}x'), 0);
  // One of many branches: that others are tried in vain counts.
  const branches = Array.from({ length: 400 }, (_, at) => `${String.fromCodePoint(0x4e00 + at)}a`).join('|');
  assert.ok(longest(`(?:${branches})x`) < 2_500);
});

test('a set that a pattern has hundreds of times is made and written once', () => {
  const sets = new Set<unknown>();
  for (const item of (parsePattern('\\w'.repeat(900)).root as SequenceNode).items) {
    assert.equal(item.type, 'set');
    sets.add(item);
  }
  assert.equal(sets.size, 1);
});

test('repeating nothing is nothing', () => {
  assert.equal(compilePattern('(?:){4000000000}a').test('a'), true);
});
