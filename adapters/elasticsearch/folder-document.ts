// A folder chunk as its document in Elasticsearch: how many files it has, of which series, and its whole record. The
// position in the log is the document's version, so an older one is never written over a newer one.
import { Buffer } from 'node:buffer';
import { decodeFolderRecord, decodeSeriesOfRecord, type FolderRecord } from '../../core/instance/folder-record.ts';
import type { ChunkEntry } from '../../core/ports/record-log.ts';
import { documentId } from './document-id.ts';
import { LONGEST_LISTED_UID } from './mappings.ts';

/** What is read back of a chunk's document. */
export interface StoredFolder {
  readonly record?: string;
}

/** The `_id` of a chunk's document. */
export function chunkId({ archive, folder, chunk }: Pick<ChunkEntry, 'archive' | 'folder' | 'chunk'>): string {
  return documentId(JSON.stringify([archive.name, folder, chunk.bits, chunk.index]));
}

/** The document as JSON; `record` is the entry's, decoded. */
export function folderDocument(entry: ChunkEntry, record: FolderRecord | undefined): string {
  const { archive, folder, chunk } = entry;
  const place = { archive: archive.name, number: archive.number, path: folder, bits: chunk.bits, index: chunk.index };
  if (record === undefined) return JSON.stringify({ ...place, gone: true, files: 0, instances: 0 });
  const skipped: Record<string, number> = {};
  let instances = 0;
  for (const file of record.files) {
    const kind = record.kinds[file.kind]!;
    if (kind.skipped !== '') skipped[kind.skipped] = (skipped[kind.skipped] ?? 0) + 1;
    else if (kind.series >= 0) instances++;
  }
  return JSON.stringify({
    ...place,
    gone: false,
    files: record.files.length,
    instances,
    series: record.series.filter((uid) => uid.length <= LONGEST_LISTED_UID),
    skipped,
    record: Buffer.from(entry.record!).toString('base64'),
  });
}

/** SeriesInstanceUIDs of a stored chunk; none of one that is gone. */
export function seriesOfFolder({ record }: StoredFolder): readonly string[] {
  return record === undefined ? [] : decodeSeriesOfRecord(Buffer.from(record, 'base64'));
}

/** The record of a stored chunk. */
export function recordOfFolder({ record }: StoredFolder): FolderRecord | undefined {
  return record === undefined ? undefined : decodeFolderRecord(Buffer.from(record, 'base64'));
}
