// The contract of the port AccessStore. An adapter's test calls it with a way to make an empty store that several open.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccessToken, AuditEntry } from '../../core/access/access.ts';
import type { AccessStore } from '../../core/ports/access-store.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';

const token = (name: string, digest: string, more: Partial<AccessToken> = {}): AccessToken => {
  return { name, role: 'read', createdAt: '2026-01-31T00:00:00.000Z', digest, ...more };
};
const entry = (n: number): AuditEntry => {
  const rows = n % 2 === 0 ? {} : { rows: n };
  return {
    id: `entry-${n}`,
    at: `2026-01-31T00:00:0${n}.000Z`,
    who: 'é',
    from: '::1',
    what: 'POST /query',
    detail: '{"a":"ü"}',
    status: 200,
    ...rows,
  };
};

/** @param make an empty store, and how it is opened */
export function accessStoreContract(name: string, make: () => Promise<() => Promise<AccessStore>>): void {
  test(`access store, ${name}: tokens`, async (t) => {
    const open = await partOrSkip(t, make);
    if (open === undefined) return;
    const [one, other] = [await open(), await open()];
    assert.deepEqual(await one.tokens(), []);
    const reader = token('reader', 'digest-1');
    const admin = token('admin_1-x', 'digest-2', { role: 'admin', expiresAt: '2026-02-28T00:00:00.000Z' });
    assert.equal(await one.addToken(reader), true);
    assert.equal(await one.addToken(admin), true);
    assert.equal(await other.addToken(token('reader', 'digest-3')), false, 'a name is taken once');
    assert.deepEqual(await other.tokens(), [admin, reader]);
    assert.deepEqual(await other.findToken('digest-2'), admin);
    assert.equal(await other.findToken('digest-3'), undefined);
    assert.equal(await other.findToken(''), undefined);
    assert.equal(await other.revokeToken('reader'), true);
    assert.equal(await one.findToken('digest-1'), undefined, 'revoked for everyone at once');
    assert.equal(await one.revokeToken('reader'), false);
    assert.equal(await one.addToken(token('reader', 'digest-4')), true, 'its name is free again');
    await one.close();
    await other.close();
  });

  test(`access store, ${name}: a trail that only grows`, async (t) => {
    const open = await partOrSkip(t, make);
    if (open === undefined) return;
    const [one, other] = [await open(), await open()];
    const trail = async (store: AccessStore) => {
      const all: AuditEntry[] = [];
      for await (const each of store.trail()) all.push(each);
      return all;
    };
    assert.deepEqual(await trail(one), []);
    for (const n of [1, 2]) await one.record(entry(n));
    await other.record(entry(3));
    assert.deepEqual(await trail(one), [entry(1), entry(2), entry(3)]);
    assert.deepEqual(await trail(other), [entry(1), entry(2), entry(3)]);
    await one.close();
    await other.close();
    const later = await open();
    assert.equal((await trail(later)).length, 3, 'it stays');
    await later.close();
  });
}
