/**
 * How the benchmarks run the whole command: compiled, without npx, with a
 * config file and so a database of its own.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { findDitag } from './competitors.ts';
import { type BenchOptions, workingFolder } from './options.ts';
import { type ProcessOptions, type ProcessRun, runProcess } from './run-process.ts';

export interface Ditag {
  /** `ditag index --archive archive --quiet`. */
  index(archive: string, options?: ProcessOptions): Promise<ProcessRun>;
  /** Any other command; `--config-file` is added. */
  run(args: string[], options?: ProcessOptions): Promise<ProcessRun>;
  /** The size of the database with its write-ahead log, in bytes. */
  databaseBytes(): number;
  database: string;
  /** The next `index` is a first one. */
  forget(): void;
  [Symbol.dispose](): void;
}

/** A `ditag` with an empty home of its own, or the sentence why there is none. */
export function openDitag(options: BenchOptions, measure: string): Ditag | { missing: string } {
  const found = findDitag(options);
  if ('missing' in found) return found;
  return ditagIn(mkdtempSync(join(workingFolder(options, 'homes'), 'home-')), found.command, measure);
}

function ditagIn(home: string, command: string[], measure: string): Ditag {
  const config = join(home, 'config.ini');
  const database = join(home, 'dicom.db');
  const run = (args: string[], options?: ProcessOptions) =>
    runProcess(measure, [...command, '--config-file', config, ...args], options);
  const size = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  const files = ['', '-wal', '-shm', '-journal'].map((end) => database + end);
  return {
    run,
    index: (archive, options) => run(['index', '--archive', archive, '--quiet'], options),
    databaseBytes: () => size(database) + size(`${database}-wal`),
    database,
    forget: () => [config, ...files].forEach((file) => void rmSync(file, { force: true })),
    [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }),
  };
}
