import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';
import { Random } from '../../test/random.ts';
import { COMMAND, type CommandSet, decodeCommand, encodeCommand, NO_DATA_SET } from './command-set.ts';
import {
  type AssociateAccept,
  type AssociateRequest,
  type ControlPdu,
  decodePdu,
  encodeData,
  encodePdu,
  PDU,
  PduError,
} from './pdu.ts';
import { isData, PduReader } from './pdu-reader.ts';
import { transition } from './state-table.ts';

const REQUEST: AssociateRequest = {
  pdu: 'associate-request',
  calledAETitle: 'ARCHIVE',
  callingAETitle: 'A TITLE OF 16 CH',
  contexts: [
    { id: 1, abstractSyntax: '1.2.840.10008.1.1', transferSyntaxes: ['1.2.840.10008.1.2'] },
    { id: 255, abstractSyntax: '1.2.3', transferSyntaxes: ['1.2.840.10008.1.2', '1.2.840.10008.1.2.1'] },
  ],
  maximumLength: 16_384,
  implementationClassUID: '1.2.3.4',
  implementationVersionName: 'TEST',
  roles: [{ SOPClassUID: '1.2.3', isScu: false, isScp: true }],
};
const ACCEPT: AssociateAccept = {
  ...REQUEST,
  pdu: 'associate-accept',
  contexts: [
    { id: 1, result: 0, transferSyntax: '1.2.840.10008.1.2' },
    { id: 255, result: 3, transferSyntax: '' },
  ],
};
const ALL: readonly ControlPdu[] = [
  REQUEST,
  ACCEPT,
  { pdu: 'associate-reject', result: 1, source: 1, reason: 7 },
  { pdu: 'release-request' },
  { pdu: 'release-response' },
  { pdu: 'abort', source: 2, reason: 6 },
];
const EMPTY = Buffer.alloc(0);
const ECHO: CommandSet = {
  AffectedSOPClassUID: '1.2.840.10008.1.1',
  CommandField: COMMAND.echoRequest,
  MessageID: 7,
  CommandDataSetType: NO_DATA_SET,
};

test('every PDU comes back as it went, however its bytes are cut', () => {
  const random = new Random(1);
  const command = encodeCommand(ECHO);
  const data = [
    encodeData(1, true, false, command.subarray(0, 20)),
    encodeData(1, true, false, EMPTY),
    encodeData(1, true, true, command.subarray(20)),
  ];
  const bytes = Buffer.concat([...ALL.map(encodePdu), ...data]);
  for (let round = 0; round < 200; round++) {
    const reader = new PduReader(1024);
    const found: (ControlPdu | CommandSet)[] = [];
    let pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + random.below(round === 0 ? 1 : 100);
      for (const read of reader.take(bytes.subarray(at, end))) {
        if (!isData(read)) found.push(decodePdu(read.type, read.body));
        else {
          pieces.push(read.bytes);
          if (read.isEnd) found.push(decodeCommand(Buffer.concat(pieces)));
          if (read.isEnd) pieces = [];
        }
      }
      at = end;
    }
    assert.deepEqual(found, [...ALL, ECHO]);
    assert.deepEqual([reader.isWithin, reader.count], [false, ALL.length + 3]);
  }
});

test('an A-ASSOCIATE-RQ and a C-ECHO-RQ are the bytes of PS3.8 and PS3.7', () => {
  const bytes = encodePdu(REQUEST);
  assert.equal(bytes.readUInt32BE(2), bytes.length - 6);
  assert.equal(bytes.toString('latin1', 10, 42), 'ARCHIVE         A TITLE OF 16 CH');
  assert.equal(bytes.toString('latin1', 74, 99), '\x10\0\0\x151.2.840.10008.3.1.1.1');
  assert.equal(
    encodeCommand(ECHO).toString('hex'),
    '00000000040000003800000000000200120000003' +
      '12e322e3834302e31303030382e312e3100' +
      '0000000102000000300000001001020000000700000000080200000' +
      '00101',
  );
});

test('another application context and another version are seen', () => {
  const bytes = encodePdu(REQUEST);
  const seen = (change: (bytes: Buffer) => void) => {
    const changed = Buffer.from(bytes);
    change(changed);
    const pdu = decodePdu(PDU.associateRequest, changed.subarray(6));
    return pdu.pdu === 'associate-request' ? pdu.foreign : pdu;
  };
  assert.equal(
    seen(() => {}),
    undefined,
  );
  assert.equal(
    seen((changed) => changed.writeUInt16BE(2, 6)),
    'protocol-version',
  );
  assert.equal(
    seen((changed) => changed.write('9', 98, 'latin1')),
    'application-context',
  );
});

test('a PDU that is longer than allowed is refused when its header is there', () => {
  const header = (type: number, length: number) => {
    const bytes = Buffer.alloc(6);
    bytes[0] = type;
    bytes.writeUInt32BE(length, 2);
    return bytes;
  };
  const refused = (bytes: Buffer) => assert.throws(() => [...new PduReader(1024).take(bytes)], PduError);
  refused(header(PDU.data, 1025));
  refused(header(PDU.associateRequest, 2 ** 31));
  refused(header(99, 2 ** 32 - 1));
  assert.deepEqual([...new PduReader(1024).take(header(PDU.data, 1024))], []);
});

test('a control PDU in single bytes takes no more memory than whole', () => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  const reader = new PduReader(1024);
  const size = 400_000;
  const bytes = Buffer.alloc(6 + size, 'x');
  bytes[0] = PDU.associateRequest;
  bytes.writeUInt32BE(size, 2);
  collect();
  const before = process.memoryUsage();
  for (const byte of bytes.subarray(0, -1)) assert.deepEqual([...reader.take(Buffer.from([byte]))], []);
  collect();
  const after = process.memoryUsage();
  const grown = after.heapUsed + after.external - before.heapUsed - before.external;
  assert.ok(grown < 20e6, `${grown} bytes`);
  const [whole] = [...reader.take(bytes.subarray(-1))];
  assert.ok(whole !== undefined && !isData(whole) && whole.body.equals(bytes.subarray(6)));
});

const INPUTS = Number(process.env['DITAG_FUZZ_INPUTS'] ?? 20_000);

test('bytes that are changed or cut are a PduError or other values, and nothing else', (t) => {
  const seed = Number(process.env['DITAG_SEED'] ?? Date.now() % 1e9);
  t.diagnostic(`seed ${seed}`);
  const random = new Random(seed);
  const wholes = [...ALL.map((pdu) => encodePdu(pdu)), encodeData(1, true, true, encodeCommand(ECHO))];
  let refused = 0;
  for (let n = 0; n < INPUTS; n++) {
    const bytes = Buffer.from(random.pick(wholes));
    for (let i = random.below(4); i >= 0; i--) bytes[random.below(bytes.length)] = random.below(256);
    const cut = random.chance(2) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
    try {
      for (const read of new PduReader(4096).take(cut)) {
        if (!isData(read)) decodePdu(read.type, read.body);
        else if (read.isEnd) decodeCommand(read.bytes);
      }
      // What stands in the PDU is decoded also where its header says something else.
      decodePdu(bytes[0]!, bytes.subarray(6));
    } catch (error) {
      assert.ok(error instanceof PduError, `seed ${seed}: ${String(error)}`);
      refused++;
    }
  }
  assert.ok(refused > INPUTS / 20, `seed ${seed}: only ${refused} were refused`);
});

test('the state table has what PS3.8 table 9-10 has', () => {
  const states = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13] as const;
  const row = (event: Parameters<typeof transition>[1]) =>
    states.map((state) => transition(state, event)?.action ?? '').join(' ');
  assert.equal(row('pdu-data'), ' AA-1 AA-8  AA-8 DT-2 AR-6 AA-8 AA-8 AA-8 AA-8 AA-8 AA-6');
  assert.equal(row('pdu-released'), ' AA-1 AA-8  AA-8 AA-8 AR-3 AA-8 AA-8 AR-10 AR-3 AA-8 AA-6');
  assert.equal(row('ask-abort'), '  AA-1 AA-2 AA-1 AA-1 AA-1 AA-1 AA-1 AA-1 AA-1 AA-1 ');
  assert.equal(row('pdu-abort'), ' AA-2 AA-3  AA-3 AA-3 AA-3 AA-3 AA-3 AA-3 AA-3 AA-3 AA-2');
  assert.equal(row('closed'), ' AA-5 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AR-5');
  assert.equal(row('answer-release'), '       AR-4 AR-9   AR-4 ');
  assert.equal(row('pdu-request'), ' AE-6 AA-8  AA-8 AA-8 AA-8 AA-8 AA-8 AA-8 AA-8 AA-8 AA-7');
  // Whatever a peer sends, once there is a connection, something happens.
  for (const event of [
    'pdu-accept',
    'pdu-reject',
    'pdu-request',
    'pdu-data',
    'pdu-release',
    'pdu-released',
    'pdu-abort',
    'pdu-unknown',
  ] as const)
    for (const state of states) assert.equal(transition(state, event) === undefined, state === 1 || state === 4);
});
