import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import type { FlatHeader } from '../../core/instance/header-codec.ts';
import { indexedValues } from '../../core/query/series-row.ts';
import { Random } from '../../test/random.ts';
import { fullHeader, headerFields, type OwnTexts } from './header-fields.ts';

const UID = '1.2.3';

/** What a document's own fields hold of a header. */
function ownTexts(flat: FlatHeader): OwnTexts {
  const values = indexedValues(flat).map((value) => value.toWellFormed());
  const attributes = Object.fromEntries(INDEXED_ATTRIBUTES.map((attribute, i) => [attribute, values[i]!]));
  return { ...attributes, SeriesInstanceUID: UID } as OwnTexts;
}

/** The header as it comes back from a document. */
function andBack(flat: FlatHeader): string[][] {
  const own = ownTexts(flat);
  const fields = Object.entries({ ...own, ...headerFields(flat, own) }).filter(([, value]) => value !== undefined);
  return elements(fullHeader(Object.fromEntries(fields.map(([field, value]) => [field, [value!].flat()]))));
}

function elements(flat: FlatHeader): string[][] {
  return Array.from({ length: flat.length / 3 }, (_, i) => [...flat.slice(i * 3, i * 3 + 3)]);
}

function byKey(flat: FlatHeader): string[][] {
  return elements(flat).sort(([a], [b]) => (a! < b! ? -1 : a! > b! ? 1 : 0));
}

test('each element of a header is kept once, where it is searched', () => {
  const flat = [
    ...['00080060', 'CS', 'MR', '0020000E', 'UI', UID, '00180020', 'CS', 'SE', '00204000', 'LT', 'x'.repeat(40_000)],
    ...['00081030', 'LO', '', '00190010', 'LO', 'A=B', '0019xx01A=B', 'DS', '1'],
  ];
  const { header, longKeys, headerRest } = headerFields(flat, ownTexts(flat));
  assert.deepEqual(header, ['00180020=CS SE', '00190010=LO A=B']);
  assert.deepEqual(longKeys, ['00204000', '0019xx01A=B']);
  assert.notEqual(headerRest, undefined);
  assert.deepEqual(andBack(flat), byKey(flat));
  assert.equal(headerFields(['00180020', 'CS', 'SE'], ownTexts([])).headerRest, undefined);
});

test('every header comes back whole', () => {
  const random = new Random(1);
  const keys = ['00080060', '00100010', '0020000E', '0020000D', '00180020', '00204000', '0019xx01=', '0019xx01 A.*'];
  const texts = ['', 'MR', UID, 'a b', '\0notes', 'é€', 'x'.repeat(40_000), '[{"00080060":"CT"}]', ' ', '='];
  for (let n = 0; n < 2_000; n++) {
    const flat: string[] = [];
    for (let i = random.below(13); i > 0; i--)
      flat.push(random.pick(keys), random.pick(['CS', 'UI', 'PN', 'SQ', '?']), random.pick(texts));
    // A header says which series it is of.
    if (!flat.includes('0020000E')) flat.push('0020000E', 'UI', UID);
    const expected = byKey(flat);
    const found = andBack(flat);
    // Of elements with the same key only the order among themselves may differ, but for the one that speaks.
    assert.deepEqual(found.map((one) => one.join()).sort(), expected.map((one) => one.join()).sort());
    for (const key of keys) {
      const speaker = (all: string[][]) => all.findLast((one) => one[0] === key && one[2] !== '');
      assert.deepEqual(speaker(found), speaker(expected));
    }
  }
});
