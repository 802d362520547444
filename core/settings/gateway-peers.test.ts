import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGatewayPeers } from './gateway-peers.ts';

const read = (value: unknown) => readGatewayPeers(JSON.stringify(value), '/peers.json');

test('peers are read as they are written', () => {
  const peers = [
    { aeTitle: 'CT1', host: '10.0.0.1', may: ['store'] },
    { aeTitle: ' A PACS ', host: '*', may: ['store', 'find', 'move', 'get'], associations: 4 },
    { aeTitle: 'WS', host: 'ws', may: [], port: 104, tls: true },
  ];
  assert.deepEqual(read(peers), [
    { aeTitle: 'CT1', host: '10.0.0.1', port: undefined, isTls: false, rights: ['store'], associations: 8 },
    {
      aeTitle: 'A PACS',
      host: undefined,
      port: undefined,
      isTls: false,
      rights: ['store', 'find', 'move', 'get'],
      associations: 4,
    },
    { aeTitle: 'WS', host: 'ws', port: 104, isTls: true, rights: [], associations: 8 },
  ]);
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
    [[peer, { ...peer, aeTitle: 'CT1 ' }], /CT1 stands there twice/],
    [[{ ...peer, aeTitle: '  ' }], /\/0\/aeTitle/],
    [[{ ...peer, port: 104 }], /CT1 has a port, but no host to which C-MOVE could send/],
  ];
  for (const [value, message] of wrong) assert.throws(() => read(value), { code: 'bad-settings', message });
  assert.throws(() => readGatewayPeers('[', '/peers.json'), {
    code: 'bad-settings',
    message: /\/peers\.json: it is not JSON/,
  });
});
