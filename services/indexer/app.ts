// The indexer: brings the records of the log into the index, batch by batch, and says that one is done only when the
// index has taken all of it. Any number of indexers share the records.
import type { FailedMessages } from '../../core/ports/failed-messages.ts';
import type { RecordIndex } from '../../core/ports/record-index.ts';
import type { LoggedBatch, RecordFeed } from '../../core/ports/record-log.ts';

export interface IndexerPorts {
  readonly feed: Pick<RecordFeed, 'batches'>;
  readonly index: Pick<RecordIndex, 'put'>;
  readonly failed: Pick<FailedMessages, 'add'>;
  readonly logger: IndexerLog;
}

/** What the indexer tells: positions and counts, never values. */
export interface IndexerLog {
  warn(details: Readonly<Record<string, unknown>>, message: string): void;
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
  private readonly underWay = new Set<Promise<void>>();
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
        for await (const batch of this.ports.feed.batches(MOST_ENTRIES, signal)) {
          const put = this.put(batch).finally(() => this.underWay.delete(put));
          this.underWay.add(put);
          if (this.underWay.size >= BATCHES) await Promise.race(this.underWay);
        }
      } catch (error) {
        this.ports.logger.warn({ reason: (error as Error).message }, 'the records stopped coming');
      }
      await Promise.all(this.underWay);
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, RETRY_FIRST));
    }
  }

  /** Ends when the batches at hand are done, or given back. */
  stop(): void {
    this.stopping.abort();
  }

  /** While the index does not take the batches no others are asked for: so the log, not the memory, holds what waits. */
  private async put(batch: LoggedBatch): Promise<void> {
    const { index, failed, logger } = this.ports;
    const timer = setInterval(() => batch.working(), WORKING_EVERY);
    try {
      for (let wait = RETRY_FIRST; ; wait = Math.min(RETRY_MOST, wait * 2)) {
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
          if (this.stopping.signal.aborted) return batch.later(0);
          await new Promise((resolve) => setTimeout(resolve, wait));
        }
      }
    } finally {
      clearInterval(timer);
    }
  }
}
