// A NATS server on which no service has started yet: every command says so in a sentence, and leaves nothing half done.
import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { startNatsServer } from '../../scripts/parts/nats-server.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';
import { runDitag, temporaryFolder } from '../cli/run-ditag.ts';

test('commands before the first service', { timeout: 120_000 }, async (t) => {
  const home = temporaryFolder(t);
  const server = await partOrSkip(t, () => startNatsServer({ stateFolder: path.join(home, 'nats') }));
  if (server === undefined) return;
  t.after(() => server.stop());
  const { url: address } = server;
  const commands = [
    ['token', 'create', 'reader', '--role', 'read'],
    ['jobs'],
    ['index', '--rebuild'],
    ['project', 'report', '--project-name', 'brains'],
    ['query', '--count'],
  ];
  for (const args of commands) {
    const { code, stdout, stderr } = await runDitag(['--nats', address, ...args], { home });
    assert.equal(stdout, '', args.join(' '));
    assert.match(stderr, /^[^\n]+: start [^\n]+\n$/, args.join(' '));
    assert.notEqual(code, 0);
  }
  // One that accepts and says nothing keeps no command.
  const silent = net.createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.close());
  const { port } = silent.address() as net.AddressInfo;
  const began = performance.now();
  const unanswered = await runDitag(['--nats', `nats://127.0.0.1:${port}`, 'query', '--count'], { home });
  assert.deepEqual([unanswered.code, unanswered.stdout], [2, '']);
  assert.match(unanswered.stderr, /cannot be reached/);
  assert.ok(performance.now() - began < 20_000);
  // The token of which nobody was told is not there.
  const { code, stdout } = await runDitag(['--nats', address, 'token', 'list'], { home });
  assert.deepEqual([code, stdout], [0, '']);
});
