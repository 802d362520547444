// Watches a scan of the cluster to its end. The scan goes on without its watcher; where nothing comes of it, the watcher
// finds out what it waits for.
import { setTimeout as wait } from 'node:timers/promises';
import type { Cluster } from '../../../adapters/nats/connection.ts';
import { NatsIndexGenerations } from '../../../adapters/nats/index-generations.ts';
import { NatsRecordFeed } from '../../../adapters/nats/record-feed.ts';
import { NatsScanCommands } from '../../../adapters/nats/scan-commands.ts';
import { NatsScanQueue } from '../../../adapters/nats/scan-queue.ts';
import { NatsScanRegistry } from '../../../adapters/nats/scan-registry.ts';
import { DitagError, ditagError, ERRORS, type ErrorCode } from '../../../core/errors/errors.ts';
import type { ScanState } from '../../../core/jobs/scan-state.ts';
import type { ScanTally } from '../../../core/jobs/scan-tally.ts';
import type { IndexOptions, ScanWaitsFor } from '../workspace.ts';

/** How often a scan is looked at (milliseconds). */
const LOOK_EVERY = 250;
/** After so long without an answer the watching ends (milliseconds). */
const SILENCE = 60_000;
/** After so long without anything new it is looked what the scan waits for, and again after each such time (milliseconds). */
const STILL = 10_000;

export interface WatchOptions extends Pick<IndexOptions, 'signal' | 'onProgress'> {
  /** Address of the NATS server, as it is configured. */
  readonly url: string;
  /** Milliseconds; only tests have another one. */
  readonly still?: number;
}

/**
 * Resolves when the scan is done. Throws its failure, `scan-cancelled`, `cluster-unreachable`, and `detached` where `signal`
 * aborts before.
 */
export async function watchScan(
  cluster: Cluster,
  scan: string,
  { url, signal, onProgress, still = STILL }: WatchOptions,
): Promise<{ state: ScanState; tally: ScanTally }> {
  const registry = await NatsScanRegistry.open(cluster);
  const queue = new NatsScanQueue(cluster, async () => {});
  const waiting = new Waiting(cluster, still);
  let pieces = 0;
  let heard = performance.now();
  for (;;) {
    if (signal.aborted) throw ditagError('detached', { scan });
    try {
      const found = await registry.find(scan);
      if (found === undefined) throw ditagError('cluster-failed', { reason: `the scan ${scan} is not known any more` });
      const { state } = found;
      if (state.status === 'cancelled') throw ditagError('scan-cancelled', { scan });
      if (state.status === 'failed') throw failureOf(state);
      const tally = await registry.tally(scan);
      if (state.status === 'done') return { state, tally };
      const left = await queue.left(state.archive, scan);
      pieces = Math.max(pieces, left);
      const { files, instances, opened } = tally;
      const step = state.status === 'publishing' ? 'publishing' : 'scanning';
      const waitsFor = await waiting.look(state, `${step} ${files} ${instances} ${opened} ${left}`);
      onProgress({ step, files, instances, opened, done: share(state, files, left, pieces), waitsFor });
      heard = performance.now();
    } catch (error) {
      // The scan goes on without its watcher, and the server may come back: what is not an answer is asked again.
      if (error instanceof DitagError) throw error;
      if (performance.now() - heard > SILENCE) {
        const reason = (error as Error).message;
        throw ditagError('cluster-unreachable', { url, reason, hint: '' }, error);
      }
    }
    await wait(LOOK_EVERY);
  }
}

/** What a scan of which nothing new comes waits for. */
class Waiting {
  private readonly cluster: Cluster;
  private readonly still: number;
  private last = '';
  private since = performance.now();
  private waitsFor: ScanWaitsFor | undefined;

  constructor(cluster: Cluster, still: number) {
    this.cluster = cluster;
    this.still = still;
  }

  /** @param now where the scan stands: as long as that is another one each time, it waits for nothing */
  async look(state: ScanState, now: string): Promise<ScanWaitsFor | undefined> {
    const time = performance.now();
    if (now !== this.last) {
      this.last = now;
      this.since = time;
      this.waitsFor = undefined;
    } else if (time - this.since > this.still) {
      this.since = time;
      this.waitsFor = await this.find(state);
    }
    return this.waitsFor;
  }

  private async find({ archive, status }: ScanState): Promise<ScanWaitsFor> {
    const archives = await new NatsScanCommands(this.cluster.connection).archives();
    if (!archives.includes(archive.name)) return 'a-scanner';
    const generations = await NatsIndexGenerations.open(this.cluster);
    const { answering } = await generations.get();
    const feed = new NatsRecordFeed(
      this.cluster,
      async () => answering,
      async () => {},
    );
    // Where no indexer has ever run there is nothing yet that could say how much waits.
    if ((await feed.waiting().catch(() => 1)) > 0) return 'the-index';
    return status === 'publishing' ? 'the-index' : 'the-archive';
  }
}

/** An estimate: of an archive that is known by its files, else by the work that waits. */
function share({ status, knownFiles }: ScanState, files: number, left: number, most: number): number {
  if (status === 'publishing') return 0.99;
  if (knownFiles > 0) return Math.min(0.99, files / knownFiles);
  return most === 0 ? 0 : Math.min(0.99, (most - left) / most);
}

function failureOf({ failure, id }: ScanState): DitagError {
  if (failure === undefined) return ditagError('cluster-failed', { reason: `the scan ${id} failed` });
  return new DitagError(failure.code in ERRORS ? (failure.code as ErrorCode) : 'cluster-failed', failure.message);
}
