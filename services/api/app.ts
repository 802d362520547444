// The API over HTTP: health, metrics, and queries whose rows stream out as they are found. What a query means is
// core/query; who may ask stands in front of it. Questions over NATS are answered by adapters/nats/index-server.ts.
import { Readable } from 'node:stream';
import Fastify, { type FastifyInstance } from 'fastify';
import { DitagError } from '../../core/errors/errors.ts';
import type { InstanceIndex } from '../../core/ports/instance-index.ts';
import { csvFormat } from '../../core/query/row-format.ts';
import { queryOfMessage } from '../../core/wire/query-message.ts';

/** Builds the server over an index. */
export function buildApi(index: InstanceIndex): FastifyInstance {
  const server = Fastify({ logger: false, bodyLimit: 1024 * 1024 });
  server.setErrorHandler((error, _, reply) => {
    if (error instanceof DitagError) {
      const status = error.exitCode === 2 || error.code === 'damaged-message' ? 400 : 503;
      return reply
        .code(status)
        .type('application/problem+json')
        .send({ status, title: error.message, code: error.code });
    }
    const status = (error as { statusCode?: number }).statusCode ?? 500;
    // What is not for a person to read may hold values.
    const title = status < 500 ? (error as Error).message : 'The API failed.';
    return reply.code(status).type('application/problem+json').send({ status, title });
  });
  // The rows as the command line prints them.
  server.post('/query', async (request, reply) => {
    const query = await queryOfMessage(request.body);
    const format = csvFormat(query.columns.map((target) => target.name));
    const batches = index.search(query)[Symbol.asyncIterator]();
    // What is wrong before the first rows is told by the status.
    const first = await batches.next();
    async function* csv() {
      try {
        yield format.begin();
        for (let next = first; next.done !== true; next = await batches.next()) yield format.batch(next.value);
      } finally {
        await batches.return?.();
      }
    }
    return reply.type('text/csv; charset=utf-8').send(Readable.from(csv(), { objectMode: false }));
  });
  return server;
}
