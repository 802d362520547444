// The stage of a cluster's scanner: carries out the jobs of one piece of work and stores what came of them, children
// before the work itself is done. It can be done again at any point without harm: entries are written on the condition
// that the log is as it was read, and tallies and held changes count once a piece of work. Whatever would take instances
// out of the index is not written but held back until the end of the scan (finish-scan.ts).
import { createHash } from 'node:crypto';
import { joinPath } from '../instance/byte-path.ts';
import type { ChunkEvent, FolderListedEvent, ScanEvent, ScanJob } from '../jobs/jobs.ts';
import type { ArchiveFiles } from '../ports/archive-files.ts';
import type { ChunkEntry, LogEntry, LogLedger, RecordLog } from '../ports/record-log.ts';
import type { Chunk } from '../ports/scan-ledger.ts';
import type { ScanQueue, ScanWork } from '../ports/scan-queue.ts';
import type { HeldChange, ScanRegistry, ScanTally } from '../ports/scan-registry.ts';
import { carryOutScanJob } from './carry-out-scan-job.ts';

/** Folders that are scanned as one piece of work, at most; fewer where there are few, so that all scanners get some. */
const MOST_FOLDERS = 32;
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
 * `superseded`: another one has written the same meanwhile; `unmounted`: the archive is not there now. In both cases the
 * work has to be taken again.
 */
export type WorkOutcome = 'done' | 'superseded' | 'unmounted';

/** Jobs that are under way at a time: most of each is waiting for the log. */
const JOBS_AT_ONCE = 8;
/** Held changes of one job have numbers of their own, so that doing it again gives the same. */
const NUMBERS_A_JOB = 1_000_000;

/** Tells a piece of work from all others of its scan: the same jobs are the same piece, however often they were added. */
export function pieceOf({ jobs }: ScanWork): string {
  const names = jobs.map((job) =>
    job.job === 'scan-folder' ? ['folder', job.folder, job.slice] : ['files', job.folder, job.chunk],
  );
  return createHash('sha256').update(JSON.stringify(names)).digest('base64url').slice(0, 22);
}

/** Carries out `work`. */
export async function carryOutWork(work: ScanWork, ports: WorkPorts): Promise<WorkOutcome> {
  const piece = pieceOf(work);
  const tally: Tally = { ...NO_TALLY, kept: [] };
  let next = 0;
  let outcome: WorkOutcome = 'done';
  const worker = async () => {
    while (outcome === 'done' && next < work.jobs.length) {
      const number = next++;
      const ended = await new Job(work, piece, number, ports, tally).run();
      if (ended !== 'done') outcome = ended;
    }
  };
  await Promise.all(Array.from({ length: JOBS_AT_ONCE }, worker));
  if (outcome === 'done') await ports.registry.addTally(work.scan, piece, tally);
  return outcome;
}

type Tally = Mutable<ScanTally> & { kept: ScanTally['kept'][number][] };

const NO_TALLY = { files: 0, instances: 0, opened: 0, unchanged: 0, vanished: 0, appeared: 0, changedChunks: 0 };

/** One job of a piece of work. */
class Job {
  private readonly work: ScanWork;
  private readonly piece: string;
  private readonly number: number;
  private readonly ports: WorkPorts;
  private readonly tally: Tally;
  private readonly ledger: LogLedger;
  private held = 0;
  private isSuperseded = false;

  constructor(work: ScanWork, piece: string, number: number, ports: WorkPorts, tally: Tally) {
    this.work = work;
    this.piece = piece;
    this.number = number;
    this.ports = ports;
    this.tally = tally;
    this.ledger = ports.log.ledger(work.archive);
  }

  async run(): Promise<WorkOutcome> {
    const { work, ports, ledger } = this;
    const job = work.jobs[this.number]!;
    const { files } = ports;
    const { events, subfolders, jobs } = await carryOutScanJob(job, { files, ledger }, work);
    if (events.some(tellsOfLoss) && !(await ports.isMounted())) return 'unmounted';
    const loses = events.some(({ event }) => event === 'folders-vanished');
    for (const event of events) await this.store(event, loses);
    if (this.isSuperseded) return 'superseded';
    await this.addChildren(job.folder, subfolders, jobs);
    return 'done';
  }

  private async store(event: ScanEvent, loses: boolean): Promise<void> {
    switch (event.event) {
      case 'chunk':
        return this.storeChunk(event);
      case 'folder-listed':
        return this.storeFolder(event, loses);
      case 'folders-vanished':
        for (const name of event.names) {
          await this.hold({ held: 'folder-gone', folder: joinPath(event.folder, name) });
        }
        return;
      case 'folder-kept':
        this.tally.kept.push({ folder: event.folder, reason: event.reason, detail: event.detail });
    }
  }

  private async storeChunk(event: ChunkEvent): Promise<void> {
    const { tally } = this;
    for (const name of ['files', 'instances', 'opened', 'unchanged', 'vanished', 'appeared'] as const) {
      tally[name] += event.tally[name];
    }
    if (event.record === undefined) return;
    tally.changedChunks++;
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
  private async storeFolder({ folder, subfolders, bits }: FolderListedEvent, loses: boolean): Promise<void> {
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
    const number = this.number * NUMBERS_A_JOB + this.held++;
    await this.ports.registry.hold(this.work.scan, this.piece, number, change);
  }

  private async addChildren(folder: string, subfolders: readonly string[], jobs: readonly ScanJob[]): Promise<void> {
    const { work, ports } = this;
    const share = Math.min(MOST_FOLDERS, Math.ceil(subfolders.length / SHARES));
    const pieces: ScanJob[][] = jobs.map((job) => [job]);
    for (let at = 0; at < subfolders.length; at += share) {
      const names = subfolders.slice(at, at + share);
      pieces.push(names.map((name) => ({ job: 'scan-folder', folder: joinPath(folder, name) })));
    }
    await Promise.all(pieces.map((piece) => ports.queue.add({ ...work, jobs: piece })));
  }
}

/** Files that could not be read, and what is gone, may only show that the mount is. */
function tellsOfLoss(event: ScanEvent): boolean {
  if (event.event !== 'chunk') return event.event !== 'folder-listed';
  return event.tally.lost > 0 || event.tally.vanished > 0 || (event.tally.skipped.unreadable ?? 0) > 0;
}

function goneChunk({ archive }: ScanWork, folder: string, chunk: Chunk): ChunkEntry {
  return { entry: 'chunk', archive, folder, chunk, record: undefined, headers: [] };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
