/**
 * Benchmark `scanners`: an archive on a mount where every call takes a
 * millisecond more, indexed by one, two and four scanners with four calls at a
 * time each.
 */
import { realpathSync } from 'node:fs';
import { ClusterWorkspace } from '../cli/workspaces/cluster/cluster-workspace.ts';
import { makeArchive } from './archive-generator.ts';
import { BenchCluster, missingPart, notMeasured, StateFolder } from './cluster-parts.ts';
import { buildC } from './competitors.ts';
import type { Figures, Target } from './figures.ts';
import { type BenchOptions, scaled, workingFolder } from './options.ts';
import { settle } from './run-process.ts';
import { median, medianAndRange, short } from './statistics.ts';

const counts = [1, 2, 4] as const;
type Count = (typeof counts)[number];
const callsEach = 4;

interface Rounds {
  /** Files a second until they can be queried. */
  rates: number[];
  /** Until all were read. */
  read: number[];
}

/** An archive for each number of scanners: other files, in the same shape. */
function makeArchives(options: BenchOptions, files: number): Map<string, string> {
  const make = (name: string, count: number, seed: number) =>
    makeArchive(workingFolder(options, 'archives'), name, options.samples, {
      files: count,
      filesASeries: [20, 100],
      fileBytes: 'header',
      templates: { 'CT_small.dcm': 70, 'MR_small.dcm': 30 },
      layout: 'clinical',
      seed,
    });
  return new Map([
    ['warm', make('scanners-warm', Math.max(500, Math.round(files / 10)), 30)],
    ...counts.map((count) => [`by-${count}`, make(`scanners-${count}`, files, 30 + count)] as const),
  ]);
}

function slowed(options: BenchOptions): Record<string, string> {
  return {
    LD_PRELOAD: buildC(options, 'slow-calls'),
    DITAG_SLOW_PREFIX: realpathSync(workingFolder(options, 'archives')),
    DITAG_SLOW_US: '1000',
    // io_uring would go around the C library.
    UV_USE_IO_URING: '0',
    DITAG_SCANNER_CALLS: String(callsEach),
  };
}

/** Indexes an archive. Gives the seconds until all of it was read, and until it can be queried. */
async function index(nats: string, archive: string): Promise<{ read: number; whole: number }> {
  const start = performance.now();
  const passed = () => (performance.now() - start) / 1000;
  let read = Number.NaN;
  await new ClusterWorkspace({ url: nats }, undefined, '').index({
    archive,
    append: true,
    acceptDeletions: false,
    threads: undefined,
    signal: new AbortController().signal,
    onStart: () => {},
    onProgress: ({ step }) => {
      if (step === 'publishing' && Number.isNaN(read)) read = passed();
    },
  });
  const whole = passed();
  return { read: Number.isNaN(read) ? whole : read, whole };
}

/** A new cluster; scanners are added between the archives. */
async function oneRound(
  options: BenchOptions,
  archives: Map<string, string>,
  files: number,
  into: Record<Count, Rounds>,
) {
  using state = new StateFolder(options, 'scanners');
  const paths = new Map([...archives].map(([name, path]) => [name, realpathSync(path)]));
  await using bench = await BenchCluster.start(options, state, paths);
  const env = slowed(options);
  await bench.addScanner(env);
  await index(bench.nats, 'warm');
  for (const count of counts) {
    while (bench.scanners.length < count) await bench.addScanner(env);
    settle();
    const { read, whole } = await index(bench.nats, `by-${count}`);
    into[count].rates.push(files / whole);
    into[count].read.push(files / read);
    console.error(`${count} scanners: ${short(files / whole)} files/s`);
  }
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const files = scaled(options, 60_000, 1_000);
  const title = `${files.toLocaleString('en-US')} files on a mount that takes 1 ms more for each call, by several scanners`;
  const missing = await missingPart();
  if (missing !== undefined)
    return notMeasured(
      title,
      targets(() => null),
      missing,
    );
  const archives = makeArchives(options, files);
  const none = (): Rounds => ({ rates: [], read: [] });
  const rounds: Record<Count, Rounds> = { 1: none(), 2: none(), 4: none() };
  for (let round = 0; round < (options.runs ?? 1); round++) await oneRound(options, archives, files, rounds);
  return report(title, rounds, files);
}

function targets(ratio: (count: Count) => number | null): Target[] {
  return [
    { what: 'two scanners against one', unit: 'x', direction: 'at least', wanted: 1.9, reached: ratio(2) },
    { what: 'four scanners against one', unit: 'x', direction: 'at least', wanted: 3.5, reached: ratio(4) },
  ];
}

function report(title: string, rounds: Record<Count, Rounds>, files: number): Figures {
  const ratio = (count: Count) => median(rounds[count].rates) / median(rounds[1].rates);
  return {
    title,
    tables: [
      {
        caption: 'Files a second',
        columns: ['scanners', 'until they can be queried', 'against one', 'until all were read'],
        rows: counts.map((count) => [
          String(count),
          medianAndRange(rounds[count].rates),
          count === 1 ? '' : `${short(ratio(count))} x`,
          medianAndRange(rounds[count].read),
        ]),
      },
    ],
    targets: targets(ratio),
    numbers: {
      files,
      oneFilesPerSecond: median(rounds[1].rates),
      twoFilesPerSecond: median(rounds[2].rates),
      fourFilesPerSecond: median(rounds[4].rates),
    },
    notes: [
      `Each scanner has at most ${callsEach} calls at a time (DITAG_SCANNER_CALLS), so the mount and not the processor is what it waits for. Each number of scanners gets files of its own, of the same shape, in one cluster that an archive before them has warmed up.`,
      'The other parts of the cluster run on the same machine.',
    ],
  };
}
