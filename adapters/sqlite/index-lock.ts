// One writer per index: an SQLite lock on a file of its own, held as long as the process lives. The system releases
// it when the process dies, however it dies; a pid file would not be.
import { existsSync, realpathSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { ditagError } from '../../core/errors/errors.ts';
import { createPrivateFile } from './open-database.ts';
import { explained, isBusy } from './sqlite-errors.ts';

/** Takes the lock of an index, by whichever link it is named; disposing it releases it. Throws `already-running`. */
export function lockIndex(databasePath: string): Disposable {
  const path = `${existsSync(databasePath) ? realpathSync(databasePath) : databasePath}-lock`;
  createPrivateFile(path);
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    throw isBusy(error) ? ditagError('already-running', { database: databasePath }, error) : explained(error, path);
  }
  return { [Symbol.dispose]: () => lock.close() };
}
