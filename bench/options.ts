/**
 * The options of `npm run bench -- NAME`, the same for every benchmark, and the
 * folders that they share.
 */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** The checkout. */
export const root = resolve(import.meta.dirname, '..');

export interface BenchOptions {
  /** 1: the full size; 0.01 tries a benchmark out in seconds. */
  scale: number;
  /** Archives, databases and tools are made below this folder and kept for the next run. */
  directory: string;
  /** Timed rounds, where the benchmark does not need more; undefined: its own default. */
  runs: number | undefined;
  /** DICOM sample files, the templates of the archive generator. */
  samples: string;
  /** Whether dist/ is compiled before the run. */
  build: boolean;
  /** Whether the run is stored for docs/performance.md. */
  save: boolean;
}

export interface BenchCommand {
  name: string | undefined;
  /** What `report` does. */
  report: 'print' | 'write' | 'check';
  options: BenchOptions;
}

/** Reads the command line; throws an Error with a sentence for a person. */
export function readCommand(args: string[]): BenchCommand {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      scale: { type: 'string', default: '1' },
      dir: { type: 'string', default: resolve(root, '.cache/bench') },
      runs: { type: 'string' },
      samples: { type: 'string', default: resolve(root, 'test/samples') },
      'no-build': { type: 'boolean', default: false },
      save: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
    },
  });
  if (positionals.length > 1) throw new Error(`One benchmark at a time, not: ${positionals.join(' ')}`);
  const scale = Number(values.scale);
  if (!(scale > 0 && scale <= 1)) throw new Error(`--scale ${values.scale}: a number above 0, at most 1`);
  const runs = values.runs === undefined ? undefined : Number(values.runs);
  if (runs !== undefined && !(Number.isInteger(runs) && runs > 0))
    throw new Error(`--runs ${values.runs}: a count from 1`);
  return {
    name: positionals[0],
    report: values.check ? 'check' : values.write ? 'write' : 'print',
    options: {
      scale,
      directory: resolve(values.dir),
      runs,
      samples: resolve(values.samples),
      build: !values['no-build'],
      save: values.save,
    },
  };
}

/** A folder below the working folder, made if it is not there. */
export function workingFolder(options: BenchOptions, ...names: string[]): string {
  const folder = resolve(options.directory, ...names);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** `count` scaled down, but at least `least`. */
export function scaled(options: BenchOptions, count: number, least = 1): number {
  return Math.max(least, Math.round(count * options.scale));
}
