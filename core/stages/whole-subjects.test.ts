import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExpectedSeries } from '../projects/expected.ts';
import type { ReceivedInstance } from '../projects/received.ts';
import { wholeSubjects } from './whole-subjects.ts';

/** A series, and the accession number that led to it. */
type OfList = ExpectedSeries & { readonly accession: string };

const series = (SeriesInstanceUID: string, PatientID: string, PatientName: string, SeriesDescription: string) =>
  ({
    ...{ StudyInstanceUID: `1.${PatientID}`, SeriesInstanceUID, accession: 'A1', announced: 1, listed: 1 },
    ...{ isListed: true, attributes: { PatientID, PatientName, SeriesDescription } },
  }) as unknown as OfList;

/** A project in which each series has one instance, and a download that has those of `paths`. */
function wholeOf(all: readonly OfList[], paths: Readonly<Record<string, string>>) {
  const received = ([uid, path]: [string, string]): ReceivedInstance =>
    ({ SOPInstanceUID: `${uid}.1`, path, size: 1, sha256: '' }) as ReceivedInstance;
  return wholeSubjects(
    {
      async *series() {
        yield* all;
      },
      instancesOf: async (uid) => [{ SOPInstanceUID: `${uid}.1`, SOPClassUID: '1.2' }],
    },
    {
      receivedOf: async (uid) => (paths[uid] === undefined ? [] : [received([uid, paths[uid]])]),
      begun: async () =>
        new Map(Object.entries(paths).map(([uid, path]) => [uid, path.slice(0, path.lastIndexOf('/'))])),
    },
  );
}

test('a subject is whole when all its series are', async () => {
  const all = [series('2.1', '1', 'Doe^Jane', 'T1'), series('2.2', '1', 'Doe^Jane', 'T2')];
  const first = { '2.1': 'Jane_Doe/T1/2.1.1.dcm' };
  assert.deepEqual([...(await wholeOf(all, first))], []);
  assert.deepEqual(
    [...(await wholeOf(all, { ...first, '2.2': 'Jane_Doe/T2/2.2.1.dcm' }))],
    [['Jane_Doe', ['2.1', '2.2']]],
  );
});

test('what has not begun counts for the subject into whose folder it would be put, also after names were corrected', async () => {
  // Jane Doe's folder is that of a patient who is Mary Roe by now; another patient is Jane Doe now, and has a folder beside.
  const paths = { '2.1': 'Jane_Doe/T1/2.1.1.dcm' };
  const all = [
    series('2.1', '1', 'Roe^Mary', 'T1'),
    series('2.2', '2', 'Doe^Jane', 'T1'),
    series('2.3', '2', 'Doe^Jane', 'T2'),
  ];
  assert.deepEqual([...(await wholeOf(all, paths))], [['Jane_Doe', ['2.1']]]);
  // By its name alone 2.3 would be in the folder of the other patient, and this one be taken for whole.
  const beside = [...(await wholeOf(all, { ...paths, '2.2': 'Jane_Doe_d4735e3a/T1/2.2.1.dcm' })).keys()];
  assert.deepEqual(beside, ['Jane_Doe']);
});
