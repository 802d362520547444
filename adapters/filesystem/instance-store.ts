// The port InstanceStore in a folder that holds two: `instances`, an archive of what is committed and of nothing else
// (names: instance-store-names.ts), and `incoming` for what is on its way (own-folder.ts). Several processes may share
// one store.
import fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { writeFailure } from '../../core/errors/file-failure.ts';
import { isLocalFileSystem } from '../../core/instance/file-systems.ts';
import { failureCode } from '../../core/ports/archive-files.ts';
import type { ArrivingInstance, IncomingFile, InstanceStore } from '../../core/ports/instance-store.ts';
import { makeFolders } from '../system/make-folders.ts';
import { Incoming, type Surroundings } from './incoming-file.ts';
import { IdentityReader } from './incoming-file-identity.ts';
import { inPool, PRIVATE_FOLDER } from './instance-store-calls.ts';
import { type Place, placeByUids } from './instance-store-names.ts';
import { type OwnFolder, takeOwnFolder } from './own-folder.ts';
import { QuickCalls } from './quick-calls.ts';
import { StoreFolders, syncFolderNow, syncWhereReadable } from './store-folders.ts';

export interface InstanceStoreOptions {
  /** False: neither files nor folders are synced. For measuring only. */
  readonly sync: boolean;
  /** Folders below the store's: of what is committed, and of what is on its way. */
  readonly archive?: string;
  readonly incoming?: string;
  /** Where instances are put; by study and series if it is not said. */
  readonly place?: Place;
  /** Make the SHA-256 of each file. */
  readonly isHashed?: boolean;
  /** Look each data set through to its end, so that `place` is told of what is cut. */
  readonly looksForEnd?: boolean;
}

export class FilesystemInstanceStore implements InstanceStore {
  private readonly around: Surroundings;
  private readonly incoming: string;
  private own: OwnFolder;
  /** What an instance needs of the store was not there: the next one begins with a folder of its own anew. */
  private isLost = false;
  private readonly open = new Set<Incoming>();
  private count = 0;

  private constructor(around: Surroundings, incoming: string) {
    this.around = around;
    this.incoming = incoming;
    this.own = takeOwnFolder(incoming);
  }

  /** Opens the store in `folder`, which is made if need be, and removes what dead processes left in `incoming`. Throws `cannot-write`. */
  static open(folder: string, options: InstanceStoreOptions): FilesystemInstanceStore {
    const { sync, place = placeByUids, isHashed = false, looksForEnd = false } = options;
    const archive = resolve(folder, options.archive ?? 'instances');
    const incoming = resolve(folder, options.incoming ?? 'incoming');
    try {
      const made = [archive, incoming].flatMap((path) => makeFolders(path, PRIVATE_FOLDER));
      // An archive whose own name is lost, or that of a folder around it, takes all with it.
      if (sync) {
        const own = resolve(folder);
        syncFolderNow(own);
        for (const path of new Set(made.map((one) => dirname(one)))) if (path !== own) syncWhereReadable(path);
      }
      assertCanBeLinked(incoming, archive);
      // Both lie on one file system.
      const isLocal = isLocalFileSystem(fs.statfsSync(incoming).type);
      const quick = isLocal ? new QuickCalls() : undefined;
      const make = quick?.make ?? inPool;
      const folders = new StoreFolders(archive, sync, make);
      const identities = new IdentityReader({ looksForEnd });
      const around = { sync, folders, identities, make, quick, place, isHashed };
      return new FilesystemInstanceStore(around, incoming);
    } catch (error) {
      throw writeFailure(folder, error);
    }
  }

  /** Absolute path of the archive of what is committed. */
  get archive(): string {
    return this.around.folders.archive;
  }

  begin(arriving: ArrivingInstance): IncomingFile {
    if (this.isLost) this.renew();
    const onEnd = (error: unknown) => {
      this.open.delete(file);
      this.isLost ||= failureCode(error) === 'ENOENT';
    };
    const file = new Incoming(this.around, `${this.own.path}/${this.count++}`, arriving, onEnd);
    this.open.add(file);
    return file;
  }

  /** Someone removed what it had for itself, as with a mount that went away. Where it cannot have that anew, nothing can be stored. */
  private renew(): void {
    try {
      if (!fs.existsSync(this.own.path)) {
        const own = takeOwnFolder(this.incoming);
        this.own.remove();
        this.own = own;
      }
      this.isLost = false;
    } catch {
      // The instance that comes is told why.
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.open].map((file) => file.discard()));
    this.own.remove();
  }
}

/**
 * Throws where one of the two is mounted by itself, or the archive cannot be written. Tried with a folder, which never
 * gets a second name: EPERM says that all else was in order, and nothing came into the archive.
 */
function assertCanBeLinked(incoming: string, archive: string): void {
  try {
    fs.linkSync(incoming, `${archive}/incoming`);
  } catch (error) {
    if (failureCode(error) !== 'EPERM') throw error;
  }
}
