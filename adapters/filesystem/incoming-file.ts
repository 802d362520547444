// One instance on its way into the store: its bytes are gathered in blocks, written to a file of its own in `incoming`, and
// at the end the file is synced and named. Which instance it is: incoming-file-identity.ts; the name:
// instance-store-names.ts.
import { Buffer } from 'node:buffer';
import { createHash, type Hash } from 'node:crypto';
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
import { call, digestOf, type MakeCall, PRIVATE_FILE, read, writeAll, writeAllNow } from './instance-store-calls.ts';
import { nameInstance, type Place } from './instance-store-names.ts';
import type { QuickCalls } from './quick-calls.ts';
import type { StoreFolders } from './store-folders.ts';

/** Bytes that are gathered before they are written; fewer only at the end. Of 128 kB and more a write takes half as long again. */
const BLOCK = 64 * 1024;
/** So many bytes that a block lacks, or more, go to a quick disk behind it as they have come, uncopied. */
const LEAST_UNCOPIED = 16 * 1024;
/** Blocks are kept for the next instance: made anew each time they would cost more than what they are for. */
const idleBlocks: Buffer[] = [];
const MOST_IDLE = 256;
/** After so many bytes the disk is asked to have them, while more come. */
const EARLY_SYNC = 1024 * 1024;
/** More bytes of one file than this do not wait for the disk. */
const MOST_WAITING = 1024 * 1024;
const NEW_FILE = fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL;

/** What a file needs of its store. */
export interface Surroundings {
  readonly sync: boolean;
  readonly folders: StoreFolders;
  readonly identities: IdentityReader;
  /** How calls on its files are made, but for those that wait for the disk. */
  readonly make: MakeCall;
  /** Says when calls are quicker made in this thread; undefined where they never are. */
  readonly quick: QuickCalls | undefined;
  readonly place: Place;
  /** Whether the SHA-256 of each file is wanted. */
  readonly isHashed: boolean;
}

/**
 * What comes is copied into a block, so that nothing of the connection's is held; where the disk is quick, what fills a
 * block up is written as it has come. Full blocks wait in `pending` for a disk that is not. After `commit` or `discard` it
 * is ended: further bytes are dropped. An error of the disk is kept in `failure` until `commit` tells it; bytes are dropped
 * then too, as the peer will send them to their end.
 */
export class Incoming implements IncomingFile {
  private readonly around: Surroundings;
  private readonly temporary: string;
  private readonly arriving: ArrivingInstance;
  private readonly onEnd: (error: unknown) => void;
  /** The first block, which stays to the end: the file meta, and what tells which instance it is. */
  private head: Buffer | undefined;
  private headLength = 0;
  /** The block that is being filled. */
  private block: Buffer | undefined;
  private blockLength = 0;
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private readonly hash: Hash | undefined;
  private bytes = 0;
  private dataSetStart = 0;
  private file: number | undefined;
  private writing: Promise<void> | undefined;
  private writingBytes = 0;
  private syncing: Promise<void> | undefined;
  /** Bytes that were written since a sync began. */
  private unsynced = 0;
  private failure: StoreError | undefined;
  private ended: Promise<unknown> | undefined;
  private waiting: (() => void)[] = [];

  constructor(around: Surroundings, temporary: string, arriving: ArrivingInstance, onEnd: (error: unknown) => void) {
    this.around = around;
    this.temporary = temporary;
    this.arriving = arriving;
    this.onEnd = onEnd;
    this.failure = uidFailure(arriving);
    this.hash = around.isHashed ? createHash('sha256') : undefined;
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
    const committed = this.store();
    committed.then(
      () => this.onEnd(undefined),
      (error: StoreError) => this.onEnd(error.cause),
    );
    this.ended = committed;
    return committed;
  }

  async discard(): Promise<void> {
    this.ended ??= this.remove().finally(() => this.onEnd(undefined));
    await this.ended.catch(() => {});
  }

  private get isBehind(): boolean {
    // What has failed waits for nothing: the rest is dropped.
    if (this.failure !== undefined) return false;
    return this.pendingBytes + this.writingBytes > MOST_WAITING;
  }

  private take(bytes: Buffer): void {
    this.hash?.update(bytes);
    this.bytes += bytes.length;
    let at = 0;
    // What is written is whole blocks even so: other lengths cost the page cache more than the copying does.
    const missing = BLOCK - this.blockLength;
    if (this.headLength === BLOCK && bytes.length >= missing && missing >= LEAST_UNCOPIED && this.isNow) {
      this.endBlock();
      this.writeNow(bytes.subarray(0, missing));
      if (this.failure !== undefined) return;
      at = missing;
    }
    this.pendingBytes += bytes.length - at;
    while (at < bytes.length) {
      this.block ??= idleBlocks.pop() ?? Buffer.allocUnsafeSlow(BLOCK);
      this.head ??= this.block;
      const copied = bytes.copy(this.block, this.blockLength, at);
      at += copied;
      this.blockLength += copied;
      if (this.block === this.head) this.headLength = this.blockLength;
      if (this.blockLength === BLOCK) this.endBlock();
    }
  }

  private endBlock(): void {
    if (this.block === undefined) return;
    this.pending.push(this.block.subarray(0, this.blockLength));
    this.block = undefined;
    this.blockLength = 0;
  }

  private writeIfMany(): void {
    if (this.pending.length === 0) return;
    if (this.isNow) this.writeNow();
    else this.writing ??= this.writePending();
  }

  /** Is what is to be written next to be written in this thread? */
  private get isNow(): boolean {
    return this.writing === undefined && this.around.quick?.isQuick === true;
  }

  /** Writes what waits, and then `bytes`. */
  private writeNow(bytes?: Buffer): void {
    const blocks = this.pending;
    this.pending = [];
    const waited = lengthOf(blocks);
    this.pendingBytes -= waited;
    const pieces = bytes === undefined ? blocks : [...blocks, bytes];
    const length = waited + (bytes?.length ?? 0);
    try {
      this.around.quick!.timed(() => {
        this.file ??= fs.openSync(this.temporary, NEW_FILE, PRIVATE_FILE);
        writeAllNow(this.file, pieces, length);
      });
      this.syncIfMany(length);
    } catch (error) {
      this.writing = this.fail(error).finally(() => {
        this.writing = undefined;
      });
    }
    this.giveBack(blocks);
  }

  private async writePending(): Promise<void> {
    const blocks = this.pending;
    this.pending = [];
    this.writingBytes = lengthOf(blocks);
    this.pendingBytes -= this.writingBytes;
    try {
      const { make } = this.around;
      this.file ??= await make<number>(
        () => fs.openSync(this.temporary, NEW_FILE, PRIVATE_FILE),
        (done) => fs.open(this.temporary, NEW_FILE, PRIVATE_FILE, done),
      );
      await writeAll(this.file, blocks, this.writingBytes, make);
      this.syncIfMany(this.writingBytes);
    } catch (error) {
      await this.fail(error);
    }
    this.giveBack(blocks);
    this.writingBytes = 0;
    this.writing = undefined;
    this.writeIfMany();
    if (this.isBehind) return;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private async fail(error: unknown): Promise<void> {
    this.failure ??= storeError(error);
    this.dropPending();
    // Its number is not given to another file while a sync by that number waits.
    await this.syncing;
    await this.removeTemporary();
  }

  /** Of a large file the disk has most when the last bytes come. What this sync says is told by the one at the end. */
  private syncIfMany(written: number): void {
    const { file } = this;
    this.unsynced += written;
    if (!this.around.sync || file === undefined || this.syncing !== undefined || this.unsynced < EARLY_SYNC) return;
    this.unsynced = 0;
    this.syncing = call((done) => fs.fdatasync(file, done))
      .catch((error) => {
        this.failure ??= storeError(error);
      })
      .finally(() => {
        this.syncing = undefined;
      });
  }

  /** The head stays. */
  private giveBack(blocks: readonly Buffer[]): void {
    for (const { buffer } of blocks)
      if (buffer !== this.head?.buffer && idleBlocks.length < MOST_IDLE) idleBlocks.push(Buffer.from(buffer));
  }

  private async store(): Promise<StoredInstance> {
    const { sync, folders, identities, place, make } = this.around;
    try {
      if (this.failure !== undefined) throw this.failure;
      // Of a small file all is in memory yet: what is refused never gets to the disk.
      const arrived = await identities.identityOf(this.arriving, this.bytes, this.read);
      const { identity } = arrived;
      await this.written();
      const { temporary, dataSetStart, bytes } = this;
      const file = this.file!;
      await this.syncing;
      if (this.failure !== undefined) throw this.failure;
      if (sync) await call((done) => fs.fdatasync(file, done));
      const unnamed = { file, temporary, dataSetStart, bytes };
      const named = await nameInstance(folders, unnamed, identity.SOPInstanceUID, await place(arrived), make);
      const { path, outcome } = named;
      const other = named.isOther === true ? { isOther: true } : {};
      await Promise.all([this.remove(), folders.sync(named.folder)]);
      if (this.hash === undefined) return { ...identity, path, bytes, outcome, ...other };
      // What was there before has the same data set, but perhaps another file meta.
      if (outcome === 'already-there')
        return { ...identity, path, outcome, ...other, ...(await digestOf(`${folders.archive}/${path}`)) };
      return { ...identity, path, bytes, outcome, ...other, sha256: this.hash.digest('hex') };
    } catch (error) {
      await this.remove();
      throw storeError(error);
    }
  }

  /** Resolves when all that came is handed to the disk. */
  private async written(): Promise<void> {
    this.endBlock();
    for (;;) {
      this.writeIfMany();
      if (this.writing === undefined) break;
      await this.writing;
    }
    if (this.failure !== undefined) throw this.failure;
  }

  private async remove(): Promise<void> {
    this.dropPending();
    await this.writing;
    await this.syncing;
    await this.removeTemporary();
    const { head } = this;
    this.head = undefined;
    this.headLength = 0;
    if (head !== undefined) this.giveBack([head]);
  }

  private dropPending(): void {
    this.endBlock();
    this.giveBack(this.pending);
    this.pending = [];
    this.pendingBytes = 0;
  }

  /** What cannot be removed is removed by the next process. */
  private async removeTemporary(): Promise<void> {
    const { file } = this;
    if (file === undefined) return;
    this.file = undefined;
    const { make } = this.around;
    await Promise.allSettled([
      make<void>(
        () => fs.closeSync(file),
        (done) => fs.close(file, done),
      ),
      make<void>(
        () => fs.unlinkSync(this.temporary),
        (done) => fs.unlink(this.temporary, done),
      ),
    ]);
  }

  /** Reads from what is in memory, else from the disk. */
  private readonly read = async (buffer: Buffer, offset: number, length: number, position: number): Promise<number> => {
    if (this.head !== undefined && position + length <= this.headLength)
      return this.head.copy(buffer, offset, position, position + length);
    await this.written();
    return read(this.file!, buffer, offset, length, position);
  };
}

function lengthOf(blocks: readonly Buffer[]): number {
  return blocks.reduce((sum, block) => sum + block.length, 0);
}

function storeError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = failureCode(error);
  const reason = code === 'ENOSPC' || code === 'EDQUOT' ? 'no-space' : 'failed';
  return new StoreError(reason, `The instance cannot be stored: ${code}.`, { cause: error });
}
