// Feeds the header reader with damaged and made-up files: node test/fuzz/reader-fuzz.ts --inputs N --seed S
// Of each input is demanded: no exception, requests within the file that make progress, a bound on the bytes asked
// for, on the time and on the header, and the same outcome when it is read again by a reader that has read others.
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { HeaderReader, ReadRequest } from '../../core/dicom/header-reader.ts';
import { decodeFolderRecord, encodeFolderRecord } from '../../core/instance/folder-record.ts';
import { decodeHeader, encodeHeader } from '../../core/instance/header-codec.ts';
import { Random } from '../random.ts';
import { newReader, type Reading, readBytes } from '../reader/scripted-source.ts';
import { generated, mutated } from './mutate.ts';

/** Most that is asked for of one file, in bytes: twice the longest header, and a read. */
const MAX_ASKED = 9 * 1024 * 1024;
/** Most characters of a full header: 256 kB of text, and what its form as JSON adds. */
const MAX_HEADER_CHARACTERS = 2 * 1024 * 1024;
const MAX_MILLISECONDS = 250;
/** A slower input is tried again: a busy machine is not the reader's fault. */
const TRIES = 4;

export interface FuzzReport {
  readonly seed: number;
  readonly inputs: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly slowest: number;
  readonly mostAsked: number;
}

/** Runs `inputs` inputs. Throws for the first one that breaks a rule; the input is then in a file. */
export function fuzzReader(inputs: number, seed: number): FuzzReport {
  const random = new Random(seed);
  const files = smallSamples();
  const reader = newReader();
  const outcomes: Record<string, number> = {};
  let slowest = 0;
  let mostAsked = 0;
  for (let i = 0; i < inputs; i++) {
    const file = random.chance(4) ? generated(random) : mutated(files, random);
    try {
      const { reading, milliseconds } = timed(file, reader);
      check(file, reading, i);
      slowest = Math.max(slowest, milliseconds);
      mostAsked = Math.max(mostAsked, askedBytes(reading));
      outcomes[reading.outcome] = (outcomes[reading.outcome] ?? 0) + 1;
    } catch (cause) {
      const kept = path.join(tmpdir(), `reader-fuzz-${seed}-${i}.bin`);
      writeFileSync(kept, file);
      throw new Error(`input ${i} of seed ${seed} (${kept}): ${String(cause)}`, { cause });
    }
  }
  return { seed, inputs, outcomes, slowest, mostAsked };
}

function timed(file: Buffer, reader: HeaderReader): { reading: Reading; milliseconds: number } {
  let milliseconds = 0;
  for (let i = 0; i < TRIES; i++) {
    const start = performance.now();
    const reading = readBytes(file, { reader });
    milliseconds = performance.now() - start;
    if (milliseconds < MAX_MILLISECONDS) return { reading, milliseconds };
  }
  throw new Error(`takes ${milliseconds.toFixed(0)} ms`);
}

function check(file: Buffer, reading: Reading, i: number): void {
  assert.ok(askedBytes(reading) <= MAX_ASKED, `${askedBytes(reading)} bytes are asked for`);
  if (i % 4 === 0) assert.deepEqual(readBytes(file), reading, 'another outcome when read again');
  const { SOPInstanceUID, SeriesInstanceUID, SOPClassUID, TransferSyntaxUID, digest, elements } = reading;
  if (reading.outcome === 'instance') {
    assert.ok(SOPInstanceUID !== '' && SeriesInstanceUID !== '', 'an instance without identity');
  }
  if (elements === undefined) return;
  let characters = 0;
  for (const { key, vr, text } of elements) {
    characters += key.length + text.length;
    assert.match(key, /^[0-9A-F]{4}([0-9A-F]{4}$|xx[0-9A-F]{2}:)/);
    if (vr === 'SQ' && text.startsWith('[')) JSON.parse(text);
    else if (text.startsWith('\0')) assert.match(text, /^\0(bytes \d+$|cut \d+:)/);
  }
  assert.ok(characters < MAX_HEADER_CHARACTERS, `a header of ${characters} characters`);
  if (i % 8 !== 0) return;
  assert.deepEqual(
    decodeHeader(encodeHeader(elements)),
    elements.flatMap(({ key, vr, text }) => [key, vr, text]),
  );
  const kind = { series: 0, SOPClassUID, TransferSyntaxUID, issues: 0, digest, skipped: '' } as const;
  const record = {
    kinds: [kind],
    series: [SeriesInstanceUID],
    files: [{ name: `${SOPInstanceUID.replaceAll('/', '')}.dcm`, size: 1, mtime: 2, SOPInstanceUID, kind: 0 }],
  };
  assert.deepEqual(decodeFolderRecord(encodeFolderRecord(record)), record);
}

function askedBytes({ identityReads, fullReads }: Reading): number {
  return [...identityReads, ...fullReads].reduce((sum: number, { length }: ReadRequest) => sum + length, 0);
}

function smallSamples(): Buffer[] {
  const folder = fileURLToPath(new URL('../samples/', import.meta.url));
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
    .map((file) => readFileSync(file))
    .filter((bytes) => bytes.length < 45_000);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { inputs: { type: 'string' }, seed: { type: 'string' } } });
  const seed = Number(values.seed ?? Date.now() % 1_000_000_007);
  process.stdout.write(`seed ${seed}\n`);
  process.stdout.write(`${JSON.stringify(fuzzReader(Number(values.inputs ?? 20_000), seed))}\n`);
}
