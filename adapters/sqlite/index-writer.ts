// The port IndexWriter over an index file: lock, staging file, publication. A database of the Python tool is replaced
// by the index that is being made when that is whole, not before.
import fs from 'node:fs';
import path from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { DitagError, ditagError } from '../../core/errors/errors.ts';
import { decodeFolderRecord } from '../../core/instance/folder-record.ts';
import type { ScanEvent } from '../../core/jobs/jobs.ts';
import type {
  IndexWriter,
  IndexWriterStart,
  KnownArchive,
  PublishOptions,
  PublishPorts,
  PublishReport,
} from '../../core/ports/index-writer.ts';
import { makeFolders } from '../system/make-folders.ts';
import type { Deletions } from './folder-changes.ts';
import { lockIndex } from './index-lock.ts';
import { databaseKind, openForWriting } from './open-database.ts';
import { Publication } from './publish.ts';
import { explained, explainedOpen, isOutOfRoom } from './sqlite-errors.ts';
import { Staging } from './staging.ts';
import { countStudies } from './statistics.ts';

/** Milliseconds after which staged events are committed. */
const COMMIT_EVERY = 1000;
/** Names of the root that are remembered to recognise it by. */
const ROOT_SAMPLE = 1000;

export interface IndexWriterOptions {
  /** The index's other archives stay; then a database of the old tool is an error (`old-database`). */
  readonly append: boolean;
  /** The configuration file, to be named in messages. */
  readonly config: string;
  readonly ports: PublishPorts;
}

export class SqliteIndexWriter implements IndexWriter {
  readonly start: IndexWriterStart;
  private readonly ports: PublishPorts;
  private readonly path: string;
  private readonly archive: string;
  private readonly database: DatabaseSync;
  private readonly staging: Staging;
  private readonly resources = new DisposableStack();
  /** What has to be closed while the lock is still held. */
  private readonly files = new DisposableStack();
  private lastCommit = Date.now();
  private published = false;

  /**
   * Throws `already-running`, `newer-database`, `not-a-database`, `old-database`, `cannot-write`.
   */
  constructor(databasePath: string, archive: string, options: IndexWriterOptions) {
    this.path = databasePath;
    this.archive = archive;
    this.ports = options.ports;
    // Beside `path` while an old tool's database still stands there.
    let written = databasePath;
    try {
      makeFolders(path.dirname(databasePath), 0o700);
      this.resources.use(lockIndex(databasePath));
      this.resources.use(this.files);
      const old = databaseKind(databasePath) === 'python-tool';
      if (old && options.append) throw ditagError('old-database', { database: databasePath });
      if (old) written = `${databasePath}-new`;
      this.database = this.files.adopt(openForWriting(written, options.config), (database) => database.close());
      this.staging = this.files.adopt(new Staging(written), (staging) =>
        this.published ? staging.remove() : staging.close(),
      );
    } catch (error) {
      this.resources.dispose();
      throw explainedOpen(error, databasePath);
    }
    try {
      const resumed = this.staging.begin(archive);
      this.start = { known: knownArchive(this.database, archive), resumed, databasePath: written };
    } catch (error) {
      this.resources.dispose();
      throw explained(error, databasePath);
    }
  }

  async stage(events: readonly ScanEvent[]): Promise<void> {
    try {
      this.staging.add(events);
      if (Date.now() - this.lastCommit > COMMIT_EVERY) this.commitStaged();
    } catch (error) {
      throw explained(error, this.path);
    }
  }

  private commitStaged(): void {
    this.staging.commit();
    this.lastCommit = Date.now();
  }

  async publish(options: PublishOptions): Promise<PublishReport> {
    let report: PublishReport;
    try {
      this.commitStaged();
      report = this.publishAtOnce(options);
    } catch (error) {
      // SQLite has rolled back itself after some errors, a full disk among them.
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
      throw explained(error, this.path);
    }
    this.published = true;
    return report;
  }

  /** In one transaction; in a second one where deletions are held that were too many in the first. */
  private publishAtOnce(options: PublishOptions): PublishReport {
    for (let deletions: Deletions = options.acceptDeletions ? 'accept' : 'refuse'; ; deletions = 'hold') {
      this.database.exec('BEGIN IMMEDIATE');
      const id = this.ensureArchive();
      const archive = { id, name: this.archive };
      const publication = new Publication(this.database, this.staging, archive, options, this.ports);
      try {
        const report = { ...publication.run(deletions), studies: countStudies(this.database, id) };
        this.database.exec('COMMIT');
        return report;
      } catch (error) {
        const isTooMany = error instanceof DitagError && error.code === 'too-many-deletions';
        if (!isTooMany || options.holdDeletions !== true) throw error;
        this.database.exec('ROLLBACK');
      }
    }
  }

  async close(): Promise<void> {
    try {
      // A query that is still reading is not waited for: its end brings the log into the file.
      if (this.published) this.database.exec('PRAGMA busy_timeout = 500; PRAGMA wal_checkpoint(TRUNCATE)');
    } catch (error) {
      // What is published stays in the log, and is read from there, until there is room; one that replaces another may not.
      if (this.start.databasePath !== this.path || !isOutOfRoom(error)) {
        this.resources.dispose();
        throw explained(error, this.path);
      }
    }
    this.files.dispose();
    if (this.published && this.start.databasePath !== this.path) replaceDatabase(this.start.databasePath, this.path);
    this.resources.dispose();
  }

  private ensureArchive(): number {
    const now = new Date().toISOString();
    this.database
      .prepare(
        'INSERT INTO archive (name, indexed_at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET indexed_at = excluded.indexed_at',
      )
      .run(this.archive, now);
    return (this.database.prepare('SELECT id FROM archive WHERE name = ?').get(this.archive) as { id: number }).id;
  }
}

/** Neither file is in WAL mode with an open log: the new one was just closed, the old tool never used one. */
function replaceDatabase(from: string, to: string): void {
  for (const suffix of ['-wal', '-shm', '-journal']) fs.rmSync(to + suffix, { force: true });
  fs.renameSync(from, to);
  for (const suffix of ['-wal', '-shm', '-lock']) fs.rmSync(from + suffix, { force: true });
}

function knownArchive(database: DatabaseSync, name: string): KnownArchive | undefined {
  const archive = database.prepare('SELECT id FROM archive WHERE name = ?').get(name) as { id: number } | undefined;
  if (archive === undefined) return undefined;
  const { files } = database
    .prepare('SELECT coalesce(sum(files), 0) AS files FROM folder WHERE archive = ?')
    .get(archive.id) as { files: number };
  const root = database.prepare('SELECT id, record FROM folder WHERE parent = 0 AND archive = ?').get(archive.id) as
    | { id: number; record: Uint8Array | null }
    | undefined;
  if (root === undefined) return { files, rootSample: [] };
  const names = database
    .prepare("SELECT name FROM folder WHERE parent = ? AND name <> '' LIMIT ?")
    .all(root.id, ROOT_SAMPLE) as { name: string }[];
  const sample = names.map((row) => row.name);
  const part = database.prepare("SELECT record FROM folder WHERE parent = ? AND name = '' LIMIT 1").get(root.id) as
    | { record: Uint8Array }
    | undefined;
  const record = root.record ?? part?.record;
  if (record !== undefined && record !== null) {
    for (const file of decodeFolderRecord(record).files.slice(0, ROOT_SAMPLE)) sample.push(file.name);
  }
  return { files, rootSample: sample };
}
