// The files of a download on disk, apart from taking new ones (instance-store.ts).
import type { StoredInstance } from './instance-store.ts';

/** `StudyInstanceUID` may be ''. */
export type SeriesIdentity = Pick<StoredInstance, 'StudyInstanceUID' | 'SeriesInstanceUID'>;

export interface DownloadFiles {
  /** Plain files in a folder (relative, with `/`), and what the subject's zip has in it, by name, with their size in bytes. */
  list(folder: string): Promise<ReadonlyMap<string, number>>;
  /** Of which series the file says that it is, if it is this instance; undefined where it is none, is cut, or is another one. */
  seriesOf(path: string, SOPInstanceUID: string): Promise<SeriesIdentity | undefined>;
  /** Paths of the files that lie where what was not asked for is kept. */
  notAskedFor(): AsyncIterable<string>;
  /** Whether there is a file of its own, and not in a zip. */
  isThere(path: string): Promise<boolean>;
  /** Reads a file whole. */
  digest(path: string): Promise<{ readonly size: number; readonly sha256: string }>;
  /** Moves a file to where what was not asked for is kept, and gives its path there; undefined where it is no file of its own. */
  setAside(path: string): Promise<string | undefined>;
  /** Bytes that are free for this user. */
  freeSpace(): Promise<number>;
}
