import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { type StoredInstance, StoreError } from '../../core/ports/instance-store.ts';
import type { AdmittedPeer, PeerRight } from '../../core/ports/scp.ts';
import { Gateway, type GatewayPeer, gatewayPeers } from './app.ts';

const ARRIVING = {
  SOPClassUID: '1.2.840.10008.5.1.4.1.1.2',
  SOPInstanceUID: '1.2.3.1',
  transferSyntaxUID: '1.2.840.10008.1.2.1',
  sourceAETitle: 'CT1',
};
const STORED: StoredInstance = {
  ...ARRIVING,
  StudyInstanceUID: '1.2.3',
  SeriesInstanceUID: '1.2.3.4',
  path: '1.2.3/1.2.3.4/1.2.3.1.dcm',
  bytes: 1000,
  outcome: 'stored',
};

function peer(aeTitle: string, more: Partial<GatewayPeer> = {}): [string, GatewayPeer] {
  return [aeTitle, { aeTitle, addresses: undefined, rights: new Set<PeerRight>(['store']), associations: 2, ...more }];
}

/** A gateway over a store that commits what `commit` says; what it logged and passed on is kept. */
function gateway(commit: () => Promise<StoredInstance> = () => Promise.resolve(STORED), associations = 3) {
  const lines: { level: string; message: string; details: Readonly<Record<string, unknown>> }[] = [];
  const received: StoredInstance[] = [];
  const discarded: string[] = [];
  const log = (level: string) => (details: Readonly<Record<string, unknown>>, message: string) =>
    void lines.push({ level, details, message });
  const scp = new Gateway(
    {
      store: {
        begin: ({ SOPInstanceUID }) => ({
          write: () => false,
          drained: () => Promise.resolve(),
          commit,
          discard: async () => void discarded.push(SOPInstanceUID),
        }),
        close: () => Promise.resolve(),
      },
      received: (instance) => void received.push(instance),
      openIndex: () => Promise.resolve(undefined),
      files: { open: () => Promise.reject(new Error('there are none')) },
      openPeer: () => assert.fail('nothing is moved'),
      log: { info: log('info'), warn: log('warn') },
    },
    {
      aeTitle: 'DITAG',
      peers: new Map([peer('CT1'), peer('CT2', { addresses: new Set(['10.0.0.1', '::1']) })]),
      associations,
    },
  );
  const admit = (callingAETitle: string, address = '10.0.0.9', calledAETitle = 'DITAG') =>
    scp.admit({ callingAETitle, calledAETitle, address });
  return { scp, admit, lines, received, discarded };
}

function admitted(answer: AdmittedPeer | string): AdmittedPeer {
  if (typeof answer === 'string') assert.fail(`refused: ${answer}`);
  return answer;
}

test('who is not in the configuration, calls from elsewhere or calls another is refused', () => {
  const { scp, admit, lines } = gateway();
  assert.equal(admit('CT3'), 'calling-not-known');
  assert.equal(admit('ct1'), 'calling-not-known');
  assert.equal(admit(''), 'calling-not-known');
  assert.equal(admit('CT2'), 'calling-not-known');
  assert.equal(admit('CT1', '10.0.0.9', 'OTHER'), 'called-not-known');
  assert.deepEqual([...admitted(admit('CT2', '10.0.0.1')).rights], ['store']);
  admitted(admit('CT2', '::1'));
  admitted(admit('CT1'));
  assert.deepEqual(scp.counts, { associations: 3, refused: 5, stored: 0, alreadyThere: 0, failed: 0, bytes: 0 });
  assert.deepEqual(lines[4], {
    level: 'warn',
    message: 'association refused',
    details: { callingAETitle: 'CT1', calledAETitle: 'OTHER', address: '10.0.0.9', refusal: 'called-not-known' },
  });
});

test('a peer has its number of associations, all together have theirs, and what ended makes room', () => {
  const { admit } = gateway();
  const first = admitted(admit('CT1'));
  admitted(admit('CT1'));
  assert.equal(admit('CT1'), 'too-many');
  const third = admitted(admit('CT2', '::1'));
  assert.equal(admit('CT2', '::1'), 'too-many');
  third.ended(undefined);
  admitted(admit('CT2', '::1'));
  first.ended('it is gone');
  admitted(admit('CT1'));
  assert.equal(admit('CT1'), 'too-many');
});

async function statusOf(commit: () => Promise<StoredInstance>) {
  const all = gateway(commit);
  const association = admitted(all.admit('CT1'));
  const receiving = association.receive(ARRIVING);
  assert.equal(receiving.write(Buffer.from('Doe^Jane')), false);
  const status = await receiving.end();
  association.ended(undefined);
  return { status, ...all };
}

test('each outcome has its status, its count in the audit line, and the index hears of what was stored', async () => {
  for (const outcome of ['stored', 'already-there', 'differs'] as const) {
    const { status, received, lines, scp } = await statusOf(() => Promise.resolve({ ...STORED, outcome }));
    assert.deepEqual([status, received.length], [0, 1]);
    const { stored, alreadyThere, bytes, failed } = scp.counts;
    const isNew = outcome !== 'already-there';
    assert.deepEqual([stored, alreadyThere, bytes, failed], isNew ? [1, 0, 1000, 0] : [0, 1, 0, 0]);
    assert.deepEqual(lines.at(-1)?.details['received'], { [outcome]: 1 });
  }
  const failures: readonly [Error, status: number, text: string][] = [
    [new StoreError('identity', 'x'), 0xa900, 'Data set does not match SOP class (A900H)'],
    [new StoreError('no-space', 'x'), 0xa700, 'Out of resources (A700H)'],
    [new StoreError('failed', 'x'), 0x0110, 'Processing failure (0110H)'],
    [new Error('x'), 0x0110, 'Processing failure (0110H)'],
  ];
  const cause = Object.assign(new Error('EIO: /patient'), { code: 'EIO' });
  const { lines } = await statusOf(() => Promise.reject(new StoreError('failed', 'x', { cause })));
  const [told] = lines.filter(({ message }) => message === 'an instance was not stored');
  assert.deepEqual([told?.details['kind'], told?.details['code']], ['failed', 'EIO']);
  for (const [error, expected, text] of failures) {
    const { status, received, lines, scp } = await statusOf(() => Promise.reject(error));
    assert.deepEqual([status, received.length], [expected, 0]);
    assert.deepEqual([scp.counts.stored, scp.counts.failed], [0, 1]);
    assert.deepEqual(lines.at(-1)?.details['received'], { [text]: 1 });
  }
});

test('the audit tells who, what, how many and how it ended, and nothing of the data set', async () => {
  const secret = 'Doe^Jane';
  const error = new StoreError('identity', `The instance of ${secret} cannot be stored`);
  const outcomes = [Promise.resolve(STORED), Promise.resolve(STORED), Promise.reject(error)];
  const { admit, lines } = gateway(() => outcomes.shift()!);
  const association = admitted(admit('CT1'));
  for (const SOPInstanceUID of ['1', '2', secret]) {
    const receiving = association.receive({ ...ARRIVING, SOPInstanceUID });
    receiving.write(Buffer.from(secret));
    await receiving.end();
  }
  association.ended('it is gone');
  assert.equal(lines.length, 2);
  const { seconds, ...details } = lines[1]!.details;
  assert.equal(typeof seconds, 'number');
  assert.deepEqual(details, {
    callingAETitle: 'CT1',
    calledAETitle: 'DITAG',
    address: '10.0.0.9',
    received: { stored: 2, 'Data set does not match SOP class (A900H)': 1 },
    bytes: 2000,
    end: 'aborted',
    reason: 'it is gone',
  });
  const text = JSON.stringify(lines);
  for (const value of [secret, 'Doe', '1.2.3']) assert.ok(!text.includes(value), `${value} in ${text}`);
});

test('what was whole when the association ended is in its audit line, which comes then, and once', async () => {
  const commit = Promise.withResolvers<StoredInstance>();
  const { admit, lines, received } = gateway(() => commit.promise);
  const association = admitted(admit('CT1'));
  const ends = [association.receive(ARRIVING).end(), association.receive(ARRIVING).end()];
  association.ended('it is gone');
  // Its place is free already.
  admitted(admit('CT1'));
  admitted(admit('CT1'));
  assert.equal(lines.length, 0);
  commit.resolve(STORED);
  await Promise.all(ends);
  assert.equal(lines.length, 1);
  assert.deepEqual(lines[0]!.details['received'], { stored: 2 });
  assert.equal(received.length, 2);
});

test('what is lost is discarded, and a released association says so', () => {
  const { admit, lines, discarded } = gateway();
  const association = admitted(admit('CT1'));
  association.receive(ARRIVING).lost();
  association.refused(0x0122);
  association.ended(undefined);
  assert.deepEqual(discarded, ['1.2.3.1']);
  assert.equal(lines[0]!.details['end'], 'released');
  assert.deepEqual(lines[0]!.details['received'], { 'lost on the way': 1, 'SOP class not supported (0122H)': 1 });
});

test('addresses of peers are compared as addresses, however they are written', async () => {
  const host = 'many';
  const known = [{ aeTitle: 'A', host, port: 104, isTls: false, rights: [], associations: 1 }];
  const written = ['FD00::AB', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '10.0.0.1'];
  const peers = await gatewayPeers(
    known,
    async () => written.map((address) => ({ address })),
    () => assert.fail(),
  );
  assert.deepEqual([...peers.get('A')!.addresses!], ['fd00::ab', '::1', '127.0.0.1', '10.0.0.1']);
});
