// Nesting as PS3.5 section 7.5 has it, and as it is found: delimiters missing or too many, lengths that are wrong.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, test } from 'node:test';
import {
  BIG,
  delimiter,
  dicomFile,
  EXPLICIT,
  element,
  encode,
  IMPLICIT,
  instance,
  type Part,
  raw,
  SERIES,
  type SequenceOptions,
  SOP_INSTANCE,
  sequence,
} from '../../test/reader/dicom-bytes.ts';
import { asObject, type Reading, readBytes } from '../../test/reader/scripted-source.ts';
import { EXPLICIT_LITTLE, IMPLICIT_LITTLE } from './element-table.ts';

const read = (dataSet: readonly Part[], syntax = EXPLICIT): Reading => readBytes(dicomFile({ syntax, dataSet }));
const SYNTAXES = [IMPLICIT, EXPLICIT, BIG];
const A = element(0x00080100, 'SH', 'A');
const LAST = element(0x00400001, 'AE', 'LAST');
/** In front of SeriesInstanceUID, so that identity depends on stepping over it. */
const EARLY = 0x00081115;
const LENGTHS: SequenceOptions[] = [true, false].flatMap((undefinedLength) =>
  [true, false].map((undefinedItems) => ({ undefinedLength, undefinedItems })),
);

describe('nesting (section 7.5)', () => {
  test('defined and undefined lengths mixed, three levels deep', () => {
    for (const syntax of SYNTAXES) {
      for (const outer of LENGTHS) {
        for (const inner of LENGTHS) {
          for (const innermost of LENGTHS) {
            const third = sequence(0x00081199, [[A], [A]], innermost);
            const second = sequence(0x00082218, [[third, A], []], inner);
            const { issues, ...reading } = read(instance(sequence(EARLY, [[second], [A]], outer), LAST), syntax);
            assert.deepEqual(issues, []);
            const header = asObject({ issues, ...reading });
            const expectedThird = [{ '00080100': 'A' }, { '00080100': 'A' }];
            // The keys of an item stand as in the file.
            assert.deepEqual(header['00081115'], [
              { '00082218': [{ '00081199': expectedThird, '00080100': 'A' }, {}] },
              { '00080100': 'A' },
            ]);
            assert.equal(header['00400001'], 'LAST');
          }
        }
      }
    }
  });

  test('UN of undefined and of defined length holds implicit items (section 6.2.2)', () => {
    for (const syntax of [EXPLICIT, BIG]) {
      for (const lengths of LENGTHS) {
        const inner = sequence(0x00081199, [[A]], lengths);
        const unknown = sequence(0x00290020, [[inner], [A]], { ...lengths, vr: 'UN' });
        const reading = read(instance(unknown, LAST), syntax);
        assert.deepEqual(reading.issues, []);
        assert.deepEqual(asObject(reading)['00290020'], [{ '00081199': [{ '00080100': 'A' }] }, { '00080100': 'A' }]);
        assert.equal(reading.elements!.find(({ key }) => key === '00290020')!.vr, 'SQ');
        assert.equal(asObject(reading)['00400001'], 'LAST');
      }
    }
  });

  test('UN with explicit items, SQ with implicit items: as converters write them', () => {
    const explicitItems = sequence(EARLY, [[A]], { undefinedLength: true, undefinedItems: true })(EXPLICIT_LITTLE);
    explicitItems.write('UN', 4);
    const implicitItems = Buffer.concat([
      sequence(0x00081199, [], { length: 0xffffffff })(EXPLICIT_LITTLE),
      sequence(0, [[A]], { undefinedLength: true, undefinedItems: true })(IMPLICIT_LITTLE).subarray(8),
    ]);
    const reading = read(instance(raw(explicitItems), raw(implicitItems), LAST));
    assert.equal(reading.outcome, 'instance');
    assert.deepEqual(asObject(reading)['00081115'], [{ '00080100': 'A' }]);
    assert.deepEqual(asObject(reading)['00081199'], [{ '00080100': 'A' }]);
  });

  test('a character set holds for its data set and the items in it (section 7.5.3)', () => {
    const name = (bytes: Uint8Array): Part => element(0x00100010, 'PN', bytes);
    const greek = Buffer.of(0xc4, 0xe9);
    const header = asObject(
      read(
        instance(
          element(0x00080005, 'CS', 'ISO_IR 126'),
          name(greek),
          sequence(0x00400275, [
            [
              element(0x00080005, 'CS', 'ISO_IR 144'),
              name(Buffer.of(0xc4, 0xe9)),
              sequence(0x00400008, [[name(greek)]]),
            ],
            [name(greek)],
          ]),
        ),
      ),
    );
    assert.equal(header['00100010'], 'Δι');
    assert.deepEqual(header['00400275'], [
      { '00080005': 'ISO_IR 144', '00100010': 'Фщ', '00400008': [{ '00100010': 'Фщ' }] },
      { '00100010': 'Δι' },
    ]);
  });

  test('encapsulated pixel data in an item, and elsewhere in fragments, are bulk', () => {
    const fragments = sequence(0x7fe00010, [[raw(Buffer.alloc(90))]], { vr: 'OB', undefinedLength: true });
    const privateFragments = sequence(0x00291010, [[raw(Buffer.alloc(90))]], { vr: 'OB', undefinedLength: true });
    const reading = read(instance(sequence(0x00880200, [[fragments, A]]), privateFragments, LAST));
    assert.deepEqual(reading.issues, []);
    assert.match(asObject(reading)['00291010'] as string, /^\0bytes \d+$/);
    assert.equal(asObject(reading)['00400001'], 'LAST');
  });
});

describe('wrong nesting', () => {
  const marked = (reading: Reading): Record<string, unknown> => {
    assert.equal(reading.outcome, 'instance');
    assert.ok(reading.issues.includes('MalformedSequence'), `${reading.issues}`);
    assert.equal(reading.SeriesInstanceUID, SERIES);
    return asObject(reading);
  };

  test('delimiters without a sequence', () => {
    for (const syntax of SYNTAXES) {
      for (const tag of [0xfffee00d, 0xfffee0dd, 0xfffee000]) {
        const stray: Part = (encoding) => delimiter(tag, encoding);
        const header = marked(read([...instance().slice(0, 2), stray, stray, ...instance().slice(2), LAST], syntax));
        assert.equal(header['00400001'], 'LAST');
      }
    }
  });

  test('an item without a sequence keeps its elements to itself', () => {
    for (const undefinedItems of [true, false]) {
      const other = element(0x0020000e, 'UI', '9.9.9');
      const item = raw(sequence(0, [[other, A]], { undefinedItems })(EXPLICIT_LITTLE).subarray(12));
      assert.ok(!('00080100' in marked(read([...instance().slice(0, 2), item, ...instance().slice(2)]))));
    }
  });

  test('an item delimiter that is missing', () => {
    for (const syntax of SYNTAXES) {
      const options = { undefinedLength: true, undefinedItems: true, without: 'item-delimiter' } as const;
      const header = marked(read(instance(sequence(EARLY, [[A], [A]], options), LAST), syntax));
      assert.deepEqual(header['00081115'], [{ '00080100': 'A' }, { '00080100': 'A' }]);
      assert.equal(header['00400001'], 'LAST');
    }
  });

  test('a sequence delimiter that is missing: what is in front of it is identity', () => {
    const options = { undefinedLength: true, undefinedItems: true, without: 'sequence-delimiter' } as const;
    marked(read(instance(sequence(0x00400100, [[A]], options), LAST)));
    marked(
      read(
        instance(
          sequence(0x00400100, [[A]], options),
          sequence(0x00400260, [[A]], { undefinedLength: true, undefinedItems: true }),
        ),
      ),
    );
  });

  test('a sequence delimiter that is missing: an element that may follow stands in its place', () => {
    const options = { undefinedLength: true, without: 'sequence-delimiter' } as const;
    for (const undefinedItems of [true, false])
      for (const syntax of SYNTAXES) {
        const later = sequence(0x00400260, [[A]], { undefinedLength: true });
        const header = marked(
          read(instance(sequence(EARLY, [[A]], { ...options, undefinedItems }), later, LAST), syntax),
        );
        assert.deepEqual(header['00081115'], [{ '00080100': 'A' }]);
        assert.deepEqual(header['00400260'], [{ '00080100': 'A' }]);
        assert.equal(header['00400001'], 'LAST');
      }
  });

  test('an item delimiter at the end of an item of defined length', () => {
    const item = [A, raw(delimiter(0xfffee00d, EXPLICIT_LITTLE))];
    const header = marked(read(instance(sequence(EARLY, [item, item]), LAST)));
    assert.deepEqual(header['00081115'], [{ '00080100': 'A' }, { '00080100': 'A' }]);
  });

  test('a sequence whose length takes in what follows it', () => {
    for (const syntax of SYNTAXES) {
      for (const length of [60, 1000, 0x7fffffff]) {
        const header = marked(read(instance(sequence(EARLY, [[A]], { length }), LAST), syntax));
        assert.deepEqual(header['00081115'], [{ '00080100': 'A' }]);
        assert.equal(header['00400001'], 'LAST');
      }
    }
  });

  test('a sequence whose length leaves out its last items', () => {
    const whole = sequence(EARLY, [[A], [element(0x0020000e, 'UI', '9.9.9')]], { length: 18 });
    assert.equal(marked(read(instance(whole, LAST)))['00400001'], 'LAST');
  });

  test('an element that is longer than its item', () => {
    const header = marked(read(instance(sequence(EARLY, [[element(0x00080100, 'SH', 'AB', { length: 500 })]]), LAST)));
    assert.deepEqual(header['00081115'], [{ '00080100': 'AB' }]);
    assert.equal(header['00400001'], 'LAST');
  });

  test('a sequence without items, but with bytes', () => {
    assert.equal(marked(read(instance(element(EARLY, 'SQ', 'no items here'), LAST)))['00400001'], 'LAST');
  });

  test('sequences made to be walked over and over end soon', () => {
    // Each opens and never closes, and hides a delimiter in a value so that the search goes on right behind it.
    const hidden = element(0x00080100, 'LT', delimiter(0xfffee0dd, EXPLICIT_LITTLE));
    const open = sequence(EARLY, [[hidden]], {
      undefinedLength: true,
      undefinedItems: true,
      without: 'item-delimiter',
    });
    const block = encode([open], EXPLICIT_LITTLE);
    const bytes = Buffer.concat(new Array<Buffer>(30_000).fill(block.subarray(0, block.length - 8)));
    const start = performance.now();
    const { SOPInstanceUID } = readBytes(dicomFile({ dataSet: [...instance().slice(0, 2), raw(bytes)] }));
    assert.ok(performance.now() - start < 3000);
    assert.equal(SOPInstanceUID, SOP_INSTANCE);
  });

  test('nesting without end', () => {
    let nested: Part = A;
    for (let i = 0; i < 200; i++)
      nested = sequence(0x00081199, [[nested]], { undefinedLength: true, undefinedItems: true });
    const { outcome, issues } = read(instance(nested, LAST));
    assert.equal(outcome, 'instance');
    assert.ok(issues.includes('MalformedSequence') || issues.includes('HeaderCut'));
    let deep: Part = A;
    for (let i = 0; i < 30; i++) deep = sequence(0x00081199, [[deep]]);
    assert.deepEqual(read(instance(deep, LAST)).issues, ['HeaderCut']);
  });
});
