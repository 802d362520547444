// A disk without room is told as that, with exit code 1: the same command works when there is room. /dev/full has none.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
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

/** A command line of a shell, in which $DITAG is the program. */
function shell(line: string): { readonly code: number | null; readonly stderr: string } {
  const DITAG = `${process.execPath} ${path.join(import.meta.dirname, '../../cli/main.ts')}`;
  const { status, stderr } = spawnSync('bash', ['-c', line], {
    encoding: 'utf8',
    env: { ...process.env, HOME: home, DITAG, NODE_NO_WARNINGS: '1' },
  });
  return { code: status, stderr };
}

test('answers that the shell writes into a file: one that takes only their beginning is told', async () => {
  const own = path.join(home, 'own');
  const StudyDescription = 'x'.repeat(3_000);
  fs.mkdirSync(path.join(own, 'archive'), { recursive: true });
  for (let n = 0; n < 60; n++)
    fs.writeFileSync(
      path.join(own, 'archive', `${n}.dcm`),
      dicomFile({ SeriesInstanceUID: `1.3.${n}`, SOPInstanceUID: `1.3.${n}.1`, StudyDescription }),
    );
  const config = `--config-file ${path.join(own, 'c.ini')}`;
  assert.equal(shell(`$DITAG index --archive ${path.join(own, 'archive')} ${config}`).code, 0);
  const file = path.join(own, 'rows');
  for (const format of ['csv', 'json', 'ndjson']) {
    // Files of at most 100 kB: of a write that goes beyond, the system takes what fits.
    const query = `$DITAG query --format ${format} --columns StudyDescription ${config} > ${file}`;
    const { code, stderr } = shell(`ulimit -f 100; ${query}`);
    assert.equal(code, 1, `${format}: ${stderr}`);
    assert.match(stderr, /The disk has no room for standard output/);
    assert.doesNotMatch(stderr, /Found/);
    assert.equal(shell(query).code, 0);
    assert.ok(fs.statSync(file).size > 180_000);
  }
});

test('a token that could not be shown is none', async () => {
  const { code, stderr } = shell('$DITAG token create unseen --role read > /dev/full');
  assert.deepEqual([code, /The disk has no room for standard output/.test(stderr)], [1, true], stderr);
  assert.equal(shell('$DITAG token create unread --role read | true').code, 0);
  assert.doesNotMatch((await runDitag(['token', 'list'], { home })).stdout, /unseen/);
});

test('help whose reader has gone, or for which there is no room', () => {
  const gone = shell('($DITAG query --help; echo "code $?" >&2) | true');
  assert.match(gone.stderr, /^code 0\n$/);
  const full = shell('$DITAG query --help > /dev/full');
  assert.equal(full.code, 1);
  assert.match(full.stderr, /^The disk has no room for standard output.*\n$/);
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
