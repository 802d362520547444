/**
 * Benchmark `index`: the first index of an archive in the page cache by the
 * whole command, beside the limit (a C program that only reads), GDCM's scanner
 * and the way it was done before (pydicom, a commit a file).
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { imageArchive } from './archives.ts';
import { buildC, type Found, findGdcmScanner, findPython } from './competitors.ts';
import { openDitag } from './ditag-runs.ts';
import type { Figures } from './figures.ts';
import { type BenchOptions, scaled, workingFolder } from './options.ts';
import { type ProcessRun, runProcess, settle } from './run-process.ts';
import { median, medianAndRange, short } from './statistics.ts';
import { warmMemory } from './warm-memory.ts';

/** Runs a way once: how many files in how many seconds. */
type Runner = () => Promise<{ files: number; seconds: number; cost: ProcessRun }>;

/** One way to read the archive, with a figure for each round. */
interface Way {
  name: string;
  /** Files a second. */
  rates: number[];
  cpuMicroseconds: number[];
  memoryMB: number[];
  /** A runner, or the sentence why there is none. */
  run: Runner | string;
}

/** What is asked of GDCM: what ditag's rows and records hold. */
const scannedTags = [
  '0008,0016',
  '0008,0018',
  '0008,0020',
  '0008,1030',
  '0008,103e',
  '0010,0010',
  '0010,0020',
  '0020,000d',
  '0020,000e',
];

function way(name: string, found: Found, makeRunner: (command: string[]) => Runner): Way {
  const run = 'missing' in found ? found.missing : makeRunner(found.command);
  return { name, rates: [], cpuMicroseconds: [], memoryMB: [], run };
}

function oldWay(options: BenchOptions, measure: string, archive: string, python: Found, files: number): Way {
  const database = join(workingFolder(options, 'databases'), 'old-way.db');
  return way(
    `pydicom, one SQLite commit a file (${files.toLocaleString('en-US')} files)`,
    python,
    (command) => async () => {
      for (const end of ['', '-journal']) rmSync(database + end, { force: true });
      const script = join(import.meta.dirname, 'python/old_way.py');
      const cost = await runProcess(measure, [...command, script, archive, String(files), database]);
      const said = JSON.parse(cost.stdout) as { files: number; seconds: number };
      return { ...said, cost };
    },
  );
}

/** More than any way takes (bytes). */
const MEMORY = 512 * 1024 * 1024;

async function interleave(options: BenchOptions, ways: Way[], rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const one of ways) {
      if (typeof one.run === 'string') continue;
      settle();
      warmMemory(options, MEMORY);
      const { files, seconds, cost } = await one.run();
      one.rates.push(files / seconds);
      one.cpuMicroseconds.push((cost.cpuSeconds * 1e6) / files);
      one.memoryMB.push(cost.maxRssBytes / 1e6);
      console.error(`round ${round + 1}: ${one.name}: ${short(files / seconds)} files/s`);
    }
  }
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const measure = buildC(options, 'measure');
  const walk = buildC(options, 'walk');
  const { path, files } = imageArchive(options);
  const python = findPython(options, ['pydicom']);
  const gdcm = findGdcmScanner();
  const opened = openDitag(options, measure);
  using ditag = 'missing' in opened ? undefined : opened;
  const whole =
    (command: string[]): Runner =>
    async () => {
      const cost = await runProcess(measure, command, { discardOutput: true });
      return { files, seconds: cost.seconds, cost };
    };
  const limit = way('limit: C, walk, open, pread 16 kB, close', { command: [walk, path], version: '' }, whole);
  const ours = way('ditag index', 'missing' in opened ? opened : { command: [], version: '' }, () => async () => {
    ditag!.forget();
    const cost = await ditag!.index(path);
    return { files, seconds: cost.seconds, cost };
  });
  const tags = scannedTags.flatMap((tag) => ['-t', tag]);
  const scanner = way('gdcmscanner', gdcm, (command) => whole([...command, '-r', '-d', path, ...tags]));
  const before = oldWay(options, measure, path, python, scaled(options, 2_000, 100));
  const ways = [limit, ours, scanner, before];
  await runProcess(measure, [walk, path, '0']);
  await interleave(options, ways, options.runs ?? 3);
  return report(ways, files, { python, gdcm });
}

function report(ways: Way[], files: number, versions: { python: Found; gdcm: Found }): Figures {
  const [limit, ours, scanner, before] = ways as [Way, Way, Way, Way];
  const rate = ({ rates }: Way) => (rates.length === 0 ? null : median(rates));
  const ratio = (other: Way) => (rate(ours) === null || rate(other) === null ? null : rate(ours)! / rate(other)!);
  const versionOf = (found: Found) => ('missing' in found ? found.missing : found.version);
  return {
    title: `The first index of ${files.toLocaleString('en-US')} files of 39 kB, in the page cache`,
    tables: [
      {
        caption: 'Files a second, median and range of interleaved rounds',
        columns: ['way', 'files/s', 'ditag is', 'CPU us a file', 'memory MB'],
        rows: ways.map((one) =>
          typeof one.run === 'string'
            ? [one.name, one.run, '', '', '']
            : [
                one.name,
                medianAndRange(one.rates),
                one === ours || ratio(one) === null ? '' : `${short(ratio(one)!)} x`,
                short(median(one.cpuMicroseconds)),
                short(Math.max(...one.memoryMB)),
              ],
        ),
      },
    ],
    targets: [
      { what: 'speed against the limit', unit: 'x', direction: 'at least', wanted: 0.5, reached: ratio(limit) },
      { what: 'speed against gdcmscanner', unit: 'x', direction: 'at least', wanted: 4, reached: ratio(scanner) },
      { what: 'speed against the old way', unit: 'x', direction: 'at least', wanted: 50, reached: ratio(before) },
    ],
    numbers: {
      files,
      ditagFilesPerSecond: rate(ours),
      limitFilesPerSecond: rate(limit),
      gdcmscannerFilesPerSecond: rate(scanner),
      oldWayFilesPerSecond: rate(before),
      ditagCpuMicroseconds: ours.rates.length ? median(ours.cpuMicroseconds) : null,
      ditagMaxRssMB: ours.rates.length ? Math.max(...ours.memoryMB) : null,
    },
    notes: [
      'All ways read the same files after an untimed pass that read every file whole. What a run has written is on the disk before the next one starts. ditag starts from nothing in every round; its time is that of the whole command with the start of Node.',
      `gdcmscanner looks for ${scannedTags.length} tags (${versionOf(versions.gdcm)}) and keeps nothing.`,
      `The old way runs over a part of the archive and is compared by the file, without the start of Python; ${versionOf(versions.python)}, SQLite's own settings for a commit.`,
    ],
  };
}
