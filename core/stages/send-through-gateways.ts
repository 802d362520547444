// The stage that has instances sent by the gateways of a cluster: it puts items of work into the queue, a limited number
// ahead of what is done, and tells what becomes of each instance exactly once, however often an item is carried out.

import { DitagError, ditagError } from '../errors/errors.ts';
import { type SendOutcome, type SendResult, untoldFiles } from '../instance/send-outcome.ts';
import type { Gateways } from '../ports/gateways.ts';
import type { InstanceIndex, SeriesFile } from '../ports/instance-index.ts';
import type { ResultPage, StoreResults } from '../ports/store-results.ts';
import type { PacsAddress, WorkQueue } from '../ports/work-queue.ts';
import { Attendance, QUIET } from './gateway-items.ts';
import { pause } from './pause.ts';
import { instancesToSend } from './send-instances.ts';
import { ItemCutter } from './store-items.ts';

export interface GatewaySendPorts {
  readonly index: Pick<InstanceIndex, 'instancesOf'>;
  readonly queue: WorkQueue;
  readonly results: StoreResults;
  readonly gateways: Gateways;
}

export interface GatewaySendOptions {
  /** Its id, which no other send has. */
  readonly send: string;
  readonly pacs: PacsAddress;
  /** With this PACS at a time, of all gateways and all sends together. */
  readonly associations: number;
  /** These as of `sendInstances`. */
  readonly skip?: (SOPInstanceUID: string, SeriesInstanceUID: string) => boolean;
  readonly onResult: (result: SendResult) => void;
  readonly onSeries?: (instances: number) => void;
  readonly signal: AbortSignal;
}

/** Items that are in the queue or under way. */
const MOST_OPEN = 64;
/** How often it is looked for results (milliseconds). */
const LOOK_EVERY = 100;
/** What fails is tried again for so long, in such steps (milliseconds): the cluster may come back. */
const SILENCE = 60_000;
const AGAIN = 500;

interface OpenItem {
  readonly files: readonly SeriesFile[];
  /** Files whose result was told. */
  readonly told: Set<number>;
}

/** Resolves when each instance has its outcome, or `signal` has aborted and what was under way is done. Throws `no-gateway`, `gateways-gone`. */
export async function sendThroughGateways(
  series: readonly string[],
  ports: GatewaySendPorts,
  options: GatewaySendOptions,
): Promise<void> {
  await new GatewaySend(ports, options).run(series);
}

class GatewaySend {
  private readonly ports: GatewaySendPorts;
  private readonly options: GatewaySendOptions;
  private readonly open = new Map<number, OpenItem>();
  /** By archive: a gateway that takes an item sees all that is to go. */
  private readonly cutters = new Map<string, ItemCutter>();
  /** Name of the PACS's queue. */
  private queue = '';
  private items = 0;
  private next = 0;
  private lookedAt = 0;
  private heardAt = performance.now();
  private readonly attendance = new Attendance();

  constructor(ports: GatewaySendPorts, options: GatewaySendOptions) {
    this.ports = ports;
    this.options = options;
  }

  async run(series: readonly string[]): Promise<void> {
    const { queue, gateways, results } = this.ports;
    const { send, pacs, associations, signal } = this.options;
    // Only they make what a queue needs: they are called first.
    if ((await gateways.call()) === undefined) throw ditagError('no-gateway', {});
    this.queue = await queue.open(pacs, associations);
    const archives = (await gateways.call(this.queue)) ?? new Set();
    try {
      await this.add(series, archives);
      while (this.open.size > 0 && !signal.aborted) await this.wait();
      if (this.open.size > 0) await this.interrupt();
    } catch (error) {
      await queue.drop(send).catch(() => {});
      await gateways.cancel(send).catch(() => {});
      throw error;
    } finally {
      await results.remove(send).catch(() => {});
    }
  }

  private async add(series: readonly string[], archives: ReadonlySet<string>): Promise<void> {
    const { options } = this;
    for await (const copies of instancesToSend(series, this.ports, options)) {
      const seen = copies.filter(({ archive }) => archives.has(archive));
      if (seen.length === 0) {
        for (const { file, outcome } of untoldFiles(copies, () => false))
          this.give(file, outcome, `no gateway of the cluster sees the archive ${file.archive}`);
        continue;
      }
      const others = copies.filter(({ archive }) => !archives.has(archive));
      await this.addItem(this.cutterOf(seen[0]!.archive).add([...seen, ...others]));
    }
    for (const cutter of this.cutters.values()) await this.addItem(cutter.take());
  }

  private cutterOf(archive: string): ItemCutter {
    const cutter = this.cutters.get(archive) ?? new ItemCutter();
    this.cutters.set(archive, cutter);
    return cutter;
  }

  private async addItem(files: readonly SeriesFile[] | undefined): Promise<void> {
    const { send, pacs, signal } = this.options;
    if (files === undefined || signal.aborted) return;
    while (this.open.size >= MOST_OPEN && !signal.aborted) await this.wait();
    const item = this.items++;
    this.open.set(item, { files, told: new Set() });
    await patiently(() => this.ports.queue.add({ send, item, pacs, files }));
    if (performance.now() - this.lookedAt > LOOK_EVERY) await this.look();
  }

  /** Waits for results a while. */
  private async wait(): Promise<void> {
    if (await this.look()) return;
    const quiet = performance.now() - this.heardAt;
    if (quiet > QUIET) await this.check();
    await pause(LOOK_EVERY);
  }

  /** Tells what has become known. @returns whether that is anything */
  private async look(): Promise<boolean> {
    this.lookedAt = performance.now();
    const pages = await patiently(async () => {
      const found: ResultPage[] = [];
      // What broke off in the middle is read again from its start.
      let after = this.next;
      for await (const { page, next } of this.ports.results.pages(this.options.send, this.next)) {
        found.push(page);
        after = next;
      }
      this.next = after;
      return found;
    });
    for (const page of pages) this.tell(page);
    if (pages.length > 0) this.heardAt = performance.now();
    return pages.length > 0;
  }

  private tell({ item, results, isLast }: ResultPage): void {
    const open = this.open.get(item);
    if (open === undefined) return;
    for (const { file: number, outcome, status, reason, bytes } of results) {
      const file = open.files[number];
      if (file === undefined || open.told.has(number)) continue;
      open.told.add(number);
      const { SeriesInstanceUID } = file;
      this.options.onResult({ SeriesInstanceUID, file, outcome, status, reason, bytes });
    }
    if (isLast || open.told.size === open.files.length) this.end(item, open);
  }

  private end(item: number, { files, told }: OpenItem): void {
    this.open.delete(item);
    for (const { file, outcome } of untoldFiles(files, (place) => told.has(place)))
      this.give(file, outcome, 'no gateway said what became of it');
  }

  private give(file: SeriesFile, outcome: SendOutcome, reason: string): void {
    const { SeriesInstanceUID } = file;
    this.options.onResult({ SeriesInstanceUID, file, outcome, status: undefined, reason, bytes: 0 });
  }

  /** Nothing was heard for a while. */
  private async check(): Promise<void> {
    const { queue, gateways } = this.ports;
    this.heardAt = performance.now();
    if ((await patiently(() => queue.left(this.options.send))) === 0) {
      // A gateway tells before it is done: what is not known now will never be.
      await this.look();
      for (const [item, open] of [...this.open]) this.end(item, open);
      return;
    }
    this.attendance.note((await patiently(() => gateways.call(this.queue))) !== undefined);
  }

  /** What nobody has taken is forgotten; of what is under way the instance that is on its way is finished. */
  private async interrupt(): Promise<void> {
    const { send } = this.options;
    await patiently(() => this.ports.queue.drop(send));
    while ((await patiently(() => this.ports.gateways.cancel(send))) > 0) {
      await this.look();
      await pause(LOOK_EVERY);
    }
    await this.look();
  }
}

async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  const until = performance.now() + SILENCE;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof DitagError || performance.now() > until) throw error;
      await pause(AGAIN);
    }
  }
}
