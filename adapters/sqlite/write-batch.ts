// Many small writes as few transactions: each waits a moment for others, and resolves when the transaction with it is on
// disk (written; synced as the connection is set). What reads through the same connection has to call `flush` before.
import type { DatabaseSync } from 'node:sqlite';

/** How long a write waits for others (milliseconds), and how many there are at most together. */
const WAIT = 100;
const MOST = 1_000;

interface Write {
  readonly write: () => void;
  resolve(): void;
  reject(error: unknown): void;
}

export class WriteBatch {
  private readonly database: DatabaseSync;
  private readonly explain: (error: unknown) => unknown;
  private pending: Write[] = [];
  private timer: NodeJS.Timeout | undefined;

  /** @param explain makes of an error of SQLite what a person is told */
  constructor(database: DatabaseSync, explain: (error: unknown) => unknown) {
    this.database = database;
    this.explain = explain;
  }

  /** Carries `write` out. Rejects with what SQLite says, of this or another write of the same transaction. */
  add(write: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.pending.push({ write, resolve, reject });
      if (this.pending.length >= MOST) this.flush();
      else this.timer ??= setTimeout(() => this.flush(), WAIT);
    });
  }

  /** Carries out what waits. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const writes = this.pending;
    if (writes.length === 0) return;
    this.pending = [];
    try {
      this.database.exec('BEGIN IMMEDIATE');
      for (const { write } of writes) write();
      this.database.exec('COMMIT');
    } catch (error) {
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
      const explained = this.explain(error);
      for (const { reject } of writes) reject(explained);
      return;
    }
    for (const { resolve } of writes) resolve();
  }
}
