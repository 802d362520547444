/**
 * What `receive` and `send` share: the files that are moved, and receivers as
 * processes of their own, with what they cost.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../scripts/parts/parts.ts';
import { makeArchive } from './archive-generator.ts';
import { type BenchOptions, scaled, workingFolder } from './options.ts';
import { doneWith, receivedFolder } from './received-folders.ts';
import { settle } from './run-process.ts';
import { warmMemory } from './warm-memory.ts';

/** Nagle's algorithm would be measured instead: 44 ms a file. */
export const QUICK = { TCP_NODELAY: '1' };

export interface MovedFiles {
  name: string;
  /** An archive of ditag. */
  path: string;
  files: string[];
  /** Of all files. */
  bytes: number;
}

/** 5,000 CT images of 39 kB, and 200 images of 5 MB. */
export function movedFiles(options: BenchOptions): { small: MovedFiles; large: MovedFiles } {
  const make = (name: string, files: number, fileBytes: number, seed: number): MovedFiles => {
    const path = makeArchive(workingFolder(options, 'archives'), name, options.samples, {
      files,
      filesASeries: [50, 50],
      fileBytes,
      templates: { 'CT_small.dcm': 100 },
      layout: 'clinical',
      seed,
    });
    const found = readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    return { name, path, files: found, bytes: found.length * fileBytes };
  };
  return {
    small: make('ct-39kB', scaled(options, 5_000, 100), 39_206, 11),
    large: make('ct-5MB', scaled(options, 200, 8), 5_100_000, 12),
  };
}

/** Beside what is received (bytes). */
const BESIDE = 256 * 1024 * 1024;

/**
 * Makes the runs alike, right before one is timed. The files are read: they come from memory then, and not for whoever is
 * the first from the disk. And there is as much quick memory as they will take.
 */
export function warm(options: BenchOptions, { files, bytes }: MovedFiles): void {
  for (const file of files) readFileSync(file);
  settle();
  warmMemory(options, bytes + BESIDE);
}

/** The files in `count` shares of equal size. */
export function shares(files: readonly string[], count: number): string[][] {
  return Array.from({ length: count }, (_, n) => files.filter((_file, i) => i % count === n));
}

/** Another one is the first in each round: what was done before, such as many files written, is felt by the first. */
export function inTurn<T>(ways: readonly T[], round: number): T[] {
  const first = round % ways.length;
  return [...ways.slice(first), ...ways.slice(0, first)];
}

/** A program that listens for associations. */
export interface Receiver {
  port: number;
  aeTitle: string;
  /** Processor seconds so far, with those of its children. */
  cpuSeconds(): number;
  /** The largest resident memory so far, of the process alone, in bytes. */
  maxRssBytes(): number;
  /** Files that it has received. */
  count(): number;
  stop(): Promise<void>;
}

/** How a receiver is started. */
export interface ReceiverCommand {
  command: (port: number, folder: string) => string[];
  /** Where, below its folder, it puts what it receives. */
  into?: string;
  aeTitle?: string;
  /** Leaves Nagle's algorithm on, as DCMTK has it without TCP_NODELAY=1. */
  isDelayed?: boolean;
  /** Tells much on its standard error, which is not shown then. */
  isChatty?: boolean;
  /** Where it listens; any free port unless said. */
  port?: number;
}

/** Starts a receiver on a folder of its own. */
export async function startReceiver(
  options: BenchOptions,
  { command, into = '', aeTitle = 'ANY', isDelayed = false, isChatty = false, port: wanted }: ReceiverCommand,
): Promise<Receiver> {
  const folder = await receivedFolder(options, 'r-');
  const port = wanted ?? (await freePort());
  const [program, ...args] = command(port, folder);
  const child = spawn(program!, args, {
    stdio: ['ignore', 'ignore', isChatty ? 'ignore' : 'inherit'],
    env: { ...process.env, ...(isDelayed ? {} : QUICK) },
  });
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  await Promise.race([failed, listening(port)]);
  const pid = child.pid!;
  return {
    port,
    aeTitle,
    cpuSeconds: () => cpuOf(pid),
    maxRssBytes: () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) * 1024,
    count: () =>
      readdirSync(join(folder, into), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
        .length,
    stop: async () => {
      await ended(child);
      doneWith(folder);
    },
  };
}

/** `ditag gateway`, which knows one peer. */
export function gatewayCommand(command: readonly string[], peer: string, isSynced: boolean): ReceiverCommand {
  return {
    aeTitle: 'GATEWAY',
    into: 'received/instances',
    command: (port, folder) => {
      const config = join(folder, 'config.ini');
      const own = ['[GATEWAY]', 'aetitle = GATEWAY', `port = ${port}`, `sync = ${isSynced ? 'yes' : 'no'}`];
      mkdirSync(folder, { recursive: true });
      writeFileSync(config, [...own, `[PEER ${peer}]`, 'host = 127.0.0.1', 'may = store', ''].join('\n'));
      return [...command, '--config-file', config, 'gateway'];
    },
  };
}

/** storescp as it comes, or as quick as it can be made: a process an association, data sets as they come. */
export function storescpCommand(isQuick: boolean): ReceiverCommand {
  const ways = isQuick ? ['--fork', '+B', '-pdu', '131072'] : [];
  return { command: (port, folder) => ['storescp', '+xa', ...ways, '-od', folder, String(port)] };
}

/** Orthanc as it comes, but for where it listens and what it keeps where. */
export function orthancCommand(): ReceiverCommand {
  return {
    aeTitle: 'ORTHANC',
    isChatty: true,
    into: 'storage',
    command: (port, folder) => {
      const settings = join(folder, 'settings.json');
      const [StorageDirectory, IndexDirectory] = [join(folder, 'storage'), join(folder, 'index')];
      const own = { DicomAet: 'ORTHANC', DicomPort: port, HttpServerEnabled: false, StorageDirectory, IndexDirectory };
      writeFileSync(settings, JSON.stringify(own));
      return ['Orthanc', settings];
    },
  };
}

/** dcmjs-dimse, in the program that its README shows. */
export function dcmjsCommand(): ReceiverCommand {
  const program = join(import.meta.dirname, 'programs/dcmjs-receiver.ts');
  return {
    isChatty: true,
    into: 'received',
    command: (port, folder) => {
      const into = join(folder, 'received');
      mkdirSync(into);
      return [process.execPath, program, String(port), into];
    },
  };
}

/** Waits until a program takes connections at this port. */
export async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isThere) return;
    await sleep(25);
  }
  throw new Error('the receiver does not listen');
}

/** From /proc/PID/stat: its own, those of children that it has waited for, and those of children that are there still. */
function cpuOf(pid: number): number {
  for (;;) {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    // Before the children: one that is waited for in between is not there any more, and all is read again.
    const [own, waitedFor] = timesOf(pid);
    try {
      const there = children === '' ? [] : children.split(' ').map((child) => timesOf(Number(child))[0]);
      return (own + waitedFor + there.reduce((sum, each) => sum + each, 0)) / TICKS;
    } catch (error) {
      // It has ended in between: its parent has its times now.
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
}

const TICKS = 100;

function timesOf(pid: number): [number, number] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return [fields[11]! + fields[12]!, fields[13]! + fields[14]!];
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
}
