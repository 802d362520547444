/**
 * docs/performance.md: the prose of report-template.md with the tables of the
 * saved runs (docs/performance/NAME.json) in place of its markers. No figure
 * on that page is typed by hand; `npm run check` or CI calls `report --check`.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { SavedRun } from './figures.ts';
import { root } from './options.ts';
import { printRun } from './print-figures.ts';
import { short } from './statistics.ts';

const target = resolve(root, 'docs/performance.md');
const readme = resolve(root, 'README.md');
const pageTemplate = resolve(import.meta.dirname, 'report-template.md');
/** The benchmarks of the page, in its order. */
const runs = [...readFileSync(pageTemplate, 'utf8').matchAll(/^<!-- run: ([\w-]+) -->$/gm)].map(([, name]) => name!);

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

/** What every run was to reach and has reached, as the table between the README's markers. */
export function renderFigures(text: string, read: (name: string) => SavedRun | undefined): string {
  const rows = runs.flatMap((name) => {
    const run = read(name);
    return (run?.figures.targets ?? []).map(({ what, unit, direction, wanted, reached }) => {
      const isReached = reached !== null && (direction === 'at least' ? reached >= wanted : reached <= wanted);
      const measured = reached === null ? 'not measured' : `${short(reached)} ${unit}`;
      return `| \`${name}\` | ${what} | ${direction} ${short(wanted)} ${unit} | ${measured} | ${isReached ? 'yes' : 'no'} |`;
    });
  });
  const table = [
    '| benchmark | figure | wanted | measured | reached |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
  return text.replace(
    /(<!-- figures -->)[\s\S]*?(<!-- \/figures -->)/,
    (_, open: string, close: string) => `${open}\n\n${table}\n\n${close}`,
  );
}

/** Prints the page, writes it and the README's figures, or says (1) that those in the tree are others. */
export function report(what: 'print' | 'write' | 'check'): number {
  const text = renderPage(readFileSync(pageTemplate, 'utf8'), readRun);
  if (what === 'print') {
    process.stdout.write(text);
    return 0;
  }
  const readmeText = renderFigures(readFileSync(readme, 'utf8'), readRun);
  if (what === 'write') {
    writeFileSync(target, text);
    writeFileSync(readme, readmeText);
    return 0;
  }
  const same =
    existsSync(target) && readFileSync(target, 'utf8') === text && readFileSync(readme, 'utf8') === readmeText;
  if (!same)
    console.error(
      'docs/performance.md or the figures in README.md are not what the runs print: npm run bench -- report --write',
    );
  return same ? 0 : 1;
}
