// Brings changed pieces into the documents of series: read, fold, write if nobody wrote meanwhile, else read again.
// Several writers at once end in the same documents, because the fold does not depend on their order.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, estypes } from '@elastic/elasticsearch';
import { type DocumentWrite, inTurns, readDocuments, writeDocuments } from './bulk.ts';
import { documentId } from './document-id.ts';
import { seriesDocument } from './series-document.ts';
import {
  applyPieces,
  decodePieces,
  type SeriesPiece,
  type SeriesPieces,
  STORED_SERIES_FIELDS,
  type StoredSeries,
} from './series-state.ts';
import type { ValueWrites } from './value-writes.ts';

/** Series that are read, folded and written together: while one group is folded here, others are written there. */
const TOGETHER = 250;
const SHOWN_AT_ONCE = 5000;
const AT_ONCE = 4;
/** Rounds in which another writer may be first. */
const MOST_ROUNDS = 30;
const WAIT_MILLISECONDS = 20;

export class SeriesWrites {
  private readonly client: Client;
  private readonly index: string;
  private readonly values: ValueWrites;

  constructor(client: Client, index: string, values: ValueWrites) {
    this.client = client;
    this.index = index;
    this.values = values;
  }

  /** Writes changed pieces by SeriesInstanceUID. Returns the series that can never be written, and why. */
  async write(changes: ReadonlyMap<string, readonly SeriesPiece[]>): Promise<Map<string, string>> {
    const refused = new Map<string, string>();
    const uids = [...changes.keys()];
    const groups: string[][] = [];
    for (let at = 0; at < uids.length; at += TOGETHER) groups.push(uids.slice(at, at + TOGETHER));
    await inTurns(groups, AT_ONCE, async (group) => {
      let pending = group;
      for (let round = 0; pending.length > 0; round++) {
        if (round === MOST_ROUNDS) throw new Error('Other writers kept changing the same series: try again later');
        if (round > 0) await sleep(WAIT_MILLISECONDS * Math.random() * round);
        pending = await this.writeGroup(pending, changes, refused);
      }
    });
    return refused;
  }

  /**
   * The series that show with pieces of these chunks, by place. So a chunk's new state also takes back what a writer
   * began to write of an older one before it crashed, which the chunk's document does not tell. What was written since
   * the index was refreshed does not show.
   */
  async ofPlaces(places: readonly string[]): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>(places.map((place) => [place, []]));
    let after: estypes.SortResults | undefined;
    while (places.length > 0) {
      const { hits } = await this.client.search<never>({
        index: this.index,
        size: SHOWN_AT_ONCE,
        query: { terms: { places: [...places] } },
        sort: [{ SeriesInstanceUID: 'asc' }],
        _source: false,
        docvalue_fields: ['places'],
        track_total_hits: false,
        ...(after === undefined ? {} : { search_after: after }),
        filter_path: ['hits.hits.sort', 'hits.hits.fields'],
      });
      const page = hits?.hits ?? [];
      for (const { sort, fields } of page)
        for (const place of (fields as { places: string[] }).places) found.get(place)?.push(sort![0] as string);
      if (page.length < SHOWN_AT_ONCE) break;
      after = page.at(-1)!.sort;
    }
    return found;
  }

  /** Lets all show that was written before. */
  async refresh(): Promise<void> {
    await this.client.indices.refresh({ index: this.index });
  }

  /** Returns the series that another writer changed meanwhile. */
  private async writeGroup(
    uids: readonly string[],
    changes: ReadonlyMap<string, readonly SeriesPiece[]>,
    refused: Map<string, string>,
  ): Promise<string[]> {
    const ids = uids.map(documentId);
    const stored = await readDocuments<StoredSeries>(this.client, this.index, ids, STORED_SERIES_FIELDS, TOGETHER);
    const written: string[] = [];
    const writes: DocumentWrite[] = [];
    const values: (readonly string[])[] = [];
    uids.forEach((uid, i) => {
      const id = ids[i]!;
      const known = stored.get(id);
      const pieces: SeriesPieces = known === undefined ? new Map() : decodePieces(known.source);
      if (!applyPieces(pieces, changes.get(uid)!)) return;
      const document = seriesDocument(uid, pieces);
      written.push(uid);
      values.push(document.values);
      const action =
        known === undefined
          ? { create: { _id: id } }
          : { index: { _id: id, if_seq_no: known.sequence, if_primary_term: known.term } };
      writes.push({ action: JSON.stringify(action), body: document.body });
    });
    if (writes.length === 0) return [];
    await this.values.add(values);
    const outcomes = await writeDocuments(this.client, this.index, writes);
    outcomes.forEach(({ status, reason }, i) => {
      if (status === 'refused') refused.set(written[i]!, reason);
    });
    return written.filter((_, i) => outcomes[i]!.status === 'conflict');
  }
}
