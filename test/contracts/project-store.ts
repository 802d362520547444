// The contract of the ports ProjectStore and DownloadStore. An adapter's test calls it with a way to make an empty store
// that several open.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProjectStore } from '../../core/ports/project-store.ts';
import type { AccessionAnswer, FoundSeries, FoundStudy } from '../../core/projects/expected.ts';
import type { ReceivedInstance } from '../../core/projects/received.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';

type Open = () => Promise<ProjectStore>;

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const CT = '1.2.840.10008.5.1.4.1.1.2';

function series(StudyInstanceUID: string, n: number, listed: number, announced?: number): FoundSeries {
  const SeriesInstanceUID = `${StudyInstanceUID}.${n}`;
  const instances = Array.from({ length: listed }, (_, i) => ({
    SOPInstanceUID: `${SeriesInstanceUID}.${i}`,
    SOPClassUID: i === 1 ? '' : CT,
  }));
  const attributes = { SeriesDescription: `series "${n}", é`, Modality: 'CT' };
  const isListed = listed > 0 && listed >= (announced ?? 0);
  return { StudyInstanceUID, SeriesInstanceUID, attributes, announced, listed, isListed, instances };
}

function study(StudyInstanceUID: string, PatientID: string, ...all: FoundSeries[]): FoundStudy {
  return { StudyInstanceUID, attributes: { PatientID, PatientName: 'Dœ^Jane' }, series: all };
}

function found(accession: string, ...studies: FoundStudy[]): AccessionAnswer {
  return { accession, outcome: 'found', reason: '', studies };
}

function received(SOPInstanceUID: string, size = 7, path = `s/t/${SOPInstanceUID}.dcm`): ReceivedInstance {
  return { SOPInstanceUID, path, size, sha256: size.toString(16).padStart(64, 'a') };
}

const A = { accession: 'A', line: 1 };
const B = { accession: 'B é', line: 3 };
const C = { accession: 'C', line: 4 };

export function projectStoreContract(name: string, make: () => Promise<Open>): void {
  const contract = (title: string, check: (open: Open) => Promise<void>) =>
    void test(`${name}: ${title}`, { timeout: 60_000 }, async (t) => {
      const open = await partOrSkip(t, make);
      if (open === undefined) return;
      await check(open);
    });

  contract('accession numbers are added once, and are open until they are known', async (open) => {
    const store = await open();
    assert.equal(await store.addTargets([A, B]), 2);
    assert.equal(await store.addTargets([B, C, A]), 1);
    assert.deepEqual(await store.targetsToAsk(false), [A, B, C]);
    await store.keep(found('A', study('1.1', 'P1', series('1.1', 1, 2))));
    await store.keep({ accession: 'B é', outcome: 'failed', reason: 'it was away', studies: [] });
    await store.keep({ accession: 'C', outcome: 'refused', reason: 'why', studies: [] });
    assert.deepEqual(await store.targetsToAsk(false), [B]);
    assert.deepEqual(await store.targetsToAsk(true), [A, B]);
    const again = await open();
    assert.deepEqual(await collect(again.targets()), [
      { ...A, outcome: 'found', reason: '', studies: 1, patients: 1 },
      { ...B, outcome: 'failed', reason: 'it was away', studies: 0, patients: 0 },
      { ...C, outcome: 'refused', reason: 'why', studies: 0, patients: 0 },
    ]);
    for (const each of [store, again]) await each.close();
  });

  contract('what the PACS says is given back, and counted', async (open) => {
    const store = await open();
    await store.addTargets([A, B, C]);
    const parts = [series('1.2', 2, 3, 3), series('1.2', 1, 2, 5), series('1.2', 3, 0), series('1.2', 4, 0, 9)];
    await store.keep(found('B é', study('1.2', '', ...parts), study('1.3', 'P1', series('1.3', 1, 1))));
    await store.keep(found('A', study('1.1', 'P1', series('1.1', 1, 2))));
    // Another accession number leads to a study that is known.
    await store.keep(found('C', study('1.3', 'P1', series('1.3', 1, 1))));
    const all = await collect(store.series());
    assert.deepEqual(
      all.map(({ SeriesInstanceUID, accession }) => [SeriesInstanceUID, accession]),
      [
        ['1.1.1', 'A'],
        ['1.2.1', 'B é'],
        ['1.2.2', 'B é'],
        ['1.2.3', 'B é'],
        ['1.2.4', 'B é'],
        ['1.3.1', 'B é'],
      ],
    );
    const { instances: _, ...known } = parts[1]!;
    const attributes = { PatientID: '', PatientName: 'Dœ^Jane', ...known.attributes };
    assert.deepEqual(all[1], { ...known, attributes, accession: 'B é' });
    assert.deepEqual(await store.instancesOf('1.2.2'), parts[0]!.instances);
    assert.deepEqual(await store.instancesOf('1.2.3'), []);
    assert.deepEqual(await store.instancesOf('9.9'), []);
    const { outcomes, ...totals } = await store.totals();
    // 2 + 5 + 3 + 1 + 9 + 1.
    assert.deepEqual(totals, { accessions: 3, studies: 3, patients: 2, series: 6, instances: 21 });
    assert.deepEqual(outcomes, { open: 0, found: 3, incomplete: 0, 'not-found': 0, refused: 0, failed: 0 });
    await store.close();
  });

  contract('a SeriesInstanceUID of two studies stays with the one that had it first', async (open) => {
    const store = await open();
    await store.addTargets([A, B, C]);
    await store.keep(found('A', study('1.1', 'P1', series('1.1', 1, 2))));
    const other = study('1.2', 'P2', { ...series('1.1', 1, 3), StudyInstanceUID: '1.2' }, series('1.2', 2, 1));
    const { outcome, reason } = await store.keep({ ...found('B é', other), reason: 'it is odd' });
    const told =
      'it is odd; 1 series not expected, since another study of the project has the same SeriesInstanceUID: 1.1.1';
    assert.deepEqual([outcome, reason], ['incomplete', told]);
    // Within one answer, too.
    const twice = study('1.4', 'P3', { ...series('1.3', 1, 4), StudyInstanceUID: '1.4' });
    const both = await store.keep(found('C', study('1.3', 'P3', series('1.3', 1, 1)), twice));
    assert.deepEqual([both.outcome, both.studies.map(({ series: all }) => all.length)], ['incomplete', [1, 0]]);
    assert.deepEqual(
      (await collect(store.targets())).map((target) => [target.accession, target.outcome, target.studies]),
      [
        ['A', 'found', 1],
        ['B é', 'incomplete', 1],
        ['C', 'incomplete', 2],
      ],
    );
    assert.deepEqual(
      (await collect(store.series())).map((one) => [one.SeriesInstanceUID, one.StudyInstanceUID, one.listed]),
      [
        ['1.1.1', '1.1', 2],
        ['1.2.2', '1.2', 1],
        ['1.3.1', '1.3', 1],
      ],
    );
    assert.equal((await store.instancesOf('1.1.1')).length, 2);
    assert.equal((await store.totals()).instances, 4);
    // One that only this number has had moves with it.
    await store.keep(found('C', study('1.5', 'P3', { ...series('1.3', 1, 2), StudyInstanceUID: '1.5' })));
    assert.deepEqual(
      (await collect(store.series())).slice(2).map((one) => [one.SeriesInstanceUID, one.StudyInstanceUID, one.listed]),
      [['1.3.1', '1.5', 2]],
    );
    // The same answer again changes nothing.
    assert.equal((await store.keep(found('A', study('1.1', 'P1', series('1.1', 1, 2))))).outcome, 'found');
    await store.close();
  });

  contract('what the PACS says later takes the place of what it said; a failure does not', async (open) => {
    const store = await open();
    await store.addTargets([A, B]);
    await store.keep(found('A', study('1.1', 'P1', series('1.1', 1, 2), series('1.1', 2, 1)), study('1.2', 'P1')));
    await store.keep(found('A', study('1.1', 'P2', series('1.1', 2, 3))));
    assert.deepEqual(
      (await collect(store.series())).map(({ SeriesInstanceUID, listed }) => [SeriesInstanceUID, listed]),
      [['1.1.2', 3]],
    );
    assert.equal((await store.instancesOf('1.1.2')).length, 3);
    assert.equal((await store.totals()).studies, 1);
    await store.keep({ accession: 'A', outcome: 'failed', reason: 'away', studies: [] });
    assert.equal((await store.totals()).series, 1);
    assert.deepEqual(
      (await store.targetsToAsk(false)).map(({ accession }) => accession),
      // What has failed last time keeps nobody waiting.
      ['B é', 'A'],
    );
    await store.keep({ accession: 'A', outcome: 'not-found', reason: '', studies: [] });
    const { series: left, outcomes } = await store.totals();
    assert.deepEqual([left, outcomes['not-found']], [0, 1]);
    await store.close();
  });

  contract('a download knows what came, what went, and what is kept aside', async (open) => {
    const store = await open();
    const download = await store.download('/out/x_20260101');
    await Promise.all([1, 2, 3].map((n) => download.add('1.1.1', received(`1.1.1.${n}`, n))));
    await download.add('1.1.2', received('1.1.2.1', 10));
    await download.remove('1.1.1', '1.1.1.2');
    await download.add('1.1.1', received('1.1.1.3', 33));
    await download.addNotAskedFor('9.9', received('9.9.1', 5, 'not-asked-for/b'));
    await download.addNotAskedFor('9.9', received('9.9.1', 6, 'not-asked-for/a'));
    const other = await (await open()).download('/out/x_20260101');
    for (const each of [download, other]) {
      assert.deepEqual(await each.receivedOf('1.1.1'), [received('1.1.1.1', 1), received('1.1.1.3', 33)]);
      assert.deepEqual(await each.receivedOf('8'), []);
      assert.deepEqual(await collect(each.notAskedFor()), [
        { ...received('9.9.1', 6, 'not-asked-for/a'), SeriesInstanceUID: '9.9' },
        { ...received('9.9.1', 5, 'not-asked-for/b'), SeriesInstanceUID: '9.9' },
      ]);
    }
    assert.deepEqual(
      await download.begun(),
      new Map([
        ['1.1.1', 's/t'],
        ['1.1.2', 's/t'],
      ]),
    );
    const [state] = await store.downloads();
    const { startedAt, ...rest } = state!;
    assert.deepEqual([download.startedAt, other.startedAt], [startedAt, startedAt]);
    assert.match(startedAt, /^\d{4}-\d\d-\d\dT/);
    const sums = { received: 3, notAskedFor: 2, bytes: 44 };
    assert.deepEqual(rest, { folder: '/out/x_20260101', completedAt: undefined, ...sums });
    await store.close();
  });

  contract('reasons and completion come and go; downloads are apart', async (open) => {
    const store = await open();
    const first = await store.download('/out/a');
    const second = await store.download('/out/b');
    await first.setReason('1.1.1', 'it said Success');
    assert.deepEqual([await first.reasonOf('1.1.1'), await second.reasonOf('1.1.1')], ['it said Success', '']);
    await first.setReason('1.1.1', '');
    assert.equal(await first.reasonOf('1.1.1'), '');
    await first.add('1.1.1', received('1.1.1.1'));
    assert.deepEqual(await second.receivedOf('1.1.1'), []);
    await second.setComplete(true);
    const isComplete = async () =>
      Object.fromEntries(
        (await store.downloads()).map(({ folder, completedAt }) => [folder, completedAt !== undefined]),
      );
    assert.deepEqual(await isComplete(), { '/out/a': false, '/out/b': true });
    await second.setComplete(false);
    assert.deepEqual(await isComplete(), { '/out/a': false, '/out/b': false });
    await store.close();
  });
}
