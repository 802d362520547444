// The import rules hold because a forbidden import fails: each rule is broken once, in a tree of its own.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

const project = path.resolve(import.meta.dirname, '..');

/** Runs the checker on a tree of these files; returns what it prints. */
function cruise(files: Record<string, string>): { code: number; text: string } {
  const tree = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-boundaries-'));
  try {
    fs.copyFileSync(path.join(project, 'tsconfig.json'), path.join(tree, 'tsconfig.json'));
    fs.symlinkSync(path.join(project, 'node_modules'), path.join(tree, 'node_modules'));
    fs.copyFileSync(path.join(project, 'package.json'), path.join(tree, 'package.json'));
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(tree, name)), { recursive: true });
      fs.writeFileSync(path.join(tree, name), text);
    }
    const folders = [...new Set(Object.keys(files).map((name) => name.split('/')[0]!))];
    const checker = path.join(project, 'node_modules/.bin/depcruise');
    const config = path.join(project, '.dependency-cruiser.mjs');
    const { status, stdout, stderr } = spawnSync(checker, [...folders, '--config', config], {
      cwd: tree,
      encoding: 'utf8',
    });
    return { code: status ?? -1, text: stdout + stderr };
  } finally {
    fs.rmSync(tree, { recursive: true });
  }
}

const THING = 'export const thing = 1;\n';
const from = (file: string) => `import { thing } from '${file}';\nexport const other = thing;\n`;

const BROKEN: readonly (readonly [string, Record<string, string>])[] = [
  ['dicom-knows-only-itself', { 'core/dicom/a.ts': from('../query/b.ts'), 'core/query/b.ts': THING }],
  ['dimse-knows-dicom-only', { 'core/dimse/a.ts': from('../query/b.ts'), 'core/query/b.ts': THING }],
  ['the-page-runs-in-browsers', { 'services/api/page/a.ts': from('../b.ts'), 'services/api/b.ts': THING }],
  ['core-does-no-io', { 'core/query/a.ts': "import fs from 'node:fs';\nexport const x = fs;\n" }],
  ['core-knows-nobody-above', { 'core/query/a.ts': from('../../adapters/x/b.ts'), 'adapters/x/b.ts': THING }],
  ['core-libraries-are-named', { 'core/query/a.ts': "import { parse } from 'yaml';\nexport const x = parse;\n" }],
  ['adapters-know-core-only', { 'adapters/x/a.ts': from('../y/b.ts'), 'adapters/y/b.ts': THING }],
  ['services-know-core-only', { 'services/x/app.ts': from('../../adapters/y/b.ts'), 'adapters/y/b.ts': THING }],
  [
    'cli-names-adapters-in-workspaces-only',
    { 'cli/commands/a.ts': from('../../adapters/y/b.ts'), 'adapters/y/b.ts': THING },
  ],
  [
    'cli-knows-apps-of-services-only',
    { 'cli/workspaces/a.ts': from('../../services/y/main.ts'), 'services/y/main.ts': THING },
  ],
  ['services-know-no-other', { 'services/x/main.ts': from('../y/app.ts'), 'services/y/app.ts': THING }],
  ['no-test-code-in-the-product', { 'core/query/a.ts': from('../../test/b.ts'), 'test/b.ts': THING }],
  ['no-development-dependency-in-the-product', { 'cli/a.ts': "import fc from 'fast-check';\nexport const x = fc;\n" }],
  [
    'no-circles',
    {
      'core/query/a.ts': from('./b.ts'),
      'core/query/b.ts': from('./a.ts')
        .replace('other', 'thing')
        .replace('{ thing }', '{ other as o }')
        .replace('= thing', '= o'),
    },
  ],
];

for (const [rule, files] of BROKEN) {
  test(`an import that breaks "${rule}" fails`, () => {
    const { code, text } = cruise(files);
    assert.notEqual(code, 0);
    assert.match(text, new RegExp(rule));
  });
}

test('a tree that keeps the rules passes', () => {
  const { code, text } = cruise({ 'adapters/x/a.ts': from('../../core/query/b.ts'), 'core/query/b.ts': THING });
  assert.equal(code, 0, text);
});
