// A query on its way to the part of the cluster that answers it: what a query is made of as text. The answering part
// makes the query anew, with its own targets and patterns, and so checks it.
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { ditagError } from '../errors/errors.ts';
import { valuesPattern } from '../query/pattern/literals.ts';
import { conditionsCompiler, type Query } from '../query/query.ts';
import { parseTarget, type Target } from '../query/target.ts';

export const QueryMessage = Type.Object({
  from: Type.Optional(Type.Integer()),
  to: Type.Optional(Type.Integer()),
  conditions: Type.Array(
    Type.Object({
      targets: Type.Array(Type.String()),
      pattern: Type.String(),
      /** Of a pattern that stands for certain whole values: these, of which there may be more than a pattern may have. */
      values: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
      negate: Type.Boolean(),
    }),
  ),
  columns: Type.Array(Type.String()),
});
export type QueryMessage = Static<typeof QueryMessage>;

const check = Compile(QueryMessage);

export function queryMessage({ from, to, conditions, columns }: Query): QueryMessage {
  return {
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    conditions: conditions.map(({ targets, pattern, negate }) => ({
      targets: names(targets),
      pattern: pattern.source,
      ...((pattern.wholeValues?.size ?? 0) === 0 ? {} : { values: [...pattern.wholeValues!] }),
      negate,
    })),
    columns: names(columns),
  };
}

function names(targets: readonly Target[]): string[] {
  return targets.map((target) => target.name);
}

/** Throws what `makeQuery` throws of targets and patterns, and `damaged-message`. */
export async function queryOfMessage(message: unknown): Promise<Query> {
  if (!check.Check(message)) throw ditagError('damaged-message', { reason: 'it is not a query' });
  const { from, to, conditions, columns } = message;
  const compile = await conditionsCompiler(conditions.length > 0);
  const resolve = (targets: readonly string[]) => Promise.all(targets.map((name) => parseTarget(name)));
  return {
    from,
    to,
    conditions: await Promise.all(
      conditions.map(async ({ targets, pattern, values, negate }) => ({
        targets: await resolve(targets),
        pattern: values === undefined ? compile(pattern) : valuesPattern(values),
        negate,
      })),
    ),
    columns: await resolve(columns),
  };
}
