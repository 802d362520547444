/**
 * Benchmark `reindex`: `ditag index` of an archive in which nothing has changed,
 * beside `find`, which asks the same of the file system and remembers nothing.
 */
import { headerArchive } from './archives.ts';
import { buildC } from './competitors.ts';
import { openDitag } from './ditag-runs.ts';
import type { Figures } from './figures.ts';
import type { BenchOptions } from './options.ts';
import { type ProcessRun, runProcess, settle } from './run-process.ts';
import { median, medianAndRange, short } from './statistics.ts';

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const measure = buildC(options, 'measure');
  const { path, files, folders } = headerArchive(options);
  const opened = openDitag(options, measure);
  using ditag = 'missing' in opened ? undefined : opened;
  const find = () =>
    runProcess(measure, ['find', path, '-type', 'f', '-printf', '%s %T@ %p\\n'], { discardOutput: true });
  await runProcess(measure, [buildC(options, 'walk'), path, '0']);
  const first = await ditag?.index(path);
  const finds: ProcessRun[] = [];
  const ours: ProcessRun[] = [];
  await find();
  for (let round = 0; round < (options.runs ?? 3); round++) {
    settle();
    finds.push(await find());
    if (ditag) ours.push(await ditag.index(path));
    console.error(
      `round ${round + 1}: find ${short(finds.at(-1)!.seconds)} s, ditag ${short(ours.at(-1)?.seconds ?? Number.NaN)} s`,
    );
  }
  const bytes = ditag?.databaseBytes() ?? 0;
  return report({
    files,
    folders,
    first,
    finds,
    ours,
    bytes,
    missing: 'missing' in opened ? opened.missing : undefined,
  });
}

interface Measured {
  files: number;
  folders: number;
  first: ProcessRun | undefined;
  finds: ProcessRun[];
  ours: ProcessRun[];
  bytes: number;
  missing: string | undefined;
}

function report({ files, folders, first, finds, ours, bytes, missing }: Measured): Figures {
  const seconds = (runs: ProcessRun[]) => runs.map((one) => one.seconds);
  const ratio = ours.length === 0 ? null : median(seconds(ours)) / median(seconds(finds));
  const memory = (runs: ProcessRun[]) => Math.max(...runs.map((one) => one.maxRssBytes)) / 1e6;
  const row = (name: string, runs: ProcessRun[]) =>
    runs.length === 0
      ? [name, missing ?? 'not run', '', '', '', '']
      : [
          name,
          medianAndRange(seconds(runs)),
          short(files / median(seconds(runs))),
          `${short(median(seconds(runs)) / median(seconds(finds)))} x`,
          short((median(runs.map((one) => one.cpuSeconds)) * 1e6) / files),
          short(memory(runs)),
        ];
  return {
    title: `${files.toLocaleString('en-US')} unchanged files in ${folders.toLocaleString('en-US')} folders`,
    tables: [
      {
        caption: 'Seconds, median and range of interleaved rounds',
        columns: ['way', 'seconds', 'files/s', 'time against find', 'CPU us a file', 'memory MB'],
        rows: [
          row('find -printf %s %T@ %p', finds),
          row('ditag index, unchanged', ours),
          row('ditag index, first (one run)', first ? [first] : []),
        ],
      },
    ],
    targets: [
      { what: 'time against find', unit: 'x', direction: 'at most', wanted: 2, reached: ratio },
      {
        what: 'memory of index',
        unit: 'MB',
        direction: 'at most',
        wanted: 300,
        reached: ours.length ? Math.max(memory(ours), first!.maxRssBytes / 1e6) : null,
      },
    ],
    numbers: {
      files,
      findSeconds: median(seconds(finds)),
      ditagSeconds: ours.length ? median(seconds(ours)) : null,
      ditagFirstSeconds: first?.seconds ?? null,
      timeAgainstFind: ratio,
      ditagMaxRssMB: ours.length ? memory(ours) : null,
      ditagFirstMaxRssMB: first ? first.maxRssBytes / 1e6 : null,
      indexBytesAnInstance: first ? bytes / files : null,
    },
    notes: [
      "The files are real headers cut off where the pixel data would begin; names and attributes are in the kernel's caches after an untimed pass.",
    ],
  };
}
