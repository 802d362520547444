// The end of a cluster's scan, when none of its jobs is left: what was held back is believed or refused, the archive is
// signed, other archives leave where they are not to be kept, and the scan is over when all of it can be queried. Every
// step can be done again, also by two scanners at once: whoever takes over begins at the beginning.

import { DitagError, ditagError } from '../errors/errors.ts';
import { joinPath } from '../instance/byte-path.ts';
import { decodeFolderRecord } from '../instance/folder-record.ts';
import { type ChunkChange, LostInstances, mostBelieved } from '../instance/lost-instances.ts';
import type { ScanState } from '../jobs/scan-state.ts';
import { TallySum } from '../jobs/scan-tally.ts';
import type { FailedMessages } from '../ports/failed-messages.ts';
import type { PublishReport } from '../ports/index-writer.ts';
import type { PublishedIndex } from '../ports/published-index.ts';
import type { ArchiveIdentity, LogEntry, LogLedger, RecordFeed, RecordLog } from '../ports/record-log.ts';
import type { HeldChange, ScanRegistry } from '../ports/scan-registry.ts';
import { pause } from './pause.ts';

/** How often it is asked whether the index has come so far (milliseconds). */
const ASK_EVERY = 50;
/** Series whose instances are looked for at a time. */
const SERIES_AT_ONCE = 200;

export interface FinishPorts {
  readonly log: RecordLog;
  readonly feed: RecordFeed;
  readonly registry: ScanRegistry;
  readonly index: PublishedIndex;
  readonly failed: FailedMessages;
  /** The time, as ISO 8601. */
  readonly now: () => string;
}

/** Finishes a scan. Returns its last state. Rejects when the cluster cannot do it now: it is to be tried again. */
export async function finishScan(scan: ScanState, ports: FinishPorts): Promise<ScanState> {
  try {
    return { ...scan, status: 'done', endedAt: ports.now(), report: await new Finish(scan, ports).run() };
  } catch (error) {
    if (!(error instanceof DitagError) || error.code !== 'too-many-deletions') throw error;
    return { ...scan, status: 'failed', endedAt: ports.now(), failure: { code: error.code, message: error.message } };
  }
}

class Finish {
  private readonly scan: ScanState;
  private readonly ports: FinishPorts;
  /** What an attempt at this end has removed before, which failed later, is not among them. */
  private goneFiles = 0;

  constructor(scan: ScanState, ports: FinishPorts) {
    this.scan = scan;
    this.ports = ports;
  }

  async run(): Promise<PublishReport> {
    const { scan, ports } = this;
    const { registry, log } = ports;
    const tally = await registry.tally(scan.id);
    if (!scan.acceptDeletions) await this.refuseMassDeletion();
    for await (const change of registry.held(scan.id)) await this.apply(change);
    await log.write({ entry: 'archive', archive: scan.archive, indexedAt: ports.now() }, undefined);
    const removedArchives = scan.append ? [] : await this.removeOtherArchives();
    await this.untilIndexed();
    const emptied = tally.kept.filter(({ reason }) => reason === 'lists-empty').map(({ folder }) => folder);
    const keptFolders = await this.withoutMoved(emptied);
    await this.countRefused();
    const totals = await ports.index.totals(scan.archive.name);
    const { goneFiles } = this;
    const { changedChunks, appeared, vanished } = tally;
    return { ...totals, changedChunks, appeared, vanished, keptFolders, goneFiles, removedArchives };
  }

  /** What the index does not take is not in it, also where it was put aside in an earlier scan. */
  private async countRefused(): Promise<void> {
    const { scan, ports } = this;
    const tally = TallySum.ofPiece();
    tally.refusedRecords = await ports.failed.records(scan.archive.name);
    if (tally.refusedRecords > 0) await ports.registry.addTally(scan.id, 'refused', tally);
  }

  private async refuseMassDeletion(): Promise<void> {
    const { scan, ports } = this;
    const most = mostBelieved(scan.knownInstances);
    const lost = new LostInstances();
    for await (const change of ports.registry.held(scan.id)) await lost.add(this.changesOf(change));
    if (!lost.isCut)
      for await (const change of ports.registry.held(scan.id))
        if (change.held === 'entry' && change.entry.entry === 'chunk' && change.entry.record !== undefined)
          lost.take(change.entry.record);
    if (lost.count <= most) return;
    const refusal = (missed: string | number) =>
      ditagError('too-many-deletions', { archive: scan.archive.name, missed, known: scan.knownInstances });
    if (lost.isCut) throw refusal(`Up to ${lost.count} (some may have moved)`);
    // What has appeared elsewhere is found in the index, once that holds all that the scan has found.
    await this.untilIndexed();
    const missed = await this.missed(lost);
    if (missed > most) throw refusal(missed);
  }

  /** Of folders that list empty those stay of which something stands in no other one now; the others leave the index. */
  private async withoutMoved(emptied: readonly string[]): Promise<string[]> {
    const kept: string[] = [];
    const isEmptied = (folder: string) => emptied.some((one) => isWithin(folder, one));
    for (const folder of emptied) {
      const lost = new LostInstances();
      await lost.add(this.changesOf({ held: 'folder-gone', folder }));
      if (lost.isCut || (await this.missed(lost, isEmptied)) > 0) kept.push(folder);
      else await this.removeBelow(folder);
    }
    if (kept.length < emptied.length) await this.untilIndexed();
    return kept;
  }

  /** How many of the lost instances stand nowhere else now: the others have moved, in an index that is up to date. @param isOut a place that does not count */
  private async missed(lost: LostInstances, isOut: (folder: string) => boolean = () => false): Promise<number> {
    const { scan, ports } = this;
    let missed = 0;
    for (const series of lost.series(SERIES_AT_ONCE)) {
      for (const found of await ports.index.instances(scan.archive.name, [...series.keys()])) {
        if (lost.isChanged(found.folder, found.chunk) || isOut(found.folder)) continue;
        const instances = series.get(found.SeriesInstanceUID);
        for (const SOPInstanceUID of found.SOPInstanceUIDs) instances?.delete(SOPInstanceUID);
      }
      for (const instances of series.values()) missed += instances.size;
    }
    return missed;
  }

  /** The chunks that a held change puts something else, or nothing, in the place of. */
  private async *changesOf(change: HeldChange): AsyncIterable<ChunkChange> {
    if (change.held === 'folder-gone') {
      for await (const { folder, chunk, record } of this.chunksBelow(change.folder)) {
        yield { folder, chunk, before: record, after: undefined };
      }
    } else if (change.entry.entry === 'chunk' && change.lost > 0) {
      const { folder, chunk, record: after } = change.entry;
      const known = await this.ports.log.ledger(this.scan.archive).chunk(folder, chunk);
      if (known !== undefined) yield { folder, chunk, before: known.record, after };
    }
  }

  private async apply(change: HeldChange): Promise<void> {
    const { log } = this.ports;
    if (change.held === 'folder-gone') return this.removeBelow(change.folder);
    // Where another one has written meanwhile, that one has seen the folder later.
    await log.write(change.entry, change.expected);
  }

  private async removeBelow(folder: string): Promise<void> {
    const { scan, ports } = this;
    for await (const { gone, expected, record } of this.chunksBelow(folder)) {
      this.goneFiles += decodeFolderRecord(record).files.length;
      await ports.log.write(gone, expected);
    }
    for await (const { entry, position } of this.foldersBelow(folder)) {
      const empty: LogEntry = { entry: 'folder', archive: scan.archive, folder: entry, subfolders: [], bits: 0 };
      if (position > 0) await ports.log.write(empty, position);
    }
  }

  private async *chunksBelow(top: string) {
    const { archive } = this.scan;
    for await (const { entry: folder, ledger } of this.foldersBelow(top)) {
      const bits = await ledger.chunkBits(folder);
      for (let index = 0; index < 2 ** bits; index++) {
        const chunk = { bits, index };
        const known = await ledger.chunk(folder, chunk);
        if (known === undefined) continue;
        const gone: LogEntry = { entry: 'chunk', archive, folder, chunk, record: undefined, headers: [] };
        yield { gone, expected: await ledger.chunkPosition(folder, chunk), folder, chunk, record: known.record };
      }
    }
  }

  /** The folder and all below it, the deepest first: what was begun is found again from above. */
  private async *foldersBelow(folder: string): AsyncIterable<{ entry: string; position: number; ledger: LogLedger }> {
    const ledger = this.ports.log.ledger(this.scan.archive);
    for (const name of await ledger.subfolders(folder)) yield* this.foldersBelow(joinPath(folder, name));
    yield { entry: folder, position: await ledger.folderPosition(folder), ledger };
  }

  /**
   * Their names. One that is being scanned at this time stays: it is as if that scan had begun after this one. What an
   * attempt at this end has removed before, which failed later, is not among them.
   */
  private async removeOtherArchives(): Promise<string[]> {
    const { scan, ports } = this;
    const removed: string[] = [];
    for (const archive of await ports.registry.archives()) {
      if (archive.name === scan.archive.name) continue;
      // Until this scan is over no other one of that archive begins: it would hold what is removed to be there.
      if (!(await ports.registry.claim(archive, scan.id))) continue;
      if (await this.removeArchive(archive)) removed.push(archive.name);
    }
    return removed;
  }

  /** False where the index did not have it. */
  private async removeArchive(archive: ArchiveIdentity): Promise<boolean> {
    const { log } = this.ports;
    let wasThere = false;
    for await (const { entry, sequence } of log.entries(archive)) {
      if (entry.entry === 'chunk' && entry.record !== undefined) {
        // A scan that was cancelled has left chunks, and no entry of the archive.
        wasThere = true;
        await log.write({ ...entry, record: undefined, headers: [] }, sequence);
      } else if (entry.entry === 'folder' && (entry.subfolders.length > 0 || entry.bits > 0)) {
        await log.write({ ...entry, subfolders: [], bits: 0 }, sequence);
      } else if (entry.entry === 'archive' && entry.indexedAt !== undefined) {
        wasThere = true;
        await log.write({ entry: 'archive', archive, indexedAt: undefined }, sequence);
      }
    }
    return wasThere;
  }

  private async untilIndexed(): Promise<void> {
    const { log, feed, index } = this.ports;
    const end = await log.end();
    while (!(await feed.isPast(end))) await pause(ASK_EVERY);
    await index.refresh();
  }
}

/** @param top '' is the archive's root */
function isWithin(folder: string, top: string): boolean {
  return top === '' || folder === top || folder.startsWith(`${top}/`);
}
