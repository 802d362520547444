/**
 * Benchmark `export`: 300,000 rows as CSV through the API, on one machine and in
 * a cluster, as curl would take them: read as they come, and let go.
 */
import http from 'node:http';
import { memoryMB } from './cluster-parts.ts';
import type { Figures, Target } from './figures.ts';
import { type BenchOptions, scaled } from './options.ts';
import { type Served, serveCluster, serveEmbedded } from './serving.ts';
import { median, medianAndRange, short } from './statistics.ts';

interface Way {
  readonly name: string;
  readonly wanted: number;
  readonly rates: number[];
  readonly firstBytes: number[];
  /** The process's own memory (MB): most in the first and in the last third of an export. */
  readonly memory: { readonly first: number[]; readonly last: number[] };
  /** The same of exports of all rows. */
  readonly ofAll: { readonly first: number[]; readonly last: number[] };
  missing?: string;
}

/** Memory does not grow with the rows: that of the last third of all of them against that of the first. */
const FLAT = 1.2;
const ROUNDS_OF_ALL = 3;

/** How often the process is looked at (milliseconds). */
const LOOK_EVERY = 5;

async function take({ url, pid }: Served, limit: number) {
  const start = performance.now();
  let firstByte = Number.NaN;
  let rows = -1;
  const memory: { rows: number; mb: number }[] = [];
  const timer = setInterval(() => memory.push({ rows, mb: memoryMB(pid).own }), LOOK_EVERY);
  const taken = new Promise<void>((resolve, reject) => {
    const request = http.request(`${url}/query`, { method: 'POST', headers: { 'content-type': 'application/json' } });
    request.once('error', reject);
    request.once('response', (response) => {
      response.on('data', (part: Buffer) => {
        if (rows < 0) {
          firstByte = performance.now() - start;
          // The line of the column names.
          rows = -1;
        }
        for (let at = part.indexOf(10); at >= 0; at = part.indexOf(10, at + 1)) rows++;
      });
      response.once('error', reject);
      response.once('end', resolve);
    });
    request.end(JSON.stringify({ limit }));
  });
  await taken.finally(() => clearInterval(timer));
  const seconds = (performance.now() - start) / 1000;
  if (rows !== limit) throw new Error(`${rows} rows of ${limit}`);
  const most = (from: number, to: number) =>
    Math.max(...memory.filter((one) => one.rows >= from * limit && one.rows <= to * limit).map(({ mb }) => mb));
  return { rate: rows / seconds, firstByte, first: most(0, 1 / 3), last: most(2 / 3, 1) };
}

async function measure(
  way: Way,
  options: BenchOptions,
  serve: (options: BenchOptions) => Promise<Served | { missing: string }>,
) {
  const served = await serve(options);
  if ('missing' in served) {
    way.missing = served.missing;
    return;
  }
  await using running = served;
  const rows = scaled(options, 300_000, 300);
  // The first one warms up.
  await take(running, rows);
  for (let round = 0; round < (options.runs ?? 5); round++) {
    const { rate, firstByte, first, last } = await take(running, rows);
    way.rates.push(rate);
    way.firstBytes.push(firstByte);
    way.memory.first.push(first);
    way.memory.last.push(last);
  }
  for (let round = 0; round < ROUNDS_OF_ALL; round++) {
    const { first, last } = await take(running, scaled(options, 1_000_000, 1000));
    way.ofAll.first.push(first);
    way.ofAll.last.push(last);
  }
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const way = (name: string, wanted: number): Way => ({
    ...{ name, wanted, rates: [], firstBytes: [], memory: { first: [], last: [] }, ofAll: { first: [], last: [] } },
  });
  const ways = [way('one machine', 60_000), way('cluster', 40_000)] as const;
  await measure(ways[0], options, serveEmbedded);
  await measure(ways[1], options, serveCluster);
  return report(ways, scaled(options, 300_000, 300));
}

function report(ways: readonly Way[], rows: number): Figures {
  const targets = ways.flatMap((way): Target[] => {
    const { name, wanted, rates, firstBytes } = way;
    return [
      {
        what: `rows, ${name}`,
        unit: 'rows/s',
        direction: 'at least',
        wanted,
        reached: rates.length > 0 ? median(rates) : null,
      },
      {
        what: `first byte, ${name}`,
        unit: 'ms',
        direction: 'at most',
        wanted: 100,
        reached: firstBytes.length > 0 ? median(firstBytes) : null,
      },
      {
        what: `memory, last third of all rows against the first, ${name}`,
        unit: 'x',
        direction: 'at most',
        wanted: FLAT,
        reached: rates.length > 0 ? median(way.ofAll.last) / median(way.ofAll.first) : null,
      },
    ];
  });
  return {
    title: `${rows.toLocaleString('en-US')} of 1,000,000 rows as CSV through the API`,
    tables: [
      {
        caption: 'Medians and ranges of several exports, one after the other',
        columns: [
          '',
          'rows/s',
          'first byte ms',
          'MB in the first third',
          'MB in the last third',
          'all rows: first third',
          'last third',
        ],
        rows: ways.map(({ name, rates, firstBytes, memory, ofAll, missing }) =>
          missing === undefined
            ? [
                name,
                ...[rates, firstBytes, memory.first, memory.last, ofAll.first, ofAll.last].map((values) =>
                  medianAndRange(values),
                ),
              ]
            : [name, missing, '', '', '', '', ''],
        ),
      },
    ],
    targets,
    numbers: Object.fromEntries(
      ways.flatMap(({ name, rates, firstBytes, memory }) => [
        [`${name} rows/s`, rates.length > 0 ? median(rates) : null],
        [`${name} first byte ms`, firstBytes.length > 0 ? median(firstBytes) : null],
        [`${name} MB grown`, memory.last.length > 0 ? median(memory.last) - median(memory.first) : null],
      ]),
    ),
    notes: [
      `All rows are exported ${ROUNDS_OF_ALL} times, after the others.`,
      `The reader counts lines and lets them go. ${short(ways[0]!.rates.length)} exports after one that warmed up. Memory is the serving process's own, without the pages of the index that it maps, which the system takes back as it likes; looked at every ${LOOK_EVERY} ms.`,
    ],
  };
}
