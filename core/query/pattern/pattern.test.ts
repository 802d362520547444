// What a user of the module sees: messages, limits, budgets, required literals.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePattern, PatternBudget, PatternError, PatternTooExpensive } from './pattern.ts';

test('a wrong pattern is refused with reason and position', () => {
  assert.throws(() => compilePattern('(ab'), {
    name: 'PatternError',
    message: 'The pattern "(ab" is not valid: missing ), unterminated subpattern at position 0.',
    position: 0,
  });
});

test('positions count code points', () => {
  assert.throws(() => compilePattern('\u{1F600}**'), { position: 2 });
});

test('characters by name are not supported, and that is said', () => {
  assert.throws(
    () => compilePattern('\\N{EM DASH}'),
    (error) => error instanceof PatternError && /not supported/.test(error.message),
  );
});

test('the required literal is the longest text that must occur', () => {
  const literals = {
    T1: 'T1',
    '(AX|SAG|COR).*T1': 'T1',
    '(?i)flair': '',
    'ab+cde?': 'cd',
    '^(?!.*LOC).*T1': 'T1',
    'a|b': '',
    '(?=.*FETAL)(?=.*CT)': 'FETAL',
    'AB(?=CDE)C': 'CDE',
    'AB(?!CDE)C': 'ABC',
    '(?<=CHEST )CT': 'CHEST ',
  };
  for (const [source, literal] of Object.entries(literals)) {
    assert.equal(compilePattern(source).requiredLiteral, literal, source);
  }
});

test('what leads to values is found in each in which the pattern is', () => {
  const leads = {
    '(?i)flair': 'a FlAiR',
    '(?i)mprage|flair': 'x FLAIR|3D mprage',
    '(?i)^t[12] (?:sag|cor)': 'T2 COR|t1 sag',
    '(?i)(kiss|straße)': 'ki\u017fs|\u212aISS|STRAßE',
    'ab|[cd]ef+': 'ab|def|ceff',
  };
  for (const [source, values] of Object.entries(leads)) {
    const { lead, test: isFound } = compilePattern(source);
    for (const value of values.split('|')) {
      assert.ok(isFound(value), `${source}: ${value}`);
      assert.match(value, new RegExp(lead!.source), source);
    }
    assert.doesNotMatch('nothing of it', new RegExp(lead!.source), source);
  }
  // Nothing certain, too little of it, or what is known better.
  for (const source of [
    'a|.b',
    '(?i)x',
    '(?:ab)?',
    '[a-z][a-z]',
    '(?i:fl) T1',
    '\\x1f[ab]',
    '(?!ab)',
    '(?i)[\u{1F600}ab]c',
  ])
    assert.equal(compilePattern(source).lead, undefined, source);
});

test('patterns of one query share its budget', () => {
  const budget = new PatternBudget(2_000);
  const patterns = ['(a+)+b', '(a+)+c'].map((source) => compilePattern(source, { budget }));
  assert.throws(() => {
    for (let i = 0; i < 1_000; i++) for (const pattern of patterns) pattern.test(`${'a'.repeat(20)}bc`);
  }, PatternTooExpensive);
});
