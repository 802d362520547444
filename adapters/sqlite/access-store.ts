// The port AccessStore: a file beside the index, readable by its owner only. An index can be deleted and made anew; who
// asked it, and who may, stays.
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { AccessToken, AuditEntry } from '../../core/access/access.ts';
import type { AccessStore } from '../../core/ports/access-store.ts';
import { makeFolders } from '../system/make-folders.ts';
import { createPrivateFile, setJournal } from './open-database.ts';
import { explainedOpen } from './sqlite-errors.ts';

const SCHEMA = `
CREATE TABLE IF NOT EXISTS token (name TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, token TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (id INTEGER PRIMARY KEY, entry TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS audit_stays BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit trail only grows'); END;
CREATE TRIGGER IF NOT EXISTS audit_is BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit trail only grows'); END;
`;
/** Entries read at a time. */
const AT_A_TIME = 1_000;

export class SqliteAccessStore implements AccessStore {
  private readonly database: DatabaseSync;
  private readonly sql: Record<'add' | 'all' | 'revoke' | 'find' | 'record' | 'trail', StatementSync>;

  /** Opens or makes the file. Throws `cannot-write`, `no-room`, `damaged-database`, `index-disk-full`. @param path absolute */
  constructor(path: string) {
    try {
      makeFolders(dirname(path), 0o700);
      createPrivateFile(path);
      this.database = new DatabaseSync(path, { timeout: 60_000 });
      setJournal(this.database, path);
      // An entry outlives the process as soon as it is written; the last ones may not outlive a failure of the power.
      this.database.exec(`PRAGMA synchronous = NORMAL; ${SCHEMA}`);
    } catch (error) {
      throw explainedOpen(error, path, 'access');
    }
    const sql = (text: string) => this.database.prepare(text);
    this.sql = {
      add: sql('INSERT OR IGNORE INTO token (name, digest, token) VALUES (?, ?, ?)'),
      all: sql('SELECT token FROM token ORDER BY name'),
      revoke: sql('DELETE FROM token WHERE name = ?'),
      find: sql('SELECT token FROM token WHERE digest = ?'),
      record: sql('INSERT INTO audit (entry) VALUES (?)'),
      trail: sql('SELECT id, entry FROM audit WHERE id > ? ORDER BY id LIMIT ?'),
    };
  }

  async addToken(token: AccessToken): Promise<boolean> {
    return this.sql.add.run(token.name, token.digest, JSON.stringify(token)).changes === 1;
  }

  async tokens(): Promise<readonly AccessToken[]> {
    return (this.sql.all.all() as { token: string }[]).map(({ token }) => JSON.parse(token) as AccessToken);
  }

  async revokeToken(name: string): Promise<boolean> {
    return this.sql.revoke.run(name).changes === 1;
  }

  async findToken(digest: string): Promise<AccessToken | undefined> {
    const row = this.sql.find.get(digest) as { token: string } | undefined;
    return row && (JSON.parse(row.token) as AccessToken);
  }

  async record(entry: AuditEntry): Promise<void> {
    this.sql.record.run(JSON.stringify(entry));
  }

  async *trail(): AsyncIterable<AuditEntry> {
    for (let last = 0; ; ) {
      const rows = this.sql.trail.all(last, AT_A_TIME) as { id: number; entry: string }[];
      for (const { entry } of rows) yield JSON.parse(entry) as AuditEntry;
      if (rows.length < AT_A_TIME) return;
      last = rows.at(-1)!.id;
    }
  }

  async close(): Promise<void> {
    this.database.close();
  }
}
