// The scripted PACS itself: DCMTK's programs find and retrieve what it has, and each of its faults shows.
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { execFile, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Association, type RequestTaker } from '../../adapters/dimse/association.ts';
import { collector } from '../../adapters/dimse/data-taker.ts';
import { transferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { COMMAND, type CommandSet, MEDIUM, responseTo, WITH_DATA_SET } from '../../core/dimse/command-set.ts';
import { dataSetStart } from '../../core/dimse/file-meta.ts';
import { type Identifier, type IdentifierText, identifierOf, text } from '../../core/dimse/identifier.ts';
import { decodeIdentifier } from '../../core/dimse/identifier-decoding.ts';
import { encodeIdentifier } from '../../core/dimse/identifier-encoding.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN, STUDY_ROOT_FIND, STUDY_ROOT_GET, STUDY_ROOT_MOVE } from '../../core/dimse/uids.ts';
import { freePort, isHere } from '../../scripts/parts/parts.ts';
import { startDcmtk } from '../dcmtk.ts';
import { CT, until } from '../gateway-here.ts';
import { playStorePeer } from '../store-peer.ts';
import { foreignSeriesOf, pacsContent } from './pacs-content.ts';
import type { PacsFaults } from './pacs-faults.ts';
import { type ScriptedPacs, startScriptedPacs } from './scripted-pacs.ts';

const SYNTAX = transferSyntax(EXPLICIT_VR_LITTLE_ENDIAN)!;
const CONTENT = pacsContent([
  {
    ...{ StudyInstanceUID: '1.2.1', AccessionNumber: 'Acc1', PatientID: 'P1', PatientName: 'Müller^Jürgen' },
    ...{ StudyDate: '20240102', StudyDescription: 'Knie' },
    series: [
      { SeriesInstanceUID: '1.2.1.1', SeriesDescription: 'AX', SeriesNumber: '1', instances: 3 },
      { SeriesInstanceUID: '1.2.1.2', SeriesDescription: 'SAG', SeriesNumber: '2', instances: 2, pixels: 300_001 },
    ],
  },
  {
    ...{ StudyInstanceUID: '1.2.2', AccessionNumber: 'Acc2', PatientID: 'P2', PatientName: 'Doe^Jane' },
    series: [{ SeriesInstanceUID: '1.2.2.1', Modality: 'MR', instances: [{ SOPInstanceUID: '1.2.77' }] }],
  },
]);
const STUDY = { QueryRetrieveLevel: 'STUDY', StudyInstanceUID: '1.2.1' };
const UIDS = CONTENT.uids({ StudyInstanceUID: '1.2.1' });
const [FIRST = '', SECOND = ''] = UIDS;
const ODD = '1.2.77';

interface Asked {
  readonly final: CommandSet;
  readonly pending: readonly CommandSet[];
  readonly answers: readonly Identifier[];
}

/** An association that asks for anything, and takes instances: each of them as it came. */
async function associate(pacs: ScriptedPacs) {
  const came: { readonly uid: string; readonly dataSet: Buffer }[] = [];
  const ids = { find: 1, move: 3, get: 5, store: 7 };
  const syntaxes = { find: STUDY_ROOT_FIND, move: STUDY_ROOT_MOVE, get: STUDY_ROOT_GET, store: CT };
  const transferSyntaxes = [EXPLICIT_VR_LITTLE_ENDIAN];
  const contexts = (['find', 'move', 'get', 'store'] as const).map((kind) => ({
    ...{ id: ids[kind], abstractSyntax: syntaxes[kind], transferSyntaxes },
  }));
  const peer = { host: '127.0.0.1', port: pacs.port, calledAETitle: 'PACS', callingAETitle: 'ASKER' };
  const roles = [{ SOPClassUID: CT, isScu: false, isScp: true }];
  const takeRequest: RequestTaker = (id, command) =>
    collector((dataSet) => {
      came.push({ uid: command.AffectedSOPInstanceUID!, dataSet });
      void association.send(id, { ...responseTo(command), Status: 0 }).catch(() => {});
    });
  const association: Association = await Association.open(peer, { contexts, roles }, undefined, { takeRequest });
  const ask = async (kind: 'find' | 'move' | 'get', keys: IdentifierText, onPending = () => {}): Promise<Asked> => {
    const fields = { find: COMMAND.findRequest, move: COMMAND.moveRequest, get: COMMAND.getRequest };
    const command = {
      ...{ AffectedSOPClassUID: syntaxes[kind], CommandField: fields[kind], MessageID: association.nextMessageId() },
      ...{ Priority: MEDIUM, CommandDataSetType: WITH_DATA_SET },
      ...(kind === 'move' ? { MoveDestination: 'TARGET' } : {}),
    };
    const pending: CommandSet[] = [];
    const answers: Identifier[] = [];
    const encoded = encodeIdentifier(identifierOf(keys), SYNTAX);
    const final = await association.request(ids[kind], command, [encoded], (one, bytes) => {
      pending.push(one);
      if (bytes.length > 0) answers.push(decodeIdentifier(bytes, SYNTAX));
      onPending();
    });
    return { final, pending, answers };
  };
  const status = async (kind: 'find' | 'move' | 'get', keys: IdentifierText) => (await ask(kind, keys)).final.Status;
  return { ask, status, came, uids: () => came.map(({ uid }) => uid), association };
}

async function start(t: TestContext, faults: PacsFaults = {}) {
  const destinations = new Map<string, { host: string; port: number }>();
  const pacs = await startScriptedPacs(t, { content: CONTENT, faults, destinations });
  const asker = await associate(pacs);
  t.after(() => asker.association.abort());
  return { pacs, asker, destinations };
}

function completed({ NumberOfCompletedSuboperations: count }: CommandSet): number | undefined {
  return count;
}

describe('the scripted PACS, asked by DCMTK', { timeout: 60_000 }, () => {
  const hasDcmtk = ['findscu', 'movescu', 'getscu', 'storescp'].every(
    (one) => spawnSync(one, ['--version']).status === 0,
  );
  const missing = 'there is no findscu, movescu, getscu or storescp (Debian package dcmtk)';

  function run(program: string, { port }: ScriptedPacs, keys: readonly string[], more: readonly string[] = []) {
    const args = [
      '-v',
      '-S',
      '-aec',
      'PACS',
      ...more,
      '127.0.0.1',
      String(port),
      ...keys.flatMap((key) => ['-k', key]),
    ];
    const env = { ...process.env, TCP_NODELAY: '1' };
    return new Promise<string>((resolve) => {
      execFile(program, args, { env, encoding: 'utf8' }, (_, stdout, stderr) => resolve(stdout + stderr));
    });
  }

  function folderFor(t: TestContext): string {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-test-'));
    t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  function dataSets(folder: string): Buffer[] {
    return fs.readdirSync(folder).map((name) => {
      const bytes = fs.readFileSync(path.join(folder, name));
      return bytes.subarray(dataSetStart(bytes));
    });
  }

  function assertSame(got: readonly Buffer[], uids: readonly string[]): void {
    const expected = uids.map((uid) => CONTENT.dataSet(uid));
    assert.equal(got.length, uids.length);
    assert.ok(expected.every((one) => got.some((other) => other.equals(one))));
  }

  test('findscu finds at each level', async (t) => {
    if (!isHere(t, hasDcmtk, missing)) return;
    const pacs = await startScriptedPacs(t, { content: CONTENT });
    const study = ['QueryRetrieveLevel=STUDY', 'AccessionNumber=Acc1', 'PatientName', 'NumberOfStudyRelatedInstances'];
    const found = await run('findscu', pacs, study);
    assert.match(found, /NumberOfStudyRelatedInstances/);
    assert.match(found, /\[5/);
    assert.match(found, /Müller\^Jürgen/);
    assert.match(found, /ISO_IR 192/);
    assert.match(found, /Final Find Response \(Success\)/);
    const count = (log: string) => log.match(/Find Response: \d+ \(Pending\)/g)?.length ?? 0;
    assert.equal(count(found), 1, found);
    const series = ['QueryRetrieveLevel=SERIES', 'StudyInstanceUID=1.2.1', 'SeriesInstanceUID'];
    assert.equal(count(await run('findscu', pacs, series)), 2);
    const image = ['QueryRetrieveLevel=IMAGE', 'StudyInstanceUID=1.2.1', 'SeriesInstanceUID=1.2.1.1', 'SOPInstanceUID'];
    assert.equal(count(await run('findscu', pacs, image)), 3);
    assert.equal(count(await run('findscu', pacs, ['QueryRetrieveLevel=STUDY', 'AccessionNumber=Acc?'])), 2);
    assert.deepEqual(
      pacs.requests.map(({ kind, level }) => `${kind} ${level}`),
      ['find STUDY', 'find SERIES', 'find IMAGE', 'find STUDY'],
    );
    assert.equal(pacs.requests[0]!.keys['AccessionNumber'], 'Acc1');
  });

  test('movescu has it send to storescp, and getscu takes it, byte for byte', async (t) => {
    if (!isHere(t, hasDcmtk, missing)) return;
    const [moved, got] = [folderFor(t), folderFor(t)];
    const target = await freePort();
    const pacs = await startScriptedPacs(t, {
      content: CONTENT,
      destinations: new Map([['TARGET', { host: '127.0.0.1', port: target }]]),
    });
    await startDcmtk(t, 'storescp', (port) => ['+B', '-od', moved, String(port)], target);
    const keys = ['QueryRetrieveLevel=STUDY', 'StudyInstanceUID=1.2.1'];
    const log = await run('movescu', pacs, keys, ['-aem', 'TARGET', '-d']);
    assert.match(log, /Completed Suboperations +: 5/);
    assertSame(dataSets(moved), UIDS);
    assert.deepEqual(pacs.sent, UIDS);
    const series = ['QueryRetrieveLevel=SERIES', 'StudyInstanceUID=1.2.1', 'SeriesInstanceUID=1.2.1.1'];
    const getLog = await run('getscu', pacs, series, ['-od', got, '+B']);
    assert.match(getLog, /Success/);
    assertSame(dataSets(got), CONTENT.uids({ SeriesInstanceUID: '1.2.1.1' }));
    assert.match(await run('movescu', pacs, keys, ['-aem', 'NOBODY']), /MoveDestinationUnknown/);
  });
});

describe('the scripted PACS, at each level', { timeout: 60_000 }, () => {
  test('it counts, and sends at SERIES and IMAGE level, lists too', async (t) => {
    const { pacs, asker } = await start(t);
    const { final, pending } = await asker.ask('get', STUDY);
    assert.equal(completed(final), 5);
    assert.deepEqual(pending.map(completed), [1, 2, 3, 4]);
    assert.deepEqual(
      pending.map(({ NumberOfRemainingSuboperations: left }) => left),
      [4, 3, 2, 1],
    );
    await asker.ask('get', { QueryRetrieveLevel: 'IMAGE', SOPInstanceUID: `${SECOND}\\${FIRST}\\1.9` });
    await asker.ask('get', { QueryRetrieveLevel: 'SERIES', SeriesInstanceUID: '1.2.1.2\\1.2.2.1' });
    assert.deepEqual(asker.uids().slice(5), [FIRST, SECOND, ...CONTENT.uids({ SeriesInstanceUID: '1.2.1.2' }), ODD]);
    assert.deepEqual(pacs.sent, asker.uids());
    assert.ok(asker.came.every(({ uid, dataSet }) => CONTENT.dataSet(uid).equals(dataSet)));
    assert.equal(await asker.status('get', { QueryRetrieveLevel: 'SERIES', StudyInstanceUID: '1.2.1' }), 0xa900);
    assert.equal(pacs.peakAssociations, 1);
  });

  test('a C-MOVE goes to its destination, and what that does not take is counted and named', async (t) => {
    const { asker, destinations } = await start(t);
    assert.equal(await asker.status('move', STUDY), 0xa801);
    const target = await playStorePeer(t, {
      whole: ({ command, answer }) => answer(command.AffectedSOPInstanceUID === FIRST ? 0xa700 : 0),
    });
    destinations.set('TARGET', { host: '127.0.0.1', port: target.port });
    const { final } = await asker.ask('move', STUDY);
    assert.deepEqual(
      [final.Status, completed(final), final.NumberOfFailedSuboperations, final.CommandDataSetType],
      [0xb000, 4, 1, WITH_DATA_SET],
    );
    assert.equal(target.taken.size, 5);
    assert.equal(target.associations(), 1);
    destinations.set('TARGET', { host: '127.0.0.1', port: await freePort() });
    assert.equal(await asker.status('move', STUDY), 0xa702);
  });
});

describe('faults of the scripted PACS', { timeout: 60_000 }, () => {
  test('loses some, at their first attempt, and counts them', async (t) => {
    const { asker } = await start(t, { loses: (uid, attempt) => uid === SECOND && attempt === 1 });
    const { final } = await asker.ask('get', STUDY);
    assert.deepEqual([final.Status, completed(final)], [0, 5]);
    assert.deepEqual(
      asker.uids(),
      UIDS.filter((uid) => uid !== SECOND),
    );
    await asker.ask('get', { QueryRetrieveLevel: 'IMAGE', SOPInstanceUID: SECOND });
    assert.equal(asker.uids().at(-1), SECOND);
  });

  test('leaves out the counts', async (t) => {
    const { asker } = await start(t, { withoutCounts: true });
    const { final, pending } = await asker.ask('get', STUDY);
    assert.equal(final.Status, 0);
    assert.ok(pending.length > 0 && [final, ...pending].every((one) => completed(one) === undefined));
  });

  test('rejects more associations than its limit', async (t) => {
    const { pacs, asker } = await start(t, { mostAssociations: 1 });
    await assert.rejects(associate(pacs), { code: 'association-rejected', message: /limit is exceeded/ });
    assert.equal(pacs.associations.rejected, 1);
    await asker.association.release();
    const again = await associate(pacs);
    await again.association.release();
    assert.equal(pacs.peakAssociations, 1);
  });

  test('breaks off in the middle, once, of C-GET and of C-MOVE', async (t) => {
    const { pacs, asker, destinations } = await start(t, { breaksAfter: 2, breaksTimes: 2 });
    const target = await playStorePeer(t);
    destinations.set('TARGET', { host: '127.0.0.1', port: target.port });
    await assert.rejects(asker.ask('get', STUDY), { code: 'association-aborted' });
    assert.equal(asker.came.length, 2);
    const again = await associate(pacs);
    await assert.rejects(again.ask('move', STUDY), { code: 'association-aborted' });
    assert.equal(target.taken.size, 2);
    const last = await associate(pacs);
    assert.equal(await last.status('move', STUDY), 0);
    await last.association.release();
    assert.equal(pacs.sent.length, 9);
  });

  test('sends twice, and other pixels the second time', async (t) => {
    const { asker } = await start(t, { sendsTwice: true, changesBytes: [FIRST] });
    const { final } = await asker.ask('get', STUDY);
    assert.equal(completed(final), 5);
    assert.deepEqual(
      asker.uids(),
      UIDS.flatMap((uid) => [uid, uid]),
    );
    const [one, two, three, four] = asker.came.map(({ dataSet }) => dataSet);
    assert.ok(one!.equals(CONTENT.dataSet(FIRST)) && !two!.equals(one!) && two!.length === one!.length);
    assert.ok(three!.equals(four!));
  });

  test('says Pending for ever, to the first', async (t) => {
    const { pacs, asker } = await start(t, { pendingForever: 1 });
    let pending = 0;
    const asked = asker.ask('get', STUDY, () => void (++pending === 4 && asker.association.abort()));
    await assert.rejects(asked, { code: 'association-given-up' });
    assert.deepEqual(pacs.sent, []);
    const again = await associate(pacs);
    assert.equal(await again.status('get', STUDY), 0);
    await again.association.release();
  });

  test('caps its answers, of every level or of one', async (t) => {
    const { pacs, asker } = await start(t, { capsAnswers: 1 });
    const { final, answers } = await asker.ask('find', { QueryRetrieveLevel: 'STUDY', StudyInstanceUID: '' });
    assert.deepEqual([final.Status, answers.length], [0, 1]);
    pacs.faults.capsAnswers = { IMAGE: 2 };
    const count = async (QueryRetrieveLevel: string) =>
      (await asker.ask('find', { QueryRetrieveLevel, StudyInstanceUID: '' })).answers.length;
    assert.deepEqual([await count('STUDY'), await count('SERIES'), await count('IMAGE')], [2, 3, 2]);
  });

  test('is slow', async (t) => {
    const { asker } = await start(t, { slow: 60 });
    const began = performance.now();
    await asker.ask('find', { QueryRetrieveLevel: 'STUDY', StudyInstanceUID: '' });
    await asker.ask('get', { QueryRetrieveLevel: 'IMAGE', SOPInstanceUID: FIRST });
    assert.ok(performance.now() - began >= 170);
  });

  test('sends a foreign series UID, and what nobody asked for', async (t) => {
    const { asker } = await start(t, { foreignSeries: [FIRST], unasked: [ODD] });
    const { final } = await asker.ask('get', { QueryRetrieveLevel: 'IMAGE', SOPInstanceUID: FIRST });
    assert.equal(completed(final), 1);
    assert.deepEqual(asker.uids(), [FIRST, ODD]);
    const got = asker.came[0]!.dataSet;
    assert.ok(got.equals(CONTENT.dataSet(FIRST, { SeriesInstanceUID: foreignSeriesOf('1.2.1.1') })));
    assert.ok(!got.equals(CONTENT.dataSet(FIRST)));
  });

  test('pads and changes case', async (t) => {
    const { pacs } = await start(t, { padsAndCase: true });
    const { association } = await associate(pacs);
    const keys = { QueryRetrieveLevel: 'STUDY', AccessionNumber: 'Acc1', PatientID: '', StudyInstanceUID: '' };
    const command = {
      ...{ AffectedSOPClassUID: STUDY_ROOT_FIND, CommandField: COMMAND.findRequest, MessageID: 1 },
      ...{ Priority: MEDIUM, CommandDataSetType: WITH_DATA_SET },
    };
    let bytes = '';
    const encoded = encodeIdentifier(identifierOf(keys), SYNTAX);
    await association.request(1, command, [encoded], (_, one) => void (bytes += one.toString('latin1')));
    await association.release();
    assert.match(bytes, /aCC1 {2}/);
    assert.match(bytes, /P1 {4}/);
    assert.match(bytes, /1\.2\.1\0\0\0/);
  });

  test('knows no IMAGE level', async (t) => {
    const { pacs, asker } = await start(t, { noImageLevel: true });
    const keys = { QueryRetrieveLevel: 'IMAGE', SOPInstanceUID: '' };
    assert.equal(await asker.status('find', keys), 0xa900);
    pacs.faults.noImageLevel = 'empty';
    const { final, answers } = await asker.ask('find', keys);
    assert.deepEqual([final.Status, answers.length], [0, 0]);
    assert.equal(await asker.status('find', { QueryRetrieveLevel: 'SERIES', SeriesInstanceUID: '' }), 0);
  });

  test('refuses, does not know the destination, ignores keys, fails to find', async (t) => {
    const { pacs, asker, destinations } = await start(t, {
      refusesTimes: 1,
      unknownDestination: true,
      findFails: 0xc001,
    });
    const target = await playStorePeer(t);
    destinations.set('TARGET', { host: '127.0.0.1', port: target.port });
    assert.equal(await asker.status('move', STUDY), 0xa801);
    assert.equal(await asker.status('get', STUDY), 0xa702);
    assert.equal(await asker.status('get', STUDY), 0);
    pacs.faults.findFailsTimes = 1;
    const keys = { QueryRetrieveLevel: 'STUDY', AccessionNumber: 'nothing', NumberOfStudyRelatedInstances: '' };
    assert.equal(await asker.status('find', keys), 0xc001);
    assert.equal((await asker.ask('find', keys)).answers.length, 0);
    pacs.faults.ignoresKeys = true;
    const { answers } = await asker.ask('find', keys);
    assert.deepEqual(
      answers.map((one) => text(one, 'NumberOfStudyRelatedInstances')),
      ['5', '1'],
    );
    pacs.faults = { withoutNumbers: true, ignoresKeys: true };
    assert.equal(text((await asker.ask('find', keys)).answers[0]!, 'NumberOfStudyRelatedInstances'), '');
  });

  test('says Success at once and sends afterwards', async (t) => {
    const { asker, destinations } = await start(t, { late: 100 });
    const target = await playStorePeer(t);
    destinations.set('TARGET', { host: '127.0.0.1', port: target.port });
    const { final } = await asker.ask('move', STUDY);
    assert.deepEqual([final.Status, completed(final), target.taken.size], [0, 5, 0]);
    await until(
      () => target.taken.size,
      (size) => size === 5,
      'instances that come late',
    );
    await asker.ask('get', STUDY);
    assert.equal(asker.came.length, 0);
    await until(
      () => asker.came.length,
      (size) => size === 5,
      'instances that come late',
    );
  });

  test('dies and comes back', async (t) => {
    const { pacs, asker } = await start(t, { slow: 50 });
    const { port } = pacs;
    const asked = assert.rejects(asker.ask('get', STUDY), { code: 'association-aborted' });
    await until(
      () => pacs.sent.length,
      (sent) => sent === 2,
      'two instances',
    );
    const restarted = pacs.restart(100);
    await asked;
    await sleep(20);
    await assert.rejects(associate(pacs), { code: 'pacs-unreachable' });
    await restarted;
    assert.equal(pacs.port, port);
    const again = await associate(pacs);
    assert.equal(await again.status('get', STUDY), 0);
    await again.association.release();
    assert.equal(pacs.sent.length, 7);
  });
});
