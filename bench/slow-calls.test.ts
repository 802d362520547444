import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildC } from './competitors.ts';
import type { ProbedCall } from './programs/slow-calls-probe.ts';

const probe = join(import.meta.dirname, 'programs/slow-calls-probe.ts');
const compiler = spawnSync('cc', ['--version']).status === 0;
const skip = process.platform === 'linux' && compiler ? false : 'needs Linux and a C compiler: apt-get install gcc';

test('every way of Node to open, read, stat and list is slowed, in all threads, and only below the folder', {
  skip,
}, (t) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'ditag-slow-')));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const options = { scale: 1, directory: folder, runs: 1, samples: '', build: false, save: false };
  const library = buildC(options, 'slow-calls');
  const counts = join(folder, 'counts.json');
  const run = (name: string): ProbedCall[] => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'file'), 'x'.repeat(5000));
    const env = {
      ...process.env,
      LD_PRELOAD: library,
      DITAG_SLOW_PREFIX: join(folder, 'slow'),
      DITAG_SLOW_US: '20000',
      DITAG_SLOW_COUNTS: counts,
    };
    return JSON.parse(
      execFileSync(process.execPath, [probe, join(folder, name)], { env, encoding: 'utf8' }),
    ) as ProbedCall[];
  };
  // A stat of an open file is free: a network client has its attributes from the open.
  const isFree = ({ name }: ProbedCall) => /fstat/.test(name);
  const slow = run('slow');
  assert.equal(slow.length, 2 * 29);
  for (const call of slow) {
    const said = `${call.thread} ${call.name} ${call.milliseconds} ms`;
    assert.ok(isFree(call) ? call.milliseconds < 15 : call.milliseconds >= 20, said);
  }
  const charged = JSON.parse(readFileSync(counts, 'utf8')) as Record<string, number>;
  for (const kind of ['open', 'read', 'stat', 'readdir']) assert.ok(charged[kind]! >= 30, `${kind} ${charged[kind]}`);
  for (const call of run('slow-not'))
    assert.ok(call.milliseconds < 15, `${call.thread} ${call.name} ${call.milliseconds} ms`);
});

test('on a slow mount as many calls are under way as there may be, and no more', { skip }, (t) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'ditag-slow-')));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const options = { scale: 1, directory: folder, runs: 1, samples: '', build: false, save: false };
  const counts = join(folder, 'counts.json');
  const slow = join(folder, 'slow');
  mkdirSync(slow);
  for (let i = 0; i < 400; i++) writeFileSync(join(slow, `${i}`), 'x');
  const env = {
    ...process.env,
    LD_PRELOAD: buildC(options, 'slow-calls'),
    DITAG_SLOW_PREFIX: slow,
    DITAG_SLOW_US: '2000',
    DITAG_SLOW_COUNTS: counts,
  };
  execFileSync(process.execPath, [join(import.meta.dirname, 'programs/slow-reads.ts'), slow, '4'], { env });
  const { open, read, most } = JSON.parse(readFileSync(counts, 'utf8')) as Record<string, number>;
  assert.ok(open! >= 400 && read! >= 400);
  // One more for a moment: now and then a call is made directly, to see whether the mount is quick again.
  assert.ok(most === 4 || most === 5, `${most}`);
});
