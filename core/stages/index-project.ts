// What a PACS says of a project's accession numbers, as the events of a scan: so the project's index is an index like any
// other, and everything that can be asked of one can be asked of it. A study is a folder, a series a folder in it, an
// instance a file without bytes.
import { tagOfKeyword, vrOfTag } from '../dicom/dictionary.ts';
import type { HeaderElement } from '../dicom/header-element.ts';
import { tagDigits } from '../dicom/tag-digits.ts';
import { joinPath } from '../instance/byte-path.ts';
import { type FileFinding, recordOfFindings } from '../instance/file-finding.ts';
import { encodeFolderRecord } from '../instance/folder-record.ts';
import { encodeHeader } from '../instance/header-codec.ts';
import { partsOfRecord } from '../instance/series-fold.ts';
import type { ChunkEvent, ScanEvent } from '../jobs/jobs.ts';
import type { ProjectStore } from '../ports/project-store.ts';
import { WHOLE_FOLDER } from '../ports/scan-ledger.ts';
import { type ExpectedInstance, type ExpectedSeries, expectedCount } from '../projects/expected.ts';

/** Series whose events are handed on together. */
const AT_A_TIME = 200;

/** Hands the events on, some hundred at a time. */
export async function projectEvents(
  store: Pick<ProjectStore, 'series' | 'instancesOf'>,
  hand: (events: readonly ScanEvent[]) => Promise<void>,
): Promise<void> {
  const studies = new Map<string, string[]>();
  let events: ScanEvent[] = [];
  for await (const series of store.series()) {
    const { StudyInstanceUID, SeriesInstanceUID } = series;
    const known = studies.get(StudyInstanceUID);
    if (known === undefined) studies.set(StudyInstanceUID, [SeriesInstanceUID]);
    else known.push(SeriesInstanceUID);
    events.push(seriesEvent(series, await store.instancesOf(SeriesInstanceUID)));
    if (events.length < AT_A_TIME) continue;
    await hand(events);
    events = [];
  }
  const listed = (folder: string, subfolders: readonly string[]) =>
    events.push({ event: 'folder-listed', folder, subfolders, bits: 0 });
  for (const [study, series] of studies) listed(study, series);
  listed('', [...studies.keys()]);
  await hand(events);
}

function seriesEvent(series: ExpectedSeries, instances: readonly ExpectedInstance[]): ChunkEvent {
  const { StudyInstanceUID, SeriesInstanceUID, attributes } = series;
  const folder = joinPath(StudyInstanceUID, SeriesInstanceUID);
  const findings = instances.map(({ SOPInstanceUID, SOPClassUID }) =>
    finding(SeriesInstanceUID, SOPInstanceUID, SOPInstanceUID, SOPClassUID),
  );
  // Instances of which the PACS says only how many there are have a place and no UID.
  for (let n = findings.length + 1; n <= expectedCount(series); n++)
    findings.push(finding(SeriesInstanceUID, `not-listed-${String(n).padStart(6, '0')}`, '', ''));
  findings.sort((a, b) => (a.name < b.name ? -1 : 1));
  const record = recordOfFindings(findings);
  const header = encodeHeader(elements({ ...attributes, StudyInstanceUID, SeriesInstanceUID }));
  const files = findings.length;
  return {
    event: 'chunk',
    folder,
    chunk: WHOLE_FOLDER,
    record: encodeFolderRecord(record),
    staged: false,
    parts: partsOfRecord(record),
    headers: [{ SeriesInstanceUID, name: findings[0]!.name, issues: 0, header }],
    tally: {
      ...{ files, instances: files, skipped: {}, opened: 0, unchanged: 0 },
      ...{ vanished: 0, appeared: files, unread: 0, lost: 0 },
    },
  };
}

function finding(SeriesInstanceUID: string, name: string, SOPInstanceUID: string, SOPClassUID: string): FileFinding {
  const identity = { SOPInstanceUID, SeriesInstanceUID, SOPClassUID, TransferSyntaxUID: '' };
  return { name, size: 0, mtime: 0, ...identity, issues: 0, digest: 0, fresh: true, skipped: '' };
}

function elements(attributes: Readonly<Record<string, string>>): HeaderElement[] {
  const all = Object.entries(attributes).map(([keyword, text]) => {
    const tag = tagOfKeyword(keyword)!;
    return { key: tagDigits(tag), vr: vrOfTag(tag), text };
  });
  return all.sort((a, b) => (a.key < b.key ? -1 : 1));
}
