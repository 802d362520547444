// GET /trail: who asked what and when, for administrators.
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { AccessStore } from '../../../core/ports/access-store.ts';
import { answerOf, PROBLEMS } from '../schemas.ts';

export function addTrail(server: FastifyInstance, access: AccessStore): void {
  const schema = {
    summary: 'The audit trail, the oldest entry first, a JSON object a line',
    response: { 200: answerOf('application/x-ndjson'), ...PROBLEMS },
  };
  server.get('/trail', { schema, config: { role: 'admin', isAudited: true } }, async (request, reply) => {
    request.rowsTold = 0;
    async function* lines(): AsyncIterable<string> {
      for await (const entry of access.trail()) {
        yield `${JSON.stringify(entry)}\n`;
        request.rowsTold!++;
      }
    }
    return reply.type('application/x-ndjson; charset=utf-8').send(Readable.from(lines(), { objectMode: false }));
  });
}
