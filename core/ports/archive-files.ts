// The files of one archive, seen by the stages. A stage that reads is written once, as a task that yields the calls
// it needs; the adapter carries them out one after the other on a fast disk and many at a time on a slow mount.

/** How an entry of a folder is listed. */
export type EntryType = 'file' | 'folder' | 'link' | 'other' | 'unknown';

/** What a stat says. `mtime` in microseconds since 1970, not negative. */
export interface FileStatus {
  readonly type: EntryType;
  readonly size: number;
  readonly mtime: number;
}

/** One call. Paths are byte paths relative to the archive's root. A failed call is thrown into the task. */
export type FileCall =
  | { readonly call: 'list'; readonly path: string; readonly entry: (name: string, type: EntryType) => void }
  | { readonly call: 'stat'; readonly path: string }
  | { readonly call: 'open'; readonly path: string }
  | { readonly call: 'fstat'; readonly file: number }
  | {
      readonly call: 'read';
      readonly file: number;
      readonly buffer: Uint8Array;
      readonly offset: number;
      readonly length: number;
      readonly position: number;
    }
  | { readonly call: 'close'; readonly file: number };

/** What a call answers: an open file or a number of bytes, a status, or nothing. */
export type FileAnswer = number | FileStatus | undefined;

/** A piece of work on files. */
export type FileTask<T> = Generator<FileCall, T, FileAnswer>;

export interface ArchiveFiles {
  /** Runs one task to its end. */
  run<T>(task: FileTask<T>): Promise<T>;
  /** Runs all tasks, as many at a time as the mount rewards; they end in any order. Rejects with the first error that a task did not catch. */
  runAll(tasks: Iterable<FileTask<void>>): Promise<void>;
}

/** The code of a failed call (`ENOENT`, `EACCES` …), or its message where there is none. */
export function failureCode(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code ?? (error instanceof Error ? error.message : String(error));
}

/** Is it a call's failure, and not a fault of ours? */
export function isCallFailure(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
