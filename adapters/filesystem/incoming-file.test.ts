// Files on their way in, where the disk is quick at one moment and slow at the next.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { dataSetStart } from '../../core/dimse/file-meta.ts';
import { StoreError } from '../../core/ports/instance-store.ts';
import { Random } from '../../test/random.ts';
import { EXPLICIT, element, encode, encodingOf } from '../../test/reader/dicom-bytes.ts';
import { Incoming } from './incoming-file.ts';
import { IdentityReader } from './incoming-file-identity.ts';
import { call, type MakeCall } from './instance-store-calls.ts';
import { placeByUids } from './instance-store-names.ts';
import type { QuickCalls } from './quick-calls.ts';
import { StoreFolders } from './store-folders.ts';

const CT = '1.2.840.10008.5.1.4.1.1.2';
const HANGS = { timeout: 60_000 };

/** Makes files whose calls are made at once while `isQuick` says so. */
function incoming(t: TestContext, isQuick: () => boolean) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-test-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const archive = path.join(folder, 'archive');
  fs.mkdirSync(archive);
  const make: MakeCall = async (atOnce, later) => (isQuick() ? atOnce() : call(later));
  const quick = {
    get isQuick() {
      return isQuick();
    },
    timed: <T>(atOnce: () => T) => atOnce(),
  } as QuickCalls;
  const folders = new StoreFolders(archive, false, make);
  const around = { folders, make, quick, identities: new IdentityReader({ looksForEnd: false }), place: placeByUids };
  let count = 0;
  const begin = (SOPInstanceUID: string) => {
    const about = { SOPClassUID: CT, SOPInstanceUID, transferSyntaxUID: EXPLICIT, sourceAETitle: 'CT1' };
    const temporary = path.join(folder, String(count++));
    return new Incoming({ ...around, sync: false, isHashed: true }, temporary, about, () => {});
  };
  return { archive, begin, left: () => fs.readdirSync(folder).filter((name) => name !== 'archive') };
}

function dataSet(SOPInstanceUID: string, pixels: Buffer): Buffer {
  const parts = [
    element(0x00080016, 'UI', CT),
    element(0x00080018, 'UI', SOPInstanceUID),
    element(0x0020000d, 'UI', '1.2.3'),
    element(0x0020000e, 'UI', '1.2.3.4'),
    element(0x7fe00010, 'OW', pixels),
  ];
  return encode(parts, encodingOf(EXPLICIT));
}

test('every byte in its place, whenever the disk turns slow or quick', HANGS, async (t) => {
  const random = new Random(20_261_130);
  const { archive, begin, left } = incoming(t, () => random.below(3) > 0);
  for (let n = 0; n < 60; n++) {
    const uid = `1.2.3.${n + 1}`;
    const pixels = Buffer.from(Array.from({ length: 2 * random.below(400_000) }, () => random.below(256)));
    const bytes = dataSet(uid, pixels);
    const file = begin(uid);
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + random.below(random.below(2) === 0 ? 2_000 : 65_536);
      // What a connection gives is used again for what comes next.
      const piece = Buffer.from(bytes.subarray(at, at + length));
      const isTaken = file.write(piece);
      piece.fill(0);
      if (!isTaken || random.below(4) === 0) await file.drained();
      at += length;
    }
    const stored = await file.commit();
    const held = fs.readFileSync(path.join(archive, stored.path));
    assert.ok(held.subarray(dataSetStart(held)).equals(bytes), `${n}: ${bytes.length} bytes`);
    assert.equal(stored.sha256, createHash('sha256').update(held).digest('hex'));
    assert.equal(stored.bytes, held.length);
  }
  assert.deepEqual(left(), []);
});

for (const isQuick of [true, false]) {
  test(`a disk that fills up keeps nobody waiting, ${isQuick ? 'quick' : 'slow'}`, HANGS, async (t) => {
    const { begin, left } = incoming(t, () => isQuick);
    const file = begin('1.2.3.1');
    file.write(dataSet('1.2.3.1', Buffer.alloc(100_000)));
    await file.drained();
    const full = Object.assign(new Error('full'), { code: 'ENOSPC' });
    if (isQuick)
      t.mock.method(fs, 'writevSync', () => {
        throw full;
      });
    else t.mock.method(fs, 'writev', (_file: number, _pieces: Buffer[], done: (error: Error) => void) => done(full));
    for (let n = 0; n < 3; n++) {
      file.write(Buffer.alloc(3_000_000));
      await file.drained();
    }
    await assert.rejects(file.commit(), (error) => error instanceof StoreError && error.reason === 'no-space');
    assert.deepEqual(left(), []);
  });
}
