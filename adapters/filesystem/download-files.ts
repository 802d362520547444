// The port DownloadFiles: what a download has on disk.
import fs from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { ditagError } from '../../core/errors/errors.ts';
import { failureCode } from '../../core/ports/archive-files.ts';
import type { DownloadFiles } from '../../core/ports/download-files.ts';
import { NOT_ASKED_FOR } from '../../core/projects/download-folders.ts';
import { FilesystemInstanceStore } from './instance-store.ts';
import { digestOf, PRIVATE_FILE, PRIVATE_FOLDER } from './instance-store-calls.ts';
import type { Place } from './instance-store-names.ts';
import { syncFolderNow } from './store-folders.ts';
import { zipSubject } from './subject-zip.ts';
import type { ExpectedFile } from './verify-download.ts';
import { openZip, ZipFailed } from './zip-files.ts';

export const MANIFEST = 'manifest.csv';
/** Where what is on its way to a download is. */
export const INCOMING = '.incoming';
/** Files that are not what was received, among what was not asked for. */
const CHANGED = 'changed';
/** Characters of a manifest that are written at a time. */
const BLOCK = 256 * 1024;

/** A store whose instances are put where a download has them, in or below `folder`. Throws `cannot-write`. */
export function openDownloadStore(folder: string, place: Place): FilesystemInstanceStore {
  return FilesystemInstanceStore.open(folder, { sync: true, archive: '.', incoming: INCOMING, isHashed: true, place });
}

export class FilesystemDownloadFiles implements DownloadFiles {
  private readonly folder: string;
  /** What the zips of subjects hold, by subject: sizes by path. */
  private readonly zips = new Map<string, ReadonlyMap<string, number>>();

  /** @param folder of the download, which is there */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** Calls that wait cost less than calls that are handed to threads; other work has its turn after each folder. */
  async list(folder: string): Promise<ReadonlyMap<string, number>> {
    const sizes = new Map<string, number>();
    const absolute = path.join(this.folder, folder);
    let names: string[];
    try {
      names = fs.readdirSync(absolute);
    } catch (error) {
      if (failureCode(error) === 'ENOENT') return this.listInZip(folder);
      throw ditagError('cannot-read', { path: absolute, reason: failureCode(error) }, error);
    }
    for (const name of names) {
      const status = fs.lstatSync(`${absolute}/${name}`, { throwIfNoEntry: false });
      if (status?.isFile() === true) sizes.set(name, status.size);
    }
    await setImmediate();
    return sizes;
  }

  /** A subject's folder may have become a zip. */
  private async listInZip(folder: string): Promise<ReadonlyMap<string, number>> {
    const subject = folder.split('/', 1)[0]!;
    let inZip = this.zips.get(subject);
    if (inZip === undefined) {
      inZip = await listZip(path.join(this.folder, `${subject}.zip`));
      // Series come study by study: one subject is soon done with.
      this.zips.clear();
      this.zips.set(subject, inZip);
    }
    const sizes = new Map<string, number>();
    for (const [file, size] of inZip) {
      const name = file.startsWith(`${folder}/`) ? file.slice(folder.length + 1) : '';
      if (name !== '' && !name.includes('/')) sizes.set(name, size);
    }
    return sizes;
  }

  async digest(file: string): Promise<{ readonly size: number; readonly sha256: string }> {
    const { bytes: size, sha256 } = await digestOf(path.join(this.folder, file));
    return { size, sha256 };
  }

  /** What is not the file that was noted is kept: somebody may have changed it on purpose. */
  async setAside(file: string): Promise<string | undefined> {
    const place = `${NOT_ASKED_FOR}/${CHANGED}/${file}`;
    const [from, to] = [path.join(this.folder, file), path.join(this.folder, place)];
    try {
      if (fs.lstatSync(from, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
      fs.mkdirSync(path.dirname(to), { recursive: true, mode: PRIVATE_FOLDER });
      fs.renameSync(from, to);
    } catch (error) {
      throw ditagError('cannot-write', { path: to, reason: failureCode(error) }, error);
    }
    return place;
  }

  async freeSpace(): Promise<number> {
    const { bavail, bsize } = await fs.promises.statfs(this.folder);
    return bavail * bsize;
  }

  /**
   * Makes the zip of a subject that is whole, and removes its folder (subject-zip.ts). @param expected what it has to hold.
   * Throws `zip-failed`.
   */
  async zip(subject: string, expected: Iterable<ExpectedFile>, signal: AbortSignal): Promise<void> {
    this.zips.delete(subject);
    try {
      await zipSubject(this.folder, subject, expected, { signal });
    } catch (error) {
      if (!(error instanceof ZipFailed)) throw error;
      throw ditagError('zip-failed', { path: `${subject}.zip`, reason: error.message.replace(/\.$/, '') }, error);
    }
  }

  /** Replaces the manifest when the new one is whole and synced. Throws `cannot-write`. */
  async writeManifest(lines: AsyncIterable<string>): Promise<void> {
    const [temporary, file] = [path.join(this.folder, `.${MANIFEST}`), path.join(this.folder, MANIFEST)];
    try {
      const handle = await fs.promises.open(temporary, 'w', PRIVATE_FILE);
      try {
        let block = '';
        for await (const line of lines) {
          block += line;
          if (block.length < BLOCK) continue;
          await handle.write(block);
          block = '';
        }
        await handle.write(block);
        await handle.sync();
      } finally {
        await handle.close();
      }
      fs.renameSync(temporary, file);
      syncFolderNow(this.folder);
    } catch (error) {
      throw ditagError('cannot-write', { path: file, reason: failureCode(error) }, error);
    }
  }
}

/** Sizes of the entries of a zip; none where there is no zip. */
async function listZip(file: string): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  let zip: Awaited<ReturnType<typeof openZip>>;
  try {
    zip = await openZip(file);
  } catch (error) {
    if (failureCode(error) === 'ENOENT') return sizes;
    throw ditagError('cannot-read', { path: file, reason: (error as Error).message }, error);
  }
  try {
    for await (const { fileName, uncompressedSize } of zip.eachEntry()) sizes.set(fileName, uncompressedSize);
  } finally {
    zip.close();
  }
  return sizes;
}
