// Which patterns stand for certain whole values, and that these are right.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { valuesPattern } from './literals.ts';
import { compilePattern } from './pattern.ts';

const valuesOf = (source: string) => compilePattern(source).wholeValues;

test('a pattern that stands for certain values says which', () => {
  const these: readonly (readonly [source: string, values: readonly string[]])[] = [
    ['\\A1\\.2\\Z', ['1.2']],
    ['^(?:1\\.2|1\\.3)\\Z', ['1.2', '1.3']],
    ['\\A(1\\.2\\.3|1\\.2\\.4|2)\\Z', ['1.2.3', '1.2.4', '2']],
    ['\\A(?:|x)\\Z', ['', 'x']],
    ['\\A[ab]c\\Z', ['ac', 'bc']],
    ['(?i)\\Aé\\Z', ['É', 'é']],
    ['\\A\\Z', ['']],
  ];
  for (const [source, values] of these) assert.deepEqual([...valuesOf(source)!].sort(), [...values].sort(), source);
});

test('one that may be found in other values says nothing', () => {
  const those = [
    '1',
    '\\A1',
    '1\\Z',
    '^1$',
    '(?m)^1\\Z',
    '\\A1*\\Z',
    '\\A.\\Z',
    '\\A(?=1)1\\Z',
    '\\A(1)\\1\\Z',
    '\\A1\\Z|2',
  ];
  for (const source of those) assert.equal(valuesOf(source), undefined, source);
});

test('a pattern of values is found in them alone, as it is and read again', () => {
  const text = fc.oneof(
    fc.constantFrom('', '1.2', '1.2.3', 'a|b', '(x)', '[y]', '\\', 'a\\b', '^$', 'é', '漢 字', '\n'),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 8 }), text, (values, other) => {
      const pattern = valuesPattern(values);
      const again = compilePattern(pattern.source);
      assert.deepEqual(again.wholeValues, new Set(values));
      for (const value of [...values, other, `${other}\n`]) {
        assert.equal(pattern.test(value), values.includes(value));
        assert.equal(again.test(value), values.includes(value));
      }
    }),
  );
});
