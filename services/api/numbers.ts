// What the API counts of itself, for /metrics: numbers by name, never who asked or what for.
import type { FastifyInstance } from 'fastify';
import type { Jobs } from './jobs.ts';

/** Numbers by the names of their metrics; those that end in `_total` only grow. */
export type ApiNumbers = Readonly<Record<string, { readonly help: string; readonly value: number }>>;

declare module 'fastify' {
  interface FastifyInstance {
    readNumbers(): ApiNumbers;
  }
}

/** Counts every request of the server from now on, as it ends. */
export function countRequests(server: FastifyInstance, jobs: Jobs): void {
  const counted = { requests: 0, refused: 0, failed: 0, brokenOff: 0, rows: 0, seconds: 0 };
  let running = 0;
  server.addHook('onRequest', async (_, reply) => {
    running++;
    reply.raw.once('close', () => running--);
  });
  server.addHook('onRequestAbort', async (_) => void counted.brokenOff++);
  server.addHook('onResponse', async ({ rowsTold = 0 }, { statusCode, elapsedTime }) => {
    counted.requests++;
    counted.rows += rowsTold;
    counted.seconds += elapsedTime / 1000;
    if (statusCode === 401 || statusCode === 403 || statusCode === 429) counted.refused++;
    if (statusCode >= 500) counted.failed++;
  });
  server.decorate('readNumbers', () => ({
    ditag_api_requests_total: { help: 'Requests that were answered', value: counted.requests },
    ditag_api_refused_total: { help: 'Those of them that ended with 401, 403 or 429', value: counted.refused },
    ditag_api_failed_total: { help: 'Those of them that ended with 5xx', value: counted.failed },
    ditag_api_broken_off_total: { help: 'Requests whose caller went away', value: counted.brokenOff },
    ditag_api_seconds_total: { help: 'Seconds that answers took', value: counted.seconds },
    ditag_api_rows_total: { help: 'Rows and instances that were told', value: counted.rows },
    ditag_api_requests_running: { help: 'Requests under way', value: running },
    ditag_api_jobs_running: {
      help: 'Operations under way',
      value: jobs.list().filter(({ status }) => status === 'running').length,
    },
  }));
}
