import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { JOINED_AT_ONCE } from '../../core/query/joined-values.ts';
import { compilePattern } from '../../core/query/pattern/pattern.ts';
import { KnownValues } from './known-values.ts';

/** More than two joined texts, one of them with a value that holds what separates values there. */
const VALUES = Array.from({ length: 2 * JOINED_AT_ONCE + 100 }, (_, i) =>
  i === 5000 ? 'with\x1fseparator 7' : i % 3 === 0 ? `Müller^${i}` : `SMITH^${i}`,
);
const PATTERNS = [
  'SMITH',
  '^Müller\\^1',
  '7$',
  'nowhere',
  '',
  '^$',
  '\x1f',
  '(?i)smith|müller',
  '(?i)MÜLLER\\^1|h\\^77',
  '(?i)TH.*7$',
  '^[A-Z]',
];

describe('the values of an attribute that are kept', () => {
  for (const settled of [0, 1, JOINED_AT_ONCE, 2 * JOINED_AT_ONCE, VALUES.length])
    test(`are found as if they were tested one by one, ${settled} of them settled`, () => {
      const known = new KnownValues();
      for (const [number, value] of VALUES.entries()) known.add(value, number);
      known.settle(settled - 1);
      // What is read again is there once.
      for (const [number, value] of VALUES.entries()) if (number >= settled) known.add(value, number);
      const all = ['', ...VALUES];
      for (const source of PATTERNS) {
        const pattern = compilePattern(source);
        const { values, areFound } = known.find(pattern);
        const wanted = all.filter((value) => pattern.test(value) === areFound);
        assert.deepEqual([...values].sort(), wanted.sort(), `${source} ${areFound}`);
        assert.ok(2 * values.length <= all.length, `${source}: the fewer are listed`);
      }
    });
});
