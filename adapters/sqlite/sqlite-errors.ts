// What SQLite's own errors mean to a person: a damaged file, a full disk. Everything else is a fault of ours.
import { ditagError } from '../../core/errors/errors.ts';
import { fileReason, writeFailure } from '../../core/errors/file-failure.ts';

/** Primary result codes (https://www.sqlite.org/rescode.html). */
const BUSY = 5;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

/** SQLite says only that it may not write. */
const NEEDS_FOLDER =
  'files are written beside an index while it is read, so you need to be allowed to write to its folder';

/** What to do where a file is damaged, by what it holds. */
const ADVICE = {
  index: 'move it away and run `ditag index --archive DIR` again',
  project: 'move it away and run `ditag project index` with its list again',
  access:
    'bring back a copy, or move it away: then tokens have to be made again, and what was recorded so far is in it alone',
};

/** What a file of SQLite holds. */
export type Holds = keyof typeof ADVICE;

/** The error to be told instead of one of node:sqlite about the file at `database`; other errors come back as they are. */
export function explained(error: unknown, database: string, holds: Holds = 'index'): unknown {
  const { code, errcode, message } = error as { code?: string; errcode?: number; message?: string };
  if (code !== 'ERR_SQLITE_ERROR' || errcode === undefined) return error;
  const reason = message ?? 'unknown';
  switch (errcode & 0xff) {
    case CORRUPT:
    case NOTADB:
      return ditagError('damaged-database', { database, reason, advice: ADVICE[holds] }, error);
    case FULL:
      return ditagError('index-disk-full', { path: database }, error);
    case BUSY:
    case IOERR:
    case READONLY:
    case CANTOPEN:
      return ditagError('cannot-write', { path: database, reason }, error);
    default:
      return error;
  }
}

/** The error to be told where the file at `path` cannot be made or opened for writing, by SQLite or by the file system. */
export function explainedOpen(error: unknown, path: string, holds: Holds = 'index'): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && /^E[A-Z]+$/.test(code) ? writeFailure(path, error) : explained(error, path, holds);
}

/** Is there no room, or does the disk not take more now? */
export function isOutOfRoom(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  return code === 'ERR_SQLITE_ERROR' && [FULL, IOERR, BUSY].includes((errcode ?? 0) & 0xff);
}

/** Does someone else hold a lock? */
export function isBusy(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  return code === 'ERR_SQLITE_ERROR' && ((errcode ?? 0) & 0xff) === BUSY;
}

/** Is it SQLite's word that a file is no database? */
export function isNotADatabase(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  return code === 'ERR_SQLITE_ERROR' && ((errcode ?? 0) & 0xff) === NOTADB;
}

/** The error to be told where the file at `path` cannot even be looked at. */
export function explainedRead(error: unknown, path: string): unknown {
  const { code, errcode, message } = error as { code?: string; errcode?: number; message?: string };
  const reason = code === 'ERR_SQLITE_ERROR' ? (message ?? 'unknown') : fileReason(error);
  if (code === 'ERR_SQLITE_ERROR' && ((errcode ?? 0) & 0xff) === CORRUPT) {
    return ditagError('damaged-database', { database: path, reason, advice: ADVICE.index }, error);
  }
  const isReadOnly = code === 'ERR_SQLITE_ERROR' && ((errcode ?? 0) & 0xff) === READONLY;
  return ditagError('cannot-read', { path, reason: isReadOnly ? NEEDS_FOLDER : reason }, error);
}
