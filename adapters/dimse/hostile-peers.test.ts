// What peers do wrong, on purpose or not, costs their own association and nothing else: no file stays, no descriptor, no
// memory, and the next peer is served. What peers do right: listener.test.ts.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { transferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { COMMAND, encodeCommand, MEDIUM } from '../../core/dimse/command-set.ts';
import { identifierOf } from '../../core/dimse/identifier.ts';
import { encodeIdentifier } from '../../core/dimse/identifier-encoding.ts';
import { type AssociateAccept, encodeData, encodePdu } from '../../core/dimse/pdu.ts';
import { statusText } from '../../core/dimse/reasons.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN, STUDY_ROOT_FIND, STUDY_ROOT_MOVE, VERIFICATION } from '../../core/dimse/uids.ts';
import {
  ABORT,
  associateRequest,
  CT,
  commandOf,
  ctDataSet,
  dataOf,
  descriptors,
  echoCommand,
  type GatewayHere,
  ID,
  RawPeer,
  RELEASE,
  startGateway,
  storeCommand,
  until,
} from '../../test/gateway-here.ts';
import { Random } from '../../test/random.ts';
import { echo } from './echo.ts';

const LIMITS = { connections: 40, idle: 1_500, pdu: 400 };

async function serves({ port }: GatewayHere): Promise<void> {
  await echo({ host: '127.0.0.1', port, calledAETitle: 'DITAG', callingAETitle: 'PEER' });
}

/** All is as it was before: no association, nothing on its way in, as many descriptors. */
async function leftNothing(here: GatewayHere, before: number, stored = 0): Promise<void> {
  await until(
    () => here.listener.associations,
    (count) => count === 0,
    'associations',
  );
  await until(
    () => here.files().incoming,
    (files) => files.length === 0,
    'files on their way in',
  );
  await until(descriptors, (count) => count <= before, `descriptors, ${before} before`);
  assert.equal(here.files().archive.length, stored);
  await serves(here);
}

function header(type: number, length: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes[0] = type;
  bytes.writeUInt32BE(length, 2);
  return bytes;
}

const DATA = ctDataSet('1.2.3.1');
const STORE = commandOf(storeCommand('1.2.3.1'));
const ECHO = encodeCommand(echoCommand());
/** A fragment that says that it is 20 bytes longer than its PDU, and one that is 3 bytes shorter. */
const LONGER = encodeData(ID.verification, true, true, ECHO);
LONGER.writeUInt32BE(LONGER.readUInt32BE(6) + 20, 6);
const SHORTER = encodeData(ID.verification, true, true, ECHO);
SHORTER.writeUInt32BE(SHORTER.readUInt32BE(6) - 3, 6);
const FOREIGN = Buffer.from(ECHO);
FOREIGN[0] = 8;

/** What ends an association that stands, and how the audit says why. */
const ENDING: readonly (readonly [what: string, said: Buffer, reason: RegExp])[] = [
  ['a P-DATA-TF of 2 GB', header(4, 2 ** 31), /says that it has 2147483648 bytes/],
  ['a P-DATA-TF of one byte more than was announced', header(4, 128 * 1024 + 1), /of at most 131072/],
  ['a P-DATA-TF of 3 bytes', Buffer.concat([header(4, 3), Buffer.alloc(3)]), /value is cut off/],
  ['an A-RELEASE-RQ of 4 GB', header(5, 2 ** 32 - 1), /of type 5 says that it has/],
  ['a fragment that is longer than its PDU', LONGER, /does not fit into its PDU/],
  ['a fragment that is shorter than its PDU', SHORTER, /value is cut off/],
  ['a data set before its command', dataOf(DATA), /a data set where none belongs/],
  ['a data set after a command without one', Buffer.concat([commandOf(echoCommand()), dataOf(DATA)]), /none belongs/],
  ['a command before the data set has ended', Buffer.concat([STORE, dataOf(DATA, ID.ct, false), STORE]), /not ended/],
  [
    'a data set in another context than its command',
    Buffer.concat([STORE, dataOf(DATA, 1)]),
    /in another presentation/,
  ],
  ['a context that was not proposed', commandOf(echoCommand(), 99), /was not agreed on/],
  ['a context that was refused', commandOf(echoCommand(), ID.refused), /was not accepted/],
  [
    'an answer',
    commandOf({ ...storeCommand('1.2.3.1'), CommandField: 0x8001, CommandDataSetType: 0x0101, Status: 0 }),
    /answered where nothing was asked/,
  ],
  [
    'a C-STORE without a data set',
    commandOf({ ...storeCommand('1'), CommandDataSetType: 0x0101 }),
    /without a data set/,
  ],
  ['a command set of 100 kB', encodeData(1, true, false, Buffer.alloc(100_000)), /more than 65536 bytes/],
  ['a command set with another group', encodeData(1, true, true, FOREIGN), /of another group/],
  ['a command set that is cut off', encodeData(1, true, true, ECHO.subarray(0, -3)), /longer than the set|cut off/],
  ['a second A-ASSOCIATE-RQ', associateRequest(), /does not belong there/],
  ['an A-ASSOCIATE-AC', Buffer.concat([header(2, 0)]), /does not belong there/],
  ['an A-RELEASE-RP', encodePdu({ pdu: 'release-response' }), /does not belong there/],
  ['a PDU type that there is none of', Buffer.concat([header(99, 1), Buffer.alloc(1)]), /does not belong there/],
  [
    '20 requests at once',
    Buffer.concat(Array.from({ length: 20 }, () => commandOf(echoCommand(), 1))),
    /without waiting/,
  ],
];

test('what does not belong there ends the association, with a reason in the audit', async (t) => {
  const here = await startGateway(t, { limits: LIMITS });
  await serves(here);
  const before = descriptors();
  for (const [what, said, reason] of ENDING) {
    const peer = await RawPeer.associate(here.port);
    const told = here.lines.length;
    peer.send(said);
    const heard = (await peer.rest()).filter((pdu) => pdu !== 'message');
    assert.deepEqual(heard, ['abort'], what);
    const line = await until(
      () => here.lines[told],
      (one) => one !== undefined,
      what,
    );
    assert.match(String(line?.['reason']), reason, what);
  }
  // Before there is an association.
  const early = [header(1, 2 ** 31), dataOf(DATA), RELEASE, Buffer.from('GET / HTTP/1.1\r\n\r\n'), header(1, 0)];
  // IDs of presentation contexts that are even, and two of the same.
  const [even, twice] = [2, 1].map((id) => {
    const said = associateRequest();
    const first = said.indexOf(Buffer.from([0x20, 0]), 74) + 4;
    const second = said.indexOf(Buffer.from([0x20, 0]), first) + 4;
    said[id === 2 ? first : second] = id;
    return said;
  });
  for (const said of [...early, associateRequest(7), even!, twice!]) {
    const peer = await RawPeer.connect(here.port);
    peer.send(said);
    assert.deepEqual(await peer.rest(), ['abort'], said.subarray(0, 6).toString('hex'));
  }
  await leftNothing(here, before);
  assert.ok(!JSON.stringify(here.lines).includes('Doe'));
});

test('what is only not carried out is answered, and the association goes on', async (t) => {
  const here = await startGateway(t, { limits: LIMITS });
  const peer = await RawPeer.associate(here.port);
  const asks = async (...said: readonly Buffer[]) => {
    peer.send(...said);
    const { Status, MessageIDBeingRespondedTo, CommandField } = await peer.answer();
    return [Status, MessageIDBeingRespondedTo, CommandField];
  };
  const unknown = { ...storeCommand('1.2.3.1', 5), CommandField: 0x0140 };
  assert.deepEqual(await asks(commandOf(unknown), dataOf(DATA)), [0x0211, 5, 0x8140]);
  const nothing = { ...echoCommand(6), CommandField: 0x0150 };
  assert.deepEqual(await asks(commandOf(nothing)), [0x0211, 6, 0x8150]);
  const other = { ...storeCommand('1.2.3.1', 7), AffectedSOPClassUID: '1.2.840.10008.5.1.4.1.1.4' };
  assert.deepEqual(await asks(commandOf(other), dataOf(DATA)), [0x0122, 7, 0x8001]);
  const notServed = here.lines.filter(({ message }) => message === 'request not served');
  assert.deepEqual(
    notServed.map(({ operation, outcome }) => [operation, outcome]),
    [
      ['unknown', statusText(0x0211)],
      ['unknown', statusText(0x0211)],
    ],
  );
  // A cancel of nothing has no answer, and a P-DATA-TF with nothing in it no effect.
  const cancel = { CommandField: COMMAND.cancelRequest, MessageIDBeingRespondedTo: 7, CommandDataSetType: 0x0101 };
  assert.deepEqual(await asks(commandOf(cancel), header(4, 0), commandOf(echoCommand(8), 1)), [0, 8, 0x8030]);
  // No identity, another identity, none that could be a file name.
  for (const [uid, data] of [
    ['1.2.3.9', encodeData(ID.ct, false, true, Buffer.alloc(0))],
    ['1.2.3.9', dataOf(DATA)],
    ['', dataOf(DATA)],
    ['1'.repeat(300), dataOf(DATA)],
  ] as const)
    assert.deepEqual(await asks(commandOf(storeCommand(uid, 9)), data), [0xa900, 9, 0x8001], uid);
  assert.deepEqual(here.files(), { archive: [], incoming: [] });
  const climbing = '../../../../tmp/x';
  assert.deepEqual(await asks(commandOf(storeCommand(climbing, 10)), dataOf(ctDataSet(climbing))), [0, 10, 0x8001]);
  assert.equal(here.files().archive.length, 1);
  assert.match(here.files().archive[0]!, /^1\.2\.3\/1\.2\.3\.4\/[^/]+\.dcm$/);
  peer.send(RELEASE);
  assert.deepEqual(await peer.rest(), ['release-response']);
});

test('a flood of connections that say nothing is bounded, and over when their time is', async (t) => {
  const here = await startGateway(t, { limits: LIMITS });
  await serves(here);
  const before = descriptors();
  const peers = await Promise.all(Array.from({ length: 500 }, () => RawPeer.connect(here.port).catch(() => undefined)));
  await until(
    () => here.listener.refused,
    (count) => count >= 460,
    'refused',
  );
  const told = () => here.lines.filter(({ connections }) => connections !== undefined);
  await until(
    () => told().reduce((sum, { connections }) => sum + Number(connections), 0),
    (count) => count === here.listener.refused,
    'told',
  );
  assert.ok(told().length < 10, 'not one by one');
  assert.ok(here.listener.associations <= LIMITS.connections, String(here.listener.associations));
  for (const peer of peers) await peer?.rest();
  await leftNothing(here, before);
});

test('whoever connects and says nothing keeps nobody out', async (t) => {
  const here = await startGateway(t, { limits: { ...LIMITS, idle: 60_000 } });
  const standing = await RawPeer.associate(here.port);
  const flood = Array.from({ length: 3 * LIMITS.connections }, async () => {
    for (let n = 0; n < 5; n++) await (await RawPeer.connect(here.port)).rest();
  });
  for (let n = 0; n < 20; n++) await serves(here);
  assert.ok(here.listener.refused > LIMITS.connections, `${here.listener.refused} refused`);
  assert.ok(here.listener.associations <= LIMITS.connections, String(here.listener.associations));
  standing.send(commandOf(echoCommand(), ID.verification));
  assert.equal((await standing.answer()).Status, 0);
  await here.close();
  await Promise.allSettled(flood);
});

test('whoever is refused and stays keeps nobody out', async (t) => {
  const here = await startGateway(t, { limits: { ...LIMITS, idle: 60_000 } });
  const refused = await Promise.all(
    Array.from({ length: 3 * LIMITS.connections }, async () => {
      const peer = await RawPeer.connect(here.port);
      peer.send(associateRequest(0, [], 'EVIL'));
      assert.equal(((await peer.next()) as { pdu: string }).pdu, 'associate-reject');
      return peer;
    }),
  );
  for (let n = 0; n < 20; n++) await serves(here);
  assert.equal(here.listener.refused, 0);
  await here.close();
  for (const peer of refused) await peer.rest().catch(() => {});
});

test('a peer that proposes roles without end gets those of its contexts', async (t) => {
  const here = await startGateway(t, { rights: ['store', 'get'] });
  const role = (SOPClassUID: string) => ({ SOPClassUID, isScu: true, isScp: true });
  const peer = await RawPeer.connect(here.port);
  // The longest that its item has room for: an answer to each would be longer than that.
  peer.send(associateRequest(0, [...Array.from({ length: 4_300 }, () => role('1.2.3.4')), role(CT), role(CT)]));
  const accept = (await peer.next()) as AssociateAccept;
  assert.equal(accept.pdu, 'associate-accept');
  assert.deepEqual(accept.roles, [role(CT)]);
  peer.send(RELEASE);
  await peer.rest();
  await serves(here);
});

test('a peer that sends byte by byte has the time of one PDU', async (t) => {
  const here = await startGateway(t, { limits: LIMITS });
  await serves(here);
  const before = descriptors();
  const slow = async (peer: RawPeer, bytes: Buffer) => {
    const start = performance.now();
    for (const byte of bytes) {
      if (peer.socket.destroyed || peer.socket.readyState !== 'open') break;
      peer.send(Buffer.from([byte]));
      await sleep(50);
    }
    await peer.rest();
    return performance.now() - start;
  };
  const took = await Promise.all([
    RawPeer.connect(here.port).then((peer) => slow(peer, associateRequest())),
    RawPeer.associate(here.port).then((peer) => slow(peer, STORE)),
    RawPeer.associate(here.port).then((peer) => {
      peer.send(STORE);
      return slow(peer, dataOf(DATA));
    }),
    // Nothing at all, with an association.
    RawPeer.associate(here.port).then((peer) => slow(peer, Buffer.alloc(0))),
  ]);
  for (const milliseconds of took) assert.ok(milliseconds > 350 && milliseconds < 8_000, took.join(' '));
  const reasons = here.lines.map((line) => String(line['reason'] ?? ''));
  assert.equal(reasons.filter((reason) => reason.includes('a PDU took longer than 0.4 s')).length, 2);
  assert.equal(reasons.filter((reason) => reason.includes('nothing was heard of it for 1.5 s')).length, 1);
  await leftNothing(here, before);
});

test('a peer that is slow, but not within a PDU, is served; none for ever', async (t) => {
  const here = await startGateway(t, { limits: { idle: 1_500, pdu: 400, total: 2_500 } });
  const peer = await RawPeer.associate(here.port);
  const start = performance.now();
  peer.send(STORE);
  for (let at = 0; at < DATA.length; at += 60) {
    peer.send(encodeData(ID.ct, false, at + 60 >= DATA.length, DATA.subarray(at, at + 60)));
    await sleep(200);
  }
  assert.equal((await peer.answer()).Status, 0);
  const patient = setInterval(() => peer.send(commandOf(echoCommand(), 1)), 200);
  const heard = await peer.rest();
  clearInterval(patient);
  assert.equal(heard.at(-1), 'abort');
  const seconds = (performance.now() - start) / 1000;
  assert.ok(seconds > 2.5 && seconds < 8, String(seconds));
  assert.match(String(here.lines.at(-1)?.['reason']), /it lasted longer than 2\.5 s/);
});

test('the time of a PDU is that of each, also where no moment is between two of them', async (t) => {
  const here = await startGateway(t, { limits: { idle: 1_500, pdu: 400 } });
  const peer = await RawPeer.associate(here.port);
  const size = Math.ceil(DATA.length / 30 / 2) * 2;
  const start = performance.now();
  peer.send(STORE);
  // What comes together ends within a PDU.
  let rest: Buffer = Buffer.alloc(0);
  for (let at = 0; at < DATA.length; at += size) {
    const pdu = encodeData(ID.ct, false, at + size >= DATA.length, DATA.subarray(at, at + size));
    peer.send(Buffer.concat([rest, pdu.subarray(0, 9)]));
    rest = pdu.subarray(9);
    await sleep(100);
  }
  peer.send(rest);
  assert.equal((await peer.answer()).Status, 0);
  assert.ok(performance.now() - start > 2_000);
});

test('peers that go away in the middle of an instance leave nothing', async (t) => {
  const here = await startGateway(t);
  await serves(here);
  const before = descriptors();
  const large = dataOf(ctDataSet('1.2.3.1', 2_000_000));
  for (let n = 0; n < 20; n++) {
    const peer = await RawPeer.associate(here.port);
    peer.send(STORE, large.subarray(0, 1_000_000 + n));
    // So that it has come to the disk.
    if (n % 2 === 0)
      await until(
        () => here.files().incoming,
        (files) => files.length > 0,
        'a file on its way in',
      );
    if (n % 4 === 0) peer.send(ABORT);
    else if (n % 4 === 1) peer.socket.resetAndDestroy();
    else peer.socket.end();
    peer.socket.destroySoon();
  }
  await leftNothing(here, before);
  const ends = here.lines.filter((line) => line['end'] === 'aborted');
  assert.equal(ends.length, 20);
});

test('an abort, a release or a lost connection at any moment ends the association', async (t) => {
  const here = await startGateway(t);
  await serves(here);
  const before = descriptors();
  const moments: readonly (readonly Buffer[])[] = [
    [],
    [associateRequest().subarray(0, 50)],
    [associateRequest()],
    [associateRequest(), STORE.subarray(0, 20)],
    [associateRequest(), STORE],
    [associateRequest(), STORE, dataOf(DATA, ID.ct, false)],
    [associateRequest(), STORE, dataOf(DATA, ID.ct, false).subarray(0, 100)],
    [associateRequest(), RELEASE],
    [associateRequest(), ABORT],
    [header(99, 0)],
  ];
  for (const said of moments) {
    for (const end of [ABORT, RELEASE, undefined]) {
      const peer = await RawPeer.connect(here.port);
      peer.send(...said);
      await sleep(2);
      if (end === undefined) peer.socket.end();
      else peer.send(end);
      // In the middle of a PDU an abort is a part of it.
      setTimeout(() => peer.socket.end(), 20);
      await peer.rest();
    }
  }
  const peer = await RawPeer.associate(here.port);
  peer.send(STORE, dataOf(DATA, ID.ct, false), RELEASE);
  assert.deepEqual(await peer.rest(), ['release-response']);
  await leftNothing(here, before);
});

test('8 stores without waiting for an answer are stored and answered, each with its number', async (t) => {
  const here = await startGateway(t);
  const peer = await RawPeer.associate(here.port);
  const numbers = Array.from({ length: 8 }, (_, i) => i + 1);
  peer.send(
    ...numbers.flatMap((n) => [commandOf(storeCommand(`1.2.3.${n}`, n)), dataOf(ctDataSet(`1.2.3.${n}`, 50_000))]),
  );
  const answers = new Map<number, string>();
  for (const _ of numbers) {
    const { Status, MessageIDBeingRespondedTo, AffectedSOPInstanceUID } = await peer.answer();
    assert.equal(Status, 0);
    answers.set(MessageIDBeingRespondedTo!, AffectedSOPInstanceUID!);
  }
  for (const n of numbers) assert.equal(answers.get(n), `1.2.3.${n}`);
  assert.equal(here.files().archive.length, 8);
  peer.send(RELEASE);
  assert.deepEqual(await peer.rest(), ['release-response']);
});

test('a peer that never reads answers is ended before they fill the memory', async (t) => {
  const here = await startGateway(t, { limits: { ...LIMITS, idle: 60_000 } });
  await serves(here);
  const before = descriptors();
  const peer = await RawPeer.associate(here.port);
  peer.socket.pause();
  // Answers have the class of their request, however long it is.
  const long = commandOf({ ...echoCommand(), AffectedSOPClassUID: VERIFICATION.padEnd(60_000, '.1') }, 1);
  const memory = process.memoryUsage().rss;
  let sent = 0;
  const told = here.lines.length;
  for (; here.lines.length === told && sent < 5_000; sent++) {
    if (!peer.send(long)) await sleep(1);
    if (peer.socket.writableLength > 1e6) await sleep(10);
  }
  assert.match(String(here.lines.at(-1)?.['reason']), /without waiting for an answer/);
  assert.ok(sent > 16, String(sent));
  assert.ok(process.memoryUsage().rss - memory < 100e6, 'memory');
  peer.socket.destroy();
  await leftNothing(here, before);
});

test('empty fragments and empty PDUs do not fill the memory', async (t) => {
  const here = await startGateway(t);
  const peer = await RawPeer.associate(here.port);
  const many = Buffer.concat(Array.from({ length: 5_000 }, () => encodeData(1, true, false, Buffer.alloc(0))));
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  collect();
  const memory = process.memoryUsage().heapUsed;
  for (let n = 0; n < 200; n++) if (!peer.send(many)) await new Promise((done) => peer.socket.once('drain', done));
  await sleep(100);
  collect();
  const grown = process.memoryUsage().heapUsed - memory;
  assert.ok(grown < 10e6, `${grown} bytes`);
  peer.send(commandOf(echoCommand(), 1));
  assert.equal((await peer.answer()).Status, 0);
  peer.send(RELEASE);
  await peer.rest();
});

/** Fuzzed streams at a time, and of all. */
const AT_A_TIME = 30;
const STREAMS = process.env['DITAG_LONG'] === undefined ? 3_000 : 60_000;

test('any bytes: a listener outlives them, and serves the next peer', async (t) => {
  const seed = Number(process.env['DITAG_SEED'] ?? Date.now() % 1e9);
  t.diagnostic(`seed ${seed}`);
  const random = new Random(seed);
  const here = await startGateway(t, {
    limits: { idle: 1_000, pdu: 300 },
    rights: ['store', 'find', 'move', 'get'],
  });
  await serves(here);
  const before = descriptors();
  const identifier = encodeIdentifier(
    identifierOf({
      QueryRetrieveLevel: 'STUDY',
      StudyInstanceUID: '1.2\\1.3',
      PatientName: 'Doe*',
      StudyDate: '2020-',
    }),
    transferSyntax(EXPLICIT_VR_LITTLE_ENDIAN)!,
  );
  const asking = (id: number, AffectedSOPClassUID: string, CommandField: number, MessageID: number) => [
    commandOf(
      {
        AffectedSOPClassUID,
        CommandField,
        MessageID,
        Priority: MEDIUM,
        CommandDataSetType: 1,
        MoveDestination: 'PEER',
      },
      id,
    ),
    dataOf(identifier, id),
  ];
  const request = associateRequest(0, [{ SOPClassUID: CT, isScu: true, isScp: true }]);
  const storing = [
    ...[request, commandOf(echoCommand(), 1), STORE, dataOf(DATA.subarray(0, 100), ID.ct, false)],
    ...[dataOf(DATA.subarray(100)), commandOf(echoCommand(2), 1), RELEASE],
  ];
  const find = asking(ID.find, STUDY_ROOT_FIND, COMMAND.findRequest, 3);
  const move = asking(ID.move, STUDY_ROOT_MOVE, COMMAND.moveRequest, 4);
  const one = async () => {
    const peer = await RawPeer.connect(here.port);
    const kind = random.pick([storing, [request, ...find, RELEASE], [request, ...move, RELEASE]]);
    peer.send(damaged(kind, random));
    // Some wait for what comes, most go.
    if (!random.chance(50)) peer.socket.end();
    await peer.rest();
  };
  let left = STREAMS;
  await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      while (left-- > 0) await one();
    }),
  );
  const { associations, refused, alreadyThere } = here.gateway.counts;
  const stored = here.gateway.counts.stored + alreadyThere;
  const told = `seed ${seed}: ${associations} associations, ${refused} refused, ${stored} stored, ${here.gateway.found.queries} queries`;
  assert.ok(associations > STREAMS / 2 && stored > STREAMS / 30 && refused > 0, told);
  assert.ok(here.gateway.found.queries > STREAMS / 30, told);
  const good = await RawPeer.associate(here.port);
  good.send(commandOf(storeCommand('1.2.3.77')), dataOf(ctDataSet('1.2.3.77')));
  assert.equal((await good.answer()).Status, 0, `seed ${seed}`);
  good.send(RELEASE);
  await good.rest();
  // What came last may still be on its way into the archive.
  await until(
    () => here.listener.associations,
    (count) => count === 0,
    `associations, seed ${seed}`,
  );
  await leftNothing(here, before, here.files().archive.length);
});

/** A session in which PDUs are missing, exchanged, repeated, cut, or have other bytes. */
function damaged(parts: readonly Buffer[], random: Random): Buffer {
  const own = parts.map((part) => Buffer.from(part));
  for (let i = 1 + random.below(3); i > 0; i--) {
    const at = random.below(own.length);
    const part = own[at]!;
    const kind = random.below(8);
    if (kind === 0) own.splice(at, 1);
    else if (kind === 1) own.splice(at, 0, Buffer.from(random.pick(parts)));
    else if (kind === 2) own[at] = part.subarray(0, random.below(part.length));
    else if (kind === 3) part.writeUInt32BE(random.pick([0, 1, 5, 6, 7, 0xffff, 2 ** 31, 2 ** 32 - 1]), 2);
    else if (kind === 4)
      part.writeUInt32BE(random.pick([0, 1, 2, 3, part.length, 2 ** 31]), Math.min(6, part.length - 4));
    else
      for (let n = random.below(4); n >= 0 && part.length > 0; n--) part[random.below(part.length)] = random.below(256);
    if (own.length === 0 || own.some((one) => one.length < 6)) break;
  }
  return Buffer.concat(own);
}
