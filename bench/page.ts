/**
 * Benchmark `page`: the page in Chromium over 1,000,000 series, on one machine
 * and in a cluster: until it is there, and from a query in its address to counts,
 * histogram and first rows on the screen, for the 50 queries of `query`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { chromium, type Page } from 'playwright-core';
import { findOnPath } from '../scripts/parts/parts.ts';
import type { Figures, Target } from './figures.ts';
import { type BenchOptions, root } from './options.ts';
import { type BenchQuery, queries } from './query-list.ts';
import { type Served, serveCluster, serveEmbedded } from './serving.ts';
import { median, medianAndRange, percentile, short } from './statistics.ts';

interface Way {
  readonly name: string;
  readonly wanted: number;
  readonly views: number[];
  /** Medians of each query, and all that were timed. */
  answers: number[];
  single: number[];
  /** Milliseconds from the end of the rows that are loaded to further ones, near the first row and far from it. */
  readonly scrolled: { readonly near: number[]; readonly far: number[] };
  missing?: string;
}

const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'];

/** The address that shows a query. */
function addressOf({ targets, pattern, from, to }: BenchQuery): string {
  const quoted = `'${pattern.replaceAll("'", `'"'"'`)}'`;
  const line = [
    targets.length > 0 ? `--targets ${targets.join(',')} --pattern ${quoted}` : '',
    from === '' ? '' : `--sdate ${from}`,
    to === '' ? '' : `--edate ${to}`,
  ];
  return `#${new URLSearchParams({ q: line.filter((part) => part !== '').join(' ') })}`;
}

/** Milliseconds from the address to what is on the screen: as if somebody had gone back to it. */
async function answer(page: Page, address: string): Promise<number> {
  const [milliseconds, wrong] = await page.evaluate<[number, string]>(`new Promise((resolve) => {
    const status = () => document.querySelector('[role=status]');
    const wrong = () => document.querySelector('#wrong').textContent;
    const start = performance.now();
    history.pushState(null, '', ${JSON.stringify(address)});
    dispatchEvent(new PopStateEvent('popstate'));
    const look = () =>
      status().getAttribute('aria-busy') === 'true'
        ? requestAnimationFrame(look)
        : resolve([performance.now() - start, wrong()]);
    requestAnimationFrame(look);
  })`);
  if (wrong !== '') throw new Error(`${address}: ${wrong}`);
  return milliseconds;
}

async function measure(
  way: Way,
  options: BenchOptions,
  serve: (options: BenchOptions) => Promise<Served | { missing: string }>,
) {
  const executablePath = findOnPath('chromium');
  const served = executablePath === undefined ? { missing: 'no chromium' } : await serve(options);
  if ('missing' in served) {
    way.missing = served.missing;
    return;
  }
  await using running = served;
  const browser = await chromium.launch({ executablePath: executablePath!, args: QUIET });
  try {
    const page = await browser.newPage();
    await page.goto(running.url);
    await page.waitForSelector('[role=status][aria-busy=false]:has-text("series")');
    const times = queries.map((): number[] => []);
    for (let round = 0; round < (options.runs ?? 3) + 1; round++)
      for (const [number, query] of queries.entries()) {
        const milliseconds = await answer(page, addressOf(query));
        if (round > 0) times[number]!.push(milliseconds);
      }
    way.answers = times.map((each) => median(each));
    way.single = times.flat();
    await scroll(page, way);
    await page.close();
    for (let view = 0; view < (options.runs ?? 5) + 1; view++) {
      const context = await browser.newContext({ viewport: { width: 1200, height: 900 } });
      const page = await context.newPage();
      const start = performance.now();
      await page.goto(running.url);
      await page.waitForSelector('[role=status][aria-busy=false]:has-text("series")');
      // The first one warms up.
      if (view > 0) way.views.push(performance.now() - start);
      await context.close();
    }
  } finally {
    await browser.close();
  }
}

/** Further rows that are scrolled to: the first of them are near. */
const PAGES = 60;
const NEAR = 10;

/** Scrolls on through all series; each time to the end of what is loaded. */
async function scroll(page: Page, { scrolled }: Way): Promise<void> {
  await answer(page, '#');
  for (let at = 0; at < PAGES; at++) {
    const milliseconds = await page.evaluate<number>(`new Promise((resolve) => {
      const box = document.querySelector('.rows');
      const height = box.scrollHeight;
      const start = performance.now();
      box.scrollTop = height;
      const look = () =>
        box.scrollHeight === height
          ? requestAnimationFrame(look)
          : resolve(performance.now() - start);
      requestAnimationFrame(look);
    })`);
    if (at < NEAR) scrolled.near.push(milliseconds);
    else if (at >= PAGES - NEAR) scrolled.far.push(milliseconds);
  }
}

/** Bytes of the page's own code as it is sent compressed. */
function codeBytes(): number {
  const files = ['page.js', 'page.css', 'index.html'].map((file) => readFileSync(join(root, 'dist/page', file)));
  return files.reduce((sum, file) => sum + zlib.gzipSync(file).length, 0);
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const ways: [Way, Way] = [
    { name: 'one machine', wanted: 200, views: [], answers: [], single: [], scrolled: { near: [], far: [] } },
    { name: 'cluster', wanted: 500, views: [], answers: [], single: [], scrolled: { near: [], far: [] } },
  ];
  await measure(ways[0], options, serveEmbedded);
  await measure(ways[1], options, serveCluster);
  return report(ways);
}

function report(ways: readonly Way[]): Figures {
  const code = codeBytes() / 1000;
  const slowest = (answers: readonly number[]) =>
    [...answers.entries()]
      .sort(([, a], [, b]) => b - a)
      .slice(0, 5)
      .map(([number, ms]) => ({ query: queries[number]!, ms }));
  const targets = ways.flatMap(({ name, wanted, views, single }): Target[] => [
    {
      ...{ what: `first view, ${name}`, unit: 'ms', direction: 'at most', wanted: 1000 },
      reached: views.length > 0 ? median(views) : null,
    },
    {
      ...{ what: `answer, p95, ${name}`, unit: 'ms', direction: 'at most', wanted },
      reached: single.length > 0 ? percentile(single, 0.95) : null,
    },
  ]);
  return {
    title: `The page over 1,000,000 series: first view, and ${queries.length} queries`,
    tables: [
      {
        caption: 'Milliseconds in Chromium, percentiles over all answers',
        columns: ['', 'first view', 'answer p50', 'p95', 'most', 'further rows', `after ${(PAGES - NEAR) * 500} rows`],
        rows: ways.map(({ name, views, single, scrolled, missing }) =>
          missing === undefined
            ? [
                ...[name, medianAndRange(views)],
                ...[0.5, 0.95, 1].map((share) => short(percentile(single, share))),
                ...[scrolled.near, scrolled.far].map((values) => medianAndRange(values)),
              ]
            : [name, missing, '', '', '', '', ''],
        ),
      },
      ...ways
        .filter(({ answers }) => answers.length > 0)
        .map(({ name, answers }) => ({
          caption: `The slowest, ${name}`,
          columns: ['pattern', 'dates', 'ms'],
          rows: slowest(answers).map(({ query, ms }) => [
            query.pattern === '' ? '-' : `\`${query.pattern}\``,
            query.from + query.to === '' ? '-' : `${query.from}-${query.to}`,
            short(ms),
          ]),
        })),
    ],
    targets: [
      ...targets,
      { what: 'the page, compressed', unit: 'kB', direction: 'at most', wanted: 60, reached: code },
    ],
    numbers: {
      ...Object.fromEntries(
        ways.flatMap(({ name, views, single }) => [
          [`${name} first view ms`, views.length > 0 ? median(views) : null],
          [`${name} answer p95 ms`, single.length > 0 ? percentile(single, 0.95) : null],
        ]),
      ),
      pageKB: code,
    },
    notes: [
      'From the address to the frame in which facets, histogram and the first 100 rows are there; each query is asked once before it is timed. Who types waits 200 ms more, until nothing is typed any more. The request cache of Elasticsearch is turned off. First views come after the queries, each in a new profile of the browser: who serves has served before. The browser, the API and what is behind it share the cores. Further rows: from the end of those that are loaded to the frame with the next 500.',
    ],
  };
}
