// What every service tells over HTTP: that it lives, that it is ready, and its metrics (Prometheus). Never a value of a
// patient: metrics have names and numbers, no identifiers.
import Fastify, { type FastifyInstance } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';

export interface HealthOptions {
  /** Whether the service can do its work now. */
  readonly isReady: () => Promise<boolean>;
  /** Numbers by the name of their metric; those that end in `_total` only grow. */
  readonly numbers: () => Readonly<Record<string, { readonly help: string; readonly value: number }>>;
}

/** They are the same for every service: no API describes them. */
const HIDDEN = { schema: { hide: true } };

/** Adds /health, /ready and /metrics to a server. */
export function addHealth(server: FastifyInstance, options: HealthOptions): void {
  server.get('/health', HIDDEN, async () => ({ status: 'alive' }));
  server.get('/ready', HIDDEN, async (_, reply) => {
    const ready = await options.isReady().catch(() => false);
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready' });
  });
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  server.get('/metrics', HIDDEN, async (_, reply) => {
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
