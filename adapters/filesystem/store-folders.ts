// The folders of the store's archive: made when they are needed, and synced once for all that wait for it.
import fs from 'node:fs';
import { failureCode } from '../../core/ports/archive-files.ts';
import { call, type MakeCall, PRIVATE_FOLDER } from './instance-store-calls.ts';

/** Folders that are remembered as made. */
const MOST_FOLDERS = 4096;

export class StoreFolders {
  /** Absolute path. */
  readonly archive: string;
  private readonly syncs: boolean;
  private readonly makeCall: MakeCall;
  private readonly made = new Map<string, Promise<void>>();
  private readonly underWay = new Map<string, Promise<void>>();
  private readonly next = new Map<string, Promise<void>>();

  constructor(archive: string, syncs: boolean, make: MakeCall) {
    this.archive = archive;
    this.syncs = syncs;
    this.makeCall = make;
  }

  /** Makes a folder and those that it is in. Their names are synced then, whoever made them. */
  make(folder: string): Promise<void> {
    let made = this.made.get(folder);
    if (made === undefined) {
      if (this.made.size >= MOST_FOLDERS) this.made.clear();
      made = this.makeAndSync(folder);
      this.made.set(folder, made);
      made.catch(() => this.made.delete(folder));
    }
    return made;
  }

  forget(folder: string): void {
    this.made.delete(folder);
  }

  /** Resolves when a sync of the folder that began after this call has ended. */
  sync(folder: string): Promise<void> {
    if (!this.syncs) return Promise.resolve();
    const before = this.underWay.get(folder);
    if (before === undefined) return this.startSync(folder);
    let next = this.next.get(folder);
    if (next === undefined) {
      next = before
        .catch(() => {})
        .then(() => {
          this.next.delete(folder);
          return this.startSync(folder);
        });
      this.next.set(folder, next);
    }
    return next;
  }

  private async makeAndSync(folder: string): Promise<void> {
    const above = [''];
    for (const name of folder.split('/')) {
      const path = above.at(-1) === '' ? name : `${above.at(-1)}/${name}`;
      await makeFolder(`${this.archive}/${path}`);
      above.push(path);
    }
    await Promise.all(above.slice(0, -1).map((path) => this.sync(path)));
  }

  private startSync(folder: string): Promise<void> {
    const sync = syncFolder(`${this.archive}/${folder}`, this.makeCall).finally(() => {
      if (this.underWay.get(folder) === sync) this.underWay.delete(folder);
    });
    this.underWay.set(folder, sync);
    return sync;
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await call((done) => fs.mkdir(path, PRIVATE_FOLDER, done));
  } catch (error) {
    if (failureCode(error) !== 'EEXIST') throw error;
  }
}

async function syncFolder(path: string, make: MakeCall): Promise<void> {
  const folder = await make<number>(
    () => fs.openSync(path, fs.constants.O_RDONLY),
    (done) => fs.open(path, fs.constants.O_RDONLY, done),
  );
  try {
    await call((done) => fs.fsync(folder, done));
  } finally {
    await make<void>(
      () => fs.closeSync(folder),
      (done) => fs.close(folder, done),
    );
  }
}

export function syncFolderNow(path: string): void {
  const folder = fs.openSync(path, fs.constants.O_RDONLY);
  try {
    fs.fsyncSync(folder);
  } finally {
    fs.closeSync(folder);
  }
}

/** A folder in which something may be made need not be one that may be read, as a sync wants it. */
export function syncWhereReadable(path: string): void {
  try {
    syncFolderNow(path);
  } catch (error) {
    if (failureCode(error) !== 'EACCES') throw error;
  }
}
