// What `npm pack` takes: a package that runs with its dependencies alone, and holds the pages that its README names.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';

const top = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'ditag-package-'));
after(() => rmSync(folder, { recursive: true }));

// The program is built: nothing is run for packing it.
const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: top, encoding: 'utf8' });
const [{ files }] = JSON.parse(packed) as [{ files: { path: string }[] }];
const paths = new Set(files.map(({ path }) => path));

test('every file that the README of a package names is in it', () => {
  const readme = readFileSync(join(top, 'README.md'), 'utf8');
  const named = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1]!);
  assert.ok(named.length > 10);
  assert.deepEqual(
    named.filter((path) => !paths.has(path)),
    [],
  );
});

test('nothing else is in it than the program, its pages and licences', () => {
  const others = [...paths].filter((path) => !path.startsWith('dist/') && !/^docs\/[a-z-]+\.(?:md|png)$/.test(path));
  assert.deepEqual(others.sort(), [
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'LICENSE',
    'NOTICE',
    'README.md',
    'package.json',
  ]);
});

test('a package runs with the dependencies that it names', () => {
  const home = join(folder, 'ditag');
  for (const path of paths) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    cpSync(join(top, path), join(home, path));
  }
  const { bin, dependencies } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    const link = join(home, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(top, 'node_modules', name), link);
  }
  const config = ['--config-file', join(folder, 'config.ini')];
  const ditag = (...args: string[]) =>
    execFileSync('node', [join(home, bin.ditag), ...args, ...config], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  ditag('index', '--archive', join(top, 'test', 'samples'));
  assert.equal(ditag('query', '--count').trim(), '38');
});
