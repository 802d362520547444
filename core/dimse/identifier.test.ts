import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import {
  BIG,
  EXPLICIT,
  element,
  encode,
  encodingOf,
  IMPLICIT,
  type Part,
  raw,
  sequence,
} from '../../test/reader/dicom-bytes.ts';
import { transferSyntax } from '../dicom/transfer-syntaxes.ts';
import { type Identifier, IdentifierError, type IdentifierText, identifierOf, text, values } from './identifier.ts';
import { decodeIdentifier } from './identifier-decoding.ts';
import { encodeIdentifier } from './identifier-encoding.ts';

const SYNTAXES = [IMPLICIT, EXPLICIT, BIG];
const encoded = (identifier: Identifier, syntax = EXPLICIT) => encodeIdentifier(identifier, transferSyntax(syntax)!);
const decoded = (bytes: Buffer, syntax = EXPLICIT) => decodeIdentifier(bytes, transferSyntax(syntax)!);
/** Bytes that others would write. */
const written = (parts: readonly Part[], syntax = EXPLICIT) => encode(parts, encodingOf(syntax));

const UNDEFINED = { undefinedLength: true, undefinedItems: true } as const;
const STUDY: IdentifierText = {
  QueryRetrieveLevel: 'STUDY',
  StudyInstanceUID: '1.2.3',
  StudyDate: '',
  PatientName: 'Doe*',
};

test('an identifier is the bytes of PS3.5, by tag and of even lengths', () => {
  assert.equal(
    encoded(identifierOf(STUDY), EXPLICIT).toString('latin1'),
    '\x08\0\x20\0DA\0\0' + '\x08\0\x52\0CS\x06\0STUDY ' + '\x10\0\x10\0PN\x04\0Doe*' + '\x20\0\x0d\0UI\x06\x001.2.3\0',
  );
  const items = identifierOf({ ModalitiesInStudy: 'CT\\MR', RequestAttributesSequence: [{ PatientID: '7' }] });
  assert.equal(
    encoded(items, IMPLICIT).toString('latin1'),
    '\x08\0\x61\0\x06\0\0\0CT\\MR \x40\0\x75\x02\x12\0\0\0\xfe\xff\0\xe0\x0a\0\0\0\x10\0\x20\0\x02\0\0\x007 ',
  );
  assert.equal(
    encoded(items, BIG).toString('latin1'),
    '\0\x08\0\x61CS\0\x06CT\\MR \0\x40\x02\x75SQ\0\0\0\0\0\x12\xff\xfe\xe0\0\0\0\0\x0a\0\x10\0\x20LO\0\x027 ',
  );
});

test('values are found and made by keyword', () => {
  const identifier = identifierOf({ ...STUDY, ModalitiesInStudy: ['CT', 'MR'], RequestAttributesSequence: [{}] });
  assert.equal(text(identifier, 'PatientName'), 'Doe*');
  assert.equal(text(identifier, 'StudyDate'), '');
  assert.equal(text(identifier, 'PatientID'), '');
  assert.equal(text(identifier, 'RequestAttributesSequence'), '');
  assert.deepEqual(values(identifier, 'ModalitiesInStudy'), ['CT', 'MR']);
  assert.throws(() => identifierOf({ PatientNam: '' }), /^Error: there is no attribute PatientNam$/);
  assert.throws(() => identifierOf({ PatientName: [{}] }), IdentifierError);
  assert.throws(() => identifierOf({ RequestAttributesSequence: 'Doe' }), IdentifierError);
});

test('values lose the padding of their VR and are split where it has several', () => {
  const table: readonly (readonly [tag: number, vr: string, value: Parameters<typeof element>[2], values: string[]])[] =
    [
      [0x00100010, 'PN', ' Doe^J ', [' Doe^J']],
      [0x00100020, 'LO', ' 7 \\ 8', ['7', '8']],
      [0x00080018, 'UI', '1.2\0', ['1.2']],
      [0x0020000d, 'UI', '1.2\\1.30', ['1.2', '1.30']],
      [0x00081030, 'LO', '  ', []],
      [0x00201206, 'IS', ' 12 ', ['12']],
      [0x00204000, 'LT', ' a\\b ', [' a\\b']],
      [0x0040e010, 'UR', 'http://a\\b ', ['http://a\\b']],
      [0x00080061, 'CS', '\\MR', ['', 'MR']],
      [0x00280009, 'AT', [0x00181063, 0x00181065], ['00181063', '00181065']],
      [0x00280010, 'US', [512, 65535], ['512', '65535']],
      [0x00189219, 'SS', -2, ['-2']],
      [0x00189073, 'FD', 0.1, ['0.1']],
      [0x00089459, 'FL', 0.1, ['0.1']],
      [0x7fe00001, 'OV', Buffer.alloc(8), []],
    ];
  for (const syntax of SYNTAXES)
    for (const [tag, vr, value, wanted] of table)
      assert.deepEqual(
        decoded(written([element(tag, vr, value)], syntax), syntax),
        new Map([[tag, { vr, values: wanted }]]),
        `${syntax} ${vr}`,
      );
});

test('sequences are found in every form', () => {
  const item = [element(0x00100020, 'LO', '7 '), sequence(0x00081110, [], { undefinedLength: true })];
  const wanted = identifierOf({
    RequestAttributesSequence: [{ PatientID: '7', ReferencedStudySequence: [] }, {}],
    PatientComments: '',
  });
  for (const syntax of SYNTAXES)
    for (const vr of ['SQ', 'UN'])
      for (const undefinedLength of [true, false])
        for (const undefinedItems of [true, false]) {
          const options = { vr, undefinedLength, undefinedItems };
          const parts = [element(0x00104000, 'LT'), sequence(0x00400275, [item.toReversed(), []], options)];
          assert.deepEqual(decoded(written(parts, syntax), syntax), wanted, JSON.stringify(options));
        }
});

test('an element without a VR has that of the dictionary', () => {
  const parts = [
    element(0x00091001, 'UN', 'Anywhere'),
    element(0x00090010, 'LO', 'GEMS_IDEN_01'),
    element(0x00091002, 'UN', 'SUITE '),
    element(0x00280103, 'US', 1),
    element(0x00280106, 'UN', Buffer.of(0xfe, 0xff)),
    element(0x00100010, 'UN', 'Doe '),
  ];
  const found = decoded(written(parts, BIG), BIG);
  assert.deepEqual(found.get(0x00091001), { vr: 'UN', values: [] });
  assert.deepEqual(found.get(0x00091002), { vr: 'SH', values: ['SUITE'] });
  assert.deepEqual(found.get(0x00280106), { vr: 'SS', values: ['-2'] });
  assert.deepEqual(found.get(0x00100010), { vr: 'PN', values: ['Doe'] });
});

test('bytes that are no identifier are refused, with nothing of them in the message', () => {
  const deep = (depth: number): Part => sequence(0x00081110, depth === 0 ? [] : [[deep(depth - 1)]]);
  const many = (count: number) => Array.from({ length: count }, (_, i) => element(0x00100000 + i + 1, 'SH'));
  const name = element(0x00100010, 'PN', 'SECRET');
  decoded(written([deep(15)]));
  decoded(written(many(10_000)));
  const table: readonly (readonly [what: string, parts: readonly Part[]])[] = [
    ['nested deeper', [deep(16)]],
    ['more than 10000 elements', many(10_001)],
    ['1048577 bytes', [raw(Buffer.alloc(1_048_577))]],
    ['longer than there is', [name, raw('\x10\0')]],
    ['longer than there is', [element(0x00100010, 'PN', 'SECRET', { length: 8 })]],
    ['longer than there is', [element(0x00100010, 'UT', 'SECRET', { length: 0xffffffff })]],
    ['longer than its sequence', [sequence(0x00081110, [[name]], { length: 10 })]],
    ['no VR', [raw('\x10\0\x10\0\x06\0\0\0SECRET')]],
    ['twice', [name, name]],
    ['out of place', [raw('\xfe\xff\x0d\xe0\0\0\0\0')]],
    ['something else than items', [sequence(0x00081110, [], { length: 14 }), name]],
    [
      'item of an identifier does not end',
      [sequence(0x00081110, [[name]], { undefinedItems: true, without: 'item-delimiter' })],
    ],
    ['does not end', [sequence(0x00081110, [[name]], { ...UNDEFINED, without: 'sequence-delimiter' })]],
  ];
  for (const [what, parts] of table)
    assert.throws(
      () => decoded(written(parts)),
      (error) => error instanceof IdentifierError && error.message.includes(what) && !error.message.includes('SECRET'),
      what,
    );
  const wrong: readonly (readonly [keyword: string, value: string])[] = [
    ['Rows', '65536'],
    ['Rows', '-1'],
    ['Rows', 'SECRET'],
    ['FrameIncrementPointer', 'SECRET'],
    ['StudyInstanceUID', '1'.repeat(70_000)],
  ];
  for (const [keyword, value] of wrong)
    assert.throws(
      () => encoded(identifierOf({ [keyword]: value })),
      (error) => error instanceof IdentifierError && !error.message.includes(value),
      keyword,
    );
});
