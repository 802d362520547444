import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { COMMAND, encodeCommand, responseTo } from '../../core/dimse/command-set.ts';
import { encodeData, encodePdu } from '../../core/dimse/pdu.ts';
import { freePort } from '../../scripts/parts/parts.ts';
import { startDcmtk } from '../../test/dcmtk.ts';
import type { Peer } from './connection.ts';
import { echo } from './echo.ts';

const QUICK = { connect: 500, answer: 500 };

function peerAt(port: number, more: Partial<Peer> = {}): Peer {
  return { host: '127.0.0.1', port, calledAETitle: 'ARCHIVE', callingAETitle: 'DITAG', ...more };
}

test('storescp of DCMTK answers', async (t) => {
  const port = await startDcmtk(t, 'storescp', (on, folder) => ['--output-directory', folder, String(on)]);
  if (port === undefined) return;
  for (let n = 0; n < 5; n++) await echo(peerAt(port));
});

test('dcmqrscp of DCMTK answers, and which AE title is wrong is said', async (t) => {
  const port = await startDcmtk(t, 'dcmqrscp', (on, folder) => {
    const configuration = path.join(folder, 'dcmqrscp.cfg');
    const tables = [
      'HostTable BEGIN',
      'ditag = (DITAG, localhost, 11112)',
      'HostTable END',
      'VendorTable BEGIN',
      'VendorTable END',
      'AETable BEGIN',
      `ARCHIVE ${folder} RW (10, 1024mb) ditag`,
      'AETable END',
    ];
    fs.writeFileSync(
      configuration,
      `NetworkTCPPort = ${on}\nMaxPDUSize = 16384\nMaxAssociations = 4\n${tables.join('\n')}\n`,
    );
    return ['--config', configuration, String(on)];
  });
  if (port === undefined) return;
  await echo(peerAt(port));
  const rejected = (more: Partial<Peer>, message: RegExp) =>
    assert.rejects(echo(peerAt(port, more)), { code: 'association-rejected', message });
  await rejected(
    { calledAETitle: 'OTHER' },
    /the called AE title is not known there\. It was called as OTHER by DITAG/,
  );
});

/** A peer that says what it is told to say, whatever it hears; what it heard is in `heard`. */
async function scripted(t: TestContext, play: (socket: net.Socket) => void) {
  const heard: Buffer[] = [];
  const server = net.createServer((socket) => {
    socket.on('data', (bytes: Buffer) => heard.push(bytes)).on('error', () => {});
    play(socket);
  });
  const open = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => open.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { peer: peerAt((server.address() as net.AddressInfo).port), heard };
}

const ACCEPT = encodePdu({
  pdu: 'associate-accept',
  calledAETitle: 'ARCHIVE',
  callingAETitle: 'DITAG',
  contexts: [{ id: 1, result: 0, transferSyntax: '1.2.840.10008.1.2' }],
  maximumLength: 0,
  implementationClassUID: '1.2.3',
  implementationVersionName: '',
});

function answer(Status: number, MessageIDBeingRespondedTo = 1, CommandField: number = COMMAND.echoRequest): Buffer {
  const request = { CommandField, MessageID: MessageIDBeingRespondedTo };
  const command = { ...responseTo(request), Status };
  return encodeData(1, true, true, encodeCommand(command));
}

/** Says one part after each thing that it hears. */
function inTurn(...parts: readonly Buffer[]): (socket: net.Socket) => void {
  return (socket) => {
    let said = 0;
    socket.on('data', () => {
      const part = parts[said++];
      if (part !== undefined) socket.write(part);
    });
  };
}

const RELEASED = encodePdu({ pdu: 'release-response' });
const ABORT = encodePdu({ pdu: 'abort', source: 2, reason: 1 });

test('what goes wrong is said in one sentence', async (t) => {
  const cases: readonly [name: string, play: (socket: net.Socket) => void, code: string, message: RegExp][] = [
    ['silence', () => {}, 'pacs-silent', /did not answer within 1 s/],
    ['silence after the association', inTurn(ACCEPT), 'pacs-silent', /did not answer/],
    ['the connection is closed', (socket) => socket.destroy(), 'association-aborted', /the connection was lost/],
    ['an abort', inTurn(ABORT), 'association-aborted', /an unrecognized PDU/],
    ['an abort instead of an answer', inTurn(ACCEPT, ABORT), 'association-aborted', /an unrecognized PDU/],
    ['another protocol', inTurn(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')), 'not-dicom', /a PDU of type 72/],
    ['a PDU without end', inTurn(Buffer.from([4, 0, 0x7f, 0xff, 0xff, 0xff])), 'not-dicom', /says that it has/],
    ['an answer before the association', inTurn(answer(0)), 'not-dicom', /does not belong there/],
    [
      'the response of another service',
      inTurn(ACCEPT, answer(0, 1, COMMAND.storeRequest)),
      'not-dicom',
      /another service/,
    ],
    ['another answer', inTurn(ACCEPT, answer(0, 9)), 'not-dicom', /answered another message/],
    [
      'a refusal for now',
      inTurn(encodePdu({ pdu: 'associate-reject', result: 2, source: 3, reason: 1 })),
      'association-rejected',
      /temporary congestion/,
    ],
    [
      'a refusal that no AE title has to do with',
      inTurn(encodePdu({ pdu: 'associate-reject', result: 1, source: 2, reason: 2 })),
      'association-rejected',
      /the protocol version is not supported\. Ask those who run it\.$/,
    ],
    [
      'an AE title that is not known',
      inTurn(encodePdu({ pdu: 'associate-reject', result: 1, source: 1, reason: 7 })),
      'association-rejected',
      /the AE titles have to be as the PACS has them\.$/,
    ],
    ['a status', inTurn(ACCEPT, answer(0x0122)), 'no-echo', /SOP class not supported \(0122H\)/],
    [
      'a release instead of an answer',
      inTurn(ACCEPT, encodePdu({ pdu: 'release-request' })),
      'association-aborted',
      /release/,
    ],
  ];
  for (const [name, play, code, message] of cases) {
    await t.test(name, async () => {
      const { peer } = await scripted(t, play);
      await assert.rejects(echo(peer, QUICK), { code, message });
    });
  }
  await t.test('nobody there', async () => {
    await assert.rejects(echo(peerAt(await freePort()), QUICK), { code: 'pacs-unreachable', message: /ECONNREFUSED/ });
  });
});

test('an abort and a refusal that are cut off end the connection too', async (t) => {
  for (const type of [3, 7]) {
    const closed = Promise.withResolvers<void>();
    const { peer } = await scripted(t, (socket) => {
      socket.on('close', () => closed.resolve());
      inTurn(Buffer.from([type, 0, 0, 0, 0, 1, 0]))(socket);
    });
    await assert.rejects(echo(peer, QUICK), { code: 'not-dicom', message: /a PDU ends after 1 bytes/ });
    await closed.promise;
  }
});

test('a context that is refused is told as such', async (t) => {
  const refusal = Buffer.from(ACCEPT);
  refusal[refusal.indexOf(Buffer.from([0x21, 0])) + 6] = 3;
  const { peer } = await scripted(t, inTurn(refusal));
  await assert.rejects(echo(peer, QUICK), { code: 'no-echo', message: /the abstract syntax is not supported/ });
});

test('an answer in single bytes, and a release at the same time from both sides, are a success', async (t) => {
  const { peer, heard } = await scripted(t, (socket) => {
    const parts = [ACCEPT, answer(0), encodePdu({ pdu: 'release-request' }), RELEASED];
    socket.on('data', () => {
      for (const byte of parts.shift() ?? []) socket.write(Buffer.from([byte]));
    });
  });
  await echo(peer, { connect: 2000, answer: 2000 });
  // The release was asked for, and the peer's own was answered.
  assert.ok(Buffer.concat(heard).includes(RELEASED));
});
