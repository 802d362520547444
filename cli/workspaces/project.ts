// What the commands of a project work on, whichever mode they run in.
import type { Peer } from '../../adapters/dimse/connection.ts';
import type { CommandOptions, ProjectJob, ProjectLock } from '../../core/jobs/project-job.ts';
import type { StoreFailure } from '../../core/ports/instance-store.ts';
import type { ProjectStore } from '../../core/ports/project-store.ts';
import type { AccessionOutcome, Target } from '../../core/projects/expected.ts';
import type { TimeWindow } from '../../core/projects/time-window.ts';
import type { DownloadOutcome, DownloadProgress } from '../../core/stages/download-project.ts';
import type { ProjectChanges, ProjectSettings } from '../configuration/project-settings.ts';

export interface FindOptions {
  readonly targets: readonly Target[];
  readonly peer: Peer;
  /** Associations at a time. */
  readonly threads: number;
  readonly onAnswer: (answer: { readonly accession: string; readonly outcome: AccessionOutcome }) => void;
  readonly signal: AbortSignal;
}

/** Where the instances of a download come in. */
export type Receiving =
  | { readonly method: 'move'; readonly port: number; readonly acceptFrom: readonly string[] }
  | { readonly method: 'get' };

export interface ProjectDownloadOptions {
  readonly peer: Peer;
  readonly receiving: Receiving;
  /** In which the folder of the download is, or is to be. */
  readonly output: string;
  /** Series to be downloaded; undefined: all of the project. */
  readonly series: ReadonlySet<string> | undefined;
  readonly threads: number;
  readonly rounds: number;
  /** Milliseconds. */
  readonly patience: number;
  readonly window: TimeWindow | undefined;
  readonly onFolder: (folder: string, isContinued: boolean) => void;
  /** Series that were compared with what is on disk. */
  readonly onPrepared: (series: number, all: number) => void;
  readonly onProgress: (progress: DownloadProgress) => void;
  /** Something that the user should know, and that ends nothing. */
  readonly onWarning: (text: string) => void;
  /** What is under way is ended; the manifest is written all the same. */
  readonly signal: AbortSignal;
}

export interface ProjectDownloadOutcome extends DownloadOutcome {
  readonly folder: string;
  /** Whether the manifest was written. */
  readonly manifest: boolean;
  readonly expected: number;
  readonly received: number;
  readonly bytes: number;
  readonly notAskedFor: number;
  /** Instances that came and could not be stored, by the reason. */
  readonly notStored: ReadonlyMap<StoreFailure, number>;
  /** Callers that were refused, as `AE at address`. */
  readonly refusedCallers: readonly string[];
}

export interface ZipOptions {
  /** As the download's outcome has it. */
  readonly folder: string;
  /** As the download had them: gateways take the work from the PACS's queue. */
  readonly peer: Peer;
  readonly threads: number;
  readonly onSubject: (done: number, all: number) => void;
  readonly signal: AbortSignal;
}

export interface Project {
  readonly name: string;
  readonly store: ProjectStore;
  settings(): Promise<ProjectSettings>;
  change(changes: ProjectChanges): Promise<void>;
  /**
   * Keeps others from changing the project until it is disposed of. Throws `already-running`.
   * @param options those of the command, for whoever resumes it
   */
  lock(what: ProjectJob['what'], options: CommandOptions): Promise<ProjectLock>;
  /** Asks the PACS. Throws what `findAccessions` throws. */
  find(options: FindOptions): Promise<void>;
  /** Makes the project's index of what is known. */
  index(): Promise<void>;
  /** Downloads what is missing, and writes the manifest. Throws `cannot-listen`, `cannot-write`, `pacs-unreachable`. */
  download(options: ProjectDownloadOptions): Promise<ProjectDownloadOutcome>;
  /** Makes a zip of each subject whose instances are all there. Gives why some have none. Throws `gateways-gone`. */
  zip(options: ZipOptions): Promise<readonly string[]>;
  /** Writes `NAME_report.txt` beside the project's other files. */
  writeReport(text: string): void;
  close(): Promise<void>;
}
