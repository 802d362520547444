// What PACSs do wrong when they are to send: a download is complete and byte for byte what the PACS has, or it ends with 1
// and names what is missing; and the next run completes what can be completed, and asks for nothing that is there.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { runDitag } from '../cli/run-ditag.ts';
import { until } from '../gateway-here.ts';
import { foreignSeriesOf, foreignStudyOf } from './pacs-content.ts';
import type { PacsFaults } from './pacs-faults.ts';
import { type ProjectHere, STUDIES, startProject } from './project-here.ts';

const AX = '1.2.1.1';
const METHODS = ['move', 'get'] as const;
type Method = (typeof METHODS)[number];

/** A project of which is known what the PACS has, before it does anything wrong. */
async function indexed(t: Parameters<typeof startProject>[0], faults: PacsFaults = {}): Promise<ProjectHere> {
  const project = await startProject(t, { faults });
  const { code, stderr } = await project.index();
  assert.equal(code, 0, stderr);
  return project;
}

/** Nothing is left to be asked for. */
async function assertAsksForNothing(project: ProjectHere, method: Method): Promise<void> {
  const after = project.fromNow();
  const { code, stderr } = await project.download({ method });
  assert.equal(code, 0, stderr);
  assert.deepEqual(after.retrievals(), []);
  assert.deepEqual(after.sent(), []);
  await project.assertComplete();
}

async function assertCompletes(project: ProjectHere, method: Method, more = {}): Promise<void> {
  const { code, stderr } = await project.download({ method, ...more });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^Complete: all 9 instances are on disk/m);
  await project.assertComplete();
}

describe('a PACS that is to send', { timeout: 60_000, concurrency: 16 }, () => {
  for (const method of METHODS) {
    const byMethod = (name: string, run: (project: ProjectHere) => Promise<void>, faults: PacsFaults = {}) =>
      void test(`${name} (${method})`, async (t) => run(await indexed(t, faults)));

    byMethod('does everything right', async (project) => {
      await assertCompletes(project, method);
      assert.deepEqual(project.pacs.sent.toSorted(), project.content.uids().toSorted());
      assert.ok(
        project
          .fromNow()
          .retrievals()
          .every(({ level }) => level === 'SERIES'),
      );
      await assertAsksForNothing(project, method);
    });

    byMethod('says Success and sends part, the first time', async (project) => {
      project.pacs.faults = { loses: (uid, attempt) => /[24]$/.test(uid) && attempt === 1 };
      await assertCompletes(project, method);
      // What had come was not asked for again.
      assert.equal(project.pacs.sent.length, 9);
      const named = project.pacs.requests.filter(({ level, kind }) => kind !== 'find' && level === 'IMAGE');
      assert.deepEqual(
        named.flatMap(({ keys }) => keys['SOPInstanceUID']!.split('\\')).toSorted(),
        [...[`${AX}.2`, `${AX}.4`, '1.2.1.2.2', '1.2.2.1.2']].toSorted(),
      );
      await assertAsksForNothing(project, method);
    });

    byMethod('says Success and never sends one of them', async (project) => {
      const lost = `${AX}.3`;
      project.pacs.faults = { loses: (uid) => uid === lost };
      const { code, stderr } = await project.download({ method });
      assert.equal(code, 1);
      assert.match(stderr, /^Not complete: 8 of 9 instances are on disk .*, 1 are missing\./m);
      assert.match(stderr, /^Missing of Acc1, series 1\.2\.1\.1: 1; the PACS said Success .*did not send it$/m);
      const reasons = await project.assertMissing([lost]);
      assert.match(reasons.join(), /^the PACS said Success \(1 instances by its count\) and did not send it$/);
      project.pacs.faults = {};
      const second = project.fromNow();
      await assertCompletes(project, method);
      assert.deepEqual(second.sent(), [lost]);
      await assertAsksForNothing(project, method);
    });

    byMethod('leaves out the counts', async (project) => {
      project.pacs.faults = { withoutCounts: true, loses: (uid, attempt) => uid === `${AX}.3` && attempt === 1 };
      await assertCompletes(project, method);
      assert.equal(project.pacs.sent.length, 9);
    });

    byMethod('rejects more than 2 associations', async (project) => {
      project.pacs.faults = { mostAssociations: 2, slow: 40 };
      await assertCompletes(project, method, { threads: '4', patience: '3' });
      assert.ok(project.pacs.associations.rejected > 0);
      assert.equal(project.pacs.sent.length, 9);
    });

    byMethod('breaks off in the middle of a series', async (project) => {
      project.pacs.faults = { breaksAfter: 1, breaksTimes: 1 };
      await assertCompletes(project, method, { threads: '1', patience: '5' });
      // The one that was on its way when it broke off may have been lost.
      assert.ok(project.pacs.sent.length <= 10, project.pacs.sent.join());
    });

    byMethod('breaks off every time', async (project) => {
      project.pacs.faults = { breaksAfter: 0, breaksTimes: 1000 };
      const { code, stderr } = await project.download({ method });
      assert.equal(code, 1);
      assert.match(stderr, /ended the association/);
      assert.equal((await project.assertMissing(project.content.uids())).length, 1);
      project.pacs.faults = {};
      await assertCompletes(project, method);
      await assertAsksForNothing(project, method);
    });

    byMethod('sends every instance twice', async (project) => {
      project.pacs.faults = { sendsTwice: true };
      await assertCompletes(project, method);
      assert.equal(project.pacs.sent.length, 18);
      assert.ok((await project.manifest()).every(({ outcome }) => outcome === 'received'));
    });

    byMethod('says Pending for ever, once', async (project) => {
      project.pacs.faults = { pendingForever: 1 };
      await assertCompletes(project, method, { threads: '1' });
    });

    byMethod('says Pending for ever, each time', async (project) => {
      project.pacs.faults = { pendingForever: true };
      const { code, stderr } = await project.download({ method, rounds: '1' });
      assert.equal(code, 1);
      assert.equal(stderr.match(/^Missing of .*; The PACS was asked and sent nothing for 1 s\.$/gm)?.length, 3);
      assert.deepEqual(await project.assertMissing(project.content.uids()), [
        'The PACS was asked and sent nothing for 1 s.',
      ]);
      project.pacs.faults = {};
      await assertCompletes(project, method);
    });

    byMethod('sends slowly', async (project) => {
      // Slower, all together, than it is waited for in silence.
      project.pacs.faults = { slow: 300 };
      await assertCompletes(project, method, { rounds: '1' });
      assert.equal(project.pacs.sent.length, 9);
    });

    byMethod('sends an instance with a foreign series UID', async (project) => {
      const foreign = `${AX}.2`;
      project.pacs.faults = { foreignSeries: [foreign] };
      const { code, stderr } = await project.download({ method });
      assert.equal(code, 1);
      assert.match(stderr, /^1 instances came that were not asked for: they are kept aside\.$/m);
      const reason = 'one came with another SeriesInstanceUID, and is kept aside';
      assert.match(stderr, new RegExp(`^Missing of Acc1, series 1\\.2\\.1\\.1: 1; ${reason}$`, 'm'));
      assert.deepEqual(await project.assertMissing([foreign]), [reason]);
      const aside = (await project.manifest()).filter(({ outcome }) => outcome === 'not-asked-for');
      assert.deepEqual(
        aside.map(({ SOPInstanceUID, SeriesInstanceUID, path: at }) => [SOPInstanceUID, SeriesInstanceUID, at]),
        [[foreign, foreignSeriesOf(AX), `not-asked-for/1.2.1/${foreignSeriesOf(AX)}/${foreign}.dcm`]],
      );
      project.pacs.faults = {};
      await assertCompletes(project, method);
      await assertAsksForNothing(project, method);
    });

    byMethod('sends one of them as of another study', async (project) => {
      const foreign = `${AX}.3`;
      project.pacs.faults = { foreignStudy: [foreign] };
      const { code, stderr } = await project.download({ method });
      assert.equal(code, 1);
      const reason = 'one came with another StudyInstanceUID, and is kept aside';
      assert.match(stderr, new RegExp(`^Missing of Acc1, series 1\\.2\\.1\\.1: 1; ${reason}$`, 'm'));
      assert.deepEqual(await project.assertMissing([foreign]), [reason]);
      const aside = (await project.manifest()).filter(({ outcome }) => outcome === 'not-asked-for');
      assert.deepEqual(
        aside.map(({ SOPInstanceUID, path: at }) => [SOPInstanceUID, at]),
        [[foreign, `not-asked-for/${foreignStudyOf('1.2.1')}/${AX}/${foreign}.dcm`]],
      );
      project.pacs.faults = {};
      await assertCompletes(project, method);
      await assertAsksForNothing(project, method);
    });

    byMethod('sends one of them cut off', async (project) => {
      const cut = `${AX}.3`;
      project.pacs.faults = { cutsOff: [cut] };
      const { code, stderr } = await project.download({ method });
      assert.equal(code, 1);
      const reason = 'one came with a data set that is cut off, and is kept aside';
      assert.match(stderr, new RegExp(`^Missing of Acc1, series 1\\.2\\.1\\.1: 1; ${reason}$`, 'm'));
      assert.deepEqual(await project.assertMissing([cut]), [reason]);
      const aside = (await project.manifest()).filter(({ outcome }) => outcome === 'not-asked-for');
      assert.deepEqual(
        aside.map(({ path: at, reason: why }) => [at, why]),
        [[`not-asked-for/cut-off/1.2.1/${AX}/${cut}.dcm`, 'its data set is cut off']],
      );
      project.pacs.faults = {};
      await assertCompletes(project, method);
      await assertAsksForNothing(project, method);
    });

    byMethod('sends what nobody asked for', async (project) => {
      const { pacs, content } = project;
      // Of the project: it comes where it belongs, and counts. Of no series of the project: kept aside.
      pacs.faults = { unasked: ['1.2.2.1.1'] };
      await assertCompletes(project, method);
      assert.ok((await project.manifest()).every(({ outcome }) => outcome === 'received'));
      assert.ok(pacs.sent.length > content.instances.size);
    });

    byMethod('sends other bytes the second time', async (project) => {
      const changed = `${AX}.2`;
      project.pacs.faults = { changesBytes: [changed], sendsTwice: true };
      const { code, stderr } = await project.download({ method });
      assert.equal(code, 0, stderr);
      assert.match(stderr, /^1 instances came that were not asked for: they are kept aside\.$/m);
      await project.assertComplete();
      const entries = (await project.manifest()).filter(({ SOPInstanceUID }) => SOPInstanceUID === changed);
      assert.deepEqual(entries.map(({ outcome }) => outcome).toSorted(), ['not-asked-for', 'received']);
      const { path: aside } = entries.find(({ outcome }) => outcome === 'not-asked-for')!;
      const other = project.content.dataSet(changed, { version: 1 });
      assert.ok(
        fs
          .readFileSync(path.join(await project.folder(), aside))
          .subarray(-other.length)
          .equals(other),
      );
      assert.equal((await project.verify()).code, 0);
      // Neither is taken for anything else by the next run.
      const after = project.fromNow();
      assert.equal((await project.download({ method })).code, 0);
      assert.deepEqual(after.retrievals(), []);
      assert.equal((await project.manifest()).length, 10);
    });

    for (const [name, refusesWith] of [
      ['A701', 0xa701],
      ['A702', 0xa702],
    ] as const)
      byMethod(`has no resources for a while (${name})`, async (project) => {
        project.pacs.faults = { refusesTimes: 2, refusesWith };
        await assertCompletes(project, method, { threads: '1', rounds: '4', patience: '3' });
        assert.equal(project.pacs.sent.length, 9);
      });

    byMethod('has no resources (A702), whatever it is asked', async (project) => {
      project.pacs.faults = { refusesTimes: 1000 };
      const { code, stderr } = await project.download({ method, rounds: '1' });
      assert.equal(code, 1);
      assert.match(stderr, /Out of resources, unable to perform sub-operations \(A702H\)/);
      const reasons = await project.assertMissing(project.content.uids());
      assert.deepEqual(reasons, ['the PACS answered Out of resources, unable to perform sub-operations (A702H)']);
      project.pacs.faults = {};
      await assertCompletes(project, method);
    });

    byMethod('dies and comes back', async (project) => {
      const { pacs } = project;
      pacs.faults = { slow: 60 };
      const ended = project.download({ method, threads: '1', patience: '5' });
      await until(
        () => pacs.sent.length,
        (sent) => sent >= 2,
        'instances that were sent',
      );
      await pacs.restart(300);
      pacs.faults = {};
      const { code, stderr } = await ended;
      assert.equal(code, 0, stderr);
      await project.assertComplete();
      assert.ok(pacs.sent.length <= 10, pacs.sent.join());
      await assertAsksForNothing(project, method);
    });

    byMethod('dies and stays away', async (project) => {
      const { pacs } = project;
      pacs.faults = { slow: 60 };
      const ended = project.download({ method, threads: '1' });
      await until(
        () => pacs.sent.length,
        (sent) => sent >= 3,
        'instances that were sent',
      );
      await pacs.close();
      const { code, stderr } = await ended;
      assert.equal(code, 1);
      assert.match(stderr, /cannot be reached \(ECONNREFUSED\)/);
      const there = (await project.manifest()).filter(({ outcome }) => outcome === 'received');
      const uids = there.map(({ SOPInstanceUID }) => SOPInstanceUID);
      assert.ok(uids.length >= 2);
      await project.assertMissing(project.content.uids().filter((uid) => !uids.includes(uid)));
      // While it is away nothing is lost.
      const away = await project.download({ method });
      assert.equal(away.code, 1);
      assert.match(away.stderr, /cannot be reached/);
      await pacs.begin();
      pacs.faults = {};
      const after = project.fromNow();
      await assertCompletes(project, method);
      assert.deepEqual(
        after.sent().toSorted(),
        project.content
          .uids()
          .filter((uid) => !uids.includes(uid))
          .toSorted(),
      );
    });
  }

  test('says Success first and sends later', async (t) => {
    const project = await indexed(t);
    project.pacs.faults = { late: 400 };
    await assertCompletes(project, 'move');
    assert.equal(project.pacs.sent.length, 9);
    await assertAsksForNothing(project, 'move');
  });

  test('says Success first and sends much later than is waited for', async (t) => {
    const project = await indexed(t);
    // Longer than one look at whether more comes: what comes between the rounds counts, too.
    project.pacs.faults = { late: 1_600 };
    await assertCompletes(project, 'move');
    await assertAsksForNothing(project, 'move');
  });

  test('does not know the move destination', async (t) => {
    const project = await indexed(t);
    project.pacs.faults = { unknownDestination: true };
    const { code, stderr } = await runDitag(project.downloadArguments, { home: project.home });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^The PACS does not know where to send to: .*--my-aet.*--method get\.$/m);
    assert.equal(stderr.match(/^Missing of /gm)?.length, 3);
    const reasons = await project.assertMissing(project.content.uids());
    assert.equal(reasons.length, 1);
    assert.match(reasons[0]!, /^The PACS does not know where to send to/);
    // It is asked no more than it takes to know.
    assert.ok(project.pacs.requests.filter(({ kind }) => kind === 'move').length <= 3);
    await assertCompletes(project, 'get');
  });

  test('sends what is of no series of the project', async (t) => {
    const project = await startProject(t, { list: ['Acc1'] });
    assert.equal((await project.index()).code, 0);
    project.pacs.faults = { unasked: ['1.2.2.1.1', '1.2.2.1.2'] };
    const { code, stderr } = await project.download();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^2 instances came that were not asked for: they are kept aside\.$/m);
    await project.assertComplete(project.content.uids({ StudyInstanceUID: '1.2.1' }));
    const aside = (await project.manifest()).filter(({ outcome }) => outcome === 'not-asked-for');
    assert.deepEqual(aside.map(({ path: at }) => at).toSorted(), [
      ...['not-asked-for/1.2.2/1.2.2.1/1.2.2.1.1.dcm', 'not-asked-for/1.2.2/1.2.2.1/1.2.2.1.2.dcm'],
    ]);
  });

  test('more than half of a series is missing: what is there is not asked for again', async (t) => {
    const project = await indexed(t);
    const lost = [1, 2, 3].map((n) => `${AX}.${n}`);
    project.pacs.faults = { loses: (uid) => lost.includes(uid) };
    assert.equal((await project.download({ rounds: '1' })).code, 1);
    await project.assertMissing(lost);
    project.pacs.faults = {};
    const after = project.fromNow();
    await assertCompletes(project, 'move');
    assert.deepEqual(after.sent().toSorted(), lost);
  });

  for (const noImageLevel of [true, 'empty'] as const)
    test(`knows no IMAGE level${noImageLevel === 'empty' ? ', and says Success' : ''}`, async (t) => {
      const project = await indexed(t, { noImageLevel });
      const { pacs } = project;
      pacs.faults = { noImageLevel, loses: (uid) => uid === `${AX}.3` };
      const { code, stderr } = await project.download();
      assert.equal(code, 1);
      assert.match(stderr, /^Missing of Acc1, series 1\.2\.1\.1: 1; the PACS said Success/m);
      const missing = (await project.manifest()).filter(({ outcome }) => outcome === 'missing');
      assert.deepEqual(
        missing.map(({ SeriesInstanceUID, SOPInstanceUID }) => [SeriesInstanceUID, SOPInstanceUID]),
        [[AX, '']],
      );
      assert.match(missing[0]!.reason, /the PACS says only how many instances there are/);
      pacs.faults = { noImageLevel };
      const after = project.fromNow();
      await assertCompletes(project, 'move');
      // Only that series is asked for; which of it is missing nobody can know.
      assert.deepEqual(
        after.retrievals().map(({ keys }) => keys['SeriesInstanceUID']),
        [AX],
      );
      await assertAsksForNothing(project, 'move');
    });

  test('knows no IMAGE level, breaks off and sends twice, by C-GET', async (t) => {
    const project = await indexed(t, { noImageLevel: true });
    project.pacs.faults = { noImageLevel: true, breaksAfter: 2, breaksTimes: 1, sendsTwice: true };
    await assertCompletes(project, 'get', { threads: '1', patience: '5' });
  });

  test('neither lists nor counts the instances, and breaks off', async (t) => {
    const project = await startProject(t, { studies: STUDIES.slice(1) });
    project.pacs.faults = { noImageLevel: true, withoutNumbers: true };
    const { code, stderr } = await project.index();
    // How much there is nobody knows: that is not found, but found incompletely.
    assert.equal(code, 1, stderr);
    const [target] = await project.targets();
    assert.equal(target!.outcome, 'incomplete');
    assert.match(target!.reason, /neither lists nor counts/);
    project.pacs.faults = { breaksAfter: 1, breaksTimes: 1000 };
    const broken = await project.download();
    assert.equal(broken.code, 1, broken.stderr);
    project.pacs.faults = {};
    // A whole answer says what there is.
    assert.equal((await project.index({ refresh: true })).code, 0);
    const { code: last, stderr: told } = await project.download();
    assert.equal(last, 0, told);
    await project.assertComplete();
  });

  test('pads and changes case', async (t) => {
    const project = await indexed(t, { padsAndCase: true });
    await assertCompletes(project, 'move');
    await assertAsksForNothing(project, 'move');
  });

  test('ignores keys', async (t) => {
    const project = await startProject(t, { faults: { ignoresKeys: true }, list: ['Acc2'] });
    assert.equal((await project.index()).code, 0);
    const { code, stderr } = await project.download();
    assert.equal(code, 0, stderr);
    await project.assertComplete(project.content.uids({ StudyInstanceUID: '1.2.2' }));
  });

  test('some series are downloaded first: what is there stays in the manifest', async (t) => {
    const project = await indexed(t);
    const csv = (name: string, uids: readonly string[]) => {
      const file = path.join(project.home, name);
      fs.writeFileSync(file, ['SeriesInstanceUID', ...uids, ''].join('\n'));
      return file;
    };
    const one = await project.download({ input: csv('one.csv', [AX]) });
    assert.equal(one.code, 0, one.stderr);
    await project.assertComplete(project.content.uids({ SeriesInstanceUID: AX }));
    const other = await project.download({ input: csv('other.csv', ['1.2.2.1']) });
    assert.equal(other.code, 0, other.stderr);
    await project.assertComplete([
      ...project.content.uids({ SeriesInstanceUID: AX }),
      ...project.content.uids({ SeriesInstanceUID: '1.2.2.1' }),
    ]);
    const after = project.fromNow();
    await assertCompletes(project, 'move');
    assert.deepEqual(after.sent().toSorted(), project.content.uids({ SeriesInstanceUID: '1.2.1.2' }).toSorted());
  });

  test('lists one series and not the next, which is of another class, by C-GET', async (t) => {
    const MR = '1.2.840.10008.5.1.4.1.1.4';
    const unnumbered = Array.from({ length: 4 }, () => ({ InstanceNumber: '' }));
    const project = await startProject(t, {
      studies: [
        {
          ...{ StudyInstanceUID: '1.5', AccessionNumber: 'A', PatientID: 'P' },
          series: [
            { SeriesInstanceUID: '1.5.1', SeriesNumber: '1', instances: 2 },
            { SeriesInstanceUID: '1.5.2', SeriesNumber: '2', SOPClassUID: MR, instances: unnumbered },
            { SeriesInstanceUID: '1.5.3', SeriesNumber: '3', SOPClassUID: MR, instances: 2 },
          ],
        },
      ],
      faults: { capsAnswers: { IMAGE: 3 } },
    });
    await project.index();
    const { code, stderr } = await project.download({ method: 'get', threads: '1', rounds: '1' });
    assert.equal(code, 0, stderr);
    await project.assertComplete();
    // By C-MOVE no class needs an association of its own.
    const moved = await indexed(t);
    const before = moved.pacs.associations.all;
    await assertCompletes(moved, 'move', { threads: '1' });
    assert.equal(moved.pacs.associations.all - before, 2);
  });

  test('a process died before it had noted what had come', async (t) => {
    const project = await indexed(t);
    await assertCompletes(project, 'move');
    const [entry] = await project.manifest();
    const folder = await project.folder();
    const file = path.join(folder, entry!.path);
    // The same UID with other bytes, which had come a second time.
    fs.writeFileSync(file.replace(/\.dcm$/, '.other-12345678.dcm'), 'other bytes');
    await project.inProject(async ({ store }) => {
      const download = await store.download(folder);
      await download.remove(entry!.SeriesInstanceUID, entry!.SOPInstanceUID);
    });
    await assertAsksForNothing(project, 'move');
    const aside = (await project.manifest()).filter(({ outcome }) => outcome === 'not-asked-for');
    assert.deepEqual(
      aside.map(({ path: at }) => at),
      [entry!.path.replace(/\.dcm$/, '.other-12345678.dcm')],
    );
  });

  test('is interrupted: what came stays, and is not asked for again', async (t) => {
    const project = await indexed(t);
    const { pacs } = project;
    pacs.faults = { slow: 80 };
    const controller = new AbortController();
    const ended = project.download({ threads: '1' }, controller.signal);
    await until(
      () => pacs.sent.length,
      (sent) => sent >= 3,
      'instances that were sent',
    );
    controller.abort(new Error('interrupted'));
    const { code, stderr } = await ended;
    assert.equal(code, 130, stderr);
    pacs.faults = {};
    await sleep(100);
    const there = (await project.manifest()).filter(({ outcome }) => outcome === 'received');
    const uids = there.map(({ SOPInstanceUID }) => SOPInstanceUID);
    assert.ok(uids.length >= 2);
    await project.assertMissing(project.content.uids().filter((uid) => !uids.includes(uid)));
    const after = project.fromNow();
    await assertCompletes(project, 'move');
    assert.deepEqual(
      after.sent().filter((uid) => uids.includes(uid)),
      [],
    );
  });
});
