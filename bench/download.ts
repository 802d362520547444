/**
 * Benchmark `download`: `ditag project download` beside movescu to storescp, the same
 * 200 series from an Orthanc, over one association and over four.
 */
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freePort } from '../scripts/parts/parts.ts';
import { makeArchive } from './archive-generator.ts';
import { buildC, findProgram } from './competitors.ts';
import { QUICK, type Receiver, type ReceiverCommand, shares, startReceiver } from './dimse-parts.ts';
import { type Ditag, openDitag } from './ditag-runs.ts';
import type { Figures, Target } from './figures.ts';
import { type BenchOptions, scaled, workingFolder } from './options.ts';
import { type Orthanc, startOrthanc } from './orthanc-parts.ts';
import { writeQueryFiles } from './query-files.ts';
import { doneWith, receivedFolder } from './received-folders.ts';
import { type ProcessRun, runProcess, settle } from './run-process.ts';
import { median, medianAndRange, short } from './statistics.ts';

const ASSOCIATIONS = [1, 4];
const INSTANCES = 15;
const BYTES = 39_206;
const OWN = 'DITAG';
const MOVER = 'MOVESCU';
const STORE = 'STORESCP';
const PROJECT = 'bench';

interface Way {
  name: string;
  /** Gives the seconds that it took, and what its processes cost; throws when something is missing. */
  download: (count: number) => Promise<{ seconds: number; runs: ProcessRun[] }>;
  cells: Map<number, { seconds: number[]; cpuMilliseconds: number[]; memoryMB: number[] }>;
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const measure = buildC(options, 'measure');
  const series = scaled(options, 200, 8);
  const title = `Downloading ${(series * INSTANCES).toLocaleString('en-US')} instances of 39 kB in ${series} series from Orthanc`;
  const opened = openDitag(options, measure);
  const needed = ['dcmsend', 'movescu', 'storescp'].map((program) => findProgram(program, 'dcmtk'));
  for (const found of [opened, findProgram('Orthanc', 'orthanc'), ...needed])
    if ('missing' in found) return { title, tables: [], targets: targets([]), numbers: {}, notes: [found.missing] };
  using ditag = opened as Ditag;
  const [port, storePort] = [await freePort(), await freePort()];
  const orthanc = await startOrthanc(options, measure, {
    name: `download-${series}`,
    version: `1, ${series} series of ${INSTANCES}, ${BYTES} bytes`,
    instances: series * INSTANCES,
    callers: { [OWN]: port, [MOVER]: 1, [STORE]: storePort },
    files: () => [archiveOf(options, series)],
  });
  const folder = mkdtempSync(join(workingFolder(options, 'lists'), 'download-'));
  try {
    if (orthanc.series.length !== series) throw new Error(`Orthanc has ${orthanc.series.length} series of ${series}`);
    const instances = series * INSTANCES;
    const ways: Way[] = [
      {
        name: 'ditag project download',
        cells: new Map(),
        download: await byDitag({ options, ditag, orthanc, folder, port, instances }),
      },
      {
        name: 'movescu to storescp +B',
        cells: new Map(),
        download: byMovescu({ options, measure, orthanc, folder, port: storePort, instances }),
      },
    ];
    for (let round = 0; round < (options.runs ?? 3); round++)
      for (const count of ASSOCIATIONS) for (const way of ways) await measureWay(way, count, instances);
    return report(title, ways, instances);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await orthanc.stop();
  }
}

function archiveOf(options: BenchOptions, series: number): string {
  return makeArchive(workingFolder(options, 'archives'), 'download', options.samples, {
    files: series * INSTANCES,
    filesASeries: [INSTANCES, INSTANCES],
    fileBytes: BYTES,
    templates: { 'CT_small.dcm': 100 },
    layout: 'clinical',
    seed: 13,
  });
}

interface Parts {
  options: BenchOptions;
  orthanc: Orthanc;
  folder: string;
  /** Where what is downloaded arrives. */
  port: number;
  instances: number;
}

/** The project is indexed once; each run begins with the state after that, and with an empty folder. */
async function byDitag({
  options,
  ditag,
  orthanc,
  folder,
  port,
  instances,
}: Parts & { ditag: Ditag }): Promise<Way['download']> {
  const list = join(folder, 'accessions.txt');
  const accessions = new Set(orthanc.series.map(({ AccessionNumber }) => AccessionNumber));
  writeFileSync(list, `${[...accessions].join('\n')}\n`);
  const project = ['--project-name', PROJECT, '--my-aet', OWN, '--quiet'];
  const pacs = ['--pacs', orthanc.host, '--port', String(orthanc.port), '--aetitle', orthanc.aeTitle];
  await ditag.run(['project', 'index', ...project, ...pacs, '--target-list', list]);
  const state = join(dirname(ditag.database), 'projects', PROJECT, `${PROJECT}.state.db`);
  const indexed = join(folder, 'state.db');
  for (const end of ['-wal', '-shm']) rmSync(state + end, { force: true });
  copyFileSync(state, indexed);
  return async (count) => {
    copyFileSync(indexed, state);
    const output = await receivedFolder(options, 'd-');
    try {
      settle();
      const to = ['--output', output, '--scp-port', String(port), '--threads', String(count)];
      const run = await ditag.run(['project', 'download', ...project, ...to], { env: QUICK });
      const files = readdirSync(output, { recursive: true }).filter((name) => String(name).endsWith('.dcm'));
      if (files.length !== instances) throw new Error(`ditag has downloaded ${files.length} files of ${instances}`);
      return { seconds: run.seconds, runs: [run] };
    } finally {
      doneWith(output);
    }
  };
}

/** Over one association each, a share of the series one after the other. */
function byMovescu({ options, measure, orthanc, folder, port, instances }: Parts & { measure: string }) {
  const queries = orthanc.series.map(({ StudyInstanceUID, SeriesInstanceUID }) => {
    return { QueryRetrieveLevel: 'SERIES', StudyInstanceUID, SeriesInstanceUID };
  });
  const cwd = join(folder, 'queries');
  const names = writeQueryFiles(cwd, queries);
  const from = ['-S', '-aet', MOVER, '-aec', orthanc.aeTitle, '-aem', STORE, orthanc.host, String(orthanc.port)];
  return async (count: number) => {
    const receiver: Receiver = await startReceiver(options, storescp(count, port));
    try {
      settle();
      const start = performance.now();
      const runs = await Promise.all(
        shares(names, count).map((share) =>
          runProcess(measure, ['movescu', ...from, ...share], { env: QUICK, cwd, discardOutput: true }),
        ),
      );
      const seconds = (performance.now() - start) / 1000;
      const files = receiver.count();
      if (files !== instances) throw new Error(`movescu has moved ${files} files of ${instances}`);
      return { seconds, runs };
    } finally {
      await receiver.stop();
    }
  };
}

/** One process serves one association after the other: for several at a time it has to fork. */
function storescp(count: number, port: number): ReceiverCommand {
  const fork = count > 1 ? ['--fork'] : [];
  return {
    port,
    command: (at, into) => ['storescp', '+xa', ...fork, '+B', '-pdu', '131072', '-od', into, String(at)],
  };
}

async function measureWay(way: Way, count: number, instances: number): Promise<void> {
  const { seconds, runs } = await way.download(count);
  const cell = way.cells.get(count) ?? { seconds: [], cpuMilliseconds: [], memoryMB: [] };
  way.cells.set(count, cell);
  cell.seconds.push(seconds);
  cell.cpuMilliseconds.push((runs.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) * 1000) / instances);
  cell.memoryMB.push(Math.max(...runs.map(({ maxRssBytes }) => maxRssBytes)) / 1e6);
  console.error(`${way.name}, ${count}: ${short(seconds)} s, ${short(instances / seconds)} instances/s`);
}

function over(count: number): string {
  return count === 1 ? 'one association' : `${count} associations`;
}

function targets(ways: readonly Way[]): Target[] {
  const [ours, theirs] = ways;
  return ASSOCIATIONS.map((count) => {
    const [own, other] = [ours?.cells.get(count)?.seconds, theirs?.cells.get(count)?.seconds];
    return {
      what: `speed against movescu and storescp, ${over(count)}`,
      unit: 'x',
      direction: 'at least',
      wanted: count === 1 ? 0.85 : 0.75,
      reached: own === undefined || other === undefined ? null : median(other) / median(own),
    };
  });
}

function report(title: string, ways: readonly Way[], instances: number): Figures {
  const [ours] = ways;
  return {
    title,
    tables: ASSOCIATIONS.map((count) => ({
      caption: `Over ${over(count)}`,
      columns: ['downloaded by', 'seconds', 'instances/s'],
      rows: ways.map(({ name, cells }) => {
        const { seconds } = cells.get(count)!;
        return [name, medianAndRange(seconds), medianAndRange(seconds.map((each) => instances / each))];
      }),
    })),
    targets: targets(ways),
    numbers: Object.fromEntries(
      ASSOCIATIONS.flatMap((count) => [
        ...ways.map(({ name, cells }) => [
          `${name} ${count} instances/s`,
          instances / median(cells.get(count)!.seconds),
        ]),
        [`ditag ${count} CPU ms an instance`, median(ours!.cells.get(count)!.cpuMilliseconds)],
        [`ditag ${count} memory MB`, Math.max(...ours!.cells.get(count)!.memoryMB)],
      ]),
    ),
    notes: [
      `The time of ditag is that of the whole command: Node, the project, a C-ECHO, then each instance hashed, synced with its name and its folder, and noted in the project, and at the end the manifest. storescp runs before the time begins, and waits for no disk, hashes nothing and proves nothing.`,
      `movescu gets the series as files and asks for one after the other over one association; over four, it is four processes with a quarter of the series each. storescp is +B -pdu 131072, with --fork for four. That all files have arrived is checked. Every program has TCP_NODELAY=1 in its environment.`,
      `ditag took ${short(median(ours!.cells.get(1)!.cpuMilliseconds))} ms of CPU an instance over one association, ${short(median(ours!.cells.get(4)!.cpuMilliseconds))} ms over four, and at most ${short(Math.max(...ASSOCIATIONS.flatMap((count) => ours!.cells.get(count)!.memoryMB)))} MB of memory.`,
    ],
  };
}
