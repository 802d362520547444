// A project on this machine: its files, the PACS by way of DIMSE, and its index and downloads.
import { DimsePacs } from '../../../adapters/dimse/dimse-pacs.ts';
import { lockIndex } from '../../../adapters/sqlite/index-lock.ts';
import { SqliteProjectStore } from '../../../adapters/sqlite/project-store.ts';
import type { ProjectLock } from '../../../core/jobs/project-job.ts';
import { findAccessions } from '../../../core/stages/find-accessions.ts';
import type { Configuration } from '../../configuration/configuration.ts';
import { replaceFile } from '../../configuration/private-file.ts';
import { type ProjectChanges, ProjectFile, type ProjectSettings } from '../../configuration/project-settings.ts';
import { downloadHere, zipHere } from '../download-here.ts';
import type { FindOptions, Project, ProjectDownloadOptions, ProjectDownloadOutcome, ZipOptions } from '../project.ts';
import { writeProjectIndex } from '../project-index.ts';

/** What is known of a project, and of its downloads, beside its index. */
const STATE = '.state.db';

export class LocalProject implements Project {
  readonly store: SqliteProjectStore;
  private readonly configuration: Configuration;
  private readonly file: ProjectFile;

  private constructor(configuration: Configuration, file: ProjectFile) {
    this.configuration = configuration;
    this.file = file;
    this.store = new SqliteProjectStore(file.beside(STATE));
  }

  /** Throws `bad-project-name`, `unknown-project`, and what the store throws. */
  static open(configuration: Configuration, name: string, { isNew }: { readonly isNew: boolean }): LocalProject {
    const file = new ProjectFile(configuration, name);
    if (!isNew) file.assertExists();
    return new LocalProject(configuration, file);
  }

  get name(): string {
    return this.file.name;
  }

  settings(): Promise<ProjectSettings> {
    return this.file.read();
  }

  change(changes: ProjectChanges): Promise<void> {
    return this.file.change(changes);
  }

  async lock(): Promise<ProjectLock> {
    const lock = lockIndex(this.file.beside(STATE));
    // The system keeps it as long as this process lives.
    return {
      lost: new AbortController().signal,
      confirm: async () => {},
      finished: () => {},
      [Symbol.asyncDispose]: async () => lock[Symbol.dispose](),
    };
  }

  async find({ targets, peer, threads, onAnswer, signal }: FindOptions): Promise<void> {
    const pacs = new DimsePacs(peer, { move: peer.callingAETitle });
    await findAccessions(targets, { pacs, store: this.store }, { threads, onAnswer, signal });
  }

  async index(): Promise<void> {
    const { databasePath, pacs } = await this.file.read();
    await writeProjectIndex(this.store, databasePath, {
      pacs: pacs.aetitle ?? 'PACS',
      config: this.configuration.file,
    });
  }

  download(options: ProjectDownloadOptions): Promise<ProjectDownloadOutcome> {
    return downloadHere(this, options);
  }

  zip(options: ZipOptions): Promise<readonly string[]> {
    return zipHere(this, options);
  }

  writeReport(text: string): void {
    replaceFile(this.file.beside('_report.txt'), text);
  }

  close(): Promise<void> {
    return this.store.close();
  }
}
