// What a cluster knows of its scans and archives: where each scan stands, what it has found so far, and what it holds
// back until its end: entries by which something would leave the index (docs/architecture.md, "Much is gone at once").
import type { ScanState } from '../jobs/scan-state.ts';
import type { ScanTally } from '../jobs/scan-tally.ts';
import type { ArchiveIdentity, LogEntry } from './record-log.ts';

/** An entry that waits for the end of the scan, or a known folder that is gone with all below it. */
export type HeldChange =
  | { readonly held: 'entry'; readonly entry: LogEntry; readonly expected: number; readonly lost: number }
  | { readonly held: 'folder-gone'; readonly folder: string };

/** A scan's state, and what tells whether it was changed meanwhile. */
export interface KnownScan {
  readonly state: ScanState;
  readonly revision: number;
  /** Milliseconds since 1970, by the clock of the registry. */
  readonly changedAt: number;
}

export interface ScanRegistry {
  /** The archive of this name, which is given a number when it is named first. */
  archive(name: string): Promise<ArchiveIdentity>;
  archives(): Promise<readonly ArchiveIdentity[]>;
  /** Keeps a new scan. Where one of its archive is under way (this one, too) it is not kept; that one's id is returned. */
  add(state: ScanState): Promise<string | undefined>;
  /** Keeps new scans of an archive away while the known scan `id`, of another archive, is under way. False where one is under way. */
  claim(archive: ArchiveIdentity, id: string): Promise<boolean>;
  find(id: string): Promise<KnownScan | undefined>;
  /** Those under way. Cheap, however many there were before. */
  active(): Promise<readonly KnownScan[]>;
  /** The newest first. */
  all(): Promise<readonly KnownScan[]>;
  /** Replaces what is known of a scan. False where it was changed since `revision` was read. */
  replace(state: ScanState, revision: number): Promise<boolean>;
  /** Adds what a piece of work found; the same `piece` again counts once. */
  addTally(scan: string, piece: string, tally: ScanTally): Promise<void>;
  /** Everything found by a scan so far. */
  tally(scan: string): Promise<ScanTally>;
  /** Holds a change back; the same `piece` and `number` again is held once. */
  hold(scan: string, piece: string, number: number, change: HeldChange): Promise<void>;
  /** Forgets what a piece of work held back: it is done again. */
  letGo(scan: string, piece: string): Promise<void>;
  /** Everything held back, in the order of holding. */
  held(scan: string): AsyncIterable<HeldChange>;
  /** Forgets a scan, its tallies and what it held back. */
  remove(scan: string): Promise<void>;
}
