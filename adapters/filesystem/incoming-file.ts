// One instance on its way into the store: its pieces are collected, written to a file of its own in `incoming`, and at
// the end the file is synced and named. Which instance it is: incoming-file-identity.ts; the name:
// instance-store-names.ts.
import type { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { encodeFileMeta } from '../../core/dimse/file-meta.ts';
import { failureCode } from '../../core/ports/archive-files.ts';
import {
  type ArrivingInstance,
  type IncomingFile,
  type StoredInstance,
  StoreError,
} from '../../core/ports/instance-store.ts';
import { type IdentityReader, uidFailure } from './incoming-file-identity.ts';
import { call, PRIVATE_FILE, read, writeAll } from './instance-store-calls.ts';
import { nameInstance } from './instance-store-names.ts';
import type { StoreFolders } from './store-folders.ts';

/** Bytes, or pieces, that are collected before they are written; fewer only at the end. */
const WRITE_AT = 256 * 1024;
const MOST_PIECES = 1024;
/** More bytes of one file than this do not wait for the disk. */
const MOST_WAITING = 1024 * 1024;
/** Of a file that has been written to, so many bytes stay in memory for reading its identity. */
const HEAD = 64 * 1024;
const NEW_FILE = fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL;

/** What a file needs of its store. */
export interface Surroundings {
  readonly sync: boolean;
  readonly folders: StoreFolders;
  readonly identities: IdentityReader;
}

/**
 * Pieces wait in `pending`; `write` hands them over to the disk when they are many, one batch at a time. After `commit`
 * or `discard` it is ended: further pieces are dropped. An error of the disk is kept in `failure` until `commit` tells
 * it; pieces are dropped then too, as the peer will send them to their end.
 */
export class Incoming implements IncomingFile {
  private readonly around: Surroundings;
  private readonly temporary: string;
  private readonly arriving: ArrivingInstance;
  private readonly onEnd: () => void;
  /** Pieces of the start, the file meta first; the same array as `pending` until that is written. */
  private head: Buffer[] = [];
  private pending: Buffer[] = this.head;
  private pendingBytes = 0;
  private bytes = 0;
  private dataSetStart = 0;
  private file: number | undefined;
  private writing: Promise<void> | undefined;
  private writingBytes = 0;
  private failure: StoreError | undefined;
  private ended: Promise<unknown> | undefined;
  private waiting: (() => void)[] = [];

  constructor(around: Surroundings, temporary: string, arriving: ArrivingInstance, onEnd: () => void) {
    this.around = around;
    this.temporary = temporary;
    this.arriving = arriving;
    this.onEnd = onEnd;
    this.failure = uidFailure(arriving);
    if (this.failure !== undefined) return;
    const meta = encodeFileMeta(arriving);
    this.dataSetStart = meta.length;
    this.take(meta);
  }

  write(bytes: Buffer): boolean {
    if (this.ended !== undefined || this.failure !== undefined) return true;
    this.take(bytes);
    this.writeIfMany();
    return !this.isBehind;
  }

  drained(): Promise<void> {
    if (!this.isBehind) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  commit(): Promise<StoredInstance> {
    if (this.ended !== undefined) return Promise.reject(new StoreError('failed', 'The file has been given up.'));
    const committed = this.store().finally(this.onEnd);
    this.ended = committed;
    return committed;
  }

  async discard(): Promise<void> {
    this.ended ??= this.remove().finally(this.onEnd);
    await this.ended.catch(() => {});
  }

  private get isBehind(): boolean {
    return this.pendingBytes + this.writingBytes > MOST_WAITING;
  }

  private take(bytes: Buffer): void {
    this.pending.push(bytes);
    this.pendingBytes += bytes.length;
    this.bytes += bytes.length;
  }

  private writeIfMany(): void {
    if (this.pendingBytes >= WRITE_AT || this.pending.length >= MOST_PIECES) this.writing ??= this.writePending();
  }

  private async writePending(): Promise<void> {
    const pieces = this.pending;
    this.pending = [];
    if (pieces === this.head) this.head = startOf(pieces);
    this.writingBytes = this.pendingBytes;
    this.pendingBytes = 0;
    try {
      this.file ??= await call<number>((done) => fs.open(this.temporary, NEW_FILE, PRIVATE_FILE, done));
      await writeAll(this.file, pieces, this.writingBytes);
    } catch (error) {
      this.failure ??= storeError(error);
      this.dropPending();
      await this.removeTemporary();
    }
    this.writingBytes = 0;
    this.writing = undefined;
    this.writeIfMany();
    if (this.isBehind) return;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private async store(): Promise<StoredInstance> {
    const { sync, folders, identities } = this.around;
    try {
      if (this.failure !== undefined) throw this.failure;
      // Of a small file all is in memory yet: what is refused never gets to the disk.
      const identity = await identities.identityOf(this.arriving, this.bytes, this.read);
      await this.written();
      const { temporary, dataSetStart, bytes } = this;
      const file = this.file!;
      if (sync) await call((done) => fs.fdatasync(file, done));
      const { folder, path, outcome } = await nameInstance(folders, { file, temporary, dataSetStart, bytes }, identity);
      await Promise.all([this.remove(), folders.sync(folder)]);
      return { ...identity, path, bytes, outcome };
    } catch (error) {
      await this.remove();
      throw storeError(error);
    }
  }

  /** Resolves when all that came is handed to the disk. */
  private async written(): Promise<void> {
    while (this.writing !== undefined || this.pending.length > 0) await (this.writing ??= this.writePending());
    if (this.failure !== undefined) throw this.failure;
  }

  private async remove(): Promise<void> {
    this.dropPending();
    await this.writing;
    await this.removeTemporary();
  }

  private dropPending(): void {
    this.pending = [];
    this.pendingBytes = 0;
  }

  /** What cannot be removed is removed by the next process. */
  private async removeTemporary(): Promise<void> {
    const { file } = this;
    if (file === undefined) return;
    this.file = undefined;
    await Promise.allSettled([call((done) => fs.close(file, done)), call((done) => fs.unlink(this.temporary, done))]);
  }

  /** Reads from what is in memory, else from the disk. */
  private readonly read = async (buffer: Buffer, offset: number, length: number, position: number): Promise<number> => {
    const copied = copyPieces(this.head, position, buffer, offset, length);
    if (copied === length) return copied;
    await this.written();
    return read(this.file!, buffer, offset, length, position);
  };
}

function storeError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = failureCode(error);
  const reason = code === 'ENOSPC' || code === 'EDQUOT' ? 'no-space' : 'failed';
  return new StoreError(reason, `The instance cannot be stored: ${code}.`, { cause: error });
}

/** The pieces with the first HEAD bytes; fewer where they are many. */
function startOf(pieces: readonly Buffer[]): Buffer[] {
  let bytes = 0;
  let count = 0;
  while (count < pieces.length && bytes < HEAD) bytes += pieces[count++]!.length;
  return pieces.slice(0, count);
}

/** Copies what the pieces hold of `length` bytes from `position` on. Returns how many bytes that is. */
function copyPieces(
  pieces: readonly Buffer[],
  position: number,
  target: Buffer,
  offset: number,
  length: number,
): number {
  let start = 0;
  let copied = 0;
  for (const piece of pieces) {
    const from = position + copied - start;
    if (from < piece.length) copied += piece.copy(target, offset + copied, from, from + length - copied);
    if (copied === length) break;
    start += piece.length;
  }
  return copied;
}
