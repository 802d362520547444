/**
 * Benchmark `peers-with-delay`: `ditag send` to a peer that has Nagle's algorithm
 * on, which costs a delayed acknowledgement a file, over one association and over
 * more.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildC, findProgram } from './competitors.ts';
import { type MovedFiles, movedFiles, startReceiver, storescpCommand } from './dimse-parts.ts';
import { openDitag } from './ditag-runs.ts';
import type { Figures, Target } from './figures.ts';
import { type BenchOptions, workingFolder } from './options.ts';
import { settle } from './run-process.ts';
import { median, medianAndRange, short } from './statistics.ts';

const ASSOCIATIONS = [1, 2, 4, 8];
/** Series that are sent: 50 files each. */
const SERIES = 8;

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const measure = buildC(options, 'measure');
  const { small } = movedFiles(options);
  const opened = openDitag(options, measure);
  const storescp = findProgram('storescp', 'dcmtk');
  const title = `Sending to a peer with Nagle's algorithm on`;
  if ('missing' in opened || 'missing' in storescp) {
    const missing = 'missing' in opened ? opened.missing : (storescp as { missing: string }).missing;
    return { title, tables: [], targets: targets(new Map()), numbers: {}, notes: [missing] };
  }
  using ditag = opened;
  await ditag.index(small.path);
  const folder = mkdtempSync(join(workingFolder(options, 'lists'), 'l-'));
  const list = join(folder, 'series.csv');
  const [head, ...rows] = (await ditag.run(['query'])).stdout.split('\n');
  writeFileSync(list, [head, ...rows.slice(0, SERIES), ''].join('\n'));
  const rates = new Map<number, number[]>(ASSOCIATIONS.map((count) => [count, []]));
  let files = 0;
  for (let round = 0; round < (options.runs ?? 3); round++) {
    for (const count of ASSOCIATIONS) {
      const receiver = await startReceiver(options, { ...storescpCommand(true), isDelayed: true });
      try {
        settle();
        const peer = ['--destination', '127.0.0.1', '--port', String(receiver.port), '--pacs-aetitle', 'ANY'];
        const start = performance.now();
        await ditag.run(['send', ...peer, '--input', list, '--threads', String(count), '--quiet']);
        const seconds = (performance.now() - start) / 1000;
        files = receiver.count();
        rates.get(count)!.push(files / seconds);
        console.error(`${count} associations: ${short(files / seconds)} files/s`);
      } finally {
        await receiver.stop();
      }
    }
  }
  rmSync(folder, { recursive: true, force: true });
  return report(title, rates, files, small);
}

function targets(rates: ReadonlyMap<number, readonly number[]>): Target[] {
  const one = rates.get(1);
  return [2, 4].map((count) => {
    const more = rates.get(count);
    const reached = one === undefined || more === undefined ? null : median(more) / median(one);
    return {
      what: `speed over ${count} associations against one`,
      unit: 'x',
      direction: 'at least',
      wanted: 0.9 * count,
      reached,
    };
  });
}

function report(title: string, rates: ReadonlyMap<number, number[]>, files: number, small: MovedFiles): Figures {
  const one = median(rates.get(1)!);
  return {
    title: `${title}: ${files} files of ${Math.round(small.bytes / small.files.length / 1000)} kB`,
    tables: [
      {
        caption: 'storescp --fork +B -pdu 131072 without TCP_NODELAY=1 in its environment',
        columns: ['associations', 'files/s', 'against one'],
        rows: [...rates].map(([count, each]) => [
          String(count),
          medianAndRange(each),
          `${short(median(each) / one)} x`,
        ]),
      },
    ],
    targets: targets(rates),
    numbers: Object.fromEntries([...rates].map(([count, each]) => [`${count} associations files/s`, median(each)])),
    notes: ["The time is that of whole commands, with the start of Node. ditag itself never has Nagle's algorithm on."],
  };
}
