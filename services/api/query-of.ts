// The query of a request. What one request may ask for is bounded: an answer of many columns is held in memory by the row.
import { makeQuery, type Query, type QueryText } from '../../core/query/query.ts';
import { HttpProblem } from './problems.ts';

const MOST_COLUMNS = 100;

/** As `makeQuery`. Throws a problem with status 400 where there are too many columns. */
export async function queryOf(text: QueryText): Promise<Query> {
  const query = await makeQuery(text);
  const { length } = query.columns;
  if (length > MOST_COLUMNS) throw new HttpProblem(400, `columns has ${length} tags: ask for at most ${MOST_COLUMNS}.`);
  return query;
}
