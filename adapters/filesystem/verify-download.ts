// Reads a download: is each file what its manifest says, and which files are there. Paths of a manifest are not trusted,
// and no link is followed out of the download. The bytes of entries of zips: zip-files.ts.
import { Buffer } from 'node:buffer';
import { createHash, hash } from 'node:crypto';
import fs from 'node:fs';
import { opendir, realpath } from 'node:fs/promises';
import { failureCode, isCallFailure } from '../../core/ports/archive-files.ts';
import { isBelow } from '../../core/projects/relative-path.ts';
import { call, read } from './instance-store-calls.ts';
import { SubjectZips } from './subject-zips.ts';
import {
  BLOCK,
  type Content,
  contentOf,
  openZip,
  READ_WITHOUT_LINKS,
  undefinedIfMissing,
  ZipFailed,
} from './zip-files.ts';

const IN_PARALLEL = 8;
/** Folders whose place is remembered. */
const MOST_FOLDERS = 4096;

/** What is to be on the disk. */
export interface ExpectedFile extends Content {
  /** Relative to the folder of the download, with `/`. */
  readonly path: string;
}

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
    void underWay.shift();
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
      const content = await this.withBlock((block) =>
        contentOf(subject.zip.read(entry, block), this.signal, count),
      ).catch((error) => {
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

  private digest(file: number, size: number): Promise<string> {
    return this.withBlock(async (block) => {
      if (size <= BLOCK) return hash('sha256', await this.readBlock(file, block, size, 0));
      const whole = createHash('sha256');
      for (let at = 0; at < size; at += BLOCK)
        whole.update(await this.readBlock(file, block, Math.min(BLOCK, size - at), at));
      return whole.digest('hex');
    });
  }

  private async withBlock<T>(work: (block: Buffer) => Promise<T>): Promise<T> {
    const block = this.idleBlocks.pop() ?? Buffer.allocUnsafeSlow(BLOCK);
    try {
      return await work(block);
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
  if (!isBelow(path)) throw new Wrong('unreadable', 'Its path is not one below the download, and is not opened.');
}

function assertSize(size: number, expected: number): void {
  if (size !== expected) throw new Wrong('other-size', `It has ${size} bytes instead of ${expected}.`);
}

function assertDigest(sha256: string, expected: Content): void {
  if (sha256 !== expected.sha256.toLowerCase())
    throw new Wrong('other-content', `Its SHA-256 is ${sha256} instead of ${expected.sha256}.`);
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
