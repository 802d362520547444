// One state of the folder chunks, for as long as an answer takes: a point in time, asked for the records of chunks. It
// is closed also when the reader stops early.
import type { Client, estypes } from '@elastic/elasticsearch';
import type { FolderRecord } from '../../core/instance/folder-record.ts';
import type { RecordPlace } from '../../core/instance/series-files.ts';
import type { Chunk } from '../../core/ports/scan-ledger.ts';
import { recordOfFolder } from './folder-document.ts';
import { allOf, type Filter } from './series-reader.ts';

/** A folder chunk and its record. */
export interface ReadChunk extends RecordPlace {
  readonly chunk: Chunk;
  readonly record: FolderRecord;
}

/** Chunks that are read at once: a record of 8,192 files has some 200 kB. */
const PAGE = 100;
const KEEP_ALIVE = '15m';

export class FolderReader {
  private readonly client: Client;
  private pit: string;

  private constructor(client: Client, pit: string) {
    this.client = client;
    this.pit = pit;
  }

  /** @param index name of the folder index. */
  static async open(client: Client, index: string): Promise<FolderReader> {
    const { id } = await client.openPointInTime({ index, keep_alive: KEEP_ALIVE });
    return new FolderReader(client, id);
  }

  async close(): Promise<void> {
    try {
      await this.client.closePointInTime({ id: this.pit });
    } catch {
      // It ends by itself.
    }
  }

  /** Chunks that there are, by number of the archive and path of the folder. */
  async *chunks(filter: Filter): AsyncIterable<ReadChunk> {
    let after: estypes.SortResults | undefined;
    for (;;) {
      const { pit_id, hits } = await this.client.search<StoredChunk>({
        pit: { id: this.pit, keep_alive: KEEP_ALIVE },
        size: PAGE,
        query: allOf([{ term: { gone: false } }, filter]),
        // Chunks whose path is too long to be sorted come last.
        sort: [{ number: 'asc' }, { path: 'asc' }, { index: 'asc' }],
        _source: ['archive', 'path', 'bits', 'index', 'record'],
        track_total_hits: false,
        ...(after === undefined ? {} : { search_after: after }),
      });
      this.pit = pit_id ?? this.pit;
      for (const { _source } of hits.hits) {
        const { archive, path: folder, bits, index, record } = _source!;
        yield { archive, folder, chunk: { bits, index }, record: recordOfFolder({ record })! };
      }
      if (hits.hits.length < PAGE) return;
      after = hits.hits.at(-1)!.sort;
    }
  }
}

interface StoredChunk {
  readonly archive: string;
  readonly path: string;
  readonly bits: number;
  readonly index: number;
  readonly record: string;
}
