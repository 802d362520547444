/**
 * Benchmark `download-big`: `ditag project download` of 1,000,000 expected instances, all
 * but 1,000 of them on disk, from a PACS that answers at once.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freePort } from '../scripts/parts/parts.ts';
import { type BigShape, INSTANCES, instanceUid, isMissing, missingCount, NAME, OWN, PACS } from './big-project.ts';
import { buildC } from './competitors.ts';
import { QUICK, startReceiver } from './dimse-parts.ts';
import { type Ditag, openDitag } from './ditag-runs.ts';
import type { Figures, Target } from './figures.ts';
import { type BenchOptions, scaled, workingFolder } from './options.ts';
import { type ProcessRun, runProcess, settle } from './run-process.ts';
import { median, medianAndRange, short } from './statistics.ts';

/** To be raised with every change of what is made. */
const GENERATION = 1;
const THREADS = 4;

interface Project extends BigShape {
  /** As an unfinished download has left it; copied before each run. */
  state: string;
  output: string;
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const measure = buildC(options, 'measure');
  const opened = openDitag(options, measure);
  const series = scaled(options, 10_000, 20);
  const all = (series * INSTANCES).toLocaleString('en-US');
  const title = `Going on with a download of ${all} instances in ${series.toLocaleString('en-US')} series`;
  if ('missing' in opened) return { title, tables: [], targets: targets([]), numbers: {}, notes: [opened.missing] };
  using ditag = opened;
  const project = await makeProject(options, measure, series);
  const runs: ProcessRun[] = [];
  for (let round = 0; round < (options.runs ?? 3); round++) {
    runs.push(await resume(options, ditag, project));
    console.error(`${short(runs.at(-1)!.seconds)} s, ${short(runs.at(-1)!.maxRssBytes / 1e6)} MB`);
  }
  return report(title, runs, project);
}

/** Made once and kept, as all archives are. */
async function makeProject(options: BenchOptions, measure: string, series: number): Promise<Project> {
  const home = join(workingFolder(options, 'archives'), `big-project-${series}`);
  const output = join(home, 'output');
  const project = { series, output, folder: join(output, `${NAME}_20260101`), state: join(home, 'state.db') };
  const mark = join(home, 'made.json');
  const said = JSON.stringify({ generation: GENERATION, ...project });
  const shape: BigShape = { series, folder: project.folder };
  const make = (...args: string[]) =>
    runProcess(measure, [
      process.execPath,
      join(import.meta.dirname, 'programs/make-big-project.ts'),
      ...[JSON.stringify(shape), ...args],
    ]);
  if (existsSync(mark) && readFileSync(mark, 'utf8') === said) return project;
  console.error(`Writing ${(series * INSTANCES).toLocaleString('en-US')} files below ${home}`);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const { seconds } = await make(project.state, 'with-files');
  for (const end of ['-wal', '-shm']) rmSync(project.state + end, { force: true });
  writeFileSync(mark, said);
  console.error(`Written in ${Math.round(seconds)} s`);
  return project;
}

/** Instances on disk. */
function countFiles(folder: string): number {
  let count = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    count += entry.isDirectory() ? countFiles(join(folder, entry.name)) : Number(entry.name.endsWith('.dcm'));
  return count;
}

async function resume(options: BenchOptions, ditag: Ditag, project: Project): Promise<ProcessRun> {
  const { series, state, output, folder } = project;
  const expected = series * INSTANCES;
  removeMissing(project);
  const before = countFiles(folder);
  if (before !== expected - missingCount(project)) throw new Error(`${before} files are on disk before the run`);
  const [port, scpPort] = [await freePort(), await freePort()];
  const home = join(dirname(ditag.database), 'projects', NAME);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, `${NAME}.yml`), `pacs:\n  host: 127.0.0.1\n  port: ${port}\n  aetitle: ${PACS}\n`);
  for (const end of ['-wal', '-shm']) rmSync(join(home, `${NAME}.state.db${end}`), { force: true });
  copyFileSync(state, join(home, `${NAME}.state.db`));
  const pacs = await startReceiver(options, {
    port,
    command: () => [
      ...[process.execPath, join(import.meta.dirname, 'programs/big-pacs.ts')],
      ...[String(port), String(scpPort)],
    ],
  });
  try {
    settle();
    const own = ['--project-name', NAME, '--my-aet', OWN, '--threads', String(THREADS), '--quiet'];
    const to = ['--output', output, '--scp-port', String(scpPort)];
    const run = await ditag.run(['project', 'download', ...own, ...to], { env: QUICK });
    const after = countFiles(folder);
    if (after !== expected) throw new Error(`${after} files of ${expected} are on disk after the run`);
    return run;
  } finally {
    await pacs.stop();
    removeMissing(project);
  }
}

/** What a run has downloaded, so that the next one finds the same. */
function removeMissing({ series, folder }: Project): void {
  const wanted = new Set<string>();
  for (let one = 0; one < series; one++) {
    for (let instance = 0; instance < INSTANCES; instance++)
      if (isMissing(one, instance)) wanted.add(`${instanceUid(one, instance)}.dcm`);
  }
  const remove = (within: string): void => {
    for (const entry of readdirSync(within, { withFileTypes: true })) {
      if (entry.isDirectory()) remove(join(within, entry.name));
      else if (wanted.has(entry.name)) rmSync(join(within, entry.name));
    }
  };
  remove(folder);
  rmSync(join(folder, 'manifest.csv'), { force: true });
}

function targets(runs: readonly ProcessRun[]): Target[] {
  const reached = (value: (run: ProcessRun) => number) => (runs.length === 0 ? null : median(runs.map(value)));
  const what = 'the whole command, all but a thousandth on disk';
  return [
    { what, unit: 's', direction: 'at most', wanted: 30, reached: reached(({ seconds }) => seconds) },
    {
      what: 'memory of the command',
      unit: 'MB',
      direction: 'at most',
      wanted: 300,
      reached: runs.length === 0 ? null : Math.max(...runs.map(({ maxRssBytes }) => maxRssBytes)) / 1e6,
    },
  ];
}

function report(title: string, runs: readonly ProcessRun[], project: Project): Figures {
  const each = (value: (run: ProcessRun) => number) => medianAndRange(runs.map(value));
  const missing = missingCount(project).toLocaleString('en-US');
  return {
    title,
    tables: [
      {
        caption: `${missing} of them are missing, over ${THREADS} associations`,
        columns: ['command', 'seconds', 'CPU seconds', 'memory MB'],
        rows: [
          [
            'ditag project download',
            each(({ seconds }) => seconds),
            each(({ cpuSeconds }) => cpuSeconds),
            each(({ maxRssBytes }) => maxRssBytes / 1e6),
          ],
        ],
      },
    ],
    targets: targets(runs),
    numbers: {
      seconds: median(runs.map(({ seconds }) => seconds)),
      memoryMB: Math.max(...runs.map(({ maxRssBytes }) => maxRssBytes)) / 1e6,
    },
    notes: [
      `Half of what is missing is one instance in each of many series, the other half whole series. The time is that of the whole command: the noted instances are compared with those on disk, the missing ones come, and the manifest of all is written. That every file is there afterwards is checked.`,
      `The files have 200 bytes each, in folders of ${INSTANCES}; names and sizes of all are in the page cache, since they are counted before each run.`,
      'The PACS is a small one of this project in a process of its own, which makes the instances as it sends them.',
    ],
  };
}
