// Links between pages lead somewhere, and files that pages name exist.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { codeSpans, PROJECT, pages, proseOf, readPage } from './markdown.ts';

/** What a code span that names a file of the project starts with. */
const FOLDERS = ['adapters', 'bench', 'cli', 'core', 'deploy', 'docs', 'scripts', 'services', 'test', '.ci'];

/** What is made on a machine, and in no checkout: runs of benchmarks, secrets. */
const MADE = ['docs/performance/', 'deploy/secrets/'];

/** Anchors of a page's headings, as Markdown viewers make them. */
function anchorsOf(markdown: string): Set<string> {
  const headings = Array.from(proseOf(markdown).matchAll(/^#+ +(.+)$/gm), (match) => match[1]!);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

for (const page of pages()) {
  test(`links of ${page}`, () => {
    for (const [, target] of proseOf(readPage(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      const [file, anchor] = target!.split('#') as [string, string?];
      const whole = file === '' ? page : path.join(path.dirname(page), file);
      assert.ok(fs.existsSync(path.join(PROJECT, whole)), `${target}: there is no ${whole}`);
      if (anchor !== undefined) assert.ok(anchorsOf(readPage(whole)).has(anchor), `${target}: no such heading`);
    }
  });

  test(`files named in ${page}`, () => {
    for (const span of codeSpans(proseOf(readPage(page)))) {
      const [, name] = /^(?:node )?([\w.-]+(?:\/[\w.*-]+)+\/?)$/.exec(span) ?? [];
      if (
        name === undefined ||
        MADE.some((folder) => name.startsWith(folder)) ||
        !FOLDERS.includes(name.split('/')[0]!)
      )
        continue;
      // Capital letters stand for any name: bench/NAME.ts.
      const pattern = name.replaceAll(/\b[A-Z]{3,}\b/g, '*');
      const exists = fs.existsSync(path.join(PROJECT, name)) || fs.globSync(pattern, { cwd: PROJECT }).length > 0;
      assert.ok(exists, `${page} names ${name}, which does not exist`);
    }
  });
}
