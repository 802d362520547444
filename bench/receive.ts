/**
 * Benchmark `receive`: `ditag gateway` as it is shipped, and without waiting for
 * the disk, beside the receivers of DCMTK, Orthanc and dcmjs-dimse; dcmsend sends,
 * over one association and over four. And what the disk allows, in C.
 */
import { buildC, type Found, findDitag, findProgram } from './competitors.ts';
import {
  dcmjsCommand,
  gatewayCommand,
  inTurn,
  type MovedFiles,
  movedFiles,
  orthancCommand,
  QUICK,
  type ReceiverCommand,
  shares,
  startReceiver,
  storescpCommand,
  warm,
} from './dimse-parts.ts';
import type { Figures, Target } from './figures.ts';
import type { BenchOptions } from './options.ts';
import { doneWith, receivedFolder } from './received-folders.ts';
import { runProcess } from './run-process.ts';
import { median, medianAndRange, short } from './statistics.ts';

const SENDER = 'DCMSEND';
const ASSOCIATIONS = [1, 4];

/** Takes all files over so many associations. */
type Runner = (moved: MovedFiles, count: number) => Promise<Cost>;

interface Cost {
  seconds: number;
  cpuSeconds: number;
  maxRssBytes: number;
}

interface Way {
  name: string;
  /** Or why it is not there. */
  run: Runner | string;
  /** By files and associations. */
  cells: Map<string, Cell>;
}

interface Cell {
  rates: number[];
  cpuMilliseconds: number[];
  memoryMB: number[];
}

/** A receiver that is started anew for each run, and dcmsend. */
function received(options: BenchOptions, program: string, command: ReceiverCommand): Runner {
  return async (moved, count) => {
    const receiver = await startReceiver(options, command);
    try {
      warm(options, moved);
      const cpu = receiver.cpuSeconds();
      const start = performance.now();
      await Promise.all(
        shares(moved.files, count).map((files) => {
          const to = ['-aet', SENDER, '-aec', receiver.aeTitle, '127.0.0.1', String(receiver.port)];
          return runProcess(program, ['dcmsend', ...to, ...files], { env: QUICK, discardOutput: true });
        }),
      );
      const seconds = (performance.now() - start) / 1000;
      const cpuSeconds = receiver.cpuSeconds() - cpu;
      const files = receiver.count();
      if (files !== moved.files.length) throw new Error(`It has ${files} files of ${moved.files.length}`);
      return { seconds, cpuSeconds, maxRssBytes: receiver.maxRssBytes() };
    } finally {
      await receiver.stop();
    }
  };
}

/** Nothing is received: the files are made, and kept as the gateway keeps them. */
function kept(options: BenchOptions, program: string): Runner {
  const disk = buildC(options, 'disk');
  return async (moved, count) => {
    const { files, bytes } = moved;
    const folder = await receivedFolder(options, 'd-');
    try {
      warm(options, moved);
      const size = Math.round(bytes / files.length);
      return await runProcess(program, [disk, folder, String(files.length), String(size), String(count)]);
    } finally {
      doneWith(folder);
    }
  };
}

async function measure(way: Way, moved: MovedFiles, count: number): Promise<void> {
  if (typeof way.run === 'string') return;
  const { seconds, cpuSeconds, maxRssBytes } = await way.run(moved, count);
  const cell = cellOf(way, moved, count);
  cell.rates.push(moved.files.length / seconds);
  cell.cpuMilliseconds.push((cpuSeconds * 1000) / moved.files.length);
  cell.memoryMB.push(maxRssBytes / 1e6);
  console.error(
    `${way.name}, ${moved.name}, ${count}: ${short(cell.rates.at(-1)!)} files/s, ${short(cell.cpuMilliseconds.at(-1)!)} ms`,
  );
}

function cellOf(way: Way, { name }: MovedFiles, count: number): Cell {
  const key = `${name} ${count}`;
  const known = way.cells.get(key) ?? { rates: [], cpuMilliseconds: [], memoryMB: [] };
  way.cells.set(key, known);
  return known;
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const program = buildC(options, 'measure');
  const { small, large } = movedFiles(options);
  const ditag = findDitag(options);
  const storescp = findProgram('storescp', 'dcmtk');
  const way = (name: string, found: Found, command: (command: string[]) => ReceiverCommand): Way => {
    const run = 'missing' in found ? found.missing : received(options, program, command(found.command));
    return { name, run, cells: new Map() };
  };
  const shipped = way('ditag gateway', ditag, (command) => gatewayCommand(command, SENDER, true));
  const unsynced = way('ditag gateway, sync = no', ditag, (command) => gatewayCommand(command, SENDER, false));
  const anchor = way('storescp --fork +B -pdu 131072', storescp, () => storescpCommand(true));
  const plain = way('storescp', storescp, () => storescpCommand(false));
  const orthanc = way('Orthanc', findProgram('Orthanc', 'orthanc'), orthancCommand);
  const dcmjs = way('dcmjs-dimse', { command: [], version: '' }, dcmjsCommand);
  const disk: Way = { name: 'the disk alone: C, nothing received', run: kept(options, program), cells: new Map() };
  const ways = [shipped, unsynced, anchor, plain, orthanc, dcmjs, disk];
  for (let round = 0; round < (options.runs ?? 3); round++) {
    for (const moved of [small, large])
      for (const count of ASSOCIATIONS)
        for (const one of inTurn(ways, round)) {
          // It serves four associations one after the other.
          if (one !== plain || count === 1) await measure(one, moved, count);
        }
  }
  return report(options, { shipped, unsynced, anchor, disk, ways, small, large });
}

interface Measured {
  shipped: Way;
  unsynced: Way;
  anchor: Way;
  disk: Way;
  ways: Way[];
  small: MovedFiles;
  large: MovedFiles;
}

function report(options: BenchOptions, { shipped, unsynced, anchor, disk, ways, small, large }: Measured): Figures {
  const cells = [small, large].flatMap((moved) => ASSOCIATIONS.map((count) => ({ moved, count })));
  const cell = (way: Way, moved: MovedFiles, count: number) => way.cells.get(`${moved.name} ${count}`);
  const ratio = (part: 'rates' | 'cpuMilliseconds', way: Way, moved: MovedFiles, count: number) => {
    const [own, other] = [cell(way, moved, count), cell(anchor, moved, count)];
    return own === undefined || other === undefined ? null : median(own[part]) / median(other[part]);
  };
  const targets: Target[] = [];
  for (const count of ASSOCIATIONS) {
    const over = count === 1 ? '1 association' : `${count} associations`;
    targets.push(
      {
        what: `CPU a file without sync, 39 kB, ${over}`,
        unit: 'x',
        direction: 'at most',
        wanted: 1.3,
        reached: ratio('cpuMilliseconds', unsynced, small, count),
      },
      {
        what: `CPU a file without sync, 5 MB, ${over}`,
        unit: 'x',
        direction: 'at most',
        wanted: 1.6,
        reached: ratio('cpuMilliseconds', unsynced, large, count),
      },
    );
  }
  for (const moved of [small, large])
    targets.push({
      what: `files/s with sync over 4 associations, ${moved === small ? '39 kB' : '5 MB'}`,
      unit: 'x',
      direction: 'at least',
      wanted: 0.7,
      reached: ratio('rates', shipped, moved, 4),
    });
  const memory = cell(shipped, large, 4)?.memoryMB;
  targets.push({
    what: 'memory with 4 senders of 5 MB files',
    unit: 'MB',
    direction: 'at most',
    wanted: 200,
    reached: memory === undefined ? null : Math.max(...memory),
  });
  const numbers: Record<string, number | null> = {};
  for (const [name, way] of [
    ['shipped', shipped],
    ['unsynced', unsynced],
    ['storescp', anchor],
    ['disk', disk],
  ] as const)
    for (const { moved, count } of cells) {
      const measured = cell(way, moved, count);
      numbers[`${name} ${moved.name} ${count} files/s`] = measured === undefined ? null : median(measured.rates);
      numbers[`${name} ${moved.name} ${count} CPU ms`] =
        measured === undefined ? null : median(measured.cpuMilliseconds);
    }
  return {
    title: `Receiving ${small.files.length.toLocaleString('en-US')} files of 39 kB and ${large.files.length} of 5 MB from dcmsend`,
    tables: cells.map(({ moved, count }) => ({
      caption: `${moved.files.length.toLocaleString('en-US')} files of ${moved === small ? '39 kB' : '5 MB'} over ${count === 1 ? 'one association' : `${count} associations`}`,
      columns: ['receiver', 'files/s', 'CPU ms a file', 'CPU against storescp --fork', 'memory MB'],
      rows: ways.flatMap((way) => {
        const measured = cell(way, moved, count);
        if (typeof way.run === 'string') return [[way.name, way.run, '', '', '']];
        if (measured === undefined) return [];
        const against = ratio('cpuMilliseconds', way, moved, count);
        return [
          [
            way.name,
            medianAndRange(measured.rates),
            medianAndRange(measured.cpuMilliseconds),
            way === anchor || way === disk || against === null ? '' : `${short(against)} x`,
            short(Math.max(...measured.memoryMB)),
          ],
        ];
      }),
    })),
    targets,
    numbers,
    notes: [
      `dcmsend takes about a core itself, a process an association: files/s is bound by it and by the machine, so compare the CPU. Every program has TCP_NODELAY=1 in its environment: without it the kernel's delayed acknowledgement is measured. That all files have arrived is checked after every run.`,
      'The CPU of a receiver is that from before the senders start to after they have ended, of all its threads and processes; the indexing that the gateway does when nothing came for two seconds is mostly behind it. The memory of storescp --fork is that of the process that listens.',
      'As it is shipped the gateway answers an instance when it, its name and its folder are on the disk (fdatasync, link, fsync of the folder); DCMTK waits for nothing. With sync = no it waits for nothing either.',
      ...(options.scale === 1 ? [] : ['A part of the files only.']),
      'The disk alone: as many threads as there are associations make the calls of the gateway (open, write, fdatasync, link, unlink, close, fsync of the folder) for files of the same size, and do nothing else.',
      'Orthanc is as it comes: it syncs what it stores, and has an index in SQLite. dcmjs-dimse does what its README shows, and writes each data set; it drops the private elements. Neither was tuned.',
    ],
  };
}
