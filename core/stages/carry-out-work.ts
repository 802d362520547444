// The stage of a cluster's scanner: carries out the jobs of one piece of work and stores what came of them, children
// before the work itself is done. It can be done again at any point without harm: entries are written on the condition
// that the log is as it was read, and tallies and held changes count once a piece of work. Whatever would take instances
// out of the index is not written but held back until the end of the scan (finish-scan.ts).

import { createHash } from 'node:crypto';
import { MessageTooLarge } from '../errors/message-too-large.ts';
import { joinPath } from '../instance/byte-path.ts';
import type { ChunkEvent, FolderKeptEvent, FolderListedEvent, ScanEvent, ScanJob } from '../jobs/jobs.ts';
import { TallySum } from '../jobs/scan-tally.ts';
import type { ArchiveFiles } from '../ports/archive-files.ts';
import type { ChunkEntry, LogEntry, LogLedger, RecordLog } from '../ports/record-log.ts';
import type { Chunk, ScanLedger } from '../ports/scan-ledger.ts';
import type { ScanQueue, ScanWork } from '../ports/scan-queue.ts';
import type { HeldChange, ScanRegistry } from '../ports/scan-registry.ts';
import { carryOutScanJob } from './carry-out-scan-job.ts';
import { bitsThatFit, cutFiner } from './finer-chunks.ts';
import { pause } from './pause.ts';
import type { ScanFolderOutcome } from './scan-folder.ts';

/** Folders that are scanned as one piece of work, at most; fewer where there are few, so that all scanners get some. */
const MOST_FOLDERS = 4;
const SHARES = 16;

export interface WorkPorts {
  readonly files: ArchiveFiles;
  readonly log: RecordLog;
  readonly queue: ScanQueue;
  readonly registry: ScanRegistry;
  /** Whether the archive's root is still the archive: asked before anything is believed to be gone. */
  readonly isMounted: () => Promise<boolean>;
}

/**
 * `superseded`: another one has written the same meanwhile; `unmounted`: the archive is not there now. In these cases the
 * work has to be taken again.
 */
export type WorkOutcome = 'done' | 'superseded' | 'unmounted';

/** Jobs that are under way at a time: most of each is waiting for the log. */
const JOBS_AT_ONCE = 8;
/** Held changes of one job have numbers of their own, so that doing it again gives the same. */
const NUMBERS_A_JOB = 1_000_000;
/** Sub-folders are scanned in the same piece of work up to so many folders, or files looked at: a message costs as much. */
const FOLDERS_A_PIECE = 16;
const FILES_A_PIECE = 250;
/** What could not be read is tried once more after this (milliseconds): the mount may be back already. */
const SECOND_LOOK = 500;

/** Tells a piece of work from all others of its scan: the same jobs are the same piece, however often they were added. */
export function pieceOf({ jobs }: ScanWork): string {
  const names = jobs.map((job) =>
    job.job === 'scan-folder' ? ['folder', job.folder, job.slice] : ['files', job.folder, job.chunk],
  );
  return createHash('sha256').update(JSON.stringify(names)).digest('base64url').slice(0, 22);
}

/**
 * Carries out `work`, and what lies below its folders as far as one piece goes: level by level, so that doing it again
 * hands on the same. @param isFirst nobody has taken it before
 */
export async function carryOutWork(work: ScanWork, isFirst: boolean, ports: WorkPorts): Promise<WorkOutcome> {
  const piece = pieceOf(work);
  const tally = TallySum.ofPiece();
  const ledgerOf = () => (work.isNew && isFirst ? EMPTY_LEDGER : ports.log.ledger(work.archive));
  // What an attempt before has held was true then. What it has written is known, and what is gone still is gone.
  if (!isFirst) await ports.registry.letGo(work.scan, piece);
  let paused: Promise<void> | undefined;
  // One pause for all of the piece: a thousand links that lead nowhere take no longer.
  const beforeSecondLook = () => (paused ??= pause(SECOND_LOOK));
  const later: ScanJob[] = [];
  let number = 0;
  for (let level = work.jobs; level.length > 0; ) {
    const first = number;
    number += level.length;
    const children = await inOrder(level, (job, n) =>
      new Job(work, { piece, number: first + n, beforeSecondLook }, ports, tally, ledgerOf()).run(job),
    );
    const next: ScanJob[] = [];
    for (const child of children) {
      if (typeof child === 'string') return child;
      next.push(...child.folders);
      later.push(...child.jobs);
    }
    const room = tally.files > FILES_A_PIECE ? 0 : Math.max(0, FOLDERS_A_PIECE - number);
    level = next.slice(0, room);
    later.push(...next.slice(room));
  }
  await handOn(work, later, ports.queue, tally);
  await ports.registry.addTally(work.scan, piece, tally);
  return 'done';
}

/** Runs `one` for each job, some at a time. Returns the results in the order of the jobs. */
async function inOrder<T>(jobs: readonly ScanJob[], one: (job: ScanJob, n: number) => Promise<T>): Promise<T[]> {
  const results: T[] = new Array(jobs.length);
  let next = 0;
  const worker = async () => {
    while (next < jobs.length) {
      const n = next++;
      results[n] = await one(jobs[n]!, n);
    }
  };
  await Promise.all(Array.from({ length: JOBS_AT_ONCE }, worker));
  return results;
}

/** Gives out what one piece of work leaves over: folders by the handful, chunks of huge folders one by one. */
async function handOn(work: ScanWork, jobs: readonly ScanJob[], queue: ScanQueue, tally: TallySum): Promise<void> {
  const folders = jobs.filter((job) => job.job === 'scan-folder' && job.slice === undefined);
  const share = Math.min(MOST_FOLDERS, Math.ceil(folders.length / SHARES));
  const pieces = jobs.filter((job) => job.job !== 'scan-folder' || job.slice !== undefined).map((job) => [job]);
  for (let at = 0; at < folders.length; at += share) pieces.push(folders.slice(at, at + share));
  const add = async (piece: readonly ScanJob[]) => {
    try {
      await queue.add({ ...work, jobs: piece });
    } catch (error) {
      if (!(error instanceof MessageTooLarge)) throw error;
      for (const { folder } of piece) tally.addEvent(keptFolder(folder, error.message));
    }
  };
  await Promise.all(pieces.map(add));
}

function keptFolder(folder: string, message: string): FolderKeptEvent {
  return { event: 'folder-kept', folder, reason: 'unreadable', detail: message.replace(/\.$/, '') };
}

/** Of an archive of which nothing is known yet. Where that is not so any more, writing on its word fails. */
const EMPTY_LEDGER: LogLedger = {
  subfolders: () => [],
  chunkBits: () => 0,
  chunk: () => undefined,
  chunkPosition: async () => 0,
  folderPosition: async () => 0,
};

/** What is to be done below a job's folder. */
interface Children {
  readonly folders: readonly ScanJob[];
  readonly jobs: readonly ScanJob[];
}

/** A job's place in its piece of work. */
interface Place {
  readonly piece: string;
  readonly number: number;
  readonly beforeSecondLook: () => Promise<void>;
}

/** One job of a piece of work. */
class Job {
  private readonly work: ScanWork;
  private readonly place: Place;
  private readonly ports: WorkPorts;
  private readonly tally: TallySum;
  private readonly ledger: LogLedger;
  private held = 0;
  private isSuperseded = false;

  constructor(work: ScanWork, place: Place, ports: WorkPorts, tally: TallySum, ledger: LogLedger) {
    this.work = work;
    this.place = place;
    this.ports = ports;
    this.tally = tally;
    this.ledger = ledger;
  }

  async run(job: ScanJob): Promise<Children | Exclude<WorkOutcome, 'done'>> {
    let found = await this.find(job, this.ledger);
    if (typeof found === 'string') return found;
    const bits = await this.storeChunks(found.events, job);
    if (bits !== undefined) {
      found = await this.find(job, cutFiner(this.ledger, bits));
      if (typeof found === 'string') return found;
    }
    await this.storeFolders(found.events);
    if (this.isSuperseded) return 'superseded';
    return {
      folders: found.subfolders.map((name) => ({ job: 'scan-folder', folder: joinPath(job.folder, name) })),
      jobs: found.jobs,
    };
  }

  private async find(job: ScanJob, ledger: ScanLedger): Promise<ScanFolderOutcome | 'unmounted'> {
    const { files, isMounted } = this.ports;
    let found = await carryOutScanJob(job, { files, ledger }, this.work);
    if (found.events.some(mayPass)) {
      // Nothing of this job is stored yet: what is told of it is what the second look has found.
      await this.place.beforeSecondLook();
      found = await carryOutScanJob(job, { files, ledger }, this.work);
    }
    return found.events.some(tellsOfLoss) && !(await isMounted()) ? 'unmounted' : found;
  }

  /** Gives the bits by which the folder has to be cut where its chunk is too large: then nothing of it was stored. */
  private async storeChunks(events: readonly ScanEvent[], job: ScanJob): Promise<number | undefined> {
    for (const event of events) {
      if (event.event !== 'chunk') continue;
      try {
        await this.storeChunk(event);
        this.tally.addEvent(event);
      } catch (error) {
        if (!(error instanceof MessageTooLarge)) throw error;
        const bits = bitsThatFit(job, event, error.most);
        if (bits !== undefined) return bits;
        this.keep(event.folder, error);
      }
    }
    return undefined;
  }

  /** What a job says of its folder comes after the files: a folder whose chunk is too large is listed once more. */
  private async storeFolders(events: readonly ScanEvent[]): Promise<void> {
    const loses = events.some(({ event }) => event === 'folders-vanished');
    for (const event of events) {
      if (event.event === 'chunk') continue;
      try {
        await this.storeFolder(event, loses);
        this.tally.addEvent(event);
      } catch (error) {
        if (!(error instanceof MessageTooLarge)) throw error;
        this.keep(event.folder, error);
      }
    }
  }

  /** What is known of a folder stays as it is, and the scan's end names it. */
  private keep(folder: string, { message }: MessageTooLarge): void {
    this.tally.addEvent(keptFolder(folder, message));
  }

  private async storeFolder(event: Exclude<ScanEvent, ChunkEvent>, loses: boolean): Promise<void> {
    switch (event.event) {
      case 'folder-listed':
        return this.storeListed(event, loses);
      case 'folders-vanished':
        for (const name of event.names) {
          await this.hold({ held: 'folder-gone', folder: joinPath(event.folder, name) });
        }
        return;
      case 'folder-kept':
        return;
    }
  }

  private async storeChunk(event: ChunkEvent): Promise<void> {
    if (event.record === undefined) return;
    const { folder, chunk, headers } = event;
    const record = event.tally.files === 0 ? undefined : event.record;
    const expected = await this.ledger.chunkPosition(folder, chunk);
    // A chunk that never was has no need to be gone.
    if (record === undefined && expected === 0) return;
    await this.write(
      { entry: 'chunk', archive: this.work.archive, folder, chunk, record, headers },
      expected,
      event.tally.lost,
    );
  }

  /** A folder forgets what is gone only when that has left the index, and is cut anew only when all its parts are there. */
  private async storeListed({ folder, subfolders, bits }: FolderListedEvent, loses: boolean): Promise<void> {
    const { archive } = this.work;
    const entry: LogEntry = { entry: 'folder', archive, folder, subfolders, bits };
    const expected = await this.ledger.folderPosition(folder);
    const knownBits = await this.ledger.chunkBits(folder);
    if (!loses && bits === knownBits) return this.write(entry, expected, 0);
    if (bits !== knownBits) for (const gone of await this.largerChunks(folder, knownBits)) await this.hold(gone);
    await this.hold({ held: 'entry', entry, expected, lost: 0 });
  }

  /** The known chunks of a folder that is cut into smaller ones: their files are in these. */
  private async largerChunks(folder: string, bits: number): Promise<HeldChange[]> {
    const changes: HeldChange[] = [];
    for (let index = 0; index < 2 ** bits; index++) {
      const chunk = { bits, index };
      const expected = await this.ledger.chunkPosition(folder, chunk);
      if (expected > 0) changes.push({ held: 'entry', entry: goneChunk(this.work, folder, chunk), expected, lost: 0 });
    }
    return changes;
  }

  private async write(entry: LogEntry, expected: number, lost: number): Promise<void> {
    if (lost > 0) return this.hold({ held: 'entry', entry, expected, lost });
    const written = await this.ports.log.write(entry, expected);
    if (written === undefined) this.isSuperseded = true;
  }

  private async hold(change: HeldChange): Promise<void> {
    const { piece, number } = this.place;
    await this.ports.registry.hold(this.work.scan, piece, number * NUMBERS_A_JOB + this.held++, change);
  }
}

/** Files that could not be read, and what is gone, may only show that the mount is. */
function tellsOfLoss(event: ScanEvent): boolean {
  if (event.event !== 'chunk') return event.event !== 'folder-listed';
  return event.tally.lost > 0 || event.tally.vanished > 0 || isUnread(event);
}

/** Something could not be read, and not for want of permission. */
function mayPass(event: ScanEvent): boolean {
  if (event.event === 'folder-kept') return event.detail !== 'EACCES';
  return event.event === 'chunk' && isUnread(event);
}

function isUnread({ tally }: ChunkEvent): boolean {
  return tally.unread > 0 || (tally.skipped.unreadable ?? 0) > 0;
}

function goneChunk({ archive }: ScanWork, folder: string, chunk: Chunk): ChunkEntry {
  return { entry: 'chunk', archive, folder, chunk, record: undefined, headers: [] };
}
