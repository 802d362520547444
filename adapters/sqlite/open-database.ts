// Opens index files: creates, recognises, refuses. Index files hold patient data: they are made readable by their
// owner only.
import fs from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { ditagError } from '../../core/errors/errors.ts';
import { isNetworkFileSystem } from '../../core/instance/file-systems.ts';
import { APPLICATION_ID, FORMAT, SCHEMA } from './schema.ts';
import { explainedRead, isNotADatabase } from './sqlite-errors.ts';

/** What stands where an index is expected. */
export type DatabaseKind = 'none' | 'index' | 'python-tool' | 'other' | 'newer';

/** Finds out what `path` is, changing nothing. Throws `damaged-database` and `cannot-read`. */
export function databaseKind(path: string): DatabaseKind {
  let database: DatabaseSync | undefined;
  try {
    const status = fs.statSync(path, { throwIfNoEntry: false });
    if (status?.isDirectory() === true) return 'other';
    if (status === undefined || status.size === 0) return 'none';
    database = new DatabaseSync(path, { readOnly: true, timeout: 10_000 });
    if (pragma(database, 'application_id') === APPLICATION_ID) {
      return pragma(database, 'user_version') > FORMAT ? 'newer' : 'index';
    }
    const { n } = database.prepare("SELECT count(*) AS n FROM sqlite_master WHERE type = 'table'").get() as {
      n: number;
    };
    // What a run left that was ended before its first table was made.
    if (n === 0) return 'none';
    const { n: columns } = database
      .prepare(
        "SELECT count(*) AS n FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND replace(lower(c.name), '_', '') = 'seriesinstanceuid'",
      )
      .get() as { n: number };
    return columns > 0 ? 'python-tool' : 'other';
  } catch (error) {
    if (isNotADatabase(error)) return 'other';
    throw explainedRead(error, path);
  } finally {
    database?.close();
  }
}

/** Opens an index for reading. Throws `no-index`, `old-database`, `newer-database`, `not-a-database`, `damaged-database`. */
export function openForReading(path: string, config: string): DatabaseSync {
  switch (databaseKind(path)) {
    case 'none':
      throw ditagError('no-index', { database: path });
    case 'python-tool':
      throw ditagError('old-database', { database: path });
    case 'newer':
      throw newer(path);
    case 'other':
      throw ditagError('not-a-database', { database: path, config });
    case 'index':
  }
  try {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 60_000 });
    // Rows are read straight from the page cache of the system instead of being copied twice.
    database.exec('PRAGMA mmap_size = 4294967296; PRAGMA cache_size = -16384');
    return database;
  } catch (error) {
    throw explainedRead(error, path);
  }
}

/** Opens or creates an index for writing. Throws `newer-database` or `not-a-database`. */
export function openForWriting(path: string, config: string): DatabaseSync {
  const kind = databaseKind(path);
  if (kind === 'newer') throw newer(path);
  if (kind === 'other' || kind === 'python-tool') throw ditagError('not-a-database', { database: path, config });
  if (kind === 'none') createPrivateFile(path);
  const database = new DatabaseSync(path, { timeout: 60_000 });
  if (kind === 'none') database.exec('PRAGMA page_size = 8192');
  setJournal(database, path);
  if (kind === 'none') {
    // All or nothing: a file that calls itself an index has its tables.
    database.exec(
      `BEGIN; PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${FORMAT}; ${SCHEMA} COMMIT`,
    );
  }
  return database;
}

/** WAL lets queries go on during an index run; a network home has no shared memory for it. */
export function setJournal(database: DatabaseSync, path: string): void {
  const journal = isNetworkFileSystem(fs.statfsSync(path).type) ? 'DELETE' : 'WAL';
  database.exec(`PRAGMA journal_mode = ${journal}; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384`);
}

/** Makes an empty file that only its owner can read. */
export function createPrivateFile(path: string): void {
  fs.closeSync(fs.openSync(path, 'a', 0o600));
  fs.chmodSync(path, 0o600);
}

function newer(path: string) {
  const database = new DatabaseSync(path, { readOnly: true });
  const found = pragma(database, 'user_version');
  database.close();
  return ditagError('newer-database', { database: path, found, known: FORMAT });
}

function pragma(database: DatabaseSync, name: string): number {
  return Object.values(database.prepare(`PRAGMA ${name}`).get()!)[0] as number;
}
