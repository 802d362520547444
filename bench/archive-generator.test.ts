import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ArchivePlan, makeArchive, writeArchive } from './archive-generator.ts';
import { type Element, readTemplate } from './dicom-template.ts';

const samples = resolve(import.meta.dirname, '../test/samples');
const plan: ArchivePlan = {
  files: 150,
  filesASeries: [10, 20],
  fileBytes: 39_206,
  templates: { 'CT_small.dcm': 40, 'MR_small.dcm': 30, 'MR_small_implicit.dcm': 30 },
  layout: 'clinical',
  seed: 9,
};

/** A folder that is gone when the test ends. */
function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ditag-archive-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Path below the root, and bytes, of each file in the order of the paths. */
function readAll(root: string): [string, Buffer][] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => [path.slice(root.length), readFileSync(path)]);
}

function text(elements: Element[], tag: number): string {
  return elements
    .find((element) => element.tag === tag)!
    .value.toString('latin1')
    .replace(/[ \0]+$/, '');
}

test('each file is whole, of the wanted size and with UIDs of its own', (t) => {
  const root = join(temporary(t), 'archive');
  writeArchive(root, samples, plan);
  const files = readAll(root);
  assert.equal(files.length, 150);
  const uids = new Set<string>();
  const seriesOf = new Map<string, Set<string>>();
  for (const [path, bytes] of files) {
    assert.equal(bytes.length, 39_206);
    const { meta, dataset } = readTemplate(bytes);
    assert.equal(text(meta, 0x00020003), text(dataset, 0x00080018));
    assert.equal(meta[0]!.value.readUInt32LE(), bytes.indexOf(meta.at(-1)!.value) + meta.at(-1)!.value.length - 144);
    assert.deepEqual(
      dataset.map(({ tag }) => tag),
      dataset.map(({ tag }) => tag).sort((a, b) => a - b),
    );
    uids.add(text(dataset, 0x00080018));
    const folder = path.slice(0, path.lastIndexOf('/'));
    const series = text(dataset, 0x0020000e);
    seriesOf.set(folder, (seriesOf.get(folder) ?? new Set()).add(series));
    assert.match(text(dataset, 0x0020000d), /^1\.2\.826\.[\d.]{46}$/);
  }
  assert.equal(uids.size, 150);
  assert.ok([...seriesOf.values()].every((series) => series.size === 1));
  assert.equal(new Set([...seriesOf.values()].flatMap((series) => [...series])).size, seriesOf.size);
});

test('the same plan gives the same bytes, and a cut archive ends before the pixel data', (t) => {
  const root = temporary(t);
  const cut: ArchivePlan = { ...plan, files: 40, fileBytes: 'header', layout: 'shallow' };
  for (const name of ['one', 'two']) writeArchive(join(root, name), samples, cut);
  const files = readAll(join(root, 'one'));
  assert.deepEqual(files, readAll(join(root, 'two')));
  assert.ok(files.every(([, bytes]) => readTemplate(bytes).dataset.every(({ tag }) => tag < 0x7fe00010)));
});

test('an archive that is whole is used again; one of another plan is made anew', (t) => {
  const folder = temporary(t);
  const small: ArchivePlan = { ...plan, files: 12 };
  const root = makeArchive(folder, 'small', samples, small);
  const [path] = readAll(root)[0]!;
  rmSync(join(root, path));
  makeArchive(folder, 'small', samples, small);
  assert.equal(readAll(root).length, 11);
  makeArchive(folder, 'small', samples, { ...small, seed: 10 });
  assert.equal(readAll(root).length, 12);
});
