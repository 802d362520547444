/**
 * Benchmark `query`: 50 queries on 1,000,000 series and 12 on any tag of 200,000
 * headers (an index of their own, and spread over the million series), in ditag's
 * process, in Python with SQLite and re.search, and in DuckDB; and how long the
 * compiled `ditag query` takes from start to end.
 */
import { join } from 'node:path';
import { makeArchive } from './archive-generator.ts';
import { buildC, type Found, findPython } from './competitors.ts';
import { openDitag } from './ditag-runs.ts';
import type { Figures, Table } from './figures.ts';
import { type BenchOptions, workingFolder } from './options.ts';
import { fullShape, type QueryData, sparseShape, writeQueryData } from './query-data.ts';
import { writeQueryIndex } from './query-index.ts';
import { queries, tagQueries } from './query-list.ts';
import { reasonOf, runProcess } from './run-process.ts';
import { median, medianAndRange, percentile, short } from './statistics.ts';
import type { SyntheticShape } from './synthetic-data.ts';

/** What a program answers for one query. */
type Answer = { rows: number; first: number[]; last: number[] } | { refused: string };

interface Way {
  name: string;
  version: string;
  answers?: { queries: Answer[]; tags: Answer[] };
  missing?: string;
}

interface StartTimes {
  node: number[];
  query: number[];
  missing?: string;
}

async function answer(name: string, found: Found, measure: string, args: string[]): Promise<Way> {
  if ('missing' in found) return { name, version: '', missing: found.missing };
  console.error(name);
  try {
    const { stdout } = await runProcess(measure, [...found.command, ...args]);
    return { name, version: found.version, answers: JSON.parse(stdout) as Way['answers'] & object };
  } catch (error) {
    return { name, version: '', missing: reasonOf(error) };
  }
}

/** `ditag query` on a small index and `node -e 0`, by turns. */
async function measureStart(options: BenchOptions, measure: string): Promise<StartTimes> {
  const archive = makeArchive(workingFolder(options, 'archives'), 'small', options.samples, {
    files: 500,
    filesASeries: [20, 100],
    fileBytes: 39_206,
    templates: { 'CT_small.dcm': 70, 'MR_small.dcm': 30 },
    layout: 'clinical',
    seed: 4,
  });
  const opened = openDitag(options, measure);
  if ('missing' in opened) return { node: [], query: [], missing: opened.missing };
  using ditag = opened;
  await ditag.index(archive);
  const times: StartTimes = { node: [], query: [] };
  for (let round = 0; round < 21; round++) {
    const node = await runProcess(measure, [process.execPath, '-e', '0']);
    const query = await ditag.run(['query', '--targets', 'SeriesDescription', '--pattern', 'T1|BRAIN'], {
      discardOutput: true,
    });
    // The first round warms up.
    if (round === 0) continue;
    times.node.push(node.seconds * 1000);
    times.query.push(query.seconds * 1000);
  }
  return times;
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const measure = buildC(options, 'measure');
  const start = await measureStart(options, measure);
  const full = writeQueryData(options, fullShape(options), { queries: [], tags: tagQueries });
  const sparse = writeQueryData(options, sparseShape(options), { queries, tags: tagQueries });
  return report(
    { shape: sparse.shape, ways: await answerAll(options, measure, sparse) },
    { shape: full.shape, ways: await answerAll(options, measure, full) },
    start,
  );
}

async function queryProgram(data: QueryData, measure: string): Promise<Found> {
  const written = await writeQueryIndex(data, measure);
  if ('missing' in written) return written;
  const program = join(import.meta.dirname, 'programs/query-index.ts');
  return { command: [process.execPath, program, written.database], version: `Node ${process.version.slice(1)}` };
}

/** Every way's answers to what is asked of `data`. */
async function answerAll(options: BenchOptions, measure: string, data: QueryData): Promise<Way[]> {
  const files = [data.series, data.headers, data.queries];
  const python = findPython(options, []);
  const duckdb = findPython(options, ['duckdb']);
  const script = (name: string) => join(import.meta.dirname, 'python', name);
  return [
    await answer('ditag', await queryProgram(data, measure), measure, [data.queries, String(options.runs ?? 3)]),
    await answer('Python sqlite3, re.search as a function', python, measure, [
      script('sqlite_search.py'),
      ...files,
      join(data.folder, 'sqlite.db'),
      '1',
    ]),
    await answer('DuckDB regexp_matches', duckdb, measure, [
      script('duckdb_search.py'),
      ...files,
      join(data.folder, 'duck.db'),
      String(options.runs ?? 3),
    ]),
  ];
}

/** Medians over the rounds of each query that was answered. */
function times(answers: Answer[] | undefined, what: 'first' | 'last'): number[] {
  return (answers ?? []).flatMap((one) => ('rows' in one ? [median(one[what])] : []));
}

/** The queries for which two ways say different numbers of rows. */
function disagreements(ways: Way[]): string[] {
  const texts = {
    queries: queries.map((query) => query.pattern || `${query.from}-${query.to}`),
    tags: tagQueries.map((query) => `${query.keyword} ${query.pattern}`),
  };
  return (['queries', 'tags'] as const).flatMap((kind) =>
    texts[kind].flatMap((text, index) => {
      const counts = ways.flatMap((way) => {
        const one = way.answers?.[kind][index];
        return one && 'rows' in one ? [`${way.name} ${one.rows}`] : [];
      });
      return new Set(counts.map((count) => count.split(' ').at(-1))).size > 1
        ? [`\`${text}\`: ${counts.join(', ')}`]
        : [];
    }),
  );
}

function timesTable(caption: string, ways: Way[], kind: 'queries' | 'tags'): Table {
  return {
    caption,
    columns: ['way', 'answered', 'first row p50', 'p95', 'last row p50', 'p95', 'most'],
    rows: ways.map((way) => {
      if (!way.answers) return [way.name, way.missing ?? 'not run', '', '', '', '', ''];
      const answers = way.answers[kind];
      const [first, last] = [times(answers, 'first'), times(answers, 'last')];
      const share = [
        percentile(first, 0.5),
        percentile(first, 0.95),
        percentile(last, 0.5),
        percentile(last, 0.95),
        Math.max(...last),
      ];
      return [way.name, `${last.length} of ${answers.length}`, ...share.map(short)];
    }),
  };
}

/** The same by the size of the answer: what a person waits for depends on it. */
function sizesTable(ways: Way[]): Table {
  const brackets: [string, number, number][] = [
    ['no row', 0, 0],
    ['1-9,999', 1, 9_999],
    ['10,000-59,999', 10_000, 59_999],
    ['60,000-199,999', 60_000, 199_999],
    ['200,000 and more', 200_000, Number.POSITIVE_INFINITY],
  ];
  return {
    caption: 'Milliseconds to the last row by the number of rows, medians',
    columns: ['way', ...brackets.map(([name]) => name)],
    rows: ways.map((way) => [
      way.name,
      ...brackets.map(([, least, most]) => {
        const inside = (way.answers?.queries ?? []).flatMap((one) =>
          'rows' in one && one.rows >= least && one.rows <= most ? [median(one.last)] : [],
        );
        return inside.length ? `${short(median(inside))} (of ${inside.length})` : '-';
      }),
    ]),
  };
}

/** The answers to the queries on one set of rows. */
interface Answers {
  shape: SyntheticShape;
  ways: Way[];
}

function report(sparse: Answers, full: Answers, start: StartTimes): Figures {
  const [ours, python, duckdb] = sparse.ways as [Way, Way, Way];
  const [tagged, pythonTagged, duckdbTagged] = full.ways as [Way, Way, Way];
  const p95 = (way: Way, kind: 'queries' | 'tags', what: 'first' | 'last') =>
    way.answers ? percentile(times(way.answers[kind], what), 0.95) : null;
  const ratio = start.query.length ? median(start.query) / median(start.node) : null;
  const differ = [...disagreements(sparse.ways), ...disagreements(full.ways)];
  const { series } = sparse.shape;
  const headers = full.shape.series.toLocaleString('en-US');
  return {
    title: `${queries.length} queries on ${series.toLocaleString('en-US')} series`,
    tables: [
      timesTable('Milliseconds, whole rows in order; percentiles over the queries', sparse.ways, 'queries'),
      sizesTable(sparse.ways),
      timesTable(`Milliseconds for patterns on any tag of ${headers} headers with 100 attributes`, full.ways, 'tags'),
      timesTable(
        `The same where every fifth of ${series.toLocaleString('en-US')} series has the 100 attributes`,
        sparse.ways,
        'tags',
      ),
      {
        caption: 'From start to end, on an index of 500 files',
        columns: ['way', 'ms', 'against node -e 0'],
        rows: [
          ['node -e 0', start.node.length ? medianAndRange(start.node) : '-', ''],
          ['ditag query', start.missing ?? medianAndRange(start.query), ratio === null ? '' : `${short(ratio)} x`],
        ],
      },
    ],
    targets: [
      { what: 'first row, p95', unit: 'ms', direction: 'at most', wanted: 15, reached: p95(ours, 'queries', 'first') },
      {
        what: 'whole answer, p95',
        unit: 'ms',
        direction: 'at most',
        wanted: 150,
        reached: p95(ours, 'queries', 'last'),
      },
      { what: 'any tag, p95', unit: 'ms', direction: 'at most', wanted: 50, reached: p95(tagged, 'tags', 'last') },
      { what: 'start to end against node -e 0', unit: 'x', direction: 'at most', wanted: 3, reached: ratio },
    ],
    numbers: {
      series,
      ditagFirstRowP95: p95(ours, 'queries', 'first'),
      ditagLastRowP95: p95(ours, 'queries', 'last'),
      ditagTagP95: p95(tagged, 'tags', 'last'),
      ditagSparseTagP95: p95(ours, 'tags', 'last'),
      pythonLastRowP95: p95(python, 'queries', 'last'),
      pythonTagP95: p95(pythonTagged, 'tags', 'last'),
      duckdbLastRowP95: p95(duckdb, 'queries', 'last'),
      duckdbTagP95: p95(duckdbTagged, 'tags', 'last'),
      startAgainstNode: ratio,
      differentCounts: differ.length,
    },
    notes: [
      `Every way had to find the same number of rows: ${differ.length === 0 ? 'they did.' : `they did not for ${differ.join('; ')}.`}`,
      `${python.version}, with an index on the date, one run a query; ${duckdb.version}, which refuses look-around and back-references. The others: medians of several runs.`,
      'Where no row is found, the time to the first is that of the whole answer. ditag is timed from the typed query, its pattern not yet compiled, to the bytes of the last CSV line; the others fetch their rows into lists.',
    ],
  };
}
