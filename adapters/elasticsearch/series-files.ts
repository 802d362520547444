// The files of series, from the records of the folder chunks that have them. Many series are asked for together, and
// what comes is put in the order asked for: so many at once that their files are no more than can be held.
import type { Client } from '@elastic/elasticsearch';
import { fileBatches, filesBySeries, recordBatches, seriesFile } from '../../core/instance/series-files.ts';
import type { SeriesFile } from '../../core/ports/instance-index.ts';
import { chunkId } from './folder-document.ts';
import { FolderReader } from './folder-reader.ts';
import type { IndexNames } from './indices.ts';
import { LONGEST_LISTED_UID } from './mappings.ts';
import { allOf, anyOf, type Filter, SeriesReader } from './series-reader.ts';
import { archivesAlike, archivesOfParts, chunkOfPlace, STORED_SERIES_FIELDS } from './series-state.ts';

/** Series of one request. */
const MOST_SERIES = 100;
/** Series of which the headers are read at once. */
const MOST_HEADERS = 20;
/** Files of the series whose chunks are read together; a series with more is read alone. */
const MOST_FILES = 50_000;

/** What the document of a series says of it. */
interface KnownSeries {
  readonly SeriesInstanceUID: string;
  /** Of the archive that speaks: about as many as there are. */
  readonly instances: number;
  /** Where several have the UID: names of those that mean the same series by it. */
  readonly archives: ReadonlySet<string> | undefined;
  /** Where its UID is too long to be found in the documents of chunks: the ids of the chunks that have it. */
  readonly chunks: readonly string[];
}

/** The files of one series by archive, in the order of the archives' numbers. */
type ByArchive = Map<string, SeriesFile[]>;

/** The files of series, one after the other. */
export async function* seriesFiles(
  client: Client,
  names: IndexNames,
  series: readonly string[],
): AsyncIterable<readonly SeriesFile[]> {
  const [documents, folders] = await Promise.all([
    SeriesReader.open(client, names.series),
    FolderReader.open(client, names.folders),
  ]);
  try {
    for (let at = 0; at < series.length; at += MOST_SERIES) {
      const known = await knownSeries(documents, series.slice(at, at + MOST_SERIES));
      for (const group of groupsOf(known)) {
        const files = await filesOf(folders, group);
        for (const { SeriesInstanceUID } of group)
          for (const own of files.get(SeriesInstanceUID)!.values()) yield* fileBatches(own);
      }
    }
  } finally {
    await Promise.all([documents.close(), folders.close()]);
  }
}

/** The files of every archive, chunk by chunk. */
export async function* everyFile(client: Client, names: IndexNames): AsyncIterable<readonly SeriesFile[]> {
  const folders = await FolderReader.open(client, names.folders);
  try {
    for await (const chunk of folders.chunks({ range: { instances: { gt: 0 } } }))
      yield* recordBatches(chunk, chunk.record);
  } finally {
    await folders.close();
  }
}

/** Those of the series that are in the index, in the order given. */
async function knownSeries(documents: SeriesReader, asked: readonly string[]): Promise<KnownSeries[]> {
  const found = new Map<string, KnownSeries>();
  const filter = { terms: { SeriesInstanceUID: [...asked] } };
  // A page that is not full is the last.
  const size = asked.length + 1;
  const docValues = ['instances', 'archives', ...(asked.some(isUnlisted) ? ['places', 'parts'] : [])];
  const pages = documents.pages({ filter, docValues }, { first: size, others: size });
  const several: string[] = [];
  for await (const page of pages) {
    for (const { SeriesInstanceUID, fields } of page) {
      const instances = Number(fields['instances']![0]);
      const chunks = isUnlisted(SeriesInstanceUID) ? chunksOf(fields['places']!, fields['parts']![0]!) : [];
      if (fields['archives']!.length > 1) several.push(SeriesInstanceUID);
      found.set(SeriesInstanceUID, { SeriesInstanceUID, instances, chunks, archives: undefined });
    }
  }
  for (const [uid, archives] of await alike(documents, several))
    found.set(uid, { ...found.get(uid)!, archives: new Set(archives) });
  return asked.map((uid) => found.get(uid)).filter((one) => one !== undefined);
}

/** Of series that several archives have: those that mean the same series. Few at a time, since their headers are large. */
async function alike(documents: SeriesReader, series: readonly string[]): Promise<Map<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  if (series.length === 0) return found;
  const filter = { terms: { SeriesInstanceUID: [...series] } };
  const pages = documents.pages(
    { filter, docValues: STORED_SERIES_FIELDS },
    { first: MOST_HEADERS, others: MOST_HEADERS },
  );
  for await (const page of pages)
    for (const { SeriesInstanceUID, fields } of page) found.set(SeriesInstanceUID, archivesAlike(fields));
  return found;
}

function* groupsOf(known: readonly KnownSeries[]): Iterable<KnownSeries[]> {
  let group: KnownSeries[] = [];
  let files = 0;
  for (const one of known) {
    if (group.length > 0 && files + one.instances > MOST_FILES) {
      yield group;
      group = [];
      files = 0;
    }
    group.push(one);
    files += one.instances;
  }
  if (group.length > 0) yield group;
}

async function filesOf(folders: FolderReader, group: readonly KnownSeries[]): Promise<Map<string, ByArchive>> {
  const files = new Map(group.map(({ SeriesInstanceUID }): [string, ByArchive] => [SeriesInstanceUID, new Map()]));
  const archives = new Map(group.map((one) => [one.SeriesInstanceUID, one.archives]));
  const wanted = new Set(files.keys());
  const filters: Filter[] = [{ terms: { series: [...wanted] } }];
  const unlisted = group.flatMap(({ chunks }) => chunks);
  if (unlisted.length > 0) filters.push({ ids: { values: unlisted } });
  for await (const chunk of folders.chunks(anyOf(filters))) {
    const { archive, record } = chunk;
    for (const [uid, own] of filesBySeries(record, wanted)) {
      if (archives.get(uid)?.has(archive) === false) continue;
      const all = files.get(uid)!;
      const list = all.get(archive) ?? [];
      all.set(archive, list);
      for (const file of own) list.push(seriesFile(chunk, record, file));
    }
  }
  return files;
}

/** Chunks of an archive that have any of the series. */
export function chunksWith([archive, series]: readonly [archive: string, series: Iterable<string>]): Filter {
  return allOf([{ term: { archive } }, { terms: { series: [...series] } }]);
}

function isUnlisted(uid: string): boolean {
  return uid.length > LONGEST_LISTED_UID;
}

/** Ids of the chunks with these places, those whose place tells the folder. */
function chunksOf(places: readonly string[], parts: string): string[] {
  const names = archivesOfParts(parts);
  return places
    .map(chunkOfPlace)
    .filter((chunk) => chunk !== undefined)
    .map(({ number, folder, chunk }) => chunkId({ archive: { name: names.get(number)!, number }, folder, chunk }));
}
