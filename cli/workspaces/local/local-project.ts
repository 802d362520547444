// A project on this machine: its files, the PACS by way of DIMSE, and its index and downloads.
import fs from 'node:fs';
import path from 'node:path';
import { DimsePacs } from '../../../adapters/dimse/dimse-pacs.ts';
import { lockIndex } from '../../../adapters/sqlite/index-lock.ts';
import { SqliteIndexWriter } from '../../../adapters/sqlite/index-writer.ts';
import { SqliteProjectStore } from '../../../adapters/sqlite/project-store.ts';
import { ditagError } from '../../../core/errors/errors.ts';
import { findAccessions } from '../../../core/stages/find-accessions.ts';
import { projectEvents } from '../../../core/stages/index-project.ts';
import type { Configuration } from '../../configuration/configuration.ts';
import { type ProjectChanges, ProjectFile, type ProjectSettings } from '../../configuration/project-settings.ts';
import type { FindOptions, Project, ProjectDownloadOptions, ProjectDownloadOutcome, ZipOptions } from '../project.ts';
import { downloadHere, zipHere } from './local-download.ts';

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

  get folder(): string {
    return this.file.folder;
  }

  settings(): Promise<ProjectSettings> {
    return this.file.read();
  }

  change(changes: ProjectChanges): Promise<void> {
    return this.file.change(changes);
  }

  lock(): Disposable {
    return lockIndex(this.file.beside(STATE));
  }

  async find({ targets, peer, threads, onAnswer, signal }: FindOptions): Promise<void> {
    const pacs = new DimsePacs(peer, { move: peer.callingAETitle });
    await findAccessions(targets, { pacs, store: this.store }, { threads, onAnswer, signal });
  }

  async index(): Promise<void> {
    const { databasePath, pacs } = await this.settings();
    // Another name each time: so nothing of what was known before is left.
    const archive = `${pacs.aetitle ?? 'PACS'}, asked ${new Date().toISOString()}`;
    const ports = { readHeader: () => undefined, progress: () => {} };
    const config = this.configuration.file;
    const writer = new SqliteIndexWriter(databasePath, archive, { append: false, config, ports });
    try {
      await projectEvents(this.store, (events) => writer.stage(events));
      await writer.publish({ append: false, acceptDeletions: true });
    } finally {
      await writer.close();
    }
  }

  download(options: ProjectDownloadOptions): Promise<ProjectDownloadOutcome> {
    return downloadHere(this, options);
  }

  zip(options: ZipOptions): Promise<void> {
    return zipHere(this, options);
  }

  writeReport(text: string): string {
    const file = this.file.beside('_report.txt');
    try {
      const temporary = `${file}.${process.pid}.tmp`;
      fs.writeFileSync(temporary, text, { mode: 0o600 });
      fs.renameSync(temporary, file);
    } catch (error) {
      throw ditagError('cannot-write', { path: file, reason: (error as Error).message }, error);
    }
    return path.resolve(file);
  }

  close(): Promise<void> {
    return this.store.close();
  }
}
