/**
 * Benchmark `slow-mount`: the first index and one of an unchanged archive where
 * every open, read, stat and listing costs a millisecond more, beside a loop
 * with one call at a time under the same delay.
 */
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { imageArchive } from './archives.ts';
import { buildC } from './competitors.ts';
import { type Ditag, openDitag } from './ditag-runs.ts';
import type { Figures } from './figures.ts';
import { type BenchOptions, scaled, workingFolder } from './options.ts';
import { type ProcessRun, runProcess, settle } from './run-process.ts';
import { median, medianAndRange, short } from './statistics.ts';

type Pass = 'first' | 'again';

/** Runs of one way and one pass. */
interface Series {
  rates: number[];
  /** Slowed calls for each file, all kinds together. */
  calls: number[];
  memory: number[];
}

const nothing = (): Series => ({ rates: [], calls: [], memory: [] });

/** The environment that slows calls below `archive`; the counts are read back after the run. */
function slowed(options: BenchOptions, archive: string) {
  const counts = join(workingFolder(options, 'bin'), 'slow-calls.counts.json');
  const env = {
    LD_PRELOAD: buildC(options, 'slow-calls'),
    DITAG_SLOW_PREFIX: realpathSync(archive),
    DITAG_SLOW_US: '1000',
    DITAG_SLOW_COUNTS: counts,
    // io_uring would go around the C library.
    UV_USE_IO_URING: '0',
  };
  const calls = () => {
    const { open, read, stat, readdir } = JSON.parse(readFileSync(counts, 'utf8')) as Record<string, number>;
    return open! + read! + stat! + readdir!;
  };
  return { env, calls };
}

function note(series: Series, files: number, seconds: number, calls: number, cost: ProcessRun): void {
  series.rates.push(files / seconds);
  series.calls.push(calls / files);
  series.memory.push(cost.maxRssBytes / 1e6);
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const measure = buildC(options, 'measure');
  const { path, files } = imageArchive(options);
  const archive = realpathSync(path);
  const { env, calls } = slowed(options, archive);
  const opened = openDitag(options, measure);
  using ditag = 'missing' in opened ? undefined : opened;
  const ours = { first: nothing(), again: nothing() };
  const loop = { first: nothing(), again: nothing() };
  const subset = scaled(options, 2_000, 100);
  await runProcess(measure, [buildC(options, 'walk'), archive, '0']);
  for (let round = 0; round < (options.runs ?? 3); round++) {
    ditag?.forget();
    settle();
    for (const pass of ['first', 'again'] as Pass[]) {
      await runLoop(measure, archive, subset, pass, env, calls, loop[pass]);
      if (ditag) await runDitag(ditag, archive, files, env, calls, ours[pass]);
      console.error(`round ${round + 1}, ${pass}: ditag ${short(ours[pass].rates.at(-1) ?? Number.NaN)} files/s`);
    }
  }
  return report(ours, loop, files, subset, 'missing' in opened ? opened.missing : undefined);
}

async function runLoop(
  measure: string,
  archive: string,
  subset: number,
  pass: Pass,
  env: Record<string, string>,
  calls: () => number,
  into: Series,
) {
  const program = join(import.meta.dirname, 'programs/one-call-at-a-time.ts');
  const cost = await runProcess(measure, [process.execPath, program, archive, String(subset), pass], { env });
  const said = JSON.parse(cost.stdout) as { files: number; seconds: number };
  note(into, said.files, said.seconds, calls(), cost);
}

async function runDitag(
  ditag: Ditag,
  archive: string,
  files: number,
  env: Record<string, string>,
  calls: () => number,
  into: Series,
) {
  const cost = await ditag.index(archive, { env });
  note(into, files, cost.seconds, calls(), cost);
}

function report(
  ours: Record<Pass, Series>,
  loop: Record<Pass, Series>,
  files: number,
  subset: number,
  missing: string | undefined,
): Figures {
  const rate = ({ rates }: Series) => (rates.length === 0 ? null : median(rates));
  const memory = Math.max(...ours.first.memory, ...ours.again.memory);
  const row = (name: string, series: Series, other: Series) =>
    series.rates.length === 0
      ? [name, missing ?? 'not run', '', '', '']
      : [
          name,
          medianAndRange(series.rates),
          other === series ? '' : `${short(rate(series)! / rate(other)!)} x`,
          short(median(series.calls)),
          short(Math.max(...series.memory)),
        ];
  return {
    title: `${files.toLocaleString('en-US')} files on a mount that takes 1 ms more for each call`,
    tables: [
      {
        caption: 'Files a second, median and range of interleaved rounds',
        columns: ['way', 'files/s', 'against one call at a time', 'slowed calls a file', 'memory MB'],
        rows: [
          row('ditag index, first', ours.first, loop.first),
          row('one call at a time, first', loop.first, loop.first),
          row('ditag index, unchanged', ours.again, loop.again),
          row('one call at a time, unchanged', loop.again, loop.again),
        ],
      },
    ],
    targets: [
      { what: 'first index', unit: 'files/s', direction: 'at least', wanted: 8_000, reached: rate(ours.first) },
      { what: 'unchanged', unit: 'files/s', direction: 'at least', wanted: 20_000, reached: rate(ours.again) },
      {
        what: 'memory',
        unit: 'MB',
        direction: 'at most',
        wanted: 400,
        reached: Number.isFinite(memory) ? memory : null,
      },
    ],
    numbers: {
      files,
      ditagFirstFilesPerSecond: rate(ours.first),
      ditagUnchangedFilesPerSecond: rate(ours.again),
      oneAtATimeFirstFilesPerSecond: rate(loop.first),
      oneAtATimeUnchangedFilesPerSecond: rate(loop.again),
      ditagMaxRssMB: Number.isFinite(memory) ? memory : null,
    },
    notes: [
      `One call at a time (stat, open, read 16 kB, close; unchanged: stat) runs over ${subset.toLocaleString('en-US')} files and is compared by the file.`,
      'A listing of a folder costs 1 ms and 1 ms more for each 256 further entries. close and fstat are free, as on a network client that has the attributes of an open file. The database lies on the local disk.',
    ],
  };
}
