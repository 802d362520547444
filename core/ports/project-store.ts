// What is known of a project: its accession numbers with what the PACS says of them, and its downloads. When a promise
// resolves, what it was about outlives the process; a failure of the power may take the last of it, which is found again:
// at the PACS what it said, on disk what was received.
import type {
  AccessionAnswer,
  AccessionOutcome,
  ExpectedInstance,
  ExpectedSeries,
  Target,
  TargetState,
} from '../projects/expected.ts';
import type { ReceivedInstance } from '../projects/received.ts';

export interface ProjectTotals {
  readonly accessions: number;
  readonly outcomes: Readonly<Record<AccessionOutcome, number>>;
  readonly studies: number;
  readonly patients: number;
  readonly series: number;
  /** As `expectedCount` has it. */
  readonly instances: number;
}

export interface ProjectStore {
  /** Adds accession numbers that are not there yet; gives how many were new. */
  addTargets(targets: readonly Target[]): Promise<number>;
  /** Those that are to be asked for, in the order in which they came, failed ones last: open and failed ones, with `refresh` all but refused ones. */
  targetsToAsk(refresh: boolean): Promise<readonly Target[]>;
  /**
   * Keeps what the PACS said, in the place of what it said before, and gives what is kept: without series that another study of
   * the project has (core/projects/shared-series.ts).
   */
  keep(answer: AccessionAnswer): Promise<AccessionAnswer>;
  targets(): AsyncIterable<TargetState>;
  totals(): Promise<ProjectTotals>;
  /** Every series once, in the order of StudyInstanceUID and SeriesInstanceUID, with the first accession number that led to it. */
  series(): AsyncIterable<ExpectedSeries & { readonly accession: string }>;
  /** In the order of SOPInstanceUID. */
  instancesOf(SeriesInstanceUID: string): Promise<readonly ExpectedInstance[]>;
  /** The download into this folder, which is begun where it is not known. */
  download(folder: string): Promise<DownloadStore>;
  /** Folders of downloads, the newest first. */
  downloads(): Promise<readonly DownloadState[]>;
  close(): Promise<void>;
}

export interface DownloadState {
  readonly folder: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** When it was complete; undefined: it is not. */
  readonly completedAt: string | undefined;
  readonly received: number;
  readonly notAskedFor: number;
  readonly bytes: number;
}

/** In the place of a SeriesInstanceUID. */
export const WHOLE_DOWNLOAD = 'download';

/** What one download has received. */
export interface DownloadStore {
  /** ISO 8601. */
  readonly startedAt: string;
  /** The folder of each series of which something is noted as received, relative to that of the download; also of series that the project has no more. */
  begun(): Promise<ReadonlyMap<string, string>>;
  add(SeriesInstanceUID: string, received: ReceivedInstance): Promise<void>;
  addNotAskedFor(SeriesInstanceUID: string, received: ReceivedInstance): Promise<void>;
  /** Takes back what is not on disk any more. */
  remove(SeriesInstanceUID: string, SOPInstanceUID: string): Promise<void>;
  receivedOf(SeriesInstanceUID: string): Promise<readonly ReceivedInstance[]>;
  notAskedFor(): AsyncIterable<ReceivedInstance & { readonly SeriesInstanceUID: string }>;
  /** Keeps why the rest of a series is missing; '' forgets it. Of `WHOLE_DOWNLOAD`: why nothing can be downloaded. */
  setReason(SeriesInstanceUID: string, reason: string): Promise<void>;
  reasonOf(SeriesInstanceUID: string): Promise<string>;
  setComplete(isComplete: boolean): Promise<void>;
}
