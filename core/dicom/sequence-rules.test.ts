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
  encodingOf,
  IMPLICIT,
  instance,
  type Part,
  raw,
  SERIES,
  type SequenceOptions,
  SOP_INSTANCE,
  sequence,
  u32,
} from '../../test/reader/dicom-bytes.ts';
import { asObject, type Reading, readBytes } from '../../test/reader/scripted-source.ts';
import { EXPLICIT_LITTLE, IMPLICIT_LITTLE } from './element-table.ts';

const read = (dataSet: readonly Part[], syntax = EXPLICIT): Reading => readBytes(dicomFile({ syntax, dataSet }));
const SYNTAXES = [IMPLICIT, EXPLICIT, BIG];
const A = element(0x00080100, 'SH', 'A');
const LAST = element(0x00400001, 'AE', 'LAST');
/** A patient and a study, which an item that refers to a series has not. */
const WHOSE = [element(0x00100020, 'LO', 'P'), element(0x0020000d, 'UI', '1.2.6')];
const PIXELS = element(0x7fe00010, 'OW', Buffer.alloc(800_000, 1));
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
          read(instance(sequence(EARLY, [[A]], { ...options, undefinedItems }), ...WHOSE, later, LAST), syntax),
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

  test('a file that is cut off in a nested sequence: each value stays in the item in which it stands', () => {
    const options = { undefinedLength: true, undefinedItems: true };
    const code = sequence(0x0040a043, [[element(0x00080104, 'LO', 'Finding')]], options);
    const inner = (text: string): Part[] => [code, element(0x0040a160, 'UT', text)];
    const outer = [element(0x0040a040, 'CS', 'CONTAINER'), sequence(0x0040a730, [inner('one'), inner('two')], options)];
    for (const syntax of SYNTAXES) {
      const file = dicomFile({ syntax, dataSet: instance(sequence(0x0040a730, [outer, outer], options)) });
      const end = file.lastIndexOf('two') + 4;
      for (let cut = file.indexOf('one') + 4; cut < end; cut++) {
        const header = asObject(readBytes(file.subarray(0, cut)));
        const items = header['0040A730'] as Record<string, unknown>[];
        for (const item of items) assert.equal(item['0040A160'], undefined, `${syntax} ${cut}`);
        assert.ok(items.length <= 2, `${syntax} ${cut}`);
        const [first] = items[0]!['0040A730'] as Record<string, unknown>[];
        assert.equal(first!['0040A160'], 'one', `${syntax} ${cut}`);
      }
    }
  });

  test('nesting without end', () => {
    let nested: Part = A;
    for (let i = 0; i < 200; i++)
      nested = sequence(0x00081199, [[nested]], { undefinedLength: true, undefinedItems: true });
    const { outcome, issues } = read(instance(nested, ...WHOSE, LAST));
    assert.equal(outcome, 'instance');
    assert.ok(issues.includes('MalformedSequence') || issues.includes('HeaderCut'));
    let deep: Part = A;
    for (let i = 0; i < 30; i++) deep = sequence(0x00081199, [[deep]]);
    assert.deepEqual(read(instance(deep, LAST)).issues, ['HeaderCut']);
  });
});

describe('what stands in an item is never taken for the file’s own', () => {
  const OTHER = '9.9.9';
  /** As an item of ReferencedSeriesSequence: a sequence, and a SeriesInstanceUID behind it. */
  const referred = [
    A,
    sequence(0x00081199, [[element(0x00081155, 'UI', '7.7.7')]], { undefinedLength: true, undefinedItems: true }),
    element(0x0020000e, 'UI', OTHER),
  ];
  const referring = sequence(EARLY, [referred], { undefinedLength: true, undefinedItems: true });

  test('wherever the file is cut off, or filled up with zeros', () => {
    const whole = dicomFile({ dataSet: instance(referring, ...WHOSE, LAST) });
    for (let cut = 140; cut < whole.length; cut++)
      for (const zeros of [0, 600]) {
        const { SeriesInstanceUID } = readBytes(Buffer.concat([whole.subarray(0, cut), Buffer.alloc(zeros)]));
        assert.ok(['', SERIES].includes(SeriesInstanceUID), `${cut} ${zeros}: ${SeriesInstanceUID}`);
      }
  });

  test('where the length of an item is wrong', () => {
    for (const syntax of SYNTAXES)
      for (const by of [-4, 6, 10, 100_000])
        for (const behind of [[LAST], [PIXELS]]) {
          const item = encode(referred, encodingOf(syntax));
          const start = Buffer.concat([
            delimiter(0xfffee000, encodingOf(syntax)).subarray(0, 4),
            u32(item.length + by, encodingOf(syntax)),
          ]);
          const wrong = Buffer.concat([start, item]);
          const bytes = Buffer.concat([wrong, delimiter(0xfffee0dd, encodingOf(syntax))]);
          const broken = element(EARLY, 'SQ', bytes, { length: 0xffffffff, odd: true });
          const { SeriesInstanceUID, issues } = read(instance(broken, ...WHOSE, ...behind), syntax);
          assert.equal(SeriesInstanceUID, SERIES, `${syntax} ${by}`);
          assert.ok(issues.includes('MalformedSequence'));
        }
  });

  test('whatever the length of the sequence or of its item says', () => {
    let proven = 0;
    for (const syntax of SYNTAXES)
      for (const undefinedItems of [true, false]) {
        const options = { undefinedItems };
        const right = encode([sequence(EARLY, [referred], options)], encodingOf(syntax));
        const whole = right.length - (syntax === IMPLICIT ? 8 : 12);
        for (let length = 0; length <= whole + 60; length += 2)
          for (const behind of [[], [PIXELS]]) {
            const broken = sequence(EARLY, [referred], { ...options, length });
            const { SeriesInstanceUID } = read(instance(broken, ...WHOSE, ...behind), syntax);
            assert.ok(['', SERIES].includes(SeriesInstanceUID), `${syntax} ${length}: ${SeriesInstanceUID}`);
            if (SeriesInstanceUID === SERIES) proven++;
          }
      }
    assert.ok(proven > 800, `${proven} were read to their end`);
  });

  test('where a byte is missing, or there is one too many', () => {
    const file = dicomFile({ dataSet: instance(referring, ...WHOSE, PIXELS) });
    const start = file.indexOf(Buffer.from([0x08, 0, 0x15, 0x11]));
    for (let at = start; at < start + 150; at++)
      for (const changed of [
        Buffer.concat([file.subarray(0, at), file.subarray(at + 1)]),
        Buffer.concat([file.subarray(0, at), Buffer.of(0), file.subarray(at)]),
      ]) {
        const { SeriesInstanceUID } = readBytes(changed);
        assert.ok(!SeriesInstanceUID.startsWith(OTHER), `${at}: ${SeriesInstanceUID}`);
      }
  });

  test('explicit items in UN and in an implicit data set, however large the file is', () => {
    for (const undefinedItems of [true, false]) {
      const items = [true, false].map((undefinedLength) => {
        const bytes = encode([sequence(EARLY, [referred], { undefinedLength, undefinedItems })], EXPLICIT_LITTLE);
        return bytes.subarray(12);
      });
      for (const [syntax, value] of [
        [EXPLICIT, items[0]!],
        [IMPLICIT, items[0]!],
        [IMPLICIT, items[1]!],
      ] as const) {
        const length = value === items[0] ? 0xffffffff : value.length;
        for (const behind of [[], [PIXELS]]) {
          const broken = element(EARLY, 'UN', value, { length, odd: true });
          const { SeriesInstanceUID, issues } = read(instance(broken, ...WHOSE, ...behind), syntax);
          assert.deepEqual([SeriesInstanceUID, issues], [SERIES, []]);
        }
      }
    }
  });
});

describe('a sequence whose length is wrong', () => {
  for (const syntax of SYNTAXES)
    for (const by of [-20, -16, -8, -6, -2, 6, 8, 14])
      test(`by ${by}, ${syntax}: its items say where it ends`, () => {
        const item = [A, element(0x00080104, 'LO', 'Mean')];
        const right = encode([sequence(0x00081032, [item, item])], encodingOf(syntax));
        const length = right.length - (syntax === IMPLICIT ? 8 : 12) + by;
        const header = asObject(read(instance(sequence(0x00081032, [item, item], { length }), LAST), syntax));
        assert.equal(header['00400001'], 'LAST');
        assert.deepEqual(header['00081032'], [
          { '00080100': 'A', '00080104': 'Mean' },
          { '00080100': 'A', '00080104': 'Mean' },
        ]);
      });
});

describe('UIDs that say who the file is', () => {
  test('cut off they are none', () => {
    const series = '1.2.3.10.12';
    const file = dicomFile({
      dataSet: [
        element(0x00080016, 'UI', '1.2'),
        element(0x00080018, 'UI', SOP_INSTANCE),
        element(0x0020000e, 'UI', series),
      ],
    });
    for (let cut = 1; cut < 14; cut++)
      assert.equal(readBytes(file.subarray(0, file.length - cut)).outcome, 'no-identity');
    assert.equal(readBytes(file).SeriesInstanceUID, series);
  });

  test('with several NULs behind them, wherever they stand', () => {
    const padded = (tag: number, uid: string) => element(tag, 'UI', `${uid}\0\0`);
    const series = [...instance().slice(0, 2), padded(0x0020000e, '1.2.905')];
    assert.equal(read(series).SeriesInstanceUID, '1.2.905');
    assert.equal(read([...series, PIXELS]).SeriesInstanceUID, '1.2.905');
    // As the last element of the file meta, which the data set follows.
    const meta = encode([padded(0x00020010, '1.2.840.10008.1.2.4.50')], EXPLICIT_LITTLE);
    const file = Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), meta, encode(series, EXPLICIT_LITTLE)]);
    assert.equal(readBytes(file).TransferSyntaxUID, '1.2.840.10008.1.2.4.50');
  });

  test('with NULs and blanks around them', () => {
    for (const around of ['\0', ' ', '\0 \0'])
      assert.equal(
        read([...instance().slice(0, 2), element(0x0020000e, 'UI', `${around}1.2.905${around}`)]).SeriesInstanceUID,
        '1.2.905',
      );
  });

  test('of two elements of one tag the first that has a value counts, in identity and header alike', () => {
    const twice = (tag: number, ...values: string[]) => values.map((value) => element(tag, 'UI', value));
    for (const [values, counts] of [
      [['1.1', '1.2'], '1.1'],
      [['', '1.2'], '1.2'],
    ] as const) {
      const reading = read([
        ...twice(0x00080018, ...values),
        ...twice(0x0020000d, ...values),
        ...twice(0x0020000e, ...values),
      ]);
      assert.deepEqual([reading.SOPInstanceUID, reading.SeriesInstanceUID], [counts, counts]);
      const keys = reading.elements!.filter(({ text }) => values.includes(text as never));
      assert.deepEqual(
        keys.filter(({ key }) => !key.startsWith('0002')).map(({ key, text }) => `${key} ${text}`),
        ['00080018', '0020000D', '0020000E'].map((key) => `${key} ${counts}`),
      );
    }
  });
});
