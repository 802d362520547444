// Elements, sequences and private blocks as PS3.5 has them, one test per rule, each in every encoding that knows it.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, test } from 'node:test';
import {
  BIG,
  dicomFile,
  EXPLICIT,
  element,
  encode,
  encodingOf,
  type FileOptions,
  IMPLICIT,
  instance,
  type Part,
  raw,
  SERIES,
  sequence,
} from '../../test/reader/dicom-bytes.ts';
import { asObject, type Reading, readBytes } from '../../test/reader/scripted-source.ts';
import { IMPLICIT_LITTLE } from './element-table.ts';
import { lengthBytesOf, valueRepresentations } from './value-representations.ts';

const read = (dataSet: readonly Part[], options: Omit<FileOptions, 'dataSet'> = {}): Reading =>
  readBytes(dicomFile({ ...options, dataSet }));
const SYNTAXES = [IMPLICIT, EXPLICIT, BIG];
const LAST = element(0x00400001, 'AE', 'LAST');

describe('element headers (section 7.1)', () => {
  for (const { vr } of valueRepresentations) {
    test(`explicit ${vr}: a length of ${lengthBytesOf(vr) * 8} bits, little and big endian`, () => {
      for (const syntax of [EXPLICIT, BIG]) {
        const value = vr === 'SQ' ? '' : Buffer.alloc(16, 0x31);
        const { outcome, issues, elements } = read(instance(element(0x00300010, vr, value), LAST), { syntax });
        assert.equal(outcome, 'instance');
        assert.deepEqual(issues, []);
        const found = elements!.find(({ key }) => key === '00300010')!;
        assert.equal(found.vr, vr);
        assert.equal(elements!.at(-1)!.text, 'LAST');
      }
    });
  }

  test('numbers are decimal, in all encodings', () => {
    for (const syntax of SYNTAXES) {
      const header = asObject(
        read(
          instance(
            element(0x00189219, 'SS', [-2, 3]),
            element(0x00280010, 'US', 512),
            element(0x00186020, 'SL', -70_000),
            element(0x00081161, 'UL', [1, 4_294_967_295]),
            element(0x00109431, 'FL', [0.1, 3.4e38, 1e-40, 16_777_216, 7, -0]),
            element(0x00189218, 'FD', [0.1, 1e300, -0]),
            element(0x00280009, 'AT', [0x00181063, 0x00181065]),
            element(0x00720082, 'SV', -9_007_199_254_740_993n),
            element(0x00720083, 'UV', 18_446_744_073_709_551_615n),
          ),
          { syntax },
        ),
      );
      assert.equal(header['00189219'], '-2\\3');
      assert.equal(header['00280010'], '512');
      assert.equal(header['00186020'], '-70000');
      assert.equal(header['00081161'], '1\\4294967295');
      assert.equal(header['00109431'], '0.1\\3.4e+38\\1e-40\\16777216\\7\\-0');
      assert.equal(header['00189218'], '0.1\\1e+300\\-0');
      assert.equal(header['00280009'], '(0018,1063)\\(0018,1065)');
      assert.equal(header['00720082'], '-9007199254740993');
      assert.equal(header['00720083'], '18446744073709551615');
    }
  });

  test('"US or SS" without a VR is decided by PixelRepresentation, also in items', () => {
    for (const [pixelRepresentation, expected] of [
      [0, '65535'],
      [1, '-1'],
    ] as const) {
      const smallest = element(0x00280106, 'US', 65_535);
      const header = asObject(
        read(instance(element(0x00280103, 'US', pixelRepresentation), smallest, sequence(0x00400100, [[smallest]])), {
          syntax: IMPLICIT,
        }),
      );
      assert.equal(header['00280106'], expected);
      assert.deepEqual(header['00400100'], [{ '00280106': expected }]);
    }
  });

  test('a value of length 0 is empty', () => {
    const vrs = ['LO', 'US', 'FD', 'AT', 'UN', 'UT', 'OB', 'SV'];
    for (const syntax of [EXPLICIT, BIG]) {
      for (const vr of vrs) assert.equal(asObject(read(instance(element(0x00300010, vr)), { syntax }))['00300010'], '');
    }
    assert.deepEqual(asObject(read(instance(sequence(0x00400100, []))))['00400100'], []);
  });

  test('an element (FFFF,FFFF) ends nothing', () => {
    for (const syntax of SYNTAXES) {
      const { elements, outcome } = read(instance(element(0xffffffff, 'US', 1), LAST), { syntax });
      assert.equal(outcome, 'instance');
      assert.equal(elements!.find(({ key }) => key === '00400001')?.text, 'LAST');
    }
  });

  test('an odd length is taken and marked', () => {
    for (const syntax of SYNTAXES) {
      const { issues, elements } = read(instance(element(0x00100020, 'LO', 'ABC', { odd: true }), LAST), { syntax });
      assert.deepEqual(issues, ['OddLength']);
      assert.equal(elements!.find(({ key }) => key === '00100020')!.text, 'ABC');
      assert.equal(elements!.at(-1)!.text, 'LAST');
    }
  });

  test('padding is cut: spaces, NULs, and in front where the VR says so (section 6.2)', () => {
    const header = asObject(
      read(
        instance(
          element(0x00080008, 'CS', ' A \\ B\0'),
          element(0x00100010, 'PN', ' Doe^J '),
          element(0x00104000, 'LT', ' a\\b  '),
          element(0x00200013, 'IS', '  7 '),
          element(0x00080060, 'CS', '\0\0CT'),
          element(0x00081030, 'LO', '\0bytes 12'),
        ),
      ),
    );
    assert.equal(header['00080008'], 'A\\B');
    assert.equal(header['00100010'], ' Doe^J');
    assert.equal(header['00104000'], ' a\\b');
    assert.equal(header['00200013'], '7');
    assert.equal(header['00080060'], 'CT');
    assert.equal(header['00081030'], 'bytes 12', 'a value is never taken for a note');
  });

  test('group lengths are stepped over (section 7.2)', () => {
    const header = asObject(read([element(0x00080000, 'UL', 99), ...instance(), element(0x00400000, 'UL', 1), LAST]));
    assert.ok(!('00080000' in header || '00400000' in header));
    assert.equal(header['00400001'], 'LAST');
  });

  test('trailing padding: (FFFC,FFFC), zeros, and less than an element of zeros', () => {
    for (const end of [element(0xfffcfffc, 'OB', Buffer.alloc(126)), raw(Buffer.alloc(300)), raw(Buffer.alloc(5))]) {
      const { outcome, issues } = read([...instance(LAST), end]);
      assert.deepEqual([outcome, issues], ['instance', []]);
    }
  });
});

describe('an unknown VR', () => {
  const asHeader = (part: Part, syntax = EXPLICIT): Reading => read(instance(part, LAST), { syntax });

  test('of the long form, as section 7.1.2 demands of a future one', () => {
    for (const syntax of [EXPLICIT, BIG]) {
      const reading = asHeader(element(0x00300010, 'ZZ', 'new', { lengthBytes: 4 }), syntax);
      assert.deepEqual(reading.issues, ['UnknownVr']);
      assert.equal(asObject(reading)['00300010'], 'new');
      assert.equal(asObject(reading)['00400001'], 'LAST');
    }
  });

  test('of the short form, also blank and NUL, by the VR of the dictionary', () => {
    for (const vr of ['ZZ', '??', '  ', '\0\0', 'us']) {
      const reading = asHeader(element(0x00280010, vr, Buffer.of(7, 0), { lengthBytes: 2 }));
      assert.deepEqual(reading.issues, ['UnknownVr']);
      assert.equal(asObject(reading)['00280010'], '7');
      assert.equal(asObject(reading)['00400001'], 'LAST');
    }
  });

  test('an implicit element in an explicit data set', () => {
    const implicit = raw(encode([element(0x00300010, 'LO', 'implicit')], IMPLICIT_LITTLE));
    const reading = read([...instance(), implicit, LAST]);
    assert.deepEqual(reading.issues, ['UnknownVr']);
    assert.equal(asObject(reading)['00400001'], 'LAST');
  });

  test('as the last element of an item, and of the file', () => {
    const unknown = element(0x00300010, 'ZZ', 'last');
    for (const undefinedItems of [true, false]) {
      for (const undefinedLength of [true, false]) {
        const reading = asHeader(sequence(0x00310100, [[unknown], [unknown]], { undefinedItems, undefinedLength }));
        assert.deepEqual(reading.issues, ['UnknownVr']);
        assert.deepEqual(asObject(reading)['00310100'], [{ '00300010': 'last' }, { '00300010': 'last' }]);
      }
    }
    assert.equal(asObject(read(instance(unknown)))['00300010'], 'last');
  });

  test('in front of an element of a lower tag, whose VR is known', () => {
    for (const vr of ['ZZ', '  ']) {
      const [first, second, ...rest] = instance();
      const early = element(0x00291010, vr, 'odd one', { lengthBytes: 2 });
      const reading = read([first!, second!, early, ...rest, LAST]);
      assert.deepEqual(
        [reading.outcome, reading.issues, reading.SeriesInstanceUID],
        ['instance', ['UnknownVr'], SERIES],
      );
      assert.equal(asObject(reading)['00400001'], 'LAST');
    }
  });

  test('as the first element, whatever the size of the file makes of its bytes as a length', () => {
    for (const pixels of [1_000, 600_000, 5_000_000])
      for (const syntax of [EXPLICIT, BIG])
        for (const vr of ['XX', '  ', '\0\0', '??'])
          for (const lengthBytes of vr === 'XX' ? ([2, 4] as const) : ([2] as const)) {
            const first = element(0x00080005, vr, 'ISO_IR 100', { lengthBytes });
            const reading = read([first, ...instance(LAST), element(0x7fe00010, 'OW', Buffer.alloc(pixels))], {
              syntax,
            });
            assert.deepEqual(
              [reading.outcome, reading.issues, reading.SeriesInstanceUID],
              ['instance', ['UnknownVr'], SERIES],
              `${pixels} ${syntax} ${vr} ${lengthBytes}`,
            );
          }
  });

  test('far from its successor: more is read to see the layout', () => {
    const reading = asHeader(element(0x00300010, 'ZZ', 'x'.repeat(40_000), { lengthBytes: 4 }));
    assert.equal(asObject(reading)['00400001'], 'LAST');
  });
});

describe('private elements (section 7.8.1)', () => {
  test('are named by their creator, whatever the block', () => {
    for (const syntax of SYNTAXES) {
      for (const block of [0x10, 0x42, 0xff]) {
        const header = asObject(
          read(
            instance(
              element(0x00190000 + block, 'LO', 'GEMS_ACQU_01'),
              element(0x00190000 + block * 256 + 0x02, 'SL', 5),
              element(0x00190000 + block * 256 + 0xfe, 'LO', 'odd one'),
            ),
            { syntax },
          ),
        );
        assert.equal(header['0019xx02:GEMS_ACQU_01'], '5');
        assert.equal(header['0019xxFE:GEMS_ACQU_01'], 'odd one');
      }
    }
  });

  test('of two blocks of one creator, both are kept', () => {
    const parts = [
      element(0x00290010, 'LO', 'ACME 1.0'),
      element(0x00290011, 'LO', 'ACME 1.0'),
      element(0x00290012, 'LO', 'OTHER'),
      element(0x00291001, 'LO', 'first'),
      element(0x00291101, 'LO', 'second'),
      element(0x00291102, 'LO', 'only here'),
      element(0x00291201, 'LO', 'another'),
      // Of bulk data only a note is kept.
      ...[0x00291003, 0x00291103, 0x00291104].map((tag) => element(tag, 'OB', Buffer.alloc(2000))),
      ...[element(0x00291004, 'LO', 'a text'), element(0x00291105, 'LO', 'text, too')],
    ];
    const header = asObject(read(instance(...parts, sequence(0x00400100, [parts]))));
    const kept = {
      '0029xx01:ACME 1.0': 'first\\second',
      '0029xx02:ACME 1.0': 'only here',
      '0029xx01:OTHER': 'another',
    };
    for (const [key, value] of Object.entries(kept)) {
      assert.equal(header[key], value);
      assert.equal((header['00400100'] as Record<string, string>[])[0]![key], value);
    }
  });

  test('without a creator keep their tag; evident text is kept, the rest noted', () => {
    const header = asObject(
      read(instance(element(0x00191002, 'UN', 'text'), element(0x00191003, 'UN', Buffer.of(1, 0, 2, 0)))),
    );
    assert.equal(header['00191002'], 'text');
    assert.equal(header['00191003'], '\0bytes 4');
  });

  test('text of any script is evident where UTF-8 is declared, and elsewhere where most of it is ASCII', () => {
    const kept = (set: string, value: Buffer | string) =>
      asObject(read(instance(element(0x00080005, 'CS', set), element(0x00191002, 'UN', Buffer.from(value)))))[
        '00191002'
      ];
    for (const text of ['头部扫描 T1', 'Голова', 'Schädel']) assert.equal(kept('ISO_IR 192', text), text);
    // So few bytes may be a number.
    assert.equal(kept('ISO_IR 192', 'é'), '\0bytes 2');
    assert.equal(kept('ISO_IR 192', Buffer.of(0xff, 0xfe, 0x80, 0x41)), '\0bytes 4');
    assert.equal(kept('ISO_IR 144', Buffer.of(0xb3, 0xde, 0xdb, 0xde, 0xd2, 0xd0)), '\0bytes 6');
    assert.equal(kept('ISO_IR 100', Buffer.from('Schädel', 'latin1')), 'Schädel');
  });

  test('of VR UN: by the private dictionary, little endian in every syntax (section 6.2.2)', () => {
    for (const syntax of [EXPLICIT, BIG]) {
      const header = asObject(
        read(instance(element(0x00190010, 'UN', 'GEMS_ACQU_01'), element(0x00191002, 'UN', Buffer.of(5, 0, 0, 0))), {
          syntax,
        }),
      );
      assert.equal(header['0019xx02:GEMS_ACQU_01'], '5');
    }
  });

  test('blocks are those of their own data set', () => {
    const inner = [element(0x00190010, 'LO', 'INNER'), element(0x001910f0, 'LO', 'a')];
    const header = asObject(
      read(instance(element(0x00190010, 'LO', 'OUTER'), sequence(0x001910f1, [inner]), element(0x001910f2, 'LO', 'b'))),
    );
    assert.deepEqual(header['0019xxF1:OUTER'], [{ '00190010': 'INNER', '0019xxF0:INNER': 'a' }]);
    assert.equal(header['0019xxF2:OUTER'], 'b');
  });

  test('a creator that is binary or endless is no name', () => {
    const header = asObject(
      read(
        instance(
          element(0x00190010, 'UN', Buffer.alloc(8, 1)),
          element(0x001910f0, 'LO', 'a'),
          element(0x00210010, 'UT', 'C'.repeat(9000)),
          element(0x002110f0, 'LO', 'b'),
        ),
      ),
    );
    assert.equal(header['001910F0'], 'a');
    assert.equal(header[`0021xxF0:${'C'.repeat(64)}`], 'b');
  });
});

test('UN: known elements by the dictionary, binary by its length, text with and without a character set', () => {
  const header = asObject(
    read(
      instance(
        element(0x00080005, 'CS', 'ISO_IR 192'),
        element(0x00100020, 'UN', 'ID7 '),
        element(0x00280010, 'UN', Buffer.of(1, 2)),
        element(0x00191001, 'UN', Buffer.from('Straße, Köln')),
        element(0x00191002, 'UN', Buffer.of(0xff, 0xfe, 0xfd, 0xfc)),
        element(0x00191003, 'UN', Buffer.of(0x41, 0x42, 0x43, 0xe4)),
      ),
    ),
  );
  assert.equal(header['00100020'], 'ID7');
  assert.equal(header['00280010'], '513');
  assert.equal(header['00191001'], 'Straße, Köln');
  assert.equal(header['00191002'], '\0bytes 4');
  assert.equal(header['00191003'], '\0bytes 4');
  assert.equal(encodingOf(IMPLICIT).explicitVr, false);
});
