// What is counted while it is read what is noted: arrivals in between count, and each instance once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DownloadStore } from '../ports/project-store.ts';
import type { ReceivedInstance } from '../projects/received.ts';
import { DownloadPlan } from './download-plan.ts';

const SERIES = '1.1';
const SLOW = 40;

/** A series with so many listed instances, 1.1.1 on, of which 1.1.1 is noted; notes take their time to be read, as over a network. */
async function planned({ listed, announced }: { readonly listed: number; readonly announced: number }) {
  const notes: ReceivedInstance[] = [];
  const aside: string[] = [];
  const note = (uid: string): ReceivedInstance => ({
    SOPInstanceUID: uid,
    path: `P/S/${uid}.dcm`,
    size: 10,
    sha256: '00',
  });
  notes.push(note('1.1.1'));
  const download: DownloadStore = {
    startedAt: '2026-01-01T00:00:00.000Z',
    begun: async () => new Map([[SERIES, 'P/S']]),
    add: async (_, received) => void notes.push(received),
    addNotAskedFor: async (_, { path }) => void aside.push(path),
    remove: async () => {},
    receivedOf: async () => {
      const now = [...new Map(notes.map((one) => [one.SOPInstanceUID, one])).values()];
      await sleep(SLOW);
      return now;
    },
    async *notAskedFor() {},
    setReason: async () => {},
    reasonOf: async () => '',
    setComplete: async () => {},
  };
  const plan = await DownloadPlan.open({
    store: {
      async *series() {
        const identity = { StudyInstanceUID: '1', SeriesInstanceUID: SERIES, accession: 'A', attributes: {} };
        yield { ...identity, announced, listed, isListed: listed >= announced };
      },
      instancesOf: async () =>
        Array.from({ length: listed }, (_, i) => ({ SOPInstanceUID: `1.1.${i + 1}`, SOPClassUID: '1.9' })),
    },
    download,
    files: {
      list: async () => new Map([['1.1.1.dcm', 10]]),
      seriesOf: async () => ({ StudyInstanceUID: '1', SeriesInstanceUID: SERIES }),
      async *notAskedFor() {},
      isThere: async () => true,
      digest: async () => ({ size: 10, sha256: '00' }),
      setAside: async () => undefined,
      freeSpace: async () => Number.MAX_SAFE_INTEGER,
    },
  });
  const [series] = await plan.prepare(
    () => true,
    () => {},
    new AbortController().signal,
  );
  const come = (uid: string) => {
    const identity = { SOPInstanceUID: uid, SOPClassUID: '1.9', StudyInstanceUID: '1', SeriesInstanceUID: SERIES };
    plan.stored({ ...identity, path: `P/S/${uid}.dcm`, bytes: 10, outcome: 'stored', sha256: '00' });
  };
  return { plan, series: series!, come, notes, aside };
}

test('another version of an instance is kept aside, also where it comes again', async () => {
  const { plan, series, come, notes, aside } = await planned({ listed: 2, announced: 2 });
  const active = await plan.begin(series);
  come('1.1.2');
  const identity = { SOPInstanceUID: '1.1.2', SOPClassUID: '1.9', StudyInstanceUID: '1', SeriesInstanceUID: SERIES };
  const other = { ...identity, path: 'P/S/1.1.2.other-0.dcm', bytes: 9, sha256: '01', isOther: true };
  for (const outcome of ['differs', 'already-there'] as const) plan.stored({ ...other, outcome });
  plan.end(active);
  await plan.noted();
  assert.deepEqual(
    [notes.map(({ path }) => path), aside],
    [
      ['P/S/1.1.1.dcm', 'P/S/1.1.2.dcm'],
      [other.path, other.path],
    ],
  );
  assert.equal(plan.counts.notAskedFor, 1);
});

for (const [kind, known] of [
  ['listed', { listed: 4, announced: 4 }],
  ['counted', { listed: 0, announced: 4 }],
  ['listed in part', { listed: 2, announced: 4 }],
] as const) {
  test(`what comes while the notes of a series are read counts (${kind})`, async () => {
    const { plan, series, come } = await planned(known);
    assert.deepEqual([series.received, plan.counts.received], [1, 1]);
    const beginning = plan.begin(series);
    await sleep(SLOW / 2);
    come('1.1.2');
    const active = await beginning;
    assert.deepEqual([active.left, series.received, plan.counts.received], [2, 2, 2]);
    // What is there already, and what comes twice.
    for (const uid of ['1.1.1', '1.1.3', '1.1.3']) come(uid);
    assert.deepEqual([active.left, series.received, plan.counts.received], [1, 3, 3]);
    plan.end(active);
    // Late: nobody waits for them.
    for (const uid of ['1.1.2', '1.1.4', '1.1.4']) come(uid);
    await plan.noted();
    assert.deepEqual([series.received, plan.counts.received, plan.counts.bytes], [4, 4, 40]);
  });
}
