// Keeps an indexer at work for every generation of the index: the one that answers, and one that is being built from
// the replayed log. The one that is built answers as soon as it holds everything that the log did when it was looked at.

import { setTimeout as wait } from 'node:timers/promises';
import type { IndexGenerations } from '../../core/ports/index-generations.ts';
import type { Log } from '../../core/ports/log.ts';
import type { RecordFeed, RecordLog } from '../../core/ports/record-log.ts';
import type { Indexer } from './app.ts';

/** How often it is looked which generations there are (milliseconds). */
const LOOK_EVERY = 500;

/** One generation that this process fills. */
export interface GenerationWork {
  readonly indexer: Indexer;
  readonly feed: RecordFeed;
  /** Lets it answer, in the place of all others. */
  answer(): Promise<void>;
  close(): Promise<void>;
}

export interface GenerationPorts {
  readonly generations: IndexGenerations;
  readonly log: RecordLog;
  /** Makes what is missing of a generation. */
  readonly open: (generation: number) => Promise<GenerationWork>;
  readonly logger: Pick<Log, 'warn'>;
}

export class GenerationKeeper {
  private readonly ports: GenerationPorts;
  private readonly open = new Map<number, { readonly work: GenerationWork; readonly running: Promise<void> }>();
  private isStopping = false;
  private looking: Promise<void> = Promise.resolve();

  constructor(ports: GenerationPorts) {
    this.ports = ports;
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    while (!this.isStopping) {
      try {
        this.looking = this.look();
        await this.looking;
      } catch (error) {
        this.ports.logger.warn({ reason: (error as Error).message }, 'the generations could not be looked at');
      }
      await wait(LOOK_EVERY);
    }
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    // What it is opening or ending is open or has ended then.
    await this.looking.catch(() => {});
    for (const generation of [...this.open.keys()]) await this.end(generation);
  }

  /** Entries that the index has taken, of all generations of this process. */
  counts(): { entries: number; refused: number; retries: number } {
    const sum = { entries: 0, refused: 0, retries: 0 };
    for (const { work } of this.open.values()) {
      sum.entries += work.indexer.counts.entries;
      sum.refused += work.indexer.counts.refused;
      sum.retries += work.indexer.counts.retries;
    }
    return sum;
  }

  private async look(): Promise<void> {
    const { generations, log, open } = this.ports;
    const { answering, building } = await generations.get();
    for (const generation of [...this.open.keys()]) {
      if (generation !== answering && generation !== building) await this.end(generation);
    }
    for (const generation of [answering, building]) {
      if (generation === undefined || this.open.has(generation) || this.isStopping) continue;
      const work = await open(generation);
      if (this.isStopping) {
        await work.close();
        return;
      }
      this.open.set(generation, { work, running: work.indexer.run() });
    }
    if (building === undefined) return;
    const work = this.open.get(building)?.work;
    if (work === undefined || !(await work.feed.isPast(await log.end()))) return;
    await work.answer();
    await generations.complete(building);
  }

  private async end(generation: number): Promise<void> {
    const { work, running } = this.open.get(generation)!;
    this.open.delete(generation);
    work.indexer.stop();
    await running;
    await work.close();
  }
}
