/**
 * Benchmark `receive`: `ditag gateway` as it is shipped, and without waiting for
 * the disk, beside the receivers of DCMTK and Orthanc; dcmsend sends, over one
 * association and over four.
 */
import { buildC, type Found, findDitag, findProgram } from './competitors.ts';
import {
  gatewayCommand,
  type MovedFiles,
  movedFiles,
  QUICK,
  type ReceiverCommand,
  shares,
  startReceiver,
  storescpCommand,
} from './dimse-parts.ts';
import type { Figures, Target } from './figures.ts';
import type { BenchOptions } from './options.ts';
import { runProcess, settle } from './run-process.ts';
import { median, medianAndRange, short } from './statistics.ts';

const SENDER = 'DCMSEND';
const ASSOCIATIONS = [1, 4];

interface Way {
  name: string;
  receiver: ReceiverCommand | string;
  /** By files and associations. */
  cells: Map<string, Cell>;
}

interface Cell {
  rates: number[];
  cpuMilliseconds: number[];
  memoryMB: number[];
}

async function measure(
  options: BenchOptions,
  program: string,
  way: Way,
  moved: MovedFiles,
  count: number,
): Promise<void> {
  if (typeof way.receiver === 'string') return;
  const receiver = await startReceiver(options, way.receiver);
  try {
    settle();
    const cpu = receiver.cpuSeconds();
    const start = performance.now();
    await Promise.all(
      shares(moved.files, count).map((files) => {
        const to = ['-aet', SENDER, '-aec', receiver.aeTitle, '127.0.0.1', String(receiver.port)];
        return runProcess(program, ['dcmsend', ...to, ...files], { env: QUICK, discardOutput: true });
      }),
    );
    const seconds = (performance.now() - start) / 1000;
    const spent = receiver.cpuSeconds() - cpu;
    const received = receiver.count();
    if (received !== moved.files.length) throw new Error(`${way.name} has ${received} files of ${moved.files.length}`);
    const cell = cellOf(way, moved, count);
    cell.rates.push(moved.files.length / seconds);
    cell.cpuMilliseconds.push((spent * 1000) / moved.files.length);
    cell.memoryMB.push(receiver.maxRssBytes() / 1e6);
    console.error(
      `${way.name}, ${moved.name}, ${count}: ${short(cell.rates.at(-1)!)} files/s, ${short(cell.cpuMilliseconds.at(-1)!)} ms`,
    );
  } finally {
    await receiver.stop();
  }
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
  const here = (found: Found, receiver: (command: string[]) => ReceiverCommand) =>
    'missing' in found ? found.missing : receiver(found.command);
  const way = (name: string, receiver: ReceiverCommand | string): Way => ({ name, receiver, cells: new Map() });
  const shipped = way(
    'ditag gateway',
    here(ditag, (command) => gatewayCommand(command, SENDER, true)),
  );
  const unsynced = way(
    'ditag gateway, sync = no',
    here(ditag, (command) => gatewayCommand(command, SENDER, false)),
  );
  const anchor = way(
    'storescp --fork +B -pdu 131072',
    here(storescp, () => storescpCommand(true)),
  );
  const plain = way(
    'storescp',
    here(storescp, () => storescpCommand(false)),
  );
  const ways = [shipped, unsynced, anchor, plain];
  for (let round = 0; round < (options.runs ?? 3); round++) {
    for (const moved of [small, large])
      for (const count of ASSOCIATIONS)
        for (const one of ways) {
          // It serves four associations one after the other.
          if (one !== plain || count === 1) await measure(options, program, one, moved, count);
        }
  }
  return report(options, { shipped, unsynced, anchor, ways, small, large });
}

interface Measured {
  shipped: Way;
  unsynced: Way;
  anchor: Way;
  ways: Way[];
  small: MovedFiles;
  large: MovedFiles;
}

function report(options: BenchOptions, { shipped, unsynced, anchor, ways, small, large }: Measured): Figures {
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
        if (typeof way.receiver === 'string') return [[way.name, way.receiver, '', '', '']];
        if (measured === undefined) return [];
        const against = ratio('cpuMilliseconds', way, moved, count);
        return [
          [
            way.name,
            medianAndRange(measured.rates),
            medianAndRange(measured.cpuMilliseconds),
            way === anchor || against === null ? '' : `${short(against)} x`,
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
      'Orthanc and dcmjs-dimse were not run.',
    ],
  };
}
