// What every service tells over HTTP: that it lives, that it is ready, and its metrics (Prometheus). Never a value of a
// patient: metrics have names and numbers, no identifiers.
import Fastify, { type FastifyInstance } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import Type from 'typebox';

export interface HealthOptions {
  /** Whether the service can do its work now. */
  readonly isReady: () => Promise<boolean>;
  /** Numbers by the name of their metric; those that end in `_total` only grow. */
  readonly numbers: () => Readonly<Record<string, { readonly help: string; readonly value: number }>>;
  /** What the server may answer in the place of an answer, by status. */
  readonly problems?: Readonly<Record<string, object>> | undefined;
}

const Status = Type.Object({ status: Type.String() });
const Text = { description: 'its text format', content: { 'text/plain': { schema: Type.String() } } };

/** Adds /health, /ready and /metrics to a server. */
export function addHealth(server: FastifyInstance, options: HealthOptions): void {
  const { problems = {} } = options;
  // Without a token, since they tell nothing.
  const health = {
    security: [],
    summary: 'Whether the process lives',
    response: { ...problems, 200: Status },
  };
  server.get('/health', { schema: health }, async () => ({ status: 'alive' }));
  const ready = {
    security: [],
    summary: 'Whether it can do its work now',
    response: { ...problems, 200: Status, 503: Status },
  };
  server.get('/ready', { schema: ready }, async (_, reply) => {
    const isReady = await options.isReady().catch(() => false);
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not ready' });
  });
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = {
    summary: 'Metrics for Prometheus: numbers, no identifiers',
    response: { ...problems, 200: Text },
  };
  server.get('/metrics', { schema: metrics }, async (_, reply) => {
    for (const [name, { help, value }] of Object.entries(options.numbers())) {
      registry.removeSingleMetric(name);
      if (name.endsWith('_total')) new Counter({ name, help, registers: [registry] }).inc(value);
      else new Gauge({ name, help, registers: [registry] }).set(value);
    }
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}

/** What stops a server. */
export interface HealthServer {
  stop(): Promise<void>;
}

/** Starts a server with nothing but these, where a port is set; else nothing is served. */
export async function serveHealth(
  set: { readonly DITAG_HTTP_HOST?: string; readonly DITAG_HTTP_PORT?: string },
  options: HealthOptions,
): Promise<HealthServer> {
  if (set.DITAG_HTTP_PORT === undefined) return { stop: async () => {} };
  const server = Fastify({ logger: false });
  addHealth(server, options);
  await server.listen({ host: set.DITAG_HTTP_HOST ?? '127.0.0.1', port: Number(set.DITAG_HTTP_PORT) });
  return { stop: () => server.close() };
}
