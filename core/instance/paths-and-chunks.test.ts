import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { comparePaths, joinPath, shownPath, typedPath } from './byte-path.ts';
import { chunkBitsFor, chunkIndex, isInChunk } from './folder-chunks.ts';

const component = fc
  .uint8Array({ minLength: 1, maxLength: 4 })
  .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x61 : byte))).toString('latin1'));
const path = fc
  .array(fc.oneof(component, fc.constantFrom('a', 'a-b', 'a.b', 'b', '\xff')), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'));

/** Component by component, byte by byte, in the plainest way. */
function compared(a: string, b: string): number {
  const [x, y] = [a.split('/'), b.split('/')];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const order = Buffer.compare(Buffer.from(x[i]!, 'latin1'), Buffer.from(y[i]!, 'latin1'));
    if (order !== 0) return order;
  }
  return Math.sign(x.length - y.length);
}

test('paths are ordered component by component, byte by byte', () => {
  fc.assert(
    fc.property(path, path, (a, b) => {
      assert.equal(Math.sign(comparePaths(a, b)), compared(a, b));
      assert.equal(comparePaths(a, a), 0);
    }),
    { numRuns: 1000 },
  );
  assert.ok(comparePaths('a/z', 'a-b') < 0);
  assert.ok(comparePaths('Z', 'a') < 0);
  assert.ok(comparePaths('a', 'a/b') < 0);
  assert.ok(comparePaths('z', '\xc3\xa9') < 0);
});

test('paths join, are typed and shown', () => {
  assert.equal(joinPath('', 'x'), 'x');
  assert.equal(joinPath('a/b', 'x'), 'a/b/x');
  const shown: [string, string][] = [
    ['plain/name.dcm', 'plain/name.dcm'],
    [typedPath('Größe/漢字'), 'Größe/漢字'],
    ['a\xff', 'a\\xff'],
    ['gr\xf6\xdfe', 'gr\\xf6\\xdfe'],
    ['two\nlines\x7f', 'two\\x0alines\\x7f'],
    [`${typedPath('é')}\n`, 'é\\x0a'],
    ['\x1b[31m', '\\x1b[31m'],
  ];
  for (const [bytes, text] of shown) assert.equal(shownPath(bytes), text);
  fc.assert(fc.property(path, (a) => assert.match(shownPath(a), /^[^\x00-\x1f\x7f]*$/)));
});

test('a name is in exactly one chunk; when a chunk is split its names stay in its two halves', () => {
  fc.assert(
    fc.property(component, fc.nat(12), (name, bits) => {
      const index = chunkIndex(name, bits);
      assert.ok(index >= 0 && index < 2 ** bits);
      assert.equal(chunkIndex(name, bits + 1) >>> 1, index);
      assert.equal(isInChunk(name, { bits, index }), true);
      if (bits > 0) assert.equal(isInChunk(name, { bits, index: index ^ 1 }), false);
    }),
  );
});

test('names that differ at their end spread over the chunks', () => {
  const counts = new Uint32Array(16);
  for (let i = 0; i < 16_000; i++) counts[chunkIndex(`IM${String(i).padStart(6, '0')}.dcm`, 4)]!++;
  for (const count of counts) assert.ok(count > 700 && count < 1300, counts.join());
});

test('chunks are only ever split', () => {
  assert.equal(chunkBitsFor(0, 0), 0);
  assert.equal(chunkBitsFor(8192, 0), 0);
  assert.equal(chunkBitsFor(8193, 0), 1);
  assert.equal(chunkBitsFor(1_000_000, 0), 7);
  assert.equal(chunkBitsFor(10, 7), 7);
});
