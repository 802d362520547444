// Reads a download: is each file what its manifest says, which files are there, and the bytes of files and of entries of
// subject zips. Paths of a manifest are not trusted, and no link is followed out of the download. How the zips are made:
// subject-zip.ts.
import { Buffer } from 'node:buffer';
import { createHash, hash } from 'node:crypto';
import fs from 'node:fs';
import { open, opendir, realpath } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { type Entry, fromFdPromise, type ZipFile } from 'yauzl';
import { failureCode, isCallFailure } from '../../core/ports/archive-files.ts';
import { call, read } from './instance-store-calls.ts';

// O_NONBLOCK: opening a named pipe that someone put there must not wait for a writer.
const READ_WITHOUT_LINKS = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
/** Bytes that are read at a time. */
const BLOCK = 1024 * 1024;
const IN_PARALLEL = 8;
/** Zips that stay open for the next entry, and the entries that are known of them. */
const MOST_ZIPS = 32;
const MOST_ZIP_ENTRIES = 200_000;
/** Folders whose place is remembered. */
const MOST_FOLDERS = 4096;

/** What is to be on the disk. */
export interface ExpectedFile {
  /** Relative to the folder of the download, with `/`. */
  readonly path: string;
  readonly size: number;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

export type Content = Omit<ExpectedFile, 'path'>;

export interface FileProblem {
  readonly path: string;
  readonly problem: 'missing' | 'other-size' | 'other-content' | 'unreadable';
  /** A sentence. */
  readonly detail: string;
}

export interface VerifyOptions {
  readonly signal: AbortSignal;
  /** Gets the files that are checked and the bytes that were read of them, since the start. */
  readonly onProgress?: (files: number, bytes: number) => void;
  /** Files that are checked at a time. */
  readonly parallel?: number;
}

/** Why a zip cannot be read or made. */
export class ZipFailed extends Error {}

/** What is wrong with one file. */
class Wrong extends Error {
  readonly problem: FileProblem['problem'];

  constructor(problem: FileProblem['problem'], detail: string) {
    super(detail);
    this.problem = problem;
  }
}

/**
 * Compares each entry with the file in `folder`, or with what `<subject>.zip` holds in its place. Yields what is not as it
 * should be, in the order of `entries`. Throws the signal's reason.
 */
export async function* verifyFiles(
  folder: string,
  entries: Iterable<ExpectedFile> | AsyncIterable<ExpectedFile>,
  { signal, onProgress, parallel = IN_PARALLEL }: VerifyOptions,
): AsyncGenerator<FileProblem> {
  // Also where the caller wants no more.
  const end = new AbortController();
  const checks = new Checks(folder, AbortSignal.any([signal, end.signal]), onProgress);
  const underWay: Promise<FileProblem | undefined>[] = [];
  const next = async () => {
    const problem = await underWay[0];
    underWay.shift();
    return problem;
  };
  try {
    for await (const entry of entries) {
      signal.throwIfAborted();
      const check = checks.check(entry);
      // It is waited for in its turn.
      check.catch(() => {});
      underWay.push(check);
      if (underWay.length < parallel) continue;
      const problem = await next();
      if (problem !== undefined) yield problem;
    }
    while (underWay.length > 0) {
      const problem = await next();
      if (problem !== undefined) yield problem;
    }
  } finally {
    end.abort();
    await Promise.allSettled(underWay);
    checks.close();
  }
}

class Checks {
  private readonly folder: string;
  private readonly signal: AbortSignal;
  private readonly onProgress: VerifyOptions['onProgress'];
  private readonly zips: SubjectZips;
  private readonly root: Promise<string>;
  private readonly folders = new Map<string, Promise<void>>();
  private readonly idleBlocks: Buffer[] = [];
  private files = 0;
  private bytes = 0;

  constructor(folder: string, signal: AbortSignal, onProgress: VerifyOptions['onProgress']) {
    this.folder = folder;
    this.signal = signal;
    this.onProgress = onProgress;
    this.zips = new SubjectZips(folder);
    this.root = realpath(folder);
    this.root.catch(() => {});
  }

  close(): void {
    this.zips.close();
  }

  async check(expected: ExpectedFile): Promise<FileProblem | undefined> {
    const { path } = expected;
    try {
      assertBelow(path);
      if (!(await this.checkFile(expected))) await this.checkZipped(expected);
      return undefined;
    } catch (error) {
      this.signal.throwIfAborted();
      if (error instanceof Wrong) return { path, problem: error.problem, detail: error.message };
      if (error instanceof ZipFailed) return { path, problem: 'unreadable', detail: error.message };
      if (!isCallFailure(error)) throw error;
      return { path, problem: 'unreadable', detail: `It cannot be read: ${failureCode(error)}.` };
    } finally {
      this.files++;
      this.onProgress?.(this.files, this.bytes);
    }
  }

  /** False where there is no such file. */
  private async checkFile({ path, ...expected }: ExpectedFile): Promise<boolean> {
    let file: number | undefined;
    try {
      await this.assertFolderInside(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
      file = await call<number>((done) => fs.open(`${this.folder}/${path}`, READ_WITHOUT_LINKS, done));
    } catch (error) {
      if (failureCode(error) === 'ELOOP') throw new Wrong('unreadable', 'It is a symbolic link.');
      undefinedIfMissing(error);
      return false;
    }
    try {
      const opened = file;
      const status = await call<fs.Stats>((done) => fs.fstat(opened, done));
      if (!status.isFile()) throw new Wrong('unreadable', 'It is not a file.');
      assertSize(status.size, expected.size);
      assertDigest(await this.digest(opened, status.size), expected);
      return true;
    } finally {
      const opened = file;
      await call((done) => fs.close(opened, done));
    }
  }

  private async checkZipped({ path, ...expected }: ExpectedFile): Promise<void> {
    await this.zips.use(path.slice(0, Math.max(0, path.indexOf('/'))), async (subject) => {
      const entry = subject?.entries.get(path);
      if (subject === undefined || entry === undefined)
        throw new Wrong('missing', `There is no such file${subject === undefined ? '' : ', nor is it in the zip'}.`);
      assertSize(entry.uncompressedSize, expected.size);
      const count = (block: Buffer) => this.count(block.length);
      const content = await contentOf(readEntry(subject.zip, entry), this.signal, count).catch((error) => {
        if (isCallFailure(error) || this.signal.aborted) throw error;
        throw new Wrong('other-content', `It is damaged in the zip: ${failureCode(error)}`);
      });
      assertDigest(content.sha256, expected);
    });
  }

  /** Also of folders that are not there: with their failure. */
  private assertFolderInside(folder: string): Promise<void> {
    let known = this.folders.get(folder);
    if (known === undefined) {
      if (this.folders.size >= MOST_FOLDERS) this.folders.clear();
      known = this.findFolder(folder);
      this.folders.set(folder, known);
    }
    return known;
  }

  private async findFolder(folder: string): Promise<void> {
    const [root, found] = await Promise.all([this.root, realpath(`${this.folder}/${folder}`)]);
    if (found !== root && !found.startsWith(root.endsWith('/') ? root : `${root}/`))
      throw new Wrong('unreadable', 'A symbolic link leads out of the download.');
  }

  private async digest(file: number, size: number): Promise<string> {
    const block = this.idleBlocks.pop() ?? Buffer.allocUnsafeSlow(BLOCK);
    try {
      if (size <= BLOCK) return hash('sha256', await this.readBlock(file, block, size, 0));
      const whole = createHash('sha256');
      for (let at = 0; at < size; at += BLOCK)
        whole.update(await this.readBlock(file, block, Math.min(BLOCK, size - at), at));
      return whole.digest('hex');
    } finally {
      this.idleBlocks.push(block);
    }
  }

  private async readBlock(file: number, block: Buffer, length: number, position: number): Promise<Buffer> {
    for (let done = 0; done < length; ) {
      this.signal.throwIfAborted();
      const count = await read(file, block, done, length - done, position + done);
      if (count === 0) throw new Wrong('other-size', 'It became shorter while it was read.');
      done += count;
    }
    this.count(length);
    return block.subarray(0, length);
  }

  private count(bytes: number): void {
    this.bytes += bytes;
    this.onProgress?.(this.files, this.bytes);
  }
}

function assertBelow(path: string): void {
  if (path.includes('\0') || path.includes('\\') || /^[A-Za-z]:/.test(path))
    throw new Wrong('unreadable', 'Its path has a backslash, a NUL or a drive, and is not opened.');
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..'))
    throw new Wrong('unreadable', 'Its path is not one below the download, and is not opened.');
}

function assertSize(size: number, expected: number): void {
  if (size !== expected) throw new Wrong('other-size', `It has ${size} bytes instead of ${expected}.`);
}

function assertDigest(sha256: string, expected: Content): void {
  if (sha256 !== expected.sha256.toLowerCase())
    throw new Wrong('other-content', `Its SHA-256 is ${sha256} instead of ${expected.sha256}.`);
}

interface SubjectEntries {
  readonly zip: ZipFile;
  readonly entries: ReadonlyMap<string, Entry>;
}

interface KeptZip {
  readonly opened: Promise<SubjectEntries | undefined>;
  users: number;
  entries: number;
}

/** The zips of subjects, opened when they are needed. Those used last stay open. */
class SubjectZips {
  private readonly folder: string;
  private readonly kept = new Map<string, KeptZip>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** `work` gets undefined where there is no zip. */
  async use(subject: string, work: (subject: SubjectEntries | undefined) => Promise<void>): Promise<void> {
    const zip = this.kept.get(subject) ?? { opened: this.open(subject), users: 0, entries: 0 };
    this.kept.delete(subject);
    this.kept.set(subject, zip);
    zip.users++;
    try {
      const opened = await zip.opened;
      zip.entries = opened?.entries.size ?? 0;
      await work(opened);
    } finally {
      zip.users--;
      this.closeSome();
    }
  }

  close(): void {
    for (const subject of this.kept.keys()) this.drop(subject);
  }

  private async open(subject: string): Promise<SubjectEntries | undefined> {
    const path = `${this.folder}/${subject}.zip`;
    const zip = subject === '' ? undefined : await openZip(path).catch(undefinedIfMissing);
    if (zip === undefined) return undefined;
    const entries = new Map<string, Entry>();
    try {
      for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
      return { zip, entries };
    } catch (error) {
      zip.close();
      throw new ZipFailed(`${path} cannot be read: ${failureCode(error)}`, { cause: error });
    }
  }

  private closeSome(): void {
    let entries = 0;
    for (const zip of this.kept.values()) entries += zip.entries;
    for (const [subject, zip] of this.kept) {
      // The one used last stays, however big.
      if ((this.kept.size <= MOST_ZIPS && entries <= MOST_ZIP_ENTRIES) || this.kept.size === 1) return;
      if (zip.users > 0) continue;
      entries -= zip.entries;
      this.drop(subject);
    }
  }

  private drop(subject: string): void {
    const zip = this.kept.get(subject);
    this.kept.delete(subject);
    zip?.opened.then((opened) => opened?.zip.close()).catch(() => {});
  }
}

/**
 * The paths of all that is in a download and is no folder, links included, in any order: for a subject zip those of its
 * entries. A zip that cannot be read or holds other things is listed itself. A file that is in its folder and in the zip
 * comes twice.
 */
export async function* listFiles(folder: string): AsyncGenerator<string> {
  yield* listBelow(folder, '');
}

async function* listBelow(folder: string, below: string): AsyncGenerator<string> {
  const entries = await opendir(`${folder}/${below}`);
  for await (const entry of entries) {
    const path = below + entry.name;
    if (entry.isDirectory()) yield* listBelow(folder, `${path}/`);
    else if (below === '' && entry.isFile() && path.endsWith('.zip')) yield* listZip(folder, path);
    else yield path;
  }
}

async function* listZip(folder: string, name: string): AsyncGenerator<string> {
  const subject = `${name.slice(0, -'.zip'.length)}/`;
  let isForeign = false;
  try {
    const zip = await openZip(`${folder}/${name}`);
    try {
      for await (const { fileName } of zip.eachEntry())
        if (!fileName.startsWith(subject)) isForeign = true;
        else if (!fileName.endsWith('/')) yield fileName;
    } finally {
      zip.close();
    }
  } catch {
    isForeign = true;
  }
  if (isForeign) yield name;
}

/** Opens a zip that is a file and not a link. Throws the failure of the call, or ZipFailed. */
export async function openZip(path: string): Promise<ZipFile> {
  const file = await call<number>((done) => fs.open(path, READ_WITHOUT_LINKS, done));
  try {
    return await fromFdPromise(file, { autoClose: false, strictFileNames: true });
  } catch (error) {
    await call((done) => fs.close(file, done));
    if (isCallFailure(error)) throw error;
    throw new ZipFailed(`${path} is not a zip: ${failureCode(error)}`, { cause: error });
  }
}

/** The bytes of an entry. Throws at its end where its CRC is another. */
export async function* readEntry(zip: ZipFile, entry: Entry): AsyncGenerator<Buffer> {
  let crc = 0;
  for await (const block of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) {
    crc = crc32(block, crc);
    yield block;
  }
  if (crc !== entry.crc32) throw new ZipFailed(`${entry.fileName} is damaged in the zip: its CRC-32 is wrong.`);
}

/** The bytes of a file that is no link. */
export async function* readFile(path: string): AsyncGenerator<Buffer> {
  await using file = await open(path, READ_WITHOUT_LINKS);
  for (;;) {
    const block = Buffer.allocUnsafe(BLOCK);
    const { bytesRead } = await file.read(block, 0, BLOCK);
    if (bytesRead === 0) return;
    yield block.subarray(0, bytesRead);
  }
}

export async function contentOf(
  blocks: AsyncIterable<Buffer>,
  signal: AbortSignal,
  onBlock: (block: Buffer) => void = () => {},
): Promise<Content> {
  const whole = createHash('sha256');
  let size = 0;
  for await (const block of blocks) {
    signal.throwIfAborted();
    whole.update(block);
    size += block.length;
    onBlock(block);
  }
  return { size, sha256: whole.digest('hex') };
}

export function undefinedIfMissing(error: unknown): undefined {
  const code = failureCode(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}
