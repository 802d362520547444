// The corpus of hand-written patterns against what CPython 3.11 said about it (oracle.generated.json): every refusal
// with its reason, every verdict, through the layered test and through each engine alone.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Engine, testWith } from '../../core/query/pattern/engines.ts';
import { parsePattern } from '../../core/query/pattern/parse.ts';
import { compilePattern, PatternBudget, PatternError, PatternTooExpensive } from '../../core/query/pattern/pattern.ts';

type Valid = readonly [pattern: string, bits: string];
type Invalid = readonly [pattern: string, bits: null, reason: string, position: number | null];

interface Oracle {
  readonly values: readonly string[];
  readonly patterns: readonly (Valid | Invalid)[];
}

const oracle = JSON.parse(readFileSync(new URL('oracle.generated.json', import.meta.url), 'utf8')) as Oracle;
const valid = oracle.patterns.filter((entry): entry is Valid => entry[1] !== null);
const invalid = oracle.patterns.filter((entry): entry is Invalid => entry[1] === null);

function disagreements(pattern: string, bits: string, search: (value: string) => boolean): string[] {
  const expected = Buffer.from(bits, 'base64');
  return oracle.values
    .filter((value, index) => search(value) !== (((expected[index >> 3]! >> (index & 7)) & 1) === 1))
    .map((value) => `${JSON.stringify(pattern)} on ${JSON.stringify(value)}`);
}

test(`the layered test agrees with CPython on ${valid.length} patterns x ${oracle.values.length} values`, () => {
  assert.deepEqual(
    valid.flatMap(([pattern, bits]) => {
      const compiled = compilePattern(pattern);
      return disagreements(pattern, bits, (value) => compiled.test(value));
    }),
    [],
  );
});

for (const engine of ['native', 'linear', 'backtrack'] satisfies Engine[]) {
  test(`the ${engine} engine alone agrees with CPython`, () => {
    const wrong: string[] = [];
    let compared = 0;
    let refused = 0;
    for (const [pattern, bits] of valid) {
      const search = testWith(engine, parsePattern(pattern));
      if (search === undefined) continue;
      compared++;
      const budget = new PatternBudget();
      try {
        wrong.push(...disagreements(pattern, bits, (value) => search(value, budget)));
      } catch (error) {
        // A pattern that belongs to the linear engine may be too much for plain backtracking.
        if (engine !== 'backtrack' || !(error instanceof PatternTooExpensive)) throw error;
        refused++;
      }
    }
    assert.deepEqual(wrong, []);
    assert.ok(compared > 200, `only ${compared} patterns`);
    assert.ok(refused <= 5, `${refused} patterns refused`);
  });
}

test(`${invalid.length} invalid patterns are refused with CPython's reason and position`, () => {
  for (const [pattern, , reason, position] of invalid) {
    assert.throws(
      () => compilePattern(pattern),
      (error: unknown) => {
        assert.ok(error instanceof PatternError, `${JSON.stringify(pattern)}: ${String(error)}`);
        assert.ok(error.message.includes(reason), `${error.message} should say: ${reason}`);
        if (position !== null) assert.equal(error.position, position, pattern);
        return true;
      },
      pattern,
    );
  }
});
