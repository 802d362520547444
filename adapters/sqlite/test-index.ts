// For tests: index files made of scans, without the archives.
import { decodeFolderRecord } from '../../core/instance/folder-record.ts';
import { partsOfRecord } from '../../core/instance/series-fold.ts';
import type { ChunkEvent, FoldersVanishedEvent, SeriesHeader } from '../../core/jobs/jobs.ts';
import type { IndexWriter } from '../../core/ports/index-writer.ts';
import type { Chunk } from '../../core/ports/scan-ledger.ts';
import { SqliteIndexWriter } from './index-writer.ts';
import { SqliteInstanceIndex } from './instance-index.ts';

/** A folder chunk as a scan finds it. */
interface FoundChunk {
  readonly folder: string;
  readonly chunk: Chunk;
  /** Not undefined: a chunk that is gone is not found. */
  readonly record: Uint8Array | undefined;
  readonly headers: readonly SeriesHeader[];
}

/** All that an archive holds, and what it holds no more. */
export interface FoundArchive {
  readonly archive: string;
  readonly append?: boolean;
  readonly chunks: readonly FoundChunk[];
  readonly vanished?: readonly string[];
}

/** Opens the writer of an index file. */
export type OpenWriter = (database: string, archive: string, append: boolean) => Promise<IndexWriter>;

export const openWriter: OpenWriter = async (database, archive, append) => {
  const ports = { readHeader: () => undefined, progress: () => undefined };
  return new SqliteIndexWriter(database, archive, { append, config: 'config.ini', ports });
};

/** An index file of what there is after some scans. */
export async function scannedIndex(
  database: string,
  scans: readonly FoundArchive[],
  open: OpenWriter = openWriter,
): Promise<SqliteInstanceIndex> {
  for (const scan of scans) await putArchive(database, scan, open);
  return new SqliteInstanceIndex(database, 'config.ini');
}

/** Brings an archive into an index file. */
export async function putArchive(
  database: string,
  { archive, append = false, chunks, vanished = [] }: FoundArchive,
  open: OpenWriter = openWriter,
): Promise<void> {
  const writer = await open(database, archive, append);
  await writer.stage([...vanished.map(vanishedEvent), ...chunks.map(chunkEvent)]);
  await writer.publish({ append, acceptDeletions: true });
  await writer.close();
}

function vanishedEvent(path: string): FoldersVanishedEvent {
  const cut = path.lastIndexOf('/');
  return { event: 'folders-vanished', folder: path.slice(0, Math.max(cut, 0)), names: [path.slice(cut + 1)] };
}

function chunkEvent({ folder, chunk, record, headers }: FoundChunk): ChunkEvent {
  const decoded = decodeFolderRecord(record!);
  const files = decoded.files.length;
  const skipped: Record<string, number> = {};
  for (const { kind } of decoded.files) {
    const reason = decoded.kinds[kind]!.skipped;
    if (reason !== '') skipped[reason] = (skipped[reason] ?? 0) + 1;
  }
  const instances = files - Object.values(skipped).reduce((sum, n) => sum + n, 0);
  const nothing = { unchanged: 0, unread: 0, vanished: 0, lost: 0 };
  return {
    event: 'chunk',
    folder,
    chunk,
    // A writer takes it away.
    record: Uint8Array.from(record!),
    staged: false,
    parts: partsOfRecord(decoded),
    headers,
    tally: { files, instances, skipped, opened: files, appeared: files, ...nothing },
  };
}
