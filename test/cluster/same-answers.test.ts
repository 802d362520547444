// One archive, indexed on one machine and by a cluster of real parts: every query, every figure of `stats`, and every
// list of skipped files is the same, byte for byte; and stays the same when the archive changes.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { queries as typedQueries } from '../../bench/query-list.ts';
import { indexArchive } from '../../cli/commands/index-archive.ts';
import { stats } from '../../cli/commands/stats.ts';
import type { Workspace } from '../../cli/workspaces/workspace.ts';
import type { Operations } from '../../core/ports/operations.ts';
import { makeQuery, type QueryText } from '../../core/query/query.ts';
import { commandIn, queryIn } from '../cli/query-here.ts';
import { QUERIES } from '../contracts/instance-index.ts';
import { dicomFile, LONG_AGO, writeFile } from '../index/make-archive.ts';
import { ComparedCluster, index, makeMixedArchive } from './clusters.ts';

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
  const compared = new ComparedCluster({ after }, 'mixed');
  const { archive, here } = compared;

  before(() => {
    makeMixedArchive(archive);
    return compared.start(2);
  });

  /** Both index the archive, and report and answer the same. */
  async function indexBoth(): Promise<void> {
    const [local, remote] = [await index(here, archive), await index(compared.there, 'mixed')];
    const { seconds: _, ...own } = local;
    const { seconds: __, ...its } = remote;
    assert.deepEqual({ ...its, archive }, own);
    await compared.areSame();
  }

  test('index reports the same', async (t) => {
    if ((await compared.orSkip(t)) === undefined) return;
    await indexBoth();
  });

  test(`${COMMANDS.length} queries print the same`, async (t) => {
    if ((await compared.orSkip(t)) === undefined) return;
    let rows = 0;
    for (const args of COMMANDS) {
      const expected = await queryIn(here, args);
      assert.deepEqual(await queryIn(compared.there, args), expected, args.join(' '));
      rows += expected.stdout.split('\n').length - 2;
    }
    assert.ok(rows > 2_000, `the queries found ${rows} rows`);
  });

  test('stats print the same, but for the name and the time', async (t) => {
    if ((await compared.orSkip(t)) === undefined) return;
    for (const format of ['text', 'json']) {
      const [own, its] = await Promise.all(
        [here, compared.there].map((workspace) => commandIn(workspace, (context) => stats({ format }, context))),
      );
      const plain = (text: string) => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME').replace(archive, 'mixed');
      assert.equal(plain(its!.stdout), plain(own!.stdout));
      assert.equal(its!.code, own!.code);
    }
  });

  test('--skipped lists the same, also a known file that cannot be read any more', async (t) => {
    if ((await compared.orSkip(t)) === undefined) return;
    const target = path.join(archive, '..', 'linked.dcm');
    for (const folder of ['z/9', 'a', 'z', 'b']) {
      fs.mkdirSync(path.join(archive, 'linked', folder), { recursive: true });
      fs.symlinkSync(target, path.join(archive, 'linked', folder, 'link.dcm'));
      fs.writeFileSync(path.join(archive, 'linked', folder, 'notes.txt'), folder);
    }
    fs.writeFileSync(target, dicomFile({ SOPInstanceUID: '1.2.77.1', SeriesInstanceUID: '1.2.77' }));
    await indexBoth();
    fs.rmSync(target);
    const listed = async (workspace: Workspace, name: string): Promise<string> => {
      const skipped = path.join(archive, '..', `skipped-${name}.csv`);
      const options = { archive: workspace === here ? archive : 'mixed', skipped };
      const { code, stderr } = await commandIn(workspace, (context) => indexArchive(options, context));
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^4 known file\(s\) could not be read/m);
      files.add(/^Files: .*$/m.exec(stderr)![0].replace(/\d+ read, \d+ unchanged/, 'looked at'));
      return fs.readFileSync(skipped, 'utf8');
    };
    // What could be read beside them, and what is new, is counted once.
    fs.writeFileSync(
      path.join(archive, 'linked', 'b', 'new.dcm'),
      dicomFile({ SOPInstanceUID: '1.2.77.2', SeriesInstanceUID: '1.2.77' }),
    );
    const files = new Set<string>();
    const own = await listed(here, 'here');
    assert.equal(await listed(compared.there, 'there'), own);
    const unread = ['a', 'b', 'z/9', 'z'].map((folder) => `unreadable,linked/${folder}/link.dcm\n`).join('');
    assert.ok(own.startsWith(`reason,path\n${unread}`), own);
    assert.equal(files.size, 1, [...files].join('\n'));
    assert.match([...files][0]!, /looked at; 1 new, 0 gone/);
    const notes = [...own.matchAll(/linked\/(.*)\/notes\.txt/g)].map(([, folder]) => folder);
    assert.deepEqual(notes, ['a', 'b', 'z', 'z/9']);
    fs.rmSync(path.join(archive, 'linked'), { recursive: true });
    await Promise.all([
      index(here, archive, { acceptDeletions: true }),
      index(compared.there, 'mixed', { acceptDeletions: true }),
    ]);
  });

  test('over HTTP, rows and counts are the same', async (t) => {
    const cluster = await compared.orSkip(t);
    if (cluster === undefined) return;
    const post = (where: string, body: object) =>
      fetch(`${cluster.addresses.api}${where}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const { stdout } = await queryIn(here, ['--where=Modality=CT', '--columns=Rows']);
    assert.equal(await (await post('/query', { where: ['Modality=CT'], columns: 'Rows' })).text(), stdout);
    const request = { attributes: ['Modality', 'SeriesDescription'], mostValues: 3, dates: 'month' } as const;
    const index = await here.openIndex(undefined);
    const facets = await index.facets(await makeQuery({ whereNot: ['Modality=^$'] }), request);
    await index.close();
    assert.ok(facets.series > 100 && facets.dates.length > 1);
    const asked = { whereNot: ['Modality=^$'], ...request };
    assert.deepEqual(await (await post('/facets', asked)).json(), facets);
    // `ditag serve` in front of a cluster.
    const ended = new AbortController();
    const served = Promise.withResolvers<string>();
    const serving = compared.there.serve({
      ...{ host: '127.0.0.1', port: 0, signal: ended.signal, tls: undefined, isPlain: false, proxies: undefined },
      operations: { close: async () => {} } as Operations,
      onReady: served.resolve,
    });
    serving.catch(served.reject);
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${await served.promise}/facets`, {
      ...{ method: 'POST', headers, body: JSON.stringify(asked) },
    });
    assert.deepEqual(await answer.json(), facets);
    ended.abort();
    await serving;
  });

  test('changes are found by both', async (t) => {
    if ((await compared.orSkip(t)) === undefined) return;
    const changed = { SeriesInstanceUID: '1.2.3.7', SOPInstanceUID: '1.2.3.7.0', SeriesDescription: 'changed' };
    writeFile(archive, `7/study-7/series 7/0.dcm`, dicomFile(changed), LONG_AGO + 100);
    fs.renameSync(path.join(archive, '3/study-3/series 3'), path.join(archive, '3/study-3/series moved'));
    fs.rmSync(path.join(archive, 'a/early'), { recursive: true });
    writeFile(archive, 'new/folder/1.dcm', dicomFile({ SeriesInstanceUID: '1.5', SOPInstanceUID: '1.5.1' }));
    await indexBoth();
  });

  test('a folder that lists empty leaves where its instances stand elsewhere, and is kept where one does not', async (t) => {
    if ((await compared.orSkip(t)) === undefined) return;
    const at = (...names: string[]) => path.join(archive, 'emptied', ...names);
    const write = (folder: string, n: number) =>
      writeFile(
        archive,
        `emptied/${folder}/${n}.dcm`,
        dicomFile({ SeriesInstanceUID: `1.6.${n}`, SOPInstanceUID: `1.6.${n}.1` }),
        LONG_AGO,
      );
    for (const n of [1, 2]) write('left', n);
    for (const n of [3, 4]) write('half', n);
    await indexBoth();
    fs.mkdirSync(at('there'));
    for (const [folder, n] of [
      ['left', 1],
      ['left', 2],
      ['half', 3],
    ] as const)
      fs.renameSync(at(folder, `${n}.dcm`), at('there', `${n}.dcm`));
    fs.rmSync(at('half', '4.dcm'));
    const { report } = await index(here, archive);
    const ofThese = report.keptFolders.filter((folder) => folder.startsWith('emptied/'));
    assert.deepEqual(ofThese, ['emptied/half']);
    const { report: its } = await index(compared.there, 'mixed');
    assert.deepEqual([its.keptFolders, its.instances], [report.keptFolders, report.instances]);
    await compared.areSame();
    await index(here, archive, { acceptDeletions: true });
    await index(compared.there, 'mixed', { acceptDeletions: true });
    await compared.areSame();
  });

  test('an index that is built anew from the log answers the same, also meanwhile and without the mount', async (t) => {
    if ((await compared.orSkip(t)) === undefined) return;
    const before = await compared.answers(compared.there);
    fs.renameSync(archive, `${archive}-away`);
    try {
      const { signal } = new AbortController();
      let isOver = false;
      const rebuilt = compared.there
        .rebuild({ onWaiting: () => {}, onProgress: () => {}, signal })
        .finally(() => (isOver = true));
      rebuilt.catch(() => {});
      let answered = 0;
      for (; !isOver; answered++) assert.deepEqual(await compared.answers(compared.there), before);
      assert.ok(answered > 1, `${answered}`);
      const { entries } = await rebuilt;
      assert.ok(entries > 0);
    } finally {
      fs.renameSync(`${archive}-away`, archive);
    }
    await compared.areSame();
  });

  test('what has moved is not missed, however much it is', async (t) => {
    if ((await compared.orSkip(t)) === undefined) return;
    for (const folder of ['7', '8', '9', '10', '11']) {
      fs.mkdirSync(path.join(archive, 'moved'), { recursive: true });
      fs.renameSync(path.join(archive, folder), path.join(archive, 'moved', folder));
    }
    const [local, remote] = [await index(here, archive), await index(compared.there, 'mixed')];
    assert.equal(remote.report.vanished, local.report.vanished);
    await compared.areSame();
  });

  test('more than a tenth of the archive does not leave without being told', async (t) => {
    if ((await compared.orSkip(t)) === undefined) return;
    for (const folder of ['0', '1', '2', '4', '5', '6']) fs.rmSync(path.join(archive, folder), { recursive: true });
    const before = await compared.answers(compared.there);
    await assert.rejects(index(here, archive), { code: 'too-many-deletions' });
    await assert.rejects(index(compared.there, 'mixed'), { code: 'too-many-deletions' });
    assert.deepEqual(await compared.answers(compared.there), before);
    await index(here, archive, { acceptDeletions: true });
    await index(compared.there, 'mixed', { acceptDeletions: true });
    await compared.areSame();
  });

  test('an archive whose mount is gone changes nothing', async (t) => {
    if ((await compared.orSkip(t)) === undefined) return;
    const before = await compared.answers(compared.there);
    fs.renameSync(archive, `${archive}-away`);
    await assert.rejects(index(compared.there, 'mixed'), { code: 'archive-missing' });
    fs.mkdirSync(archive);
    await assert.rejects(index(compared.there, 'mixed'), { code: 'archive-empty' });
    fs.rmdirSync(archive);
    fs.renameSync(`${archive}-away`, archive);
    assert.deepEqual(await compared.answers(compared.there), before);
  });
});
