// The zip of one subject of a download, in place of the subject's folder, which goes only when all that it holds is in the
// zip and has been read back from it. How files and entries are read: verify-download.ts.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import { lstat, readdir, rename, rm, rmdir, unlink } from 'node:fs/promises';
import { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Entry, ZipFile as OpenZip } from 'yauzl';
import { type Options, ZipFile } from 'yazl';
import { failureCode, isCallFailure } from '../../core/ports/archive-files.ts';
import { PRIVATE_FILE } from './instance-store-calls.ts';
import { syncFolderNow } from './store-folders.ts';
import {
  type Content,
  contentOf,
  type ExpectedFile,
  openZip,
  readEntry,
  readFile,
  undefinedIfMissing,
  ZipFailed,
} from './verify-download.ts';

/** Bytes that are written at a time. */
const BLOCK = 1024 * 1024;
/** A file of more bytes is streamed. One of fewer is in memory for a moment: its header can then tell size and CRC, which readers need that do not seek. */
const LARGEST_IN_MEMORY = 32 * 1024 * 1024;
/**
 * Stored. Deflate makes CT, MR and RT images 1.2 to 2.2 times smaller, and compressed ones not at all, but at 25 to 45
 * MB/s a core (level 1; level 6: 9 to 40, for some per cent more), which is slower than they came.
 */
const STORED: Partial<Options> = { compress: false, mode: 0o100_000 | PRIVATE_FILE };

export { ZipFailed };

type Contents = Map<string, Content>;

/** What goes into the zip under `path`. */
interface Source {
  readonly path: string;
  readonly size: number;
  readonly mtime: Date;
  read(): AsyncIterable<Buffer>;
}

interface FileSource extends Source {
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
 * is kept where it holds all that; else a new one is made of it and the folder, whose files come first. `onBytes` is told
 * of the bytes that were taken into the zip. Throws ZipFailed, and the signal's reason.
 */
export async function zipSubject(
  folder: string,
  subject: string,
  expected: Iterable<ExpectedFile>,
  signal: AbortSignal,
  onBytes: (bytes: number) => void = () => {},
): Promise<void> {
  if (!/^[^/\\\0]+$/.test(subject) || subject === '.' || subject === '..')
    throw new ZipFailed(`${JSON.stringify(subject)} cannot be the name of a folder and a zip.`);
  const zipPath = `${folder}/${subject}.zip`;
  const part = `${zipPath}.part`;
  let earlier: Earlier | undefined;
  try {
    await rm(part, { force: true });
    const wanted: Contents = new Map();
    for (const { path, size, sha256 } of expected) wanted.set(path, { size, sha256: sha256.toLowerCase() });
    const found = await findFiles(folder, subject);
    earlier = await readEarlier(zipPath, signal);
    assertAllThere(found.files, wanted, earlier);
    if ((await countNew(found.files, wanted, earlier, signal)) > 0) {
      const sources = [...found.files, ...entriesBeside(found.files, earlier)].sort(byPath);
      const written = await writeZip(part, sources, signal, onBytes);
      await assertWhole(part, written, wanted, signal);
      await rename(part, zipPath);
    }
    // Also where the process died after the renaming: only now is the name sure to stay.
    if (found.files.length > 0) syncFolderNow(folder);
    await removeFound(found, signal);
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    signal.throwIfAborted();
    if (!isCallFailure(error)) throw error;
    throw new ZipFailed(`The zip of ${subject} cannot be made: ${failureCode(error)}.`, { cause: error });
  } finally {
    earlier?.zip.close();
  }
}

function byPath(a: Source, b: Source): number {
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
        read: () => readFile(absolute),
      });
  }
}

function versionOf({ ino, size, mtimeNs }: fs.BigIntStats): string {
  return `${ino} ${size} ${mtimeNs}`;
}

async function readEarlier(path: string, signal: AbortSignal): Promise<Earlier | undefined> {
  const zip = await openZip(path).catch(undefinedIfMissing);
  if (zip === undefined) return undefined;
  const earlier: Earlier = { zip, entries: new Map() };
  try {
    for await (const entry of zip.eachEntry()) {
      const content = await contentOf(readEntry(zip, entry), signal).catch((error) => {
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
  signal: AbortSignal,
): Promise<number> {
  if (earlier === undefined) return files.length;
  let count = 0;
  for (const file of files) {
    const zipped = earlier.entries.get(file.path)?.content;
    if (zipped !== undefined && isSame(zipped, await contentOf(file.read(), signal))) continue;
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
    if (size !== content.size) throw new ZipFailed(`${path} has ${size} bytes instead of ${content.size}.`);
  }
  for (const [path, { content }] of earlier?.entries ?? [])
    if (content === undefined && !sizes.has(path)) throw new ZipFailed(`${path} is damaged in the zip.`);
}

function* entriesBeside(files: readonly FileSource[], earlier: Earlier | undefined): Generator<Source> {
  if (earlier === undefined) return;
  const { zip, entries } = earlier;
  const paths = new Set(files.map(({ path }) => path));
  for (const [path, { entry }] of entries) {
    if (paths.has(path) || path.endsWith('/')) continue;
    yield { path, size: entry.uncompressedSize, mtime: entry.getLastModDate(), read: () => readEntry(zip, entry) };
  }
}

/** Writes and syncs a zip, and tells what was put into it. One file is read at a time, when the disk has taken the one before it. */
async function writeZip(
  path: string,
  sources: readonly Source[],
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<Contents> {
  const zip = new ZipFile();
  const output = zip.outputStream;
  if (!(output instanceof Duplex)) throw new TypeError('yazl has another output stream.');
  zip.on('error', (error: Error) => output.destroy(error));
  const file = fs.createWriteStream(path, { flags: 'wx', mode: PRIVATE_FILE, flush: true, highWaterMark: BLOCK });
  const toDisk = pipeline(output, file, { signal });
  // It is waited for below; until then a failure is nobody's.
  toDisk.catch(() => {});
  const written: Contents = new Map();
  try {
    for (const source of sources) {
      const content = await addSource(zip, source, { toDisk, signal, onBytes });
      if (content.size !== source.size) throw new ZipFailed(`${source.path} changed while it was zipped.`);
      written.set(source.path, content);
      if (output.writableNeedDrain) await Promise.race([once(output, 'drain'), toDisk]);
    }
    zip.end();
  } catch (error) {
    output.destroy();
    // Of two failures the disk's is the first.
    await toDisk.catch((cause) => (isCallFailure(cause) ? Promise.reject(cause) : undefined));
    throw error;
  }
  await toDisk;
  return written;
}

interface Writing {
  readonly toDisk: Promise<void>;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

async function addSource(zip: ZipFile, source: Source, { toDisk, signal, onBytes }: Writing): Promise<Content> {
  const { path, size, mtime } = source;
  if (size <= LARGEST_IN_MEMORY) {
    const blocks: Buffer[] = [];
    const content = await contentOf(source.read(), signal, (block) => {
      blocks.push(block);
      onBytes(block.length);
    });
    zip.addBuffer(Buffer.concat(blocks), path, { ...STORED, mtime });
    return content;
  }
  return await new Promise((resolve, reject) => {
    const stream = Readable.from(passOn(source.read(), resolve, onBytes), { objectMode: false });
    stream.on('error', reject);
    toDisk.catch((error) => stream.destroy(error));
    zip.addReadStream(stream, path, { ...STORED, mtime, size });
  });
}

async function* passOn(
  blocks: AsyncIterable<Buffer>,
  onEnd: (content: Content) => void,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const block of blocks) {
    hash.update(block);
    size += block.length;
    onBytes(block.length);
    yield block;
  }
  onEnd({ size, sha256: hash.digest('hex') });
}

/** Reads a zip back: it holds what was put into it, all that is wanted, and nothing else. */
async function assertWhole(path: string, written: Contents, wanted: Contents, signal: AbortSignal): Promise<void> {
  const zip = await openZip(path);
  const missing = new Set([...written.keys(), ...wanted.keys()]);
  try {
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName;
      const content = await contentOf(readEntry(zip, entry), signal);
      if (!missing.delete(name)) throw new ZipFailed(`The zip has an entry ${name} too many.`);
      if (!isSame(content, written.get(name))) throw new ZipFailed(`${name} is not in the zip as it was written.`);
      if (wanted.has(name) && !isSame(content, wanted.get(name)))
        throw new ZipFailed(`${name} has another content than expected.`);
    }
  } finally {
    zip.close();
  }
  for (const name of missing) throw new ZipFailed(`${name} is missing in the zip.`);
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
