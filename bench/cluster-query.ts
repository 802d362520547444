import { openCluster } from '../adapters/nats/connection.ts';
import { NatsInstanceIndex } from '../adapters/nats/index-client.ts';
import { NatsRecordLog } from '../adapters/nats/record-log.ts';
import type { InstanceIndex } from '../core/ports/instance-index.ts';
import { makeQuery } from '../core/query/query.ts';
import { BenchCluster, heapMB, memoryMB, missingPart, notMeasured } from './cluster-parts.ts';
import { archiveEntry, clusterState, fillCluster } from './cluster-series.ts';
import { buildC } from './competitors.ts';
import { openDitag } from './ditag-runs.ts';
import type { Figures, Target } from './figures.ts';
import type { BenchOptions } from './options.ts';
import { type BenchQuery, queries } from './query-list.ts';
import { median, medianAndRange, percentile, short } from './statistics.ts';

/** Of the series: an answer with more is a large one. */
const large = 0.06;
/** The query that the command asks too. */
const asked: BenchQuery = { targets: ['SeriesDescription'], pattern: 'MPRAGE', from: '', to: '' };

interface Answer {
  rows: number;
  first: number[];
  last: number[];
}

interface Measured {
  answers: Answer[];
  /** Milliseconds of the first query that the API ever got. */
  firstQuery: number;
  command: number[];
  apiMB: { idle: number; most: number };
}

async function time(index: InstanceIndex, { targets, pattern, from, to }: BenchQuery) {
  const start = performance.now();
  const query = await makeQuery({
    sdate: from || undefined,
    edate: to || undefined,
    ...(targets.length > 0 ? { targets: targets.join(','), pattern } : {}),
  });
  let first = Number.NaN;
  let rows = 0;
  for await (const batch of index.search(query)) {
    if (rows === 0) first = performance.now() - start;
    rows += batch.rows;
  }
  const last = performance.now() - start;
  return { rows, first: rows === 0 ? last : first, last };
}

async function measure(options: BenchOptions, bench: BenchCluster): Promise<Measured> {
  const { pid } = bench.cluster.service('api');
  const cluster = await openCluster({ url: bench.nats }, 'ditag bench');
  const index = new NatsInstanceIndex(cluster.connection, bench.nats, () => cluster.close());
  try {
    // Where the log is empty, the api says that there is no index.
    await new NatsRecordLog(cluster).write(archiveEntry, undefined);
    // An api that says that it is ready may still be about to listen: it is asked until it does.
    await index.statistics();
    const idle = memoryMB(pid).now;
    const firstQuery = (await time(index, queries[0]!)).last;
    for (const query of queries) await time(index, query);
    const answers: Answer[] = queries.map(() => ({ rows: 0, first: [], last: [] }));
    for (let round = 0; round < (options.runs ?? 3); round++) {
      for (const [number, query] of queries.entries()) {
        const { rows, first, last } = await time(index, query);
        const answer = answers[number]!;
        answer.rows = rows;
        answer.first.push(first);
        answer.last.push(last);
      }
    }
    const command = await commandTimes(options, bench.nats);
    return { answers, firstQuery, command, apiMB: { idle, most: memoryMB(pid).most } };
  } finally {
    await index.close();
  }
}

/** Milliseconds of the whole command. */
async function commandTimes(options: BenchOptions, nats: string): Promise<number[]> {
  const opened = openDitag(options, buildC(options, 'measure'));
  if ('missing' in opened) return [];
  using ditag = opened;
  const times: number[] = [];
  const args = ['--nats', nats, 'query', '--targets', asked.targets.join(','), '--pattern', asked.pattern];
  for (let round = 0; round < 6; round++) {
    const { seconds } = await ditag.run(args, { discardOutput: true });
    // The first one warms up.
    if (round > 0) times.push(seconds * 1000);
  }
  return times;
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const { folder: stateFolder, mark, shape } = clusterState(options);
  const title = `${queries.length} queries on ${shape.series.toLocaleString('en-US')} series of a cluster`;
  const missing = await missingPart();
  if (missing !== undefined) return notMeasured(title, targets(undefined, 0), missing);
  let measured: Measured;
  {
    await using bench = await BenchCluster.start(options, stateFolder, new Map());
    await fillCluster(bench, shape, mark);
    // What filling has warmed up or left behind is not to be measured.
    await bench.cluster.service('api').stop();
    await bench.cluster.start('api');
    measured = await measure(options, bench);
  }
  return report(title, measured, shape.series);
}

/** Rows a second of each large answer. */
function largeRates(answers: readonly Answer[], series: number): number[] {
  return answers.filter(({ rows }) => rows >= series * large).map(({ rows, last }) => rows / (median(last) / 1000));
}

function targets(measured: Measured | undefined, series: number): Target[] {
  const of = (value: (measured: Measured) => number) => {
    const reached = measured === undefined ? Number.NaN : value(measured);
    return Number.isFinite(reached) ? reached : null;
  };
  return [
    {
      what: 'first row, p95',
      unit: 'ms',
      direction: 'at most',
      wanted: 75,
      reached: of(({ answers }) =>
        percentile(
          answers.map(({ first }) => median(first)),
          0.95,
        ),
      ),
    },
    {
      what: 'large answers, the slowest',
      unit: 'rows/s',
      direction: 'at least',
      wanted: 40_000,
      reached: of(({ answers }) => Math.min(...largeRates(answers, series))),
    },
    {
      what: 'memory of the api',
      unit: 'MB',
      direction: 'at most',
      wanted: 250,
      reached: of(({ apiMB }) => apiMB.most),
    },
  ];
}

function report(title: string, measured: Measured, series: number): Figures {
  const { answers, firstQuery, command, apiMB } = measured;
  const first = answers.map((answer) => median(answer.first));
  const last = answers.map((answer) => median(answer.last));
  const rates = largeRates(answers, series);
  const slowest = answers
    .map((answer, number) => ({ answer, query: queries[number]! }))
    .sort((a, b) => median(b.answer.first) - median(a.answer.first))
    .slice(0, 5);
  return {
    title,
    tables: [
      {
        caption: 'Milliseconds over NATS, percentiles over the queries',
        columns: ['', 'p50', 'p95', 'most'],
        rows: [
          ['first row', short(percentile(first, 0.5)), short(percentile(first, 0.95)), short(Math.max(...first))],
          ['last row', short(percentile(last, 0.5)), short(percentile(last, 0.95)), short(Math.max(...last))],
        ],
      },
      {
        caption: `Rows a second of the ${rates.length} large answers`,
        columns: ['slowest', 'median', 'quickest'],
        rows: [[Math.min(...rates), median(rates), Math.max(...rates)].map(short)],
      },
      {
        caption: 'The slowest first rows',
        columns: ['pattern', 'dates', 'rows', 'first row ms', 'last row ms'],
        rows: slowest.map(({ answer, query }) => [
          query.pattern === '' ? '-' : `\`${query.pattern}\``,
          query.from + query.to === '' ? '-' : `${query.from}-${query.to}`,
          answer.rows.toLocaleString('en-US'),
          short(median(answer.first)),
          short(median(answer.last)),
        ]),
      },
      {
        caption: 'The whole command, and the api',
        columns: ['what', 'measured'],
        rows: [
          [
            `ditag query, \`${asked.pattern}\`, from start to end`,
            command.length ? `${medianAndRange(command)} ms` : 'not run',
          ],
          ['the first query that the api gets', `${short(firstQuery)} ms`],
          ['memory of the api before the queries', `${short(apiMB.idle)} MB`],
          ['at most', `${short(apiMB.most)} MB`],
        ],
      },
    ],
    targets: targets(measured, series),
    numbers: {
      series,
      firstRowP95: percentile(first, 0.95),
      lastRowP95: percentile(last, 0.95),
      largeRowsPerSecond: rates.length > 0 ? median(rates) : null,
      slowestLargeRowsPerSecond: rates.length > 0 ? Math.min(...rates) : null,
      firstQueryMilliseconds: firstQuery,
      commandMilliseconds: command.length > 0 ? median(command) : null,
      apiMaxRssMB: apiMB.most,
    },
    notes: [
      `Headers of eight elements, a folder a series; merged segments; a heap of ${heapMB} MB. The asker is another process than the api; times are from the typed query to the bytes of the first and of the last line. Each query was asked once before it was timed. A large answer has at least ${large * 100} % of the series.`,
    ],
  };
}
