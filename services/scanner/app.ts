// The scanner: takes work on the archives that it can see, carries it out, and stores what came of it. All scanners of a
// cluster are alike; each of them also brings scans to their end when no work is left. What a scan's stages do stands in
// core/stages; here is only who does what when.

import { DitagError, ditagError } from '../../core/errors/errors.ts';
import { decodeFolderRecord } from '../../core/instance/folder-record.ts';
import type { ScanState } from '../../core/jobs/scan-state.ts';
import { TallySum } from '../../core/jobs/scan-tally.ts';
import type { ArchiveFiles } from '../../core/ports/archive-files.ts';
import type { FailedMessages } from '../../core/ports/failed-messages.ts';
import type { KnownArchive } from '../../core/ports/index-writer.ts';
import type { Log } from '../../core/ports/log.ts';
import type { PublishedIndex } from '../../core/ports/published-index.ts';
import type { ArchiveIdentity, RecordFeed, RecordLog } from '../../core/ports/record-log.ts';
import type { ScanCommandSource, StartedScan, StartScan } from '../../core/ports/scan-commands.ts';
import { WHOLE_FOLDER } from '../../core/ports/scan-ledger.ts';
import type { ScanQueue, TakenWork } from '../../core/ports/scan-queue.ts';
import type { KnownScan, ScanRegistry } from '../../core/ports/scan-registry.ts';
import { carryOutWork, pieceOf } from '../../core/stages/carry-out-work.ts';
import { checkRoot } from '../../core/stages/check-root.ts';
import { pause } from '../../core/stages/pause.ts';
import { changeScan, delay, ScanKeeper } from './scan-keeper.ts';

/** How long the start of a scan waits for the index, less than whoever asked for it waits, and between two tries (milliseconds). */
const INDEX_AWAY = 20_000;
const INDEX_PAUSE = 500;

export interface ScannerPorts {
  readonly queue: ScanQueue;
  readonly log: RecordLog;
  readonly feed: RecordFeed;
  readonly registry: ScanRegistry;
  readonly index: PublishedIndex;
  readonly failed: FailedMessages;
  readonly commands: ScanCommandSource;
  readonly logger: Log;
  /** Whether an error is the cluster's own and may pass. */
  readonly isPassing: (error: unknown) => boolean;
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
  /** Entries of the log that may wait for the index before scanning does (10,000). */
  readonly mostWaiting?: number;
}

/** Pieces of work that wait here while others are carried out: what waits here, nobody else can take. */
const TAKEN_AHEAD = 1;
/** While work lasts, the queue is told so this often (milliseconds). */
const WORKING_EVERY = 3_000;
/** Work that fails so often here, for reasons that do not pass, is put aside. */
const MOST_FAILURES = 5;
const UNMOUNTED_AGAIN = 5_000;
const MOST_ASKED = 100;
/** It is looked whether the index is behind after so long (milliseconds), or so many pieces of work. */
const LOOK_EVERY = 250;
const LOOK_AFTER = 8;
/** A scan's state is believed for so long (milliseconds). */
const STATE_FRESH = 1_000;
const ROOT_SAMPLE = 64;
const MOST_WAITING = 10_000;
/** While the index is behind, it is looked again after this (milliseconds). */
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
  /** What was answered to requests for scans, by the scan's id. */
  private readonly asked = new Map<string, Promise<StartedScan>>();
  /** How often work has failed here, by its place in the queue. */
  private readonly failures = new Map<number, number>();
  /** When it was looked at last whether the index is behind. */
  private lookedAt = 0;
  private takenSince = 0;

  constructor(ports: ScannerPorts, options: ScannerOptions) {
    this.ports = ports;
    this.options = options;
  }

  /** Runs until `stop`. @param ready is called when requests are answered */
  async run(ready: () => void): Promise<void> {
    const { ports, options } = this;
    for (const archive of options.archives) {
      const identity = await ports.registry.archive(archive.name);
      this.mounted.set(identity.number, { ...archive, identity });
      ports.commands.serve(archive.name, archive.folder, (request) => this.start(identity.number, request));
    }
    ready();
    await Promise.all([this.work(), new ScanKeeper(ports, this.stopping.signal).run()]);
  }

  /** Takes nothing more, and ends when what was taken is done. */
  async stop(): Promise<void> {
    await this.ports.commands.stop();
    this.stopping.abort();
    await Promise.all(this.running);
  }

  /**
   * Answers the request for a scan. Asked for again, since whoever was asked first may have gone, it is the same scan; one
   * that was refused is not begun by a request that has waited meanwhile: who asked for it has been told.
   */
  private start(number: number, request: StartScan): Promise<StartedScan> {
    const known = this.asked.get(request.scan);
    if (known !== undefined) return known;
    const answer = this.begin(number, request);
    this.asked.set(request.scan, answer);
    answer.catch(() => {});
    if (this.asked.size > MOST_ASKED) this.asked.delete(this.asked.keys().next().value!);
    return answer;
  }

  private async begin(number: number, request: StartScan): Promise<StartedScan> {
    const { registry, queue, logger } = this.ports;
    const { identity, files, folder } = this.mounted.get(number)!;
    const known = await this.known(identity);
    const shown = `${identity.name} (${folder})`;
    await checkRoot(files, shown, request.acceptDeletions ? undefined : known);
    const state: ScanState = {
      id: request.scan,
      archive: identity,
      append: request.append,
      acceptDeletions: request.acceptDeletions,
      startedAt: new Date().toISOString(),
      status: 'starting',
      knownFiles: known?.files ?? 0,
      knownInstances: known?.instances ?? 0,
    };
    const underWay = await registry.add(state);
    const { id, acceptDeletions } = state;
    if (underWay !== undefined && underWay !== id) {
      // One of another archive has this one too, while it takes it out of the index.
      const { archive } = (await registry.find(underWay))?.state ?? state;
      throw ditagError('scan-running', { archive: archive.name, scan: underWay });
    }
    const begun = underWay === undefined ? undefined : (await registry.find(id))?.state;
    if (begun !== undefined && begun.status !== 'starting')
      return { scan: id, archive: identity, knownFiles: begun.knownFiles };
    const isNew = known === undefined;
    const jobs = [{ job: 'scan-folder', folder: '' }] as const;
    await queue.add({ scan: id, archive: identity, acceptDeletions, isNew, jobs }, `${id} begins`);
    await changeScan(registry, id, (now) => (now.status === 'starting' ? { ...now, status: 'scanning' } : undefined));
    logger.info({ scan: id, archive: identity.number }, 'scan started');
    return { scan: id, archive: identity, knownFiles: state.knownFiles };
  }

  /** What is known of an archive; undefined where it was never indexed. */
  private async known(archive: ArchiveIdentity): Promise<(KnownArchive & { instances: number }) | undefined> {
    const { files, instances } = await this.totals(archive.name);
    const rootSample = await this.rootSample(archive);
    return files === 0 && rootSample.length === 0 ? undefined : { files, instances, rootSample };
  }

  /** The index may be away for a moment, as while Elasticsearch is started again. */
  private async totals(archive: string): ReturnType<PublishedIndex['totals']> {
    const { signal } = this.stopping;
    for (const end = performance.now() + INDEX_AWAY; ; ) {
      try {
        return await this.ports.index.totals(archive);
      } catch (error) {
        const isAway = error instanceof DitagError && error.code === 'cluster-failed';
        if (!isAway || performance.now() > end || signal.aborted) throw error;
        await pause(INDEX_PAUSE, signal);
      }
    }
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
        for await (const taken of this.ports.queue.take(identities, TAKEN_AHEAD, signal)) {
          await this.untilIndexed(taken);
          const running = this.carryOut(taken).finally(() => this.running.delete(running));
          this.running.add(running);
          if (this.running.size >= jobs) await Promise.race(this.running);
        }
      } catch (error) {
        this.ports.logger.warn({ reason: (error as Error).message }, 'work stopped coming');
        await pause(delay(1), signal);
      }
    }
  }

  /** While the index is far behind nothing is read for it: the archive keeps what waits, not the log. */
  private async untilIndexed(taken: TakenWork): Promise<void> {
    const now = Date.now();
    if (now - this.lookedAt < LOOK_EVERY && ++this.takenSince < LOOK_AFTER) return;
    this.lookedAt = now;
    this.takenSince = 0;
    const { feed, logger } = this.ports;
    const { mostWaiting = MOST_WAITING } = this.options;
    const { signal } = this.stopping;
    for (let told = false; !signal.aborted && (await feed.waiting()) > mostWaiting; told = true) {
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
      const outcome = await carryOutWork(work, attempt === 1, { ...ports, files, isMounted });
      this.failures.delete(taken.position);
      if (outcome === 'done') await taken.done();
      else if (outcome !== 'unmounted') taken.later(delay(attempt));
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
      if (this.ports.isPassing(error)) return taken.later(delay(attempt));
      const failures = (this.failures.get(position) ?? 0) + 1;
      this.failures.set(position, failures);
      if (failures < MOST_FAILURES) return taken.later(delay(attempt));
      this.failures.delete(position);
      await failed.add('jobs', position, (error as Error).message);
      const tally = TallySum.ofPiece();
      for (const { folder } of work.jobs) tally.kept.push({ folder, reason: 'unreadable', detail: kind });
      await registry.addTally(work.scan, pieceOf(work), tally);
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
    for (const [id, { readAt }] of this.states) if (now - readAt >= STATE_FRESH) this.states.delete(id);
    this.states.set(scan, { scan: found, readAt: now });
    return found?.state;
  }
}

function isScanned(state: ScanState | undefined): boolean {
  return state?.status === 'starting' || state?.status === 'scanning';
}
