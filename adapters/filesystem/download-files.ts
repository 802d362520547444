// The port DownloadFiles: what a download has on disk.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { DitagError, ditagError } from '../../core/errors/errors.ts';
import { readFailure, writeFailure } from '../../core/errors/file-failure.ts';
import { failureCode } from '../../core/ports/archive-files.ts';
import type { DownloadFiles, SeriesIdentity } from '../../core/ports/download-files.ts';
import { CUT_OFF, NOT_ASKED_FOR } from '../../core/projects/download-folders.ts';
import { makeFolders } from '../system/make-folders.ts';
import { type Arrived, type Identity, identityIn } from './incoming-file-identity.ts';
import { FilesystemInstanceStore } from './instance-store.ts';
import { digestOf, PRIVATE_FILE, PRIVATE_FOLDER } from './instance-store-calls.ts';
import { placeByUids } from './instance-store-names.ts';
import { syncFolderNow } from './store-folders.ts';
import { zipSubject } from './subject-zip.ts';
import type { ExpectedFile } from './verify-download.ts';
import { openZip, ZipFailed } from './zip-files.ts';

export const MANIFEST = 'manifest.csv';
/** Where what is on its way to a download is. */
export const INCOMING = '.incoming';
/** Whose download it is. */
const OWNER = '.owner';
const OWNER_PART = /^\.owner\.[0-9a-f]{16}$/;
/** Files that are not what was received, among what was not asked for. */
const CHANGED = 'changed';
/** Characters of a manifest that are written at a time. */
const BLOCK = 256 * 1024;

/** What a download has of its own, besides instances. @param name in its folder */
export function isOfDownload(name: string): boolean {
  return name === MANIFEST || name === OWNER || OWNER_PART.test(name) || name.startsWith(`${INCOMING}/`);
}

/** Where an instance belongs: the folder of its download, and in that the one of its series; undefined: not asked for. */
export interface DownloadPlace {
  /** '' or with a `/` behind it. */
  readonly download: string;
  readonly series: string | undefined;
}

/** A store whose instances are put where a download has them, in or below `folder`. Throws `cannot-write`. */
export function openDownloadStore(
  folder: string,
  place: (identity: Identity) => Promise<DownloadPlace>,
): FilesystemInstanceStore {
  return FilesystemInstanceStore.open(folder, {
    ...{ sync: true, archive: '.', incoming: INCOMING, isHashed: true, looksForEnd: true },
    place: async (arrived: Arrived) => {
      const { download, series } = await place(arrived.identity);
      if (series !== undefined && !arrived.isCut) return download + series;
      return `${download}${series === undefined ? NOT_ASKED_FOR : CUT_OFF}/${placeByUids(arrived)}`;
    },
  });
}

export class FilesystemDownloadFiles implements DownloadFiles {
  private readonly folder: string;
  /** What the zips of subjects hold, by subject: sizes by path. */
  private readonly zips = new Map<string, ReadonlyMap<string, number>>();

  /** @param folder of the download, which is there */
  constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * Makes an empty folder that of a download, or finds that it is: what is in it was named when it was whole. @param owner a text that no other download has. Throws
   * `foreign-download`, `cannot-write`.
   */
  claim(owner: string): void {
    const [file, text] = [path.join(this.folder, OWNER), `${owner}\n`];
    try {
      if (!fs.existsSync(file)) {
        this.assertFree();
        this.writeOwner(file, text);
      }
      if (fs.readFileSync(file, 'utf8') !== text)
        throw ditagError('foreign-download', { folder: this.folder, file: OWNER });
    } catch (error) {
      if (error instanceof DitagError) throw error;
      throw writeFailure(file, error);
    }
  }

  /** Throws `foreign-download` where anything is in it, `cannot-write`. */
  assertFree(): void {
    try {
      const others = fs.readdirSync(this.folder).filter((name) => name !== INCOMING && !OWNER_PART.test(name));
      if (others.length > 0) throw ditagError('foreign-download', { folder: this.folder, file: OWNER });
    } catch (error) {
      if (error instanceof DitagError) throw error;
      throw writeFailure(this.folder, error);
    }
  }

  /** Whoever finds it finds all of it. */
  private writeOwner(file: string, text: string): void {
    const part = `${file}.${randomBytes(8).toString('hex')}`;
    fs.writeFileSync(part, text, { mode: PRIVATE_FILE, flag: 'wx', flush: true });
    try {
      fs.linkSync(part, file);
      syncFolderNow(this.folder);
    } catch (error) {
      // Another one was first: whose it is now is read.
      if (failureCode(error) !== 'EEXIST') throw error;
    } finally {
      fs.rmSync(part, { force: true });
    }
  }

  /** Calls that wait cost less than calls that are handed to threads; other work has its turn after each folder. */
  async list(folder: string): Promise<ReadonlyMap<string, number>> {
    const sizes = new Map<string, number>();
    const absolute = path.join(this.folder, folder);
    let names: string[];
    try {
      names = fs.readdirSync(absolute);
    } catch (error) {
      if (failureCode(error) !== 'ENOENT') throw readFailure(absolute, error);
      names = [];
    }
    for (const name of names) {
      const status = fs.lstatSync(`${absolute}/${name}`, { throwIfNoEntry: false });
      if (status?.isFile() === true) sizes.set(name, status.size);
    }
    for (const [name, size] of await this.listInZip(folder)) if (!sizes.has(name)) sizes.set(name, size);
    await setImmediate();
    return sizes;
  }

  /** A subject's folder may have become a zip, or a part of it: more may have come, or the process died. */
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

  async seriesOf(file: string, SOPInstanceUID: string): Promise<SeriesIdentity | undefined> {
    const handle = await fs.promises.open(path.join(this.folder, file)).catch((error) => {
      // In a zip are only instances that were noted before.
      if (failureCode(error) === 'ENOENT') return undefined;
      throw readFailure(file, error);
    });
    if (handle === undefined) return undefined;
    try {
      const found = await identityIn((await handle.stat()).size, async (...range) => {
        return (await handle.read(...range)).bytesRead;
      });
      if (found === undefined) return undefined;
      const isOther = found.SOPInstanceUID !== '' && found.SOPInstanceUID !== SOPInstanceUID;
      return isOther || found.SeriesInstanceUID === '' ? undefined : found;
    } finally {
      await handle.close();
    }
  }

  async *notAskedFor(): AsyncIterable<string> {
    const waiting = [NOT_ASKED_FOR];
    for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
      const entries = await fs.promises
        .readdir(path.join(this.folder, folder), { withFileTypes: true })
        .catch((error: unknown) => {
          if (failureCode(error) === 'ENOENT') return [];
          throw readFailure(path.join(this.folder, folder!), error);
        });
      for (const entry of entries) {
        const name = `${folder}/${entry.name}`;
        if (entry.isDirectory()) waiting.push(name);
        else if (entry.isFile()) yield name;
      }
    }
  }

  async isThere(file: string): Promise<boolean> {
    const found = await fs.promises.lstat(path.join(this.folder, file)).catch(() => undefined);
    return found?.isFile() === true;
  }

  async digest(file: string): Promise<{ readonly size: number; readonly sha256: string }> {
    const { bytes: size, sha256 } = await digestOf(path.join(this.folder, file));
    return { size, sha256 };
  }

  /** What is not the file that was noted is kept: somebody may have changed it on purpose. */
  async setAside(file: string): Promise<string | undefined> {
    const [from, to] = [path.join(this.folder, file), path.join(this.folder, NOT_ASKED_FOR, CHANGED, file)];
    try {
      if (fs.lstatSync(from, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
      makeFolders(path.dirname(to), PRIVATE_FOLDER);
      // It may have been changed before, and brought anew since.
      let place = to;
      for (let n = 2; fs.lstatSync(place, { throwIfNoEntry: false }) !== undefined; n++) place = `${to}.${n}`;
      fs.renameSync(from, place);
      return path.relative(this.folder, place).replaceAll(path.sep, '/');
    } catch (error) {
      throw writeFailure(to, error);
    }
  }

  async freeSpace(): Promise<number> {
    const { bavail, bsize } = await fs.promises.statfs(this.folder);
    return bavail * bsize;
  }

  /**
   * Makes the zip of a subject that is whole, and removes its folder (subject-zip.ts). @param expected what it has to hold
   * @param options `reserve`: bytes that are to stay free. Throws `zip-failed`.
   */
  async zip(
    subject: string,
    expected: Iterable<ExpectedFile>,
    { signal, reserve }: { readonly signal: AbortSignal; readonly reserve: number },
  ): Promise<void> {
    this.zips.delete(subject);
    try {
      await zipSubject(this.folder, subject, expected, {
        signal,
        usable: async () => (await this.freeSpace()) - reserve,
      });
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
          // Unlike write it writes all of it, or throws.
          await handle.appendFile(block);
          block = '';
        }
        await handle.appendFile(block);
        await handle.sync();
      } finally {
        await handle.close();
      }
      fs.renameSync(temporary, file);
      syncFolderNow(this.folder);
    } catch (error) {
      throw writeFailure(file, error);
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
    const reason = `${(error as Error).message.replace(/\.$/, '')}; what it held is brought anew when it is removed`;
    throw ditagError('cannot-read', { path: file, reason }, error);
  }
  try {
    for await (const { fileName, uncompressedSize } of zip.eachEntry()) sizes.set(fileName, uncompressedSize);
  } finally {
    zip.close();
  }
  return sizes;
}
