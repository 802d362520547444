// A disk without room is told as that, with exit code 1: the same command works when there is room. /dev/full has none.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { dicomFile } from '../index/make-archive.ts';
import { runDitag, temporaryFolder } from './run-ditag.ts';

const home = temporaryFolder({ after });
const archive = path.join(home, 'archive');

before(async () => {
  fs.mkdirSync(archive);
  fs.writeFileSync(path.join(archive, '1.dcm'), dicomFile({ SeriesInstanceUID: '1.2', SOPInstanceUID: '1.2.1' }));
});

test('what was indexed is told although the list of skipped files cannot be written', async () => {
  const { code, stderr } = await runDitag(['index', '--archive', archive, '--skipped', '/dev/full'], { home });
  assert.equal(code, 1);
  assert.match(stderr, /^Files: 1 /m);
  assert.match(stderr, /The disk has no room for \/dev\/full.* The index is whole; its list of skipped files is not\./);
  assert.equal((await runDitag(['query', '--count'], { home })).stdout.trim(), '1');
});

test('answers', async () => {
  const { code, stderr } = await runDitag(['query', '--output', '/dev/full'], { home });
  assert.equal(code, 1);
  assert.match(stderr, /The disk has no room for \/dev\/full/);
});

test('the list of skipped files leaves nothing in the archive while it is read', async () => {
  const skipped = path.join(archive, 'skipped.csv');
  assert.equal((await runDitag(['index', '--archive', archive, '--skipped', skipped], { home })).code, 0);
  assert.equal(fs.readFileSync(skipped, 'utf8'), 'reason,path\n');
});

test('tokens where there is no folder, or no place for one', async () => {
  const config = path.join(home, 'not', 'yet', 'c.ini');
  assert.equal((await runDitag(['token', 'list', '--config-file', config], { home })).code, 0);
  fs.writeFileSync(path.join(home, 'file'), '');
  const { code, stderr } = await runDitag(['token', 'list', '--config-file', path.join(home, 'file', 'c.ini')], {
    home,
  });
  assert.equal(code, 2);
  assert.match(stderr, /^Cannot (?:read|write) /);
  fs.writeFileSync(path.join(home, 'not', 'yet', 'dicom.db-access'), Buffer.alloc(8192, 7));
  const damaged = await runDitag(['token', 'list', '--config-file', config], { home });
  assert.doesNotMatch(damaged.stderr, /ditag failed|\n +at /);
  assert.equal(damaged.code, 2);
});
