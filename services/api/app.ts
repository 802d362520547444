// The API over HTTP: what each part of it answers is in routes/, who may ask in callers.ts, and the page that asks it in
// page/. Health and metrics are added by who starts it. What a query means is core/query. Questions over NATS are answered
// by adapters/nats/index-server.ts.
import { existsSync } from 'node:fs';
import path from 'node:path';
import files from '@fastify/static';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import type { AccessStore } from '../../core/ports/access-store.ts';
import type { InstanceIndex } from '../../core/ports/instance-index.ts';
import type { Operations } from '../../core/ports/operations.ts';
import type { Previews } from '../../core/ports/previews.ts';
import { admitCallers } from './callers.ts';
import { boundConnections, boundEnd, boundRate, LONGEST_STILLNESS, SERVER_TIMEOUTS, TIMEOUTS } from './connections.ts';
import { IndexAsker } from './index-asker.ts';
import { Jobs } from './jobs.ts';
import { countRequests } from './numbers.ts';
import { answerProblem, NothingThere, Unreadable } from './problems.ts';
import type { Proxies } from './reach.ts';
import { addArchives } from './routes/archives.ts';
import { addCounts } from './routes/counts.ts';
import { addJobs } from './routes/jobs.ts';
import { addOrdered } from './routes/ordered.ts';
import { addPreview } from './routes/preview.ts';
import { addProjects } from './routes/projects.ts';
import { addRows } from './routes/rows.ts';
import { addSeries } from './routes/series.ts';
import { addTrail } from './routes/trail.ts';
import { SECURITY_HEADERS, TLS_HEADERS } from './security-headers.ts';

export { isOnlyLocal, Proxies } from './reach.ts';
export { PROBLEMS } from './schemas.ts';

/** Bytes of a request's body. */
const LONGEST_BODY = 1024 * 1024;
/** Characters of a part of a path. */
const LONGEST_PARAMETER = 200;

export interface ApiOptions {
  /** Gives an index, which the API closes. */
  readonly open: () => Promise<InstanceIndex>;
  readonly access: AccessStore;
  readonly operations: Operations;
  /** Closed with the server; undefined: there are no pictures. */
  readonly previews?: Previews | undefined;
  /** Answer only those who call it by a name of this machine itself, and ask them for no token. */
  readonly isLocal: boolean;
  /** Whose word on a caller's address is believed. */
  readonly proxies?: Proxies | undefined;
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
}

/** Builds the server over an index. */
export async function buildApi({
  open,
  access,
  operations,
  previews,
  isLocal,
  proxies,
  tls,
}: ApiOptions): Promise<FastifyInstance> {
  const server = Fastify({
    logger: false,
    trustProxy: (address) => proxies?.holds(address) ?? false,
    bodyLimit: LONGEST_BODY,
    routerOptions: { maxParamLength: LONGEST_PARAMETER },
    // An address that cannot be read comes to no handler.
    frameworkErrors: (_: FastifyError, __: unknown, reply: FastifyReply) => void answerProblem(new Unreadable(), reply),
    ...TIMEOUTS,
    connectionTimeout: LONGEST_STILLNESS,
    // What is asked is taken as it stands: no text becomes a number, nothing unknown is left out in silence.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, discriminator: true } },
    ...(tls === undefined ? { http: SERVER_TIMEOUTS } : { https: { ...tls, ...SERVER_TIMEOUTS } }),
  }) as unknown as FastifyInstance;
  boundConnections(server.server, proxies);
  boundEnd(server);
  server.setErrorHandler<FastifyError>((error, _, reply) => answerProblem(error, reply));
  server.setNotFoundHandler((_, reply) => answerProblem(new NothingThere(), reply));
  // A browser sends text to any address without asking there first; JSON it does not.
  server.removeContentTypeParser('text/plain');
  const headers = tls === undefined ? SECURITY_HEADERS : { ...SECURITY_HEADERS, ...TLS_HEADERS };
  server.addHook('onSend', async (_, reply) => void reply.headers(headers));
  if (!isLocal) await boundRate(server);
  const jobs = new Jobs(operations);
  countRequests(server, jobs);
  admitCallers(server, { access, isLocal });
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'ditag', description: 'Series of indexed archives', version: '1' },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
  });
  server.register(async (routes) => {
    const asker = new IndexAsker(open);
    routes.addHook('onClose', () => asker.close());
    addRows(routes, asker);
    addOrdered(routes, asker);
    addCounts(routes, asker);
    addSeries(routes, asker);
    addPreview(routes, asker, previews);
    addArchives(routes, asker);
    addJobs(routes, jobs, operations);
    addProjects(routes, operations);
    addTrail(routes, access);
    const config = { role: 'anyone' } as const;
    routes.get('/openapi.json', { schema: { hide: true }, config }, () => server.swagger());
  });
  const page = pageFolder();
  if (page !== undefined) {
    server.register(async (pages) => {
      // It holds no data: what it shows it asks for, with its reader's token.
      pages.addHook('onRoute', (route) => void (route.config = { ...route.config, role: 'anyone' }));
      await pages.register(files, { root: page, decorateReply: false, cacheControl: false, preCompressed: true });
    });
  }
  return server;
}

/** Where `npm run build` has put the page: beside the compiled program, which is elsewhere where this runs as it stands. */
function pageFolder(): string | undefined {
  const { dirname } = import.meta;
  const folders = [path.join(dirname, 'page'), path.join(dirname, '../../dist/page')];
  return folders.find((folder) => existsSync(path.join(folder, 'page.js')));
}
