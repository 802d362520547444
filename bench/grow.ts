/**
 * Benchmark `grow`: the size of an index of 20,000,000 instances in 1,000,000
 * series, 100 attributes of each kept, and the memory it takes to write, at a
 * tenth of the size and whole; beside the classic table with a row an instance.
 * The data goes through ditag's own index writer (synthetic-index.ts).
 */
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { buildC } from './competitors.ts';
import type { Figures } from './figures.ts';
import { type BenchOptions, scaled, workingFolder } from './options.ts';
import { reasonOf, runProcess, settle } from './run-process.ts';
import { short } from './statistics.ts';
import type { SyntheticShape } from './synthetic-data.ts';

interface Written {
  name: string;
  series: number;
  instances: number;
  seconds: number;
  /** Of the writing process: without the making of the data for ditag, with it for the classic table. */
  cpuSeconds: number;
  maxRssBytes: number;
  fileBytes: number;
  /** The folder records themselves, in bytes; 0 where there are none. */
  recordBytes: number;
  /** Tables and indexes by name, in bytes of whole pages. */
  tables: Map<string, number>;
}

/** Bytes of every table and index, by SQLite's dbstat, and of the folder records. */
function sizes(database: string): { tables: Map<string, number>; recordBytes: number } {
  const connection = new DatabaseSync(database, { readOnly: true });
  try {
    const rows = connection
      .prepare('SELECT name, sum(pgsize) AS bytes FROM dbstat GROUP BY name ORDER BY 2 DESC')
      .all();
    const tables = new Map(rows.map((row) => [String(row['name']), Number(row['bytes'])]));
    const records = tables.has('folder')
      ? connection.prepare('SELECT sum(length(record)) AS bytes FROM folder').get()
      : undefined;
    return { tables, recordBytes: Number(records?.['bytes'] ?? 0) };
  } finally {
    connection.close();
  }
}

async function write(options: BenchOptions, name: string, program: string, shape: SyntheticShape): Promise<Written> {
  const database = join(workingFolder(options, 'databases'), `grow-${program}-${shape.series}.db`);
  for (const end of ['', '-wal', '-shm', '-journal', '-scan']) rmSync(database + end, { force: true });
  console.error(`${name}: ${shape.series.toLocaleString('en-US')} series into ${database}`);
  settle();
  const script = join(import.meta.dirname, 'programs', `${program}.ts`);
  const { stdout } = await runProcess(buildC(options, 'measure'), [
    process.execPath,
    // Of the main thread, which only receives the data here; the index thread has its own bounds.
    '--max-semi-space-size=4',
    script,
    database,
    JSON.stringify(shape),
  ]);
  const said = JSON.parse(stdout) as Pick<Written, 'series' | 'instances' | 'seconds' | 'cpuSeconds' | 'maxRssBytes'>;
  const fileBytes = ['', '-wal'].reduce(
    (sum, end) => sum + (statSync(database + end, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
  return { name, ...said, fileBytes, ...sizes(database) };
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const series = scaled(options, 1_000_000, 1_000);
  const shape = (count: number): SyntheticShape => ({ series: count, fullHeaders: 1, meanFiles: 20, seed: 3 });
  const classic = await write(options, 'classic table', 'write-classic-table', shape(Math.round(series / 10)));
  let missing = '';
  const ours: Written[] = [];
  try {
    for (const count of [Math.round(series / 10), series])
      ours.push(await write(options, 'ditag', 'write-synthetic-index', shape(count)));
  } catch (error) {
    missing = reasonOf(error);
  }
  return report(classic, ours, missing);
}

function report(classic: Written, ours: Written[], missing: string): Figures {
  const each = (written: Written, bytes: number) => bytes / written.instances;
  const row = (written: Written, folders: string) => [
    written.name,
    written.instances.toLocaleString('en-US'),
    short(each(written, written.fileBytes)),
    folders,
    short(written.fileBytes / 1e6),
    short(written.seconds),
    short((written.cpuSeconds * 1e6) / written.instances),
    short(written.maxRssBytes / 1e6),
  ];
  const largest = ours.at(-1);
  const rows = [row(classic, '-'), ...ours.map((written) => row(written, short(each(written, written.recordBytes))))];
  if (!largest) rows.push(['ditag', missing, '', '', '', '', '', '']);
  const memory = ours.length ? Math.max(...ours.map((written) => written.maxRssBytes)) / 1e6 : null;
  return {
    title: `An index of ${(largest ?? classic).instances.toLocaleString('en-US')} instances, 100 attributes of each series kept`,
    tables: [
      {
        caption: 'Written from the beginning',
        columns: [
          'way',
          'instances',
          'bytes an instance',
          'of it folder records',
          'file MB',
          'seconds',
          'CPU us an instance',
          'memory MB',
        ],
        rows,
      },
      ...(largest
        ? [
            {
              caption: 'What the largest of these indexes consists of',
              columns: ['table or index', 'MB', 'bytes an instance', 'bytes a series'],
              rows: [...largest.tables].map(([name, bytes]) => [
                name,
                short(bytes / 1e6),
                short(each(largest, bytes)),
                short(bytes / largest.series),
              ]),
            },
          ]
        : []),
    ],
    targets: [
      {
        what: 'folder records',
        unit: 'bytes an instance',
        direction: 'at most',
        wanted: 25,
        reached: largest ? each(largest, largest.recordBytes) : null,
      },
      {
        what: 'whole file',
        unit: 'bytes an instance',
        direction: 'at most',
        wanted: 75,
        reached: largest ? each(largest, largest.fileBytes) : null,
      },
      { what: 'memory', unit: 'MB', direction: 'at most', wanted: 300, reached: memory },
    ],
    numbers: {
      instances: (largest ?? classic).instances,
      classicBytesAnInstance: each(classic, classic.fileBytes),
      ditagBytesAnInstance: largest ? each(largest, largest.fileBytes) : null,
      ditagFolderBytesAnInstance: largest ? each(largest, largest.recordBytes) : null,
      ditagSeconds: largest?.seconds ?? null,
      ditagMaxRssMB: memory,
    },
    notes: [
      'Synthetic data: paths of 95 characters, UIDs of 54, which count up in half of the series and are random in the others; times with microseconds, sizes that differ in half of the series; one folder a series, below folders for its year, month, patient and study. ditag gets the data from another process, as events of a scan: its figures are those of the index alone. Those of the classic table hold the making of the data, some 4 us an instance.',
      'The attributes of a series are drawn independently of each other, so they compress worse than those of real scanners.',
      'The classic table is written at a tenth of the size: its bytes an instance do not depend on it.',
    ],
  };
}
