// Carries out items of work: takes them from the queues of the PACSs that have any. Those of sends it sends, each over an
// association of its own, and tells what became of every instance before the item is done; those of projects it has asked
// for (find-work.ts). All gateways of a cluster are alike.
import { DitagError, ERRORS } from '../../core/errors/errors.ts';
import type { SendResult } from '../../core/instance/send-outcome.ts';
import type { GatewaySource } from '../../core/ports/gateways.ts';
import type { InstanceFiles } from '../../core/ports/instance-files.ts';
import type { SeriesFile } from '../../core/ports/instance-index.ts';
import type { StorePeer } from '../../core/ports/store-peer.ts';
import type {
  FindItem,
  RetrieveItem,
  StoreItem,
  StorePacs,
  StoreQueue,
  TakenItem,
} from '../../core/ports/store-queue.ts';
import type { StoreResults } from '../../core/ports/store-results.ts';
import { sendInstances } from '../../core/stages/send-instances.ts';
import { ItemResults } from './item-results.ts';

export interface StoreWorkPorts {
  readonly queue: StoreQueue;
  readonly results: StoreResults;
  readonly commands: GatewaySource;
  readonly files: InstanceFiles;
  readonly peerOf: (pacs: StorePacs) => StorePeer;
  /** Asks for accession numbers, and keeps the answers. False where the PACS could not be asked for all of them. */
  readonly find: (item: FindItem, signal: AbortSignal) => Promise<boolean>;
  /** Has the PACS send series; undefined where there is no place for them. False where it broke off. */
  readonly retrieve?: ((item: RetrieveItem, signal: AbortSignal) => Promise<boolean>) | undefined;
  /** Whether an archive's mount is there now. */
  readonly isMounted: (archive: string) => Promise<boolean>;
  readonly log: StoreWorkLog;
}

/** What is told: ids, AE titles, addresses, counts and outcomes; never UIDs or paths. */
export interface StoreWorkLog {
  info(details: Readonly<Record<string, unknown>>, message: string): void;
  warn(details: Readonly<Record<string, unknown>>, message: string): void;
}

export interface StoreWorkOptions {
  /** Names of the archives that are mounted here. */
  readonly archives: readonly string[];
  /** With one PACS at a time, of this gateway. */
  readonly associations: number;
  /** As of `sendInstances`. */
  readonly pauses?: readonly number[];
}

/** The queue is told so often that an item is worked on (milliseconds). */
const WORKING_EVERY = 1_500;
/** Results are told so often (milliseconds). */
const TELL_EVERY = 250;
/** So often it is looked which queues have work (milliseconds). */
const LOOK_EVERY = 3_000;
/** A queue without work is left after so long (milliseconds). */
const IDLE = 60_000;
const PAUSES = [1_000, 2_000, 4_000];
/** An item for which there was no association is tried again after this (milliseconds), so often. */
const AGAIN = 2_000;
const MOST_TRIES = 4;
/** The same where the PACS refuses: it may have enough of others. */
const MOST_REFUSALS = 30;
/** As often an item may be taken at all: it may be what ends those that take it. */
const MOST_ATTEMPTS = 40;
/** What this gateway cannot do is given back, to come to another one (milliseconds). */
const PASSED_ON = 200;
const REMEMBERED = 1_000;

interface Running {
  readonly send: string;
  readonly ending: AbortController;
}

export class StoreWork {
  private readonly ports: StoreWorkPorts;
  private readonly options: StoreWorkOptions;
  private readonly stopping = new AbortController();
  private readonly takers = new Map<string, Promise<unknown>>();
  private readonly running = new Set<Running>();
  /** Sends that were interrupted. */
  private readonly cancelled = new Set<string>();
  /** PACSs that gave no association, however often they were asked: as they were called. */
  private readonly lost = new Set<string>();
  private wake: () => void = () => {};
  /** What was done since the start. */
  readonly counts = { items: 0, sent: 0, notSent: 0, bytes: 0 };

  constructor(ports: StoreWorkPorts, options: StoreWorkOptions) {
    this.ports = ports;
    this.options = options;
  }

  /** Runs until `stop`. @param ready is called when commands are answered */
  async run(ready: () => void): Promise<void> {
    const { queue, commands, log } = this.ports;
    const { signal } = this.stopping;
    commands.serve({
      archives: this.options.archives,
      canDownload: this.ports.retrieve !== undefined,
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
      await this.pause(LOOK_EVERY);
    }
    await Promise.all(this.takers.values());
  }

  /** Takes nothing more; of what was taken the instances that are under way are sent, the rest is given back. */
  async stop(): Promise<void> {
    await this.ports.commands.stop();
    this.stopping.abort();
    this.wake();
    for (const { ending } of this.running) ending.abort();
    await Promise.all(this.takers.values());
  }

  private takeFrom(queue: string): void {
    if (this.takers.has(queue) || this.stopping.signal.aborted) return;
    const takers = Array.from({ length: this.options.associations }, () => this.take(queue));
    this.takers.set(
      queue,
      Promise.all(takers).finally(() => this.takers.delete(queue)),
    );
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
        await this.pause(AGAIN);
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
    if ('files' in taken.item) return this.send(taken as TakenItem<StoreItem>, signal);
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

  /** False where the item was given back. */
  private async send(taken: TakenItem<StoreItem>, signal: AbortSignal): Promise<boolean> {
    const { item, attempt } = taken;
    const { archive } = item.files[0]!;
    const { pauses = PAUSES } = this.options;
    const results = await ItemResults.open(item, attempt, this.ports.results, pauses);
    const isSeen = this.options.archives.includes(archive) && (await this.ports.isMounted(archive));
    if (!isSeen && attempt < MOST_REFUSALS) {
      taken.later(AGAIN);
      return false;
    }
    if (!isSeen || attempt > MOST_ATTEMPTS) {
      const reason = isSeen ? 'gateways that sent it ended' : `no gateway that took it sees the archive ${archive}`;
      await results.failRest(reason);
      return true;
    }
    const began = performance.now();
    const peer = new WatchedPeer(this.ports.peerOf(item.pacs));
    await this.sendRest(item, results, peer, signal);
    if (!signal.aborted && this.isToComeAgain(taken, peer)) {
      taken.later(AGAIN);
      return false;
    }
    if (signal.aborted) results.forgetFailures();
    await results.end(!signal.aborted);
    this.tell(item, attempt, results, performance.now() - began);
    if (!signal.aborted || this.cancelled.has(item.send)) return true;
    taken.later(0);
    return false;
  }

  private async sendRest(item: StoreItem, results: ItemResults, peer: WatchedPeer, signal: AbortSignal): Promise<void> {
    const { files } = this.ports;
    const rest = results.rest();
    const series = [...new Set(rest.map(({ SeriesInstanceUID }) => SeriesInstanceUID))];
    // A PACS that was not to be had for long is asked once an item.
    const pauses = this.lost.has(pacsName(item.pacs)) ? [] : (this.options.pauses ?? PAUSES);
    const timer = setInterval(() => {
      // Before there is an association it is not known whether what fails here fails for good.
      if (peer.associations > 0) results.flush();
    }, TELL_EVERY);
    try {
      const index = { instancesOf: () => bySeries(rest) };
      const onResult = (result: SendResult) => results.add(result);
      await sendInstances(series, { index, files, peer }, { threads: 1, onResult, signal, pauses });
    } finally {
      clearInterval(timer);
    }
  }

  /** Whether the PACS gave no association, and may give one later. */
  private isToComeAgain({ item, attempt }: TakenItem<StoreItem>, { associations, refusal }: WatchedPeer): boolean {
    const name = pacsName(item.pacs);
    if (associations > 0) this.lost.delete(name);
    if (associations > 0 || refusal === undefined) return false;
    const most = refusal.code === 'association-rejected' ? MOST_REFUSALS : MOST_TRIES;
    if (attempt < most && !this.lost.has(name)) return true;
    this.lost.add(name);
    return false;
  }

  /** The line of the audit. */
  private tell({ send, item, pacs }: StoreItem, attempt: number, results: ItemResults, milliseconds: number): void {
    const { outcomes, bytes, sent, notSent } = results;
    this.counts.items++;
    this.counts.sent += sent;
    this.counts.notSent += notSent;
    this.counts.bytes += bytes;
    const seconds = Math.round(milliseconds) / 1000;
    const { host, port, calledAETitle, callingAETitle } = pacs;
    const whom = { host, port, calledAETitle, callingAETitle };
    this.ports.log.info({ send, item, attempt, ...whom, outcomes: { ...outcomes }, bytes, seconds }, 'sent');
  }

  private pause(milliseconds: number): Promise<void> {
    if (this.stopping.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.stopping.signal.addEventListener(
        'abort',
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
  }
}

/** Remembers whether there was an association, and why not. */
class WatchedPeer implements StorePeer {
  private readonly peer: StorePeer;
  associations = 0;
  refusal: DitagError | undefined;

  constructor(peer: StorePeer) {
    this.peer = peer;
  }

  async open(contexts: Parameters<StorePeer['open']>[0]): ReturnType<StorePeer['open']> {
    try {
      const association = await this.peer.open(contexts);
      this.associations++;
      return association;
    } catch (error) {
      if (error instanceof DitagError) this.refusal = error;
      throw error;
    }
  }
}

function pacsName({ host, port, calledAETitle, callingAETitle }: StorePacs): string {
  return `${host}:${port} ${calledAETitle} ${callingAETitle}`;
}

async function* bySeries(files: readonly SeriesFile[]): AsyncIterable<readonly SeriesFile[]> {
  for (let at = 0; at < files.length; ) {
    const { SeriesInstanceUID } = files[at]!;
    let end = at;
    while (files[end]?.SeriesInstanceUID === SeriesInstanceUID) end++;
    yield files.slice(at, end);
    at = end;
  }
}
