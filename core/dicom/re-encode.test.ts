// Re-encoding by the rules of PS3.5: data sets written for the purpose. Real files are in re-encode-samples.test.ts,
// streams that are large or fail in re-encode-stream.test.ts.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import zlib from 'node:zlib';
import {
  BIG,
  DEFLATED,
  delimiter,
  EXPLICIT,
  element,
  encode,
  encodingOf,
  IMPLICIT,
  type Part,
  raw,
  sequence,
} from '../../test/reader/dicom-bytes.ts';
import { canReEncode, ReEncodeError, reEncode } from './re-encode.ts';
import { transferSyntax } from './transfer-syntaxes.ts';

const GE = '1.2.840.113619.5.2';
const UNDEFINED = { undefinedLength: true, undefinedItems: true };
const PRIVATE = 0x00091001;

const syntax = (uid: string) => transferSyntax(uid)!;
const written = (uid: string, ...parts: Part[]) => encode(parts, encodingOf(uid));

async function* cut(data: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

async function reEncoded(data: Buffer, from: string, to: string, size = data.length): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(reEncode(cut(data, size), syntax(from), syntax(to))));
}

/** `parts`, written in `from`, must become `expected`, written in `to`. */
async function becomes(from: string, to: string, parts: Part[], expected: Part[]): Promise<void> {
  const got = await reEncoded(written(from, ...parts), from, to);
  assert.equal(got.toString('latin1'), written(to, ...expected).toString('latin1'));
}

async function refuses(from: string, to: string, parts: Part[], message: RegExp): Promise<void> {
  await assert.rejects(reEncoded(written(from, ...parts), from, to), (error: unknown) => {
    assert.ok(error instanceof ReEncodeError, String(error));
    assert.match(error.message, message);
    return true;
  });
}

/** In the order of their tags, of all units that are swapped. */
const everyUnit: Part[] = [
  element(0x00080005, 'CS', 'ISO_IR 100'),
  element(0x00081155, 'UI', '1.2.3'),
  element(0x00189810, 'US', 7),
  element(0x00280009, 'AT', [0x00181063, 0x7fe00010]),
  element(0x00280010, 'US', [512]),
  element(0x00280103, 'US', 1),
  element(0x00280106, 'SS', -5),
  element(0x00283002, 'SS', [256, -1024, 16]),
  element(0x00660040, 'OL', Buffer.from('0123456789abcdef')),
  element(0x00720026, 'AT', 0x00181063),
  element(0x00720074, 'FD', [Math.PI, -1]),
  element(0x00720076, 'FL', 0.5),
  element(0x00720078, 'UL', 0xfedcba98),
  element(0x0072007c, 'SL', -2),
  element(0x00720081, 'OV', Buffer.from('01234567')),
  element(0x00720082, 'SV', -3n),
  element(0x00720083, 'UV', 0xfedcba9876543210n),
  element(0x7fe00008, 'OF', Buffer.from('01234567')),
  element(0x7fe00009, 'OD', Buffer.from('01234567')),
  element(0xfffcfffc, 'OB', Buffer.from('0123')),
];

const swapped = new Set(['OF', 'OD', 'OL', 'OV']);

/** Bytes of `everyUnit` are given in little endian; here they are as big endian has them. */
function bigEndian(parts: Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      const bytes = part(encodingOf(BIG));
      const vr = bytes.toString('latin1', 4, 6);
      if (!swapped.has(vr)) return bytes;
      const value = bytes.subarray(12);
      if (vr === 'OF' || vr === 'OL') value.swap32();
      else value.swap64();
      return bytes;
    }),
  );
}

test('every VR is written in every syntax, from every syntax, whatever the pieces', async () => {
  const forms = new Map([
    [IMPLICIT, written(IMPLICIT, ...everyUnit)],
    [EXPLICIT, written(EXPLICIT, ...everyUnit)],
    [BIG, bigEndian(everyUnit)],
    [DEFLATED, zlib.deflateRawSync(written(EXPLICIT, ...everyUnit))],
  ]);
  for (const [from, data] of forms) {
    for (const [to, expected] of forms) {
      for (const size of [1, 3, 7, 1000]) {
        const got = await reEncoded(data, from, to, size);
        const what = `${from} to ${to} by ${size}`;
        // Which VR (0018,9810) has is said behind it: US, as everyUnit has it.
        if (to !== DEFLATED) assert.equal(got.toString('latin1'), expected.toString('latin1'), what);
        else assert.deepEqual(zlib.inflateRawSync(got), forms.get(EXPLICIT), what);
      }
    }
  }
});

test('which syntaxes can be changed', () => {
  const all = [IMPLICIT, EXPLICIT, BIG, DEFLATED];
  for (const from of [...all, GE]) for (const to of all) assert.ok(canReEncode(syntax(from), syntax(to)));
  const jpeg = '1.2.840.10008.1.2.4.50';
  const others = [jpeg, GE, '1.2.840.10008.1.2.4.94', '1.2.840.10008.1.2.6.2'];
  for (const to of others) assert.ok(!canReEncode(syntax(EXPLICIT), syntax(to)));
  assert.ok(!canReEncode(syntax(jpeg), syntax(jpeg)));
});

test('from and to a syntax that is not changed', async () => {
  await refuses(EXPLICIT, '1.2.840.10008.1.2.4.50', [], /^There is no way from Explicit VR Little Endian to JPEG/);
});

test('lengths of sequences and items become undefined, at every depth', async () => {
  const nest = (depth: number, options: object): Part =>
    sequence(0x00081140, depth === 0 ? [[], []] : [[nest(depth - 1, options)]], options);
  for (const to of [IMPLICIT, EXPLICIT, BIG]) {
    for (const from of [IMPLICIT, EXPLICIT, BIG]) {
      for (const options of [{}, UNDEFINED, { undefinedLength: true }, { undefinedItems: true }]) {
        await becomes(from, to, [nest(63, options)], [nest(63, UNDEFINED)]);
      }
      await refuses(from, to, [nest(64, UNDEFINED)], /within more than 64 nested sequences/);
    }
  }
});

test('an empty sequence and an empty data set', async () => {
  await becomes(EXPLICIT, IMPLICIT, [sequence(0x00081140, [])], [sequence(0x00081140, [], UNDEFINED)]);
  await becomes(IMPLICIT, BIG, [], []);
});

test('group lengths are left out, of items too', async () => {
  const length = element(0x00080000, 'UL', 99);
  const sop = element(0x00080018, 'UI', '1.2');
  const inside = sequence(0x00081140, [[length, sop]]);
  const expected = [sop, sequence(0x00081140, [[sop]], UNDEFINED)];
  await becomes(EXPLICIT, IMPLICIT, [length, sop, inside, element(0x00090000, 'UL', 1)], expected);
});

test('US or SS is decided by the Pixel Representation of the item or what encloses it', async () => {
  const pixelRepresentation = (value: number) => element(0x00280103, 'US', value);
  const padding = (vr: string) => element(0x00280120, vr, 3);
  const item = (...parts: Part[]) => sequence(0x00283010, [parts], UNDEFINED);
  for (const parts of [
    [pixelRepresentation(1), padding('SS'), item(padding('SS')), item(pixelRepresentation(0), padding('US'))],
    [pixelRepresentation(0), padding('US'), item(pixelRepresentation(1), padding('SS')), item(padding('US'))],
    [padding('US')],
  ]) {
    await becomes(IMPLICIT, EXPLICIT, parts, parts);
    await becomes(IMPLICIT, BIG, parts, parts);
  }
});

test('pixels of 8 bits are OW after implicit VR, and their order stays', async () => {
  const bits = element(0x00280100, 'US', 8);
  const pixels = (vr: string, bytes: string) => [bits, element(0x7fe00010, vr, bytes)];
  await becomes(IMPLICIT, EXPLICIT, pixels('OW', '1234'), pixels('OW', '1234'));
  await becomes(IMPLICIT, BIG, pixels('OW', '1234'), pixels('OW', '2143'));
  await becomes(BIG, IMPLICIT, pixels('OB', '1234'), pixels('OB', '1234'));
});

test('pixels of GE are big endian', async () => {
  const pixels = (bits: number, bytes: string) => [
    element(0x00280100, 'US', bits),
    element(0x7fe00010, 'OW', Buffer.from(bytes)),
  ];
  await becomes(GE, EXPLICIT, pixels(16, '1234'), pixels(16, '2143'));
  await becomes(GE, IMPLICIT, pixels(16, '1234'), pixels(16, '2143'));
  await becomes(GE, BIG, pixels(16, '1234'), pixels(16, '1234'));
  await refuses(GE, EXPLICIT, pixels(8, '1234'), /The byte order of \(7FE0,0010\)/);
});

test('private elements: what the dictionary knows, else UN, else a sequence', async () => {
  const creator = element(0x00190010, 'LO', 'SIEMENS MR HEADER ');
  const other = element(0x00190011, 'LO', 'NOBODY');
  const bValue = (tag: number, vr: string) => element(tag, vr, '1000');
  await becomes(
    IMPLICIT,
    EXPLICIT,
    [creator, other, bValue(0x0019100c, 'IS'), bValue(0x0019110c, 'IS'), bValue(0x0029100c, 'IS')],
    [creator, other, bValue(0x0019100c, 'IS'), bValue(0x0019110c, 'UN'), bValue(0x0029100c, 'UN')],
  );
  const inside = element(0x00280010, 'US', 3);
  await becomes(
    IMPLICIT,
    BIG,
    [sequence(PRIVATE, [[inside]], { undefinedLength: true })],
    [sequence(PRIVATE, [[inside]], UNDEFINED)],
  );
});

test('UN stays as it is in big endian', async () => {
  const parts = [element(PRIVATE, 'UN', Buffer.from('12345678'))];
  for (const from of [EXPLICIT, IMPLICIT, BIG])
    for (const to of [EXPLICIT, IMPLICIT, BIG]) await becomes(from, to, parts, parts);
});

test('UN of undefined length keeps its bytes, group lengths and defined lengths included', async () => {
  const items = [
    [element(0x00080000, 'UL', 1), element(0x00280010, 'US', 3), sequence(0x00081140, [[]])],
    [sequence(PRIVATE + 1, [[element(PRIVATE, 'UN', 'ab')]], UNDEFINED)],
  ];
  for (const undefinedItems of [true, false]) {
    const parts = [
      sequence(PRIVATE, items, { vr: 'UN', undefinedLength: true, undefinedItems }),
      element(0x00100010, 'PN', 'A'),
    ];
    for (const from of [EXPLICIT, BIG])
      for (const to of [EXPLICIT, BIG, IMPLICIT]) await becomes(from, to, parts, parts);
  }
});

test('a value that is too long for its VR, or no multiple of its unit, is UN', async () => {
  const text = (vr: string, length: number) => element(0x00204000, vr, 'x'.repeat(length));
  await becomes(IMPLICIT, EXPLICIT, [text('LT', 65_534)], [text('LT', 65_534)]);
  await becomes(IMPLICIT, BIG, [text('LT', 65_536)], [text('UN', 65_536)]);
  await becomes(EXPLICIT, IMPLICIT, [text('UN', 65_536)], [text('UN', 65_536)]);
  const short = Buffer.from('12');
  await becomes(IMPLICIT, BIG, [element(0x00720078, 'UL', short)], [element(0x00720078, 'UN', short)]);
  await becomes(EXPLICIT, IMPLICIT, [element(0x00720078, 'UL', short)], [element(0x00720078, 'UL', short)]);
  await refuses(EXPLICIT, BIG, [element(0x00720078, 'UL', short)], /^\(0072,0078\) of VR UL has a length of 2 bytes/);
});

test('a sequence of the dictionary that holds no items is UN', async () => {
  const bytes = Buffer.from('0123456789');
  await becomes(IMPLICIT, EXPLICIT, [element(0x00081140, 'OB', bytes)], [element(0x00081140, 'UN', bytes)]);
});

test('what is malformed is an error', async () => {
  const rows = element(0x00280010, 'US', 1);
  const bare =
    (tag: number, length: number): Part =>
    (encoding) => {
      const bytes = delimiter(tag, encoding);
      bytes.writeUInt32LE(length, 4);
      return bytes;
    };
  const broken: [Part[], RegExp][] = [
    [[element(0x00100010, 'PN', 'SECRET^A^B^', { odd: true })], /^\(0010,0010\) has an odd length of 11 bytes\.$/],
    [[element(0x00100010, 'PN', 'SECRET', { length: 60 })], /^The data set ends within an element, after \d+ bytes\.$/],
    [[rows, raw('\x28\0\x11\0')], /^The data set ends within an element/],
    [[sequence(0x00081140, [[rows]], { ...UNDEFINED, without: 'sequence-delimiter' })], /ends within an element/],
    [[sequence(0x00081140, [[rows]], { ...UNDEFINED, without: 'item-delimiter' })], /^\(FFFE,E0DD\) is out of place/],
    [[sequence(0x00081140, [[rows]], { undefinedItems: true, without: 'item-delimiter' })], /E00D\) is missing\.$/],
    [[sequence(0x00081140, [[rows]], { length: 14 })], /^\(0028,0010\) goes beyond|^\(FFFE,E000\) goes beyond/],
    [[sequence(0x00081140, [[rows], [rows]], { length: 22 })], /goes beyond/],
    [[(encoding) => delimiter(0xfffee00d, encoding)], /^\(FFFE,E00D\) is out of place after 0 bytes/],
    [[(encoding) => delimiter(0xfffee000, encoding)], /^\(FFFE,E000\) is out of place/],
    [[element(0x7fe00010, 'OB', '', { length: 0xffffffff })], /^\(7FE0,0010\) .*undefined length/],
    [[element(0x00100010, 'PN', '', { length: 0xffffffff, lengthBytes: 4 })], /\(0010,0010\)|^The data set ends/],
    [[element(0x00100010, 'UT', '', { length: 0xffffffff })], /^\(0010,0010\) .*undefined length/],
    [[raw(Buffer.alloc(64))], /^\(0000,0000\) is no element of a data set/],
    [[element(0x00041200, 'UL', 300)], /^\(0004,1200\) and others are offsets/],
    [
      [sequence(0x00081140, [], { undefinedLength: true, without: 'sequence-delimiter' }), bare(0xfffee0dd, 8)],
      /delimiter/,
    ],
  ];
  for (const [parts, message] of broken) {
    for (const from of [EXPLICIT, IMPLICIT]) for (const to of [BIG, IMPLICIT]) await refuses(from, to, parts, message);
  }
  await refuses(EXPLICIT, EXPLICIT, [element(0x00100010, 'ZZ', 'ab')], /VR that the standard does not know/);
  await refuses(EXPLICIT, EXPLICIT, [element(0x00100010, 'UN', 'ab', { lengthBytes: 2 }), rows], /reserved bytes/);
});
