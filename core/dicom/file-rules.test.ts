// Files as PS3.10 section 7.1 has them and as they are found; transfer syntaxes of PS3.5 annex A, declared and real.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { describe, test } from 'node:test';
import zlib from 'node:zlib';
import { Random } from '../../test/random.ts';
import {
  BIG,
  DEFLATED,
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
  SOP_INSTANCE,
  sequence,
} from '../../test/reader/dicom-bytes.ts';
import { asObject, type Reading, readBytes } from '../../test/reader/scripted-source.ts';
import { EXPLICIT_LITTLE, IMPLICIT_LITTLE } from './element-table.ts';
import { allTransferSyntaxes } from './transfer-syntaxes.ts';

const PIXELS = element(0x7fe00010, 'OW', Buffer.alloc(200_000));
const DATA_SET: Part[] = instance(
  element(0x00100010, 'PN', 'Doe^Jane'),
  sequence(0x00081115, [[element(0x00080100, 'SH', 'A')]], { undefinedLength: true, undefinedItems: true }),
  PIXELS,
);

function taken(reading: Reading, syntax: string, issues: readonly string[] = []): void {
  assert.equal(reading.outcome, 'instance');
  assert.equal(reading.SOPInstanceUID, SOP_INSTANCE);
  assert.equal(reading.SeriesInstanceUID, SERIES);
  assert.equal(reading.SOPClassUID, '1.2.840.10008.5.1.4.1.1.7');
  assert.equal(reading.TransferSyntaxUID, syntax);
  assert.deepEqual(reading.issues, issues);
  const header = asObject(reading);
  assert.equal(header['00100010'], 'Doe^Jane');
  assert.deepEqual(header['00081115'], [{ '00080100': 'A' }]);
}

describe('transfer syntaxes (PS3.5 annex A)', () => {
  for (const { uid, name } of allTransferSyntaxes().values()) {
    test(`${uid} ${name}`, () => taken(readBytes(dicomFile({ syntax: uid, dataSet: DATA_SET })), uid));
  }

  test('another encoding than the declared one, in all combinations', () => {
    for (const { uid, deflated } of allTransferSyntaxes().values()) {
      for (const real of [IMPLICIT, EXPLICIT, BIG, DEFLATED]) {
        const encoding = encodingOf(real);
        const isDeflated = real === DEFLATED;
        const file = dicomFile({ syntax: uid, encoding, deflated: isDeflated, dataSet: DATA_SET });
        const declared = encodingOf(uid);
        const isAsDeclared =
          declared.explicitVr === encoding.explicitVr &&
          declared.littleEndian === encoding.littleEndian &&
          deflated === isDeflated;
        taken(readBytes(file), uid, isAsDeclared ? [] : ['TransferSyntaxMismatch']);
      }
    }
  });

  test('an unknown or missing transfer syntax is told from the bytes', () => {
    for (const real of [IMPLICIT, EXPLICIT, BIG, DEFLATED]) {
      const options = { encoding: encodingOf(real), deflated: real === DEFLATED, dataSet: DATA_SET };
      taken(readBytes(dicomFile({ ...options, syntax: '' })), real);
      taken(readBytes(dicomFile({ ...options, syntax: '1.2.3.4.5.6' })), '1.2.3.4.5.6');
    }
  });

  test('deflated in the format of zlib, cut off, and damaged further on', () => {
    const plain = encode(DATA_SET, EXPLICIT_LITTLE);
    const meta = dicomFile({ syntax: DEFLATED, deflated: false, dataSet: [] });
    taken(readBytes(Buffer.concat([meta, zlib.deflateSync(plain)])), DEFLATED);
    const noise = new Random(1);
    const random = Buffer.from(Array.from({ length: 100_000 }, () => noise.below(256)));
    const long = encode([...DATA_SET.slice(0, -1), element(0x7fe00010, 'OB', random)], EXPLICIT_LITTLE);
    const stream = zlib.deflateRawSync(long);
    // Whether the pixels are whole shows only where all of the file was read for the header.
    for (const [end, issues] of [
      [2000, ['Truncated']],
      [20_000, []],
    ] as const) {
      taken(readBytes(Buffer.concat([meta, stream.subarray(0, end)])), DEFLATED, issues);
    }
    const damaged = Buffer.from(stream);
    damaged.fill(0xff, 5000, 9000);
    const { outcome, SeriesInstanceUID } = readBytes(Buffer.concat([meta, damaged]));
    assert.deepEqual([outcome, SeriesInstanceUID], ['instance', SERIES]);
  });

  test('a deflated header that is longer than the first read', () => {
    const random = new Random(2);
    const noise = Array.from({ length: 30 }, (_, i) => {
      const bytes = Buffer.from(Array.from({ length: 3000 }, () => 0x21 + random.below(90)));
      return element(0x00090100 + i, 'LT', bytes);
    });
    const reading = readBytes(dicomFile({ syntax: DEFLATED, dataSet: instance(...noise, PIXELS) }));
    assert.equal(reading.outcome, 'instance');
    assert.equal(reading.elements!.filter(({ key }) => key.startsWith('0009')).length, 30);
  });

  test('what inflates to very much is not inflated whole', () => {
    const bomb = zlib.deflateRawSync(
      Buffer.concat([encode(DATA_SET.slice(0, -1), EXPLICIT_LITTLE), Buffer.alloc(200e6, 1)]),
    );
    const meta = dicomFile({ syntax: DEFLATED, deflated: false, dataSet: [] });
    const before = process.memoryUsage().rss;
    const { outcome } = readBytes(Buffer.concat([meta, bomb]));
    assert.equal(outcome, 'instance');
    assert.ok(process.memoryUsage().rss - before < 150e6);
  });
});

describe('files (PS3.10 section 7.1)', () => {
  const without = (reading: Reading, issues: readonly string[] = []): void => taken(reading, EXPLICIT, issues);

  test('without preamble, prefix, file meta, group length', () => {
    const file = (options: object): Reading => readBytes(dicomFile({ dataSet: DATA_SET, ...options }));
    without(file({ preamble: false }));
    without(file({ preamble: false, prefix: false }));
    without(file({ prefix: false }));
    without(file({ meta: false }), ['NoFileMeta']);
    without(file({ meta: false, preamble: false }), ['NoFileMeta']);
    without(file({ meta: false, prefix: false }), ['NoFileMeta']);
    without(file({ meta: false, preamble: false, prefix: false }), ['NoFileMeta']);
    without(file({ groupLength: false }));
  });

  test('without file meta, in every encoding; and big endian implicit, which has no UID', () => {
    for (const real of [IMPLICIT, EXPLICIT, BIG]) {
      const options = { preamble: false, prefix: false, meta: false, encoding: encodingOf(real) } as const;
      taken(readBytes(dicomFile({ ...options, dataSet: DATA_SET })), real, ['NoFileMeta']);
    }
    const options = { preamble: false, prefix: false, meta: false, dataSet: DATA_SET } as const;
    taken(readBytes(dicomFile({ ...options, encoding: { littleEndian: false, explicitVr: false } })), '', [
      'NoFileMeta',
    ]);
  });

  test('with a wrong group length', () => {
    for (const groupLength of [0, 1, 50, 100_000, 0xffffffff]) {
      without(readBytes(dicomFile({ groupLength, dataSet: DATA_SET })));
    }
  });

  test('with file meta in implicit VR', () => {
    without(readBytes(dicomFile({ metaEncoding: IMPLICIT_LITTLE, dataSet: DATA_SET })));
  });

  test('with file meta that is longer than the first read', () => {
    const meta = [element(0x00020102, 'OB', Buffer.alloc(50_000, 7))];
    for (const groupLength of [undefined, false] as const) {
      const options = { meta, dataSet: DATA_SET, ...(groupLength === undefined ? {} : { groupLength }) };
      without(readBytes(dicomFile(options)));
    }
    taken(readBytes(dicomFile({ meta, syntax: DEFLATED, dataSet: DATA_SET })), DEFLATED);
  });

  test('with garbage in file meta, behind which the group length leads', () => {
    const garbage = raw(Buffer.of(2, 0, 0x20, 0, 0x21, 0x22, 0x23, 0x24, 0xff, 0xff, 0xff, 0xff));
    without(readBytes(dicomFile({ meta: [garbage], dataSet: DATA_SET })), ['UnknownVr', 'StrayBytes']);
  });

  test('with a wrong length in file meta, where the group length says where it ends', () => {
    const whole = readBytes(dicomFile({ dataSet: DATA_SET }));
    const file = dicomFile({ dataSet: DATA_SET });
    const at = file.indexOf(Buffer.from([2, 0, 0x10, 0, 0x55, 0x49])) + 6;
    assert.ok(at > 6);
    for (let length = 0; length < 256; length++) {
      if (length === file.readUInt16LE(at)) continue;
      const wrong = Buffer.from(file);
      wrong.writeUInt16LE(length, at);
      const { outcome, issues, elements, SOPInstanceUID } = readBytes(wrong);
      assert.deepEqual([outcome, SOPInstanceUID], ['instance', SOP_INSTANCE], `length ${length}`);
      assert.ok(issues.length > 0, `length ${length} is marked`);
      const own = (all: typeof elements) => all?.filter(({ key }) => !key.startsWith('0002'));
      assert.deepEqual(own(elements), own(whole.elements), `length ${length}`);
    }
  });

  test('with another SOPInstanceUID in file meta; with none in the data set', () => {
    const other = element(0x00080018, 'UI', '1.9.9');
    const reading = readBytes(dicomFile({ dataSet: [other, element(0x0020000e, 'UI', SERIES)] }));
    assert.deepEqual([reading.SOPInstanceUID, reading.issues], ['1.9.9', ['FileMetaMismatch']]);
    const missing = readBytes(
      dicomFile({ dataSet: [element(0x00080060, 'CS', 'CT'), element(0x0020000e, 'UI', SERIES)] }),
    );
    assert.deepEqual([missing.outcome, missing.SOPInstanceUID], ['instance', SOP_INSTANCE]);
  });

  test('with stray bytes in front', () => {
    for (const count of [1, 3]) {
      const file = dicomFile({ preamble: false, prefix: false, meta: false, dataSet: DATA_SET });
      without(readBytes(Buffer.concat([Buffer.alloc(count, 0x20), file])), ['NoFileMeta', 'StrayBytes']);
    }
  });

  test('with elements out of order, even behind pixel data', () => {
    without(readBytes(dicomFile({ dataSet: [...DATA_SET].reverse() })));
    const small = element(0x7fe00010, 'OB', Buffer.alloc(10));
    without(readBytes(dicomFile({ dataSet: [small, ...DATA_SET.slice(0, -1)] })));
  });

  test('with a malformed UID', () => {
    const uid = (value: string | Buffer): Reading =>
      readBytes(dicomFile({ dataSet: [element(0x00080018, 'UI', SOP_INSTANCE), element(0x0020000e, 'UI', value)] }));
    assert.deepEqual(uid(' 1.2.3 ').issues, []);
    assert.equal(uid(' 1.2.3 ').SeriesInstanceUID, '1.2.3');
    assert.equal(uid(Buffer.from('1.2\0\0garbage')).SeriesInstanceUID, '1.2');
    assert.deepEqual(uid('1.2.x').issues, ['MalformedUid']);
    assert.deepEqual(uid('1.'.repeat(40)).issues, ['MalformedUid']);
    assert.equal(uid('1.'.repeat(400)).outcome, 'no-identity');
  });
});

describe('files that are no instance', () => {
  const outcome = (bytes: Buffer): string => readBytes(bytes).outcome;

  test('empty, short, text, zeros, other formats', () => {
    for (let size = 0; size <= 200; size++) {
      assert.equal(outcome(Buffer.alloc(size)), 'not-dicom');
      assert.equal(outcome(Buffer.alloc(size, 'text ')), 'not-dicom');
      assert.notEqual(outcome(dicomFile({ dataSet: [] }).subarray(0, size)), 'instance');
    }
    assert.equal(outcome(Buffer.from('patient,date\n'.repeat(5000))), 'not-dicom');
    assert.equal(outcome(zlib.gzipSync(dicomFile({ dataSet: DATA_SET }))), 'not-dicom');
    assert.equal(outcome(Buffer.from('\x89PNG\r\n\x1a\n'.padEnd(400, 'x'), 'latin1')), 'not-dicom');
  });

  test('DICOM without identity', () => {
    assert.equal(outcome(dicomFile({ dataSet: [] })), 'no-identity');
    assert.equal(outcome(dicomFile({ dataSet: instance().slice(0, 2) })), 'no-identity');
    const empty = [element(0x00080018, 'UI', SOP_INSTANCE), element(0x0020000e, 'UI', '')];
    assert.equal(outcome(dicomFile({ dataSet: empty })), 'no-identity');
    const nested = sequence(0x00081115, [[element(0x0020000e, 'UI', SERIES)]]);
    assert.equal(outcome(dicomFile({ dataSet: [element(0x00080018, 'UI', SOP_INSTANCE), nested] })), 'no-identity');
  });

  test('a DICOMDIR, with and without file meta', () => {
    const records = [element(0x00041130, 'CS', 'DISK'), sequence(0x00041220, [[element(0x00041430, 'CS', 'IMAGE')]])];
    const bytes = dicomFile({ dataSet: records });
    bytes.write('1.2.840.10008.1.3.10\0', bytes.indexOf('1.2.840.10008.5.1.4.1.1.7'), 'latin1');
    assert.equal(outcome(bytes), 'dicomdir');
    assert.equal(outcome(dicomFile({ dataSet: records })), 'dicomdir');
    assert.equal(outcome(dicomFile({ preamble: false, prefix: false, meta: false, dataSet: records })), 'dicomdir');
  });
});

describe('what a file says of itself in several places', () => {
  test('a SOPClassUID that only the file meta has is the class', () => {
    const [, ...rest] = instance(element(0x00100010, 'PN', 'Doe^Jane'));
    assert.equal(readBytes(dicomFile({ dataSet: rest })).SOPClassUID, '1.2.840.10008.5.1.4.1.1.7');
  });

  test('a SOPInstanceUID behind the pixel data counts before that of the file meta', () => {
    const [first, , ...rest] = instance(PIXELS);
    const late = element(0x00080018, 'UI', '1.2.9');
    const { outcome, SOPInstanceUID } = readBytes(dicomFile({ dataSet: [first!, ...rest, late] }));
    assert.deepEqual([outcome, SOPInstanceUID], ['instance', '1.2.9']);
  });

  test('names in 7 bit Japanese are decoded from the file, not shown as their escapes', () => {
    const name = Buffer.concat([
      Buffer.from('Yamada^Tarou=', 'latin1'),
      Buffer.from('1b2442', 'hex'),
      Buffer.from('3b33454442404f3a', 'hex'),
      Buffer.from('1b2842', 'hex'),
    ]);
    const set = element(0x00080005, 'CS', '\\ISO 2022 IR 87 ');
    const reading = readBytes(dicomFile({ dataSet: [set, ...instance(element(0x00100010, 'PN', name))] }));
    assert.deepEqual(reading.issues, []);
    assert.equal(asObject(reading)['00100010'], 'Yamada^Tarou=山田太郎');
  });
});
