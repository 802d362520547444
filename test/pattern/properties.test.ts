// Properties that hold for any text as a pattern and any value.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { testWith } from '../../core/query/pattern/engines.ts';
import { parsePattern } from '../../core/query/pattern/parse.ts';
import { compilePattern, PatternBudget, PatternError, PatternTooExpensive } from '../../core/query/pattern/pattern.ts';
import { RandomPatterns } from './random-patterns.ts';

const pieces = fc.constantFrom(...'ab1 .*+?|()[]{}^$\\,-:=!<>#PiLxmsu2wdsbBZ', '(?', '(?:', '(?=', '(?<', '\\1', '{2}');
const text = fc.array(pieces, { maxLength: 14 }).map((parts) => parts.join(''));
const value = fc.string({ unit: 'binary', maxLength: 30 });
const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });

test('parsing throws nothing but PatternError', () => {
  fc.assert(
    fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (source) => {
      try {
        parsePattern(source);
      } catch (error) {
        assert.ok(error instanceof PatternError, String(error));
      }
    }),
    { numRuns: 3_000 },
  );
});

test('testing throws nothing but PatternTooExpensive, and its cost is bounded', () => {
  fc.assert(
    fc.property(text, value, (source, subject) => {
      const budget = new PatternBudget();
      try {
        compilePattern(source, { budget }).test(subject);
      } catch (error) {
        assert.ok(error instanceof PatternError || error instanceof PatternTooExpensive, String(error));
      }
      assert.ok(budget.used <= 5_100_000);
    }),
    { numRuns: 2_000 },
  );
});

test('all engines that take a pattern agree', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = new RandomPatterns(seed);
      const source = random.pattern();
      const subject = random.value();
      try {
        const parsed = parsePattern(source);
        const expected = compilePattern(source).test(subject);
        for (const engine of ['native', 'linear', 'backtrack'] as const) {
          const search = testWith(engine, parsed);
          if (search !== undefined) assert.equal(search(subject, new PatternBudget()), expected, engine);
        }
      } catch (error) {
        if (!(error instanceof PatternError || error instanceof PatternTooExpensive)) throw error;
      }
    }),
    { numRuns: 2_000 },
  );
});

test('the required literal is in every matching value', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = new RandomPatterns(seed);
      const source = random.pattern();
      const subject = random.value();
      try {
        const parsed = parsePattern(source);
        const search = testWith('linear', parsed) ?? testWith('backtrack', parsed)!;
        if (search(subject, new PatternBudget())) {
          assert.ok(subject.includes(compilePattern(source).requiredLiteral));
        }
      } catch (error) {
        if (!(error instanceof PatternError || error instanceof PatternTooExpensive)) throw error;
      }
    }),
    { numRuns: 2_000 },
  );
});
