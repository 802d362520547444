/**
 * Runs a program and says what it cost: wall and processor seconds and the
 * largest memory, all from the kernel (c/measure.c), not from our own clock.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ProcessRun {
  /** Wall seconds from fork to exit. */
  seconds: number;
  /** User and system seconds, of all its threads. */
  cpuSeconds: number;
  /** The largest resident memory, in bytes. */
  maxRssBytes: number;
  exitCode: number;
  /** Empty when the output was thrown away. */
  stdout: string;
  stderr: string;
}

export interface ProcessOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** Output goes to /dev/null: it costs the program nothing and Node nothing. */
  discardOutput?: boolean;
  /** Exit codes that are no failure; [0] unless said. */
  accept?: number[];
}

/** Waits until all that was written before is on the disk, so that a run does not pay for the one before it. */
export function settle(): void {
  execFileSync('sync');
}

/** The sentence of a program's error, for a table: without the stack and without folders of this machine. */
export function reasonOf(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error)).split('\n').map((line) => line.trim());
  const said = lines.find((line) => /^\w*Error\b.*: /.test(line)) ?? lines[0]!;
  return said.replace(/(?:\/[\w.@+-]+){2,}\/([\w.@+-]+)/g, '$1').slice(0, 200);
}

/** Runs `command` under the program `measure`; throws when it ends with another code than expected. */
export async function runProcess(
  measure: string,
  command: string[],
  options: ProcessOptions = {},
): Promise<ProcessRun> {
  const folder = mkdtempSync(join(tmpdir(), 'ditag-bench-'));
  const cost = join(folder, 'cost.json');
  try {
    const output = options.discardOutput ? 'ignore' : 'pipe';
    // By env, so that what is set (LD_PRELOAD) holds for the program and not for measure.
    const settings = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
    const child = spawn(measure, [cost, ...(settings.length > 0 ? ['env', ...settings] : []), ...command], {
      cwd: options.cwd,
      stdio: ['ignore', output, 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (bytes: Buffer) => stdout.push(bytes));
    child.stderr?.on('data', (bytes: Buffer) => stderr.push(bytes));
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', () => resolve());
    });
    const spent = JSON.parse(readFileSync(cost, 'utf8')) as Record<string, number>;
    const run: ProcessRun = {
      seconds: spent['wall']!,
      cpuSeconds: spent['user']! + spent['system']!,
      maxRssBytes: spent['maxRssKb']! * 1024,
      exitCode: spent['exitCode']!,
      stdout: Buffer.concat(stdout).toString(),
      stderr: Buffer.concat(stderr).toString(),
    };
    if (!(options.accept ?? [0]).includes(run.exitCode)) {
      throw new Error(`${command.join(' ')} ended with ${run.exitCode}: ${run.stderr.slice(-2000)}`);
    }
    return run;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
