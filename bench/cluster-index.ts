/**
 * Benchmark `cluster-index`: an archive indexed by a cluster on this machine,
 * from the command to the moment at which all of it can be queried, beside the
 * same files indexed without a cluster; and what each part of the cluster costs.
 */
import { availableParallelism } from 'node:os';
import { makeArchive } from './archive-generator.ts';
import {
  BenchCluster,
  heapMB,
  missingPart,
  notMeasured,
  type PartCosts,
  partNames,
  StateFolder,
  spent,
} from './cluster-parts.ts';
import { buildC } from './competitors.ts';
import { type Ditag, openDitag } from './ditag-runs.ts';
import type { Figures, Target } from './figures.ts';
import { type BenchOptions, scaled, workingFolder } from './options.ts';
import { runProcess, settle } from './run-process.ts';
import { median, medianAndRange, short } from './statistics.ts';

interface Archive {
  path: string;
  files: number;
}

/** Rounds of one way; costs are processor seconds. */
interface Rounds {
  rates: number[];
  costs: PartCosts[];
  commandCpu: number[];
}

interface Measured {
  embedded: Rounds;
  cold: Rounds;
  warm: Rounds;
}

/** Files that end where their pixel data would begin, in clinical folders. */
function clinicalArchive(
  options: BenchOptions,
  name: string,
  files: number,
  seed: number,
  filesASeries: [number, number] = [20, 100],
): Archive {
  const path = makeArchive(workingFolder(options, 'archives'), name, options.samples, {
    files,
    filesASeries,
    fileBytes: 'header',
    templates: { 'CT_small.dcm': 70, 'MR_small.dcm': 20, 'MR_small_implicit.dcm': 10 },
    layout: 'clinical',
    seed,
  });
  return { path, files };
}

async function embedded(ditag: Ditag, { path, files }: Archive, into: Rounds): Promise<void> {
  ditag.forget();
  settle();
  const { seconds, cpuSeconds } = await ditag.index(path);
  into.rates.push(files / seconds);
  into.commandCpu.push(cpuSeconds);
}

/** The archives that a cluster gets, in this order. */
interface Archives {
  /** What the cold figure is of. */
  first: Archive;
  /** Many small series: Java compiles what is hot only after some 10,000 of them. */
  warming: Archive;
  second: Archive;
}

/** A new cluster, which indexes one archive after the other. */
async function clustered(options: BenchOptions, ditag: Ditag, { first, warming, second }: Archives, into: Measured) {
  using state = new StateFolder(options, 'cluster-index');
  const archives = new Map([
    ['first', first.path],
    ['warming', warming.path],
    ['second', second.path],
  ]);
  await using bench = await BenchCluster.start(options, state, archives);
  for (let count = 0; count < availableParallelism(); count++) await bench.addScanner();
  for (const [name, archive, rounds] of [
    ['first', first, into.cold],
    ['warming', warming, undefined],
    ['second', second, into.warm],
  ] as const) {
    settle();
    const before = bench.costs();
    const run = await ditag.run(['--nats', bench.nats, 'index', '--archive', name, '--append', '--quiet']);
    if (rounds === undefined) continue;
    rounds.rates.push(archive.files / run.seconds);
    rounds.costs.push(spent(before, bench.costs()));
    rounds.commandCpu.push(run.cpuSeconds);
  }
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const measure = buildC(options, 'measure');
  const first = clinicalArchive(options, 'cluster-first', scaled(options, 50_000, 1_000), 21);
  const warming = clinicalArchive(options, 'cluster-warming', scaled(options, 40_000, 1_000), 23, [2, 6]);
  const second = clinicalArchive(options, 'cluster', scaled(options, 500_000, 2_000), 22);
  const title = `${second.files.toLocaleString('en-US')} files without their pixels by a cluster on this machine`;
  const opened = openDitag(options, measure);
  using ditag = 'missing' in opened ? undefined : opened;
  const missing = 'missing' in opened ? opened.missing : await missingPart();
  if (missing !== undefined || ditag === undefined) return notMeasured(title, targets(null), missing!);
  const none = (): Rounds => ({ rates: [], costs: [], commandCpu: [] });
  const measured: Measured = { embedded: none(), cold: none(), warm: none() };
  for (const { path } of [first, warming, second]) await runProcess(measure, [buildC(options, 'walk'), path, '0']);
  for (let round = 0; round < (options.runs ?? 3); round++) {
    await embedded(ditag, second, measured.embedded);
    await clustered(options, ditag, { first, warming, second }, measured);
    const last = (rounds: Rounds) => short(rounds.rates.at(-1)!);
    console.error(
      `round ${round + 1}: embedded ${last(measured.embedded)}, cluster ${last(measured.warm)}, cold ${last(measured.cold)} files/s`,
    );
  }
  return report(title, measured, first.files, second.files);
}

function targets(reached: number | null): Target[] {
  return [{ what: 'speed against the same without a cluster', unit: 'x', direction: 'at least', wanted: 0.4, reached }];
}

function report(title: string, { embedded, cold, warm }: Measured, firstFiles: number, files: number): Figures {
  const against = (rounds: Rounds) => median(rounds.rates) / median(embedded.rates);
  const perFile = (seconds: number[], count: number) => (median(seconds) * 1e6) / count;
  const ofPart = (rounds: Rounds, name: (typeof partNames)[number], count: number) =>
    perFile(
      rounds.costs.map((costs) => costs[name]),
      count,
    );
  const whole = (rounds: Rounds, count: number) =>
    partNames.reduce((sum, name) => sum + ofPart(rounds, name, count), perFile(rounds.commandCpu, count));
  const costs = (rounds: Rounds, count: number) => [
    ...partNames.map((name) => short(ofPart(rounds, name, count))),
    short(perFile(rounds.commandCpu, count)),
    short(whole(rounds, count)),
  ];
  const scanners = availableParallelism();
  return {
    title,
    tables: [
      {
        caption: 'Files a second until they can be queried, median and range of interleaved rounds',
        columns: ['way', 'files', 'files/s', 'against without'],
        rows: [
          ['without a cluster', files.toLocaleString('en-US'), medianAndRange(embedded.rates), ''],
          [
            `cluster, ${scanners} scanners`,
            files.toLocaleString('en-US'),
            medianAndRange(warm.rates),
            `${short(against(warm))} x`,
          ],
          [
            'the first archive of a new cluster',
            firstFiles.toLocaleString('en-US'),
            medianAndRange(cold.rates),
            `${short(against(cold))} x`,
          ],
        ],
      },
      {
        caption: 'Processor time in us a file',
        columns: ['way', ...partNames, 'command', 'together'],
        rows: [
          [
            'without a cluster',
            ...partNames.map(() => ''),
            ...Array(2).fill(short(perFile(embedded.commandCpu, files))),
          ],
          ['cluster', ...costs(warm, files)],
          ['the first archive of a new cluster', ...costs(cold, firstFiles)],
        ],
      },
    ],
    targets: targets(against(warm)),
    numbers: {
      files,
      scanners,
      embeddedFilesPerSecond: median(embedded.rates),
      clusterFilesPerSecond: median(warm.rates),
      coldFilesPerSecond: median(cold.rates),
      againstEmbedded: against(warm),
      ...Object.fromEntries(
        partNames.map((name) => [`${name.toLowerCase().replace(/\W/g, '')}CpuMicroseconds`, ofPart(warm, name, files)]),
      ),
      clusterCpuMicroseconds: whole(warm, files),
      embeddedCpuMicroseconds: perFile(embedded.commandCpu, files),
    },
    notes: [
      `Both ways by the compiled command, from its start to its end; the files are in the page cache. Each round has a new cluster: one nats-server, one Elasticsearch (heap of ${heapMB} MB), one indexer, one api and as many scanners as there are processors, all on this machine and with every message of the log on the disk before it is confirmed. Its parts are started before; the first archive, of other files, and one of many small series warm them up.`,
    ],
  };
}
