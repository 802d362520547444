// The scanner: takes work on the archives that it can see, carries it out, and stores what came of it. All scanners of a
// cluster are alike; each of them also brings scans to their end when no work is left. What a scan's stages do stands in
// core/stages; here is only who does what when.
import { randomUUID } from 'node:crypto';
import { DitagError, ditagError } from '../../core/errors/errors.ts';
import { decodeFolderRecord } from '../../core/instance/folder-record.ts';
import type { ArchiveFiles } from '../../core/ports/archive-files.ts';
import type { FailedMessages } from '../../core/ports/failed-messages.ts';
import type { KnownArchive } from '../../core/ports/index-writer.ts';
import type { PublishedIndex } from '../../core/ports/published-index.ts';
import type { ArchiveIdentity, RecordFeed, RecordLog } from '../../core/ports/record-log.ts';
import type { ScanCommandSource, StartedScan, StartScan } from '../../core/ports/scan-commands.ts';
import { WHOLE_FOLDER } from '../../core/ports/scan-ledger.ts';
import type { ScanQueue, TakenWork } from '../../core/ports/scan-queue.ts';
import type { KnownScan, ScanRegistry, ScanState } from '../../core/ports/scan-registry.ts';
import { carryOutWork, pieceOf } from '../../core/stages/carry-out-work.ts';
import { checkRoot } from '../../core/stages/check-root.ts';
import { finishScan } from '../../core/stages/finish-scan.ts';

export interface ScannerPorts {
  readonly queue: ScanQueue;
  readonly log: RecordLog;
  readonly feed: RecordFeed;
  readonly registry: ScanRegistry;
  readonly index: PublishedIndex;
  readonly failed: FailedMessages;
  readonly commands: ScanCommandSource;
  readonly logger: ScannerLog;
}

/** What the scanner tells: identifiers and counts, never values or paths. */
export interface ScannerLog {
  info(details: Readonly<Record<string, unknown>>, message: string): void;
  warn(details: Readonly<Record<string, unknown>>, message: string): void;
}

/** An archive as this scanner sees it. */
export interface MountedArchive {
  readonly name: string;
  /** Where it is mounted here. */
  readonly folder: string;
  readonly files: ArchiveFiles;
}

export interface ScannerOptions {
  readonly archives: readonly MountedArchive[];
  /** Pieces of work at a time. */
  readonly jobs: number;
}

/** While work lasts, the queue is told so this often (milliseconds). */
const WORKING_EVERY = 3_000;
/** Work that failed for a reason that may pass is taken again after this, and twice as much each time (milliseconds). */
const RETRY_FIRST = 500;
const RETRY_MOST = 60_000;
/** Work that fails so often is put aside. */
const MOST_ATTEMPTS = 8;
const UNMOUNTED_AGAIN = 5_000;
/** How often scans are looked at that may have come to their end (milliseconds). */
const LOOK_EVERY = 250;
/** A scan that is being finished and of which nothing was heard for so long is finished by another (milliseconds). */
const FINISHER_SILENT = 12_000;
/** A scan's state is believed for so long (milliseconds). */
const STATE_FRESH = 1_000;
const ROOT_SAMPLE = 64;
/** Entries of the log that may wait for the index before scanning does, and how long it then waits at least. */
const MOST_WAITING = 10_000;
const BEHIND_AGAIN = 500;

interface Mounted extends MountedArchive {
  readonly identity: ArchiveIdentity;
}

export class Scanner {
  private readonly ports: ScannerPorts;
  private readonly options: ScannerOptions;
  private readonly stopping = new AbortController();
  private readonly mounted = new Map<number, Mounted>();
  private readonly states = new Map<string, { readonly scan: KnownScan | undefined; readonly readAt: number }>();
  private readonly running = new Set<Promise<void>>();
  /** When it was looked at last whether the index is behind. */
  private lookedAt = 0;

  constructor(ports: ScannerPorts, options: ScannerOptions) {
    this.ports = ports;
    this.options = options;
  }

  /** Runs until `stop`. Rejects when the cluster is lost for good. */
  async run(): Promise<void> {
    const { ports, options } = this;
    for (const archive of options.archives) {
      const identity = await ports.registry.archive(archive.name);
      this.mounted.set(identity.number, { ...archive, identity });
      ports.commands.serve(archive.name, archive.folder, (request) => this.start(identity.number, request));
    }
    await Promise.all([this.work(), this.finish()]);
  }

  /** Takes nothing more, and ends when what was taken is done. */
  async stop(): Promise<void> {
    await this.ports.commands.stop();
    this.stopping.abort();
    await Promise.all(this.running);
  }

  /** Answers the request for a scan. */
  private async start(number: number, request: StartScan): Promise<StartedScan> {
    const { registry, queue, logger } = this.ports;
    const { identity, files, folder } = this.mounted.get(number)!;
    const active = (await registry.all()).find(({ state }) => state.archive.number === number && isActive(state));
    if (active !== undefined) throw ditagError('scan-running', { archive: identity.name, scan: active.state.id });
    const known = await this.known(identity);
    await checkRoot(files, folder, request.acceptDeletions ? undefined : known);
    const state: ScanState = {
      id: randomUUID().slice(0, 8),
      archive: identity,
      append: request.append,
      acceptDeletions: request.acceptDeletions,
      startedAt: new Date().toISOString(),
      status: 'starting',
      knownFiles: known?.files ?? 0,
      knownInstances: known?.instances ?? 0,
    };
    await registry.add(state);
    const { id, acceptDeletions } = state;
    await queue.add({ scan: id, archive: identity, acceptDeletions, jobs: [{ job: 'scan-folder', folder: '' }] });
    await this.change(id, (now) => (now.status === 'starting' ? { ...now, status: 'scanning' } : undefined));
    logger.info({ scan: id, archive: identity.number }, 'scan started');
    return { scan: id, archive: identity, knownFiles: state.knownFiles };
  }

  /** What is known of an archive; undefined where it was never indexed. */
  private async known(archive: ArchiveIdentity): Promise<(KnownArchive & { instances: number }) | undefined> {
    const { files, instances } = await this.ports.index.totals(archive.name);
    const rootSample = await this.rootSample(archive);
    return files === 0 && rootSample.length === 0 ? undefined : { files, instances, rootSample };
  }

  private async rootSample(archive: ArchiveIdentity): Promise<readonly string[]> {
    const ledger = this.ports.log.ledger(archive);
    const names = (await ledger.subfolders('')).slice(0, ROOT_SAMPLE);
    const chunk = await ledger.chunk('', WHOLE_FOLDER);
    if (chunk === undefined) return names;
    const { files } = decodeFolderRecord(chunk.record);
    return [...names, ...files.slice(0, ROOT_SAMPLE).map(({ name }) => name)];
  }

  private async work(): Promise<void> {
    const identities = [...this.mounted.values()].map(({ identity }) => identity);
    const { jobs } = this.options;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        for await (const taken of this.ports.queue.take(identities, jobs, signal)) {
          await this.untilIndexed(taken);
          const running = this.carryOut(taken).finally(() => this.running.delete(running));
          this.running.add(running);
          if (this.running.size >= jobs) await Promise.race(this.running);
        }
      } catch (error) {
        this.ports.logger.warn({ reason: (error as Error).message }, 'work stopped coming');
        await pause(RETRY_FIRST, signal);
      }
    }
  }

  /** While the index is far behind nothing is read for it: the archive keeps what waits, not the log. */
  private async untilIndexed(taken: TakenWork): Promise<void> {
    const now = Date.now();
    if (now - this.lookedAt < LOOK_EVERY) return;
    this.lookedAt = now;
    const { feed, logger } = this.ports;
    const { signal } = this.stopping;
    for (let told = false; !signal.aborted && (await feed.waiting()) > MOST_WAITING; told = true) {
      if (!told) logger.info({}, 'the index is behind: scanning waits');
      taken.working();
      await pause(BEHIND_AGAIN, signal);
    }
  }

  private async carryOut(taken: TakenWork): Promise<void> {
    const { ports } = this;
    const { work, attempt } = taken;
    const timer = setInterval(() => taken.working(), WORKING_EVERY);
    try {
      if (!isScanned(await this.state(work.scan))) return await taken.done();
      const { files, folder, identity } = this.mounted.get(work.archive.number)!;
      const isMounted = () => this.isMounted(files, folder, work.acceptDeletions ? undefined : identity);
      const outcome = await carryOutWork(work, { ...ports, files, isMounted });
      if (outcome === 'done') await taken.done();
      else if (outcome === 'superseded') taken.later(delay(attempt));
      else {
        ports.logger.warn({ scan: work.scan, archive: identity.number }, 'the archive is not there: its scan waits');
        taken.later(UNMOUNTED_AGAIN);
      }
    } catch (error) {
      await this.failed(taken, error);
    } finally {
      clearInterval(timer);
    }
  }

  /** @param identity undefined: whatever is there is taken for the archive, as long as something is */
  private async isMounted(
    files: ArchiveFiles,
    folder: string,
    identity: ArchiveIdentity | undefined,
  ): Promise<boolean> {
    const rootSample = identity === undefined ? [] : await this.rootSample(identity);
    try {
      await checkRoot(files, folder, { files: 0, rootSample });
      return true;
    } catch (error) {
      if (!(error instanceof DitagError)) throw error;
      return false;
    }
  }

  private async failed(taken: TakenWork, error: unknown): Promise<void> {
    const { failed, registry, logger } = this.ports;
    const { work, position, attempt } = taken;
    const kind = error instanceof Error ? error.name : 'unknown';
    logger.warn({ scan: work.scan, attempt, error: kind, reason: (error as Error).message }, 'work failed');
    try {
      if (attempt < MOST_ATTEMPTS) return taken.later(delay(attempt));
      await failed.add('jobs', position, (error as Error).message);
      const kept = work.jobs.map(({ folder }) => ({ folder, reason: 'unreadable' as const, detail: kind }));
      await registry.addTally(work.scan, pieceOf(work), { ...NO_TALLY, kept });
      await taken.done();
    } catch {
      // Not even that could be stored: whoever takes the work next tries again.
      taken.later(delay(attempt));
    }
  }

  private async state(scan: string): Promise<ScanState | undefined> {
    const now = Date.now();
    const held = this.states.get(scan);
    if (held !== undefined && now - held.readAt < STATE_FRESH) return held.scan?.state;
    const found = await this.ports.registry.find(scan);
    this.states.set(scan, { scan: found, readAt: now });
    return found?.state;
  }

  /** Looks for scans that have come to their end, and finishes them. */
  private async finish(): Promise<void> {
    const { registry, queue, logger } = this.ports;
    while (!this.stopping.signal.aborted) {
      await pause(LOOK_EVERY, this.stopping.signal);
      try {
        for (const scan of await registry.all()) {
          const { state } = scan;
          const isOver = state.status === 'scanning' && (await queue.left(state.archive, state.id)) === 0;
          const isLeft = state.status === 'publishing' && Date.now() - scan.changedAt > FINISHER_SILENT;
          if (isOver || isLeft) await this.finishOne(scan);
        }
      } catch (error) {
        logger.warn({ reason: (error as Error).message }, 'scans could not be looked at');
        await pause(RETRY_FIRST, this.stopping.signal);
      }
    }
  }

  private async finishOne({ state, revision }: KnownScan): Promise<void> {
    const { registry, logger } = this.ports;
    const publishing: ScanState = { ...state, status: 'publishing' };
    // Of several scanners that see the end at once one does it.
    if (!(await registry.replace(publishing, revision))) return;
    const heart = setInterval(() => void this.change(state.id, (now) => now).catch(() => {}), WORKING_EVERY);
    try {
      for (let attempt = 1; !this.stopping.signal.aborted; attempt++) {
        try {
          const finished = await finishScan(publishing, { ...this.ports, now: () => new Date().toISOString() });
          await this.change(state.id, (now) => (now.status === 'publishing' ? finished : undefined));
          logger.info({ scan: state.id, archive: state.archive.number, status: finished.status }, 'scan ended');
          return;
        } catch (error) {
          logger.warn({ scan: state.id, reason: (error as Error).message }, 'the scan cannot be ended yet');
          await pause(delay(attempt), this.stopping.signal);
        }
      }
    } finally {
      clearInterval(heart);
    }
  }

  /** Changes a scan's state as it is now; `undefined` leaves it. */
  private async change(id: string, change: (now: ScanState) => ScanState | undefined): Promise<void> {
    for (;;) {
      const found = await this.ports.registry.find(id);
      const next = found === undefined ? undefined : change(found.state);
      if (found === undefined || next === undefined || (await this.ports.registry.replace(next, found.revision)))
        return;
    }
  }
}

const NO_TALLY = { files: 0, instances: 0, opened: 0, unchanged: 0, vanished: 0, appeared: 0, changedChunks: 0 };

function isActive({ status }: ScanState): boolean {
  return status === 'starting' || status === 'scanning' || status === 'publishing';
}

function isScanned(state: ScanState | undefined): boolean {
  return state?.status === 'starting' || state?.status === 'scanning';
}

function delay(attempt: number): number {
  return Math.min(RETRY_MOST, RETRY_FIRST * 2 ** (attempt - 1));
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
  });
}
