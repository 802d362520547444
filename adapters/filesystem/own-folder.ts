// The folder in `incoming` of one process, for what it is receiving. Several processes may share one store: each has a
// folder of its own, locked as long as it lives, so that the next one knows which of them are left over.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { PRIVATE_FILE, PRIVATE_FOLDER } from './instance-store-calls.ts';

const SQLITE_BUSY = 5;
/** What SQLite's results (https://www.sqlite.org/rescode.html) are for calls of the system. */
const CALL_CODES: ReadonlyMap<number, string> = new Map([
  [8, 'EROFS'],
  [10, 'EIO'],
  [13, 'ENOSPC'],
  [14, 'EACCES'],
]);

export interface OwnFolder {
  readonly path: string;
  remove(): void;
}

/**
 * Makes a folder and removes those of dead processes. Each has a lock beside it that is there before the folder and goes
 * after it; the system releases it when the process dies, also for other containers, where a process id says nothing.
 */
export function takeOwnFolder(incoming: string): OwnFolder {
  for (;;) {
    const path = `${incoming}/${randomBytes(8).toString('hex')}`;
    const lockPath = `${path}.lock`;
    fs.writeFileSync(lockPath, '', { mode: PRIVATE_FILE, flag: 'wx' });
    let lock: DatabaseSync | undefined;
    try {
      lock = tryLock(lockPath);
    } catch (error) {
      fs.rmSync(lockPath, { force: true });
      throw error;
    }
    // Another that starts may have taken it for left over.
    if (lock === undefined || !fs.existsSync(lockPath)) {
      lock?.close();
      continue;
    }
    fs.mkdirSync(path, PRIVATE_FOLDER);
    const remove = () => {
      fs.rmSync(path, { recursive: true, force: true });
      fs.rmSync(lockPath, { force: true });
      if (lock.isOpen) lock.close();
    };
    try {
      // Without hard links nothing could be stored here.
      fs.linkSync(lockPath, `${path}/link`);
      fs.unlinkSync(`${path}/link`);
      for (const name of fs.readdirSync(incoming)) {
        const [own] = /^[0-9a-f]{16}(?=(\.lock)?$)/.exec(name) ?? [];
        if (own !== undefined) removeIfDead(`${incoming}/${own}`);
      }
    } catch (error) {
      remove();
      throw error;
    }
    return { path, remove };
  }
}

function removeIfDead(path: string): void {
  const lock = tryLock(`${path}.lock`);
  if (lock === undefined) return;
  fs.rmSync(path, { recursive: true, force: true });
  fs.rmSync(`${path}.lock`, { force: true });
  lock.close();
}

/** Locks a file by SQLite, as Node has no call for it; undefined where another has it. */
function tryLock(path: string): DatabaseSync | undefined {
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    // Nothing is ever written: no journal is to lie beside it.
    lock.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    const result = ((error as { errcode?: number }).errcode ?? 0) % 256;
    if (result === SQLITE_BUSY) return undefined;
    throw Object.assign(error as Error, { code: CALL_CODES.get(result) ?? (error as NodeJS.ErrnoException).code });
  }
}
