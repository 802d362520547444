// The port through which the files of instances are read whole, from archives and from what was received.

/** An open file. Positions and lengths in bytes. */
export interface InstanceFile {
  readonly size: number;
  /** Reads up to `length` bytes from `position` to the start of `buffer`. Gives how many there were, 0 at the end. */
  read(buffer: Uint8Array, length: number, position: number): Promise<number>;
  close(): Promise<void>;
}

export interface InstanceFiles {
  /** @param archive its name @param path byte path relative to its root. Rejects with the call's failure (`ENOENT` …). */
  open(archive: string, path: string): Promise<InstanceFile>;
}
