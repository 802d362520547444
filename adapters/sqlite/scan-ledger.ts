// The port ScanLedger over an index file and the staging file beside it, read-only: each scan worker has its own.
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Chunk, KnownChunk, ScanLedger } from '../../core/ports/scan-ledger.ts';
import { FolderTree } from './folder-tree.ts';
import { StagedChunks } from './staging.ts';

/** What lies directly in a folder. */
interface Below {
  readonly folder: string;
  readonly id: number | undefined;
  readonly subfolders: string[];
  /** Bits of its chunks; 0 where it is not cut. */
  readonly bits: number;
}

export class SqliteScanLedger implements ScanLedger {
  private readonly database: DatabaseSync;
  private readonly tree: FolderTree | undefined;
  private readonly staged: StagedChunks | undefined;
  private readonly own: StatementSync;
  private readonly part: StatementSync;
  private readonly below: StatementSync;
  private last: Below | undefined;

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
      "SELECT record FROM folder WHERE parent = ? AND hash = ? AND name = '' AND bits = ?",
    );
    this.below = this.database.prepare('SELECT name, bits FROM folder WHERE parent = ?');
  }

  subfolders(folder: string): string[] {
    return this.look(folder).subfolders;
  }

  chunkBits(folder: string): number {
    return Math.max(this.staged?.bits(folder) ?? 0, this.look(folder).bits);
  }

  chunk(folder: string, chunk: Chunk): KnownChunk | undefined {
    const staged = this.staged?.chunk(folder, chunk);
    if (staged !== undefined) return { ...staged, staged: true };
    const { id, bits } = this.look(folder);
    if (id === undefined) return undefined;
    const index = chunk.index >>> (chunk.bits - bits);
    const row = bits === 0 ? this.own.get(id) : this.part.get(id, index, bits);
    const record = (row as { record: Uint8Array | null } | undefined)?.record ?? undefined;
    return record === undefined ? undefined : { bits, index, record, staged: false };
  }

  close(): void {
    this.staged?.close();
    this.database.close();
  }

  /** The stages ask several things of one folder in a row: they are fetched once. */
  private look(folder: string): Below {
    if (this.last?.folder === folder) return this.last;
    const id = this.tree?.idOf(folder);
    const subfolders: string[] = [];
    let bits = 0;
    if (id !== undefined) {
      for (const row of this.below.all(id) as { name: string; bits: number }[]) {
        if (row.name !== '') subfolders.push(row.name);
        else if (row.bits > bits) bits = row.bits;
      }
    }
    this.last = { folder, id, subfolders, bits };
    return this.last;
  }
}
