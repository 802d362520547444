/**
 * What the benchmarks of the cluster share: the real parts with a state folder
 * that is empty at the beginning and gone at the end, a warm cluster with its
 * scanners, and what each part costs by the kernel's account.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningCluster, type RunningService, startCluster } from '../scripts/parts/cluster.ts';
import { installElasticsearch } from '../scripts/parts/elasticsearch-node.ts';
import { installNatsServer } from '../scripts/parts/nats-server.ts';
import { MissingPart } from '../scripts/parts/parts.ts';
import { findDitag } from './competitors.ts';
import type { Figures, Target } from './figures.ts';
import { type BenchOptions, workingFolder } from './options.ts';

/** The most that the heap of Elasticsearch takes in every benchmark. */
export const heapMB = 1024;
/** The kernel counts processor time in hundredths of a second, whatever the machine. */
const ticksASecond = 100;

/** The sentence of the first part that cannot be had; undefined where all are here. */
export async function missingPart(): Promise<string | undefined> {
  try {
    await installNatsServer();
    await installElasticsearch();
    return undefined;
  } catch (error) {
    if (error instanceof MissingPart) return error.message;
    throw error;
  }
}

/** Figures of a benchmark whose parts are not here. */
export function notMeasured(title: string, targets: Target[], missing: string): Figures {
  return { title, tables: [], targets, numbers: {}, notes: [`Not measured: ${missing}`] };
}

/** A folder for the state of parts. It is removed when it is disposed of: after the parts. */
export class StateFolder implements Disposable {
  readonly path: string;

  constructor(options: BenchOptions, name: string) {
    this.path = join(workingFolder(options, 'clusters'), name);
    rmSync(this.path, { recursive: true, force: true });
    mkdirSync(this.path, { recursive: true });
  }

  /** The folder `name` in it, made. */
  folder(name: string): string {
    const folder = join(this.path, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Processor seconds of a process so far, user's and system's; NaN where the kernel does not tell. */
function cpuSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticksASecond;
  } catch {
    return Number.NaN;
  }
}

/** Resident memory of a process in MB: now, and the most that it ever was. */
export function memoryMB(pid: number): { now: number; most: number; own: number } {
  let status = '';
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    // No such account here: the figures are NaN.
  }
  const of = (name: string) => (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024) / 1e6;
  return { now: of('VmRSS'), most: of('VmHWM'), own: of('RssAnon') };
}

export const partNames = ['scanners', 'nats-server', 'indexer', 'Elasticsearch', 'api'] as const;
export type PartName = (typeof partNames)[number];
/** Processor seconds of each part. */
export type PartCosts = Record<PartName, number>;

/** A cluster with scanners that were started one by one. */
export class BenchCluster implements AsyncDisposable {
  readonly cluster: RunningCluster;
  readonly scanners: RunningService[] = [];

  private constructor(cluster: RunningCluster) {
    this.cluster = cluster;
  }

  /** Starts everything but scanners, compiled. */
  static async start(
    options: BenchOptions,
    state: StateFolder | string,
    archives: ReadonlyMap<string, string>,
  ): Promise<BenchCluster> {
    const found = findDitag(options);
    if ('missing' in found) throw new Error(found.missing);
    const stateFolder = typeof state === 'string' ? state : state.path;
    return new BenchCluster(
      await startCluster({ stateFolder, archives, scanners: 0, heapMB, isLasting: true, isCompiled: true }),
    );
  }

  async addScanner(variables: Readonly<Record<string, string>> = {}): Promise<void> {
    this.scanners.push(await this.cluster.start('scanner', variables));
  }

  get nats(): string {
    return this.cluster.addresses.nats;
  }

  /** Processor seconds of each part so far. */
  costs(): PartCosts {
    const { cluster, scanners } = this;
    return {
      scanners: scanners.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0),
      'nats-server': cpuSeconds(cluster.nats.pid),
      indexer: cpuSeconds(cluster.service('indexer').pid),
      Elasticsearch: cpuSeconds(cluster.elasticsearch.pid),
      api: cpuSeconds(cluster.service('api').pid),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.stop();
  }
}

/** What each part spent between two accounts. */
export function spent(before: PartCosts, after: PartCosts): PartCosts {
  return Object.fromEntries(partNames.map((name) => [name, after[name] - before[name]])) as PartCosts;
}
