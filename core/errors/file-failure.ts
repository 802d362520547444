// What to tell where a file or folder cannot be read or written: why, in words, and never with the text of Node.js, which
// names calls and repeats paths. A disk without room is another thing than a place where nothing may be written.
import { type DitagError, ditagError } from './errors.ts';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'the system does not permit it',
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of its path is not a folder',
  EISDIR: 'it is a folder',
  EEXIST: 'something is there already',
  ENOTEMPTY: 'the folder is not empty',
  EROFS: 'the file system is read-only',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'its name is too long for the file system',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open on this machine',
  EBUSY: 'something else uses it',
  ETXTBSY: 'it is a program that runs',
  EXDEV: 'parts of it lie on different file systems',
  EIO: 'input/output error',
  ESTALE: 'stale file handle, as after the mount was renewed',
  ENXIO: 'nothing is at the other end of it',
  ENODEV: 'the device is gone',
  ETIMEDOUT: 'the file server does not answer',
  EPIPE: 'what read it has ended',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EFBIG: 'it is larger than files may be here',
};
const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Why a call of node:fs failed, in words; the code where it is a rare one, and the message of what is no call. */
export function fileReason(error: unknown): string {
  const { code, message } = error as Partial<NodeJS.ErrnoException>;
  return code === undefined ? (message ?? String(error)) : (REASONS[code] ?? code);
}

/** `cannot-read`. @param error of node:fs */
export function readFailure(path: string, error: unknown): DitagError {
  return ditagError('cannot-read', { path, reason: fileReason(error) }, error);
}

/** `no-room` or `cannot-write`. @param error of node:fs */
export function writeFailure(path: string, error: unknown): DitagError {
  return NO_ROOM.has((error as NodeJS.ErrnoException).code)
    ? ditagError('no-room', { path }, error)
    : ditagError('cannot-write', { path, reason: fileReason(error) }, error);
}
