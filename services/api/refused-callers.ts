// Who came without a valid token, for the audit trail. Whoever can call could fill the trail by it: so of an address
// one entry a minute is written, which says how many there were.
import { randomUUID } from 'node:crypto';
import type { AuditEntry } from '../../core/access/access.ts';
import type { AccessStore } from '../../core/ports/access-store.ts';

/** Milliseconds between two entries of an address. */
const BETWEEN = 60_000;
/** Addresses that are told apart within that time. */
const MOST_ADDRESSES = 1_000;

/** What is known of one who is refused: `who` is the name of a token that has run out, '' for nobody's. */
export type RefusedCaller = Pick<AuditEntry, 'who' | 'from' | 'what'>;

interface Refusals {
  last: RefusedCaller;
  /** That are not written yet. */
  count: number;
}

/** No address. */
const OTHERS = '';

export class RefusedCallers {
  private readonly access: AccessStore;
  private readonly between: number;
  /** Of the addresses of which an entry was written within the time. */
  private readonly byAddress = new Map<string, Refusals>();
  private timer: NodeJS.Timeout | undefined;

  constructor(access: AccessStore, between = BETWEEN) {
    this.access = access;
    this.between = between;
  }

  /** Writes it down, at once where it is the first of its address. The caller is refused also where that fails. */
  async note(refused: RefusedCaller): Promise<void> {
    // Of more addresses than are remembered the others are one.
    const address = this.byAddress.has(refused.from) || this.byAddress.size < MOST_ADDRESSES ? refused.from : OTHERS;
    const known = this.byAddress.get(address);
    if (known !== undefined) {
      known.last = refused;
      known.count++;
      return;
    }
    this.byAddress.set(address, { last: refused, count: 0 });
    this.timer ??= setInterval(() => void this.sweep(), this.between).unref();
    await this.write(refused, 1);
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.sweep();
  }

  private async sweep(): Promise<void> {
    const all = [...this.byAddress];
    this.byAddress.clear();
    for (const [address, { last, count }] of all) {
      if (count === 0) continue;
      // It goes on: the next entry is due in as long again.
      this.byAddress.set(address, { last, count: 0 });
      await this.write(last, count);
    }
  }

  private async write(refused: RefusedCaller, count: number): Promise<void> {
    const detail = count === 1 ? '' : JSON.stringify({ refused: count });
    const entry = { id: randomUUID().slice(0, 13), at: new Date().toISOString(), ...refused, detail, status: 401 };
    await this.access.record(entry).catch(() => {});
  }
}
