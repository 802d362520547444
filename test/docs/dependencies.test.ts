// docs/dependencies.md has a row for each dependency of package.json, under the right heading, and no others.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { PROJECT, readPage } from './markdown.ts';

type Manifest = Readonly<Record<'dependencies' | 'devDependencies', Readonly<Record<string, string>>>>;
const manifest = JSON.parse(fs.readFileSync(path.join(PROJECT, 'package.json'), 'utf8')) as Manifest;

/** Names in the first column of the table below a heading; a name stands in backticks. */
function named(heading: string): string[] {
  const [, section] =
    new RegExp(`^## ${heading}$([\\s\\S]*?)(?=^## |(?![\\s\\S]))`, 'm').exec(readPage('docs/dependencies.md')) ?? [];
  assert.ok(section !== undefined, `there is no section "${heading}"`);
  return Array.from(section.matchAll(/^\| `([^`]+)` +\|/gm), (match) => match[1]!).sort();
}

test('runtime dependencies', () => {
  assert.deepEqual(named('In the published package'), Object.keys(manifest.dependencies).sort());
});

test('development dependencies', () => {
  assert.deepEqual(named('For development'), Object.keys(manifest.devDependencies).sort());
});
