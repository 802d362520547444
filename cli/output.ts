// Writing results: to a file that appears when it is whole, or to a stream whose reader may go away.
import fs from 'node:fs';
import path from 'node:path';
import { writeFailure } from '../core/errors/file-failure.ts';

/** Thrown when the reader of a stream went away (`| head`): the command ends at once, successfully. */
export class ReaderGone extends Error {}

export interface Output {
  write(data: Uint8Array | string): Promise<void>;
  /** Everything is written. */
  finish(): Promise<void>;
  /** Something failed: a file that was begun is removed. */
  abandon(): Promise<void>;
}

/** Output to a stream, no faster than it is read. Throws ReaderGone, `cannot-write` and `no-room`. */
export function streamOutput(stream: NodeJS.WritableStream & { readonly fd?: number }): Output {
  if (stream.fd !== undefined && fs.fstatSync(stream.fd).isFile()) return redirectedOutput(stream.fd);
  let failure: Error | undefined;
  let goOn: (() => void) | undefined;
  const wake = () => {
    goOn?.();
    goOn = undefined;
  };
  stream.on('drain', wake);
  stream.on('close', wake);
  stream.on('error', (error: NodeJS.ErrnoException) => {
    failure ??= error.code === 'EPIPE' ? new ReaderGone() : writeFailure('standard output', error);
    wake();
  });
  const check = () => {
    if (failure !== undefined) throw failure;
  };
  return {
    write: async (data) => {
      check();
      if (stream.write(data) === false && failure === undefined) {
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
      }
      check();
    },
    finish: async () => {
      await new Promise<void>((resolve) => stream.write('', () => resolve()));
      check();
    },
    abandon: async () => {},
  };
}

/**
 * Output to a file that the shell has opened. The stream that Node.js makes of it takes a disk that takes only the
 * beginning of what is written for one that took all.
 */
function redirectedOutput(descriptor: number): Output {
  const failing = <T>(call: () => T): T => {
    try {
      return call();
    } catch (error) {
      throw writeFailure('standard output', error);
    }
  };
  return {
    write: async (data) => failing(() => writeWhole(descriptor, data)),
    // Some file servers say only here that there was no room.
    finish: async () => failing(() => fs.fsyncSync(descriptor)),
    abandon: async () => {},
  };
}

function writeWhole(descriptor: number, data: Uint8Array | string): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(descriptor, bytes, at);
}

/** Output to a file, readable by its owner only: rows are patient data. Throws as `streamOutput`. */
export function fileOutput(named: string): Output {
  let file = named;
  try {
    if (file === '') throw new Error('it has no name');
    const there = fs.statSync(file, { throwIfNoEntry: false });
    // A link stays one, also where it leads to nothing yet.
    if (there?.isFile()) file = fs.realpathSync(file);
    else if (there === undefined && fs.lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink())
      return fileOutput(path.resolve(path.dirname(file), fs.readlinkSync(file)));
    // A pipe or a device is written to as it stands; only a file can be replaced when the new one is whole.
    if (there !== undefined && !there.isFile() && !there.isDirectory()) return new OpenFile(file, file, 'w');
    if (there?.isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' });
    const temporary = path.join(
      path.dirname(path.resolve(file)),
      `.${path.basename(file)}.${process.pid}-${Date.now()}.tmp`,
    );
    return new OpenFile(file, temporary, 'wx');
  } catch (error) {
    throw writeFailure(named === '' ? 'a file' : named, error);
  }
}

/** Whether `fileOutput` could write there, found out without leaving anything. Throws `cannot-write`, `no-room`. */
export async function tryFileOutput(named: string): Promise<void> {
  const there = named === '' ? undefined : fs.statSync(named, { throwIfNoEntry: false });
  // A pipe that is opened and closed has told its reader the end.
  if (there === undefined || there.isFile() || there.isDirectory()) await fileOutput(named).abandon();
}

class OpenFile implements Output {
  private readonly file: string;
  private readonly written: string;
  private handle: number | undefined;

  constructor(file: string, written: string, flags: 'w' | 'wx') {
    this.file = file;
    this.written = written;
    this.handle = fs.openSync(written, flags, 0o600);
  }

  async write(data: Uint8Array | string): Promise<void> {
    try {
      writeWhole(this.handle!, data);
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'EPIPE' ? new ReaderGone() : writeFailure(this.file, error);
    }
  }

  async finish(): Promise<void> {
    try {
      if (this.written !== this.file) fs.fsyncSync(this.handle!);
      this.close();
      if (this.written !== this.file) fs.renameSync(this.written, this.file);
    } catch (error) {
      throw writeFailure(this.file, error);
    }
  }

  async abandon(): Promise<void> {
    this.close();
    if (this.written !== this.file) fs.rmSync(this.written, { force: true });
  }

  private close(): void {
    if (this.handle !== undefined) fs.closeSync(this.handle);
    this.handle = undefined;
  }
}
