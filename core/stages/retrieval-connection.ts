// The association over which a worker of a download has the PACS send, kept open from one series to the next.
import type { Pacs, PacsRetrievals } from '../ports/pacs.ts';

/** A PACS that does not answer a release is not waited for any longer (milliseconds). */
const MOST_FOR_RELEASE = 5_000;

/** The association of a worker, kept open from one series to the next. */
export class RetrievalConnection {
  private readonly pacs: Pacs;
  private readonly signal: AbortSignal;
  private retrievals: PacsRetrievals | undefined;
  /** What it was opened for; none: anything. */
  private classes: ReadonlySet<string> = new Set();

  constructor(pacs: Pacs, signal: AbortSignal) {
    this.pacs = pacs;
    this.signal = signal;
  }

  /** @param classes of what is to come */
  async open(classes: readonly string[]): Promise<PacsRetrievals> {
    // Where the PACS does not say what they are, anything may come.
    const wanted = classes.includes('') ? [] : classes;
    const { retrievals: known } = this;
    const isSame = wanted.length === 0 ? this.classes.size === 0 : wanted.every((uid) => this.classes.has(uid));
    if (known?.isOpen === true && (known.sendsElsewhere || isSame)) return known;
    await this.close();
    const retrievals = await unlessAborted(this.pacs.retrievals(wanted), this.signal);
    this.retrievals = retrievals;
    this.classes = new Set(wanted);
    return retrievals;
  }

  abort(): void {
    this.retrievals?.abort();
  }

  async close(): Promise<void> {
    const { retrievals } = this;
    this.retrievals = undefined;
    if (retrievals?.isOpen !== true) return;
    const timer = setTimeout(() => retrievals.abort(), MOST_FOR_RELEASE);
    await retrievals.close().catch(() => {});
    clearTimeout(timer);
  }
}

/** An association that comes too late is ended. Rejects with the signal's reason. */
async function unlessAborted(opened: Promise<PacsRetrievals>, signal: AbortSignal): Promise<PacsRetrievals> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason as Error);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([opened, aborted.promise]);
  } catch (error) {
    if (signal.aborted) opened.then((late) => late.abort()).catch(() => {});
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
