// The README's first command, as it stands there, but for the installation that has made this test possible.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

const project = path.resolve(import.meta.dirname, '../..');

test('the first command indexes the samples and prints their series', (t) => {
  const readme = fs.readFileSync(path.join(project, 'README.md'), 'utf8');
  const line = readme.split('\n').find((one) => one.startsWith('    npm ci && npm run'));
  assert.ok(line !== undefined);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-first-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const command = line.trim().replace('npm ci && ', '').replaceAll('.cache/try', folder);
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd: project, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^Found 38 matching series\.$/m);
  assert.equal(
    stdout.split('\n')[0],
    'StudyDescription,SeriesDescription,PatientName,PatientID,StudyDate,SeriesInstanceUID',
  );
});
