// One archive, indexed on one machine and by a cluster of real parts: every query, every figure of `stats`, and every
// list of skipped files is the same, byte for byte; and stays the same when the archive changes.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { queries as typedQueries } from '../../bench/query-list.ts';
import { stats } from '../../cli/commands/stats.ts';
import type { Workspace } from '../../cli/workspaces/workspace.ts';
import type { QueryText } from '../../core/query/query.ts';
import { type RunningCluster, startCluster } from '../../scripts/parts/cluster.ts';
import { MissingPart } from '../../scripts/parts/parts.ts';
import { commandIn, queryIn } from '../cli/query-here.ts';
import { temporaryFolder } from '../cli/run-ditag.ts';
import { QUERIES } from '../contracts/instance-index.ts';
import { indexAnswers } from '../index/index-here.ts';
import { dicomFile, LONG_AGO, writeFile } from '../index/make-archive.ts';
import { clusterWorkspace, index, localWorkspace, makeMixedArchive } from './clusters.ts';

/** Options of `ditag query` for a query as the contract has it. */
function argumentsOf({
  columns,
  sdate,
  edate,
  date,
  targets,
  pattern,
  where = [],
  whereNot = [],
}: QueryText): string[] {
  const named = { columns, sdate, edate, date, targets, pattern };
  const args = Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]));
  return [...args, ...where.map((each) => `--where=${each}`), ...whereNot.map((each) => `--where-not=${each}`)];
}

const COMMANDS: readonly string[][] = [
  ...QUERIES.map(argumentsOf),
  ...typedQueries.map(({ targets, pattern, from, to }) =>
    argumentsOf({
      ...(from === '' ? {} : { sdate: from }),
      ...(to === '' ? {} : { edate: to }),
      ...(targets.length === 0 ? {} : { targets: targets.join(','), pattern }),
    }),
  ),
  ['--format=json', '--where=Modality=CT'],
  ['--format=ndjson', '--columns=Rows,Modality'],
  ['--format=table', '--targets=PatientName', '--pattern=^Doe'],
  ['--count', '--targets=SeriesDescription', '--pattern=(?i)t1'],
  ['--targets=SeriesDescription', '--pattern=a('],
  ['--targets=SeriesDescripton', '--pattern=a'],
  ['--sdate=yesterday'],
];

describe('one machine and a cluster', () => {
  const home = temporaryFolder({ after });
  const archive = path.join(home, 'archive');
  let cluster: RunningCluster | undefined;
  let missing = '';
  let here: Workspace;
  let there: Workspace;

  before(async () => {
    makeMixedArchive(archive);
    const stateFolder = path.join(home, 'cluster');
    fs.mkdirSync(stateFolder);
    try {
      cluster = await startCluster({ stateFolder, archives: new Map([['mixed', archive]]), scanners: 2 });
    } catch (error) {
      if (!(error instanceof MissingPart) || process.env['DITAG_REQUIRE_PARTS'] === '1') throw error;
      missing = error.message;
      return;
    }
    here = localWorkspace(home);
    there = clusterWorkspace(cluster.addresses.nats);
  });
  after(() => cluster?.stop());

  const nameOf = (name: string) => (name === 'mixed' ? archive : name);

  async function answers(workspace: Workspace): Promise<unknown> {
    const opened = await workspace.openIndex(undefined);
    try {
      return await indexAnswers(opened, nameOf);
    } finally {
      await opened.close();
    }
  }

  test('index reports the same', async (t) => {
    if (cluster === undefined) return t.skip(`NOT RUN: ${missing}`);
    const [local, remote] = [await index(here, archive), await index(there, 'mixed')];
    const { seconds: _, ...own } = local;
    const { seconds: __, ...its } = remote;
    assert.deepEqual({ ...its, archive }, own);
    assert.deepEqual(await answers(there), await answers(here));
  });

  test(`${COMMANDS.length} queries print the same`, async (t) => {
    if (cluster === undefined) return t.skip(`NOT RUN: ${missing}`);
    let rows = 0;
    for (const args of COMMANDS) {
      const expected = await queryIn(here, args);
      assert.deepEqual(await queryIn(there, args), expected, args.join(' '));
      rows += expected.stdout.split('\n').length - 2;
    }
    assert.ok(rows > 2_000, `the queries found ${rows} rows`);
  });

  test('stats print the same, but for the name and the time', async (t) => {
    if (cluster === undefined) return t.skip(`NOT RUN: ${missing}`);
    for (const format of ['text', 'json']) {
      const [own, its] = await Promise.all(
        [here, there].map((workspace) => commandIn(workspace, (context) => stats({ format }, context))),
      );
      const plain = (text: string) => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME').replace(archive, 'mixed');
      assert.equal(plain(its!.stdout), plain(own!.stdout));
      assert.equal(its!.code, own!.code);
    }
  });

  test('changes are found by both', async (t) => {
    if (cluster === undefined) return t.skip(`NOT RUN: ${missing}`);
    const changed = { SeriesInstanceUID: '1.2.3.7', SOPInstanceUID: '1.2.3.7.0', SeriesDescription: 'changed' };
    writeFile(archive, `7/study-7/series 7/0.dcm`, dicomFile(changed), LONG_AGO + 100);
    fs.renameSync(path.join(archive, '3/study-3/series 3'), path.join(archive, '3/study-3/series moved'));
    fs.rmSync(path.join(archive, 'a/early'), { recursive: true });
    writeFile(archive, 'new/folder/1.dcm', dicomFile({ SeriesInstanceUID: '1.5', SOPInstanceUID: '1.5.1' }));
    const [local, remote] = [await index(here, archive), await index(there, 'mixed')];
    const { seconds: _, ...own } = local;
    const { seconds: __, ...its } = remote;
    assert.deepEqual({ ...its, archive }, own);
    assert.deepEqual(await answers(there), await answers(here));
  });

  test('an index that is built anew from the log answers the same', async (t) => {
    if (cluster === undefined) return t.skip(`NOT RUN: ${missing}`);
    const { signal } = new AbortController();
    const { entries } = await there.rebuild({ onProgress: () => {}, signal });
    assert.ok(entries > 0);
    assert.deepEqual(await answers(there), await answers(here));
  });

  test('what has moved is not missed, however much it is', async (t) => {
    if (cluster === undefined) return t.skip(`NOT RUN: ${missing}`);
    for (const folder of ['7', '8', '9', '10', '11']) {
      fs.mkdirSync(path.join(archive, 'moved'), { recursive: true });
      fs.renameSync(path.join(archive, folder), path.join(archive, 'moved', folder));
    }
    const [local, remote] = [await index(here, archive), await index(there, 'mixed')];
    assert.equal(remote.vanished, local.vanished);
    assert.deepEqual(await answers(there), await answers(here));
  });

  test('more than a tenth of the archive does not leave without being told', async (t) => {
    if (cluster === undefined) return t.skip(`NOT RUN: ${missing}`);
    for (const folder of ['0', '1', '2', '4', '5', '6']) fs.rmSync(path.join(archive, folder), { recursive: true });
    const before = await answers(there);
    await assert.rejects(index(here, archive), { code: 'too-many-deletions' });
    await assert.rejects(index(there, 'mixed'), { code: 'too-many-deletions' });
    assert.deepEqual(await answers(there), before);
    await index(here, archive, { acceptDeletions: true });
    await index(there, 'mixed', { acceptDeletions: true });
    assert.deepEqual(await answers(there), await answers(here));
  });

  test('an archive whose mount is gone changes nothing', async (t) => {
    if (cluster === undefined) return t.skip(`NOT RUN: ${missing}`);
    const before = await answers(there);
    fs.renameSync(archive, `${archive}-away`);
    await assert.rejects(index(there, 'mixed'), { code: 'archive-missing' });
    fs.mkdirSync(archive);
    await assert.rejects(index(there, 'mixed'), { code: 'archive-empty' });
    fs.rmdirSync(archive);
    fs.renameSync(`${archive}-away`, archive);
    assert.deepEqual(await answers(there), before);
  });
});
