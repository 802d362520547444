// The distinct values of the indexed attributes by their codes; code 0 is the empty value. A pattern is tested against
// each value once, then rows are selected by code. Values are kept in chunks of joined text. Codes are given out by value-codes.ts, apart from here: a query does without what that loads.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import {
  hasPlaces,
  JOINED_AT_ONCE,
  nthValue,
  splitValues,
  testJoined,
  testValues,
} from '../../core/query/joined-values.ts';
import type { Pattern } from '../../core/query/pattern/pattern.ts';

/** Values of one chunk: codes chunk * 4,096 to chunk * 4,096 + 4,095. */
export const CHUNK = JOINED_AT_ONCE;
/** So many values of a chunk are looked for in its text; then it is taken apart. */
const FEW_VALUES = 8;
/** Patterns whose outcome is remembered. */
const MOST_TESTED = 4;
/** Row id of a chunk. */
export function chunkId(attribute: number, chunk: number): number {
  return attribute * 2 ** 32 + chunk;
}

/** One attribute's values by code, read chunk by chunk as they are asked for. */
export class ValueTexts {
  private readonly select: StatementSync;
  private readonly attribute: number;
  private readonly chunks: (string[] | undefined)[] = [];
  /** Chunks of which only some values were asked for, not taken apart yet. */
  private readonly whole = new Map<number, { readonly texts: string; asked: number }>();
  /** Outcomes by the source of the pattern. */
  private readonly tested = new Map<string, Uint8Array>();
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
    const number = Math.floor(code / CHUNK);
    const chunk = this.chunks[number];
    if (chunk !== undefined) return chunk[code % CHUNK]!;
    let whole = this.whole.get(number);
    if (whole === undefined) this.whole.set(number, (whole = { texts: this.joined(number), asked: 0 }));
    const one = ++whole.asked <= FEW_VALUES ? nthValue(whole.texts, code % CHUNK) : undefined;
    if (one !== undefined) return one;
    const values = splitValues(whole.texts);
    this.chunks[number] = values;
    this.whole.delete(number);
    return values[code % CHUNK]!;
  }

  /** Tests a pattern against every value: a byte a code, 1 for those that have it. What is given is not to be changed. */
  test(pattern: Pattern): Uint8Array {
    const known = this.tested.get(pattern.source);
    if (known !== undefined) return known;
    const found = this.testAll(pattern);
    // The oldest goes: several questions about one query come in a row, and then others.
    if (this.tested.size === MOST_TESTED) this.tested.delete(this.tested.keys().next().value!);
    this.tested.set(pattern.source, found);
    return found;
  }

  private testAll(pattern: Pattern): Uint8Array {
    const found = new Uint8Array(this.count);
    for (let first = 0; first < this.count; first += CHUNK) {
      const number = first / CHUNK;
      // Where each value is tested they are kept apart for the next pattern.
      if (hasPlaces(pattern) && this.chunks[number] === undefined)
        testJoined(this.joined(number), pattern, found, first);
      else testValues(this.chunk(number), pattern, found, first);
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

/** Texts by attribute, shared by the queries of one state of the index. */
export type TextsOf = (attribute: number) => ValueTexts;

/** Those that are read anew each time. */
export function freshTexts(database: DatabaseSync): TextsOf {
  return (attribute) => new ValueTexts(database, attribute);
}
