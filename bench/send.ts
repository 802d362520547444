/**
 * Benchmark `send`: `ditag send` beside storescu and dcmsend, the same files to
 * the same receiver, over one association and over four.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildC, type Found, findProgram } from './competitors.ts';
import {
  inTurn,
  type MovedFiles,
  movedFiles,
  QUICK,
  type Receiver,
  shares,
  startReceiver,
  storescpCommand,
  warm,
} from './dimse-parts.ts';
import { openDitag } from './ditag-runs.ts';
import type { Figures, Target } from './figures.ts';
import { type BenchOptions, workingFolder } from './options.ts';
import { type ProcessRun, runProcess } from './run-process.ts';
import { median, medianAndRange, short } from './statistics.ts';

const ASSOCIATIONS = [1, 4];

interface Way {
  name: string;
  send: ((moved: MovedFiles, count: number, to: Receiver) => Promise<ProcessRun[]>) | string;
  cells: Map<string, { rates: number[]; cpuMilliseconds: number[] }>;
}

async function measure(options: BenchOptions, way: Way, moved: MovedFiles, count: number): Promise<void> {
  if (typeof way.send === 'string') return;
  const receiver = await startReceiver(options, storescpCommand(true));
  try {
    warm(options, moved);
    const start = performance.now();
    const runs = await way.send(moved, count, receiver);
    const seconds = (performance.now() - start) / 1000;
    if (receiver.count() !== moved.files.length)
      throw new Error(`${way.name} has sent ${receiver.count()} files of ${moved.files.length}`);
    const key = `${moved.name} ${count}`;
    const cell = way.cells.get(key) ?? { rates: [], cpuMilliseconds: [] };
    way.cells.set(key, cell);
    cell.rates.push(moved.files.length / seconds);
    cell.cpuMilliseconds.push((runs.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) * 1000) / moved.files.length);
    console.error(`${way.name}, ${moved.name}, ${count}: ${short(cell.rates.at(-1)!)} files/s`);
  } finally {
    await receiver.stop();
  }
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const program = buildC(options, 'measure');
  const { small, large } = movedFiles(options);
  const opened = openDitag(options, program);
  using ditag = 'missing' in opened ? undefined : opened;
  const lists = new Map<MovedFiles, string>();
  if (ditag !== undefined) {
    for (const moved of [small, large]) await ditag.run(['index', '--append', '--quiet', '--archive', moved.path]);
    const folder = mkdtempSync(join(workingFolder(options, 'lists'), 'l-'));
    for (const moved of [small, large]) {
      // The two archives have one patient and other series: a list is told by its archive.
      const list = join(folder, `${moved.name}.csv`);
      writeFileSync(list, await listOf(moved, program, options));
      lists.set(moved, list);
    }
  }
  const apart = (found: Found, args: (to: Receiver) => string[]): Way['send'] =>
    'missing' in found
      ? found.missing
      : (moved, count, to) =>
          Promise.all(
            shares(moved.files, count).map((files) =>
              runProcess(program, [...found.command, ...args(to), ...files], { env: QUICK, discardOutput: true }),
            ),
          );
  const to = ({ port }: Receiver) => ['-aec', 'ANY', '127.0.0.1', String(port)];
  const ways: Way[] = [
    {
      name: 'ditag send',
      cells: new Map(),
      send:
        ditag === undefined
          ? (opened as { missing: string }).missing
          : async (moved, count, { port }) => {
              const peer = ['--destination', '127.0.0.1', '--port', String(port), '--pacs-aetitle', 'ANY'];
              const list = ['--input', lists.get(moved)!, '--threads', String(count), '--quiet'];
              return [await ditag.run(['send', ...peer, ...list])];
            },
    },
    { name: 'dcmsend', cells: new Map(), send: apart(findProgram('dcmsend', 'dcmtk'), to) },
    { name: 'storescu', cells: new Map(), send: apart(findProgram('storescu', 'dcmtk'), to) },
  ];
  for (let round = 0; round < (options.runs ?? 3); round++)
    for (const moved of [small, large])
      for (const count of ASSOCIATIONS)
        for (const way of inTurn(ways, round)) await measure(options, way, moved, count);
  return report(ways, small, large);
}

/** What `ditag query` prints of an index that has this archive only. */
async function listOf(moved: MovedFiles, program: string, options: BenchOptions): Promise<string> {
  const opened = openDitag({ ...options, build: false }, program);
  if ('missing' in opened) throw new Error(opened.missing);
  using alone = opened;
  await alone.index(moved.path);
  return (await alone.run(['query'])).stdout;
}

function report(ways: Way[], small: MovedFiles, large: MovedFiles): Figures {
  const [ours, ...others] = ways as [Way, ...Way[]];
  const cells = [small, large].flatMap((moved) => ASSOCIATIONS.map((count) => ({ moved, count })));
  const rate = (way: Way, { name }: MovedFiles, count: number) => {
    const cell = way.cells.get(`${name} ${count}`);
    return cell === undefined ? null : median(cell.rates);
  };
  const ratio = (moved: MovedFiles, count: number) => {
    const own = rate(ours, moved, count);
    const best = Math.max(...others.map((way) => rate(way, moved, count) ?? 0));
    return own === null || best === 0 ? null : own / best;
  };
  const size = (moved: MovedFiles) => (moved === small ? '39 kB' : '5 MB');
  const over = (count: number) => (count === 1 ? '1 association' : `${count} associations`);
  const targets: Target[] = cells.map(({ moved, count }) => ({
    what: `speed against the better one, ${size(moved)}, ${over(count)}`,
    unit: 'x',
    direction: 'at least',
    wanted: moved === small && count === 1 ? 1.2 : 1,
    reached: ratio(moved, count),
  }));
  return {
    title: `Sending ${small.files.length.toLocaleString('en-US')} files of 39 kB and ${large.files.length} of 5 MB to storescp`,
    tables: cells.map(({ moved, count }) => ({
      caption: `${moved.files.length.toLocaleString('en-US')} files of ${size(moved)} over ${over(count)}`,
      columns: ['sender', 'files/s', 'CPU ms a file'],
      rows: ways.map((way) => {
        const cell = way.cells.get(`${moved.name} ${count}`);
        if (typeof way.send === 'string') return [way.name, way.send, ''];
        return cell === undefined
          ? [way.name, '-', '']
          : [way.name, medianAndRange(cell.rates), short(median(cell.cpuMilliseconds))];
      }),
    })),
    targets,
    numbers: Object.fromEntries(
      cells.flatMap(({ moved, count }) =>
        ways.map((way) => [`${way.name} ${moved.name} ${count} files/s`, rate(way, moved, count)]),
      ),
    ),
    notes: [
      'The receiver is storescp --fork +B -pdu 131072, started anew for every run; that all files have arrived is checked. Every program has TCP_NODELAY=1 in its environment.',
      'The time is that of whole commands: of ditag with the start of Node, reading the list, asking the index and a C-ECHO. dcmsend and storescu get the names of the files, and run as one process an association.',
    ],
  };
}
