// Who may send to a download, and what becomes of what is sent, with a store that stores when it is told to.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { type ArrivingInstance, type StoredInstance, StoreError } from '../ports/instance-store.ts';
import type { AdmittedPeer } from '../ports/scp.ts';
import { Arrivals } from './download-arrivals.ts';

const ARRIVING: ArrivingInstance = {
  SOPClassUID: '1.9',
  SOPInstanceUID: '1.1.1',
  transferSyntaxUID: '1.2.840.10008.1.2.1',
  sourceAETitle: 'PACS',
};
const STORED: StoredInstance = {
  ...{ SOPInstanceUID: '1.1.1', SOPClassUID: '1.9', StudyInstanceUID: '1', SeriesInstanceUID: '1.1' },
  ...{ path: 's/t/1.1.1.dcm', bytes: 7, outcome: 'stored' as const, sha256: '00' },
};

function started(senders: readonly string[] = ['PACS', '10.0.0.1']) {
  const noted: StoredInstance[] = [];
  const commits: { resolve(stored: StoredInstance): void; reject(error: Error): void }[] = [];
  let discarded = 0;
  const store = {
    begin: () => ({
      write: () => true,
      drained: async () => {},
      commit: () => {
        const { promise, resolve, reject } = Promise.withResolvers<StoredInstance>();
        commits.push({ resolve, reject });
        return promise;
      },
      discard: async () => void discarded++,
    }),
    close: async () => {},
  };
  const onStored = (stored: StoredInstance) => void noted.push(stored);
  const lost: string[] = [];
  const onNotStored = (uid: string, reason: string) => void lost.push(`${uid} ${reason}`);
  const arrivals = new Arrivals({ store, onStored, onNotStored, ownAETitle: 'DITAG', senders: new Set(senders) });
  return { arrivals, noted, lost, commits, discarded: () => discarded };
}

function caller(callingAETitle: string, address: string, calledAETitle = 'DITAG') {
  return { callingAETitle, calledAETitle, address };
}

test('the PACS may send, by its AE title or address, and nobody else', () => {
  const { arrivals } = started();
  for (const known of [caller('PACS', '10.0.0.7'), caller('OTHER', '10.0.0.1')]) {
    const admitted = arrivals.admit(known) as AdmittedPeer;
    assert.deepEqual([...admitted.rights], ['store']);
  }
  assert.equal(arrivals.admit(caller('PACS', '10.0.0.1', 'SOMEONE')), 'called-not-known');
  assert.equal(arrivals.admit(caller('STRANGER', '10.0.0.9')), 'calling-not-known');
  assert.deepEqual([...arrivals.refusedCallers], ['STRANGER at 10.0.0.9']);
  for (let n = 0; n < 100; n++) arrivals.admit(caller(`S${n}`, '10.0.0.9'));
  assert.equal(arrivals.refusedCallers.size, 32);
});

test('success is said before it is stored; it is noted when it is', async () => {
  const { arrivals, noted, commits } = started();
  const receiving = arrivals.peer.receive(ARRIVING);
  receiving.write(Buffer.from('x'));
  assert.equal(await receiving.end(), 0);
  assert.deepEqual([noted.length, arrivals.underWay], [0, 1]);
  const settled = arrivals.settled();
  commits[0]!.resolve(STORED);
  await settled;
  assert.deepEqual([noted, arrivals.underWay], [[STORED], 0]);
});

test('what cannot be stored is counted by its reason, and what is lost on the way is dropped', async () => {
  const { arrivals, noted, lost, commits, discarded } = started();
  for (const error of [new StoreError('no-space', 'full'), new StoreError('identity', 'other'), new Error('odd')]) {
    await arrivals.peer.receive(ARRIVING).end();
    commits.pop()!.reject(error);
  }
  await arrivals.settled();
  assert.deepEqual(Object.fromEntries(arrivals.notStored), { 'no-space': 1, identity: 1, failed: 1 });
  const { SOPInstanceUID } = ARRIVING;
  assert.deepEqual(
    lost,
    ['no-space', 'identity', 'failed'].map((reason) => `${SOPInstanceUID} ${reason}`),
  );
  arrivals.peer.receive(ARRIVING).lost();
  assert.deepEqual([noted.length, arrivals.underWay, discarded()], [0, 0, 1]);
});

test('a disk that is slower than the PACS is waited for', async () => {
  const { arrivals, commits } = started();
  for (let n = 0; n < 32; n++) await arrivals.peer.receive(ARRIVING).end();
  let isAnswered = false;
  const last = arrivals.peer
    .receive(ARRIVING)
    .end()
    .then(() => (isAnswered = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isAnswered, false);
  commits[5]!.resolve(STORED);
  await last;
  for (const { resolve } of commits) resolve(STORED);
  await arrivals.settled();
});
