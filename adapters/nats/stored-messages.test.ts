// What a stream holds is read whole and in order, also where the server dies in the middle and comes back.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, test } from 'node:test';
import { startNatsServer } from '../../scripts/parts/nats-server.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';
import { temporaryFolder } from '../../test/cli/run-ditag.ts';
import { openCluster } from './connection.ts';
import { storedMessages } from './stored-messages.ts';

const MESSAGES = 5_000;

test('a server that is killed and started again while it is read from loses and doubles nothing', async (t) => {
  const stateFolder = path.join(temporaryFolder({ after }), 'nats');
  let server = await partOrSkip(t, () => startNatsServer({ stateFolder }));
  if (server === undefined) return;
  const { url, port } = server;
  const cluster = await openCluster({ url }, 'test');
  try {
    await cluster.manager.streams.add({ name: 'NUMBERS', subjects: ['numbers.>'], allow_direct: true });
    const data = Buffer.alloc(2_000, 'x');
    for (let at = 0; at < MESSAGES; at += 500)
      await Promise.all(Array.from({ length: 500 }, (_, n) => cluster.jetstream.publish(`numbers.${at + n}`, data)));
    const read: number[] = [];
    for await (const { seq } of storedMessages(cluster, 'NUMBERS', 'numbers.>')) {
      read.push(seq);
      // In the middle of a batch, at its end, and where the next is asked for.
      if (![1, 777, 1_500, 3_001].includes(read.length)) continue;
      await server.kill();
      server = await startNatsServer({ stateFolder, port });
    }
    assert.deepEqual(
      read,
      Array.from({ length: MESSAGES }, (_, n) => n + 1),
    );
    const none = await Array.fromAsync(storedMessages(cluster, 'NUMBERS', 'numbers.none'));
    assert.deepEqual(none, []);
  } finally {
    await cluster.close();
    await server.stop();
  }
});

test('messages that are more than the server sends at a time come all the same', async (t) => {
  const stateFolder = path.join(temporaryFolder({ after }), 'nats');
  const server = await partOrSkip(t, () => startNatsServer({ stateFolder }));
  if (server === undefined) return;
  const cluster = await openCluster({ url: server.url }, 'test');
  try {
    await cluster.manager.streams.add({ name: 'LARGE', subjects: ['large.>'], allow_direct: true });
    const data = Buffer.alloc(500_000, 'x');
    for (let at = 0; at < 300; at += 50)
      await Promise.all(
        Array.from({ length: 50 }, (_, n) => cluster.jetstream.publish(`large.${(at + n) % 2}.${at + n}`, data)),
      );
    let bytes = 0;
    const read: number[] = [];
    for await (const { seq, data } of storedMessages(cluster, 'LARGE', 'large.>')) {
      read.push(seq);
      bytes += data.length;
    }
    assert.deepEqual(
      read,
      Array.from({ length: 300 }, (_, n) => n + 1),
    );
    assert.equal(bytes, 300 * data.length);
    assert.equal((await Array.fromAsync(storedMessages(cluster, 'LARGE', 'large.1.>'))).length, 150);
    assert.equal((await Array.fromAsync(storedMessages(cluster, 'LARGE', 'large.1.>', 250))).length > 10, true);
  } finally {
    await cluster.close();
    await server.stop();
  }
});
