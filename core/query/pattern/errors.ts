// The two ways a pattern is refused: it cannot be compiled, or it costs too much on the values at hand. Neither ever
// means "no match". The budget of a query is counted here as well.

/** A pattern that is not valid, not supported, or too large. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
  /** Index of the code point where the pattern is wrong, when there is one. */
  readonly position: number | undefined;

  constructor(message: string, position?: number) {
    super(message);
    this.position = position;
  }
}

/** A pattern that needs more steps than it may use; the query has no answer. */
export class PatternTooExpensive extends Error {
  override readonly name = 'PatternTooExpensive';
}

/** What CPython would say about a wrong pattern, as one sentence. `position` counts code points from 0. */
export function invalidPattern(source: string, reason: string, position?: number): PatternError {
  const where = position === undefined ? '' : ` at position ${position}`;
  return new PatternError(`The pattern "${source}" is not valid: ${reason}${where}.`, position);
}

/** Default number of steps for all values of one query. */
export const DEFAULT_BUDGET = 200_000_000;

/** The steps one query may use over all values and patterns. One step is about one character looked at. */
export class PatternBudget {
  readonly limit: number;
  #used = 0;

  constructor(limit: number = DEFAULT_BUDGET) {
    this.limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** Throws PatternTooExpensive when the query has used up its steps. */
  spend(steps: number): void {
    this.#used += steps;
    if (this.#used > this.limit) {
      throw new PatternTooExpensive(
        `The patterns of this query need more than ${this.limit} steps; use a simpler pattern or fewer values.`,
      );
    }
  }
}
