// The distinct values of one attribute as they are kept in memory: joined texts, since hundreds of thousands of strings
// would take several times the memory, and the time to be looked at by each collection of garbage.
import { findJoined, JOINED_AT_ONCE, joinValues, splitValues } from '../../core/query/joined-values.ts';
import type { Pattern } from '../../core/query/pattern/pattern.ts';

/** Values of an attribute, and whether they are those in which a pattern is found, or those in which it is not. */
export interface FoundValues {
  readonly values: readonly string[];
  readonly areFound: boolean;
}

export class KnownValues {
  private readonly joined: string[] = [];
  /** The last ones, fewer than are joined; the empty value is always there. */
  private rest: string[] = [''];
  /** Of documents that will be read again, with their numbers. */
  private readonly recent = new Map<string, number>();

  /** Of a document with this number. */
  add(value: string, number: number): void {
    this.recent.set(value, number);
  }

  /** Documents up to this number will not be read again. */
  settle(number: number): void {
    for (const [value, own] of this.recent) {
      if (own > number) continue;
      this.recent.delete(value);
      this.rest.push(value);
      if (this.rest.length < JOINED_AT_ONCE) continue;
      this.joined.push(joinValues(this.rest));
      this.rest = [];
    }
  }

  /** The values in which the pattern is found, or the others where these are fewer. */
  find(pattern: Pattern): FoundValues {
    const { joined, rest, recent } = this;
    const found = joined.flatMap((texts) => findJoined(texts, pattern));
    for (const values of [rest, recent.keys()]) for (const value of values) if (pattern.test(value)) found.push(value);
    const count = joined.length * JOINED_AT_ONCE + rest.length + recent.size;
    if (2 * found.length <= count) return { values: found, areFound: true };
    const others: string[] = [];
    // Both are in the same order.
    let at = 0;
    for (const value of this.all())
      if (value === found[at]) at++;
      else others.push(value);
    return { values: others, areFound: false };
  }

  private *all(): Iterable<string> {
    for (const texts of this.joined) yield* splitValues(texts);
    yield* this.rest;
    yield* this.recent.keys();
  }
}
