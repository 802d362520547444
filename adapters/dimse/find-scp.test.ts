// C-FIND over a real socket with an SCP that never runs out of answers: cancel, back-pressure, and what ends it.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { transferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { COMMAND, encodeCommand, MEDIUM, WITH_DATA_SET } from '../../core/dimse/command-set.ts';
import { identifierOf } from '../../core/dimse/identifier.ts';
import { encodeIdentifier } from '../../core/dimse/identifier-encoding.ts';
import { encodeData, encodePdu } from '../../core/dimse/pdu.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN, STUDY_ROOT_FIND } from '../../core/dimse/uids.ts';
import type { AdmittedPeer, FindAnswer, Scp } from '../../core/ports/scp.ts';
import { isHere } from '../../scripts/parts/parts.ts';
import { until } from '../../test/gateway-here.ts';
import { DimseListener, type ListenerLimits } from './listener.ts';

/** Answers without end, and what became of them. */
class Endless {
  given = 0;
  ended = 0;
  readonly scp: Scp = {
    admit: () => ({
      rights: new Set(['find'] as const),
      receive: () => assert.fail(),
      refused: () => assert.fail(),
      retrieve: () => assert.fail(),
      find: (_, __, signal) => this.answers(signal),
      ended: () => {},
    }),
  };

  private async *answers(signal: AbortSignal): AsyncIterable<FindAnswer> {
    try {
      while (!signal.aborted) {
        const SeriesInstanceUID = `1.2.${this.given++}`;
        yield { identifier: identifierOf({ QueryRetrieveLevel: 'SERIES', SeriesInstanceUID }), isFull: true };
        await new Promise<void>((resolve) => void setImmediate(resolve));
      }
    } finally {
      this.ended++;
    }
  }
}

async function listen(t: TestContext, limits?: Partial<ListenerLimits>): Promise<{ endless: Endless; port: number }> {
  const endless = new Endless();
  const options = limits === undefined ? {} : { limits };
  const listener = await DimseListener.open(endless.scp, { host: '127.0.0.1', port: 0, ...options });
  t.after(() => listener.close());
  return { endless, port: listener.port };
}

test('a peer that cancels is told so, and nothing more is made', async (t) => {
  const has = spawnSync('findscu', ['--version']).status === 0;
  if (!isHere(t, has, 'there is no findscu (Debian package dcmtk)')) return;
  const { endless, port } = await listen(t);
  const args = ['-v', '-S', '--cancel', '3', '-k', 'QueryRetrieveLevel=SERIES', '-k', 'SeriesInstanceUID', '127.0.0.1'];
  const env = { ...process.env, TCP_NODELAY: '1' };
  const log = await new Promise<string>((resolve) => {
    execFile('findscu', [...args, String(port)], { env, encoding: 'utf8', maxBuffer: 2 ** 28 }, (_, out, err) =>
      resolve(out + err),
    );
  });
  assert.match(log, /Find Response: 3 \(Pending\)/);
  assert.match(log, /Received Final Find Response \(Cancel/);
  assert.equal(endless.ended, 1);
});

test('a peer that waits for its answer for longer than it may be silent gets it', async (t) => {
  const has = spawnSync('findscu', ['--version']).status === 0;
  if (!isHere(t, has, 'there is no findscu (Debian package dcmtk)')) return;
  const { scp } = new Endless();
  const admitted = scp.admit({ callingAETitle: '', calledAETitle: '', address: '' });
  const late: Scp = {
    admit: () => ({
      ...(admitted as AdmittedPeer),
      async *find() {
        await sleep(2_500);
        yield { identifier: identifierOf({ QueryRetrieveLevel: 'SERIES', SeriesInstanceUID: '1.2' }), isFull: true };
      },
    }),
  };
  const limits = { idle: 500 };
  const listener = await DimseListener.open(late, { host: '127.0.0.1', port: 0, limits });
  t.after(() => listener.close());
  const args = ['-v', '-S', '-k', 'QueryRetrieveLevel=SERIES', '-k', 'SeriesInstanceUID', '127.0.0.1'];
  const log = await new Promise<string>((resolve) => {
    execFile('findscu', [...args, String(listener.port)], { encoding: 'utf8' }, (_, out, err) => resolve(out + err));
  });
  assert.match(log, /Received Final Find Response \(Success\)/);
});

const ID = 1;

/** A peer that asks and then reads nothing. */
async function ask(port: number, times = 1): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await new Promise<void>((resolve) => void socket.once('connect', resolve));
  const syntax = transferSyntax(EXPLICIT_VR_LITTLE_ENDIAN)!;
  const contexts = [{ id: ID, abstractSyntax: STUDY_ROOT_FIND, transferSyntaxes: [EXPLICIT_VR_LITTLE_ENDIAN] }];
  socket.write(
    encodePdu({
      ...{ pdu: 'associate-request', calledAETitle: 'DITAG', callingAETitle: 'PEER', contexts, maximumLength: 0 },
      ...{ implementationClassUID: '1.2.3', implementationVersionName: 'RAW' },
    }),
  );
  await new Promise<void>((resolve) => void socket.once('data', () => resolve()));
  socket.pause();
  for (let MessageID = 1; MessageID <= times; MessageID++) {
    const command = encodeCommand({
      ...{ AffectedSOPClassUID: STUDY_ROOT_FIND, CommandField: COMMAND.findRequest, MessageID, Priority: MEDIUM },
      CommandDataSetType: WITH_DATA_SET,
    });
    const keys = encodeIdentifier(identifierOf({ QueryRetrieveLevel: 'SERIES', SeriesInstanceUID: '' }), syntax);
    socket.write(Buffer.concat([encodeData(ID, true, true, command), encodeData(ID, false, true, keys)]));
  }
  return socket;
}

test('a peer that does not read is silent, whatever it has asked for', async (t) => {
  const { endless, port } = await listen(t, { idle: 800 });
  const socket = await ask(port);
  t.after(() => socket.destroy());
  await until(
    () => endless.ended,
    (ended) => ended === 1,
    'the end of a search nobody listens to',
  );
});

test('a peer that does not read gets no further answers made, and its end is theirs', async (t) => {
  const { endless, port } = await listen(t);
  const socket = await ask(port);
  let before = -1;
  // What the system holds for both is some megabytes.
  for (;;) {
    await new Promise((resolve) => void setTimeout(resolve, 250));
    if (endless.given === before) break;
    before = endless.given;
  }
  assert.ok(endless.given > 0 && endless.given < 200_000, String(endless.given));
  assert.equal(endless.ended, 0);
  socket.destroy();
  await until(
    () => endless.ended,
    (ended) => ended === 1,
    'answers that nobody waits for',
  );
});

test('a second C-FIND before the first is answered ends the association', async (t) => {
  const { endless, port } = await listen(t);
  const socket = await ask(port, 2);
  socket.resume();
  await new Promise<void>((resolve) => void socket.once('close', () => resolve()));
  await until(
    () => endless.ended,
    (ended) => ended === 1,
    'answers that nobody waits for',
  );
});
