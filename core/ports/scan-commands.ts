// How a scan is asked for in a cluster: by the name of an archive, or by a path as a scanner has it mounted. One of the
// scanners that can see it looks whether it is there, and starts the scan.
import type { ArchiveIdentity } from './record-log.ts';

export interface StartScan {
  /** The id that the scan shall have, of whoever asks: asked for again, it is the same scan. */
  readonly scan: string;
  /** As typed. */
  readonly archive: string;
  readonly append: boolean;
  readonly acceptDeletions: boolean;
}

export interface StartedScan {
  readonly scan: string;
  readonly archive: ArchiveIdentity;
  readonly knownFiles: number;
}

/** The asking side. */
export interface ScanCommands {
  /** Throws what is wrong with the archive, `no-scanner`, `scanner-silent` and `scan-running`. */
  start(request: StartScan): Promise<StartedScan>;
  /** Names of the archives that the scanners see which run. */
  archives(): Promise<readonly string[]>;
}

/** The answering side. */
export interface ScanCommandSource {
  /** Lets `start` answer requests for an archive, by its name or the folder where it is mounted here. */
  serve(archive: string, folder: string, start: (request: StartScan) => Promise<StartedScan>): void;
  /** Answers what has come, and takes nothing more. */
  stop(): Promise<void>;
}
