// Pictures of the samples, and of what is no picture: each by itself, in the thread that makes them.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import type { SeriesFile } from '../../core/ports/instance-index.ts';
import { temporaryFolder } from '../../test/cli/run-ditag.ts';
import { FilesystemInstanceFiles } from '../filesystem/instance-files.ts';
import { ThreadedPreviews } from './previews.ts';
import { shrunk } from './shrink.ts';

const SAMPLES = path.resolve(import.meta.dirname, '../../test/samples');
const folder = temporaryFolder({ after });
const files = new FilesystemInstanceFiles((archive) => archive);
const previews = new ThreadedPreviews(files);
after(() => previews.close());

const at = (archive: string, name: string) => ({ archive, path: name }) as SeriesFile;
const sizeOf = (png: Uint8Array) => {
  const view = new DataView(png.buffer, png.byteOffset);
  assert.equal(view.getUint32(0), 0x89504e47);
  return [view.getUint32(16), view.getUint32(20)];
};

test('pictures of plain and compressed files, no longer than 512 pixels', async () => {
  for (const [name, width, height] of [
    ['CT_small.dcm', 128, 128],
    ['MR_small.dcm', 64, 64],
    ['MR_small_RLE.dcm', 64, 64],
    ['JPEG2000.dcm', 128, 512],
    ['SC_rgb_rle.dcm', 100, 100],
  ] as const) {
    if (!fs.existsSync(path.join(SAMPLES, name))) continue;
    const picture = await previews.of(at(SAMPLES, name));
    assert.ok(typeof picture !== 'string', `${name}: ${String(picture)}`);
    assert.deepEqual(sizeOf(picture), [width, height], name);
  }
});

test('compressed or not, the picture is the same', async () => {
  const [plain, packed] = await Promise.all(
    ['MR_small.dcm', 'MR_small_RLE.dcm'].map((name) => previews.of(at(SAMPLES, name))),
  );
  assert.deepEqual(plain, packed);
});

test('whatever a file is, it ends in a picture or a reason', async () => {
  const small = fs.readFileSync(path.join(SAMPLES, 'CT_small.dcm'));
  fs.writeFileSync(path.join(folder, 'cut'), small.subarray(0, 2_000));
  fs.writeFileSync(path.join(folder, 'text'), 'no image');
  fs.writeFileSync(path.join(folder, 'empty'), '');
  for (const name of ['cut', 'text', 'empty'])
    assert.equal(typeof (await previews.of(at(folder, name))), 'string', name);
  assert.equal(await previews.of(at(folder, 'none')), 'not-here');
  for (const name of fs.readdirSync(SAMPLES).filter((each) => each.endsWith('.dcm'))) {
    const picture = await previews.of(at(SAMPLES, name));
    assert.ok(typeof picture !== 'string' || picture === 'no-image', `${name}: ${String(picture)}`);
  }
});

test('what is too large or takes too long is left, and the next one has its turn', async (t) => {
  const few = new ThreadedPreviews(files, { largest: 1_000 });
  t.after(() => few.close());
  assert.equal(await few.of(at(SAMPLES, 'CT_small.dcm')), 'too-large');
  const hasty = new ThreadedPreviews(files, { longest: 1 });
  t.after(() => hasty.close());
  assert.equal(await hasty.of(at(SAMPLES, 'CT_small.dcm')), 'too-long');
  const many = Array.from({ length: 30 }, () => previews.of(at(SAMPLES, 'CT_small.dcm')));
  const outcomes = await Promise.all(many);
  assert.equal(outcomes.filter((outcome) => typeof outcome !== 'string').length, 20);
  assert.equal(outcomes.filter((outcome) => outcome === 'too-long').length, 10);
});

test('a smaller picture is the mean of what falls together', () => {
  const rgba = Uint8Array.from([0, 0, 0, 255, 100, 50, 0, 255, 0, 0, 0, 255, 100, 50, 200, 255]);
  assert.deepEqual(shrunk({ width: 2, height: 2, rgba }, 1), {
    width: 1,
    height: 1,
    rgba: Uint8Array.of(50, 25, 50, 255),
  });
  assert.deepEqual(shrunk({ width: 2, height: 2, rgba }, 2).rgba, rgba);
});
