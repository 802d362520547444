// Who is refused is written down: the first of an address at once, further ones as a number.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEntry } from '../../core/access/access.ts';
import type { AccessStore } from '../../core/ports/access-store.ts';
import { RefusedCallers } from './refused-callers.ts';

function written(isFull = false) {
  const entries: AuditEntry[] = [];
  const record = async (entry: AuditEntry) => {
    if (isFull) throw new Error('the disk is full');
    entries.push(entry);
  };
  return { entries, access: { record } as unknown as AccessStore };
}

const brief = ({ who, from, what, detail, status }: AuditEntry) => [who, from, what, detail, status];

test('an entry at once, and one for all that followed', async () => {
  const { entries, access } = written();
  const refused = new RefusedCallers(access, 60_000);
  for (let i = 0; i < 500; i++) await refused.note({ who: '', from: '10.0.0.1', what: 'POST /query' });
  await refused.note({ who: 'study-a', from: '10.0.0.2', what: 'GET /archives' });
  assert.deepEqual(entries.map(brief), [
    ['', '10.0.0.1', 'POST /query', '', 401],
    ['study-a', '10.0.0.2', 'GET /archives', '', 401],
  ]);
  await refused.close();
  assert.deepEqual(entries.slice(2).map(brief), [['', '10.0.0.1', 'POST /query', '{"refused":499}', 401]]);
});

test('what followed is written when the time is over, and all are counted however many addresses there are', async () => {
  const { entries, access } = written();
  const refused = new RefusedCallers(access, 30);
  const of = (address: number) => refused.note({ who: '', from: `a${address}`, what: 'GET /' });
  for (let address = 0; address < 2_500; address++) await Promise.all([of(address), of(address)]);
  while (entries.length < 5_000 && told(entries) < 5_000) await sleep(10);
  await refused.close();
  assert.equal(told(entries), 5_000);
});

test('of more than 1,000 addresses the others are one, and those stay known', async () => {
  const { entries, access } = written();
  const refused = new RefusedCallers(access, 60_000);
  const of = (address: number) => refused.note({ who: '', from: `a${address}`, what: 'GET /' });
  for (let address = 0; address < 5_000; address++) await of(address);
  for (let again = 0; again < 3; again++) await of(0);
  assert.equal(entries.length, 1_001);
  await refused.close();
  assert.equal(told(entries), 5_003);
  assert.equal(entries.length, 1_003);
});

test('a trail that cannot be written keeps nobody from being refused', async () => {
  const refused = new RefusedCallers(written(true).access);
  await refused.note({ who: '', from: 'a', what: 'GET /' });
  await refused.close();
});

/** How many refusals the entries tell of. */
function told(entries: readonly AuditEntry[]): number {
  const counts = entries.map(({ detail }) => (detail === '' ? 1 : (JSON.parse(detail) as { refused: number }).refused));
  return counts.reduce((sum, count) => sum + count, 0);
}
