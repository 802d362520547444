// Folder paths and the ids of their rows. Paths are looked up component by component from the archive's root; the
// ids of recently used folders are remembered.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { joinPath } from '../../core/instance/byte-path.ts';
import { nameHash } from '../../core/instance/folder-chunks.ts';

const REMEMBERED = 20_000;

export class FolderTree {
  private readonly archive: number;
  private readonly find: StatementSync;
  private readonly insert: StatementSync | undefined;
  private readonly above: StatementSync;
  private readonly ids = new Map<string, number>();
  private readonly paths = new Map<number, string>();

  constructor(database: DatabaseSync, archive: number, writable: boolean) {
    this.archive = archive;
    this.find = database.prepare('SELECT id FROM folder WHERE parent = ? AND hash = ? AND name = ? AND archive = ?');
    this.above = database.prepare('SELECT parent, name FROM folder WHERE id = ?');
    this.insert = writable
      ? database.prepare(
          'INSERT INTO folder (archive, parent, hash, name, bits, chunk, files, instances) VALUES (?, ?, ?, ?, 0, 0, 0, 0)',
        )
      : undefined;
  }

  /** Id of the folder's own row, or undefined. */
  idOf(path: string): number | undefined {
    return this.lookUp(path, false);
  }

  /** Id of the folder's own row; it and the folders above it are added where they are missing. */
  ensure(path: string): number {
    return this.lookUp(path, true)!;
  }

  /** The path of a folder's own row. */
  pathOf(id: number): string {
    const known = this.paths.get(id);
    if (known !== undefined) return known;
    const row = this.above.get(id) as { parent: number; name: string } | undefined;
    if (row === undefined) throw new Error(`folder ${id} is not in the index`);
    const path = row.parent === 0 ? '' : joinPath(this.pathOf(row.parent), row.name);
    if (this.paths.size > REMEMBERED) this.paths.clear();
    this.paths.set(id, path);
    return path;
  }

  /** After folders were removed. */
  forget(): void {
    this.ids.clear();
    this.paths.clear();
  }

  private lookUp(path: string, add: boolean): number | undefined {
    const known = this.ids.get(path);
    if (known !== undefined) return known;
    let id: number | undefined;
    if (path === '') {
      id = this.row(0, this.archive, '', add);
    } else {
      const cut = path.lastIndexOf('/');
      const parent = this.lookUp(cut < 0 ? '' : path.slice(0, cut), add);
      if (parent === undefined) return undefined;
      const name = path.slice(cut + 1);
      id = this.row(parent, nameHash(name), name, add);
    }
    if (id === undefined) return undefined;
    if (this.ids.size > REMEMBERED) this.ids.clear();
    this.ids.set(path, id);
    return id;
  }

  private row(parent: number, hash: number, name: string, add: boolean): number | undefined {
    const row = this.find.get(parent, hash, name, this.archive) as { id: number } | undefined;
    if (row !== undefined) return row.id;
    if (!add) return undefined;
    return Number(this.insert!.run(this.archive, parent, hash, name).lastInsertRowid);
  }
}
