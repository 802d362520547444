// The files of a download on disk, apart from taking new ones (instance-store.ts).

export interface DownloadFiles {
  /** Plain files in a folder (relative, with `/`), by name, with their size in bytes; none where there is no folder. */
  list(folder: string): Promise<ReadonlyMap<string, number>>;
  /** Reads a file whole. */
  digest(path: string): Promise<{ readonly size: number; readonly sha256: string }>;
  /** Moves a file to where what was not asked for is kept, and gives its path there; undefined where it is no file of its own. */
  setAside(path: string): Promise<string | undefined>;
  /** Bytes that are free for this user. */
  freeSpace(): Promise<number>;
}
