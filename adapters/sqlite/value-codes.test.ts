// Codes and texts of values, few and many, with every character in them.
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import fc from 'fast-check';
import { compilePattern } from '../../core/query/pattern/pattern.ts';
import { SCHEMA } from './schema.ts';
import { ValueCodes } from './value-codes.ts';
import { codesOf } from './value-lookup.ts';
import { ValueTexts } from './value-texts.ts';

function emptyIndex(): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  database.exec(SCHEMA);
  return database;
}

test('a value has one code per attribute, and the code is the value', () => {
  const value = fc.oneof(
    fc.constantFrom('', 'a', 'A', 'a ', 'x\x1fy', '\x1f', '\x1ex', '漢字', 'é', 'e\u0301', 'a\0b'),
    fc.string({ unit: 'grapheme' }),
  );
  fc.assert(
    fc.property(fc.array(fc.array(fc.tuple(fc.nat(2), value), { maxLength: 60 }), { maxLength: 3 }), (rounds) => {
      const database = emptyIndex();
      const given = new Map<string, number>();
      for (const round of rounds) {
        // Made anew, as every publication does.
        const codes = new ValueCodes(database);
        for (const [attribute, text] of round) {
          const code = codes.code(attribute, text);
          assert.equal(code === 0, text === '');
          const key = `${attribute} ${text}`;
          assert.equal(given.get(key) ?? code, code);
          given.set(key, code);
        }
        codes.flush();
      }
      for (const attribute of [0, 1, 2]) {
        const texts = new ValueTexts(database, attribute);
        const own = [...given].filter(([key]) => key.startsWith(`${attribute} `));
        assert.equal(new Set(own.map(([, code]) => code)).size, own.length);
        // Twice: first one by one, then by the chunk.
        for (let round = 0; round < 2; round++)
          for (const [key, code] of own) assert.equal(texts.text(code), key.slice(2));
        assert.equal(texts.count, Math.max(0, ...own.map(([, code]) => code)) + 1);
      }
      database.close();
    }),
  );
});

test('more values than are fetched at once, one of them with the separator in it', () => {
  const database = emptyIndex();
  const codes = new ValueCodes(database);
  database.exec('BEGIN');
  const value = (i: number) => (i === 5000 ? 'odd\x1fone' : i === 8192 ? '\x1efirst of its chunk' : `value ${i}`);
  for (let i = 1; i <= 9000; i++) assert.equal(codes.code(3, value(i)), i);
  codes.flush();
  database.exec('COMMIT');
  const texts = new ValueTexts(database, 3);
  assert.equal(texts.count, 9001);
  for (let i = 1; i <= 9000; i++) assert.equal(texts.text(i), value(i));
  assert.equal(texts.text(0), '');
  database.close();
});

test('a pattern has the values that it has one by one, with and without a literal to look for', () => {
  const value = fc.oneof(fc.stringMatching(/^[abT1 ]{0,6}$/), fc.constantFrom('ab\x1fab', '\x1eab', 'T1\nT1', 'ab'));
  const source = fc.constantFrom(
    'ab',
    '^ab',
    'ab$',
    'T1',
    'a.b',
    '(?i)AB',
    '^$',
    '',
    'b|T',
    'ab.*ab',
    '\\x1f',
    'b\x1fa',
    '(?!)',
  );
  fc.assert(
    fc.property(fc.uniqueArray(value, { maxLength: 30 }), source, (values, source) => {
      const database = emptyIndex();
      const codes = new ValueCodes(database);
      const given = values.map((text) => codes.code(2, text));
      codes.flush();
      const pattern = compilePattern(source);
      const found = new ValueTexts(database, 2).test(pattern);
      for (const [i, text] of values.entries())
        assert.equal(found[given[i]!], pattern.test(text) ? 1 : 0, JSON.stringify([source, text]));
      assert.equal(found[0], pattern.test('') ? 1 : 0);
      database.close();
    }),
    { numRuns: 500 },
  );
});

test('of many values any is found by its code and by itself, in whatever order they are asked for', () => {
  const database = emptyIndex();
  const codes = new ValueCodes(database);
  const values = Array.from({ length: 10_000 }, (_, i) => `${(i * 7919) % 10_007} ${'x'.repeat(i % 5)}`);
  const given = values.map((value) => codes.code(3, value));
  codes.flush();
  // From one chunk few, then more than are looked for one by one; the first, the last and the neighbours of a chunk's end.
  const asked = [0, 4094, 4095, 4096, 8190, 8191, 9999, ...Array.from({ length: 30 }, (_, i) => i * 331)];
  const texts = new ValueTexts(database, 3);
  for (const i of asked) assert.equal(texts.text(given[i]!), values[i]);
  for (const i of asked) assert.deepEqual(codesOf(database, 3, [values[i]!]), [given[i]]);
  assert.deepEqual(codesOf(database, 3, ['not there', '', values[5]!]), [0, given[5]]);
  assert.deepEqual(codesOf(database, 2, [values[0]!]), []);
  assert.equal(texts.text(0), '');
  database.close();
});
