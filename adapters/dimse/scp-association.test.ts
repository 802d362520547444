// What a peer may do, what it is answered where it may not, and the counts of retrievals as they stand on the wire: an SCP
// that is played, behind a real listener, and a peer that says what no real one does.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { type TestContext, test } from 'node:test';
import { transferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { COMMAND, type CommandSet, MEDIUM, NO_DATA_SET, WITH_DATA_SET } from '../../core/dimse/command-set.ts';
import { identifierOf } from '../../core/dimse/identifier.ts';
import { encodeIdentifier } from '../../core/dimse/identifier-encoding.ts';
import type { Role } from '../../core/dimse/pdu.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN, STUDY_ROOT_FIND, STUDY_ROOT_GET, STUDY_ROOT_MOVE } from '../../core/dimse/uids.ts';
import type { AdmittedPeer, PeerRight, Retrieval, RetrieveOutcome } from '../../core/ports/scp.ts';
import { Association } from './association.ts';
import { DimseListener } from './listener.ts';

const CT = '1.2.840.10008.5.1.4.1.1.2';
const CONTEXTS = { store: CT, find: STUDY_ROOT_FIND, move: STUDY_ROOT_MOVE, get: STUDY_ROOT_GET } as const;
const IDS = { store: 1, find: 3, move: 5, get: 7 } as const;
const SYNTAX = transferSyntax(EXPLICIT_VR_LITTLE_ENDIAN)!;
const NOT_AUTHORIZED = 0x0124;
const SOP_CLASS_NOT_SUPPORTED = 0x0122;
const DONE: RetrieveOutcome = {
  ...{ remaining: 0, completed: 0, failed: 0, warning: 0 },
  ...{ failures: [], reasons: new Map(), isCancelled: false },
};

/** A listener whose peer has these rights, and an association of a peer with it. */
async function served(
  t: TestContext,
  rights: readonly PeerRight[],
  roles: readonly Role[] = [],
  retrieve: (retrieval: Retrieval) => Promise<RetrieveOutcome> = async () => DONE,
) {
  const taken: string[] = [];
  const refused: number[] = [];
  const peer: AdmittedPeer = {
    rights: new Set(rights),
    receive: ({ SOPInstanceUID }) => {
      taken.push(SOPInstanceUID);
      return { write: () => true, drained: async () => {}, end: async () => 0, lost: () => {} };
    },
    refused: (status) => refused.push(status),
    async *find() {},
    retrieve,
    ended: () => {},
  };
  const listener = await DimseListener.open({ admit: () => peer }, { host: '127.0.0.1', port: 0 });
  const contexts = (['store', 'find', 'move', 'get'] as const).map((kind) => ({
    ...{ id: IDS[kind], abstractSyntax: CONTEXTS[kind], transferSyntaxes: [EXPLICIT_VR_LITTLE_ENDIAN] },
  }));
  const association = await Association.open(
    { host: '127.0.0.1', port: listener.port, calledAETitle: 'A', callingAETitle: 'B' },
    { contexts, roles },
  );
  t.after(async () => {
    association.abort();
    await listener.close();
  });
  const ask = async (kind: keyof typeof IDS, command: CommandSet, dataSet?: Buffer) => {
    const pending: CommandSet[] = [];
    const final = await association.request(
      IDS[kind],
      { MessageID: association.nextMessageId(), Priority: MEDIUM, ...command },
      dataSet === undefined ? undefined : [dataSet],
      (one) => pending.push(one),
    );
    return { final, pending };
  };
  const accepted = () => [...association.contexts.values()].map(({ abstractSyntax }) => abstractSyntax).sort();
  return { association, ask, accepted, taken, refused };
}

const storing: CommandSet = {
  AffectedSOPClassUID: CT,
  AffectedSOPInstanceUID: '1.2.3',
  CommandField: COMMAND.storeRequest,
  CommandDataSetType: WITH_DATA_SET,
};
const SOME = Buffer.from('0800180006000000312e322e3300', 'hex');
const SERIES = encodeIdentifier(
  identifierOf({ QueryRetrieveLevel: 'SERIES', StudyInstanceUID: '1', SeriesInstanceUID: '1.2' }),
  SYNTAX,
);
const retrieving = (kind: 'move' | 'get', more: CommandSet = {}): CommandSet => ({
  AffectedSOPClassUID: CONTEXTS[kind],
  CommandField: kind === 'move' ? COMMAND.moveRequest : COMMAND.getRequest,
  CommandDataSetType: WITH_DATA_SET,
  ...(kind === 'move' ? { MoveDestination: 'C' } : {}),
  ...more,
});

test('a peer is given the contexts of what it may do, and no others', async (t) => {
  for (const rights of [['store'], ['find'], ['move'], ['get'], []] as const) {
    const { accepted } = await served(t, rights);
    assert.deepEqual(accepted(), rights.map((right) => CONTEXTS[right]).sort());
  }
});

test('a peer that may only get takes instances by its role, and cannot store any', async (t) => {
  const role = { SOPClassUID: CT, isScu: true, isScp: true };
  const own = await served(t, ['get'], [role]);
  assert.deepEqual(own.accepted(), [STUDY_ROOT_GET, CT].sort());
  const { final } = await own.ask('store', storing, SOME);
  assert.equal(final.Status, NOT_AUTHORIZED);
  assert.deepEqual([own.taken, own.refused], [[], [NOT_AUTHORIZED]]);
  const both = await served(t, ['get', 'store'], [role]);
  assert.equal((await both.ask('store', storing, SOME)).final.Status, 0);
  assert.deepEqual(both.taken, ['1.2.3']);
  // Without the right to get, its role gives it nothing.
  assert.deepEqual((await served(t, ['find'], [role])).accepted(), [STUDY_ROOT_FIND]);
});

test('a request in a context of another service is not carried out', async (t) => {
  let retrievals = 0;
  const { ask } = await served(t, ['store', 'find', 'move', 'get'], [], async () => {
    retrievals++;
    return DONE;
  });
  const wrong: [keyof typeof IDS, CommandSet][] = [
    ['get', retrieving('move')],
    ['move', retrieving('get')],
    ['find', retrieving('get')],
    ['get', { ...retrieving('get'), AffectedSOPClassUID: STUDY_ROOT_MOVE }],
    ['find', { ...retrieving('get'), CommandField: COMMAND.findRequest }],
    ['store', { ...storing, AffectedSOPClassUID: '1.2.840.10008.5.1.4.1.1.4' }],
  ];
  for (const [kind, command] of wrong)
    assert.equal(
      (await ask(kind, command, SERIES)).final.Status,
      SOP_CLASS_NOT_SUPPORTED,
      `${kind} ${command.CommandField}`,
    );
  assert.equal(retrievals, 0);
});

test('a retrieval tells all its counts: those that remain while it lasts, and the others at its end', async (t) => {
  const outcome = { ...DONE, completed: 2, failed: 1, warning: 1, failures: ['1.2.9'] };
  const { ask } = await served(t, ['move'], [], async ({ onProgress, to }) => {
    assert.deepEqual(to, { destination: 'C', messageId: 1 });
    onProgress({ remaining: 3, completed: 1, failed: 0, warning: 0 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    onProgress({ remaining: 0, completed: 2, failed: 1, warning: 1 });
    return outcome;
  });
  const { final, pending } = await ask('move', retrieving('move'), SERIES);
  const countsOf = (command: CommandSet) => [
    command.Status,
    command.NumberOfRemainingSuboperations,
    command.NumberOfCompletedSuboperations,
    command.NumberOfFailedSuboperations,
    command.NumberOfWarningSuboperations,
  ];
  assert.deepEqual(pending.map(countsOf), [[0xff00, 3, 1, 0, 0]]);
  assert.deepEqual(countsOf(final), [0xb000, undefined, 2, 1, 1]);
});

test('counts and lists that are longer than their elements are cut to what fits', async (t) => {
  const failures = Array.from({ length: 70_000 }, (_, i) => `1.2.${String(i).padStart(66, '1')}`);
  const { ask } = await served(t, ['move'], [], async () => ({ ...DONE, failed: failures.length, failures }));
  const { final } = await ask('move', retrieving('move'), SERIES);
  assert.deepEqual([final.Status, final.NumberOfFailedSuboperations], [0xa702, 65_535]);
});

test('a cancel ends the retrieval that it names, and no other one', async (t) => {
  const begun = Promise.withResolvers<void>();
  const { association, ask } = await served(t, ['move'], [], async ({ signal }) => {
    begun.resolve();
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return { ...DONE, remaining: 5, completed: 1, isCancelled: true };
  });
  let final: CommandSet | undefined;
  const asked = ask('move', retrieving('move', { MessageID: 77 }), SERIES).then((answer) => (final = answer.final));
  await begun.promise;
  await association.cancel(IDS.move, 78);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(final, undefined);
  await association.cancel(IDS.move, 77);
  await asked;
  assert.deepEqual([final!.Status, final!.NumberOfRemainingSuboperations], [0xfe00, 5]);
});

test('a peer that leaves ends what it had asked for', async (t) => {
  const ended = Promise.withResolvers<unknown>();
  const begun = Promise.withResolvers<void>();
  const { association, ask } = await served(t, ['move'], [], async ({ signal }) => {
    begun.resolve();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    ended.resolve(signal.reason);
    return DONE;
  });
  ask('move', retrieving('move'), SERIES).catch(() => {});
  await begun.promise;
  association.abort();
  assert.notEqual(await ended.promise, 'cancelled');
});

test('a query without an identifier ends the association, and is not waited for', async (t) => {
  const { ask } = await served(t, ['find']);
  const command = { AffectedSOPClassUID: STUDY_ROOT_FIND, CommandField: COMMAND.findRequest };
  await assert.rejects(ask('find', { ...command, CommandDataSetType: NO_DATA_SET }), { code: 'association-aborted' });
});
