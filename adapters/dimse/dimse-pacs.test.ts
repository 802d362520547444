// The port Pacs over DIMSE, asked of the scripted PACS: queries and retrievals over one association each, by either
// method; what a PACS refuses; and what a C-GET proposes.
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { allTransferSyntaxes } from '../../core/dicom/transfer-syntaxes.ts';
import { type Identifier, identifierOf, text } from '../../core/dimse/identifier.ts';
import { DitagError } from '../../core/errors/errors.ts';
import type { AdmittedPeer } from '../../core/ports/scp.ts';
import { pacsContent } from '../../test/projects/pacs-content.ts';
import type { PacsFaults } from '../../test/projects/pacs-faults.ts';
import { startScriptedPacs } from '../../test/projects/scripted-pacs.ts';
import { playStorePeer } from '../../test/store-peer.ts';
import { contextsFor, DimsePacs } from './dimse-pacs.ts';

const CT = '1.2.840.10008.5.1.4.1.1.2';
const MR = '1.2.840.10008.5.1.4.1.1.4';
const CONTENT = pacsContent([
  {
    ...{ StudyInstanceUID: '1.1', AccessionNumber: 'A' },
    series: [
      { SeriesInstanceUID: '1.1.1', instances: 3 },
      { SeriesInstanceUID: '1.1.2', SOPClassUID: MR, Modality: 'MR', instances: 1 },
    ],
  },
]);
const AX = identifierOf({ QueryRetrieveLevel: 'SERIES', StudyInstanceUID: '1.1', SeriesInstanceUID: '1.1.1' });
const QUICK = { connect: 2_000, answer: 300 };

/** Takes what a C-GET brings. */
function taker() {
  const came = new Map<string, Buffer>();
  const lost: string[] = [];
  const peer: Pick<AdmittedPeer, 'rights' | 'receive' | 'refused'> = {
    rights: new Set(['store'] as const),
    refused: () => {},
    receive: ({ SOPInstanceUID }) => {
      const pieces: Buffer[] = [];
      return {
        write: (bytes) => pieces.push(Uint8Array.from(bytes) as Buffer) > 0,
        drained: () => Promise.resolve(),
        lost: () => lost.push(SOPInstanceUID),
        end: async () => {
          const whole = pieces.flatMap((piece) => [...piece]);
          came.set(SOPInstanceUID, Uint8Array.from(whole) as Buffer);
          return 0;
        },
      };
    },
  };
  return { came, lost, peer };
}

async function start(t: TestContext, faults: PacsFaults = {}) {
  const destination = await playStorePeer(t);
  const destinations = new Map([['HERE', { host: '127.0.0.1', port: destination.port }]]);
  const pacs = await startScriptedPacs(t, { content: CONTENT, faults, destinations });
  const got = taker();
  const peer = { host: '127.0.0.1', port: pacs.port, calledAETitle: 'PACS', callingAETitle: 'HERE' };
  return {
    ...{ pacs, destination, got },
    moving: new DimsePacs(peer, { move: 'HERE' }, QUICK),
    getting: new DimsePacs(peer, { get: got.peer }, QUICK),
    wrong: new DimsePacs({ ...peer, calledAETitle: 'NOBODY' }, { move: 'HERE' }, QUICK),
    nobody: new DimsePacs(peer, { move: 'NOBODY' }, QUICK),
  };
}

function withCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof DitagError && error.code === code;
}

test('queries go one after the other over one association', async (t) => {
  const { pacs, moving } = await start(t);
  const queries = await moving.queries();
  const answers: Identifier[] = [];
  const keys = identifierOf({ QueryRetrieveLevel: 'STUDY', AccessionNumber: 'A', StudyInstanceUID: '' });
  assert.equal(await queries.find(keys, (answer) => answers.push(answer)), 0);
  assert.equal(await queries.find(AX, (answer) => answers.push(answer)), 0);
  assert.deepEqual(
    answers.map((answer) => text(answer, 'StudyInstanceUID')),
    ['1.1', '1.1'],
  );
  assert.equal(pacs.associations.all, 1);
  assert.equal(queries.isOpen, true);
  await queries.close();
  assert.equal(queries.isOpen, false);
});

test('a status that is not Success is the answer, and the association stays', async (t) => {
  const { moving } = await start(t, { findFails: 0xc001, findFailsTimes: 1 });
  const queries = await moving.queries();
  assert.equal(await queries.find(AX, () => {}), 0xc001);
  assert.equal(await queries.find(AX, () => {}), 0);
  queries.abort();
});

test('C-MOVE: the PACS sends to the AE title that is named; its counts are handed on', async (t) => {
  const { destination, moving, pacs } = await start(t);
  const retrievals = await moving.retrievals([]);
  let pending = 0;
  const answer = await retrievals.retrieve(AX, () => pending++);
  assert.deepEqual(answer, { status: 0, completed: 3, failed: 0, comment: '' });
  assert.equal(pending, 2);
  assert.equal(pacs.requests[0]!.destination, 'HERE');
  const uids = CONTENT.uids({ SeriesInstanceUID: '1.1.1' });
  for (const uid of uids) assert.ok(destination.taken.get(uid)!.equals(CONTENT.dataSet(uid)));
  pacs.faults = { withoutCounts: true };
  const bare = await retrievals.retrieve(AX, () => {});
  assert.deepEqual(bare, { status: 0, completed: undefined, failed: undefined, comment: '' });
  await retrievals.close();
});

test('C-MOVE to an AE title that the PACS does not know', async (t) => {
  const { nobody } = await start(t);
  const retrievals = await nobody.retrievals([]);
  const { status, comment } = await retrievals.retrieve(AX, () => {});
  assert.equal(status, 0xa801);
  assert.notEqual(comment, '');
  await retrievals.close();
});

test('C-GET: instances come over the association that asks, byte for byte', async (t) => {
  const { getting, got, pacs } = await start(t);
  const retrievals = await getting.retrievals([CT, MR]);
  assert.deepEqual(await retrievals.retrieve(AX, () => {}), { status: 0, completed: 3, failed: 0, comment: '' });
  const all = identifierOf({ QueryRetrieveLevel: 'STUDY', StudyInstanceUID: '1.1' });
  assert.equal((await retrievals.retrieve(all, () => {})).completed, 4);
  for (const uid of CONTENT.uids()) assert.deepEqual([...got.came.get(uid)!], [...CONTENT.dataSet(uid)]);
  assert.equal(pacs.associations.all, 1);
  await retrievals.close();
});

test('C-GET of a class that was not proposed: the PACS cannot send it, and says so', async (t) => {
  const { getting, got } = await start(t);
  const retrievals = await getting.retrievals([CT]);
  const all = identifierOf({ QueryRetrieveLevel: 'STUDY', StudyInstanceUID: '1.1' });
  const { status, completed, failed } = await retrievals.retrieve(all, () => {});
  assert.deepEqual([status, completed, failed], [0xb000, 3, 1]);
  assert.equal(got.came.size, 3);
  await retrievals.close();
});

test('a PACS that breaks off', async (t) => {
  const { getting, moving, pacs } = await start(t);
  for (const method of [moving, getting]) {
    pacs.faults = { breaksAfter: 1 };
    const retrievals = await method.retrievals([CT]);
    await assert.rejects(
      retrievals.retrieve(AX, () => {}),
      withCode('association-aborted'),
    );
    assert.equal(retrievals.isOpen, false);
    await assert.rejects(
      retrievals.retrieve(AX, () => {}),
      withCode('association-aborted'),
    );
  }
});

test('a PACS that is silent; each Pending shows that it is not', async (t) => {
  const { moving, pacs } = await start(t);
  pacs.faults = { slow: 2_000 };
  await assert.rejects(
    (await moving.queries()).find(AX, () => {}),
    withCode('pacs-silent'),
  );
  pacs.faults = { pendingForever: true };
  const retrievals = await moving.retrievals([]);
  let pending = 0;
  const retrieved = retrievals.retrieve(AX, () => pending++);
  retrieved.catch(() => {});
  await sleep(2 * QUICK.answer);
  assert.ok(pending > 2 && retrievals.isOpen);
  retrievals.abort();
  await assert.rejects(retrieved, withCode('association-given-up'));
});

test('a PACS that takes no association, or does not offer what is asked for', async (t) => {
  const { wrong, moving, pacs } = await start(t);
  await assert.rejects(wrong.queries(), withCode('association-rejected'));
  await assert.rejects(wrong.retrievals([]), withCode('association-rejected'));
  // One that only takes instances.
  const { port } = await playStorePeer(t, { accept: () => undefined });
  const peer = { host: '127.0.0.1', port, calledAETitle: 'PACS', callingAETitle: 'HERE' };
  for (const method of [{ move: 'HERE' }, { get: taker().peer }]) {
    const other = new DimsePacs(peer, method, QUICK);
    await assert.rejects(other.queries(), withCode('not-offered'));
    await assert.rejects(other.retrievals([CT]), withCode('not-offered'));
  }
  await pacs.close();
  await assert.rejects(moving.queries(), withCode('pacs-unreachable'));
  await assert.rejects(moving.retrievals([]), withCode('pacs-unreachable'));
});

test('a C-GET proposes each class in the plain syntaxes first, then as many of the others as there is room', () => {
  const few = contextsFor([CT, MR]);
  const others = allTransferSyntaxes().size - 2;
  assert.equal(few.length, Math.min(127, 2 + 2 * others));
  assert.deepEqual(
    few.slice(0, 2).map(({ SOPClassUID }) => SOPClassUID),
    [CT, MR],
  );
  assert.ok(few.slice(0, 2).every(({ transferSyntaxes }) => transferSyntaxes.length === 2));
  assert.ok(few.slice(2).every(({ transferSyntaxes }) => transferSyntaxes.length === 1));
  const many = contextsFor(Array.from({ length: 200 }, (_, i) => `1.${i}`));
  assert.equal(many.length, 127);
});

test('a C-GET of whatever comes proposes what PACSs have before what they rarely have', async (t) => {
  const every = new Set<string>();
  const { port } = await playStorePeer(t, {
    accept: (abstractSyntax) => {
      every.add(abstractSyntax);
      return undefined;
    },
  });
  const peer = { host: '127.0.0.1', port, calledAETitle: 'PACS', callingAETitle: 'HERE' };
  await assert.rejects(new DimsePacs(peer, { get: taker().peer }, QUICK).retrievals([]), withCode('not-offered'));
  assert.equal(every.size, 128);
  // CT, PET, RT structure set, RT dose, grayscale softcopy presentation state, encapsulated PDF.
  for (const uid of ['2', '128', '481.3', '481.2', '11.1', '104.1'])
    assert.ok(every.has(`1.2.840.10008.5.1.4.1.1.${uid}`), uid);
});
