// The files of a series out of the records of the folder chunks that have it, as InstanceIndex answers them.
import type { SeriesFile } from '../ports/instance-index.ts';
import { comparePaths, joinPath } from './byte-path.ts';
import type { FileEntry, FolderRecord } from './folder-record.ts';

/** Files of one batch. */
const MOST_FILES = 5000;

/** The files that a record has of the wanted series, by SeriesInstanceUID. */
export function filesBySeries(
  { kinds, series, files }: FolderRecord,
  wanted: ReadonlySet<string>,
): Map<string, FileEntry[]> {
  const lists = series.map((uid) => (wanted.has(uid) ? ([] as FileEntry[]) : undefined));
  for (const file of files) lists[kinds[file.kind]!.series]?.push(file);
  const found = new Map<string, FileEntry[]>();
  lists.forEach((list, i) => {
    if (list !== undefined && list.length > 0) found.set(series[i]!, list);
  });
  return found;
}

/** Where the files of a record lie. */
export interface RecordPlace {
  readonly archive: string;
  readonly folder: string;
}

/** A file of a record as an answer has it. */
export function seriesFile(
  { archive, folder }: RecordPlace,
  { kinds, series }: FolderRecord,
  { name, size, mtime, SOPInstanceUID, kind }: FileEntry,
): SeriesFile {
  const { SOPClassUID, series: at } = kinds[kind]!;
  return {
    SeriesInstanceUID: series[at]!,
    SOPInstanceUID,
    SOPClassUID,
    archive,
    path: joinPath(folder, name),
    size,
    mtime,
  };
}

/** The files of a record, series by series. */
export function* recordBatches(place: RecordPlace, record: FolderRecord): Iterable<readonly SeriesFile[]> {
  for (const entries of filesBySeries(record, new Set(record.series)).values())
    yield entries.map((entry) => seriesFile(place, record, entry));
}

/** The batches of one series; its files come in any order, and are brought into that of their paths. */
export function* fileBatches(files: SeriesFile[]): Iterable<readonly SeriesFile[]> {
  files.sort((a, b) => comparePaths(a.path, b.path));
  for (let at = 0; at < files.length; at += MOST_FILES) yield files.slice(at, at + MOST_FILES);
}
