import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gatewayPeers } from './gateway-peers.ts';

const read = (value: unknown) => gatewayPeers(JSON.stringify(value), '/peers.json');

test('peers are read as they are written', () => {
  const peers = [
    { aeTitle: 'CT1', host: '10.0.0.1', may: ['store'] },
    { aeTitle: 'A PACS', host: '*', may: ['store', 'find', 'move', 'get'], associations: 4 },
  ];
  assert.deepEqual(read(peers), peers);
  assert.deepEqual(read([]), []);
});

test('what is wrong is told with its place', () => {
  const peer = { aeTitle: 'CT1', host: '*', may: [] };
  const wrong: [unknown, RegExp][] = [
    [{}, /it must be array/],
    [[{ ...peer, aeTitle: 'an AE title that is too long' }], /\/0\/aeTitle/],
    [[{ ...peer, aeTitle: 'a\\b' }], /\/0\/aeTitle/],
    [[{ ...peer, host: '' }], /\/0\/host/],
    [[peer, { ...peer, may: ['read'] }], /\/1\/may\/0/],
    [[{ ...peer, associations: 0 }], /\/0\/associations/],
    [[{ ...peer, port: 0 }], /\/0\/port/],
    [[{ ...peer, rights: [] }], /\/0/],
    [[peer, peer], /CT1 stands there twice/],
  ];
  for (const [value, message] of wrong) assert.throws(() => read(value), { code: 'bad-settings', message });
  assert.throws(() => gatewayPeers('[', '/peers.json'), {
    code: 'bad-settings',
    message: /\/peers\.json: it is not JSON/,
  });
});
