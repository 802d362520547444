// The contract of the ports RecordLog and RecordFeed: what every log of records answers, whatever it is made of. An
// adapter's test calls `recordLogContract` with a way to make an empty log and feeds over it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ArchiveIdentity, LogEntry, LoggedBatch, RecordFeed, RecordLog } from '../../core/ports/record-log.ts';
import { WHOLE_FOLDER } from '../../core/ports/scan-ledger.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';

export interface LogUnderTest {
  readonly log: RecordLog;
  /** A further indexer: all of them share the records. */
  feed(): RecordFeed;
}

const ARCHIVE: ArchiveIdentity = { name: 'räumlich / a', number: 1 };
const OTHER: ArchiveIdentity = { name: 'other', number: 2 };

export function chunkEntry(folder: string, bits: number, index: number, text?: string, archive = ARCHIVE): LogEntry {
  const record = text === undefined ? undefined : new TextEncoder().encode(text);
  const headers = [{ SeriesInstanceUID: '1.2', name: 'f', issues: 0, header: '[]' }];
  return { entry: 'chunk', archive, folder, chunk: { bits, index }, record, headers };
}

function folderEntry(folder: string, subfolders: readonly string[], bits: number): LogEntry {
  return { entry: 'folder', archive: ARCHIVE, folder, subfolders, bits };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Takes batches until `count` entries came; `deal` says what becomes of each. */
export async function takeEntries(
  feed: RecordFeed,
  count: number,
  deal: (batch: LoggedBatch) => Promise<void> = (batch) => batch.done(),
): Promise<number[]> {
  const enough = new AbortController();
  const sequences: number[] = [];
  for await (const batch of feed.batches(50, enough.signal)) {
    sequences.push(...batch.entries.map(({ sequence }) => sequence));
    await deal(batch);
    if (sequences.length >= count) enough.abort();
  }
  return sequences;
}

export function recordLogContract(name: string, make: () => Promise<LogUnderTest>): void {
  const contract = (title: string, check: (port: LogUnderTest) => Promise<void>) =>
    void test(`${name}: ${title}`, { timeout: 60_000 }, async (t) => {
      const made = await partOrSkip(t, make);
      if (made === undefined) return;
      await check(made);
    });

  contract('an entry is written only over the one that is expected', async ({ log }) => {
    const first = await log.write(chunkEntry('a', 0, 0, 'one'), 0);
    assert.ok(first !== undefined && first > 0);
    assert.equal(await log.write(chunkEntry('a', 0, 0, 'two'), 0), undefined);
    assert.equal(await log.write(chunkEntry('a', 0, 0, 'two'), first + 1), undefined);
    const second = await log.write(chunkEntry('a', 0, 0, 'two'), first);
    assert.ok(second !== undefined && second > first);
    const third = await log.write(chunkEntry('a', 0, 0, 'three'), undefined);
    assert.ok(third !== undefined && third > second);
    assert.equal(await log.end(), third);
  });

  contract('of writers at once one is first', async ({ log }) => {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => log.write(chunkEntry('a', 0, 0, `${i}`), 0)),
    );
    assert.equal(outcomes.filter((position) => position !== undefined).length, 1);
  });

  contract('a ledger answers what was written', async ({ log }) => {
    const folder = await log.write(folderEntry('a', ['x', 'y\xe9'], 2), 0);
    const chunk = await log.write(chunkEntry('a', 2, 3, 'three'), 0);
    await log.write(chunkEntry('a', 2, 3, 'of another', OTHER), 0);
    const ledger = log.ledger(ARCHIVE);
    assert.deepEqual(await ledger.subfolders('a'), ['x', 'y\xe9']);
    assert.equal(await ledger.chunkBits('a'), 2);
    assert.equal(await ledger.folderPosition('a'), folder);
    assert.equal(await ledger.chunkPosition('a', { bits: 2, index: 3 }), chunk);
    assert.equal(await ledger.chunkPosition('a', { bits: 3, index: 7 }), 0);
    assert.equal(await ledger.chunk('a', { bits: 2, index: 0 }), undefined);
    for (const asked of [
      { bits: 2, index: 3 },
      { bits: 4, index: 14 },
      { bits: 3, index: 6 },
    ]) {
      const known = await ledger.chunk('a', asked);
      assert.equal(new TextDecoder().decode(known?.record), 'three');
      assert.deepEqual([known?.bits, known?.index, known?.staged], [2, 3, false]);
      assert.equal(known?.headers?.[0]?.SeriesInstanceUID, '1.2');
    }
    for (const nothing of ['', 'b', 'a/x']) {
      assert.deepEqual(await ledger.subfolders(nothing), []);
      assert.equal(await ledger.chunkBits(nothing), 0);
      assert.equal(await ledger.folderPosition(nothing), 0);
      assert.equal(await ledger.chunk(nothing, WHOLE_FOLDER), undefined);
    }
  });

  contract('a chunk that is gone keeps its position and no record', async ({ log }) => {
    const first = await log.write(chunkEntry('a', 0, 0, 'one'), 0);
    const gone = await log.write(chunkEntry('a', 0, 0), first);
    const ledger = log.ledger(ARCHIVE);
    assert.equal(await ledger.chunk('a', WHOLE_FOLDER), undefined);
    assert.equal(await ledger.chunkPosition('a', WHOLE_FOLDER), gone);
    const all = await collect(log.entries(ARCHIVE));
    assert.equal(all.length, 1);
    assert.deepEqual([all[0]!.sequence, all[0]!.entry], [gone, chunkEntry('a', 0, 0)]);
  });

  contract('the entries of one archive are its last states', async ({ log }) => {
    for (let i = 0; i < 30; i++) await log.write(chunkEntry(`f${i % 10}`, 0, 0, `${i}`), undefined);
    await log.write(chunkEntry('f0', 0, 0, 'x', OTHER), 0);
    await log.write({ entry: 'archive', archive: ARCHIVE, indexedAt: '2026-01-01T00:00:00Z' }, undefined);
    const all = await collect(log.entries(ARCHIVE));
    const texts = all.map(({ entry }) => (entry.entry === 'chunk' ? new TextDecoder().decode(entry.record) : ''));
    assert.deepEqual(texts.sort(), ['', ...Array.from({ length: 10 }, (_, i) => `${20 + i}`)]);
  });

  contract('a feed delivers everything, also what was written before it', async ({ log, feed }) => {
    for (let i = 0; i < 120; i++) await log.write(chunkEntry(`f${i}`, 0, 0, 'x'), 0);
    const one = feed();
    const sequences = await takeEntries(one, 120);
    assert.deepEqual(
      sequences.sort((a, b) => a - b),
      Array.from({ length: 120 }, (_, i) => i + 1),
    );
    assert.equal(await one.waiting(), 0);
    assert.equal(await one.isPast(await log.end()), true);
  });

  contract('what the feed has not heard of yet is not past, though nothing waits', async ({ log, feed }) => {
    const first = (await log.write(chunkEntry('a', 0, 0, 'x'), 0))!;
    const one = feed();
    await takeEntries(one, 1);
    assert.equal(await one.waiting(), 0);
    assert.deepEqual([await one.isPast(first), await one.isPast(first + 1)], [true, false]);
  });

  contract('what is not done waits, and comes again', async ({ log, feed }) => {
    for (let i = 0; i < 3; i++) await log.write(chunkEntry(`f${i}`, 0, 0, 'x'), 0);
    const one = feed();
    let asked = 0;
    const sequences = await takeEntries(one, 6, async (batch) => {
      assert.equal(await one.waiting(), 3);
      assert.equal(await one.isPast(3), false);
      if (asked++ === 0) batch.later(10);
      else await batch.done();
    });
    assert.deepEqual(sequences.sort(), [1, 1, 2, 2, 3, 3]);
    assert.equal(await one.isPast(3), true);
  });

  contract('an entry that is replaced while it waits does not hold up the feed', async ({ log, feed }) => {
    for (let i = 0; i < 40; i++) await log.write(chunkEntry('same', 0, 0, `${i}`), undefined);
    const one = feed();
    assert.deepEqual(await takeEntries(one, 1), [40]);
    assert.equal(await one.isPast(40), true);
    const writing = takeEntries(one, 1, async (batch) => {
      await log.write(chunkEntry('same', 0, 0, 'newer'), undefined);
      await batch.done();
    });
    await log.write(chunkEntry('same', 0, 0, 'new'), undefined);
    assert.deepEqual(await writing, [41]);
    assert.deepEqual(await takeEntries(one, 1), [42]);
    assert.equal(await one.isPast(42), true);
  });

  contract('two share the records, and one that ends gives back what it had not begun', async ({ log, feed }) => {
    for (let i = 0; i < 400; i++) await log.write(chunkEntry(`f${i}`, 0, 0, 'x'), 0);
    const began = performance.now();
    const first = await takeEntries(feed(), 50);
    const rest = await Promise.all([takeEntries(feed(), 150), takeEntries(feed(), 150)]);
    const last = await takeEntries(feed(), 400 - first.length - rest.flat().length);
    const all = new Set([...first, ...rest.flat(), ...last]);
    assert.equal(all.size, 400);
    // What was on its way to the one that ended comes back after the acknowledgement wait of 20 s; the rest at once.
    assert.ok(performance.now() - began < 35_000, `it took ${performance.now() - began} ms`);
  });
}
