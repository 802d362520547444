// The calls of node:fs that the instance store makes, as promises, and what it does with the bytes of open files. A file
// is its descriptor.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { StoreError } from '../../core/ports/instance-store.ts';

export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;
/** Bytes. */
const COMPARED_AT_A_TIME = 128 * 1024;

/** The result of one call of node:fs. */
export function call<T = void>(make: (done: (error: Error | null, result?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    make((error, result) => (error ? reject(error) : resolve(result as T)));
  });
}

export function read(file: number, buffer: Buffer, offset: number, length: number, position: number): Promise<number> {
  return call((done) => fs.read(file, buffer, offset, length, position, done));
}

/** Makes a call by `atOnce`, in this thread, or by `inPool`, which are the same call. Rejects with the error of node:fs. */
export type MakeCall = <T>(atOnce: () => T, inPool: Parameters<typeof call<T>>[0]) => Promise<T>;

/** Always in the thread pool. */
export const inPool: MakeCall = (_, make) => call(make);

export async function writeAll(
  file: number,
  pieces: readonly Buffer[],
  bytes: number,
  make: MakeCall = inPool,
): Promise<void> {
  let rest = pieces;
  for (let left = bytes; left > 0; ) {
    const written = await make<number>(
      () => fs.writevSync(file, rest),
      (done) => fs.writev(file, rest, done),
    );
    left -= written;
    if (left > 0) rest = unwritten(rest, written);
  }
}

/** As `writeAll`, in this thread. */
export function writeAllNow(file: number, pieces: readonly Buffer[], bytes: number): void {
  let rest = pieces;
  for (let left = bytes; left > 0; ) {
    const written = fs.writevSync(file, rest);
    left -= written;
    if (left > 0) rest = unwritten(rest, written);
  }
}

/** A disk that is nearly full takes a part. */
function unwritten(pieces: readonly Buffer[], written: number): Buffer[] {
  let whole = 0;
  let part = written;
  while (part >= pieces[whole]!.length) part -= pieces[whole++]!.length;
  return [pieces[whole]!.subarray(part), ...pieces.slice(whole + 1)];
}

export async function digestFrom(file: number, start: number, end: number): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(COMPARED_AT_A_TIME);
  for (let at = start; at < end; ) {
    const count = await read(file, buffer, 0, Math.min(buffer.length, end - at), at);
    if (count === 0) throw new StoreError('failed', 'The file became shorter.');
    hash.update(buffer.subarray(0, count));
    at += count;
  }
  return hash.digest('hex');
}

/** Size and SHA-256 of a whole file. */
export async function digestOf(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const flags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW;
  const file = await call<number>((done) => fs.open(path, flags, done));
  try {
    const { size: bytes } = await call<fs.Stats>((done) => fs.fstat(file, done));
    return { bytes, sha256: await digestFrom(file, 0, bytes) };
  } finally {
    await call((done) => fs.close(file, done));
  }
}

export async function haveSameBytes(
  a: number,
  startA: number,
  b: number,
  startB: number,
  length: number,
): Promise<boolean> {
  const [bytesA, bytesB] = [Buffer.allocUnsafe(COMPARED_AT_A_TIME), Buffer.allocUnsafe(COMPARED_AT_A_TIME)];
  for (let at = 0; at < length; ) {
    const wanted = Math.min(COMPARED_AT_A_TIME, length - at);
    const [countA, countB] = await Promise.all([
      read(a, bytesA, 0, wanted, startA + at),
      read(b, bytesB, 0, wanted, startB + at),
    ]);
    const count = Math.min(countA, countB);
    if (count === 0 || bytesA.compare(bytesB, 0, count, 0, count) !== 0) return false;
    at += count;
  }
  return true;
}
