// The door of the pattern module: compiles a regular expression in the syntax of Python 3.11 and says whether it
// occurs in a value, as re.search would. How it is read is in parse.ts, how it is run in engines.ts. A pattern that
// cannot be answered is an error, never "no match".

import { requiredLiteral } from './analysis.ts';
import { layeredTest } from './engines.ts';
import { PatternBudget } from './errors.ts';
import { leadOf } from './lead.ts';
import { wholeValues } from './literals.ts';
import { parsePattern } from './parse.ts';

export { PatternBudget, PatternError, PatternTooExpensive } from './errors.ts';

/** A compiled pattern: says whether it occurs in a value, as Python's re.search would. */
export interface Pattern {
  readonly source: string;
  /** Whether the pattern occurs in the value. Throws PatternTooExpensive past the budget of steps. */
  test(value: string): boolean;
  /** A text (with its case) that every matching value contains, or '' if none is known. For skipping blocks of values. */
  readonly requiredLiteral: string;
  /**
   * Finds a place in every value in which the pattern is found, where more is known of that than the required literal
   * says: for looking through many values that are joined by a control character. With the flag g.
   */
  readonly lead?: RegExp | undefined;
  /** The only values in which it is found, where they can be told one by one: an index looks them up. */
  readonly wholeValues?: ReadonlySet<string> | undefined;
}

/**
 * Compiles a pattern. Throws PatternError when it is not valid, not supported or too large. `budget` holds the steps
 * of one query and may be shared by its patterns; without it the pattern gets a budget of its own, for one query.
 */
export function compilePattern(source: string, options: { readonly budget?: PatternBudget } = {}): Pattern {
  const parsed = parsePattern(source);
  const literal = requiredLiteral(parsed.root);
  const literals = wholeValues(parsed.root);
  if (literals !== undefined)
    return { source, requiredLiteral: literal, wholeValues: literals, test: (value) => literals.has(value) };
  const test = layeredTest(parsed);
  const budget = options.budget ?? new PatternBudget();
  return {
    source,
    requiredLiteral: literal,
    lead: leadOf(parsed.root, literal.length),
    test: (value) => (literal === '' || value.includes(literal)) && test(value, budget),
  };
}
