// The stage that lists one folder: jobs for its sub-folders and for the chunks of its files, and what is gone.
// Deletions come only from here, from a listing that succeeded (docs/architecture.md, "A mount is missing").
import { chunkBitsFor, chunkIndex } from '../instance/folder-chunks.ts';
import type { ReadFilesJob, ScanEvent, ScanFolderJob, ScanJob } from '../jobs/jobs.ts';
import { type ArchiveFiles, type EntryType, type FileTask, failureCode } from '../ports/archive-files.ts';
import { type ScanLedger, WHOLE_FOLDER } from '../ports/scan-ledger.ts';

/** A folder with more entries than this is listed in slices, so that its names never fill the memory. */
const MOST_NAMES = 262_144;

export interface ScanFolderPorts {
  readonly files: ArchiveFiles;
  readonly ledger: ScanLedger;
}

export interface ScanFolderOptions {
  /** Take an empty listing of a known folder at its word. */
  readonly acceptDeletions: boolean;
}

/** What came of a folder. */
export interface ScanFolderOutcome {
  /** Names of its sub-folders, in byte order: each becomes a `scan-folder` job. */
  readonly subfolders: readonly string[];
  readonly jobs: ScanJob[];
  readonly events: ScanEvent[];
}

/** Lists the folder of `job`. A folder that cannot be listed is an event, never an error. */
export async function scanFolder(
  job: ScanFolderJob,
  { files, ledger }: ScanFolderPorts,
  options: ScanFolderOptions,
): Promise<ScanFolderOutcome> {
  const { folder } = job;
  const listing = new Listing(job.slice);
  const listedAt = Date.now();
  try {
    await files.run(list(folder, listing));
  } catch (error) {
    const kept = { event: 'folder-kept', folder, reason: 'unreadable', detail: failureCode(error) } as const;
    const isNew = !(await isKnown(folder, ledger));
    return { subfolders: [], jobs: [], events: [isNew ? { ...kept, isNew } : kept] };
  }
  if (listing.slice === undefined && listing.total > MOST_NAMES) {
    const bits = chunkBitsFor(listing.total, await ledger.chunkBits(folder));
    return { subfolders: [], jobs: sliceJobs(folder, listing.total, bits), events: [] };
  }
  const events: ScanEvent[] = [];
  const knownBits = await ledger.chunkBits(folder);
  if (listing.total === 0 && listing.slice !== undefined && !options.acceptDeletions) {
    // The folder was huge a moment ago: its mount is gone.
    return { subfolders: [], jobs: [], events: [{ event: 'folder-kept', folder, reason: 'lists-empty', detail: '' }] };
  }
  const isFirst = listing.slice === undefined || listing.slice.index === 0;
  if (isFirst) {
    const known = await ledger.subfolders(folder);
    const knowsFiles = knownBits > 0 || (await ledger.chunk(folder, WHOLE_FOLDER)) !== undefined;
    if (listing.total === 0 && (known.length > 0 || knowsFiles) && !options.acceptDeletions) {
      return {
        subfolders: [],
        jobs: [],
        events: [{ event: 'folder-kept', folder, reason: 'lists-empty', detail: '' }],
      };
    }
    const present = new Set(listing.folders);
    const vanished = known.filter((name) => !present.has(name));
    if (vanished.length > 0) events.push({ event: 'folders-vanished', folder, names: vanished });
    const hasFiles = listing.names.length > 0 || knowsFiles || listing.slice !== undefined;
    const bits = hasFiles ? chunkBits(listing, knownBits) : knownBits;
    const differs = vanished.length > 0 || listing.folders.length !== known.length;
    listing.folders.sort();
    if (differs || bits !== knownBits) {
      events.push({ event: 'folder-listed', folder, subfolders: listing.folders, bits });
    }
    if (!hasFiles) return { subfolders: listing.folders, jobs: [], events };
  }
  return { subfolders: listing.folders, jobs: chunkJobs(folder, listing, knownBits, listedAt), events };
}

async function isKnown(folder: string, ledger: ScanLedger): Promise<boolean> {
  if ((await ledger.chunkBits(folder)) > 0 || (await ledger.subfolders(folder)).length > 0) return true;
  return (await ledger.chunk(folder, WHOLE_FOLDER)) !== undefined;
}

class Listing {
  readonly slice: ScanFolderJob['slice'];
  readonly folders: string[] = [];
  names: string[] = [];
  readonly types = new Map<string, EntryType>();
  total = 0;

  constructor(slice: ScanFolderJob['slice']) {
    this.slice = slice;
  }

  add(name: string, type: EntryType): void {
    this.total++;
    if (type === 'folder') {
      if (this.slice === undefined || this.slice.index === 0) this.folders.push(name);
      return;
    }
    if (this.slice === undefined) {
      // Past the bound only the number matters: the folder will be listed again in slices.
      if (this.total > MOST_NAMES) this.names = [];
      else this.names.push(name);
    } else if (chunkIndex(name, this.slice.bits) === this.slice.index) {
      this.names.push(name);
    } else {
      return;
    }
    if (type !== 'file' && this.names.length > 0) this.types.set(name, type);
  }
}

function* list(path: string, listing: Listing): FileTask<void> {
  yield { call: 'list', path, entry: (name, type) => listing.add(name, type) };
}

function sliceJobs(folder: string, total: number, chunkBits: number): ScanFolderJob[] {
  let bits = 0;
  while (total / 2 ** bits > MOST_NAMES && bits < chunkBits) bits++;
  return Array.from({ length: 2 ** bits }, (_, index) => ({
    job: 'scan-folder',
    folder,
    slice: { bits, index, chunkBits },
  }));
}

function chunkBits({ slice, names }: Listing, knownBits: number): number {
  return slice === undefined ? chunkBitsFor(names.length, knownBits) : slice.chunkBits;
}

function chunkJobs(folder: string, listing: Listing, knownBits: number, listedAt: number): ReadFilesJob[] {
  const { slice } = listing;
  const bits = chunkBits(listing, knownBits);
  const first = slice === undefined ? 0 : slice.index * 2 ** (bits - slice.bits);
  const count = slice === undefined ? 2 ** bits : 2 ** (bits - slice.bits);
  const chunks: string[][] = Array.from({ length: count }, () => []);
  for (const name of listing.names) chunks[chunkIndex(name, bits) - first]!.push(name);
  return chunks.map((names, i) => ({
    job: 'read-files',
    folder,
    chunk: { bits, index: first + i },
    names,
    types: new Map(names.filter((name) => listing.types.has(name)).map((name) => [name, listing.types.get(name)!])),
    listedAt,
  }));
}
