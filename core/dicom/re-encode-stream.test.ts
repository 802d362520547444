// Re-encoding as a stream: deflated data sets, sources that fail, pixels without end. The rules are in re-encode.test.ts.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import zlib from 'node:zlib';
import {
  BIG,
  DEFLATED,
  EXPLICIT,
  element,
  encode,
  encodingOf,
  IMPLICIT,
  type Part,
} from '../../test/reader/dicom-bytes.ts';
import { ReEncodeError, reEncode } from './re-encode.ts';
import { transferSyntax } from './transfer-syntaxes.ts';

const syntax = (uid: string) => transferSyntax(uid)!;
const written = (uid: string, ...parts: Part[]) => encode(parts, encodingOf(uid));

async function* cut(data: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

async function reEncoded(data: Buffer, from: string, to: string, size = data.length): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(reEncode(cut(data, size), syntax(from), syntax(to))));
}

test('a deflated stream has an even length', async () => {
  for (let length = 0; length < 40; length += 2) {
    const data = written(EXPLICIT, element(0x00100010, 'PN', 'x'.repeat(length)));
    const deflated = await reEncoded(data, EXPLICIT, DEFLATED);
    assert.equal(deflated.length % 2, 0);
    assert.deepEqual(await reEncoded(deflated, DEFLATED, EXPLICIT, 1), data);
  }
});

test('a deflated stream that is damaged or cut is an error; what follows it is not looked at', async () => {
  const data = written(EXPLICIT, element(0x00100010, 'PN', 'A^B'), element(0x7fe00010, 'OW', randomBytes(1000)));
  const deflated = zlib.deflateRawSync(data);
  for (const size of [1, 100, 100_000]) {
    for (const broken of [deflated.subarray(0, -3), Buffer.alloc(0), Buffer.from('no deflated stream')]) {
      await assert.rejects(reEncoded(broken, DEFLATED, IMPLICIT, size), ReEncodeError);
    }
    const followed = Buffer.concat([deflated, Buffer.alloc(1000)]);
    assert.deepEqual(await reEncoded(followed, DEFLATED, EXPLICIT, size), data);
  }
});

test('an error of the source is passed on, and a source that is not wanted any more is closed', async () => {
  for (const [from, to] of [
    [EXPLICIT, IMPLICIT],
    [DEFLATED, IMPLICIT],
    [EXPLICIT, DEFLATED],
  ] as const) {
    const failure = new Error('disk');
    let closed = false;
    const plain = written(EXPLICIT, element(0x7fe00010, 'OW', randomBytes(2_000_000)));
    const whole = from === DEFLATED ? zlib.deflateRawSync(plain, { level: 0 }) : plain;
    const source = async function* (end: number) {
      try {
        yield* cut(whole.subarray(0, end), 10_000);
        throw failure;
      } finally {
        closed = true;
      }
    };
    const start = Array.fromAsync(reEncode(source(1_000_000), syntax(from), syntax(to)));
    await assert.rejects(start, (error) => error === failure);
    assert.ok(closed);
    closed = false;
    for await (const _piece of reEncode(source(whole.length), syntax(from), syntax(to))) break;
    assert.ok(closed, `${from} to ${to}`);
  }
});

test('100 MB of pixels pass by without gathering, out of one buffer that is used again', async () => {
  const size = 65_537;
  const length = 1600 * size;
  const pattern = Buffer.alloc(2 * size, 'pixels of 16 bits each ');
  const header = (uid: string) => element(0x7fe00010, 'OW', '', { length })(encodingOf(uid));
  let taken = 0;
  const source = async function* () {
    yield header(EXPLICIT);
    const reused = Buffer.alloc(size);
    for (let i = 0; i < 1600; i++) {
      pattern.copy(reused, 0, (i % 2) * size);
      yield reused;
      taken += size;
    }
  };
  const digest = createHash('sha1');
  let given = 0;
  for await (const piece of reEncode(source(), syntax(EXPLICIT), syntax(BIG))) {
    digest.update(piece);
    given += piece.length;
    assert.ok(piece.length <= 65_536);
    assert.ok(Math.abs(taken - given) <= 256 * 1024, `${taken} bytes taken, ${given} given`);
  }
  const expected = createHash('sha1').update(header(BIG));
  pattern.swap16();
  for (let i = 0; i < 800; i++) expected.update(pattern);
  assert.equal(given, length + 12);
  assert.equal(digest.digest('hex'), expected.digest('hex'));
});
