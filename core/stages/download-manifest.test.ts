// The lines of a manifest, of a project that is played: what is told of series that a run is about, and of the others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ManifestPorts, manifestLines } from './download-manifest.ts';

const SERIES = ['1.1', '1.2'];

/** Of each series the PACS lists .1 and .2; .1 and .3 are there. */
function played(): ManifestPorts {
  const received = (uid: string) => ({
    SOPInstanceUID: uid,
    SOPClassUID: '1.9',
    path: `a/${uid}.dcm`,
    size: 1,
    sha256: 'f'.repeat(64),
    receivedAt: '',
  });
  return {
    store: {
      async *series() {
        for (const SeriesInstanceUID of SERIES)
          yield {
            accession: 'A1',
            StudyInstanceUID: '1',
            SeriesInstanceUID,
            attributes: {},
            announced: 2,
            listed: 2,
            isListed: true,
          };
      },
      instancesOf: async (uid) => [1, 2].map((n) => ({ SOPInstanceUID: `${uid}.${n}`, SOPClassUID: '1.9' })),
    },
    download: {
      begun: async () => new Map(SERIES.map((uid) => [uid, 'a'])),
      receivedOf: async (uid: string) => [received(`${uid}.1`), received(`${uid}.3`)],
      reasonOf: async () => 'the PACS did not send it',
      async *notAskedFor() {},
    } as unknown as ManifestPorts['download'],
    files: { isThere: async () => true },
  };
}

test('of a series that the run is not about nothing is missing, and nothing is received that is not expected', async () => {
  const lines = (await Array.fromAsync(manifestLines(played(), (uid) => uid === '1.1'))).join('').trim().split('\n');
  const [columns, ...rows] = lines.map((line) => line.split(','));
  const [instance, outcome] = ['SOPInstanceUID', 'outcome'].map((column) => columns!.indexOf(column));
  assert.deepEqual(
    rows.map((row) => `${row[instance!]} ${row[outcome!]}`),
    ['1.1.1 received', '1.1.2 missing', '1.1.3 not-asked-for', '1.2.1 received', '1.2.3 not-asked-for'],
  );
});
