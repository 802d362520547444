/**
 * docs/performance.md: the prose of page-template.md with the tables of the
 * saved runs (docs/performance/NAME.json) in place of its markers. No figure
 * on that page is typed by hand; `npm run check` or CI calls `page --check`.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { SavedRun } from './figures.ts';
import { root } from './options.ts';
import { printRun } from './print-figures.ts';

const target = resolve(root, 'docs/performance.md');

/** The page's text. A marker is a line `<!-- run: NAME -->`; it stays, with the run below it. */
export function renderPage(template: string, read: (name: string) => SavedRun | undefined): string {
  return template.replace(/^<!-- run: ([\w-]+) -->$/gm, (marker, name: string) => {
    const run = read(name);
    const body = run ? printRun(run) : `Not measured yet: \`npm run bench -- ${name} --save\`.`;
    return `${marker}\n\n${body}`;
  });
}

/** The saved run of a benchmark, if there is one. */
function readRun(name: string): SavedRun | undefined {
  const file = resolve(root, 'docs/performance', `${name}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as SavedRun) : undefined;
}

/** Prints the page, writes it, or says (1) that the one in docs/ is another. */
export function page(what: 'print' | 'write' | 'check'): number {
  const text = renderPage(readFileSync(resolve(import.meta.dirname, 'page-template.md'), 'utf8'), readRun);
  if (what === 'print') {
    process.stdout.write(text);
    return 0;
  }
  if (what === 'write') {
    writeFileSync(target, text);
    return 0;
  }
  const same = existsSync(target) && readFileSync(target, 'utf8') === text;
  if (!same) console.error('docs/performance.md is not what its runs print: npm run bench -- page --write');
  return same ? 0 : 1;
}
