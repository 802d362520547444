/**
 * `npm run bench -- NAME`: runs one benchmark, prints its tables and, as the
 * last line, its figures as one JSON object.
 *
 *   npm run bench                       the names
 *   npm run bench -- NAME [--scale 0.01] [--dir DIR] [--runs N] [--samples DIR] [--no-build] [--save]
 *   npm run bench -- report [--write | --check]
 *
 * NAME is a file NAME.ts beside this one that exports `run`. Files are made
 * below .cache/bench of the checkout, or DIR, and are used again. --save stores
 * the run in docs/performance/NAME.json, from which `report` prints
 * docs/performance.md. A high load is said, never a reason to stop.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { resolve } from 'node:path';
import type { Figures, SavedRun } from './figures.ts';
import { type BenchOptions, readCommand, root } from './options.ts';
import { printRun } from './print-figures.ts';
import { removeReceived } from './received-folders.ts';
import { report } from './report.ts';

/** The benchmarks there are: the files beside this one that export `run`. */
function listBenchmarks(): string[] {
  return readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .filter((file) => /^export async function run\(/m.test(readFileSync(resolve(import.meta.dirname, file), 'utf8')))
    .map((file) => file.slice(0, -'.ts'.length));
}

async function measure(name: string, options: BenchOptions): Promise<SavedRun> {
  const { run } = (await import(`./${name}.ts`)) as { run: (options: BenchOptions) => Promise<Figures> };
  const loadAtStart = loadavg()[0]!;
  console.error(
    `Load average ${loadAtStart.toFixed(2)} on ${availableParallelism()} cores, ${new Date().toISOString()}`,
  );
  const start = performance.now();
  const figures = await run(options);
  return {
    name,
    conditions: {
      date: new Date().toISOString(),
      processor: cpus()[0]?.model.trim() ?? 'unknown processor',
      cores: availableParallelism(),
      memoryGB: Math.round(totalmem() / 2 ** 30),
      node: process.version.slice(1),
      scale: options.scale,
      loadAtStart,
      loadAtEnd: loadavg()[0]!,
      seconds: (performance.now() - start) / 1000,
    },
    figures,
  };
}

async function main(args: string[]): Promise<number> {
  const command = readCommand(args);
  if (command.name === 'report') return report(command.report);
  const names = listBenchmarks();
  if (command.name === undefined || !names.includes(command.name)) {
    console.error(`Which benchmark? ${names.join(', ')}; or report`);
    return 2;
  }
  const run = await measure(command.name, command.options).finally(removeReceived);
  console.log(`${run.figures.title}\n\n${printRun(run)}\n`);
  if (command.options.save) {
    const folder = resolve(root, 'docs/performance');
    mkdirSync(folder, { recursive: true });
    writeFileSync(resolve(folder, `${run.name}.json`), `${JSON.stringify(run, null, 2)}\n`);
  }
  console.log(JSON.stringify(run));
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exitCode = 1;
}
