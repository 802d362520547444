// The index as requests ask it: short questions share one that is kept open for a while, so that what the first has learnt of
// its values serves the others; an answer of any length has one to itself, so that a slow reader holds up nobody.
import type { InstanceIndex } from '../../core/ports/instance-index.ts';

export type OpenIndex = () => Promise<InstanceIndex>;

/** Milliseconds. An index sees what is written to it at once; one that was put in its place it sees when it is opened anew. */
const KEPT_FOR = 1_000;

interface Kept {
  readonly opening: Promise<InstanceIndex>;
  readonly until: number;
  users: number;
}

export class IndexAsker {
  private readonly openIndex: OpenIndex;
  private kept: Kept | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(open: OpenIndex) {
    this.openIndex = open;
  }

  /** Asks something short. */
  async ask<T>(ask: (index: InstanceIndex) => Promise<T>): Promise<T> {
    const kept = this.take();
    try {
      return await ask(await kept.opening);
    } finally {
      await this.giveBack(kept);
    }
  }

  /** Asks for something long; the index is closed when all was taken, or no more is wanted. */
  async *all<T>(ask: (index: InstanceIndex) => AsyncIterable<T>): AsyncIterable<T> {
    const index = await this.openIndex();
    try {
      yield* ask(index);
    } finally {
      await index.close();
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.timer);
    await this.drop();
  }

  private take(): Kept {
    if (this.kept === undefined || Date.now() > this.kept.until) {
      this.drop().catch(() => {});
      const kept = { opening: this.openIndex(), until: Date.now() + KEPT_FOR, users: 0 };
      this.kept = kept;
      // What cannot be opened is not kept.
      kept.opening.catch(() => {
        if (this.kept === kept) this.kept = undefined;
      });
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.drop().catch(() => {}), KEPT_FOR);
      this.timer.unref();
    }
    this.kept.users++;
    return this.kept;
  }

  private async giveBack(kept: Kept): Promise<void> {
    if (--kept.users === 0 && this.kept !== kept) await closed(kept);
  }

  /** The next one opens another; whoever uses it closes it at the end. */
  private async drop(): Promise<void> {
    const { kept } = this;
    this.kept = undefined;
    if (kept !== undefined && kept.users === 0) await closed(kept);
  }
}

async function closed({ opening }: Kept): Promise<void> {
  await opening.then(
    (index) => index.close(),
    () => {},
  );
}
