// Bounds of what callers can hold of the server: how many connections, for how long, and how often they ask.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import { HttpProblem } from './problems.ts';
import type { Proxies } from './reach.ts';

/** Connections of one address, and of all. A browser has six. */
const MOST_OF_ONE = 64;
const MOST = 512;
/** Requests of one address in a minute, beyond this machine itself. */
const MOST_A_MINUTE = 1_200;

/** Milliseconds. Of a request, not of its answer: an export may take as long as it takes. */
export const TIMEOUTS = { requestTimeout: 30_000, keepAliveTimeout: 5_000 } as const;
/** The same, of what Fastify leaves to Node: for the headers, and how often all of these are looked at. */
export const SERVER_TIMEOUTS = { headersTimeout: 10_000, connectionsCheckingInterval: 2_000 } as const;
/** A connection on which nothing moves for so long is ended, whoever waits for whom (milliseconds). */
export const LONGEST_STILLNESS = 600_000;
/** Answers that are under way when the server is to end may go on for so long (milliseconds). */
const GRACE = 5_000;

/**
 * Ends connections that are too many; what they sent is not looked at. A proxy has those of all its callers: only the
 * whole is bounded.
 */
export function boundConnections(server: Server, proxies: Proxies | undefined): void {
  const open = new Map<string, number>();
  server.maxConnections = MOST;
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    if (proxies?.holds(address) === true) return;
    const count = (open.get(address) ?? 0) + 1;
    if (count > MOST_OF_ONE) {
      socket.destroy();
      return;
    }
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
}

/** Lets the server end although somebody does not take an answer. */
export function boundEnd(server: FastifyInstance): void {
  let timer: NodeJS.Timeout | undefined;
  server.addHook('preClose', async () => {
    timer = setTimeout(() => server.server.closeAllConnections(), GRACE);
  });
  server.addHook('onClose', async () => clearTimeout(timer));
}

/** Answers 429 to an address that asks too often. */
export async function boundRate(server: FastifyInstance): Promise<void> {
  await server.register(rateLimit, {
    global: false,
    max: MOST_A_MINUTE,
    timeWindow: 60_000,
    errorResponseBuilder: (_, { after }) =>
      new HttpProblem(429, `More than ${MOST_A_MINUTE} requests in a minute came from your address: wait ${after}.`),
  });
  // Before callers are looked up: so also those that nobody knows are counted.
  server.addHook('onRequest', server.rateLimit());
}
