// Re-encoding real files: there and back, against DCMTK's dcmconv, and damaged ones. The rules are in re-encode.test.ts.

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { mutated } from '../../test/fuzz/mutate.ts';
import { hasProgram } from '../../test/programs.ts';
import { Random } from '../../test/random.ts';
import { BIG, DEFLATED, EXPLICIT, IMPLICIT } from '../../test/reader/dicom-bytes.ts';
import { newReader, readBytes } from '../../test/reader/scripted-source.ts';
import { canReEncode, ReEncodeError, reEncode } from './re-encode.ts';
import { ElementReEncoder } from './re-encode-elements.ts';
import { type TransferSyntax, transferSyntax } from './transfer-syntaxes.ts';

/** A fifth of what is asked for: each is written three times. */
const FUZZ_INPUTS = Number(process.env['DITAG_FUZZ_INPUTS'] ?? 20_000) / 5;
/** Programs of DCMTK that run at the same time. */
const AT_ONCE = 4;

const [implicit, explicit, big, deflated] = [IMPLICIT, EXPLICIT, BIG, DEFLATED].map((uid) => transferSyntax(uid)!) as [
  TransferSyntax,
  TransferSyntax,
  TransferSyntax,
  TransferSyntax,
];
const samples = path.resolve(import.meta.dirname, '../../test/samples');

/** What is refused, and why. */
const refused = new Map([
  ['MR_truncated.dcm', /ends within an element/],
  ['rtplan_truncated.dcm', /ends within an element/],
  ['SC_rgb_jpeg.dcm', /\(7FE0,0010\) .* undefined length/],
]);

interface Sample {
  readonly name: string;
  readonly syntax: TransferSyntax;
  readonly hasPrefix: boolean;
  readonly data: Buffer;
}

function uncompressedSamples(): Sample[] {
  const found: Sample[] = [];
  for (const name of readdirSync(samples, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.dcm')) continue;
    const [file, reader] = [readFileSync(path.join(samples, name)), newReader()];
    if (readBytes(file, { reader }).outcome !== 'instance') continue;
    const syntax = reader.actualSyntax;
    if (syntax === undefined || !canReEncode(syntax, explicit)) continue;
    const hasPrefix = file.toString('latin1', 128, 132) === 'DICM';
    found.push({ name, syntax, hasPrefix, data: file.subarray(reader.dataSetPosition) });
  }
  return found;
}

async function* cut(data: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

async function reEncoded(data: Buffer, from: TransferSyntax, to: TransferSyntax, size = 65_536): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(reEncode(cut(data, size), from, to)));
}

const all = uncompressedSamples();
const whole = all.filter(({ name }) => !refused.has(name));

test('samples that are not whole are refused', async () => {
  assert.ok(whole.length > 30, `${whole.length} samples`);
  for (const { name, syntax, data } of all) {
    const message = refused.get(name);
    if (message === undefined) continue;
    for (const to of [implicit, big]) await assert.rejects(reEncoded(data, syntax, to), message);
  }
});

test('there and back, through every syntax', async () => {
  for (const { name, syntax, data } of whole) {
    const copy = Buffer.from(data);
    const own = await reEncoded(data, syntax, syntax);
    const bare = await reEncoded(data, syntax, implicit);
    for (const to of [implicit, explicit, big, deflated]) {
      const there = await reEncoded(data, syntax, to);
      const back = await reEncoded(there, to, syntax);
      // Implicit VR forgets VRs that the dictionary does not know: then only tags, lengths and values come back.
      if (to !== implicit && syntax !== deflated) assert.deepEqual(back, own, `${name} through ${to.name}`);
      assert.deepEqual(await reEncoded(there, to, implicit), bare, `${name} by ${to.name}`);
    }
    assert.deepEqual(data, copy, `${name} was altered`);
  }
});

test('the size of the pieces makes no difference', async () => {
  for (const { name, syntax, data } of whole) {
    for (const to of [implicit, big]) {
      const expected = await reEncoded(data, syntax, to);
      for (const size of data.length < 2000 ? [1, 7, 1000] : [1001]) {
        assert.deepEqual(await reEncoded(data, syntax, to, size), expected, `${name} by ${size} to ${to.name}`);
      }
    }
  }
});

test('dcmconv of DCMTK writes the same bytes', async (t) => {
  if (!hasProgram(t, 'dcmconv', 'dcmtk')) return;
  const folder = mkdtempSync(path.join(tmpdir(), 'ditag-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  // Without group lengths, with undefined lengths, and no file meta.
  const options = ['-q', '-g', '-e', '-F'];
  const readable = whole.filter(({ hasPrefix }) => hasPrefix);
  const jobs = readable.flatMap((sample) => [
    { sample, option: '+ti', to: implicit },
    { sample, option: '+tb', to: big },
  ]);
  const different: string[] = [];
  const work = async (worker: number): Promise<void> => {
    const out = path.join(folder, String(worker));
    for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) {
      const { sample, option, to } = job;
      await promisify(execFile)('dcmconv', [...options, option, path.join(samples, sample.name), out]);
      const ours = await reEncoded(sample.data, sample.syntax, to);
      if (!ours.equals(readFileSync(out))) different.push(`${sample.name} in ${to.name}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, worker) => work(worker)));
  assert.deepEqual(different, []);
});

test(`${FUZZ_INPUTS} damaged data sets: a ReEncodeError, or the same elements in every syntax`, async (t) => {
  const seed = Number(process.env['DITAG_SEED'] ?? Date.now() % 1_000_000_007);
  t.diagnostic(`seed ${seed}`);
  const random = new Random(seed);
  const small = whole.filter(({ data, syntax }) => data.length < 12_000 && syntax !== deflated);
  let good = 0;
  for (let i = 0; i < FUZZ_INPUTS; i++) {
    const { data, syntax } = random.pick(small);
    const from = random.chance(3) ? syntax : random.pick([implicit, explicit, big]);
    const start = from === syntax ? data : await reEncoded(data, syntax, from);
    const input = mutated([start], random);
    const to = random.pick([explicit, big]);
    try {
      const [bare, written] = [withoutWaiting(input, from, implicit), withoutWaiting(input, from, to)];
      if (bare === undefined || written === undefined) continue;
      good += 1;
      assert.deepEqual(withoutWaiting(written, to, implicit), bare);
      if (random.chance(8)) assert.deepEqual(await reEncoded(input, from, to, 1 + random.below(9000)), written);
    } catch (cause) {
      throw new Error(`input ${i} of seed ${seed}, ${from.name} to ${to.name}: ${String(cause)}`, { cause });
    }
  }
  t.diagnostic(`${good} were not refused`);
  assert.ok(good > FUZZ_INPUTS / 20);
});

test('damaged deflate streams', async (t) => {
  const seed = Number(process.env['DITAG_SEED'] ?? Date.now() % 1_000_000_007);
  t.diagnostic(`seed ${seed}`);
  const random = new Random(seed);
  const { data, syntax } = whole.find(({ name }) => name === 'MR_small.dcm')!;
  const stream = await reEncoded(data, syntax, deflated);
  let refused = 0;
  for (let i = 0; i < 200; i++) {
    const result = reEncoded(mutated([stream], random), deflated, random.pick([implicit, big, deflated]));
    await result.catch((error: unknown) => {
      assert.ok(error instanceof ReEncodeError, `${seed}: ${String(error)}`);
      refused++;
    });
  }
  assert.ok(refused > 20, `${seed}: ${refused} were refused`);
});

/** Undefined where it is refused. */
function withoutWaiting(data: Buffer, from: TransferSyntax, to: TransferSyntax): Buffer | undefined {
  const encoder = new ElementReEncoder(from, to);
  try {
    return Buffer.concat([...encoder.take(data), encoder.end()]);
  } catch (error) {
    if (error instanceof ReEncodeError) return undefined;
    throw error;
  }
}
