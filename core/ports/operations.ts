// What can be started over HTTP: the commands of ditag, by what they need of whoever asks. Where they find files, folders
// and a PACS is not the asker's to say.
import type { ScanState } from '../jobs/scan-state.ts';
import type { ScanTally } from '../jobs/scan-tally.ts';

export type Operation =
  /** Looks at an archive again that is known, by its name. */
  | { readonly operation: 'index'; readonly archive: string; readonly acceptDeletions?: boolean }
  /** Looks for instances that lie in several files. */
  | { readonly operation: 'copies' }
  /** Sends series to the configured PACS. */
  | { readonly operation: 'send'; readonly series: readonly string[] }
  /** Asks the configured PACS for accession numbers, which are added to the project's. */
  | {
      readonly operation: 'project-index';
      readonly project: string;
      readonly accessions: readonly string[];
      readonly refresh?: boolean;
    }
  /** Downloads what a project expects. */
  | {
      readonly operation: 'project-download';
      readonly project: string;
      readonly method?: 'move' | 'get';
      readonly zip?: boolean;
    };

/** Why the signal of an operation has aborted. */
export const CANCELLED = 'cancelled';

/** Where an operation stands. */
export interface OperationProgress {
  readonly step: string;
  /** Part of the step that is done, 0 to 1. */
  readonly done: number;
  readonly text: string;
}

export interface OperationWatch {
  /** A sentence of the operation. */
  readonly onLine: (line: string) => void;
  readonly onProgress: (progress: OperationProgress) => void;
  /** Told before the operation begins: the file that gets what becomes of each instance (`ditag send --results`, `ditag copies`). */
  readonly onResults: (file: string) => void;
  /** Aborts with {@link CANCELLED} where somebody wants its end; else the server ends, and work of a cluster goes on. */
  readonly signal: AbortSignal;
}

/** 0 all was done, 1 something is missing or failed, 130 it was ended before. */
export type OperationEnd = 0 | 1 | 2 | 130;

/** What a cluster does, whoever asked for it; of one machine nothing. */
export interface ClusterWork {
  readonly scans: readonly (ScanState & { readonly tally: ScanTally })[];
  readonly projects: readonly {
    readonly id: string;
    readonly project: string;
    readonly what: string;
    readonly startedAt: string;
  }[];
}

export interface Operations {
  /** Whether downloads have a place to go. */
  readonly canDownload: boolean;
  /** Where sends go, as `AE title at host:port`; undefined where no PACS is configured. */
  readonly pacs: string | undefined;
  /** Throws what is wrong with an operation before it is begun: `bad-option`, `bad-project-name`, `unknown-project`, `no-pacs`. */
  check(operation: Operation): Promise<void>;
  /** Runs one that was checked to its end. Throws what the command throws. */
  run(operation: Operation, watch: OperationWatch): Promise<OperationEnd>;
  /** Names, ascending. */
  projects(): Promise<readonly string[]>;
  /** What `ditag project report` prints. Throws `unknown-project`, `bad-project-name`. */
  report(project: string, format: 'text' | 'json' | 'csv'): Promise<string>;
  clusterWork(): Promise<ClusterWork>;
  /** Ends work of the cluster. False where none of this id is under way. */
  cancel(id: string): Promise<boolean>;
  /** Called when everything that was started has ended. */
  close(): Promise<void>;
}
