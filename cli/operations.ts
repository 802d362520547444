// What can be started over HTTP, carried out by the very commands: they are given the options that a user would type, and
// what they print becomes the job's sentences.
import fs from 'node:fs';
import path from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { ditagError } from '../core/errors/errors.ts';
import { csvLine } from '../core/query/csv.ts';
import type {
  ClusterWork,
  Operation,
  OperationEnd,
  OperationOutcome,
  Operations,
  OperationWatch,
} from '../services/api/app.ts';
import type { CommandContext } from './command.ts';
import type { Configuration } from './configuration/configuration.ts';
import { isProjectName } from './configuration/project-settings.ts';
import type { Pacs } from './workspaces/pacs.ts';
import type { Workspace } from './workspaces/workspace.ts';

export interface OperationsOptions {
  readonly configuration: Configuration;
  readonly workspace: Workspace;
  readonly pacs: Pacs;
  /** Folder of this run for lists and results, its owner's only. */
  readonly folder: string;
  /** Where downloads go; undefined: there are none. */
  readonly output: string | undefined;
}

/** The port of a download's listener, where the PACS is asked to send: that of `ditag project download`. */
export class CommandOperations implements Operations {
  private readonly options: OperationsOptions;
  private files = 0;

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

  async run(operation: Operation, watch: OperationWatch): Promise<OperationOutcome> {
    switch (operation.operation) {
      case 'index': {
        await this.assertKnown(operation.archive);
        const { indexArchive } = await import('./commands/index-archive.ts');
        const { archive, acceptDeletions = false } = operation;
        return this.command(watch, (context) => indexArchive({ archive, append: true, acceptDeletions }, context));
      }
      case 'copies': {
        const { copies } = await import('./commands/copies.ts');
        const output = this.file('copies.csv', []);
        const { end } = await this.command(watch, (context) => copies({ output }, context));
        return { end, results: output };
      }
      case 'send': {
        const { send } = await import('./commands/send.ts');
        const input = this.file(
          'series.csv',
          ['SeriesInstanceUID', ...operation.series].map((uid) => csvLine([uid])),
        );
        const results = this.file('results.csv', []);
        const { end } = await this.command(watch, (context) => send({ input, results }, context));
        return { end, results };
      }
      case 'project-index': {
        const { projectIndex } = await import('./commands/project-index.ts');
        const { project: projectName, accessions, refresh = false } = operation;
        const targetList = this.targetList(projectName, accessions);
        return this.command(watch, (context) => projectIndex({ projectName, targetList, refresh }, context));
      }
      case 'project-download': {
        const { output } = this.options;
        const why = 'this `ditag serve` has no --output, the folder for downloads';
        if (output === undefined)
          throw ditagError('bad-option', { option: 'operation', value: operation.operation, allowed: why });
        const { projectDownload } = await import('./commands/project-download.ts');
        const { project: projectName, method = 'move', zip: zipProject = false } = operation;
        return this.command(watch, (context) => projectDownload({ projectName, output, method, zipProject }, context));
      }
    }
  }

  async projects(): Promise<readonly string[]> {
    return this.options.workspace.projects();
  }

  async report(projectName: string, format: 'text' | 'json' | 'csv'): Promise<string> {
    const { projectReport } = await import('./commands/project-report.ts');
    const stdout = new PassThrough();
    const parts: Buffer[] = [];
    stdout.on('data', (part: Buffer) => parts.push(part));
    const quiet = { onLine: () => {}, onProgress: () => {}, signal: new AbortController().signal };
    await this.command(quiet, (context) => projectReport({ projectName, format }, context), stdout);
    return Buffer.concat(parts).toString();
  }

  async clusterWork(): Promise<ClusterWork> {
    if (this.options.configuration.cluster === undefined) return { scans: [], projects: [] };
    const jobs = await this.options.workspace.jobs();
    try {
      const scans = (await jobs.scans()).slice(0, MOST_SCANS);
      const tallied = scans.map(async (scan) => ({ ...scan, tally: await jobs.tally(scan.id) }));
      return { scans: await Promise.all(tallied), projects: await jobs.projects() };
    } finally {
      await jobs.close();
    }
  }

  async cancel(id: string): Promise<boolean> {
    if (this.options.configuration.cluster === undefined) return false;
    const jobs = await this.options.workspace.jobs();
    try {
      return (await jobs.cancel(id)) !== undefined;
    } finally {
      await jobs.close();
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
  ): Promise<OperationOutcome> {
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
    return { end: await run(context) };
  }

  private file(name: string, lines: readonly string[]): string {
    const file = path.join(this.options.folder, `${++this.files}-${name}`);
    fs.writeFileSync(file, lines.join(''), { mode: 0o600 });
    return file;
  }

  /** Kept with the project, which remembers where its list is. */
  private targetList(project: string, accessions: readonly string[]): string {
    if (!isProjectName(project)) throw ditagError('bad-project-name', { project });
    const folder = path.join(this.options.configuration.projectsFolder, project);
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = path.join(folder, `accessions-${new Date().toISOString().replaceAll(':', '')}.txt`);
    fs.writeFileSync(file, accessions.map((accession) => `${accession}\n`).join(''), { mode: 0o600 });
    return file;
  }
}

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
