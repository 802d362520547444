// Real servers on this machine without Docker, for tests and for trying a cluster out. Here is what nats-server.ts and
// elasticsearch-node.ts share: where programs are kept and how they come there, and how one is started, waited for and
// ended.
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { link, mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

/** An installation that takes longer than this (milliseconds) has died without a trace. */
const LONGEST_INSTALLATION = 20 * 60_000;
const LOG_LINES = 20;

/** A part that is not on this machine and cannot be brought there; the message says what to install. */
export class MissingPart extends Error {}

/** The folder where programs that were fetched or built are kept, below the checkout. */
export function partsFolder(): string {
  return resolve(import.meta.dirname, '../../.cache/parts');
}

/** Gives what `start` gives; skips the test when the part cannot be had. With DITAG_REQUIRE_PARTS=1 that is a failure. */
export async function partOrSkip<T>(context: TestContext, start: () => Promise<T>): Promise<T | undefined> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof MissingPart) || process.env.DITAG_REQUIRE_PARTS === '1') throw error;
    context.skip(`NOT RUN: ${error.message}`);
    return undefined;
  }
}

/** Skips a test that needs what is not here, saying what to install; with DITAG_REQUIRE_PARTS=1 that is a failure. */
export function isHere(context: TestContext, here: boolean, missing: string): boolean {
  if (here) return true;
  if (process.env.DITAG_REQUIRE_PARTS === '1') throw new MissingPart(missing);
  context.skip(`NOT RUN: ${missing}`);
  return false;
}

/** Below those that systems give to outgoing connections: one of these would take the port before its server does. */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
const MOST_PORTS_TRIED = 50;

/** A port of 127.0.0.1 that nothing listens on, for a server that must be told its port. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MOST_PORTS_TRIED; tries++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (await isFree(port)) return port;
  }
  throw new Error(`No port from ${FIRST_PORT} to ${LAST_PORT} is free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The full path of a program that the path has. */
export function findOnPath(program: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find(isProgram);
}

/** Is this a file that may be run? */
export function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Runs a program to its end, in `cwd`. Its output, standard error included, comes back with the exit code. */
export function runToEnd(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  cwd?: string,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env, cwd });
    const pieces: Buffer[] = [];
    child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
    child.stderr.on('data', (piece: Buffer) => pieces.push(piece));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(pieces).toString() }));
  });
}

/** The last lines of a text. */
export function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-LOG_LINES).join('\n');
}

/**
 * Makes a folder that is filled once and kept. `install` fills an empty folder beside it, which gets its name when it is
 * whole, so nobody ever sees half of one. The lock only saves others the same work at the same time.
 */
export async function installOnce(folder: string, install: (empty: string) => Promise<void>): Promise<void> {
  const lock = `${folder}.lock`;
  await mkdir(dirname(folder), { recursive: true });
  while (!existsSync(folder)) {
    if (!(await takeLock(lock))) {
      await sleep(200);
      continue;
    }
    try {
      // Another may have finished between the look and the lock.
      if (!existsSync(folder)) await fill(folder, install);
    } finally {
      await rm(lock, { force: true });
    }
  }
}

async function fill(folder: string, install: (empty: string) => Promise<void>): Promise<void> {
  const unfinished = `${folder}.unfinished-`;
  for (const name of await readdir(dirname(folder))) {
    if (name.startsWith(basename(unfinished))) await rm(join(dirname(folder), name), { recursive: true, force: true });
  }
  const empty = await mkdtemp(unfinished);
  try {
    await install(empty);
    await rename(empty, folder);
  } catch (error) {
    await rm(empty, { recursive: true, force: true });
    throw error;
  }
}

/** Takes a lock that says who has it; false when another has it. One whose holder is gone is removed. */
async function takeLock(lock: string): Promise<boolean> {
  const own = `${lock}-${process.pid}-${Math.random().toString(36).slice(2)}`;
  await writeFile(own, String(process.pid));
  try {
    // A link comes into being with its content, unlike a file that is created and then written.
    await link(own, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(own, { force: true });
  }
  try {
    const holder = Number(await readFile(lock, 'utf8'));
    const age = Date.now() - (await stat(lock)).mtimeMs;
    if (!isAlive(holder) || age > LONGEST_INSTALLATION) await rm(lock, { force: true });
  } catch {
    // It was given back meanwhile.
  }
  return false;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** What to start, and how it shows that it is there. */
export interface PartStart {
  /** As it is called in messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Gets what the program writes, after what it has from earlier starts. */
  readonly logFile: string;
  /** Asked again and again until it gives the URL that the server answers under. */
  readonly findUrl: (pid: number) => Promise<URL | undefined>;
  /** Does the program end by itself when its standard input closes? */
  readonly endsWithInput: boolean;
  readonly startSeconds: number;
  readonly stopSeconds: number;
  /** Gives up the start; what runs after it is not touched. */
  readonly signal: AbortSignal | undefined;
}

/** A server that runs. It does not keep this process alive, and does not outlive it. */
export interface RunningPart extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** What it writes. */
  readonly logFile: string;
  /** Lets it end cleanly, with force where it takes too long. Resolves when it is gone. */
  stop(): Promise<void>;
  /** Ends it as a power cut would (SIGKILL). Resolves when it is gone. */
  kill(): Promise<void>;
}

/** Starts a server. Resolves when it answers; rejects, with the end of its log, when it ended or takes too long. */
export async function startPart(start: PartStart): Promise<RunningPart> {
  start.signal?.throwIfAborted();
  const log = await open(start.logFile, 'a');
  const logBegin = (await log.stat()).size;
  // A process group of its own: Ctrl-C in the terminal is for this process, which then stops its servers in order.
  const child = spawn(start.command, start.args, { stdio: ['pipe', log.fd, log.fd], detached: true });
  const server = new ChildServer(child, start);
  const spawned = new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  try {
    await spawned;
  } finally {
    await log.close();
  }
  server.bindToThisProcess();

  const failure = async (what: string) => {
    const written = (await readFile(start.logFile)).subarray(logBegin).toString();
    return new Error(`${start.name} ${what}. The end of its log ${start.logFile}:\n${lastLines(written)}`);
  };
  const deadline = performance.now() + start.startSeconds * 1000;
  try {
    for (;;) {
      start.signal?.throwIfAborted();
      if (server.hasEnded) throw await failure(`ended while it started (${child.signalCode ?? child.exitCode})`);
      const url = await start.findUrl(child.pid!);
      if (url !== undefined) return server.answering(url);
      if (performance.now() > deadline) throw await failure(`did not answer within ${start.startSeconds} seconds`);
      await sleep(50);
    }
  } catch (error) {
    await server.kill();
    throw error;
  }
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

class ChildServer implements RunningPart {
  url = '';
  port = 0;
  readonly logFile: string;
  private readonly child: ChildProcess;
  private readonly start: PartStart;
  private readonly ended: Promise<void>;

  constructor(child: ChildProcess, start: PartStart) {
    this.child = child;
    this.start = start;
    this.logFile = start.logFile;
    this.ended = new Promise((resolve) => {
      child.once('exit', () => {
        running.delete(child);
        resolve();
      });
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Sees to it that the server ends with this process. */
  bindToThisProcess(): void {
    letGo(this.child);
    if (this.start.endsWithInput) running.add(this.child);
    else bindToThisProcess(this.child);
  }

  answering(url: URL): this {
    this.port = Number(url.port);
    this.url = url.href.replace(/\/$/, '');
    return this;
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), this.start.stopSeconds * 1000);
    await this.ended.finally(() => clearTimeout(timer));
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    this.child.ref();
    await this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Sees to it that a child ends with this process, also where that one is killed and can do nothing about it. */
export function bindToThisProcess(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  running.add(child);
  // This shell waits for its input to close, which the system does when this process is gone.
  const wait = 'read -r _; kill -KILL "$1"';
  const guard = spawn('sh', ['-c', wait, 'sh', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.on('error', () => {});
  letGo(guard);
  child.once('exit', () => {
    running.delete(child);
    guard.kill('SIGKILL');
  });
}

/** A child that is not waited for: this process may end before it. */
function letGo(child: ChildProcess): void {
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
}
