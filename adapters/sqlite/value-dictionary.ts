// The distinct values of the indexed attributes and their codes; code 0 is the empty value. A pattern is tested
// against each value once, then rows are selected by code. Values are kept in chunks of joined text, in which a literal
// is found without taking them apart; a digest leads from a value to its code. Values that went out of use stay: it
// is a superset.
import { hash } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import type { Pattern } from '../../core/query/pattern/pattern.ts';

/** Values of one chunk: codes chunk * 4,096 to chunk * 4,096 + 4,095. */
const CHUNK = 4096;
/** Codes remembered per attribute while writing: frequent values are found without asking the database. */
const REMEMBERED = 20_000;
const SEPARATOR = '\x1f';
/** First character of a chunk with a value that holds the separator: the rest is JSON. */
const JSON_MARK = '\x1e';

/** Twelve bytes of MD5: an index, not a proof, but no two values of any archive will share them. */
function digestOf(text: string): Uint8Array {
  return hash('md5', text, 'buffer').subarray(0, 12);
}

function joinValues(values: readonly string[]): string {
  const isPlain =
    values.every((value) => !value.includes(SEPARATOR) && !value.includes('\0')) &&
    values[0]?.startsWith(JSON_MARK) !== true;
  return isPlain ? values.join(SEPARATOR) : JSON_MARK + JSON.stringify(values);
}

function splitValues(text: string): string[] {
  return text.startsWith(JSON_MARK) ? (JSON.parse(text.slice(1)) as string[]) : text.split(SEPARATOR);
}

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

/** Row id of a chunk. */
function chunkId(attribute: number, chunk: number): number {
  return attribute * 2 ** 32 + chunk;
}

/** One attribute's values by code, read chunk by chunk as they are asked for. */
export class ValueTexts {
  private readonly select: StatementSync;
  private readonly attribute: number;
  private readonly chunks: (string[] | undefined)[] = [];
  /** One more than the greatest code. */
  readonly count: number;

  constructor(database: DatabaseSync, attribute: number) {
    this.attribute = attribute;
    this.select = database.prepare('SELECT texts FROM value_chunk WHERE id = ?');
    const last = database
      .prepare('SELECT max(id) AS id FROM value_chunk WHERE id BETWEEN ? AND ?')
      .get(chunkId(attribute, 0), chunkId(attribute + 1, 0) - 1) as { id: number | null };
    const chunk = last.id === null ? 0 : last.id - chunkId(attribute, 0);
    this.count = last.id === null ? 1 : chunk * CHUNK + this.chunk(chunk).length;
  }

  text(code: number): string {
    return this.chunk(Math.floor(code / CHUNK))[code % CHUNK]!;
  }

  /** Tests a pattern against every value: a byte a code, 1 for those that have it. */
  test(pattern: Pattern): Uint8Array {
    const found = new Uint8Array(this.count);
    const literal = pattern.requiredLiteral;
    for (let first = 0; first < this.count; first += CHUNK) {
      const number = first / CHUNK;
      if (literal !== '' && this.chunks[number] === undefined) {
        const texts = this.joined(number);
        if (!texts.startsWith(JSON_MARK)) {
          if (!literal.includes(SEPARATOR)) testAround(texts, literal, pattern, found, first);
          continue;
        }
      }
      const values = this.chunk(number);
      for (let i = 0; i < values.length; i++) if (pattern.test(values[i]!)) found[first + i] = 1;
    }
    return found;
  }

  private joined(chunk: number): string {
    return (this.select.get(chunkId(this.attribute, chunk)) as { texts: string } | undefined)?.texts ?? '';
  }

  private chunk(chunk: number): string[] {
    let values = this.chunks[chunk];
    if (values === undefined) {
      values = splitValues(this.joined(chunk));
      this.chunks[chunk] = values;
    }
    return values;
  }
}

/** Tests only the values of a joined chunk in which the literal occurs. */
function testAround(texts: string, literal: string, pattern: Pattern, found: Uint8Array, first: number): void {
  let code = first;
  let counted = 0;
  for (let at = texts.indexOf(literal); at >= 0; ) {
    // The values up to here are counted by their separators.
    for (let end = texts.indexOf(SEPARATOR, counted); end >= 0 && end < at; end = texts.indexOf(SEPARATOR, counted)) {
      code++;
      counted = end + 1;
    }
    const end = texts.indexOf(SEPARATOR, at);
    const value = end < 0 ? texts.slice(counted) : texts.slice(counted, end);
    if (pattern.test(value)) found[code] = 1;
    if (end < 0) return;
    at = texts.indexOf(literal, end + 1);
  }
}
