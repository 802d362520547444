// Writing results: to a file that appears when it is whole, or to a stream whose reader may go away.
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { ditagError } from '../core/errors/errors.ts';

/** Thrown when the reader of a stream went away (`| head`): the command ends at once, successfully. */
export class ReaderGone extends Error {}

export interface Output {
  write(data: Uint8Array | string): Promise<void>;
  /** Everything is written. */
  finish(): Promise<void>;
  /** Something failed: a file that was begun is removed. */
  abandon(): Promise<void>;
}

/** Output to a stream, no faster than it is read. */
export function streamOutput(stream: NodeJS.WritableStream): Output {
  let gone = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    gone = true;
  });
  const check = () => {
    if (gone) throw new ReaderGone();
  };
  return {
    write: async (data) => {
      check();
      if (stream.write(data) === false)
        await Promise.race([once(stream, 'drain'), once(stream, 'close')]).catch(() => {});
      check();
    },
    finish: async () => {
      await new Promise<void>((resolve) => stream.write('', () => resolve()));
      check();
    },
    abandon: async () => {},
  };
}

/** Output to a file, readable by its owner only: rows are patient data. Throws `cannot-write`. */
export function fileOutput(file: string): Output {
  const temporary = path.join(path.dirname(path.resolve(file)), `.${path.basename(file)}.${process.pid}.tmp`);
  const wrap = (error: unknown) => ditagError('cannot-write', { path: file, reason: (error as Error).message }, error);
  let handle: number;
  try {
    handle = fs.openSync(temporary, 'wx', 0o600);
  } catch (error) {
    throw wrap(error);
  }
  return {
    write: async (data) => {
      try {
        fs.writeSync(handle, typeof data === 'string' ? Buffer.from(data) : data);
      } catch (error) {
        throw wrap(error);
      }
    },
    finish: async () => {
      try {
        fs.fsyncSync(handle);
        fs.closeSync(handle);
        fs.renameSync(temporary, file);
      } catch (error) {
        throw wrap(error);
      }
    },
    abandon: async () => {
      fs.closeSync(handle);
      fs.rmSync(temporary, { force: true });
    },
  };
}
