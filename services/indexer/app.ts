// The indexer: brings the records of the log into the index, batch by batch, and says that one is done only when the
// index has taken all of it. Any number of indexers share the records.

import type { FailedMessages } from '../../core/ports/failed-messages.ts';
import type { Log } from '../../core/ports/log.ts';
import type { RecordIndex } from '../../core/ports/record-index.ts';
import type { ChunkEntry, LoggedBatch, RecordFeed } from '../../core/ports/record-log.ts';
import { pause } from '../../core/stages/pause.ts';

export interface IndexerPorts {
  readonly feed: Pick<RecordFeed, 'batches'>;
  readonly index: Pick<RecordIndex, 'put'>;
  readonly failed: Pick<FailedMessages, 'add'>;
  readonly logger: Pick<Log, 'warn'>;
}

/** Entries put into the index at a time. */
const MOST_ENTRIES = 500;
/** Batches under way: while the documents of one are made here, Elasticsearch has those of the other. */
const BATCHES = 2;
/** After a failure the index is left alone for this long, and twice as long each time (milliseconds). */
const RETRY_FIRST = 250;
const RETRY_MOST = 30_000;
const WORKING_EVERY = 3_000;

export class Indexer {
  private readonly ports: IndexerPorts;
  private readonly stopping = new AbortController();
  /** Batches under way, and the chunks that each has. */
  private readonly underWay = new Map<Promise<void>, ReadonlySet<string>>();
  /** Ends when the index has been left alone for long enough. */
  private rest: Promise<void> = Promise.resolve();
  /** Entries that the index has taken, and batches that it has refused for now. */
  readonly counts = { entries: 0, refused: 0, retries: 0 };

  constructor(ports: IndexerPorts) {
    this.ports = ports;
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        for await (const batch of this.ports.feed.batches(MOST_ENTRIES, signal)) await this.begin(batch);
      } catch (error) {
        this.ports.logger.warn({ reason: (error as Error).message }, 'the records stopped coming');
      }
      await Promise.all(this.underWay.keys());
      await pause(RETRY_FIRST, signal);
    }
  }

  /** Ends when the batches at hand are done, or given back. */
  stop(): void {
    this.stopping.abort();
  }

  /** Resolves when another batch may be asked for. */
  private async begin(batch: LoggedBatch): Promise<void> {
    const chunks = new Set(batch.entries.flatMap(({ entry }) => (entry.entry === 'chunk' ? [keyOf(entry)] : [])));
    // Of a chunk that changes twice the older state is done with first: what an indexer that is killed leaves half
    // written of it would be found by nobody, since the log has only the newer one.
    while ([...this.underWay.values()].some((others) => !chunks.isDisjointFrom(others)))
      await Promise.race(this.underWay.keys());
    const put = this.put(batch)
      .catch((error: Error) => this.ports.logger.warn({ reason: error.message }, 'a batch was given up'))
      .finally(() => this.underWay.delete(put));
    this.underWay.set(put, chunks);
    if (this.underWay.size >= BATCHES) await Promise.race(this.underWay.keys());
  }

  /** While the index does not take the batches no others are asked for: so the log, not the memory, holds what waits. */
  private async put(batch: LoggedBatch): Promise<void> {
    const { index, failed, logger } = this.ports;
    const { signal } = this.stopping;
    const timer = setInterval(() => batch.working(), WORKING_EVERY);
    try {
      for (let wait = RETRY_FIRST; ; wait = Math.min(RETRY_MOST, wait * 2)) {
        await this.rest;
        try {
          for (const { sequence, reason } of await index.put(batch.entries)) {
            await failed.add('records', sequence, reason);
            this.counts.refused++;
          }
          await batch.done();
          this.counts.entries += batch.entries.length;
          return;
        } catch (error) {
          this.counts.retries++;
          logger.warn(
            { entries: batch.entries.length, reason: (error as Error).message },
            'the index takes nothing now',
          );
          // The other batch waits as well.
          if (!signal.aborted) await (this.rest = pause(wait, signal));
          if (signal.aborted) return batch.later(0);
        }
      }
    } finally {
      clearInterval(timer);
    }
  }
}

function keyOf({ archive, folder, chunk }: ChunkEntry): string {
  return `${archive.number}.${chunk.bits}.${chunk.index}/${folder}`;
}
