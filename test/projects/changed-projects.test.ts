// A project that is not what it was when its download began: series that are gone, renamed or replaced, more instances than
// there were, folders of somebody else; and zips that stand beside folders. Nothing is taken for what it is not.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import { projectReport } from '../../cli/commands/project-report.ts';
import { projectVerify } from '../../cli/commands/project-verify.ts';
import { readConfiguration } from '../../cli/configuration/configuration.ts';
import { LocalWorkspace } from '../../cli/workspaces/local/local-workspace.ts';
import { commandIn } from '../cli/query-here.ts';
import { type DescribedStudy, pacsContent } from './pacs-content.ts';
import type { PacsFaults } from './pacs-faults.ts';
import { NAME, type ProjectHere, STUDIES, startProject } from './project-here.ts';

type Described = DescribedStudy['series'][number];

/** One study of one patient. */
function study(series: readonly Described[], more: Partial<DescribedStudy> = {}): DescribedStudy {
  const patient = { PatientID: 'P1', PatientName: 'Doe^Jane' };
  return { StudyInstanceUID: '1.4', AccessionNumber: 'A', ...patient, ...more, series };
}

function oneSeries(
  instances: Described['instances'],
  SeriesInstanceUID = '1.4.1',
  SeriesDescription = 'T1',
): Described {
  return { SeriesInstanceUID, SeriesDescription, SeriesNumber: '1', instances };
}

/** The PACS has these from now on, and the project is told. */
async function changed(
  project: ProjectHere,
  studies: readonly DescribedStudy[],
  faults: PacsFaults = {},
): Promise<void> {
  project.pacs.content = pacsContent(studies);
  project.pacs.faults = faults;
  const { code, stderr } = await project.index({ refresh: true });
  assert.equal(code, 0, stderr);
}

async function downloaded(t: TestContext, studies: readonly DescribedStudy[], faults: PacsFaults = {}) {
  const project = await startProject(t, { studies, faults });
  const { code, stderr } = await project.index();
  assert.equal(code, 0, stderr);
  const ended = await project.download();
  assert.equal(ended.code, 0, ended.stderr);
  return project;
}

async function outcomes(project: ProjectHere): Promise<string[]> {
  const lines = (await project.manifest()).map(({ SOPInstanceUID, outcome }) => `${SOPInstanceUID} ${outcome}`);
  return lines.toSorted();
}

async function assertVerified(project: ProjectHere): Promise<void> {
  const { code, stderr, stdout } = await project.verify();
  assert.deepEqual([code, stdout], [0, ''], stderr);
}

/** What is known of it. */
function stateFile({ home }: ProjectHere): string {
  const folder = path.join(home, '.ditag', 'projects', NAME);
  return path.join(folder, fs.readdirSync(folder).find((name) => name.endsWith('.state.db'))!);
}

const uids = (series: string, count: number) => Array.from({ length: count }, (_, i) => `${series}.${i + 1}`);

describe('a project that has changed since its download', { timeout: 60_000, concurrency: 8 }, () => {
  test('files of a series that was replaced are not taken for those of its successor, whatever it is called', async (t) => {
    // Only the number is known: any name would do.
    const project = await downloaded(t, [study([oneSeries(4)])], { noImageLevel: true });
    await changed(project, [study([oneSeries(4, '1.4.7')])], { noImageLevel: true });
    const now = project.fromNow();
    const { code, stderr } = await project.download();
    assert.equal(code, 0, stderr);
    assert.deepEqual(now.sent().toSorted(), uids('1.4.7', 4));
    const entries = await project.manifest();
    const old = entries.filter(({ outcome }) => outcome === 'not-asked-for');
    assert.deepEqual(old.map(({ SOPInstanceUID }) => SOPInstanceUID).toSorted(), uids('1.4.1', 4));
    assert.deepEqual([...new Set(old.map(({ reason }) => reason))], ['its series is in the project no more']);
    const folders = new Set(entries.map(({ path: at }) => path.dirname(at)));
    assert.equal(folders.size, 2, 'the two series lie in one folder');
    await assertVerified(project);
  });

  test('a series whose name was corrected keeps its folder to itself', async (t) => {
    const project = await downloaded(t, [study([oneSeries(2)])]);
    const next = { ...oneSeries(3, '1.4.2', 'T1'), SeriesNumber: '2' };
    await changed(project, [study([oneSeries(2, '1.4.1', 'T1 post'), next])]);
    const { code, stderr } = await project.download();
    assert.equal(code, 0, stderr);
    const folderOf = new Map<string, Set<string>>();
    for (const { SeriesInstanceUID, path: at } of await project.manifest())
      folderOf.set(SeriesInstanceUID, (folderOf.get(SeriesInstanceUID) ?? new Set()).add(path.dirname(at)));
    const [first, second] = [folderOf.get('1.4.1')!, folderOf.get('1.4.2')!];
    assert.deepEqual([[...first], second.size, first.isDisjointFrom(second)], [['Jane_Doe/T1'], 1, true]);
    await assertVerified(project);
  });

  test('what is in the project no more is in the manifest, and not counted; what has come in its place comes', async (t) => {
    const project = await downloaded(t, STUDIES);
    const [first] = STUDIES;
    await changed(project, [first!]);
    const again = await project.download();
    assert.match(again.stderr, /^Complete: all 6 instances are on disk/m);
    assert.equal((await outcomes(project)).filter((line) => line.endsWith('not-asked-for')).length, 3);
    await assertVerified(project);
    const configuration = readConfiguration(path.join(project.home, '.ditag', 'config.ini'), { environment: {} });
    const report = await commandIn(new LocalWorkspace(configuration), (context) =>
      projectReport({ projectName: NAME, format: 'json' }, context),
    );
    const { expected, received, bytes } = JSON.parse(report.stdout) as Record<string, number>;
    const ofProject = (await project.manifest()).filter(({ outcome }) => outcome === 'received');
    const sum = ofProject.reduce((total, { size }) => total + size!, 0);
    assert.deepEqual([expected, received, bytes], [6, 6, sum]);
    // As many as are gone: it is another project all the same, and its folder is gone on with on whatever day.
    const more = study([oneSeries(3, '1.9.1')], { StudyInstanceUID: '1.9', AccessionNumber: 'Acc3', PatientID: 'P9' });
    project.list(['Acc1', 'Acc2', 'Acc3']);
    await changed(project, [first!, more]);
    const earlier = `${await project.folder()}_earlier`;
    fs.renameSync(await project.folder(), earlier);
    const database = new DatabaseSync(stateFile(project));
    database.prepare('UPDATE download SET folder = ?').run(earlier);
    database.close();
    const now = project.fromNow();
    const last = await project.download();
    assert.match(last.stderr, /^Continued in .*_earlier$/m);
    assert.deepEqual([last.code, now.sent().toSorted()], [0, uids('1.9.1', 3)], last.stderr);
    await assertVerified(project);
  });

  test('a series that the PACS has given to another study is brought anew', async (t) => {
    const project = await downloaded(t, [study([oneSeries(3)])]);
    const [before] = await project.manifest();
    const moved = study([oneSeries(3)], { StudyInstanceUID: '1.77' });
    await changed(project, [moved]);
    const now = project.fromNow();
    const { code, stderr } = await project.download();
    assert.deepEqual([code, now.sent().toSorted()], [0, uids('1.4.1', 3)], stderr);
    const entries = await project.manifest();
    const received = entries.filter(({ outcome }) => outcome === 'received');
    assert.deepEqual([...new Set(received.map(({ StudyInstanceUID }) => StudyInstanceUID))], ['1.77']);
    assert.notEqual(before!.StudyInstanceUID, '1.77');
    assert.equal(entries.filter(({ outcome }) => outcome === 'not-asked-for').length, 3);
    await assertVerified(project);
  });

  test('what a process that died had put aside and not noted is in the manifest', async (t) => {
    const project = await startProject(t, { studies: STUDIES, faults: { foreignStudy: ['1.2.1.1.3'] } });
    await project.index();
    assert.equal((await project.download()).code, 1);
    project.pacs.faults = {};
    const database = new DatabaseSync(stateFile(project));
    database.exec('DELETE FROM not_asked_for');
    database.close();
    assert.equal((await project.download()).code, 0);
    assert.equal((await outcomes(project)).filter((line) => line.endsWith('not-asked-for')).length, 1);
    await assertVerified(project);
  });

  test('what was kept aside and is thrown away is in the manifest no more', async (t) => {
    const project = await startProject(t, { studies: STUDIES, faults: { foreignStudy: ['1.2.1.1.3'] } });
    await project.index();
    assert.equal((await project.download()).code, 1);
    project.pacs.faults = {};
    assert.equal((await project.download()).code, 0);
    assert.equal((await outcomes(project)).filter((line) => line.endsWith('not-asked-for')).length, 1);
    fs.rmSync(path.join(await project.folder(), 'not-asked-for'), { recursive: true });
    assert.equal((await project.download()).code, 0);
    assert.equal((await outcomes(project)).filter((line) => line.endsWith('not-asked-for')).length, 0);
    await assertVerified(project);
  });

  test('the report is about the download that has most of what is expected by now', async (t) => {
    const project = await downloaded(t, [study([oneSeries(5)])]);
    await changed(project, [study([oneSeries(3, '1.4.2')])]);
    const elsewhere = path.join(project.output, 'elsewhere');
    assert.equal((await project.download({ output: elsewhere })).code, 0);
    const configuration = readConfiguration(path.join(project.home, '.ditag', 'config.ini'), { environment: {} });
    const report = () =>
      commandIn(new LocalWorkspace(configuration), (context) =>
        projectReport({ projectName: NAME, format: 'json' }, context),
      );
    const there = JSON.parse((await report()).stdout) as Record<string, unknown>;
    assert.deepEqual([there['received'], path.dirname(there['downloadFolder'] as string)], [3, elsewhere]);
    fs.rmSync(elsewhere, { recursive: true });
    const first = JSON.parse((await report()).stdout) as Record<string, unknown>;
    assert.deepEqual([first['received'], path.dirname(first['downloadFolder'] as string)], [0, project.output]);
    fs.rmSync(project.output, { recursive: true });
    assert.match((await report()).stderr, /elsewhere.* is not there now: /);
  });

  test('of a series that is listed in part each listed instance has to come, however many others do', async (t) => {
    const unnumbered = (count: number) => oneSeries(Array.from({ length: count }, () => ({ InstanceNumber: '' })));
    const project = await startProject(t, { studies: [study([unnumbered(4)])], faults: { capsAnswers: { IMAGE: 3 } } });
    const index = await project.index();
    assert.equal(index.code, 0, index.stderr);
    // It announces 4 and lists 3. By now there are 5, and one of the three does not come.
    project.pacs.content = pacsContent([study([unnumbered(5)])]);
    project.pacs.faults = { loses: (uid) => uid === '1.4.1.1' };
    const { code, stderr } = await project.download();
    assert.equal(code, 1);
    assert.match(stderr, /^Not complete: 3 of 4 instances are on disk/m);
    const expected = ['1.4.1.1 missing', ...[2, 3, 4, 5].map((n) => `1.4.1.${n} received`)];
    assert.deepEqual(await outcomes(project), expected);
    project.pacs.faults = {};
    const again = await project.download();
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(
      await outcomes(project),
      uids('1.4.1', 5).map((uid) => `${uid} received`),
    );
  });

  test('what comes once more counts once, where only the number is known and more is missing', async (t) => {
    for (const method of ['move', 'get']) {
      const project = await downloaded(t, [study([oneSeries(10)])], { noImageLevel: true });
      assert.equal((await project.download({ zipProject: true })).code, 0);
      const loses = (uid: string) => /\.1[12]$/.test(uid);
      await changed(project, [study([oneSeries(12)])], { noImageLevel: true, loses, late: 300 });
      // The whole series is asked for, and all of it is stored once more beside the zip.
      const { code, stderr } = await project.download({ method });
      assert.equal(code, 1);
      assert.match(stderr, /^Not complete: 10 of 12 instances are on disk/m);
      assert.match(stderr, /^Missing of A, series 1\.4\.1: 2; /m);
      project.pacs.faults = { noImageLevel: true };
      const again = await project.download({ method });
      assert.match(again.stderr, /^Complete: all 12/m);
    }
  });

  test('what comes again and again keeps no download from ending', async (t) => {
    // Longer than it is waited for what is still on its way.
    const faults: PacsFaults = { noImageLevel: true, loses: (uid) => uid === '1.4.1.4' };
    const project = await startProject(t, { studies: [study([oneSeries(4)])], faults });
    assert.equal((await project.index()).code, 0);
    const { code, stderr } = await project.download({ rounds: '2', patience: '3' });
    assert.equal(code, 1);
    assert.match(stderr, /^Missing of A, series 1\.4\.1: 1; the PACS said Success/m);
  });

  test('a list of series does not hide that nobody knows how many instances one has', async (t) => {
    const faults: PacsFaults = { noImageLevel: true, withoutNumbers: true, loses: (uid) => uid !== '1.4.1.1' };
    const project = await startProject(t, { studies: [study([oneSeries(5)])], faults });
    assert.equal((await project.index()).code, 1);
    const input = path.join(project.home, 'list.csv');
    fs.writeFileSync(input, 'SeriesInstanceUID\n1.4.1\n');
    const { code, stderr } = await project.download({ input });
    assert.equal(code, 1);
    assert.match(stderr, /^All 1 expected instances are on disk .*; there may be more\./m);
    assert.match(stderr, /^1 of the series are of accession numbers that are found incompletely, and not counted/m);
  });

  test('a file that was changed twice is kept twice', async (t) => {
    const project = await downloaded(t, [study([oneSeries(2)])]);
    const file = path.join(await project.folder(), (await project.manifest())[0]!.path);
    for (const text of ['first change', 'second change!']) {
      fs.writeFileSync(file, text);
      assert.equal((await project.download()).code, 0);
    }
    const aside = (await project.manifest()).filter(({ outcome }) => outcome === 'not-asked-for');
    const kept = await Promise.all(
      aside.map(async ({ path: at }) => fs.readFileSync(path.join(await project.folder(), at), 'utf8')),
    );
    assert.deepEqual(kept.toSorted(), ['first change', 'second change!']);
    await assertVerified(project);
  });
});

describe('the folder of another download', { timeout: 60_000, concurrency: 8 }, () => {
  test('is not taken over', async (t) => {
    const first = await downloaded(t, [study([oneSeries(3)])]);
    // The same name of a project and of a patient, from another home.
    const other = await startProject(t, {
      studies: [study([oneSeries(3, '1.5.1')], { StudyInstanceUID: '1.5', PatientID: 'P2' })],
      faults: { noImageLevel: true },
    });
    assert.equal((await other.index()).code, 0);
    const { output } = first;
    const refused = await other.download({ output });
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /is there, and not as a download of this project: \.owner in it/);
    assert.deepEqual(other.pacs.sent, []);
    await assertVerified(first);
    // It was never begun: there is nothing of that project that could be verified.
    const configuration = readConfiguration(path.join(other.home, '.ditag', 'config.ini'), { environment: {} });
    const verified = await commandIn(new LocalWorkspace(configuration), (context) =>
      projectVerify({ projectName: NAME }, context),
    );
    assert.deepEqual([verified.code, verified.stdout], [2, ''], verified.stderr);
    // Nor is one of which nobody knows whose it is.
    fs.rmSync(path.join(await first.folder(), '.owner'));
    assert.equal((await other.download({ output })).code, 2);
    const unknown = await first.download({ output });
    assert.deepEqual([unknown.code, other.pacs.sent], [2, []], unknown.stderr);
  });

  test('is that of this one where it is empty', async (t) => {
    const first = await downloaded(t, [study([oneSeries(3)])]);
    const folder = await first.folder();
    fs.rmSync(folder, { recursive: true });
    fs.mkdirSync(path.join(folder, '.incoming'), { recursive: true });
    // As a process leaves it that died while it said whose the folder is.
    fs.writeFileSync(path.join(folder, '.owner.0123456789abcdef'), 'x');
    const { code, stderr } = await first.download();
    assert.equal(code, 0, stderr);
    assert.equal(first.pacs.sent.length, 6);
    await assertVerified(first);
  });

  test('what is there and not noted counts; not what is cut, or another instance than its name says', async (t) => {
    const project = await downloaded(t, [study([oneSeries(3)])]);
    const folder = await project.folder();
    const database = new DatabaseSync(stateFile(project));
    database.exec('DELETE FROM received');
    database.close();
    const [cut, other] = ['1.4.1.1', '1.4.1.2'].map((uid) => path.join(folder, 'Jane_Doe', 'T1', `${uid}.dcm`));
    fs.truncateSync(cut!, 1_500);
    fs.copyFileSync(path.join(folder, 'Jane_Doe', 'T1', '1.4.1.3.dcm'), other!);
    const now = project.fromNow();
    const { code, stderr } = await project.download();
    assert.deepEqual([code, now.sent().toSorted()], [0, ['1.4.1.1', '1.4.1.2']], stderr);
    const aside = (await project.manifest()).filter(({ outcome }) => outcome === 'not-asked-for');
    assert.equal(aside.length, 2);
    await assertVerified(project);
  });
});

describe('a zip beside its folder', { timeout: 60_000, concurrency: 8 }, () => {
  const zipProject = true;

  test('counts as what was received, also when more has come since', async (t) => {
    const project = await downloaded(t, [study([oneSeries(10)])]);
    assert.equal((await project.download({ zipProject })).code, 0);
    await changed(project, [study([oneSeries(12)])], { loses: (uid) => uid === '1.4.1.12' });
    let now = project.fromNow();
    const part = await project.download({ zipProject });
    assert.deepEqual([part.code, now.sent().includes('1.4.1.11')], [1, true], part.stderr);
    assert.match(part.stderr, /^Not complete: 11 of 12/m);
    project.pacs.faults = {};
    now = project.fromNow();
    const whole = await project.download({ zipProject });
    assert.deepEqual([whole.code, now.sent()], [0, ['1.4.1.12']], whole.stderr);
    assert.ok(!fs.existsSync(path.join(await project.folder(), 'Jane_Doe')));
    await assertVerified(project);
  });

  test('counts also where the process died while it removed the folder', async (t) => {
    const project = await downloaded(t, [study([oneSeries(10)])]);
    const folder = path.join(await project.folder(), 'Jane_Doe');
    const copy = path.join(project.home, 'copy');
    fs.cpSync(folder, copy, { recursive: true, preserveTimestamps: true });
    assert.equal((await project.download({ zipProject })).code, 0);
    fs.cpSync(copy, folder, { recursive: true, preserveTimestamps: true });
    for (const name of fs.readdirSync(path.join(folder, 'T1')).slice(0, 4)) fs.rmSync(path.join(folder, 'T1', name));
    const now = project.fromNow();
    const { code, stderr } = await project.download({ zipProject });
    assert.deepEqual([code, now.sent()], [0, []], stderr);
    assert.ok(!fs.existsSync(folder));
    await assertVerified(project);
  });

  test('that cannot be made hides nothing of what is missing, and keeps no other from being made', async (t) => {
    const project = await startProject(t);
    assert.equal((await project.index()).code, 0);
    project.pacs.faults = { loses: (uid) => uid === '1.2.1.1.1' };
    assert.equal((await project.download()).code, 1);
    project.pacs.faults = {};
    const folder = await project.folder();
    const linked = path.join(folder, 'Jane_Doe', 'link');
    fs.symlinkSync('elsewhere', linked);
    project.pacs.faults = { loses: (uid) => uid === '1.2.1.1.1' };
    const part = await project.download({ zipProject });
    assert.equal(part.code, 1);
    assert.match(part.stderr, /^Missing of Acc1, series 1\.2\.1\.1: 1; /m);
    assert.match(part.stderr, /^The archive Jane_Doe\.zip could not be made: .*link/m);
    project.pacs.faults = {};
    const whole = await project.download({ zipProject });
    assert.equal(whole.code, 1);
    assert.match(whole.stderr, /^Complete: all 9 instances/m);
    assert.ok(fs.existsSync(path.join(folder, 'Jürgen_Müller.zip')));
    fs.rmSync(linked);
    assert.equal((await project.download({ zipProject })).code, 0);
  });
});
