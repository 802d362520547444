/**
 * Puts synthetic data into ditag's own index: each folder becomes the event that
 * the stage read-files would have published, record and headers, and goes
 * through the adapter's writer. So what is measured is the real format and the
 * real indexing; only walking and reading files is left out.
 */
import { SqliteInstanceIndex } from '../adapters/sqlite/instance-index.ts';
import { ThreadedIndexWriter } from '../cli/workspaces/local/threaded-index-writer.ts';
import type { HeaderElement } from '../core/dicom/header-element.ts';
import { encodeFolderRecord } from '../core/instance/folder-record.ts';
import { encodeHeader } from '../core/instance/header-codec.ts';
import { partsOfRecord } from '../core/instance/series-fold.ts';
import type { ChunkEvent } from '../core/jobs/jobs.ts';
import type { IndexWriter } from '../core/ports/index-writer.ts';
import { WHOLE_FOLDER } from '../core/ports/scan-ledger.ts';
import { makeQuery } from '../core/query/query.ts';
import { headerAttributes } from './header-attributes.ts';
import type { BenchQuery } from './query-list.ts';
import type { SyntheticFolder } from './synthetic-data.ts';

/** Explicit VR little endian. */
const TransferSyntaxUID = '1.2.840.10008.1.2.1';

const vrOf = new Map<string, string>([
  ...headerAttributes.map(([tag, , vr]) => [tag, vr] as const),
  ['00080020', 'DA'],
  ['00080060', 'CS'],
  ['00081030', 'LO'],
  ['0008103E', 'LO'],
  ['00100010', 'PN'],
  ['00100020', 'LO'],
  ['0020000D', 'UI'],
  ['0020000E', 'UI'],
]);

function headerElements(header: readonly [string, string][]): HeaderElement[] {
  return header.map(([key, text]) => ({ key, vr: vrOf.get(key)!, text }));
}

/** The event of a folder whose files all belong to the series of their kind. */
export function folderEvent(folder: SyntheticFolder): ChunkEvent {
  const series = folder.headers.map(({ SeriesInstanceUID }) => SeriesInstanceUID);
  const numberOf = new Map(series.map((SeriesInstanceUID, number) => [SeriesInstanceUID, number]));
  const sorted = [...folder.files].sort((a, b) => (a.name < b.name ? -1 : 1));
  const kinds = series.map((SeriesInstanceUID, number) => ({
    series: number,
    SOPClassUID: sorted.find((file) => file.SeriesInstanceUID === SeriesInstanceUID)!.SOPClassUID,
    TransferSyntaxUID,
    issues: 0,
    digest: Number.parseInt(SeriesInstanceUID.slice(-8), 10),
    skipped: '' as const,
  }));
  const files = sorted.map(({ name, size, mtime, SOPInstanceUID, SeriesInstanceUID }) => ({
    name,
    size,
    mtime: Number(mtime / 1000n),
    SOPInstanceUID,
    kind: numberOf.get(SeriesInstanceUID)!,
  }));
  return {
    event: 'chunk',
    folder: folder.path,
    chunk: WHOLE_FOLDER,
    record: encodeFolderRecord({ kinds, series, files }),
    staged: false,
    parts: partsOfRecord({ kinds, series, files }),
    headers: folder.headers.map(({ SeriesInstanceUID, header }) => ({
      SeriesInstanceUID,
      name: sorted.find((file) => file.SeriesInstanceUID === SeriesInstanceUID)!.name,
      issues: 0,
      header: encodeHeader(headerElements(header)),
    })),
    tally: {
      files: files.length,
      instances: files.length,
      skipped: {},
      opened: files.length,
      unchanged: 0,
      vanished: 0,
      appeared: files.length,
      unread: 0,
      lost: 0,
    },
  };
}

/** A writer to a new index at `database`: the command's own, in a thread with its bounded heap. */
export function openIndexWriter(database: string): Promise<IndexWriter> {
  const data = { databasePath: database, archive: '/archive', root: '/archive', append: false, config: 'config.ini' };
  return ThreadedIndexWriter.open(data, () => undefined);
}

/** Answers queries on an index, in this process. */
export interface IndexReader {
  /** The answer from the typed query to the bytes of the CSV lines, in pieces; gives the rows of each as it is there. */
  find(query: BenchQuery): AsyncIterable<number>;
  close(): Promise<void>;
}

/** A reader of the index at `database`. */
export function openIndexReader(database: string): IndexReader {
  const index = new SqliteInstanceIndex(database, 'config.ini');
  return {
    async *find({ targets, pattern, from, to }) {
      const asked = await makeQuery({
        sdate: from || undefined,
        edate: to || undefined,
        ...(targets.length > 0 ? { targets: targets.join(','), pattern } : {}),
      });
      for await (const batch of index.search(asked)) yield batch.rows;
    },
    close: () => index.close(),
  };
}
