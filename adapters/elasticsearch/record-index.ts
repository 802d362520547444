// The port RecordIndex over Elasticsearch. A batch of entries changes series first and folder chunks last: what a
// crash leaves half done is found undone, because the chunk still has its old version, and is done again. How series
// are written is in series-writes.ts.
import type { Client } from '@elastic/elasticsearch';
import { decodeFolderRecord, type FolderRecord } from '../../core/instance/folder-record.ts';
import { partsOfRecord } from '../../core/instance/series-fold.ts';
import type { RecordIndex, RefusedEntry } from '../../core/ports/record-index.ts';
import type { ArchiveEntry, ChunkEntry, LoggedEntry } from '../../core/ports/record-log.ts';
import { readDocuments, type StoredDocument, writeDocuments } from './bulk.ts';
import { chunkId, folderDocument, type StoredFolder, seriesOfFolder } from './folder-document.ts';
import { DEFAULT_PREFIX, type IndexNames, indexNames } from './indices.ts';
import { placeOf, type SeriesPiece } from './series-state.ts';
import { SeriesWrites } from './series-writes.ts';
import { ValueWrites } from './value-writes.ts';

export interface RecordIndexOptions {
  /** What the names of the indices start with: `ditag`. */
  readonly prefix?: string | undefined;
  /** The generation that is written: made by `ensureIndices`. */
  readonly generation: number;
}

/** A chunk of a batch: its newest entry, and what the others of the same chunk had. */
interface ChunkWork {
  /** Of its document. */
  readonly id: string;
  /** What it is called in the documents of series. */
  readonly place: string;
  readonly sequence: number;
  /** Position of the state before the oldest one that the batch has; undefined: not known. */
  replaces: number | undefined;
  readonly entry: ChunkEntry;
  readonly record: FolderRecord | undefined;
  readonly series: ReadonlySet<string>;
  /** Series of older states of the chunk, which a writer that crashed may have begun to write. */
  readonly older: Set<string>;
}

type Refusals = Map<number, string>;

/** Rounds in which another writer may be first. */
const MOST_ROUNDS = 30;
const READ_AT_ONCE = 200;

export class ElasticsearchRecordIndex implements RecordIndex {
  private readonly client: Client;
  private readonly names: IndexNames;
  private readonly series: SeriesWrites;

  /** The index closes the client. */
  constructor(client: Client, { prefix = DEFAULT_PREFIX, generation }: RecordIndexOptions) {
    this.client = client;
    this.names = indexNames({ prefix, generation });
    this.series = new SeriesWrites(client, this.names.series, new ValueWrites(client, this.names.values));
  }

  async put(entries: readonly LoggedEntry[]): Promise<readonly RefusedEntry[]> {
    const refusals: Refusals = new Map();
    await this.putArchives(entries, refusals);
    let pending = chunksOf(entries, refusals);
    for (let round = 0; pending.length > 0; round++) {
      if (round === MOST_ROUNDS) throw new Error('Other writers kept changing the same folders: try again later');
      pending = await this.putChunks(pending, refusals);
    }
    return [...refusals].map(([sequence, reason]) => ({ sequence, reason }));
  }

  async refresh(): Promise<void> {
    await this.client.indices.refresh({ index: Object.values(this.names) });
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  private async putArchives(entries: readonly LoggedEntry[], refusals: Refusals): Promise<void> {
    const archives = entries.filter((logged) => logged.entry.entry === 'archive');
    if (archives.length === 0) return;
    const outcomes = await writeDocuments(
      this.client,
      this.names.archives,
      archives.map(({ sequence, entry }) => {
        const { archive, indexedAt } = entry as ArchiveEntry;
        return {
          action: versionedAction(archive.name, sequence),
          body: JSON.stringify({ ...archive, indexedAt, removed: indexedAt === undefined }),
        };
      }),
    );
    outcomes.forEach(({ status, reason }, i) => {
      if (status === 'refused') refusals.set(archives[i]!.sequence, reason);
    });
  }

  /** Returns the chunks of which another writer wrote a newer state meanwhile. */
  private async putChunks(chunks: readonly ChunkWork[], refusals: Refusals): Promise<ChunkWork[]> {
    const ids = chunks.map(({ id }) => id);
    const stored = await readDocuments<StoredFolder>(this.client, this.names.folders, ids, ['record'], READ_AT_ONCE);
    const changes = new Map<string, SeriesPiece[]>();
    if (chunks.some((chunk) => hasGap(chunk, stored.get(chunk.id)))) await this.series.refresh();
    const shown = await this.series.ofPlaces(chunks.map(({ place }) => place));
    for (const chunk of chunks) {
      for (const uid of shown.get(chunk.place)!) chunk.older.add(uid);
      for (const [uid, piece] of piecesOf(chunk, stored.get(chunk.id))) {
        const pieces = changes.get(uid);
        if (pieces === undefined) changes.set(uid, [piece]);
        else pieces.push(piece);
      }
    }
    const refused = await this.series.write(changes);
    for (const [uid, reason] of refused) {
      for (const { series, sequence } of chunks)
        if (series.has(uid)) refusals.set(sequence, `series ${uid.slice(0, 100)}: ${reason}`);
    }
    const newer = chunks.filter(({ id, sequence }) => (stored.get(id)?.version ?? -1) < sequence);
    const outcomes = await writeDocuments(
      this.client,
      this.names.folders,
      newer.map(({ id, sequence, entry, record }) => ({
        action: versionedAction(id, sequence),
        body: folderDocument(entry, record),
      })),
    );
    outcomes.forEach(({ status, reason }, i) => {
      if (status === 'refused') refusals.set(newer[i]!.sequence, `folder: ${reason}`);
    });
    return newer.filter((_, i) => outcomes[i]!.status === 'conflict');
  }
}

function versionedAction(id: string, version: number): string {
  return JSON.stringify({ index: { _id: id, version, version_type: 'external' } });
}

/**
 * Was there a state between the stored one and this? It will not come again: a writer that crashed may have begun to
 * write its series, or it was replaced before anybody got it.
 */
function hasGap({ replaces }: ChunkWork, stored: StoredDocument<StoredFolder> | undefined): boolean {
  return replaces !== undefined && replaces > (stored?.version ?? 0);
}

/** The newest entry of each chunk of a batch. */
function chunksOf(entries: readonly LoggedEntry[], refusals: Refusals): ChunkWork[] {
  const chunks = new Map<string, ChunkWork>();
  for (const { sequence, entry, replaces } of entries) {
    if (entry.entry !== 'chunk') continue;
    let record: FolderRecord | undefined;
    try {
      record = entry.record === undefined ? undefined : decodeFolderRecord(entry.record);
    } catch (error) {
      refusals.set(sequence, (error as Error).message);
      continue;
    }
    const id = chunkId(entry);
    const series = new Set(record?.series);
    const known = chunks.get(id);
    if (known !== undefined && known.sequence >= sequence) {
      for (const uid of series) known.older.add(uid);
      if (known.replaces === sequence) known.replaces = replaces;
      continue;
    }
    const older = new Set(known === undefined ? [] : [...known.older, ...known.series]);
    const before = known === undefined || known.sequence !== replaces ? replaces : known.replaces;
    chunks.set(id, { id, place: placeOf(entry), sequence, replaces: before, entry, record, series, older });
  }
  return [...chunks.values()];
}

/** What a chunk changes in its series. Where a newer state of it is stored, only what that one does not have. */
function* piecesOf(
  chunk: ChunkWork,
  stored: StoredDocument<StoredFolder> | undefined,
): Iterable<[string, SeriesPiece]> {
  const { place, sequence, entry, record, series, older } = chunk;
  const known = new Set(stored === undefined ? [] : seriesOfFolder(stored.source));
  if (stored !== undefined && stored.version >= sequence) {
    for (const uid of new Set([...series, ...older]))
      if (!known.has(uid)) yield [uid, { place, sequence: stored.version }];
    return;
  }
  const headers = new Map(entry.headers.map((header) => [header.SeriesInstanceUID, header]));
  for (const part of record === undefined ? [] : partsOfRecord(record)) {
    const { header = '[]', issues = 0 } = headers.get(part.SeriesInstanceUID) ?? {};
    const { archive, folder } = entry;
    yield [part.SeriesInstanceUID, { place, sequence, archive, folder, part, header, issues }];
  }
  for (const uid of new Set([...known, ...older])) if (!series.has(uid)) yield [uid, { place, sequence }];
}
