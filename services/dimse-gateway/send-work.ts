// Carries out items of sends: sends the files of each over an association of its own, and tells what became of every
// instance before the item is done.

import { DitagError } from '../../core/errors/errors.ts';
import { isSent, type SendResult } from '../../core/instance/send-outcome.ts';
import type { InstanceFiles } from '../../core/ports/instance-files.ts';
import type { SeriesFile } from '../../core/ports/instance-index.ts';
import type { Log } from '../../core/ports/log.ts';
import type { StorePeer } from '../../core/ports/store-peer.ts';
import type { StoreResults } from '../../core/ports/store-results.ts';
import type { PacsAddress, StoreItem, TakenItem } from '../../core/ports/work-queue.ts';
import { sendInstances } from '../../core/stages/send-instances.ts';
import { ItemResults } from './item-results.ts';

export interface SendWorkPorts {
  readonly results: StoreResults;
  readonly files: InstanceFiles;
  readonly peerOf: (pacs: PacsAddress) => StorePeer;
  /** Whether an archive's mount is there now. */
  readonly isMounted: (archive: string) => Promise<boolean>;
  /** Whether a gateway that runs now sees an archive. */
  readonly isSeenByAny: (archive: string) => Promise<boolean>;
  readonly log: Log;
}

export interface SendWorkOptions {
  /** Names of the archives that are mounted here. */
  readonly archives: readonly string[];
  /** As of `sendInstances`. */
  readonly pauses?: readonly number[];
}

/** Results are told so often (milliseconds). */
const TELL_EVERY = 250;
const PAUSES = [1_000, 2_000, 4_000];
/** An item for which there was no association is tried again after this (milliseconds), so often. */
const AGAIN = 2_000;
const MOST_TRIES = 4;
/** The same where the PACS refuses, and takes nothing else of the send either meanwhile: as long as it does it has enough to do. */
const MOST_REFUSALS = 30;
/** Sends, and items, of which it is remembered how they were refused. */
const MOST_REMEMBERED = 10_000;
/** As often an item may be begun with at all: it may be what ends those that do. */
const MOST_BEGUN = 40;

export class SendWork {
  private readonly ports: SendWorkPorts;
  private readonly options: SendWorkOptions;
  private readonly isCancelled: (send: string) => boolean;
  /** PACSs that gave no association, however often they were asked: as they were called. */
  private readonly lost = new Set<string>();
  private readonly refusals: Refusals;
  /** What was done since the start. */
  readonly counts = { items: 0, sent: 0, notSent: 0, bytes: 0 };

  constructor(ports: SendWorkPorts, options: SendWorkOptions, isCancelled: (send: string) => boolean) {
    this.ports = ports;
    this.options = options;
    this.isCancelled = isCancelled;
    this.refusals = new Refusals(ports.results);
  }

  /** False where the item was given back. */
  async carryOut(taken: TakenItem<StoreItem>, signal: AbortSignal): Promise<boolean> {
    const { item, attempt } = taken;
    const { archive } = item.files[0]!;
    const { pauses = PAUSES } = this.options;
    const isOwn = this.options.archives.includes(archive);
    const isSeen = isOwn && (await this.ports.isMounted(archive));
    // Those that see it may have much to do. Where its mount is gone here it may be gone everywhere.
    if (!isSeen && (attempt < MOST_REFUSALS || (!isOwn && (await this.ports.isSeenByAny(archive))))) {
      taken.later(AGAIN);
      return false;
    }
    const results = await ItemResults.open(item, attempt, this.ports.results, pauses);
    if (!isSeen || results.tries >= MOST_BEGUN) {
      const reason = isSeen ? 'gateways that sent it ended' : `no gateway that took it sees the archive ${archive}`;
      await results.failRest(reason);
      return true;
    }
    const began = performance.now();
    const peer = new WatchedPeer(this.ports.peerOf(item.pacs), () => void this.lost.delete(pacsName(item.pacs)));
    await this.sendRest(item, results, peer, signal);
    const comesAgain = !signal.aborted && (await this.isToComeAgain(item, results.tries + 1, peer));
    if (signal.aborted || comesAgain) results.forgetFailures();
    await results.end(!signal.aborted && !comesAgain, comesAgain && isRejection(peer.refusal));
    if (!comesAgain || results.sent > 0) this.tell(item, attempt, results, performance.now() - began);
    if (comesAgain) taken.later(AGAIN);
    else if (!signal.aborted || this.isCancelled(item.send)) return true;
    else taken.later(0);
    return false;
  }

  private async sendRest(item: StoreItem, results: ItemResults, peer: WatchedPeer, signal: AbortSignal): Promise<void> {
    const { files } = this.ports;
    const rest = results.rest();
    const series = [...new Set(rest.map(({ SeriesInstanceUID }) => SeriesInstanceUID))];
    // A PACS that was not to be had for long is asked once an item.
    const pauses = this.lost.has(pacsName(item.pacs)) ? [] : (this.options.pauses ?? PAUSES);
    const timer = setInterval(() => results.flush(), TELL_EVERY);
    try {
      const index = { instancesOf: () => bySeries(rest) };
      const onResult = (result: SendResult) => results.add(result);
      await sendInstances(series, { index, files, peer }, { threads: 1, onResult, signal, pauses });
    } finally {
      clearInterval(timer);
    }
  }

  /** Whether the PACS gave no association, or none any more, and may give one later. */
  private async isToComeAgain(item: StoreItem, tries: number, { refusal }: WatchedPeer): Promise<boolean> {
    const name = pacsName(item.pacs);
    if (refusal === undefined) return false;
    if (isRejection(refusal)) return (await this.refusals.inARow(item)) < MOST_REFUSALS;
    if (tries < MOST_TRIES && !this.lost.has(name)) return true;
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
}

/** How often a PACS has refused an item in a row, while it took nothing of the send from anybody. */
class Refusals {
  private readonly results: StoreResults;
  /** By send: how far its results were read, and how many of its instances had been stored by then. */
  private readonly sends = new Map<string, { next: number; stored: number }>();
  private readonly items = new Map<string, { stored: number; times: number }>();

  constructor(results: StoreResults) {
    this.results = results;
  }

  /** With the refusal that has just been. */
  async inARow({ send, item }: StoreItem): Promise<number> {
    const stored = await this.storedOf(send);
    const key = `${send} ${item}`;
    const before = this.items.get(key);
    const times = before?.stored === stored ? before.times + 1 : 1;
    this.items.delete(key);
    this.items.set(key, { stored, times });
    if (this.items.size > MOST_REMEMBERED) this.items.delete(this.items.keys().next().value!);
    return times;
  }

  /** Each page is read once. */
  private async storedOf(send: string): Promise<number> {
    const known = this.sends.get(send) ?? { next: 0, stored: 0 };
    this.sends.delete(send);
    this.sends.set(send, known);
    if (this.sends.size > MOST_REMEMBERED) this.sends.delete(this.sends.keys().next().value!);
    for await (const { page, next } of this.results.pages(send, known.next)) {
      known.next = next;
      known.stored += page.results.filter(({ outcome }) => isSent(outcome)).length;
    }
    return known.stored;
  }
}

function isRejection(refusal: DitagError | undefined): boolean {
  return refusal?.code === 'association-rejected';
}

/** Remembers why the last association was not to be had. */
class WatchedPeer implements StorePeer {
  private readonly peer: StorePeer;
  private readonly opened: () => void;
  /** Undefined where it was. */
  refusal: DitagError | undefined;

  /** @param opened is called when there is an association */
  constructor(peer: StorePeer, opened: () => void) {
    this.peer = peer;
    this.opened = opened;
  }

  async open(...[contexts, signal]: Parameters<StorePeer['open']>): ReturnType<StorePeer['open']> {
    try {
      const association = await this.peer.open(contexts, signal);
      this.refusal = undefined;
      this.opened();
      return association;
    } catch (error) {
      if (error instanceof DitagError && !signal.aborted) this.refusal = error;
      throw error;
    }
  }
}

function pacsName({ host, port, calledAETitle, callingAETitle }: PacsAddress): string {
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
