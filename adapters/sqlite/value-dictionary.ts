// The distinct values of the indexed attributes and their codes; code 0 is the empty value. A pattern is tested
// against each value once, then rows are selected by code. Values that went out of use stay: it is a superset.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';

/** Codes remembered per attribute: frequent values are found without asking the database. */
const REMEMBERED = 20_000;

/** Gives out codes while an index is written. */
export class ValueCodes {
  private readonly find: StatementSync;
  private readonly insert: StatementSync;
  private readonly next: number[];
  private readonly known: Map<string, number>[];

  constructor(database: DatabaseSync) {
    this.find = database.prepare('SELECT code FROM value WHERE attribute = ? AND text = ?');
    this.insert = database.prepare('INSERT INTO value (attribute, code, text) VALUES (?, ?, ?)');
    const last = database.prepare('SELECT max(code) AS code FROM value WHERE attribute = ?');
    this.next = INDEXED_ATTRIBUTES.map(
      (_, attribute) => ((last.get(attribute) as { code: number | null }).code ?? 0) + 1,
    );
    this.known = INDEXED_ATTRIBUTES.map(() => new Map());
  }

  code(attribute: number, text: string): number {
    if (text === '') return 0;
    const known = this.known[attribute]!;
    let code = known.get(text);
    if (code !== undefined) return code;
    code = (this.find.get(attribute, text) as { code: number } | undefined)?.code;
    if (code === undefined) {
      code = this.next[attribute]!++;
      this.insert.run(attribute, code, text);
    }
    if (known.size >= REMEMBERED) known.clear();
    known.set(text, code);
    return code;
  }
}

/** Values that are fetched together: 2 ** CHUNK_BITS. */
const CHUNK_BITS = 12;
/** So many values of a chunk are fetched one by one before the whole chunk is worth its reading. */
const SINGLES = 24;
const SEPARATOR = '\x1f';

/** One attribute's values by code, read as they are asked for. */
export class ValueTexts {
  private readonly one: StatementSync;
  private readonly many: StatementSync;
  private readonly joined: StatementSync;
  private readonly attribute: number;
  private readonly chunks: (string[] | undefined)[] = [];
  private readonly singles: number[] = [];
  /** One more than the greatest code. */
  readonly count: number;

  constructor(database: DatabaseSync, attribute: number) {
    this.attribute = attribute;
    this.one = database.prepare('SELECT text FROM value WHERE attribute = ? AND code = ?');
    this.many = database.prepare('SELECT text FROM value WHERE attribute = ? AND code BETWEEN ? AND ? ORDER BY code');
    // Joining in SQL is ten times quicker than fetching row by row.
    this.joined = database.prepare(
      'SELECT group_concat(text, char(31)) AS texts, count(*) AS n FROM value WHERE attribute = ? AND code BETWEEN ? AND ?',
    );
    const last = database.prepare('SELECT max(code) AS code FROM value WHERE attribute = ?').get(attribute) as {
      code: number | null;
    };
    this.count = (last.code ?? 0) + 1;
  }

  text(code: number): string {
    if (code === 0) return '';
    const chunk = code >> CHUNK_BITS;
    const known = this.chunks[chunk];
    if (known !== undefined) return known[code & (2 ** CHUNK_BITS - 1)]!;
    const singles = (this.singles[chunk] ?? 0) + 1;
    this.singles[chunk] = singles;
    if (singles <= SINGLES) return (this.one.get(this.attribute, code) as { text: string }).text;
    const read = this.read(chunk);
    this.chunks[chunk] = read;
    return read[code & (2 ** CHUNK_BITS - 1)]!;
  }

  private read(chunk: number): string[] {
    const first = Math.max(1, chunk * 2 ** CHUNK_BITS);
    const last = (chunk + 1) * 2 ** CHUNK_BITS - 1;
    const row = this.joined.get(this.attribute, first, last) as { texts: string | null; n: number };
    let texts = row.texts === null ? [] : row.texts.split(SEPARATOR);
    // A value that holds the separator itself is fetched the slow way.
    if (texts.length !== row.n) {
      texts = (this.many.all(this.attribute, first, last) as { text: string }[]).map(({ text }) => text);
    }
    return chunk === 0 ? ['', ...texts] : texts;
  }
}
