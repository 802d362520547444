// Carries out items of work: takes them from the queues of the PACSs that have any, says that they are worked on, and gives
// them back where that breaks off. What is done with them: send-work.ts, find-work.ts, download-work.ts. All gateways of a
// cluster are alike.

import { DitagError, ERRORS } from '../../core/errors/errors.ts';
import type { GatewayDoing, GatewaySource } from '../../core/ports/gateways.ts';
import type { FindItem, RetrieveItem, StoreItem, TakenItem, WorkQueue } from '../../core/ports/work-queue.ts';
import { pause } from '../../core/stages/pause.ts';
import { SendWork, type SendWorkOptions, type SendWorkPorts } from './send-work.ts';

export interface GatewayWorkPorts extends SendWorkPorts {
  readonly queue: WorkQueue;
  readonly commands: GatewaySource;
  /** Asks for accession numbers, and keeps the answers. False where the PACS could not be asked for all of them. */
  readonly find: (item: FindItem, signal: AbortSignal) => Promise<boolean>;
  /** Has the PACS send series; undefined where there is no place for them. False where it broke off. */
  readonly retrieve?: ((item: RetrieveItem, signal: AbortSignal) => Promise<boolean>) | undefined;
  /** Bytes that were free a moment ago in the place for them. */
  readonly freeSpace?: (() => number | undefined) | undefined;
  /** What is being retrieved of a download. */
  readonly doing?: ((send: string) => GatewayDoing) | undefined;
}

export interface GatewayWorkOptions extends SendWorkOptions {
  /** With one PACS at a time, of this gateway. */
  readonly associations: number;
}

/** The queue is told so often that an item is worked on (milliseconds). */
const WORKING_EVERY = 1_500;
/** So often it is looked which queues have work (milliseconds). */
const LOOK_EVERY = 3_000;
/** A queue without work is left after so long (milliseconds). */
const IDLE = 60_000;
/** What failed is tried again after this (milliseconds), of a project so often. */
const AGAIN = 2_000;
const MOST_TRIES = 4;
/** What this gateway cannot do is given back, to come to another one (milliseconds). */
const PASSED_ON = 200;
const REMEMBERED = 1_000;

interface Running {
  readonly send: string;
  readonly ending: AbortController;
}

export class GatewayWork {
  private readonly ports: GatewayWorkPorts;
  private readonly options: GatewayWorkOptions;
  private readonly stopping = new AbortController();
  /** By queue: one a possible association, each until there was no work for a while. */
  private readonly takers = new Map<string, Set<Promise<void>>>();
  private readonly running = new Set<Running>();
  /** Sends that were interrupted. */
  private readonly cancelled = new Set<string>();
  private readonly sends: SendWork;

  constructor(ports: GatewayWorkPorts, options: GatewayWorkOptions) {
    this.ports = ports;
    this.options = options;
    this.sends = new SendWork(ports, options, (send) => this.cancelled.has(send));
  }

  /** What was sent since the start. */
  get counts(): SendWork['counts'] {
    return this.sends.counts;
  }

  /** Runs until `stop`. @param ready is called when commands are answered */
  async run(ready: () => void): Promise<void> {
    const { queue, commands, log } = this.ports;
    const { signal } = this.stopping;
    commands.serve({
      archives: this.options.archives,
      canDownload: this.ports.retrieve !== undefined,
      freeSpace: () => this.ports.freeSpace?.(),
      doing: (send) => this.ports.doing?.(send) ?? { series: [], refusedCallers: [], notStored: [] },
      called: (name) => this.takeFrom(name),
      cancelled: (send) => this.cancel(send),
    });
    ready();
    while (!signal.aborted) {
      try {
        for (const name of await queue.busy()) this.takeFrom(name);
      } catch (error) {
        log.warn({ reason: (error as Error).message }, 'it cannot be seen where work is');
      }
      await pause(LOOK_EVERY, signal);
    }
    await this.idle();
  }

  /** Takes nothing more; of what was taken the instances that are under way are sent, the rest is given back. */
  async stop(): Promise<void> {
    await this.ports.commands.stop();
    this.stopping.abort();
    for (const { ending } of this.running) ending.abort();
    await this.idle();
  }

  private async idle(): Promise<void> {
    await Promise.all(Array.from(this.takers.values(), (takers) => Promise.all(takers)));
  }

  private takeFrom(queue: string): void {
    if (this.stopping.signal.aborted) return;
    const takers = this.takers.get(queue) ?? new Set();
    this.takers.set(queue, takers);
    while (takers.size < this.options.associations) {
      const taker = this.take(queue).finally(() => {
        takers.delete(taker);
        if (takers.size === 0) this.takers.delete(queue);
      });
      takers.add(taker);
    }
  }

  private async take(queue: string): Promise<void> {
    const { signal } = this.stopping;
    for (let busyAt = performance.now(); !signal.aborted && performance.now() - busyAt < IDLE; ) {
      try {
        const taken = await this.ports.queue.take(queue, signal);
        if (taken === undefined) continue;
        await this.carryOut(taken);
        busyAt = performance.now();
      } catch (error) {
        this.ports.log.warn({ reason: (error as Error).message }, 'work stopped coming');
        await pause(AGAIN, signal);
      }
    }
  }

  private cancel(send: string): number {
    this.cancelled.add(send);
    for (const oldest of this.cancelled) {
      if (this.cancelled.size <= REMEMBERED) break;
      this.cancelled.delete(oldest);
    }
    const running = [...this.running].filter((one) => one.send === send);
    for (const { ending } of running) ending.abort();
    return running.length;
  }

  private async carryOut(taken: TakenItem): Promise<void> {
    const { item, attempt } = taken;
    const running: Running = { send: item.send, ending: new AbortController() };
    this.running.add(running);
    const timer = setInterval(() => taken.working(), WORKING_EVERY);
    try {
      if (this.stopping.signal.aborted) return taken.later(0);
      const isDone = this.cancelled.has(item.send) || (await this.doItem(taken, running.ending.signal));
      if (isDone) await taken.done();
    } catch (error) {
      // A message may name a file, and that a patient.
      const reason = error instanceof DitagError ? error.code : (error as Error).name;
      this.ports.log.warn({ send: item.send, item: item.item, attempt, reason }, 'an item failed');
      // What it is about stays open in its project, and is told there; a send waits for its results.
      const isHopeless = error instanceof DitagError && ERRORS[error.code].retry === 'never';
      if ('project' in item && (isHopeless || attempt >= MOST_TRIES)) await taken.done();
      else taken.later(AGAIN);
    } finally {
      clearInterval(timer);
      this.running.delete(running);
    }
  }

  /** False where the item was given back. */
  private async doItem(taken: TakenItem, signal: AbortSignal): Promise<boolean> {
    if ('files' in taken.item) return this.sends.carryOut(taken as TakenItem<StoreItem>, signal);
    const { find, retrieve } = this.ports;
    if (!('accessions' in taken.item) && retrieve === undefined) {
      // Another one has a place for it; where none has, the command says so and takes it back.
      taken.later(Math.min(AGAIN, PASSED_ON * taken.attempt));
      return false;
    }
    const isWhole = await ('accessions' in taken.item ? find(taken.item, signal) : retrieve!(taken.item, signal));
    if (!signal.aborted && (isWhole || taken.attempt >= MOST_TRIES)) return true;
    taken.later(signal.aborted ? 0 : AGAIN);
    return false;
  }
}
