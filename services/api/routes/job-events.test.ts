// Who watches and takes nothing costs no memory that grows, and is not waited for for ever.
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify from 'fastify';
import { addJobEvents } from './job-events.ts';

/** More than the buffers of a connection on one machine hold. */
const LARGE = 'x'.repeat(16_000_000);

test('who takes nothing of what is told is ended, and nothing is made for them in the meantime', async () => {
  const server = fastify();
  server.decorateRequest('isStillKnown', async () => true);
  let made = 0;
  const state = async () => ({ number: made++, LARGE });
  const end = addJobEvents(server, { watch: () => () => {} }, state, 3_000);
  await server.listen({ port: 0, host: '127.0.0.1' });
  try {
    const socket = net.connect((server.server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /jobs/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const connections = () => new Promise<number>((resolve) => server.server.getConnections((_, n) => resolve(n)));
    await sleep(2_000);
    assert.deepEqual([made, await connections()], [1, 1], 'it is waited for');
    for (let tries = 0; tries < 50 && (await connections()) > 0; tries++) await sleep(200);
    assert.deepEqual([made, await connections()], [1, 0], 'it is not waited for any more');
    socket.destroy();
  } finally {
    end();
    await server.close();
  }
});
