// Gives out the codes of the indexed attributes' values while an index is written: a digest leads from a value to its
// code. Values that went out of use stay: the values are a superset. How they are kept is in value-texts.ts.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import { joinValues, splitValues } from '../../core/query/joined-values.ts';
import { digestOf } from './value-lookup.ts';
import { CHUNK, chunkId } from './value-texts.ts';

/** Codes remembered per attribute while writing: frequent values are found without asking the database. */
const REMEMBERED = 20_000;

/** Gives out codes while an index is written; `flush` writes the chunks that have grown. */
export class ValueCodes {
  private readonly find: StatementSync;
  private readonly insert: StatementSync;
  private readonly write: StatementSync;
  private readonly attributes: { readonly known: Map<string, number>; next: number; chunk: string[] }[];

  constructor(database: DatabaseSync) {
    this.find = database.prepare('SELECT code FROM value_code WHERE attribute = ? AND digest = ?');
    this.insert = database.prepare('INSERT INTO value_code (attribute, digest, code) VALUES (?, ?, ?)');
    this.write = database.prepare('INSERT OR REPLACE INTO value_chunk (id, texts) VALUES (?, ?)');
    const last = database.prepare(
      'SELECT id, texts FROM value_chunk WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1',
    );
    this.attributes = INDEXED_ATTRIBUTES.map((_, attribute) => {
      const row = last.get(chunkId(attribute, 0), chunkId(attribute + 1, 0) - 1) as
        | { id: number; texts: string }
        | undefined;
      // Code 0 is the empty value: the first chunk begins with it.
      const chunk = row === undefined ? [''] : splitValues(row.texts);
      const next = row === undefined ? 1 : (row.id - chunkId(attribute, 0)) * CHUNK + chunk.length;
      return { known: new Map(), next, chunk };
    });
  }

  code(attribute: number, text: string): number {
    if (text === '') return 0;
    const own = this.attributes[attribute]!;
    const remembered = own.known.get(text);
    if (remembered !== undefined) return remembered;
    const digest = digestOf(text);
    let code = (this.find.get(attribute, digest) as { code: number } | undefined)?.code;
    if (code === undefined) {
      if (own.chunk.length === CHUNK) this.writeChunk(attribute);
      code = own.next++;
      own.chunk.push(text);
      this.insert.run(attribute, digest, code);
    }
    if (own.known.size >= REMEMBERED) own.known.clear();
    own.known.set(text, code);
    return code;
  }

  flush(): void {
    for (let attribute = 0; attribute < INDEXED_ATTRIBUTES.length; attribute++) {
      const { chunk, next } = this.attributes[attribute]!;
      this.write.run(chunkId(attribute, Math.floor((next - 1) / CHUNK)), joinValues(chunk));
    }
  }

  private writeChunk(attribute: number): void {
    const own = this.attributes[attribute]!;
    this.write.run(chunkId(attribute, Math.floor((own.next - 1) / CHUNK)), joinValues(own.chunk));
    own.chunk = [];
  }
}
