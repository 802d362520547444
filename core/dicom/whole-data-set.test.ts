// Whether a data set is there to its end: of every sample, whole and cut in its last value.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { BIG, dicomFile, EXPLICIT, element, IMPLICIT, instance, sequence } from '../../test/reader/dicom-bytes.ts';
import { HeaderReader } from './header-reader.ts';
import { feed, isWholeDataSet } from './whole-data-set.ts';

const SAMPLES = path.join(import.meta.dirname, '../../test/samples');
/** Samples that are cut themselves. */
const CUT = ['MR_truncated.dcm', 'rtplan_truncated.dcm'];
/** Samples with nothing behind their last value that matters: of fragments, of native pixels, and without any. */
const ENDING = [
  'SC_rgb_jpeg_dcmtk.dcm',
  'SC_rgb_rle_2frame.dcm',
  'examples_jpeg2k.dcm',
  'rtdose.dcm',
  'rtplan.dcm',
  'test-SR.dcm',
];

async function isWhole(file: Buffer): Promise<boolean | undefined> {
  const reader = new HeaderReader([]);
  // A few bytes at a time, as from a slow disk.
  const read = async (buffer: Buffer, offset: number, length: number, position: number) =>
    file.copy(buffer, offset, position, Math.min(position + Math.min(length, 5_000), file.length));
  await feed(reader, reader.begin(file.length), read);
  return reader.outcome === 'instance' ? isWholeDataSet(reader, file.length, read) : undefined;
}

function samples(): string[] {
  const all = fs.readdirSync(SAMPLES, { recursive: true, withFileTypes: true });
  return all.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

test('of the samples those are not whole that are known to be cut', async () => {
  const found = new Map<boolean | undefined, string[]>();
  for (const file of samples()) {
    const whole = await isWhole(fs.readFileSync(file));
    found.set(whole, [...(found.get(whole) ?? []), path.basename(file)]);
  }
  assert.deepEqual(found.get(false)?.sort(), CUT);
  assert.ok(found.get(true)!.length > 100, `${found.get(true)!.length} are whole`);
});

test('one that is cut in the last value is not whole, native or in fragments', async () => {
  for (const name of ENDING) {
    const [file] = samples().filter((one) => path.basename(one) === name);
    const bytes = fs.readFileSync(file!);
    for (const cut of [1, 8, 9, 200])
      assert.equal(await isWhole(bytes.subarray(0, bytes.length - cut)), false, `${name}, ${cut} bytes less`);
  }
});

test('of a long header without pixels the end is looked for, too', async () => {
  const content = Array.from({ length: 6_000 }, (_, i) => [element(0x0040a160, 'UT', `sentence ${i} `.repeat(8))]);
  const bytes = dicomFile({ syntax: EXPLICIT, dataSet: instance(sequence(0x0040a730, content)) });
  assert.ok(bytes.length > 500_000);
  assert.equal(await isWhole(bytes), true);
  for (const cut of [1, 10, 100_000]) assert.equal(await isWhole(bytes.subarray(0, -cut)), false, `${cut} bytes less`);
});

const PIXELS = 0x7fe00010;
const SYNTAXES = [IMPLICIT, EXPLICIT, BIG];

test('pixel data without a value, or of a few bytes, are whole in every encoding', async () => {
  for (const syntax of SYNTAXES)
    for (const size of [0, 2, 4]) {
      const bytes = dicomFile({ syntax, dataSet: instance(element(PIXELS, 'OW', Buffer.alloc(size))) });
      assert.equal(await isWhole(bytes), true, `${syntax}, ${size} bytes`);
    }
});

test('what stands behind pixel data has to be whole, too', async () => {
  const behind = [element(0x7fe10010, 'LO', 'A MAKER'), element(0x7fe11001, 'OB', Buffer.alloc(2_000, 1))];
  const native = [element(PIXELS, 'OW', Buffer.alloc(100, 7)), ...behind];
  for (const syntax of SYNTAXES) {
    const bytes = dicomFile({ syntax, dataSet: instance(...native) });
    assert.equal(await isWhole(bytes), true, syntax);
    for (const more of [Buffer.alloc(100), Buffer.from('\n'), Buffer.from('\r\n'), Buffer.from('end of file')])
      assert.equal(await isWhole(Buffer.concat([bytes, more])), true, `${syntax}, followed by ${more.toString('hex')}`);
    for (const cut of [1, 1_000, 2_003, 2_010])
      assert.equal(await isWhole(bytes.subarray(0, -cut)), false, `${syntax}, ${cut} bytes less`);
  }
  const fragments = sequence(PIXELS, [[], []], { vr: 'OB', undefinedLength: true });
  const compressed = dicomFile({ syntax: '1.2.840.10008.1.2.4.50', dataSet: instance(fragments, ...behind) });
  assert.equal(await isWhole(compressed), true);
  for (const cut of [1, 1_000, 2_010]) assert.equal(await isWhole(compressed.subarray(0, -cut)), false);
});
