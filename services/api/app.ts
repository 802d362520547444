// The API over HTTP: queries, counts, its own description, and the page that asks it; health and metrics are added by who starts it. What a query
// means is core/query. Questions over NATS are answered by adapters/nats/index-server.ts.
import { existsSync } from 'node:fs';
import path from 'node:path';
import files from '@fastify/static';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import type { InstanceIndex } from '../../core/ports/instance-index.ts';
import { refuseOtherNames } from './local-callers.ts';
import { answerProblem, NothingThere } from './problems.ts';
import { addCounts } from './routes/counts.ts';
import { addRows } from './routes/rows.ts';

export { isLoopback } from './local-callers.ts';

/** Bytes of a request's body. */
const LONGEST_BODY = 1024 * 1024;

export interface ApiOptions {
  /** Gives an index for one request, which is closed after it: so each sees the state of its time. */
  readonly open: () => Promise<InstanceIndex>;
  /** Answer only those who call it by a name of this machine itself. */
  readonly isLocal: boolean;
}

/** Builds the server over an index. */
export function buildApi({ open, isLocal }: ApiOptions): FastifyInstance {
  const server = Fastify({
    logger: false,
    bodyLimit: LONGEST_BODY,
    // What is asked is taken as it stands: no text becomes a number, nothing unknown is left out in silence.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  });
  server.setErrorHandler<FastifyError>((error, _, reply) => answerProblem(error, reply));
  server.setNotFoundHandler((_, reply) => answerProblem(new NothingThere(), reply));
  // A browser sends text to any address without asking there first; JSON it does not.
  server.removeContentTypeParser('text/plain');
  server.addHook('onSend', async (_, reply) => {
    reply.headers({
      'cache-control': 'no-store',
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    });
  });
  if (isLocal) refuseOtherNames(server);
  server.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: 'ditag', description: 'Series of indexed archives', version: '1' } },
  });
  server.register(async (routes) => {
    addRows(routes, open);
    addCounts(routes, open);
    routes.get('/openapi.json', { schema: { hide: true } }, () => server.swagger());
  });
  const page = pageFolder();
  if (page !== undefined) server.register(files, { root: page, decorateReply: false, cacheControl: false });
  return server;
}

/** Where `npm run build` has put the page: beside the compiled program, which is elsewhere where this runs as it stands. */
function pageFolder(): string | undefined {
  const { dirname } = import.meta;
  const folders = [path.join(dirname, 'page'), path.join(dirname, '../../dist/page')];
  return folders.find((folder) => existsSync(path.join(folder, 'page.js')));
}
