// The manifest of a download: every expected instance with what became of it, then what came and was not asked for.
import type { DownloadStore, ProjectStore } from '../ports/project-store.ts';
import { expectedCount } from '../projects/expected.ts';
import { manifestHeader, manifestLine } from '../projects/manifest.ts';
import type { ManifestEntry } from '../projects/received.ts';

const NOT_YET = 'not downloaded yet';
const NO_UID = 'the PACS says only how many instances there are';

/** The lines, those of a series together. @param isWanted of which of the project's series what is missing is told */
export async function* manifestLines(
  store: Pick<ProjectStore, 'series' | 'instancesOf'>,
  download: DownloadStore,
  isWanted: (SeriesInstanceUID: string) => boolean,
): AsyncIterable<string> {
  yield manifestHeader();
  for await (const series of store.series()) {
    const { accession: AccessionNumber, StudyInstanceUID, SeriesInstanceUID, isListed } = series;
    const identity = { AccessionNumber, StudyInstanceUID, SeriesInstanceUID };
    const received = new Map((await download.receivedOf(SeriesInstanceUID)).map((one) => [one.SOPInstanceUID, one]));
    const lines: string[] = [];
    if (!isWanted(SeriesInstanceUID)) {
      // Of an earlier run, perhaps.
      for (const found of received.values())
        lines.push(manifestLine({ ...identity, ...found, outcome: 'received', reason: '' }));
      yield lines.join('');
      continue;
    }
    const reason = (await download.reasonOf(SeriesInstanceUID)) || NOT_YET;
    const listed = await store.instancesOf(SeriesInstanceUID);
    const uids = isListed ? listed.map(({ SOPInstanceUID }) => SOPInstanceUID) : [...received.keys()];
    for (const SOPInstanceUID of uids) {
      const found = received.get(SOPInstanceUID);
      received.delete(SOPInstanceUID);
      if (found === undefined) lines.push(missing({ ...identity, SOPInstanceUID }, reason));
      else lines.push(manifestLine({ ...identity, ...found, outcome: 'received', reason: '' }));
    }
    for (let n = uids.length; n < expectedCount(series); n++)
      lines.push(missing({ ...identity, SOPInstanceUID: '' }, `${reason} (${NO_UID})`));
    // The PACS lists them no more.
    for (const found of received.values())
      lines.push(
        manifestLine({ ...identity, ...found, outcome: 'not-asked-for', reason: 'no longer listed by the PACS' }),
      );
    yield lines.join('');
  }
  for await (const found of download.notAskedFor()) {
    const identity = { AccessionNumber: '', StudyInstanceUID: '' };
    yield manifestLine({ ...identity, ...found, outcome: 'not-asked-for', reason: '' });
  }
}

function missing(
  identity: Omit<ManifestEntry, 'outcome' | 'reason' | 'path' | 'size' | 'sha256'>,
  reason: string,
): string {
  return manifestLine({ ...identity, outcome: 'missing', reason, path: '', size: undefined, sha256: '' });
}
