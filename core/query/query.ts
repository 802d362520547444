// The query as a value: what the CLI, the API and every adapter of the index agree on. Dates, conditions on targets,
// columns. Text becomes a query in `makeQuery`; whether one series matches is said once more, in the plainest way, by
// `reference-matcher.ts`, against which adapters are tested.
import { ditagError } from '../errors/errors.ts';
import { parseDateOption } from './dates.ts';
import type { Pattern } from './pattern/pattern.ts';
import { parseTarget, parseTargets, type Target } from './target.ts';

/** A pattern that has to be found in one of the targets, or in none of them. */
export interface Condition {
  readonly targets: readonly Target[];
  readonly pattern: Pattern;
  readonly negate: boolean;
}

export interface Query {
  /** Inclusive, as numbers (20260131); undefined: open. A series without a readable date matches no bound. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** ANDed. */
  readonly conditions: readonly Condition[];
  /** Columns after the six. */
  readonly columns: readonly Target[];
}

/** A query as it is typed. */
export interface QueryText {
  readonly sdate?: string | undefined;
  readonly edate?: string | undefined;
  readonly date?: string | undefined;
  readonly targets?: string | undefined;
  readonly pattern?: string | undefined;
  /** `TAG=REGEX`. */
  readonly where?: readonly string[] | undefined;
  readonly whereNot?: readonly string[] | undefined;
  readonly columns?: string | undefined;
}

/**
 * Makes the query of options. Its patterns throw `pattern-too-expensive` when they are tested. Throws `bad-date`, `date-order`, `bad-pattern`, `pattern-without-targets`, `bad-where` and
 * `unknown-tag`. All patterns share one budget (see `PatternBudget`).
 */
export async function makeQuery(text: QueryText): Promise<Query> {
  const [sdate, edate] = [dateOption('--sdate', text.sdate), dateOption('--edate', text.edate)];
  const day = dateOption('--date', text.date);
  if (sdate !== undefined && edate !== undefined && sdate > edate)
    throw ditagError('date-order', { from: sdate, to: edate, option: '--sdate' });
  const from = day === undefined ? sdate : Math.max(day, sdate ?? day);
  const to = day === undefined ? edate : Math.min(day, edate ?? day);
  const conditions: Condition[] = [];
  const { pattern, where = [], whereNot = [] } = text;
  const compile = await conditionsCompiler(pattern !== undefined || where.length > 0 || whereNot.length > 0);
  const targets = text.targets === undefined ? [] : await parseTargets(text.targets);
  if (pattern !== undefined) {
    if (targets.length === 0) throw ditagError('pattern-without-targets', {});
    conditions.push({ targets, pattern: compile(pattern, '--pattern'), negate: false });
  }
  for (const each of where) conditions.push(await whereCondition('--where', each, false, compile));
  for (const each of whereNot) conditions.push(await whereCondition('--where-not', each, true, compile));
  return { from, to, conditions, columns: text.columns === undefined ? [] : await parseTargets(text.columns) };
}

function dateOption(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const date = parseDateOption(value.trim());
  if (date === undefined) throw ditagError('bad-date', { option, value });
  return date;
}

/** @param option in which the pattern stands, for the error */
type Compile = (source: string, option?: string) => Pattern;

async function whereCondition(option: string, value: string, negate: boolean, compile: Compile): Promise<Condition> {
  const at = value.indexOf('=');
  if (at <= 0) throw ditagError('bad-where', { option, value });
  return { targets: [await parseTarget(value.slice(0, at))], pattern: compile(value.slice(at + 1), option), negate };
}

/**
 * Compiles the patterns of one query, which share one budget. The engine is loaded only where there are any. Throws
 * `bad-pattern`; the patterns throw `pattern-too-expensive` when they are tested.
 */
export async function conditionsCompiler(hasConditions: boolean): Promise<Compile> {
  if (!hasConditions) return unused;
  const { compilePattern, PatternBudget, PatternError, PatternTooExpensive } = await import('./pattern/pattern.ts');
  const budget = new PatternBudget();
  const explained = (error: unknown, option: string | undefined): unknown => {
    const details = (reason: string) => ({ reason, ...(option === undefined ? {} : { option }) });
    if (error instanceof PatternError) return ditagError('bad-pattern', details(error.message), error);
    if (error instanceof PatternTooExpensive) return ditagError('pattern-too-expensive', details(error.message), error);
    return error;
  };
  return (source, option) => {
    try {
      const pattern = compilePattern(source, { budget });
      const test = (value: string): boolean => {
        try {
          return pattern.test(value);
        } catch (error) {
          throw explained(error, option);
        }
      };
      return { ...pattern, test };
    } catch (error) {
      throw explained(error, option);
    }
  };
}

function unused(): never {
  throw new Error('a query without patterns has none to compile');
}
