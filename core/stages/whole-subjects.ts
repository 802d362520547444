// Which subjects of a project are wholly on disk, as far as is noted: those get a zip.
import type { DownloadStore, ProjectStore } from '../ports/project-store.ts';
import { downloadFolders, foldersBeside, type SeriesFolders } from '../projects/download-folders.ts';
import { expectedCount } from '../projects/expected.ts';
import { receivedOfExpected } from './download-counts.ts';

/** The folder of every series of a project, the same in every run, and its study, by SeriesInstanceUID. */
export async function projectSeries(
  store: Pick<ProjectStore, 'series'>,
): Promise<{ readonly folders: SeriesFolders; readonly studies: ReadonlyMap<string, string> }> {
  const named = [];
  const studies = new Map<string, string>();
  for await (const { StudyInstanceUID, SeriesInstanceUID, attributes } of store.series()) {
    const { PatientID = '', PatientName = '', SeriesDescription = '' } = attributes;
    named.push({ StudyInstanceUID, SeriesInstanceUID, PatientID, PatientName, SeriesDescription });
    studies.set(SeriesInstanceUID, StudyInstanceUID);
  }
  return { folders: downloadFolders(named), studies };
}

/** SeriesInstanceUIDs of each subject of which all series of the project are whole, by the name of its folder. */
export async function wholeSubjects(
  store: Pick<ProjectStore, 'series' | 'instancesOf'>,
  download: Pick<DownloadStore, 'receivedOf' | 'begun'>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  // What has not begun counts for the subject into whose folder it would be put.
  const folders = foldersBeside((await projectSeries(store)).folders, await download.begun());
  const subjects = new Map<string, string[]>();
  const notWhole = new Set<string>();
  for await (const series of store.series()) {
    const { SeriesInstanceUID: uid } = series;
    const received = await download.receivedOf(uid);
    // Where it has begun it stays, also where it would be put elsewhere by now.
    const subject = received[0]?.path.split('/', 1)[0] ?? folders.get(uid)!.subject;
    const own = subjects.get(subject);
    if (own === undefined) subjects.set(subject, [uid]);
    else own.push(uid);
    if ((await receivedOfExpected(series, received, store)).count < expectedCount(series)) notWhole.add(subject);
  }
  for (const subject of notWhole) subjects.delete(subject);
  return subjects;
}
