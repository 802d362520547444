// What the end of a scan asks of a cluster's index: that everything written shows in answers, and what it holds then.
import type { Chunk } from './scan-ledger.ts';

/** What the index holds of one archive; all zero for one that is not in it. */
export interface ArchiveTotals {
  readonly files: number;
  readonly instances: number;
  readonly series: number;
  readonly studies: number;
  readonly skipped: Readonly<Record<string, number>>;
}

/** Instances of a series in one chunk. */
export interface ChunkInstances {
  readonly SeriesInstanceUID: string;
  readonly folder: string;
  readonly chunk: Chunk;
  readonly SOPInstanceUIDs: readonly string[];
}

export interface PublishedIndex {
  /** Resolves when all that was put into the index before shows in answers. */
  refresh(): Promise<void>;
  totals(archive: string): Promise<ArchiveTotals>;
  /** Where the instances of some series stand in an archive. */
  instances(archive: string, series: readonly string[]): Promise<readonly ChunkInstances[]>;
}
