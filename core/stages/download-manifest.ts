// The manifest of a download: every expected instance with what became of it, then what came and was not asked for.
import type { DownloadFiles } from '../ports/download-files.ts';
import type { DownloadStore, ProjectStore } from '../ports/project-store.ts';
import { CUT_OFF, NOT_ASKED_FOR } from '../projects/download-folders.ts';
import { unlistedCount } from '../projects/expected.ts';
import { manifestHeader, manifestLine } from '../projects/manifest.ts';
import type { ManifestEntry } from '../projects/received.ts';
import { listedOf } from './download-counts.ts';

export const NOT_YET = 'not downloaded yet';
const NO_UID = 'the PACS says only how many instances there are';

export interface ManifestPorts {
  readonly store: Pick<ProjectStore, 'series' | 'instancesOf'>;
  readonly download: DownloadStore;
  readonly files: Pick<DownloadFiles, 'isThere'>;
}

/** The lines, those of a series together. @param isWanted of which of the project's series what is missing is told */
export async function* manifestLines(
  { store, download, files }: ManifestPorts,
  isWanted: (SeriesInstanceUID: string) => boolean,
): AsyncIterable<string> {
  yield manifestHeader();
  const begun = new Map(await download.begun());
  for await (const series of store.series()) {
    const { accession: AccessionNumber, StudyInstanceUID, SeriesInstanceUID } = series;
    begun.delete(SeriesInstanceUID);
    const identity = { AccessionNumber, StudyInstanceUID, SeriesInstanceUID };
    const received = new Map((await download.receivedOf(SeriesInstanceUID)).map((one) => [one.SOPInstanceUID, one]));
    const lines: string[] = [];
    // Of the others there is what an earlier run has received, perhaps.
    const isMissingTold = isWanted(SeriesInstanceUID);
    const reason = (await download.reasonOf(SeriesInstanceUID)) || NOT_YET;
    for (const SOPInstanceUID of await listedOf(series, store)) {
      const found = received.get(SOPInstanceUID);
      received.delete(SOPInstanceUID);
      if (found === undefined && isMissingTold) lines.push(missing({ ...identity, SOPInstanceUID }, reason));
      else if (found !== undefined)
        lines.push(manifestLine({ ...identity, ...found, outcome: 'received', reason: '' }));
    }
    const unlisted = unlistedCount(series);
    for (const found of received.values())
      lines.push(
        unlisted > 0
          ? manifestLine({ ...identity, ...found, outcome: 'received', reason: '' })
          : manifestLine({ ...identity, ...found, outcome: 'not-asked-for', reason: 'no longer listed by the PACS' }),
      );
    for (let n = received.size; isMissingTold && n < unlisted; n++)
      lines.push(missing({ ...identity, SOPInstanceUID: '' }, `${reason} (${NO_UID})`));
    yield lines.join('');
  }
  for (const SeriesInstanceUID of begun.keys()) {
    const identity = { AccessionNumber: '', StudyInstanceUID: '', SeriesInstanceUID };
    for (const found of await download.receivedOf(SeriesInstanceUID))
      yield manifestLine({
        ...identity,
        ...found,
        outcome: 'not-asked-for',
        reason: 'its series is in the project no more',
      });
  }
  for await (const found of download.notAskedFor()) {
    // Whoever has looked at it may have thrown it away.
    if (found.path.startsWith(`${NOT_ASKED_FOR}/`) && !(await files.isThere(found.path))) continue;
    const identity = { AccessionNumber: '', StudyInstanceUID: '' };
    const reason = found.path.startsWith(`${CUT_OFF}/`) ? 'its data set is cut off' : '';
    yield manifestLine({ ...identity, ...found, outcome: 'not-asked-for', reason });
  }
}

function missing(
  identity: Omit<ManifestEntry, 'outcome' | 'reason' | 'path' | 'size' | 'sha256'>,
  reason: string,
): string {
  return manifestLine({ ...identity, outcome: 'missing', reason, path: '', size: undefined, sha256: '' });
}
