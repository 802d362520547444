// Which addresses are proxies', and when callers need tokens.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOnlyLocal, Proxies } from './reach.ts';

test('addresses and networks of proxies', () => {
  const proxies = Proxies.of('10.1.0.0/16, 192.0.2.7,2001:db8::/32,::1');
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '192.0.2.7', '2001:db8::5', '::1'])
    assert.ok(proxies.holds(address), address);
  for (const address of ['10.2.0.1', '192.0.2.8', '2001:db9::1', '127.0.0.1', 'proxy', ''])
    assert.ok(!proxies.holds(address), address);
  for (const text of ['proxy', '', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '::1/129', '10.0.0.1,'])
    assert.throws(() => Proxies.of(text), /is no/, text);
});

test('only on loopback, without a proxy, are no tokens asked for', () => {
  const reach = { host: '127.0.0.1', isEncrypted: false, isPlain: false, proxies: undefined };
  assert.equal(isOnlyLocal(reach), true);
  assert.equal(isOnlyLocal({ ...reach, proxies: Proxies.of('127.0.0.1') }), false);
  assert.equal(isOnlyLocal({ ...reach, host: '0.0.0.0', isEncrypted: true }), false);
  assert.equal(isOnlyLocal({ ...reach, host: '0.0.0.0', isPlain: true }), false);
  assert.throws(() => isOnlyLocal({ ...reach, host: '0.0.0.0', proxies: Proxies.of('10.0.0.1') }), {
    code: 'not-private',
  });
});
