// Which bytes of a file are read: 16 kB first, more only where the header goes on, never the pixel data, nothing twice
// for identity; and what comes of a file that ends anywhere. The byte source checks every request.
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
  IMPLICIT,
  instance,
  type Part,
  SERIES,
  SOP_INSTANCE,
  sequence,
} from '../../test/reader/dicom-bytes.ts';
import { asObject, newReader, type Reading, readBytes } from '../../test/reader/scripted-source.ts';
import { IMPLICIT_LITTLE } from './element-table.ts';
import { FIRST_READ } from './header-bytes.ts';

const PIXELS = element(0x7fe00010, 'OW', Buffer.alloc(400_000, 1));
const EXTRA = 12 + FIRST_READ; // a read may go that far beyond the start of PixelData, because it cannot know

function bytesRead({ identityReads, fullReads }: Reading): [identity: number, full: number] {
  const sum = (reads: typeof identityReads): number => reads.reduce((total, { length }) => total + length, 0);
  return [sum(identityReads), sum(fullReads)];
}

/** The end of the last byte that was read. */
function lastByte({ identityReads, fullReads }: Reading): number {
  return Math.max(...[...identityReads, ...fullReads].map(({ position, length }) => position + length));
}

describe('what is read', () => {
  test('a usual header takes one read, the full header none more', () => {
    for (const syntax of [IMPLICIT, EXPLICIT, BIG]) {
      const reading = readBytes(dicomFile({ syntax, dataSet: instance(PIXELS) }));
      assert.deepEqual(bytesRead(reading), [FIRST_READ, 0]);
    }
  });

  test('a long value is stepped over; the pixel data are not read', () => {
    for (const syntax of [IMPLICIT, EXPLICIT, BIG]) {
      const long = element(0x00190099, 'OB', Buffer.alloc(1_000_000));
      const file = dicomFile({ syntax, dataSet: instance(long, PIXELS) });
      const reading = readBytes(file);
      assert.equal(reading.SeriesInstanceUID, SERIES);
      assert.deepEqual(bytesRead(reading), [2 * FIRST_READ, FIRST_READ]);
      assert.ok(lastByte(reading) < file.length - 380_000);
    }
  });

  test('many long values: one read each', () => {
    const long = Array.from({ length: 10 }, (_, i) => element(0x00190010 + i, 'UT', 'x'.repeat(70_000)));
    const reading = readBytes(dicomFile({ dataSet: instance(...long, PIXELS) }));
    assert.equal(reading.SeriesInstanceUID, SERIES);
    assert.equal(reading.identityReads.length, 11);
    assert.deepEqual(reading.issues, []);
  });

  test('a sequence of 300 kB, of undefined and of defined length, in front of identity', () => {
    const items = Array.from({ length: 3000 }, (_, i) => [element(0x00081155, 'UI', `1.2.${i}`.padEnd(80, '1'))]);
    for (const [undefinedLength, most] of [
      [true, 600_000],
      [false, 3 * FIRST_READ],
    ] as const) {
      const early = sequence(0x00081115, items, { undefinedLength, undefinedItems: undefinedLength });
      const reading = readBytes(dicomFile({ dataSet: instance(early, PIXELS) }));
      assert.equal(reading.SeriesInstanceUID, SERIES);
      assert.ok(bytesRead(reading)[0] <= most, `${bytesRead(reading)[0]}`);
      const kept = asObject(reading)['00081115'] as unknown[];
      // As many as 16 kB of text hold.
      assert.deepEqual([kept.length, kept.at(-1)], [184, 2817]);
    }
  });

  test('a sequence without an end is given up', () => {
    const open = { undefinedLength: true, undefinedItems: true, without: 'sequence-delimiter' } as const;
    const items = Array.from({ length: 200_000 }, () => [element(0x00081155, 'UI', '1.2.3.4.5.6.7.8')]);
    for (const tag of [0x00081115, 0x00400100]) {
      const reading = readBytes(dicomFile({ dataSet: instance(sequence(tag, items, open)) }));
      assert.equal(reading.outcome, tag === 0x00081115 ? 'no-identity' : 'instance');
      assert.ok(bytesRead(reading)[0] < 4.5e6 && bytesRead(reading)[1] < 4.5e6);
      assert.ok(reading.issues.includes('HeaderCut'));
    }
  });

  test('a value at every offset across the end of the first read', () => {
    const reader = newReader();
    for (const syntax of [IMPLICIT, EXPLICIT, BIG]) {
      const short = dicomFile({ syntax, dataSet: instance(element(0x00081000, 'LT', '')) }).length;
      const uids = [element(0x0020000d, 'UI', '1.2.3'), element(0x0020000e, 'UI', SERIES)];
      const nested = sequence(0x00081199, [[element(0x00080100, 'SH', 'A')]], {
        undefinedLength: true,
        undefinedItems: true,
      });
      for (let end = FIRST_READ - 200; end <= FIRST_READ + 40; end += 2) {
        const filler = element(0x00081000, 'LT', 'x'.repeat(end - short));
        const dataSet = [...instance().slice(0, 2), filler, nested, ...uids, PIXELS];
        const reading = readBytes(dicomFile({ syntax, dataSet }), { reader });
        assert.deepEqual(
          [reading.outcome, reading.SeriesInstanceUID, reading.issues],
          ['instance', SERIES, ['HeaderCut']],
        );
        assert.deepEqual(asObject(reading)['00081199'], [{ '00080100': 'A' }]);
        assert.ok(bytesRead(reading)[0] <= FIRST_READ + EXTRA);
      }
    }
  });

  test('what has no VR of its own says the same wherever it stands', () => {
    const text = 'comment '.repeat(150).trim();
    const items = encode([sequence(0x00400275, [[element(0x00400007, 'LO', text)]])], IMPLICIT_LITTLE).subarray(8);
    const explicit = [
      element(0x00190010, 'LO', 'ACME 1.0'),
      element(0x00191001, 'UN', Buffer.from(text)),
      element(0x00400275, 'UN', items),
      element(0x00400280, 'UN', Buffer.from(text)),
    ];
    const implicit = [
      element(0x00190010, 'LO', 'ACME 1.0'),
      element(0x00191001, 'LO', text),
      element(0x00191002, 'SQ', items),
    ];
    for (const [syntax, elements] of [
      [EXPLICIT, explicit],
      [IMPLICIT, implicit],
    ] as const) {
      const behind = [...elements, PIXELS];
      const at = (length: number) =>
        asObject(
          readBytes(
            dicomFile({ syntax, dataSet: instance(element(0x00090001, 'OB', Buffer.alloc(length)), ...behind) }),
          ),
        );
      const { '00090001': _, ...expected } = at(0);
      assert.equal(expected['0019xx01:ACME 1.0'], text);
      for (let length = FIRST_READ - 4096; length < FIRST_READ + 64; length += 38) {
        const { '00090001': __, ...found } = at(length);
        assert.deepEqual(found, expected, `${syntax} ${length}`);
      }
    }
  });

  test('reads that give less than was asked for, one byte even, change nothing', () => {
    const long = element(0x00190099, 'OB', Buffer.alloc(30_000));
    const file = dicomFile({ dataSet: instance(long, PIXELS) });
    const whole = readBytes(file);
    for (const atMost of [1000, 4096, 16_383]) {
      const pieces = readBytes(file, { atMost });
      const { identityReads, fullReads } = whole;
      assert.deepEqual({ ...pieces, identityReads, fullReads }, whole);
      assert.ok(pieces.identityReads.length > identityReads.length);
    }
    const small = dicomFile({ dataSet: instance() });
    assert.deepEqual(readBytes(small, { atMost: 1 }).elements, readBytes(small).elements);
  });

  test('a file that is shorter than its listing says is cut off', () => {
    const file = dicomFile({ dataSet: instance(PIXELS) });
    const { outcome, issues } = readBytes(file.subarray(0, 2000), { listedSize: file.length });
    assert.deepEqual([outcome, issues], ['instance', ['Truncated']]);
    assert.equal(readBytes(Buffer.alloc(0), { listedSize: 5000 }).outcome, 'not-dicom');
  });

  test('one reader serves a long header and then a short one alike', () => {
    const reader = newReader();
    const items = Array.from({ length: 5000 }, () => [element(0x00081155, 'UI', '1.2.3.4')]);
    const long = dicomFile({ dataSet: instance(sequence(0x00081115, items, { undefinedLength: true })) });
    const short = dicomFile({ syntax: BIG, dataSet: instance() });
    const deflated = dicomFile({ syntax: '1.2.840.10008.1.2.1.99', dataSet: instance() });
    for (const file of [long, deflated, short, deflated, long, short]) {
      assert.deepEqual(readBytes(file, { reader }), readBytes(file));
    }
    readBytes(short, { reader });
    assert.ok(reader.buffer.length <= 8 * FIRST_READ, 'a large buffer is not kept');
  });
});

describe('a file that is cut off', () => {
  const dataSet: Part[] = instance(
    sequence(0x00081115, [[element(0x00080100, 'SH', 'A')]], { undefinedLength: true, undefinedItems: true }),
    sequence(0x00400100, [[element(0x00080100, 'SH', 'A')]]),
    element(0x7fe00010, 'OW', Buffer.alloc(100)),
  );

  test('at every byte: no exception, and identity stays once it is whole', () => {
    const reader = newReader();
    for (const syntax of [IMPLICIT, EXPLICIT, BIG]) {
      const file = dicomFile({ syntax, dataSet });
      const encoding = encodingOf(syntax);
      const series = element(0x0020000e, 'UI', SERIES)(encoding);
      const isWholeAt = file.indexOf(series) + series.length;
      for (let end = 0; end <= file.length; end++) {
        const { outcome, issues, SOPInstanceUID, SeriesInstanceUID } = readBytes(file.subarray(0, end), { reader });
        if (end < isWholeAt - series.length + 8) assert.notEqual(outcome, 'instance', `${end}`);
        if (end < isWholeAt) continue;
        assert.deepEqual([outcome, SOPInstanceUID, SeriesInstanceUID], ['instance', SOP_INSTANCE, SERIES]);
        if (end === file.length) assert.deepEqual(issues, []);
        else if (end > isWholeAt + 12) assert.ok(issues.length > 0 || isBoundary(file, end, encoding), `${end}`);
      }
    }
  });

  /** Nothing shows that the file is cut where an element begins. */
  function isBoundary(file: Buffer, end: number, encoding: ReturnType<typeof encodingOf>): boolean {
    return dataSet.some((part) => file.indexOf(part(encoding)) === end);
  }

  test('in the pixel data: an instance, marked', () => {
    for (const syntax of [IMPLICIT, EXPLICIT, BIG]) {
      const file = dicomFile({ syntax, dataSet: instance(PIXELS) });
      const { outcome, issues } = readBytes(file.subarray(0, file.length - 1));
      assert.deepEqual([outcome, issues], ['instance', ['Truncated']]);
    }
  });

  test('in a value of the header: what there is of it is kept', () => {
    const file = dicomFile({ dataSet: instance(element(0x00400280, 'ST', 'a long comment')) });
    const header = asObject(readBytes(file.subarray(0, file.length - 8)));
    assert.equal(header['00400280'], 'a long');
  });
});
