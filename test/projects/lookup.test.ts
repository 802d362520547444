// What PACSs do when they are asked for accession numbers: everything of a number is found, or what was found is called
// incomplete, or it failed and is asked for again by the next run, which asks for nothing that is known.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { describe, test } from 'node:test';
import { queryHere } from '../cli/query-here.ts';
import { runDitag } from '../cli/run-ditag.ts';
import { until } from '../gateway-here.ts';
import type { DescribedStudy } from './pacs-content.ts';
import { NAME, type ProjectHere, STUDIES, startProject } from './project-here.ts';
import type { PacsRequest } from './scripted-pacs.ts';

function accession(n: number, instances = 1): DescribedStudy {
  const StudyInstanceUID = `1.3.${n}`;
  const series = [{ SeriesInstanceUID: `${StudyInstanceUID}.1`, SeriesNumber: '1', instances, pixels: 64 }];
  return { StudyInstanceUID, AccessionNumber: `N${n}`, PatientID: `P${n}`, series };
}

/** Accession numbers N1 on, one instance each. */
function accessions(count: number): DescribedStudy[] {
  return Array.from({ length: count }, (_, i) => accession(i + 1));
}

/** One study with these series. */
function study(series: DescribedStudy['series']): DescribedStudy {
  return { StudyInstanceUID: '1.4', AccessionNumber: 'A', PatientID: 'P', series };
}

async function outcomes(project: ProjectHere): Promise<Record<string, string>> {
  return Object.fromEntries((await project.targets()).map(({ accession: number, outcome }) => [number, outcome]));
}

/** SOPInstanceUIDs that the project expects one by one. */
function expected(project: ProjectHere): Promise<string[]> {
  return project.inProject(async ({ store }) => {
    const uids: string[] = [];
    for await (const { SeriesInstanceUID, isListed } of store.series())
      if (isListed) uids.push(...(await store.instancesOf(SeriesInstanceUID)).map((one) => one.SOPInstanceUID));
    return uids.toSorted();
  });
}

/** Accession numbers that were asked for at STUDY level. */
function asked(requests: readonly PacsRequest[]): string[] {
  // Studies are asked for by their UIDs, too.
  return requests.flatMap(({ level, keys }) => (level === 'STUDY' ? (keys['AccessionNumber'] ?? []) : []));
}

async function assertFound(project: ProjectHere, options = {}): Promise<void> {
  const { code, stderr } = await project.index(options);
  assert.equal(code, 0, stderr);
  assert.ok(Object.values(await outcomes(project)).every((outcome) => outcome === 'found'));
  assert.deepEqual(await expected(project), project.content.uids().toSorted());
}

describe('a PACS that is asked for accession numbers', { timeout: 60_000, concurrency: 16 }, () => {
  test('has several studies of one, and one on two patients', async (t) => {
    const of = (n: number, AccessionNumber: string, PatientID: string) => ({
      ...accession(n),
      ...{ AccessionNumber, PatientID, PatientName: 'Doe^Jane' },
    });
    const studies = [of(1, 'TWO', 'P1'), of(2, 'TWO', 'P1'), of(3, 'BOTH', 'P1'), of(4, 'BOTH', 'P2')];
    const project = await startProject(t, { studies });
    await assertFound(project);
    assert.deepEqual(
      (await project.targets()).map(({ accession: number, studies: n, patients }) => [number, n, patients]),
      [
        ['TWO', 2, 1],
        ['BOTH', 2, 2],
      ],
    );
    assert.equal((await project.download()).code, 0);
    await project.assertComplete();
    // Two patients of one name are kept apart.
    const subjects = new Set((await project.manifest()).map(({ path }) => path.split('/')[0]));
    assert.equal(subjects.size, 2);
  });

  const numbered = Array.from({ length: 5 }, (_, i) => ({
    ...{ SeriesInstanceUID: `1.4.${i + 1}`, SeriesNumber: String(i + 1), instances: 4, pixels: 64 },
  }));

  test('cuts its answers short at SERIES and IMAGE level', async (t) => {
    const project = await startProject(t, {
      studies: [study(numbered)],
      faults: { capsAnswers: { SERIES: 2, IMAGE: 3 } },
    });
    await assertFound(project);
    const { requests } = project.pacs;
    assert.ok(requests.some(({ level, keys }) => level === 'SERIES' && keys['SeriesNumber'] === '5'));
    // The numbers end where all is there that was announced.
    assert.ok(!requests.some(({ keys }) => keys['SeriesNumber'] === '6' || keys['InstanceNumber'] === '5'));
    assert.equal((await project.download()).code, 0);
    await project.assertComplete();
  });

  test('cuts them short and announces nothing', async (t) => {
    const many = Array.from({ length: 18 }, (_, i) => ({
      ...{ SeriesInstanceUID: `1.4.${i + 1}`, SeriesNumber: String(100 + i), instances: i === 0 ? 70 : 1, pixels: 64 },
    }));
    const project = await startProject(t, {
      studies: [study(many)],
      faults: { withoutNumbers: true, capsAnswers: { SERIES: 16, IMAGE: 64 } },
    });
    const { code, stderr } = await project.index();
    assert.equal(code, 1, stderr);
    assert.deepEqual(await expected(project), project.content.uids().toSorted());
    // Which series number is the last nobody can say: 101 may be followed by 2001.
    const [{ outcome, reason } = assert.fail()] = await project.targets();
    const doubt =
      'the PACS gives 16 answers at SERIES level, as many as a limit would leave, and does not say how many there are';
    assert.deepEqual([outcome, reason], ['incomplete', doubt]);
    const downloaded = await project.download();
    assert.equal(downloaded.code, 1);
    assert.match(downloaded.stderr, /^All 87 expected instances are on disk .*; there may be more\./m);
    await project.assertComplete();
  });

  test('gives as many series as a limit would leave, and more of another study: then there is none', async (t) => {
    const studies = [16, 17].map((count, n) => ({
      ...{ StudyInstanceUID: `1.${n + 6}`, AccessionNumber: `A${n}` },
      series: Array.from({ length: count }, (_, i) => ({
        ...{ SeriesInstanceUID: `1.${n + 6}.${i + 1}`, SeriesNumber: String(i * 100 + 1), instances: 1, pixels: 64 },
      })),
    }));
    const project = await startProject(t, { studies, faults: { withoutNumbers: true } });
    // A0 is asked for first, doubted, and asked for again when A1 has more.
    const { code, stderr } = await project.index({ threads: '1' });
    assert.equal(code, 0, stderr);
    assert.deepEqual(await outcomes(project), { A0: 'found', A1: 'found' });
    const alone = await startProject(t, { studies: studies.slice(0, 1), faults: { withoutNumbers: true } });
    assert.equal((await alone.index()).code, 1);
    assert.deepEqual(await outcomes(alone), { A0: 'incomplete' });
  });

  test('answers what cannot be read for many one after the other: those behind them are asked for', async (t) => {
    const studies = Array.from({ length: 12 }, (_, n) => ({
      ...{ StudyInstanceUID: `1.${n + 10}`, AccessionNumber: n < 9 ? `BAD${n}` : `GOOD${n}` },
      series: [{ SeriesInstanceUID: `1.${n + 10}.1`, instances: 1 }],
    }));
    const project = await startProject(t, { studies, faults: { damages: /^BAD/ } });
    assert.equal((await project.index({ threads: '2' })).code, 1);
    const found = Object.values(await outcomes(project));
    assert.deepEqual(
      [found.filter((one) => one === 'failed').length, found.slice(9)],
      [9, ['found', 'found', 'found']],
    );
    // Next time they are asked for when all others have been.
    project.list([...studies.map(({ AccessionNumber }) => AccessionNumber), 'NEW']);
    const now = project.fromNow();
    assert.equal((await project.index({ threads: '1' })).code, 1);
    assert.equal(now.requests()[0]!.keys['AccessionNumber'], 'NEW');
  });

  test('answers what cannot be read: that accession number fails, the others do not', async (t) => {
    const studies = ['1.6', '1.7'].map((StudyInstanceUID, n) => ({
      StudyInstanceUID,
      AccessionNumber: `ACC${n + 1}`,
      series: [{ SeriesInstanceUID: `${StudyInstanceUID}.1`, instances: 1 }],
    }));
    const project = await startProject(t, { studies, list: ['ACC1', 'ACC2'], faults: { damages: 'ACC1' } });
    const { code, stderr } = await project.index();
    assert.equal(code, 1, stderr);
    assert.deepEqual(
      (await project.targets()).map(({ outcome, reason }) => [outcome, /its answer cannot be read/.test(reason)]),
      [
        ['failed', true],
        ['found', false],
      ],
    );
  });

  test('cuts short what has no numbers, and announces how many there are', async (t) => {
    const instances = Array.from({ length: 4 }, () => ({ InstanceNumber: '' }));
    const studies = [study([{ SeriesInstanceUID: '1.4.1', SeriesNumber: '1', instances }])];
    const project = await startProject(t, { studies, faults: { capsAnswers: { IMAGE: 3 } } });
    const { code, stderr } = await project.index();
    assert.equal(code, 0);
    assert.match(stderr, /1 of 1 accession numbers found: 1 studies, 1 series, 4 instances\./);
    const [target] = await project.targets();
    assert.deepEqual([target!.outcome, target!.reason], ['found', 'of 4 instances of a series the PACS lists 3']);
    // How many there have to be is known: when they are there, nothing is missing.
    project.pacs.faults = { loses: (uid, attempt) => uid === '1.4.1.2' && attempt === 1 };
    const done = await project.download();
    assert.equal(done.code, 0, done.stderr);
    await project.assertComplete();
  });

  test('announces more series than it lists', async (t) => {
    const series = numbered.map((one) => ({ ...one, SeriesNumber: '' }));
    const project = await startProject(t, { studies: [study(series)], faults: { capsAnswers: { SERIES: 2 } } });
    assert.equal((await project.index()).code, 1);
    const [target] = await project.targets();
    assert.equal(target!.outcome, 'incomplete');
    assert.match(
      target!.reason,
      /^of 5 series of a study the PACS lists 2; of 20 instances of a study the PACS lists 8$/,
    );
    // All of what is expected is not all that there is.
    const { code, stderr } = await project.download();
    assert.equal(code, 1);
    assert.match(stderr, /^All 8 expected instances are on disk .*; there may be more\./m);
    assert.match(stderr, /^1 accession numbers are found incompletely.*--refresh/m);
    project.pacs.faults = {};
    await assertFound(project, { refresh: true });
    const after = project.fromNow();
    const second = await project.download();
    assert.equal(second.code, 0, second.stderr);
    await project.assertComplete();
    assert.equal(after.sent().length, 12);
  });

  test('does not answer for one: it is asked again by the next run, what is known is not', async (t) => {
    const project = await startProject(t, {
      studies: accessions(3),
      faults: { findFails: 0xc001, findFailsTimes: 1 },
    });
    const { code, stderr } = await project.index({ threads: '1' });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /2 of 3 accession numbers found, 1 failed/);
    assert.deepEqual(await outcomes(project), { N1: 'failed', N2: 'found', N3: 'found' });
    assert.match((await project.targets())[0]!.reason, /^the PACS answered Cannot understand \(C001H\)$/);
    // What is known is downloaded; that there is more is told.
    const part = await project.download();
    assert.equal(part.code, 1);
    assert.match(part.stderr, /^1 accession numbers are not looked up yet/m);
    const after = project.fromNow();
    await assertFound(project);
    assert.deepEqual(asked(after.requests()), ['N1']);
    const third = project.fromNow();
    await assertFound(project);
    assert.deepEqual(third.requests(), []);
    const all = await project.download();
    assert.equal(all.code, 0, all.stderr);
    await project.assertComplete();
  });

  test('has no resources for a moment (A700): it is asked again at once', async (t) => {
    const project = await startProject(t, { studies: accessions(3), faults: { findFails: 0xa700, findFailsTimes: 2 } });
    await assertFound(project);
  });

  test('is asked again for all that is known with --refresh', async (t) => {
    const project = await startProject(t, { studies: accessions(2), list: ['N1', 'N2', 'N*'] });
    assert.equal((await project.index()).code, 1);
    const after = project.fromNow();
    // What was refused before is nothing new.
    assert.equal((await project.index({ refresh: true })).code, 0);
    assert.deepEqual(asked(after.requests()).toSorted(), ['N1', 'N2']);
    assert.deepEqual(await expected(project), project.content.uids().toSorted());
    // One that fails now takes nothing away of what was known.
    project.pacs.faults = { findFails: 0xc001 };
    assert.equal((await project.index({ refresh: true })).code, 1);
    assert.deepEqual(await outcomes(project), { N1: 'failed', N2: 'failed', 'N*': 'refused' });
    assert.deepEqual(await expected(project), project.content.uids().toSorted());
  });

  test('is asked from a line or an accession number on', async (t) => {
    const list = ['# what is wanted', '', 'N1', 'N2', 'N2', 'N3'];
    const project = await startProject(t, { studies: accessions(3), list });
    const { code, stderr } = await project.index({ startAtLine: '6' });
    assert.equal(code, 1);
    assert.match(stderr, /^6 lines: 3 accession numbers, 1 repeated, 2 blank lines and comments; 3 are new\.$/m);
    assert.match(stderr, /1 of 3 accession numbers found, 2 not asked for yet/);
    assert.deepEqual(asked(project.pacs.requests), ['N3']);
    const after = project.fromNow();
    assert.equal((await project.index({ startAtAccession: 'N2' })).code, 1);
    assert.deepEqual(asked(after.requests()), ['N2']);
    for (const start of [
      { startAtLine: '7' },
      { startAtAccession: 'N9' },
      { startAtLine: '1', startAtAccession: 'N1' },
    ])
      assert.equal((await project.index(start)).code, 2);
    await assertFound(project);
  });

  test('is not asked for what cannot be asked for', async (t) => {
    const long = 'X'.repeat(70);
    const list = ['\ufeffN1', 'N?', 'A\\B', long, '  N2\t', 'NOWHERE'];
    const project = await startProject(t, { studies: accessions(2), list });
    const { code, stderr } = await project.index();
    assert.equal(code, 1);
    assert.match(stderr, /2 of 6 accession numbers found, 1 not found, 3 refused/);
    assert.deepEqual(asked(project.pacs.requests).toSorted(), ['N1', 'N2', 'NOWHERE']);
    assert.deepEqual(await outcomes(project), {
      ...{ N1: 'found', N2: 'found', NOWHERE: 'not-found' },
      ...{ 'N?': 'refused', 'A\\B': 'refused', [`${long.slice(0, 64)}…`]: 'refused' },
    });
    // As a spreadsheet saves it.
    const utf16 = await startProject(t, { studies: accessions(2) });
    fs.writeFileSync(utf16.listFile, Buffer.from('\ufeffN1\r\nN2\r\nN3;x\r\n', 'utf16le'));
    const odd = await utf16.index();
    assert.match(odd.stderr, /^3 lines: 3 accession numbers; .*\n1 of them have a comma, a semicolon/m);
    assert.match(odd.stderr, /2 of 3 accession numbers found, 1 not found/);
    // Without those lines the rest is done: one that the PACS does not know is an answer.
    const other = await startProject(t, { studies: accessions(2), list: ['N1', 'N2', 'NOWHERE'] });
    assert.equal((await other.index()).code, 0);
  });

  test('is away from the start', async (t) => {
    const project = await startProject(t, { studies: accessions(3) });
    await project.pacs.close();
    const { code, stderr } = await runDitag(project.indexArguments, { home: project.home });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /cannot be reached \(ECONNREFUSED\)/);
    await project.pacs.begin();
    await assertFound(project);
  });

  test('goes away: what it has said is kept, and the rest is asked for by the next run', async (t) => {
    const project = await startProject(t, { studies: accessions(40), faults: { slow: 30 } });
    const { pacs } = project;
    const ended = project.index({ threads: '8' });
    await until(
      () => asked(pacs.requests).length,
      (count) => count > 12,
      'accession numbers that were asked for',
    );
    await pacs.close();
    const { code, stderr } = await ended;
    assert.equal(code, 1);
    assert.match(stderr, /cannot be reached \(ECONNREFUSED\)/);
    const known = Object.entries(await outcomes(project)).filter(([, outcome]) => outcome === 'found');
    assert.ok(known.length > 0 && known.length < 40, String(known.length));
    // What is known can be queried.
    const { stdout } = await queryHere(['--project-name', NAME, '--count'], project.home);
    assert.equal(Number(stdout), known.length);
    pacs.faults = {};
    await pacs.begin();
    const after = project.fromNow();
    await assertFound(project);
    const numbers = known.map(([number]) => number);
    assert.deepEqual(
      asked(after.requests()).filter((number) => numbers.includes(number)),
      [],
    );
  });

  test('dies and comes back', async (t) => {
    const project = await startProject(t, { studies: accessions(12), faults: { slow: 20 } });
    const { pacs } = project;
    const ended = project.index({ threads: '2' });
    await until(
      () => asked(pacs.requests).length,
      (count) => count > 3,
      'accession numbers that were asked for',
    );
    await pacs.restart(300);
    const { code, stderr } = await ended;
    assert.equal(code, 0, stderr);
    assert.deepEqual(await expected(project), project.content.uids().toSorted());
  });

  test('rejects more than 2 associations', async (t) => {
    const project = await startProject(t, { studies: accessions(12), faults: { mostAssociations: 2, slow: 5 } });
    await assertFound(project, { threads: '4' });
    assert.ok(project.pacs.associations.rejected > 0);
  });

  test('rejects every association after the first look', async (t) => {
    const project = await startProject(t, { studies: accessions(3) });
    const { pacs } = project;
    await assertFound(project);
    const peer = { host: '127.0.0.1', port: pacs.port, calledAETitle: 'WRONG', callingAETitle: 'DITAG' };
    const onAnswer = () => {};
    const { signal } = new AbortController();
    const rejected = project.inProject(async (opened) => {
      const targets = await opened.store.targetsToAsk(true);
      await opened.find({ peer, threads: 2, targets, onAnswer, signal });
    });
    await assert.rejects(rejected, /rejects the association: the called AE title is not known there/);
    await assertFound(project);
  });

  test('is interrupted while it does not answer', async (t) => {
    const project = await startProject(t, { studies: accessions(3), faults: { slow: 5_000 } });
    const controller = new AbortController();
    const began = performance.now();
    const ended = project.index({ threads: '2' }, controller.signal);
    await until(
      () => project.pacs.requests.length,
      (count) => count >= 2,
      'requests',
    );
    controller.abort(new Error('interrupted'));
    const { code, stderr } = await ended;
    assert.equal(code, 130, stderr);
    assert.match(stderr, /3 not asked for yet/);
    assert.ok(performance.now() - began < 4_500);
    project.pacs.faults = {};
    await assertFound(project);
  });

  test('answers slowly', async (t) => {
    await assertFound(await startProject(t, { studies: accessions(6), faults: { slow: 100 } }));
  });

  test('pads and changes case', async (t) => {
    const project = await startProject(t, { faults: { padsAndCase: true } });
    await assertFound(project);
    for (const { reason } of await project.targets()) assert.match(reason, /^the PACS has it as aCC[12]$/);
    const { stdout } = await queryHere(['--project-name', NAME, '--format', 'json'], project.home);
    assert.doesNotMatch(stdout, /P[12] |\\u0000/);
    assert.match(stdout, /"P1"/);
  });

  test('ignores keys', async (t) => {
    const project = await startProject(t, { faults: { ignoresKeys: true }, list: ['Acc1', 'ACC3'] });
    assert.equal((await project.index()).code, 0);
    assert.deepEqual(await outcomes(project), { Acc1: 'found', ACC3: 'not-found' });
    assert.match((await project.targets())[1]!.reason, /^the PACS answered with 2 studies of other accession numbers$/);
    assert.deepEqual(await expected(project), project.content.uids({ StudyInstanceUID: '1.2.1' }).toSorted());
  });

  test('knows no IMAGE level: how many there are is known', async (t) => {
    const project = await startProject(t, { faults: { noImageLevel: true } });
    assert.equal((await project.index()).code, 0);
    assert.deepEqual(await expected(project), []);
    const { instances, series } = await project.inProject(({ store }) => store.totals());
    assert.deepEqual([series, instances], [3, STUDIES.flatMap((one) => one.series).length * 3]);
  });

  test('is asked for two lists one after the other', async (t) => {
    const project = await startProject(t, { studies: accessions(3), list: ['N1'] });
    assert.equal((await project.index()).code, 0);
    project.list(['N3', 'N2']);
    await assertFound(project);
    assert.deepEqual(asked(project.pacs.requests), ['N1', 'N3', 'N2']);
  });
});
