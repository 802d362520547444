// Brings scans to their end when none of their work is left. Every scanner looks; of several that see the end at once one
// does it, and where that one dies another takes over. What the end of a scan is stands in core/stages/finish-scan.ts.

import { isActive, type ScanState } from '../../core/jobs/scan-state.ts';
import type { Log } from '../../core/ports/log.ts';
import type { ScanQueue } from '../../core/ports/scan-queue.ts';
import type { KnownScan, ScanRegistry } from '../../core/ports/scan-registry.ts';
import { type FinishPorts, finishScan } from '../../core/stages/finish-scan.ts';
import { pause } from '../../core/stages/pause.ts';

/** How often scans are looked at that may have come to their end (milliseconds). */
const LOOK_EVERY = 250;
/** A scan that is being finished and of which nothing was heard for so long is finished by another (milliseconds). */
const FINISHER_SILENT = 12_000;
/** Scans that ended longer ago are forgotten (milliseconds), and the oldest of more than so many. */
const REMEMBERED = 30 * 86_400_000;
const MOST_REMEMBERED = 1_000;
/** How often that is looked at (milliseconds). */
const FORGET_EVERY = 600_000;
/** The one that finishes a scan says this often that it does (milliseconds). */
const WORKING_EVERY = 3_000;
/** What failed for a reason that may pass is done again after this, and twice as much each time (milliseconds). */
const RETRY_FIRST = 500;
const RETRY_MOST = 60_000;

/** A scan that has not begun after so long has lost its scanner (milliseconds). */
const STARTER_SILENT = 30_000;

export interface KeeperPorts extends Omit<FinishPorts, 'now'> {
  readonly registry: ScanRegistry;
  readonly queue: ScanQueue;
  readonly logger: Log;
}

export class ScanKeeper {
  private readonly ports: KeeperPorts;
  private readonly signal: AbortSignal;

  /** @param signal ends `run` */
  constructor(ports: KeeperPorts, signal: AbortSignal) {
    this.ports = ports;
    this.signal = signal;
  }

  /** Looks for scans that have come to their end, and finishes them. */
  async run(): Promise<void> {
    const { registry, queue, logger } = this.ports;
    let forgotAt = Number.NEGATIVE_INFINITY;
    let forgetting: Promise<void> | undefined;
    while (!this.signal.aborted) {
      await pause(LOOK_EVERY, this.signal);
      try {
        if (forgetting === undefined && performance.now() - forgotAt > FORGET_EVERY) {
          forgotAt = performance.now();
          // No scan waits for it.
          forgetting = this.forget().finally(() => (forgetting = undefined));
        }
        for (const scan of await registry.active()) {
          const { state } = scan;
          if (state.status === 'starting' && Date.now() - scan.changedAt > STARTER_SILENT) await this.start(scan);
          const isOver = state.status === 'scanning' && (await queue.left(state.archive, state.id)) === 0;
          const isLeft = state.status === 'publishing' && Date.now() - scan.changedAt > FINISHER_SILENT;
          if (isOver || isLeft) await this.finishOne(scan);
        }
      } catch (error) {
        logger.warn({ reason: (error as Error).message }, 'scans could not be looked at');
        await pause(RETRY_FIRST, this.signal);
      }
    }
  }

  private async forget(): Promise<void> {
    const { registry, logger } = this.ports;
    try {
      const ended = (await registry.all()).filter(({ state }) => !isActive(state));
      for (const [i, { state, changedAt }] of ended.entries()) {
        if (this.signal.aborted) return;
        const endedAt = state.endedAt === undefined ? changedAt : Date.parse(state.endedAt);
        if (i >= MOST_REMEMBERED || Date.now() - endedAt > REMEMBERED) await registry.remove(state.id);
      }
    } catch (error) {
      logger.warn({ reason: (error as Error).message }, 'scans that ended could not be forgotten');
    }
  }

  /** Whoever began a scan has died before it was begun: it goes on where its first work waits, else it has failed. */
  private async start({ state, revision }: KnownScan): Promise<void> {
    const { registry, queue } = this.ports;
    const hasBegun = (await queue.left(state.archive, state.id)) > 0;
    const failure = { code: 'cluster-failed', message: 'The scanner ended before the scan had begun.' };
    const next: ScanState = hasBegun
      ? { ...state, status: 'scanning' }
      : { ...state, status: 'failed', endedAt: new Date().toISOString(), failure };
    await registry.replace(next, revision);
  }

  private async finishOne({ state, revision }: KnownScan): Promise<void> {
    const { registry, logger } = this.ports;
    const publishing: ScanState = { ...state, status: 'publishing' };
    // Of several scanners that see the end at once one does it.
    if (!(await registry.replace(publishing, revision))) return;
    const heart = setInterval(() => void changeScan(registry, state.id, (now) => now).catch(() => {}), WORKING_EVERY);
    try {
      for (let attempt = 1; !this.signal.aborted; attempt++) {
        try {
          const finished = await finishScan(publishing, { ...this.ports, now: () => new Date().toISOString() });
          await changeScan(registry, state.id, (now) => (now.status === 'publishing' ? finished : undefined));
          logger.info({ scan: state.id, archive: state.archive.number, status: finished.status }, 'scan ended');
          return;
        } catch (error) {
          logger.warn({ scan: state.id, reason: (error as Error).message }, 'the scan cannot be ended yet');
          await pause(delay(attempt), this.signal);
        }
      }
    } finally {
      clearInterval(heart);
    }
  }
}

/** Changes a scan's state as it is now; where `change` gives undefined it is left. */
export async function changeScan(
  registry: ScanRegistry,
  id: string,
  change: (now: ScanState) => ScanState | undefined,
): Promise<void> {
  for (;;) {
    const found = await registry.find(id);
    const next = found === undefined ? undefined : change(found.state);
    if (found === undefined || next === undefined || (await registry.replace(next, found.revision))) return;
  }
}

/** How long to wait before the next attempt (milliseconds). */
export function delay(attempt: number): number {
  return Math.min(RETRY_MOST, RETRY_FIRST * 2 ** (attempt - 1));
}
