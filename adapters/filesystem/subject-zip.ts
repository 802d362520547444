// The zip of one subject of a download, in place of the subject's folder, which goes only when all that it holds is in the
// zip and has been read back from it. How a zip is written and read: write-zip.ts, zip-files.ts.
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type fs from 'node:fs';
import { lstat, readdir, rename, rm, rmdir, unlink } from 'node:fs/promises';
import type { Entry } from 'yauzl';
import { failureCode, isCallFailure } from '../../core/ports/archive-files.ts';
import { syncFolderNow } from './store-folders.ts';
import type { ExpectedFile } from './verify-download.ts';
import { type WriteZipOptions, writeZip, type ZipSource } from './write-zip.ts';
import {
  BLOCK,
  type Content,
  contentOf,
  type OpenZip,
  openZip,
  readFile,
  undefinedIfMissing,
  ZipFailed,
} from './zip-files.ts';

export interface ZipSubjectOptions extends WriteZipOptions {
  /** Bytes that may be used; not looked at where it is not given. */
  readonly usable?: () => Promise<number>;
}

type Contents = Map<string, Content>;

interface FileSource extends ZipSource {
  /** Differs when the file was written or replaced. */
  readonly version: string;
}

/** What is below the subject's folder. */
interface Found {
  readonly files: FileSource[];
  /** Absolute paths, each before those in it. */
  readonly folders: string[];
}

/** An earlier zip of the subject. Of an entry that is damaged the content is undefined. */
interface Earlier {
  readonly zip: OpenZip;
  readonly entries: Map<string, { readonly entry: Entry; readonly content: Content | undefined }>;
}

/**
 * Makes `<folder>/<subject>.zip` of all files below `<folder>/<subject>/` and removes that folder. The zip gets its name
 * when it is on the disk, all of `expected` has been read back from it, and so has the rest of the folder. An earlier zip
 * is kept where it holds all that; else a new one is made of it and the folder, whose files come first. Where there is
 * only the zip, its directory is compared with `expected`, and no more is read. Throws ZipFailed, and the signal's reason.
 */
export async function zipSubject(
  folder: string,
  subject: string,
  expected: Iterable<ExpectedFile>,
  options: ZipSubjectOptions,
): Promise<void> {
  if (!/^(?![A-Za-z]:|\.\.?$)[^/\\\0]+$/.test(subject))
    throw new ZipFailed(`${JSON.stringify(subject)} cannot be the name of a folder and a zip.`);
  const { signal } = options;
  const zipPath = `${folder}/${subject}.zip`;
  // A name of its own: in a cluster another one may be at it that was taken for dead, and would rename this one's half.
  const part = `${zipPath}.${randomBytes(8).toString('hex')}.part`;
  const wanted: Contents = new Map();
  for (const { path, size, sha256 } of expected) wanted.set(path, { size, sha256: sha256.toLowerCase() });
  try {
    const found = await findFiles(folder, subject);
    if (found.files.length === 0) await assertListed(zipPath, wanted, signal);
    else {
      await removeParts(folder, subject);
      await zipFiles({ found, wanted, zipPath, part }, options);
      // Also where the process died after the renaming: only now is the name sure to stay.
      syncFolderNow(folder);
    }
    await removeFound(found, signal);
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    signal.throwIfAborted();
    if (await isMadeByAnother(folder, subject, wanted, signal)) return;
    if (!isCallFailure(error)) throw error;
    throw new ZipFailed(`The zip of ${subject} cannot be made: ${failureCode(error)}.`, { cause: error });
  }
}

/** Where this one was taken for dead: the other has read all back before the folder went. */
async function isMadeByAnother(
  folder: string,
  subject: string,
  wanted: Contents,
  signal: AbortSignal,
): Promise<boolean> {
  const isGone = async () => (await lstat(`${folder}/${subject}`).catch(undefinedIfMissing)) === undefined;
  try {
    if (!(await isGone())) return false;
    await assertListed(`${folder}/${subject}.zip`, wanted, signal);
    return true;
  } catch {
    return false;
  }
}

/** What others have left, or are at: those find that it is gone, and fail. */
async function removeParts(folder: string, subject: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const middle = name.startsWith(`${subject}.zip.`) ? name.slice(subject.length + 5) : '';
    if (middle === 'part' || /^[0-9a-f]{16}\.part$/.test(middle)) await rm(`${folder}/${name}`, { force: true });
  }
}

/** Content was compared before the folder went. */
async function assertListed(zipPath: string, wanted: Contents, signal: AbortSignal): Promise<void> {
  const missing = new Map(wanted);
  const zip = await openZip(zipPath).catch(undefinedIfMissing);
  try {
    for await (const { fileName, uncompressedSize } of zip?.eachEntry() ?? []) {
      signal.throwIfAborted();
      assertSize(fileName, uncompressedSize, wanted.get(fileName));
      missing.delete(fileName);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ZipFailed) throw error;
    throw new ZipFailed(`${zipPath} cannot be read: ${failureCode(error)}.`, { cause: error });
  } finally {
    zip?.close();
  }
  for (const path of missing.keys()) throw new ZipFailed(`${path} is expected and missing.`);
}

interface Zipping {
  readonly found: Found;
  readonly wanted: Contents;
  readonly zipPath: string;
  readonly part: string;
}

async function zipFiles({ found, wanted, zipPath, part }: Zipping, options: ZipSubjectOptions): Promise<void> {
  const { signal } = options;
  const room = Buffer.allocUnsafeSlow(BLOCK);
  const earlier = await readEarlier(zipPath, room, signal);
  try {
    assertAllThere(found.files, wanted, earlier);
    if ((await countNew(found.files, wanted, earlier, room, signal)) === 0) return;
    const sources = [...found.files, ...entriesBeside(found.files, earlier)].sort(byPath);
    const needed = sources.reduce((sum, { size }) => sum + size, 0);
    const usable = (await options.usable?.()) ?? Number.POSITIVE_INFINITY;
    if (needed > usable)
      throw new ZipFailed(`About ${megabytes(needed)} are needed for it, and ${megabytes(usable)} may be used.`);
    // What is expected is compared with that when it is read back.
    const digests = await writeZip(part, sources, (path) => !wanted.has(path), options);
    const contents: Contents = new Map(wanted);
    for (const { path, size } of sources) {
      const sha256 = digests.get(path);
      if (sha256 !== undefined) contents.set(path, { size, sha256 });
    }
    await assertWhole(part, contents, room, signal);
    await rename(part, zipPath);
  } finally {
    earlier?.zip.close();
  }
}

function megabytes(bytes: number): string {
  return `${Math.max(0, Math.ceil(bytes / 1e6))} MB`;
}

function byPath(a: ZipSource, b: ZipSource): number {
  return a.path < b.path ? -1 : 1;
}

async function findFiles(folder: string, subject: string): Promise<Found> {
  const found: Found = { files: [], folders: [] };
  const status = await lstat(`${folder}/${subject}`).catch(undefinedIfMissing);
  if (status?.isDirectory()) await findBelow(folder, subject, found);
  else if (status !== undefined) throw new ZipFailed(`${subject} is not a folder.`);
  return found;
}

async function findBelow(folder: string, path: string, found: Found): Promise<void> {
  found.folders.push(`${folder}/${path}`);
  for (const { name } of await readdir(`${folder}/${path}`, { withFileTypes: true })) {
    const below = `${path}/${name}`;
    const absolute = `${folder}/${below}`;
    const status = await lstat(absolute, { bigint: true });
    if (status.isDirectory()) await findBelow(folder, below, found);
    else if (!status.isFile())
      throw new ZipFailed(`${below} is a link or a special file, which does not go into a zip.`);
    else if (name.includes('\\')) throw new ZipFailed(`${below} has a backslash, which a zip cannot name.`);
    else
      found.files.push({
        path: below,
        size: Number(status.size),
        mtime: new Date(Number(status.mtimeMs)),
        version: versionOf(status),
        read: (room) => readFile(absolute, room),
      });
  }
}

function versionOf({ ino, size, mtimeNs }: fs.BigIntStats): string {
  return `${ino} ${size} ${mtimeNs}`;
}

async function readEarlier(path: string, room: Buffer, signal: AbortSignal): Promise<Earlier | undefined> {
  const zip = await openZip(path).catch(undefinedIfMissing);
  if (zip === undefined) return undefined;
  const earlier: Earlier = { zip, entries: new Map() };
  try {
    for await (const entry of zip.eachEntry()) {
      const content = await contentOf(zip.read(entry, room), signal).catch((error) => {
        signal.throwIfAborted();
        return isCallFailure(error) ? Promise.reject(error) : undefined;
      });
      earlier.entries.set(entry.fileName, { entry, content });
    }
  } catch (error) {
    zip.close();
    signal.throwIfAborted();
    throw new ZipFailed(`${path} cannot be read: ${failureCode(error)}.`, { cause: error });
  }
  return earlier;
}

/** How many of the files the earlier zip does not have with the same content. Of what is not wanted, nothing tells which of two contents is right. */
async function countNew(
  files: readonly FileSource[],
  wanted: Contents,
  earlier: Earlier | undefined,
  room: Buffer,
  signal: AbortSignal,
): Promise<number> {
  if (earlier === undefined) return files.length;
  let count = 0;
  for (const file of files) {
    const zipped = earlier.entries.get(file.path)?.content;
    if (zipped !== undefined && isSame(zipped, await contentOf(file.read(room), signal))) continue;
    if (zipped !== undefined && !wanted.has(file.path))
      throw new ZipFailed(`${file.path} has another content in the zip that is there already.`);
    count++;
  }
  return count;
}

/** What can be known before a new zip is written; the files' contents are checked in the zip. */
function assertAllThere(files: readonly FileSource[], wanted: Contents, earlier: Earlier | undefined): void {
  const sizes = new Map(files.map(({ path, size }) => [path, size]));
  for (const [path, content] of wanted) {
    const zipped = earlier?.entries.get(path)?.content;
    if (!sizes.has(path) && zipped !== undefined && !isSame(zipped, content))
      throw new ZipFailed(`${path} has another content in the zip than expected.`);
    const size = sizes.get(path) ?? zipped?.size;
    if (size === undefined) throw new ZipFailed(`${path} is expected and missing.`);
    assertSize(path, size, content);
  }
  for (const [path, { content }] of earlier?.entries ?? [])
    if (content === undefined && !sizes.has(path)) throw new ZipFailed(`${path} is damaged in the zip.`);
}

function assertSize(path: string, size: number, wanted: Content | undefined): void {
  if (wanted !== undefined && size !== wanted.size)
    throw new ZipFailed(`${path} has ${size} bytes instead of ${wanted.size}.`);
}

function* entriesBeside(files: readonly FileSource[], earlier: Earlier | undefined): Generator<ZipSource> {
  if (earlier === undefined) return;
  const { zip, entries } = earlier;
  const paths = new Set(files.map(({ path }) => path));
  for (const [path, { entry }] of entries) {
    if (paths.has(path) || path.endsWith('/')) continue;
    yield { path, size: entry.uncompressedSize, mtime: entry.getLastModDate(), read: (room) => zip.read(entry, room) };
  }
}

/** Reads a zip back: it holds `contents` and nothing else. */
async function assertWhole(path: string, contents: Contents, room: Buffer, signal: AbortSignal): Promise<void> {
  const zip = await openZip(path);
  const missing = new Map(contents);
  try {
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName;
      const right = missing.get(name);
      if (right === undefined) throw new ZipFailed(`The zip has an entry ${name} too many.`);
      missing.delete(name);
      if (!isSame(await contentOf(zip.read(entry, room), signal), right))
        throw new ZipFailed(`${name} has another content than expected.`);
    }
  } finally {
    zip.close();
  }
  for (const name of missing.keys()) throw new ZipFailed(`${name} is missing in the zip.`);
}

/** A file that came or changed since it was listed stays, and so does its folder. */
async function removeFound({ files, folders }: Found, signal: AbortSignal): Promise<void> {
  for (const { path, version } of files) {
    signal.throwIfAborted();
    const absolute = folders[0]! + path.slice(path.indexOf('/'));
    if (versionOf(await lstat(absolute, { bigint: true })) !== version)
      throw new ZipFailed(`${path} changed while it was zipped.`);
    await unlink(absolute);
  }
  for (const folder of folders.toReversed()) {
    await rmdir(folder).catch((error) => {
      if (failureCode(error) !== 'ENOTEMPTY') throw error;
      throw new ZipFailed(`${folder} got new files while it was zipped.`, { cause: error });
    });
  }
}

function isSame(a: Content, b: Content | undefined): boolean {
  return a.size === b?.size && a.sha256 === b.sha256;
}
