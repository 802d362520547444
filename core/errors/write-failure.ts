// What to tell where something cannot be written: a disk without room is another thing than a place where nothing may be written.
import { type DitagError, ditagError } from './errors.ts';

const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** `no-room` or `cannot-write`. @param error of node:fs */
export function writeFailure(path: string, error: unknown): DitagError {
  const { code, message } = error as NodeJS.ErrnoException;
  return NO_ROOM.has(code)
    ? ditagError('no-room', { path }, error)
    : ditagError('cannot-write', { path, reason: message }, error);
}
