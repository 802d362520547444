// Brings received instances into the index by the ordinary scan of the archive that they are: not one by one but when
// none came for a while, or some time after the first.

/** Milliseconds. */
export interface IndexPauses {
  /** Without a further instance, before the index is brought up to date. */
  readonly quiet: number;
  /** After the first instance, however many follow. */
  readonly most: number;
  /** Before it is tried again where it failed. */
  readonly again: number;
}

const PAUSES: IndexPauses = { quiet: 2_000, most: 30_000, again: 10_000 };

export class IndexReceived {
  private readonly scan: () => Promise<void>;
  private readonly failed: (error: unknown) => void;
  private readonly pauses: IndexPauses;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> | undefined;
  /** When the first instance came that the index does not have. */
  private since: number | undefined;
  /** Where it failed: not before this is it tried again. */
  private notBefore = 0;
  private isClosed = false;

  /** @param scan brings the index up to date @param failed is told why it could not; it is tried again */
  constructor(scan: () => Promise<void>, failed: (error: unknown) => void, pauses: IndexPauses = PAUSES) {
    this.scan = scan;
    this.failed = failed;
    this.pauses = pauses;
  }

  /** An instance has come; or one may have, before a crash. */
  received(): void {
    this.since ??= performance.now();
    this.plan(this.since);
  }

  /** Ends when the index has all that came, or once it could not be brought up to date. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await this.running;
    if (this.since !== undefined) await this.run();
  }

  /** @param since when the first instance came that the index does not have */
  private plan(since: number): void {
    clearTimeout(this.timer);
    if (this.running !== undefined || this.isClosed) return;
    const now = performance.now();
    const { quiet, most } = this.pauses;
    const wait = Math.max(0, Math.min(quiet, since + most - now), this.notBefore - now);
    this.timer = setTimeout(() => {
      this.running = this.run().finally(() => {
        this.running = undefined;
        if (this.since !== undefined && !this.isClosed) this.plan(this.since);
      });
    }, wait);
  }

  private async run(): Promise<void> {
    const { since } = this;
    // What comes while it is scanned may be missed by the scan.
    this.since = undefined;
    try {
      await this.scan();
    } catch (error) {
      this.since = since;
      this.notBefore = performance.now() + this.pauses.again;
      this.failed(error);
    }
  }
}
