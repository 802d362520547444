// The instances that changes of folder chunks would take out of an archive: those of the old records that no new one of
// the same changes holds. Whether they stand elsewhere in the archive is for others to find out.
import type { Chunk } from '../ports/scan-ledger.ts';
import { decodeFolderRecord } from './folder-record.ts';

/** A chunk's record before and after; undefined: the chunk is gone. */
export interface ChunkChange {
  readonly folder: string;
  readonly chunk: Chunk;
  readonly before: Uint8Array;
  readonly after: Uint8Array | undefined;
}

/** More than so many are not kept apart: they would fill the memory. */
const MOST = 1_000_000;

export class LostInstances {
  private readonly changed = new Set<string>();
  private readonly lost = new Map<string, Set<string>>();
  /** Whatever the series: an instance that another one has now is not lost. */
  private readonly kept = new Set<string>();
  private seen = 0;

  async add(changes: AsyncIterable<ChunkChange>): Promise<void> {
    for await (const { folder, chunk, before, after } of changes) {
      if (this.isCut) return;
      this.changed.add(place(folder, chunk));
      this.seen += collect(before, this.lost);
      if (after !== undefined)
        for (const { SOPInstanceUID } of decodeFolderRecord(after).files) this.kept.add(SOPInstanceUID);
    }
  }

  /** There were more than are kept apart. */
  get isCut(): boolean {
    return this.seen > MOST;
  }

  /** How many there are; of more than are kept apart, that number. */
  get count(): number {
    if (this.isCut) return MOST;
    let count = 0;
    for (const instances of this.lost.values()) count += this.without(instances).size;
    return count;
  }

  /** SOPInstanceUIDs by SeriesInstanceUID, so many series at a time. */
  *series(most: number): Iterable<Map<string, Set<string>>> {
    let batch = new Map<string, Set<string>>();
    for (const [uid, instances] of this.lost) {
      batch.set(uid, this.without(instances));
      if (batch.size < most) continue;
      yield batch;
      batch = new Map();
    }
    if (batch.size > 0) yield batch;
  }

  /** Whether a chunk is among the changed ones: what is known of it does not hold any more. */
  isChanged(folder: string, chunk: Chunk): boolean {
    return this.changed.has(place(folder, chunk));
  }

  private without(instances: ReadonlySet<string>): Set<string> {
    return instances.difference(this.kept) as Set<string>;
  }
}

/** Returns how many instances the record has. */
function collect(record: Uint8Array, into: Map<string, Set<string>>): number {
  let count = 0;
  const { kinds, series, files } = decodeFolderRecord(record);
  for (const { kind, SOPInstanceUID } of files) {
    const at = kinds[kind]!.series;
    if (at < 0) continue;
    const uid = series[at]!;
    const instances = into.get(uid);
    if (instances === undefined) into.set(uid, new Set([SOPInstanceUID]));
    else instances.add(SOPInstanceUID);
    count++;
  }
  return count;
}

function place(folder: string, { bits, index }: Chunk): string {
  return `${bits} ${index} ${folder}`;
}
