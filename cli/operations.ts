// What can be started over HTTP, carried out by the very commands: they are given the options that a user would type, and
// what they print becomes the job's sentences.
import fs from 'node:fs';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { DitagError, ditagError } from '../core/errors/errors.ts';
import { isActive } from '../core/jobs/scan-state.ts';
import {
  CANCELLED,
  type ClusterWork,
  type Operation,
  type OperationEnd,
  type Operations,
  type OperationWatch,
} from '../core/ports/operations.ts';
import { csvLine } from '../core/query/csv.ts';
import type { CommandContext } from './command.ts';
import type { Configuration } from './configuration/configuration.ts';
import { isProjectName } from './configuration/project-settings.ts';
import type { Pacs } from './workspaces/pacs.ts';
import type { Jobs, Workspace } from './workspaces/workspace.ts';

export interface OperationsOptions {
  readonly configuration: Configuration;
  readonly workspace: Workspace;
  readonly pacs: Pacs;
  /** Folder of this run for lists and results, its owner's only. */
  readonly folder: string;
  /** Where downloads go; undefined: there are none. */
  readonly output: string | undefined;
}

/** The operations of one `ditag serve`, or of the API of a cluster. */
export class CommandOperations implements Operations {
  private readonly options: OperationsOptions;
  private files = 0;
  private jobs: Promise<Jobs> | undefined;
  private work: { readonly at: number; readonly told: Promise<ClusterWork> } | undefined;

  constructor(options: OperationsOptions) {
    this.options = options;
  }

  get canDownload(): boolean {
    return this.options.output !== undefined;
  }

  get pacs(): string | undefined {
    const { destination, port, aetitle } = this.options.configuration.pacs;
    if (destination === undefined || port === undefined || aetitle === undefined) return undefined;
    return `${aetitle} at ${destination}:${port}`;
  }

  async check(operation: Operation): Promise<void> {
    const { output, pacs } = this.options;
    if (operation.operation === 'index') return this.assertKnown(operation.archive);
    // A project may have a PACS of its own.
    if (operation.operation === 'send') return void pacs.settings({});
    if (operation.operation === 'copies') return;
    const { project } = operation;
    if (!isProjectName(project)) throw ditagError('bad-project-name', { project });
    if (operation.operation === 'project-index') return;
    const allowed =
      'there is no folder for downloads here: `ditag serve --output FOLDER`, in a cluster DITAG_HTTP_DOWNLOADS';
    if (output === undefined)
      throw ditagError('bad-option', { option: 'operation', value: operation.operation, allowed });
    if (!(await this.projects()).includes(project)) throw ditagError('unknown-project', { project });
  }

  async run(operation: Operation, watch: OperationWatch): Promise<OperationEnd> {
    switch (operation.operation) {
      case 'index':
        return this.index(operation, watch);
      case 'copies': {
        const { copies } = await import('./commands/copies.ts');
        const output = this.file('copies.csv', []);
        watch.onResults(output);
        return this.command(watch, (context) => copies({ output }, context));
      }
      case 'send': {
        const { send } = await import('./commands/send.ts');
        const input = this.file(
          'series.csv',
          ['SeriesInstanceUID', ...operation.series].map((uid) => csvLine([uid])),
        );
        const results = this.file('results.csv', []);
        watch.onResults(results);
        try {
          return await this.command(watch, (context) => send({ input, results, isForOthers: true }, context));
        } finally {
          fs.rmSync(input, { force: true });
        }
      }
      case 'project-index': {
        const { projectIndex } = await import('./commands/project-index.ts');
        const { project: projectName, accessions, refresh = false } = operation;
        const targetList = this.targetList(projectName);
        const listText = accessions.map((accession) => `${accession}\n`).join('');
        return this.command(watch, (context) => projectIndex({ projectName, targetList, listText, refresh }, context));
      }
      case 'project-download': {
        const output = this.options.output!;
        const { projectDownload } = await import('./commands/project-download.ts');
        const { project: projectName, method = 'move', zip: zipProject = false } = operation;
        return this.command(watch, (context) => projectDownload({ projectName, output, method, zipProject }, context));
      }
    }
  }

  /** In a cluster the scan goes on without its watcher: who cancels the operation means the scan. */
  private async index(
    { archive, acceptDeletions = false }: Extract<Operation, { operation: 'index' }>,
    watch: OperationWatch,
  ): Promise<OperationEnd> {
    const { indexArchive } = await import('./commands/index-archive.ts');
    const options = { archive, append: true, acceptDeletions };
    try {
      return await this.command(watch, (context) => indexArchive(options, context));
    } catch (error) {
      const isDetached = error instanceof DitagError && error.code === 'detached';
      if (isDetached && watch.signal.reason === CANCELLED) await this.cancelScan(archive);
      throw error;
    }
  }

  private async cancelScan(archive: string): Promise<void> {
    await this.withJobs(async (jobs) => {
      for (const scan of await jobs.scans())
        if (isActive(scan) && scan.archive.name === archive) await jobs.cancel(scan.id);
    });
  }

  async projects(): Promise<readonly string[]> {
    return this.options.workspace.projects();
  }

  async report(projectName: string, format: 'text' | 'json' | 'csv'): Promise<string> {
    const { projectReport } = await import('./commands/project-report.ts');
    const stdout = new PassThrough();
    const parts: Buffer[] = [];
    stdout.on('data', (part: Buffer) => parts.push(part));
    const quiet = { onLine: () => {}, onProgress: () => {}, onResults: () => {}, signal: new AbortController().signal };
    await this.command(quiet, (context) => projectReport({ projectName, format }, context), stdout);
    return Buffer.concat(parts).toString();
  }

  async clusterWork(): Promise<ClusterWork> {
    if (this.options.configuration.cluster === undefined) return { scans: [], projects: [] };
    // However many watch, the cluster is looked at once.
    if (this.work === undefined || Date.now() - this.work.at > LOOK_EVERY)
      this.work = { at: Date.now(), told: withinSeconds(LONGEST_LOOK, this.lookAtCluster()) };
    return this.work.told;
  }

  async cancel(id: string): Promise<boolean> {
    if (this.options.configuration.cluster === undefined) return false;
    return this.withJobs(async (jobs) => (await jobs.cancel(id)) !== undefined);
  }

  async close(): Promise<void> {
    const jobs = this.jobs;
    this.jobs = undefined;
    await jobs?.then((open) => open.close()).catch(() => {});
  }

  private lookAtCluster(): Promise<ClusterWork> {
    return this.withJobs(async (jobs) => {
      const scans = (await jobs.scans()).slice(0, MOST_SCANS);
      const tallied = scans.map(async (scan) => ({ ...scan, tally: await jobs.tally(scan.id) }));
      // Options name paths of whoever gave them.
      const projects = (await jobs.projects())
        .filter(({ endedAt, isCancelled }) => endedAt === undefined && isCancelled !== true)
        .map(({ id, project, what, startedAt }) => ({ id, project, what, startedAt }));
      return { scans: await Promise.all(tallied), projects };
    });
  }

  /** Over one connection; where it fails, the next call makes another one. */
  private async withJobs<T>(use: (jobs: Jobs) => Promise<T>): Promise<T> {
    this.jobs ??= this.options.workspace.jobs();
    try {
      return await use(await this.jobs);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Over HTTP only archives that somebody has had indexed on the machine itself are looked at: a path from outside is not trusted. */
  private async assertKnown(archive: string): Promise<void> {
    const index = await this.options.workspace.openIndex(undefined);
    try {
      const names = (await index.statistics()).archives.map(({ name }) => name);
      if (names.includes(archive)) return;
      const allowed = `it has to be one that is indexed already (${names.join(', ')})`;
      throw ditagError('bad-option', { option: 'archive', value: archive, allowed });
    } finally {
      await index.close();
    }
  }

  private async command(
    { onLine, onProgress, signal }: OperationWatch,
    run: (context: CommandContext) => Promise<OperationEnd>,
    stdout: Writable = new Writable({ write: (_chunk, _encoding, done) => done() }),
  ): Promise<OperationEnd> {
    const { configuration, workspace, pacs } = this.options;
    const lines = new Lines(onLine);
    let told = 0;
    const context: CommandContext = {
      ...{ configuration, workspace, pacs, signal },
      // A command that would read it has its list already.
      stdin: new PassThrough().end() as unknown as NodeJS.ReadStream,
      stdout: stdout as unknown as NodeJS.WriteStream,
      stderr: lines as unknown as NodeJS.WriteStream,
      progress: async () => ({
        update: (at) => {
          if (Date.now() - told < TELL_EVERY) return;
          told = Date.now();
          const { step, done, text } = at();
          onProgress({ step, done, text });
        },
        stop: () => {},
      }),
    };
    return run(context);
  }

  private file(name: string, lines: readonly string[]): string {
    const file = path.join(this.options.folder, `${++this.files}-${name}`);
    fs.writeFileSync(file, lines.join(''), { mode: 0o600 });
    return file;
  }

  /** Where a list of accession numbers is kept, beside the project's other files. */
  private targetList(project: string): string {
    // Whoever calls: a name becomes a path only here.
    if (!isProjectName(project)) throw ditagError('bad-project-name', { project });
    const name = `accessions-${new Date().toISOString().replaceAll(':', '')}.txt`;
    return path.join(this.options.configuration.projectsFolder, project, name);
  }
}

/** Milliseconds between two looks at the cluster. */
const LOOK_EVERY = 500;
/** Seconds that a look may take: what is lost with its connection is asked for again, for longer than whoever waits. */
const LONGEST_LOOK = 10;
/** Scans of a cluster that are told of, the newest. */
const MOST_SCANS = 50;
/** Milliseconds between two tellings of where a command stands. */
const TELL_EVERY = 200;

/** Takes what a command writes apart into lines. */
class Lines extends Writable {
  private readonly onLine: (line: string) => void;
  private rest = '';

  constructor(onLine: (line: string) => void) {
    super({ decodeStrings: false });
    this.onLine = onLine;
  }

  override _write(chunk: Buffer | string, _: BufferEncoding, done: () => void): void {
    const lines = (this.rest + chunk.toString()).split('\n');
    this.rest = lines.pop()!;
    for (const line of lines) this.onLine(line);
    done();
  }
}

async function withinSeconds<T>(seconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = ditagError('cluster-failed', { reason: `it did not answer within ${seconds} s` });
    timer = setTimeout(() => reject(error), 1000 * seconds);
  });
  // Whoever comes late is not waited for.
  work.catch(() => {});
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
