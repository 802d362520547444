// Full headers, kept by tag in blocks of 4,096 series: a query for any tag reads that tag's column and nothing else.
// A column of a block is its distinct values and one code a series; code 0 is "missing". Slots are never overwritten:
// a series whose header changes gets a new slot.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import zlib from 'node:zlib';
import type { HeaderElement } from '../../core/dicom/header-element.ts';
import type { FlatHeader } from '../../core/instance/header-codec.ts';

/** Headers in one block; slot = block * BLOCK + position. */
export const BLOCK = 4096;

/** A block with more text than this is not filled up: RT structure sets have headers of hundreds of kilobytes. */
const BLOCK_CHARACTERS = 16 * 1024 * 1024;

const QUICK = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } };
const SEPARATOR = '\x1f';

/** A column of one block. `values[0]` is '' for "missing". */
export interface HeaderColumn {
  readonly values: readonly string[];
  readonly codes: Uint16Array;
}

/** Values of a tag as one text, before they are split: for looking whether a literal occurs at all. */
interface PackedColumn {
  readonly text: string;
  readonly json: boolean;
  readonly codes: Uint16Array;
}

function pack(values: readonly string[], codes: Uint16Array, count: number): Uint8Array {
  const json = values.some((value) => value.includes(SEPARATOR));
  const text = Buffer.from(json ? JSON.stringify(values.slice(1)) : values.slice(1).join(SEPARATOR), 'utf8');
  const wide = values.length > 256;
  const raw = Buffer.alloc(8 + text.length + count * (wide ? 2 : 1));
  raw[0] = json ? 1 : 0;
  raw[1] = wide ? 2 : 1;
  raw.writeUInt16LE(count, 2);
  raw.writeUInt32LE(text.length, 4);
  text.copy(raw, 8);
  let at = 8 + text.length;
  for (let i = 0; i < count; i++) {
    if (wide) at = raw.writeUInt16LE(codes[i]!, at);
    else raw[at++] = codes[i]!;
  }
  return zlib.zstdCompressSync(raw, QUICK);
}

function unpack(data: Uint8Array): PackedColumn {
  const raw = zlib.zstdDecompressSync(data);
  const count = raw.readUInt16LE(2);
  const end = 8 + raw.readUInt32LE(4);
  const codes = new Uint16Array(count);
  if (raw[1] === 2) for (let i = 0; i < count; i++) codes[i] = raw.readUInt16LE(end + i * 2);
  else for (let i = 0; i < count; i++) codes[i] = raw[end + i]!;
  return { text: raw.toString('utf8', 8, end), json: raw[0] === 1, codes };
}

function split({ text, json }: PackedColumn): string[] {
  if (json) return ['', ...(JSON.parse(text) as string[])];
  return ['', ...text.split(SEPARATOR)];
}

/** Adds headers. The last block is filled up before a new one is begun. */
export class HeaderBlockWriter {
  private readonly insertBlock: StatementSync;
  private readonly updateBlock: StatementSync;
  private readonly release: StatementSync;
  private readonly insertColumn: StatementSync;
  private readonly deleteColumns: StatementSync;
  private readonly insertKey: StatementSync;
  private readonly keys = new Map<string, number>();
  private block = -1;
  private count = 0;
  private live = 0;
  private columns = new Map<number, { values: string[]; index: Map<string, number>; codes: Uint16Array }>();
  private changed = false;
  private characters = 0;
  private readonly database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.database = database;
    const sql = (text: string) => database.prepare(text);
    this.insertBlock = sql('INSERT INTO header_block (id, count, live) VALUES (?, 0, 0)');
    this.updateBlock = sql('UPDATE header_block SET count = ?, live = ? WHERE id = ?');
    this.release = sql('UPDATE header_block SET live = live - 1 WHERE id = ?');
    this.insertColumn = sql('INSERT INTO header_column (key, block, data) VALUES (?, ?, ?)');
    this.deleteColumns = sql('DELETE FROM header_column WHERE block = ?');
    this.insertKey = sql('INSERT INTO header_key (key, vr) VALUES (?, ?)');
    for (const row of sql('SELECT id, key FROM header_key').all() as { id: number; key: string }[])
      this.keys.set(row.key, row.id);
  }

  /** Keeps a header and returns its slot. */
  add(header: FlatHeader): number {
    if (this.block < 0) this.resume();
    if (this.count === BLOCK || this.characters > BLOCK_CHARACTERS) this.next();
    const position = this.count++;
    this.live++;
    this.changed = true;
    for (let i = 0; i < header.length; i += 3) {
      const key = header[i]!;
      const text = header[i + 2]!;
      if (text === '') continue;
      this.characters += text.length;
      let id = this.keys.get(key);
      if (id === undefined) {
        id = Number(this.insertKey.run(key, header[i + 1]!).lastInsertRowid);
        this.keys.set(key, id);
      }
      let column = this.columns.get(id);
      if (column === undefined) {
        column = { values: [''], index: new Map(), codes: new Uint16Array(BLOCK) };
        this.columns.set(id, column);
      }
      let code = column.index.get(text);
      if (code === undefined) {
        code = column.values.push(text) - 1;
        column.index.set(text, code);
      }
      column.codes[position] = code;
    }
    return this.block * BLOCK + position;
  }

  /** A slot is not used any more. A block without a used slot is removed. */
  free(slot: number): void {
    const block = Math.floor(slot / BLOCK);
    if (block === this.block) this.live--;
    else this.release.run(block);
  }

  /** Writes what is open, and removes blocks that nothing uses. */
  flush(): void {
    this.write();
    const dead = this.database.prepare('SELECT id FROM header_block WHERE live <= 0').all() as { id: number }[];
    for (const { id } of dead) {
      if (id === this.block) this.block = -1;
      this.deleteColumns.run(id);
      this.database.prepare('DELETE FROM header_block WHERE id = ?').run(id);
    }
  }

  private resume(): void {
    const last = this.database.prepare('SELECT id, count, live FROM header_block ORDER BY id DESC LIMIT 1').get() as
      | { id: number; count: number; live: number }
      | undefined;
    if (last === undefined || last.count === BLOCK) {
      this.open(last === undefined ? 0 : last.id + 1);
      return;
    }
    this.block = last.id;
    this.count = last.count;
    this.live = last.live;
    const rows = this.database.prepare('SELECT key, data FROM header_column WHERE block = ?').all(last.id) as {
      key: number;
      data: Uint8Array;
    }[];
    this.columns = new Map();
    this.characters = 0;
    for (const { key, data } of rows) {
      const packed = unpack(data);
      const values = split(packed);
      this.characters += packed.text.length;
      const codes = new Uint16Array(BLOCK);
      codes.set(packed.codes);
      this.columns.set(key, { values, index: new Map(values.map((value, code) => [value, code])), codes });
    }
  }

  private next(): void {
    this.write();
    this.open(this.block + 1);
  }

  private open(block: number): void {
    this.block = block;
    this.count = 0;
    this.live = 0;
    this.columns = new Map();
    this.characters = 0;
    this.insertBlock.run(block);
  }

  private write(): void {
    if (this.block < 0) return;
    this.updateBlock.run(this.count, this.live, this.block);
    if (!this.changed) return;
    this.deleteColumns.run(this.block);
    for (const [key, { values, codes }] of this.columns) {
      if (values.length > 1) this.insertColumn.run(key, this.block, pack(values, codes, this.count));
    }
    this.changed = false;
  }
}

/** Reads columns and whole headers. */
export class HeaderBlockReader {
  private readonly database: DatabaseSync;
  private readonly columnOf: StatementSync;
  private readonly columnsOf: StatementSync;

  constructor(database: DatabaseSync) {
    this.database = database;
    this.columnsOf = database.prepare('SELECT block, data FROM header_column WHERE key = ? ORDER BY block');
    this.columnOf = database.prepare('SELECT data FROM header_column WHERE key = ? AND block = ?');
  }

  /** Number of a key, or undefined where no header has it. */
  keyId(key: string): number | undefined {
    return (this.database.prepare('SELECT id FROM header_key WHERE key = ?').get(key) as { id: number } | undefined)
      ?.id;
  }

  /** Keys that begin with `prefix`, with their numbers. */
  keysWithPrefix(prefix: string): { id: number; key: string }[] {
    const keys = this.database
      .prepare('SELECT id, key FROM header_key WHERE substr(key, 1, ?) = ?')
      .all(prefix.length, prefix);
    return keys as { id: number; key: string }[];
  }

  /** Numbers of slots in use: one more than the greatest slot. */
  slots(): number {
    const row = this.database.prepare('SELECT max(id) AS id FROM header_block').get() as { id: number | null };
    return row.id === null ? 0 : (row.id + 1) * BLOCK;
  }

  /** A tag's column of one block; undefined where no header of the block has the tag. */
  column(key: number, block: number): HeaderColumn | undefined {
    const row = this.columnOf.get(key, block) as { data: Uint8Array } | undefined;
    if (row === undefined) return undefined;
    const packed = unpack(row.data);
    return { values: split(packed), codes: packed.codes };
  }

  /**
   * Sets `verdicts` (a byte a slot) to 1 for the slots whose value of the tag passes `test`. Slots without the tag are
   * left alone. A block in whose values `literal` does not occur is passed over.
   */
  test(key: number, literal: string, test: (value: string) => boolean, verdicts: Uint8Array): void {
    this.mark(key, literal, test, 1, verdicts);
  }

  /** Sets `verdicts` to 0 for the slots whose value of the tag fails `test`. */
  testNot(key: number, test: (value: string) => boolean, verdicts: Uint8Array): void {
    this.mark(key, '', (value) => !test(value), 0, verdicts);
  }

  private mark(
    key: number,
    literal: string,
    test: (value: string) => boolean,
    mark: number,
    verdicts: Uint8Array,
  ): void {
    const rows = this.columnsOf.iterate(key) as Iterable<{ block: number; data: Uint8Array }>;
    for (const { block, data } of rows) {
      const packed = unpack(data);
      if (literal !== '' && !packed.json && !packed.text.includes(literal)) continue;
      const values = split(packed);
      const passes = new Uint8Array(values.length);
      let any = false;
      for (let code = 1; code < values.length; code++) {
        if (test(values[code]!)) {
          passes[code] = 1;
          any = true;
        }
      }
      if (!any) continue;
      const { codes } = packed;
      const first = block * BLOCK;
      for (let i = 0; i < codes.length; i++) if (passes[codes[i]!] === 1) verdicts[first + i] = mark;
    }
  }

  /** The full header in a slot. */
  header(slot: number): HeaderElement[] {
    const block = Math.floor(slot / BLOCK);
    const rows = this.database
      .prepare(
        'SELECT k.key, k.vr, c.data FROM header_column c JOIN header_key k ON k.id = c.key WHERE c.block = ? ORDER BY k.key',
      )
      .all(block) as { key: string; vr: string; data: Uint8Array }[];
    const elements: HeaderElement[] = [];
    for (const { key, vr, data } of rows) {
      const packed = unpack(data);
      const code = packed.codes[slot % BLOCK] ?? 0;
      if (code !== 0) elements.push({ key, vr, text: split(packed)[code]! });
    }
    return elements;
  }
}
