/**
 * Synthetic folders as the entries of a cluster's log: what a scanner would have
 * written of them.
 */
import type { ArchiveIdentity, ChunkEntry, LoggedEntry, RecordLog } from '../core/ports/record-log.ts';
import { type SyntheticShape, syntheticFolder } from './synthetic-data.ts';
import { folderEvent } from './synthetic-index.ts';

export const syntheticArchive: ArchiveIdentity = { name: 'synthetic', number: 1 };
/** Writes that wait for the server at the same time. */
export const flight = 256;

export interface SyntheticEntry {
  entry: ChunkEntry;
  /** One file's metadata is an event. */
  events: number;
}

/** The entry of series `number`, which has a folder of its own. */
export function syntheticEntry(shape: SyntheticShape, number: number): SyntheticEntry {
  const { folder, chunk, record, headers, tally } = folderEvent(syntheticFolder(shape, number));
  return { entry: { entry: 'chunk', archive: syntheticArchive, folder, chunk, record, headers }, events: tally.files };
}

/** Entries with their positions, as if they had been written in this order, so many at a time; made beforehand. */
export function loggedBatches(shape: SyntheticShape, atATime: number): { batches: LoggedEntry[][]; events: number } {
  const batches: LoggedEntry[][] = [];
  let events = 0;
  for (let number = 0; number < shape.series; number++) {
    const made = syntheticEntry(shape, number);
    if (number % atATime === 0) batches.push([]);
    batches.at(-1)!.push({ sequence: number + 1, entry: made.entry });
    events += made.events;
  }
  return { batches, events };
}

/** Writes entries that are all new, `flight` at a time. Gives how many events they were. */
export async function writeEntries(log: RecordLog, entries: Iterable<SyntheticEntry>): Promise<number> {
  const iterator = entries[Symbol.iterator]();
  let events = 0;
  const turn = async () => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      if ((await log.write(next.value.entry, 0)) === undefined) throw new Error('an entry was in the log before');
      events += next.value.events;
    }
  };
  await Promise.all(Array.from({ length: flight }, turn));
  return events;
}
