// The port DownloadStore: what one download has received, in the project's file.
import { Buffer } from 'node:buffer';
import type { DatabaseSync } from 'node:sqlite';
import type { DownloadStore } from '../../core/ports/project-store.ts';
import type { ReceivedInstance } from '../../core/projects/received.ts';
import type { WriteBatch } from './write-batch.ts';

const AT_A_TIME = 1_000;

interface Row {
  readonly uid: string;
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

export class SqliteDownloadStore implements DownloadStore {
  readonly startedAt: string;
  private readonly database: DatabaseSync;
  private readonly batch: WriteBatch;
  private readonly id: number;
  private readonly sql: ReturnType<typeof statements>;

  /** Of one download: its row in the table of that name. */
  constructor(
    database: DatabaseSync,
    batch: WriteBatch,
    { id, startedAt }: { readonly id: number; readonly startedAt: string },
  ) {
    this.startedAt = startedAt;
    this.database = database;
    this.batch = batch;
    this.id = id;
    this.sql = statements(database);
  }

  add(SeriesInstanceUID: string, { SOPInstanceUID, path, size, sha256 }: ReceivedInstance): Promise<void> {
    return this.batch.add(() => {
      const series = this.series(SeriesInstanceUID);
      this.sql.add.run(this.id, series, SOPInstanceUID, path, size, Buffer.from(sha256, 'hex'));
    });
  }

  addNotAskedFor(SeriesInstanceUID: string, { SOPInstanceUID, path, size, sha256 }: ReceivedInstance): Promise<void> {
    return this.batch.add(() => {
      const series = this.series(SeriesInstanceUID);
      this.sql.addAside.run(this.id, path, series, SOPInstanceUID, size, Buffer.from(sha256, 'hex'));
    });
  }

  remove(SeriesInstanceUID: string, SOPInstanceUID: string): Promise<void> {
    return this.batch.add(() => void this.sql.remove.run(this.id, this.series(SeriesInstanceUID), SOPInstanceUID));
  }

  async begun(): Promise<ReadonlyMap<string, string>> {
    this.batch.flush();
    const rows = this.sql.begun.all(this.id) as unknown as { readonly uid: string; readonly path: string | null }[];
    const begun = new Map<string, string>();
    for (const { uid, path } of rows) if (path !== null) begun.set(uid, folderOf(path));
    return begun;
  }

  async receivedOf(SeriesInstanceUID: string): Promise<readonly ReceivedInstance[]> {
    this.batch.flush();
    return (this.sql.received.all(this.id, SeriesInstanceUID) as unknown as Row[]).map(instanceOf);
  }

  async *notAskedFor(): AsyncIterable<ReceivedInstance & { readonly SeriesInstanceUID: string }> {
    for (let from = ''; ; ) {
      this.batch.flush();
      const rows = this.sql.aside.all(this.id, from, AT_A_TIME) as unknown as (Row & { series: string })[];
      for (const row of rows) yield { ...instanceOf(row), SeriesInstanceUID: row.series };
      if (rows.length < AT_A_TIME) return;
      from = rows.at(-1)!.path;
    }
  }

  setReason(SeriesInstanceUID: string, reason: string): Promise<void> {
    return this.batch.add(() => {
      const series = this.series(SeriesInstanceUID);
      if (reason === '') this.sql.dropReason.run(this.id, series);
      else this.sql.setReason.run(this.id, series, reason);
    });
  }

  async reasonOf(SeriesInstanceUID: string): Promise<string> {
    this.batch.flush();
    return (this.sql.reason.get(this.id, SeriesInstanceUID) as { reason: string } | undefined)?.reason ?? '';
  }

  setComplete(isComplete: boolean): Promise<void> {
    return this.batch.add(() => {
      const at = isComplete ? new Date().toISOString() : null;
      this.database.prepare('UPDATE download SET completed_at = ? WHERE id = ?').run(at, this.id);
    });
  }

  private series(uid: string): number {
    return (this.sql.series.get(uid) as { id: number }).id;
  }
}

function statements(database: DatabaseSync) {
  const sql = (text: string) => database.prepare(text);
  return {
    series: sql('INSERT INTO received_series (uid) VALUES (?) ON CONFLICT (uid) DO UPDATE SET uid = uid RETURNING id'),
    add: sql('INSERT OR REPLACE INTO received (download, series, uid, path, size, sha256) VALUES (?, ?, ?, ?, ?, ?)'),
    addAside: sql(
      'INSERT OR REPLACE INTO not_asked_for (download, path, series, uid, size, sha256) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    begun: sql(
      'SELECT s.uid, (SELECT path FROM received r WHERE r.download = ? AND r.series = s.id ORDER BY r.uid LIMIT 1) AS path FROM received_series s',
    ),
    remove: sql('DELETE FROM received WHERE download = ? AND series = ? AND uid = ?'),
    received: sql(
      `SELECT r.uid, path, size, lower(hex(sha256)) AS sha256 FROM received_series s JOIN received r ON r.series = s.id
       WHERE r.download = ? AND s.uid = ? ORDER BY r.uid`,
    ),
    aside: sql(
      `SELECT n.uid, path, size, lower(hex(sha256)) AS sha256, s.uid AS series FROM not_asked_for n JOIN received_series s ON s.id = n.series
       WHERE download = ? AND path > ? ORDER BY path LIMIT ?`,
    ),
    setReason: sql('INSERT OR REPLACE INTO missing_reason (download, series, reason) VALUES (?, ?, ?)'),
    dropReason: sql('DELETE FROM missing_reason WHERE download = ? AND series = ?'),
    reason: sql(
      'SELECT reason FROM missing_reason m JOIN received_series s ON s.id = m.series WHERE download = ? AND s.uid = ?',
    ),
  };
}

/** Of a path that has one. */
function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function instanceOf({ uid, path, size, sha256 }: Row): ReceivedInstance {
  return { SOPInstanceUID: uid, path, size, sha256 };
}
