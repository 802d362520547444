// GET /trail: who asked what and when, for administrators.
import type { FastifyInstance } from 'fastify';
import type { AccessStore } from '../../../core/ports/access-store.ts';
import { answerOf, PROBLEMS } from '../schemas.ts';
import { JSON_LINES, jsonLines, streamed } from '../streamed.ts';

export function addTrail(server: FastifyInstance, access: AccessStore): void {
  const schema = {
    summary: 'The audit trail, the oldest entry first, a JSON object a line',
    response: { 200: answerOf('application/x-ndjson'), ...PROBLEMS },
  };
  server.get('/trail', { schema, config: { role: 'admin', isAudited: true } }, async (request, reply) => {
    const { stream } = await streamed(jsonLines(access.trail(), request));
    return reply.type(JSON_LINES).send(stream);
  });
}
