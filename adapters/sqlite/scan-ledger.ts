// The port ScanLedger over an index file and the staging file beside it, read-only: each scan worker has its own.
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Chunk, KnownChunk, ScanLedger } from '../../core/ports/scan-ledger.ts';
import { FolderTree } from './folder-tree.ts';
import { StagedChunks } from './staging.ts';

export class SqliteScanLedger implements ScanLedger {
  private readonly database: DatabaseSync;
  private readonly tree: FolderTree | undefined;
  private readonly staged: StagedChunks | undefined;
  private readonly own: StatementSync;
  private readonly part: StatementSync;
  private readonly mostBits: StatementSync;
  private readonly below: StatementSync;

  /** @param archive the archive's name; an unknown one has an empty ledger */
  constructor(databasePath: string, archive: string) {
    this.database = new DatabaseSync(databasePath, { readOnly: true, timeout: 60_000 });
    const row = this.database.prepare('SELECT id FROM archive WHERE name = ?').get(archive) as
      | { id: number }
      | undefined;
    this.tree = row === undefined ? undefined : new FolderTree(this.database, row.id, false);
    const staged = new StagedChunks(databasePath);
    // Records that are staged from now on are this scan's own: no job looks at a chunk twice.
    if (staged.any()) this.staged = staged;
    else staged.close();
    this.own = this.database.prepare('SELECT record FROM folder WHERE id = ?');
    this.part = this.database.prepare(
      "SELECT bits, chunk, record FROM folder WHERE parent = ? AND hash = ? AND name = '' AND bits = ?",
    );
    this.mostBits = this.database.prepare("SELECT max(bits) AS bits FROM folder WHERE parent = ? AND name = ''");
    this.below = this.database.prepare("SELECT name FROM folder WHERE parent = ? AND name <> ''");
  }

  subfolders(folder: string): string[] {
    const id = this.tree?.idOf(folder);
    return id === undefined ? [] : (this.below.all(id) as { name: string }[]).map((row) => row.name);
  }

  chunkBits(folder: string): number {
    return Math.max(this.staged?.bits(folder) ?? 0, this.liveBits(this.tree?.idOf(folder)));
  }

  chunk(folder: string, chunk: Chunk): KnownChunk | undefined {
    const staged = this.staged?.chunk(folder, chunk);
    if (staged !== undefined) return { ...staged, staged: true };
    const id = this.tree?.idOf(folder);
    if (id === undefined) return undefined;
    const bits = this.liveBits(id);
    if (bits === 0) {
      const { record } = this.own.get(id) as { record: Uint8Array | null };
      return record === null ? undefined : { bits: 0, index: 0, record, staged: false };
    }
    const index = chunk.index >>> (chunk.bits - bits);
    const row = this.part.get(id, index, bits) as { record: Uint8Array } | undefined;
    return row === undefined ? undefined : { bits, index, record: row.record, staged: false };
  }

  close(): void {
    this.staged?.close();
    this.database.close();
  }

  private liveBits(id: number | undefined): number {
    if (id === undefined) return 0;
    return (this.mostBits.get(id) as { bits: number | null }).bits ?? 0;
  }
}
