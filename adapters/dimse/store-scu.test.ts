// C-STORE as SCU: what of a file arrives at peers that others wrote, and what a played peer does that those do not.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { reEncode } from '../../core/dicom/re-encode.ts';
import { type TransferSyntax, transferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { encodeCommand } from '../../core/dimse/command-set.ts';
import { encodeData, encodePdu } from '../../core/dimse/pdu.ts';
import type { SendResult } from '../../core/instance/send-outcome.ts';
import type { SeriesFile } from '../../core/ports/instance-index.ts';
import { sendInstances } from '../../core/stages/send-instances.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';
import { installPynetdicom } from '../../scripts/parts/python-packages.ts';
import { startDcmtk } from '../../test/dcmtk.ts';
import { BIG, DEFLATED, EXPLICIT, IMPLICIT } from '../../test/reader/dicom-bytes.ts';
import { newReader, readBytes } from '../../test/reader/scripted-source.ts';
import { answerTo, playStorePeer, type StorePlay } from '../../test/store-peer.ts';
import { FilesystemInstanceFiles } from '../filesystem/instance-files.ts';
import type { Patience } from './association.ts';
import type { Peer } from './connection.ts';
import { DimseStorePeer } from './store-scu.ts';

const SAMPLES = path.resolve(import.meta.dirname, '../../test/samples');
const QUICK: Patience = { connect: 500, answer: 500 };
const MR = '1.2.840.10008.5.1.4.1.1.4';
const AS_MR = { SOPClassUID: MR, SOPInstanceUID: '1.2.3', transferSyntax: EXPLICIT };

interface Sample {
  readonly file: SeriesFile;
  readonly syntax: TransferSyntax;
  readonly dataSet: Buffer;
}

/** Every sample that is an instance in some transfer syntax, each as a series of its own: some have the same UID. */
const samples: readonly Sample[] = fs
  .readdirSync(SAMPLES, { recursive: true, encoding: 'utf8' })
  .toSorted()
  .flatMap((name, i) => {
    if (!name.endsWith('.dcm')) return [];
    const [bytes, reader] = [fs.readFileSync(path.join(SAMPLES, name)), newReader()];
    if (readBytes(bytes, { reader }).outcome !== 'instance' || reader.SOPClassUID === '') return [];
    const syntax = reader.actualSyntax;
    if (syntax === undefined) return [];
    const { SOPInstanceUID, SOPClassUID } = reader;
    const file = { SeriesInstanceUID: `1.${i}`, SOPInstanceUID, SOPClassUID, archive: SAMPLES, path: name };
    const dataSet = bytes.subarray(reader.dataSetPosition);
    const padding = Buffer.alloc(syntax.deflated ? dataSet.length % 2 : 0);
    // A malformed one of an odd length: DCMTK ends the association over it.
    if (!syntax.deflated && dataSet.length % 2 === 1) return [];
    return [{ file: { ...file, size: bytes.length, mtime: 1 }, syntax, dataSet: Buffer.concat([dataSet, padding]) }];
  });

function peerAt(port: number, more: Partial<Peer> = {}): Peer {
  return { host: '127.0.0.1', port, calledAETitle: 'ARCHIVE', callingAETitle: 'DITAG', ...more };
}

/** Sends these samples; gives the outcomes by the samples' paths. */
async function sendSamples(peer: Peer, threads: number, some = samples): Promise<Map<string, SendResult>> {
  const results = new Map<string, SendResult>();
  const index = {
    async *instancesOf(series: readonly string[]) {
      for (const uid of series) yield some.filter(({ file }) => file.SeriesInstanceUID === uid).map(({ file }) => file);
    },
  };
  const ports = { index, files: new FilesystemInstanceFiles((archive) => archive), peer: new DimseStorePeer(peer) };
  await sendInstances(
    some.map(({ file }) => file.SeriesInstanceUID),
    ports,
    {
      threads,
      pauses: [50, 100, 200],
      signal: new AbortController().signal,
      onResult: (result) => {
        assert.ok(!results.has(result.file!.path), `${result.file!.path} has two outcomes`);
        results.set(result.file!.path, result);
      },
    },
  );
  assert.equal(results.size, some.length);
  return results;
}

/** The data sets of files that a peer has written. */
function received(folder: string, pattern = /./): { syntax: string; dataSet: Buffer }[] {
  return fs
    .readdirSync(folder)
    .filter((name) => pattern.test(name))
    .map((name) => {
      const [bytes, reader] = [fs.readFileSync(path.join(folder, name)), newReader()];
      readBytes(bytes, { reader });
      return { syntax: reader.TransferSyntaxUID, dataSet: bytes.subarray(reader.dataSetPosition) };
    });
}

const ordered = (dataSets: readonly Buffer[]) => dataSets.map((one) => one.toString('latin1')).toSorted();

/** What arrived is what was sent, whichever file it became. */
function arrived(folder: string, expected: readonly Buffer[]): void {
  const [here, sent] = [ordered(received(folder).map(({ dataSet }) => dataSet)), ordered(expected)];
  assert.equal(here.length, sent.length);
  // No list of differences: it would take minutes.
  assert.equal(here.filter((one, i) => one !== sent[i]).length, 0, 'data sets arrived otherwise than they were sent');
}

async function startStorescp(t: TestContext, ...options: string[]) {
  let folder = '';
  const port = await startDcmtk(t, 'storescp', (on, own) => {
    folder = own;
    return [...options, '--promiscuous', '+B', '--unique-filenames', '--output-directory', own, String(on)];
  });
  return port === undefined ? undefined : { port, folder };
}

test('every sample arrives byte by byte at a peer that takes every transfer syntax', async (t) => {
  assert.ok(samples.length > 60, `only ${samples.length} samples`);
  for (const [pdu, threads] of [
    [16_384, 4],
    [4_096, 1],
    [131_072, 8],
  ] as const) {
    const scp = await startStorescp(t, '+xa', '--fork', '-pdu', String(pdu));
    if (scp === undefined) return;
    const results = await sendSamples(peerAt(scp.port), threads);
    const refused = [...results].filter(([, { outcome }]) => outcome !== 'stored');
    assert.deepEqual(refused, []);
    arrived(
      scp.folder,
      samples.map(({ dataSet }) => dataSet),
    );
  }
});

/** Takes everything, and writes it as it came. */
const PYNETDICOM = `
import sys, uuid
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, _config, evt
from pynetdicom.sop_class import Verification

_config.UNRESTRICTED_STORAGE_SERVICE = True

def store(event):
    with open(f'{sys.argv[2]}/{uuid.uuid4()}', 'wb') as file:
        file.write(event.encoded_dataset())
    return 0

ae = AE('ARCHIVE')
ae.maximum_associations = 20
ae.add_supported_context(Verification)
for uid in sys.argv[3:]:
    ae.add_supported_context(uid, AllTransferSyntaxes)
ae.start_server(('127.0.0.1', int(sys.argv[1])), block=True, evt_handlers=[(evt.EVT_C_STORE, store)])
`;

test('every sample arrives byte by byte at pynetdicom', async (t) => {
  const packages = await partOrSkip(t, installPynetdicom);
  if (packages === undefined) return;
  const classes = [...new Set(samples.map(({ file }) => file.SOPClassUID))];
  let folder = '';
  const port = await startDcmtk(t, 'env', (on, own) => {
    folder = own;
    return [`PYTHONPATH=${packages}`, 'python3', '-c', PYNETDICOM, String(on), own, ...classes];
  });
  const results = await sendSamples(peerAt(port!), 3);
  const refused = [...results].filter(([, { outcome }]) => outcome !== 'stored');
  assert.deepEqual(refused, []);
  arrived(
    folder,
    samples.map(({ dataSet }) => dataSet),
  );
});

const UNCOMPRESSED = [EXPLICIT, IMPLICIT, BIG, DEFLATED];

/** What the data sets of all uncompressed samples are in this transfer syntax; undefined: they cannot be. */
async function expectedIn(syntax: TransferSyntax): Promise<Map<string, Buffer | undefined>> {
  const expected = new Map<string, Buffer | undefined>();
  for (const { file, syntax: own, dataSet } of samples) {
    if (!UNCOMPRESSED.includes(own.uid)) continue;
    if (own === syntax) expected.set(file.path, dataSet);
    else {
      const pieces: Buffer[] = [];
      const source = (async function* () {
        yield dataSet;
      })();
      try {
        for await (const piece of reEncode(source, own, syntax)) pieces.push(Buffer.from(piece));
        expected.set(file.path, Buffer.concat(pieces));
      } catch {
        expected.set(file.path, undefined);
      }
    }
  }
  return expected;
}

/** An association profile of DCMTK (asconfig.txt) with one transfer syntax. */
function profile(folder: string, syntax: string): string {
  const classes = [...new Set(samples.map(({ file }) => file.SOPClassUID))];
  const file = path.join(folder, '..', `${path.basename(folder)}.cfg`);
  const lines = classes.map((uid, i) => `PresentationContext${i + 1} = ${uid}\\Only`);
  fs.writeFileSync(
    file,
    [
      ...['[[TransferSyntaxes]]', '[Only]', `TransferSyntax1 = ${syntax}`, '[[PresentationContexts]]', '[Ours]'],
      ...[...lines, '[[Profiles]]', '[Profile]', 'PresentationContexts = Ours', ''],
    ].join('\n'),
  );
  return file;
}

// That re-encoding loses no element is tested against DCMTK in core/dicom/re-encode-samples.test.ts; here it is that
// just its result arrives.
for (const [name, only] of [
  ['implicit VR little endian', IMPLICIT],
  ['explicit VR big endian', BIG],
  ['deflated', DEFLATED],
] as const) {
  test(`a peer that takes only ${name} gets that; what is compressed is refused`, async (t) => {
    let folder = '';
    const port = await startDcmtk(t, 'storescp', (on, own) => {
      folder = own;
      const file = profile(own, only);
      t.after(() => fs.rmSync(file));
      const output = ['+B', '--unique-filenames', '--output-directory', own, String(on)];
      return only === IMPLICIT
        ? ['+xi', '--promiscuous', '--fork', ...output]
        : ['--config-file', file, 'Profile', '--fork', ...output];
    });
    if (port === undefined) return;
    const expected = await expectedIn(transferSyntax(only)!);
    const results = await sendSamples(peerAt(port), 4);
    for (const { file, syntax } of samples) {
      const { outcome, reason } = results.get(file.path)!;
      if (!expected.has(file.path)) {
        assert.equal(outcome, 'refused', file.path);
        assert.ok(reason.endsWith(`in ${syntax.name}, and ditag does not decompress`) || /does not take/.test(reason));
      } else if (expected.get(file.path) === undefined) {
        assert.equal(outcome, 'failed', file.path);
        assert.match(reason, /it cannot be re-encoded/);
      } else assert.equal(outcome, 'stored', `${file.path}: ${reason}`);
    }
    const whole = [...expected.values()].filter((dataSet) => dataSet !== undefined);
    assert.ok(whole.length > 25, `only ${whole.length}`);
    arrived(folder, whole);
    assert.deepEqual([...new Set(received(folder).map(({ syntax }) => syntax))], [only]);
  });
}

test('dcmqrscp takes what is sent', async (t) => {
  let folder = '';
  const port = await startDcmtk(t, 'dcmqrscp', (on, own) => {
    folder = path.join(own, 'store');
    fs.mkdirSync(folder);
    const configuration = path.join(own, 'dcmqrscp.cfg');
    const tables = [
      ...['HostTable BEGIN', 'ditag = (DITAG, localhost, 11112)', 'HostTable END', 'VendorTable BEGIN'],
      ...['VendorTable END', 'AETable BEGIN', `ARCHIVE ${folder} RW (1000, 1024mb) ditag`, 'AETable END', ''],
    ];
    const settings = [`NetworkTCPPort = ${on}`, 'MaxPDUSize = 16384', 'MaxAssociations = 2'];
    fs.writeFileSync(configuration, [...settings, ...tables].join('\n'));
    return ['--config', configuration, String(on)];
  });
  if (port === undefined) return;
  const seen = new Set<string>();
  const some = samples
    .filter(
      ({ file, syntax }) => syntax.uid === EXPLICIT && !seen.has(file.SOPInstanceUID) && seen.add(file.SOPInstanceUID),
    )
    .filter(({ file }) => /CT_small|MR_small|SC_rgb_small_odd|waveform/.test(file.path));
  const results = await sendSamples(peerAt(port), 4, some);
  const outcomes = new Set([...results.values()].map(({ outcome, reason }) => `${outcome}${reason}`));
  assert.deepEqual([...outcomes], ['stored']);
  assert.equal(received(folder, /\.dcm$|^[A-Z]+_/).length, some.length);
});

/** Pieces of a data set, with pauses. */
async function* slowly(pieces: number, size: number, milliseconds: number) {
  for (let i = 0; i < pieces; i++) {
    await sleep(milliseconds);
    yield Buffer.alloc(size, i);
  }
}

async function associate(t: TestContext, play: StorePlay) {
  const peer = await playStorePeer(t, play);
  const contexts = [{ SOPClassUID: MR, transferSyntaxes: [EXPLICIT] }];
  const association = await new DimseStorePeer(peerAt(peer.port), QUICK).open(contexts);
  return { peer, association };
}

const LARGE = [Buffer.alloc(1_000_000, 'large')];
/** More than sockets hold. */
const HUGE = Array.from({ length: 40 }, () => LARGE[0]!);

test('what a peer does in the middle of a data set, or instead of an answer, ends the association', async (t) => {
  const abort = encodePdu({ pdu: 'abort', source: 2, reason: 6 });
  const bytes = (hex: string) => Buffer.from(hex, 'hex');
  const cases: readonly [name: string, play: StorePlay, code: string, message: RegExp][] = [
    [
      'an abort in the middle',
      { coming: ({ socket }) => socket.write(abort) },
      'association-aborted',
      /invalid parameter/,
    ],
    [
      'an end in the middle',
      { coming: ({ socket }) => socket.destroy() },
      'association-aborted',
      /connection was lost/,
    ],
    ['a reset in the middle', { coming: ({ socket }) => socket.resetAndDestroy() }, 'association-aborted', /lost/],
    ['no reading in the middle', { coming: ({ socket }) => socket.pause() }, 'pacs-silent', /did not answer/],
    ['silence', { whole: () => {} }, 'pacs-silent', /within 1 s/],
    ['an abort', { whole: ({ socket }) => socket.write(abort) }, 'association-aborted', /invalid parameter/],
    ['an end', { whole: ({ socket }) => socket.end() }, 'association-aborted', /connection was lost/],
    [
      'a release',
      { whole: ({ socket }) => socket.write(encodePdu({ pdu: 'release-request' })) },
      'association-aborted',
      /it asked for the release/,
    ],
    [
      'a PDU that is longer than we take',
      { whole: ({ socket }) => socket.write(bytes('0400 7fffffff'.replace(' ', ''))) },
      'not-dicom',
      /says that it has/,
    ],
    [
      'a fragment that is longer than its PDU',
      { whole: ({ socket }) => socket.write(bytes('0400000000080000ffff01030000')) },
      'not-dicom',
      /./,
    ],
    [
      'a PDU of no type',
      { whole: ({ socket }) => socket.write(bytes('630000000000')) },
      'not-dicom',
      /does not belong there/,
    ],
    [
      'an answer that has no status',
      { whole: ({ socket, command, contextId }) => socket.write(answerTo(command, contextId, undefined)) },
      'not-dicom',
      /no status/,
    ],
    [
      'an answer to another message',
      {
        whole: ({ socket, command, contextId }) => socket.write(answerTo({ ...command, MessageID: 77 }, contextId, 0)),
      },
      'not-dicom',
      /another message/,
    ],
    [
      'an answer in a context that was not proposed',
      { whole: ({ socket, command }) => socket.write(answerTo(command, 9, 0)) },
      'not-dicom',
      /not agreed/,
    ],
    [
      'a request of its own',
      {
        whole: ({ socket, command, contextId }) =>
          socket.write(encodeData(contextId, true, true, encodeCommand(command))),
      },
      'not-dicom',
      /a request where only answers belong/,
    ],
    [
      'a data set',
      { whole: ({ socket, contextId }) => socket.write(encodeData(contextId, false, true, Buffer.alloc(10))) },
      'not-dicom',
      /a data set where none belongs/,
    ],
  ];
  for (const [name, play, code, message] of cases) {
    await t.test(name, async (one) => {
      const { association } = await associate(one, play);
      const start = performance.now();
      const dataSet = play.coming === undefined ? LARGE : HUGE;
      await assert.rejects(association.store(AS_MR, dataSet), { code, message });
      assert.ok(performance.now() - start < 3000, `it took ${Math.round(performance.now() - start)} ms`);
      association.abort();
      assert.equal(association.isOpen, false);
      await assert.rejects(association.store(AS_MR, LARGE), `${name}: an association that is over was used`);
    });
  }
});

test('a maximum PDU length of 0 is any, one of 8 is slow, one of 6 is a clear error', async (t) => {
  const bytes = [Buffer.from('a data set of an odd length, and more than one PDU of it.')];
  const { peer: any, association: one } = await associate(t, { maximumLength: 0 });
  assert.equal(await one.store(AS_MR, LARGE), 0);
  await one.release();
  assert.ok(any.taken.get('1.2.3')!.equals(LARGE[0]!));

  const { peer: small, association: other } = await associate(t, { maximumLength: 8 });
  assert.equal(await other.store(AS_MR, bytes), 0);
  await other.release();
  assert.deepEqual(small.taken.get('1.2.3'), bytes[0]);
  assert.deepEqual([...new Set(small.fragments())], [2, 1]);

  for (const maximumLength of [1, 6, 7])
    await assert.rejects(associate(t, { maximumLength }), {
      code: 'not-dicom',
      message: /PDUs of at most \d bytes, into/,
    });
});

test('no PDU is longer than the peer takes, whatever pieces the data set comes in', async (t) => {
  for (const maximumLength of [9, 100, 4096, 16_383]) {
    const { peer, association } = await associate(t, { maximumLength });
    const pieces = [1, 0, 5, 4090, 4091, 17_000, 0, 2].map((size, i) => Buffer.alloc(size, i + 1));
    for (const SOPInstanceUID of ['1.1', '1.2', '1.3'])
      assert.equal(await association.store({ ...AS_MR, SOPInstanceUID }, pieces), 0);
    assert.equal(await association.store({ ...AS_MR, SOPInstanceUID: '1.4' }, []), 0);
    await association.release();
    for (const uid of ['1.1', '1.2', '1.3']) assert.ok(peer.taken.get(uid)!.equals(Buffer.concat(pieces)));
    assert.equal(peer.taken.get('1.4')!.length, 0);
    assert.ok(Math.max(...peer.fragments()) <= maximumLength - 6);
    // Of an odd length is only the last of each data set, which is so itself.
    assert.equal(peer.fragments().filter((length) => length % 2 === 1).length, 3);
  }
});

test('answers that come late, or before the data set has ended, are taken', async (t) => {
  const ids: unknown[] = [];
  const { association: late } = await associate(t, {
    whole: ({ command, answer }) => {
      ids.push(command.MessageID);
      setTimeout(answer, 200, 0xb000);
    },
  });
  for (let n = 0; n < 3; n++) assert.equal(await late.store(AS_MR, LARGE), 0xb000);
  await late.release();
  assert.deepEqual(ids, [1, 2, 3]);

  let hasAnswered = false;
  const { association: early } = await associate(t, {
    coming: ({ answer }) => {
      if (!hasAnswered) answer(0xa700);
      hasAnswered = true;
    },
    whole: ({ before, answer }) => {
      if (before > 0) answer(0);
    },
  });
  assert.equal(await early.store(AS_MR, slowly(3, 10_000, 10)), 0xa700);
  assert.equal(await early.store({ ...AS_MR, SOPInstanceUID: '1.2.4' }, LARGE), 0);
  await early.release();
});

test('a data set that is read slowly is no silence of the peer', async (t) => {
  const { peer, association } = await associate(t, {});
  assert.equal(await association.store(AS_MR, slowly(15, 1000, 50)), 0);
  assert.equal(peer.taken.get('1.2.3')!.length, 15_000);
  await association.release();
});

test('where the data set cannot be read on, that is told, and the association has ended', async (t) => {
  const { peer, association } = await associate(t, {});
  const failing = (async function* () {
    yield Buffer.alloc(100_000);
    yield Buffer.alloc(100_000);
    throw new Error('EIO');
  })();
  await assert.rejects(association.store(AS_MR, failing), /EIO/);
  assert.deepEqual([association.isOpen, peer.taken.size], [false, 0]);
});

test('where nothing of it can be read, the association goes on', async (t) => {
  const { peer, association } = await associate(t, {});
  const failing = (async function* () {
    if (peer.taken.size === 0) throw new Error('EIO');
    yield Buffer.alloc(2);
  })();
  await assert.rejects(association.store(AS_MR, failing), /EIO/);
  assert.equal(association.isOpen, true);
  assert.equal(await association.store(AS_MR, [Buffer.alloc(100)]), 0);
  assert.deepEqual([...peer.taken.keys()], ['1.2.3']);
  await association.release();
});

test('a peer that takes the connection and says nothing is given up when that is asked for', async (t) => {
  const silent = net.createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as net.AddressInfo;
  const gone = new Promise<void>((resolve) => {
    silent.once('connection', (socket) =>
      socket
        .resume()
        .on('error', () => {})
        .once('close', () => resolve()),
    );
  });
  t.after(() => silent.close());
  const peer = new DimseStorePeer({ host: '127.0.0.1', port, calledAETitle: 'A', callingAETitle: 'B' });
  const contexts = [{ SOPClassUID: AS_MR.SOPClassUID, transferSyntaxes: [EXPLICIT] }];
  const ending = new AbortController();
  const opening = peer.open(contexts, ending.signal);
  setTimeout(() => ending.abort(), 100);
  await assert.rejects(opening, { code: 'association-given-up' });
  await gone;
  await assert.rejects(peer.open(contexts, ending.signal), { code: 'association-given-up' });
});
