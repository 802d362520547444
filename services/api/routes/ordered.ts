// POST /rows: some rows of an answer in an order of the asker's, from behind a place on. It is what a table on a screen asks.
import { Buffer } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { ditagError } from '../../../core/errors/errors.ts';
import { parsedFormat } from '../../../core/query/parsed-formats.ts';
import type { IndexAsker } from '../index-asker.ts';
import { queryOf } from '../query-of.ts';
import { OrderedAnswer, OrderedBody, PROBLEMS } from '../schemas.ts';

const ROWS = 100;

export function addOrdered(server: FastifyInstance, asker: IndexAsker): void {
  const schema = {
    summary: 'Some series that match, in any order, from behind a place that an earlier answer has told',
    body: OrderedBody,
    response: { 200: OrderedAnswer, ...PROBLEMS },
  };
  server.post<{ Body: OrderedBody }>('/rows', { schema, config: { isAudited: true } }, async (request) => {
    const { orderBy = 'StudyDate', descending = false, rows = ROWS, after, ...text } = request.body;
    const query = await queryOf(text);
    // A place of one order says nothing in another.
    const order = `${orderBy} ${descending ? 'descending' : 'ascending'} `;
    if (after !== undefined && !after.startsWith(order)) throw ditagError('bad-place', {});
    const place = after?.slice(order.length);
    const found = await asker.ask((index) => index.ordered(query, { orderBy, descending, rows, after: place }));
    const format = parsedFormat(
      'json',
      query.columns.map((target) => target.name),
    );
    const printed = [format.begin(), found.rows === 0 ? '' : Buffer.from(format.batch(found)).toString(), format.end()];
    request.rowsTold = found.rows;
    const next = found.rows < rows ? undefined : order + found.places.at(-1)!;
    return { rows: JSON.parse(printed.join('')) as Record<string, string>[], ...(next === undefined ? {} : { next }) };
  });
}
