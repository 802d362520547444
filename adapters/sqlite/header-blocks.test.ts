// Headers by tag: what was added is what is read, over block borders, after removals, and for every odd value.
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import fc from 'fast-check';
import { flatHeader } from '../../core/instance/header-codec.ts';
import { BLOCK, HeaderBlockReader, HeaderBlockWriter } from './header-blocks.ts';
import { SCHEMA } from './schema.ts';

type Header = Record<string, string>;

function emptyIndex(): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  database.exec(SCHEMA);
  return database;
}

const elements = (header: Header) => Object.entries(header).map(([key, text]) => ({ key, vr: 'LO', text }));

function read(reader: HeaderBlockReader, slot: number): Header {
  return Object.fromEntries(reader.header(slot).map(({ key, text }) => [key, text]));
}

/** Missing and empty are the same. */
const kept = (header: Header) => Object.fromEntries(Object.entries(header).filter(([, text]) => text !== ''));

const text = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'x\x1fy', '\x1f', '\0bytes 12', '\0cut 9:abc', '[{"00080100":"x"}]', '"', '漢字', '\\'),
  fc.string({ unit: 'grapheme' }),
);
const header: fc.Arbitrary<Header> = fc.dictionary(
  fc.constantFrom('00100010', '00180081', '0019xx10:ACME', '00400275'),
  text,
  { noNullPrototype: true },
);

test('headers come back; freed slots do not disturb the others', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.array(fc.oneof({ weight: 3, arbitrary: header }, { weight: 1, arbitrary: fc.nat(50) }), { maxLength: 30 }),
        { maxLength: 5 },
      ),
      (rounds) => {
        const database = emptyIndex();
        const expected = new Map<number, Header>();
        for (const round of rounds) {
          const writer = new HeaderBlockWriter(database);
          for (const step of round) {
            if (typeof step === 'number') {
              const slot = [...expected.keys()][step];
              if (slot === undefined) continue;
              writer.free(slot);
              expected.delete(slot);
            } else {
              const slot = writer.add(flatHeader(elements(step)));
              assert.equal(expected.has(slot), false, 'a slot in use is never given out again');
              expected.set(slot, kept(step));
            }
          }
          writer.flush();
          const reader = new HeaderBlockReader(database);
          for (const [slot, one] of expected) assert.deepEqual(read(reader, slot), one);
          for (const key of ['00100010', '00180081', '0019xx10:ACME', '00400275']) {
            const id = reader.keyId(key);
            for (const [slot, one] of expected) {
              const column = id === undefined ? undefined : reader.column(id, Math.floor(slot / BLOCK));
              assert.equal(column === undefined ? '' : column.values[column.codes[slot % BLOCK]!], one[key] ?? '');
            }
            if (id === undefined) continue;
            const passes = (value: string) => value.includes('a') || value.includes('\x1f');
            const verdicts = new Uint8Array(reader.slots());
            reader.test(id, '', passes, verdicts);
            const denied = new Uint8Array(reader.slots()).fill(1);
            reader.testNot(id, (value) => !passes(value), denied);
            for (const [slot, one] of expected) {
              assert.equal(verdicts[slot], passes(one[key] ?? '') ? 1 : 0);
              assert.equal(denied[slot], passes(one[key] ?? '') ? 0 : 1);
            }
          }
          const { n } = database.prepare('SELECT count(*) AS n FROM header_block WHERE live <= 0').get() as {
            n: number;
          };
          assert.equal(n, 0, 'a block that nothing uses is gone');
        }
        database.close();
      },
    ),
    { numRuns: 150 },
  );
});

/** More than two blocks. */
const SERIES = 9000;

test('over the border of a block, with more than 256 values in one', () => {
  const database = emptyIndex();
  const slots: number[] = [];
  const header = (i: number) => ({
    '00100010': `name ${i % 700}`,
    '00180081': String(i % 256),
    ...(i % 5 === 0 && { '0019xx10:ACME': `p${i}` }),
  });
  for (let from = 0; from < SERIES; from += 1000) {
    const writer = new HeaderBlockWriter(database);
    for (let i = from; i < from + 1000; i++) slots.push(writer.add(flatHeader(elements(header(i)))));
    writer.flush();
  }
  assert.deepEqual(
    slots,
    Array.from({ length: SERIES }, (_, i) => i),
    'the last block is filled up first',
  );
  const reader = new HeaderBlockReader(database);
  for (const i of [0, 5, 999, 1000, BLOCK - 1, BLOCK, 2 * BLOCK - 1, 2 * BLOCK, SERIES - 1])
    assert.deepEqual(read(reader, i), header(i));
  const verdicts = new Uint8Array(reader.slots());
  reader.test(reader.keyId('00100010')!, 'name 69', (value) => value === 'name 699', verdicts);
  assert.deepEqual(
    [...verdicts.entries()].filter(([, verdict]) => verdict === 1).map(([slot]) => slot),
    Array.from({ length: Math.floor(SERIES / 700) }, (_, i) => 700 * i + 699),
  );
  const writer = new HeaderBlockWriter(database);
  for (let i = 0; i < BLOCK; i++) writer.free(i);
  writer.flush();
  assert.deepEqual(
    database
      .prepare('SELECT id FROM header_block ORDER BY id')
      .all()
      .map((row) => row['id']),
    [1, 2],
  );
  assert.deepEqual(read(new HeaderBlockReader(database), BLOCK), header(BLOCK));
  database.close();
});
