// An API that listens on loopback is for programs of this machine. A page from elsewhere can have a browser call it by a
// name of that page's choice, whose address is loopback ("DNS rebinding"): such a name stands in Host.
import type { FastifyInstance } from 'fastify';

/** Of the machine itself: `localhost`, 127.0.0.0/8 and ::1. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/.test(host);
}

/** Refuses requests that call the API by another name than a loopback one. */
export function refuseOtherNames(server: FastifyInstance): void {
  server.addHook('onRequest', async (request, reply) => {
    if (isLoopback(request.hostname.replace(/:\d+$/, '').toLowerCase())) return;
    return reply
      .code(421)
      .type('application/problem+json')
      .send(JSON.stringify({ status: 421, title: 'This API answers to localhost only.' }));
  });
}
