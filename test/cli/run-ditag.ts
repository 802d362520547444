// Runs the real program as users do: `node cli/main.ts` in a process of its own, with a home folder of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const MAIN = path.join(import.meta.dirname, '..', '..', 'cli', 'main.ts');
/** No call of these tests may take longer (milliseconds). */
const LONGEST = 120_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Home folder: ~/.ditag is in it. */
  readonly home: string;
  readonly cwd?: string;
  /** Further variables. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Program and arguments that run the command line, for example as another user. */
  readonly under?: readonly string[];
}

/** Starts ditag; `ended` resolves when it has ended, however it did. */
export function startDitag(
  args: readonly string[],
  options: RunOptions,
): { child: ChildProcess; ended: Promise<Ended> } {
  const line = [...(options.under ?? []), process.execPath, MAIN, ...args];
  const child = spawn(line[0]!, line.slice(1), {
    cwd: options.cwd ?? options.home,
    env: { ...process.env, HOME: options.home, NODE_NO_WARNINGS: '1', ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (data: Buffer) => void out.push(data));
  child.stderr.on('data', (data: Buffer) => void err.push(data));
  const ended = new Promise<Ended>((resolve, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
  });
  return { child, ended };
}

export function runDitag(args: readonly string[], options: RunOptions): Promise<Ended> {
  return startDitag(args, options).ended;
}

/**
 * A temporary folder that is removed when the test or suite is over. In `memory` where the system has a place for that:
 * for tests that make hundreds of small indexes, each of which would wait for the disk.
 */
export function temporaryFolder(context: { after(fn: () => void): void }, where?: 'memory'): string {
  const memory = where === 'memory' && fs.existsSync('/dev/shm');
  const folder = fs.mkdtempSync(path.join(memory ? '/dev/shm' : os.tmpdir(), 'ditag-test-'));
  context.after(() => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}
