import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeFolderRecord,
  decodeSeriesOfRecord,
  encodeFolderRecord,
  type FileKind,
  type FolderRecord,
} from './folder-record.ts';
import { SKIP_REASONS } from './skipped.ts';

/** Names as a file system has them: any byte but NUL and slash, here one character a byte. */
const name = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc.stringMatching(/^IM[0-9]{1,6}(\.dcm)?$/),
    fc.constantFrom('1.2.3', '1.2.3.dcm', 'x1.2.3', '.', '1.2.31.2.3', 'new\nline', '%41'),
  )
  .map((text) => text.replace(/[\0/]/g, 'x'));
const uid = fc.oneof(
  fc.constantFrom('1.2.3', '1.2.4', '1', '9.'),
  fc.stringMatching(/^[0-9.]{1,64}$/),
  fc.constantFrom('1 2', 'é', '1/2'),
);
const text = fc.oneof(fc.constantFrom('', '1.2.840.10008.1.2', 'é'), fc.string());
/** Objects as the program makes them. */
const PLAIN = { noNullPrototype: true };
const kind = (series: number): fc.Arbitrary<FileKind> =>
  fc.oneof(
    fc.record(
      {
        series: fc.nat(series - 1),
        SOPClassUID: text,
        TransferSyntaxUID: text,
        issues: fc.nat(2047),
        digest: fc.integer({ min: 0, max: 0xffffffff }),
        skipped: fc.constant('' as const),
      },
      PLAIN,
    ),
    fc.record(
      {
        series: fc.constant(-1),
        SOPClassUID: fc.constant(''),
        TransferSyntaxUID: fc.constant(''),
        issues: fc.constant(0),
        digest: fc.constant(0),
        skipped: fc.constantFrom(...SKIP_REASONS),
      },
      PLAIN,
    ),
  );

const record: fc.Arbitrary<FolderRecord> = fc
  .uniqueArray(uid, { minLength: 1, maxLength: 5 })
  .chain((series) => fc.tuple(fc.constant(series), fc.array(kind(series.length), { minLength: 1, maxLength: 200 })))
  .chain(([series, kinds]) =>
    fc
      .uniqueArray(
        fc.record(
          {
            name,
            size: fc.oneof(
              fc.nat(),
              fc.integer({ min: 0, max: 2 ** 50 }),
              fc.constantFrom(0, 127, 128, 2 ** 31, 2 ** 32, 2 ** 40),
            ),
            mtime: fc.oneof(
              fc.integer({ min: -(2 ** 50), max: 2 ** 51 }),
              fc.constantFrom(-1, 0, 1_577_880_000_000_000),
            ),
            SOPInstanceUID: uid,
            kind: fc.nat(kinds.length - 1),
          },
          PLAIN,
        ),
        { selector: (file) => file.name, maxLength: 300 },
      )
      .map((files) => ({
        kinds,
        series,
        files: files
          .map((file) => (kinds[file.kind]!.series < 0 ? { ...file, SOPInstanceUID: '' } : file))
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
      })),
  );

test('a record comes back as it was, whatever names, UIDs, sizes and times', () => {
  fc.assert(
    fc.property(record, (value) => {
      const bytes = encodeFolderRecord(value);
      assert.deepEqual(decodeFolderRecord(bytes), value);
      assert.deepEqual(decodeSeriesOfRecord(bytes), value.series);
      assert.deepEqual(encodeFolderRecord(value), bytes, 'the same state has the same bytes');
    }),
    { numRuns: 400 },
  );
});

test('a record takes some 20 bytes an instance', () => {
  const files = Array.from({ length: 500 }, (_, i) => ({
    name: `IM${String(i).padStart(5, '0')}.dcm`,
    size: 39_000 + ((i * 7919) % 20),
    mtime: 1_577_880_000_000_000 + i * 131_071,
    SOPInstanceUID: `1.2.826.0.1.3680043.8.498.${(BigInt(i + 1) * 982_451_653n * 57_885_161n).toString().padStart(20, '0')}`,
    kind: 0,
  }));
  const kinds = [
    {
      series: 0,
      SOPClassUID: '1.2.840.10008.5.1.4.1.1.4',
      TransferSyntaxUID: '1.2.840.10008.1.2.1',
      issues: 0,
      digest: 1,
      skipped: '' as const,
    },
  ];
  const bytes = encodeFolderRecord({ kinds, series: ['1.2.826.0.1.3680043.8.498.1'], files });
  assert.ok(bytes.length / files.length < 25, `${bytes.length / files.length} bytes`);
});

test('an empty record', () => {
  const empty: FolderRecord = { kinds: [], series: [], files: [] };
  assert.deepEqual(decodeFolderRecord(encodeFolderRecord(empty)), empty);
});

test('a record of another format is refused by number', () => {
  const bytes = encodeFolderRecord({ kinds: [], series: [], files: [] });
  bytes[0] = 9 * 2;
  assert.throws(() => decodeFolderRecord(bytes), /format 9/);
});

test('what is no record is an error, never a hang', () => {
  let refused = 0;
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), (bytes) => {
      bytes[0] = 2;
      try {
        decodeFolderRecord(bytes);
      } catch (error) {
        // A fault of the decoder's own would be another one.
        assert.ok(error instanceof RangeError, String(error));
        refused++;
      }
    }),
  );
  assert.ok(refused > 50, `${refused} were refused`);
});

test('a record of which a byte has changed is another record, or no record', () => {
  const files = Array.from({ length: 300 }, (_, i) => ({
    ...{ name: `IM${i}`, size: 1_000 + i, mtime: 7, SOPInstanceUID: `1.2.3.${i * 7919}`, kind: i % 2 },
  }));
  const kinds = [0, 1].map((series) => {
    return { series, SOPClassUID: '1.4', TransferSyntaxUID: '1.5', issues: 0, digest: 9, skipped: '' as const };
  });
  const small = encodeFolderRecord({ kinds, series: ['1.2', '1.3'], files: files.slice(0, 3) });
  const large = encodeFolderRecord({ kinds, series: ['1.2', '1.3'], files });
  assert.deepEqual([small[0], large[0]], [2, 3], 'one as it is, one compressed');
  for (const whole of [small, large])
    for (let at = 0; at < whole.length; at++)
      for (const changed of [whole[at]! ^ 1, whole[at]! ^ 0x80, 0xff]) {
        const bytes = Uint8Array.from(whole);
        bytes[at] = changed;
        for (const decode of [decodeFolderRecord, decodeSeriesOfRecord])
          try {
            decode(bytes);
          } catch (error) {
            assert.ok(error instanceof RangeError, `${at}: ${error}`);
          }
      }
});
