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

/** More missed instances than this share of the known ones are not believed without being told. */
const BELIEVED_SHARE = 0.1;
/** Up to this many, a share says nothing: in a handful of files one is more than a tenth. */
const BELIEVED_INSTANCES = 5;

/** How many of so many known instances may be missed without being told (docs/architecture.md, "Much is gone at once"). */
export function mostBelieved(known: number): number {
  return Math.max(BELIEVED_INSTANCES, known * BELIEVED_SHARE);
}

/** More than so many are counted only: they would fill the memory. */
const MOST = 1_000_000;

export class LostInstances {
  private readonly most: number;
  private readonly changed = new Set<string>();
  private readonly lost = new Map<string, Set<string>>();
  private readonly lostAnywhere = new Set<string>();
  /** Of them, those that another of the changes has brought, whatever the series. */
  private readonly found = new Set<string>();
  private total = 0;

  constructor(most = MOST) {
    this.most = most;
  }

  /** Adds what chunks have lost. */
  async add(changes: AsyncIterable<ChunkChange>): Promise<void> {
    for await (const { folder, chunk, before, after } of changes) {
      const stay = new Set(after === undefined ? [] : instancesOf(after).map(({ SOPInstanceUID }) => SOPInstanceUID));
      const gone = instancesOf(before).filter(({ SOPInstanceUID }) => !stay.has(SOPInstanceUID));
      this.total += gone.length;
      if (this.isCut) {
        for (const kept of [this.changed, this.lost, this.lostAnywhere]) kept.clear();
        continue;
      }
      this.changed.add(place(folder, chunk));
      for (const { SeriesInstanceUID, SOPInstanceUID } of gone) {
        this.lostAnywhere.add(SOPInstanceUID);
        const instances = this.lost.get(SeriesInstanceUID);
        if (instances === undefined) this.lost.set(SeriesInstanceUID, new Set([SOPInstanceUID]));
        else instances.add(SOPInstanceUID);
      }
    }
  }

  /** What a chunk has now is not lost. To be called when all changes are added, with each chunk's new record. */
  take(record: Uint8Array): void {
    for (const { SOPInstanceUID } of instancesOf(record))
      if (this.lostAnywhere.has(SOPInstanceUID)) this.found.add(SOPInstanceUID);
  }

  /** There were more than are kept apart: `series` has none, and `count` has those too that only moved. */
  get isCut(): boolean {
    return this.total > this.most;
  }

  /** How many there are. */
  get count(): number {
    if (this.isCut) return this.total;
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
    return instances.difference(this.found) as Set<string>;
  }
}

function instancesOf(record: Uint8Array): { readonly SeriesInstanceUID: string; readonly SOPInstanceUID: string }[] {
  const { kinds, series, files } = decodeFolderRecord(record);
  return files.flatMap(({ kind, SOPInstanceUID }) => {
    const at = kinds[kind]!.series;
    return at < 0 ? [] : [{ SeriesInstanceUID: series[at]!, SOPInstanceUID }];
  });
}

function place(folder: string, { bits, index }: Chunk): string {
  return `${bits} ${index} ${folder}`;
}
