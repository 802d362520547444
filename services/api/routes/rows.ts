// POST /query: the rows of an answer as the command line prints them, streamed as they are found.
import type { FastifyInstance } from 'fastify';
import { mayDo } from '../../../core/access/access.ts';
import type { RowBatch } from '../../../core/ports/instance-index.ts';
import { parsedFormat } from '../../../core/query/parsed-formats.ts';
import { csvFormat, type RowFormat } from '../../../core/query/row-format.ts';
import { firstRows } from '../../../core/query/row-lines.ts';
import { notAllowed } from '../callers.ts';
import type { IndexAsker } from '../index-asker.ts';
import { queryOf } from '../query-of.ts';
import { answerOf, PROBLEMS, RowsBody } from '../schemas.ts';
import { streamed } from '../streamed.ts';

const TYPES = {
  csv: 'text/csv; charset=utf-8',
  json: 'application/json; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
} as const;

/** Rows at a time that who only reads may have: a screen full, and not the archive. */
const MOST_READ = 1_000;

export function addRows(server: FastifyInstance, asker: IndexAsker): void {
  const schema = {
    summary: 'Series that match, with the six columns of `ditag query` and those asked for besides',
    body: RowsBody,
    response: { 200: answerOf('text/csv', 'application/json', 'application/x-ndjson'), ...PROBLEMS },
  };
  server.post<{ Body: RowsBody }>('/query', { schema, config: { isAudited: true } }, async (request, reply) => {
    const { format = 'csv', limit = Number.POSITIVE_INFINITY, ...text } = request.body;
    const { caller } = request;
    if (limit > MOST_READ && caller !== undefined && !mayDo(caller.role, 'export')) throw notAllowed(caller, 'export');
    const query = await queryOf(text);
    const more = query.columns.map((target) => target.name);
    const printing = format === 'csv' ? csvFormat(more) : parsedFormat(format, more);
    request.rowsTold = 0;
    const told = (count: number) => void (request.rowsTold! += count);
    const batches = asker.all((index) => index.search(query));
    const { stream } = await streamed(printed(printing, batches, { limit, told }));
    return reply.type(TYPES[format]).send(stream);
  });
}

/** Nothing before the first rows are found, and no empty piece. */
async function* printed(
  { begin, batch, end }: RowFormat,
  batches: AsyncIterable<RowBatch>,
  { limit, told }: { readonly limit: number; readonly told: (rows: number) => void },
): AsyncIterable<Uint8Array | string> {
  let left = limit;
  let start = begin();
  for await (const found of batches) {
    if (left <= 0) break;
    if (start !== '') yield start;
    start = '';
    const rows = firstRows(found, left);
    left -= rows.rows;
    told(rows.rows);
    yield batch(rows);
    // What is not wanted is not looked for.
    if (left <= 0) break;
  }
  const rest = start + end();
  if (rest !== '') yield rest;
}
