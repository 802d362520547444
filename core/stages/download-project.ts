// Has a PACS send what a download does not have yet: series by series, over several associations at a time, and what does
// not come in a series instance by instance. The status of a C-MOVE or C-GET proves nothing: a series is done when each
// of its instances is on disk, and unobtainable when it was asked for several times and nothing came for a while.
import type { Identifier } from '../dimse/identifier.ts';
import { isTemporary, isWarning, STATUS } from '../dimse/statuses.ts';
import { DitagError, ditagError, type ErrorCode } from '../errors/errors.ts';
import type { DownloadFiles } from '../ports/download-files.ts';
import type { SeriesProgress } from '../ports/gateways.ts';
import type { Pacs, PacsRetrievals } from '../ports/pacs.ts';
import type { DownloadStore } from '../ports/project-store.ts';
import { Pace } from '../projects/pace.ts';
import { type TimeWindow, untilOpen } from '../projects/time-window.ts';
import type { Arrivals } from './download-arrivals.ts';
import type { ActiveSeries, DownloadPlan, PlannedSeries } from './download-plan.ts';
import { pause } from './pause.ts';
import { RetrievalConnection } from './retrieval-connection.ts';
import { reasonOf, retrievalRequests } from './retrieval-requests.ts';

/** Asking again changes nothing of these. */
const HOPELESS: ReadonlySet<ErrorCode> = new Set(['not-offered', 'tls-failed']);
/** The PACS may say that it is done before the last instance has come: so long is looked whether more comes (milliseconds). */
const SETTLE = 1_500;
const LOOK_EVERY = 50;
/** Pause before a series of which something is missing is asked for again; doubles with each round (milliseconds). */
const FIRST_PAUSE = 1_000;
const LOOK_AT_SPACE_EVERY = 2_000;
/** Bytes that stay free, as a rule. */
export const SPACE_LEFT = 1e9;

export interface DownloadPorts {
  readonly plan: DownloadPlan;
  readonly pacs: Pacs;
  readonly arrivals: Pick<Arrivals, 'underWay' | 'notStored'>;
  readonly download: Pick<DownloadStore, 'setReason'>;
  readonly files: Pick<DownloadFiles, 'freeSpace'>;
}

export interface DownloadOptions {
  /** Retrievals at a time, at most. */
  readonly threads: number;
  /** How often a series is asked for, and how long nothing may have come of it (milliseconds), before it is unobtainable. */
  readonly rounds: number;
  readonly patience: number;
  readonly window: TimeWindow | undefined;
  /** Bytes that are to stay free. */
  readonly reserve: number;
  readonly onProgress: (progress: DownloadProgress) => void;
  readonly signal: AbortSignal;
}

export interface DownloadProgress {
  readonly expected: number;
  readonly received: number;
  readonly bytes: number;
  /** What each association is doing: of its series, how many instances there are. */
  readonly doing: readonly SeriesProgress[];
  /** Associations that may work. */
  readonly allowed: number;
  /** Milliseconds until the hours in which the PACS may be asked; 0 within them. */
  readonly opensIn: number;
}

export interface DownloadOutcome {
  /** Series that are not whole, each with the reason. */
  readonly open: readonly (readonly [series: PlannedSeries, reason: string])[];
  /** Why it ended before everything was tried. */
  readonly stopped: DitagError | undefined;
}

/** A series that is not whole. */
interface Item {
  readonly series: PlannedSeries;
  /** How often it was asked for since something of it came. */
  rounds: number;
  /** When one of its instances came last that was missing, or else when it was asked for first (performance.now()). */
  heardAt: number | undefined;
  notBefore: number;
  reason: string;
  /** Whether to ask for what is missing by name: not where the PACS has refused to send like that. */
  isByName: boolean;
}

/** Retrieves these series. Never throws what the PACS does; where `signal` aborts, what is not whole stays open. */
export async function downloadSeries(
  series: readonly PlannedSeries[],
  ports: DownloadPorts,
  options: DownloadOptions,
): Promise<DownloadOutcome> {
  return new Download(series, ports, options).run();
}

class Download {
  private readonly ports: DownloadPorts;
  private readonly options: DownloadOptions;
  private readonly queue: Item[];
  private readonly pace: Pace;
  private readonly ending = new AbortController();
  private readonly unobtainable: Item[] = [];
  private readonly active = new Set<ActiveSeries>();
  private underWay = 0;
  private stopped: DitagError | undefined;
  private readonly withoutSpaceBefore: number;
  /** When the PACS was heard last, apart from instances. */
  private answeredAt = performance.now();

  constructor(series: readonly PlannedSeries[], ports: DownloadPorts, options: DownloadOptions) {
    this.ports = ports;
    this.options = options;
    this.pace = new Pace(options.threads);
    this.withoutSpaceBefore = this.withoutSpace;
    this.queue = series.map((one) => ({
      series: one,
      rounds: 0,
      heardAt: undefined,
      notBefore: 0,
      reason: '',
      isByName: true,
    }));
  }

  async run(): Promise<DownloadOutcome> {
    const { signal, threads } = this.options;
    const end = () => this.ending.abort(signal.reason);
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    const watch = this.watchSpace();
    try {
      const workers = Math.min(threads, this.queue.length);
      await Promise.all(Array.from({ length: workers }, (_, i) => this.work(i)));
    } finally {
      this.ending.abort(new Error('done'));
      signal.removeEventListener('abort', end);
      await watch;
    }
    for (const item of this.queue) if (this.stopped !== undefined) item.reason = this.stopped.message;
    const open = [...this.unobtainable, ...this.queue]
      // Something may have come after it was given up.
      .filter(({ series }) => series.received < series.expected)
      .map((item) => [item.series, item.reason] as const);
    if (!signal.aborted)
      for (const [{ SeriesInstanceUID }, reason] of open)
        await this.ports.download.setReason(SeriesInstanceUID, reason);
    return { open, stopped: this.stopped };
  }

  /** One association after the other, and over it one series after the other. */
  private async work(number: number): Promise<void> {
    const { signal } = this.ending;
    const connection = new RetrievalConnection(this.ports.pacs, signal);
    const abort = () => connection.abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      while (!signal.aborted && (this.queue.length > 0 || this.underWay > 0)) {
        const item = await this.take(number);
        if (item === undefined) {
          // Others may need the association that this one may not use, and outside of the hours nobody has any.
          if (number >= this.pace.limit(performance.now()) || this.opensIn() > 0) await connection.close();
          await pause(LOOK_EVERY, signal);
          continue;
        }
        this.underWay++;
        try {
          await this.round(item, connection);
        } finally {
          this.underWay--;
          this.tell();
        }
      }
    } finally {
      signal.removeEventListener('abort', abort);
      await connection.close();
    }
  }

  /** The next series, where this worker may ask for one now. */
  private async take(number: number): Promise<Item | undefined> {
    const now = performance.now();
    if (number >= this.pace.limit(now)) return undefined;
    if (this.opensIn() > 0) {
      // Time in which nothing is asked is nobody's silence.
      this.answeredAt = now;
      this.tell();
      return undefined;
    }
    const at = this.queue.findIndex((item) => item.notBefore <= now);
    return at < 0 ? undefined : this.queue.splice(at, 1)[0];
  }

  /** Asks for a series once, and decides what is to become of it. */
  private async round(item: Item, connection: RetrievalConnection): Promise<void> {
    const { plan, download } = this.ports;
    const began = performance.now();
    const active = await plan.begin(item.series);
    const before = active.left;
    const { rounds: roundsBefore } = item;
    this.active.add(active);
    this.tell();
    try {
      if (before > 0) await this.ask(item, active, connection);
      if (active.left > 0) await this.settle(active);
    } catch (error) {
      if (!(error instanceof DitagError)) throw error;
      item.reason = error.message;
    } finally {
      this.active.delete(active);
      plan.end(active);
    }
    // What it said of what came says less than that.
    item.reason = active.notCounted.text() || item.reason;
    // Also where bytes are left: there may be no room for more files, or a quota.
    if (this.withoutSpace > this.withoutSpaceBefore) this.stop(ditagError('no-space', {}));
    const came = before - active.left;
    const now = performance.now();
    // What comes again and again brings a series no nearer to its end.
    if (active.lastNew !== undefined) item.heardAt = active.lastNew;
    if (active.left === 0) {
      this.pace.wentWell(came, now - began);
      // It is not waited for: nothing rests on it.
      if (item.reason !== '') download.setReason(item.series.SeriesInstanceUID, '').catch(() => {});
      return;
    }
    const isAsked = item.rounds > roundsBefore;
    if (came > 0) item.rounds = Math.min(item.rounds, 1);
    const { rounds, patience } = this.options;
    const heardAt = (item.heardAt ??= began);
    if (isAsked && item.rounds >= rounds && now - heardAt >= patience && !this.ending.signal.aborted) {
      this.unobtainable.push(item);
      return;
    }
    const wait = FIRST_PAUSE * 2 ** Math.min(Math.max(item.rounds - 1, 0), 6);
    item.notBefore = isAsked && item.rounds >= rounds ? heardAt + patience : now + Math.min(wait, patience);
    this.queue.push(item);
  }

  /** Asks for a series; the round counts once there is an association. Throws why the PACS could not be asked. */
  private async ask(item: Item, active: ActiveSeries, connection: RetrievalConnection): Promise<void> {
    const missing = [...active.missing.values()];
    let retrievals: PacsRetrievals;
    try {
      retrievals = await connection.open([...new Set(missing.map(({ SOPClassUID }) => SOPClassUID))]);
    } catch (error) {
      if (this.ending.signal.aborted) return;
      this.lost(error);
      throw error;
    }
    if (this.ending.signal.aborted) return;
    item.rounds++;
    item.heardAt ??= performance.now();
    for (const { identifier, isByName } of retrievalRequests(active, {
      isFirst: item.rounds === 1,
      isByName: item.isByName,
    })) {
      const answer = await this.retrieve(retrievals, identifier, active);
      const { status } = answer;
      if (status === STATUS.moveDestinationUnknown) this.stop(ditagError('destination-unknown', {}));
      if (isTemporary(status)) this.pace.refused(performance.now());
      item.reason = reasonOf(answer);
      if (active.left === 0 || this.ending.signal.aborted) return;
      if (status === STATUS.success || isWarning(status)) continue;
      // What it refuses like this it may send otherwise.
      if (!isTemporary(status)) item.isByName = !isByName;
      return;
    }
  }

  /** Throws what `PacsRetrievals.retrieve` throws. A retrieval of which nothing comes for too long is ended. */
  private async retrieve(retrievals: PacsRetrievals, identifier: Identifier, active: ActiveSeries) {
    const { arrivals } = this.ports;
    const { patience } = this.options;
    const asked = performance.now();
    let isStalled = false;
    const watch = setInterval(() => {
      const heard = Math.max(asked, active.lastArrival ?? 0);
      if (arrivals.underWay > 0 || performance.now() - heard < patience) return;
      isStalled = true;
      retrievals.abort();
    }, LOOK_EVERY * 4);
    try {
      const answer = await retrievals.retrieve(identifier, () => {
        this.answeredAt = performance.now();
        this.tell();
      });
      this.answeredAt = performance.now();
      return answer;
    } catch (error) {
      if (isStalled) throw ditagError('pacs-sends-nothing', { seconds: Math.round(patience / 1000) }, error);
      this.lost(error);
      throw error;
    } finally {
      clearInterval(watch);
    }
  }

  /** Waits for what is still on its way. */
  private async settle(active: ActiveSeries): Promise<void> {
    const { arrivals } = this.ports;
    const asked = performance.now();
    while (active.left > 0 && !this.ending.signal.aborted) {
      const quiet = performance.now() - Math.max(asked, active.lastArrival ?? 0);
      if (quiet > Math.min(SETTLE, this.options.patience) && arrivals.underWay === 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_EVERY);
        active.onArrival = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The association was lost or not to be had: fewer of them, later; and none any more where that lasts too long. */
  private lost(error: unknown): void {
    if (!(error instanceof DitagError) || this.ending.signal.aborted) return;
    const now = performance.now();
    this.pace.refused(now);
    const arrivals = Array.from(this.active, ({ lastArrival = 0 }) => lastArrival);
    const isSilent = now - Math.max(this.answeredAt, ...arrivals) >= this.options.patience;
    if (isSilent || HOPELESS.has(error.code)) this.stop(error);
  }

  /** Instances that found no space; the gateway counts them for all that it has to do. */
  private get withoutSpace(): number {
    return this.ports.arrivals.notStored.get('no-space') ?? 0;
  }

  private stop(error: DitagError): void {
    this.stopped ??= error;
    this.ending.abort(error);
  }

  private async watchSpace(): Promise<void> {
    const { files, plan } = this.ports;
    const { signal } = this.ending;
    while (!signal.aborted) {
      const free = await files.freeSpace().catch(() => Number.POSITIVE_INFINITY);
      if (free < this.options.reserve)
        this.stop(ditagError('disk-full', { free: megabytes(free), reserve: megabytes(this.options.reserve) }));
      if (plan.failure instanceof DitagError) this.stop(plan.failure);
      await pause(LOOK_AT_SPACE_EVERY, signal);
    }
  }

  /** Milliseconds until the PACS may be asked; 0 where it may be now. */
  private opensIn(): number {
    const { window } = this.options;
    return window === undefined ? 0 : untilOpen(window, new Date());
  }

  private tell(): void {
    const { plan } = this.ports;
    const { onProgress } = this.options;
    const opensIn = this.opensIn();
    const allowed = this.pace.limit(performance.now());
    const doing = Array.from(this.active, ({ series }) => series);
    onProgress({ ...plan.counts, doing, allowed, opensIn });
  }
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1e6)} MB`;
}
