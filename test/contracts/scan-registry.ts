// The contract of the ports ScanRegistry and IndexGenerations: what many parts of a cluster change at once stays right.
// An adapter's test calls the functions with a way to make an empty one that several open.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScanState } from '../../core/jobs/scan-state.ts';
import type { ScanTally } from '../../core/jobs/scan-tally.ts';
import type { IndexGenerations } from '../../core/ports/index-generations.ts';
import type { ScanRegistry } from '../../core/ports/scan-registry.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';

type Open<Port> = () => Promise<Port>;

const ARCHIVE = { name: 'a', number: 1 };

function scan(id: string, startedAt = '2026-01-01T00:00:00.000Z'): ScanState {
  const flags = { append: false, acceptDeletions: false, knownFiles: 0, knownInstances: 0 };
  return { id, archive: ARCHIVE, ...flags, startedAt, status: 'scanning' };
}

function tally(files: number, kept: ScanTally['kept'] = []): ScanTally {
  const counts = {
    instances: 1,
    opened: 2,
    unchanged: 3,
    unread: 8,
    unreadWork: 9,
    refusedRecords: 10,
    vanished: 4,
    appeared: 5,
  };
  return { files, ...counts, changedChunks: 6, kept, unreadFiles: [`unread-${files}`] };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export function scanRegistryContract(name: string, make: () => Promise<Open<ScanRegistry>>): void {
  const contract = (title: string, check: (open: Open<ScanRegistry>) => Promise<void>) =>
    void test(`${name}: ${title}`, { timeout: 60_000 }, async (t) => {
      const open = await partOrSkip(t, make);
      if (open === undefined) return;
      await check(open);
    });

  contract('20 archives that are named at once have 20 numbers', async (open) => {
    const registries = await Promise.all(Array.from({ length: 4 }, open));
    const names = Array.from({ length: 20 }, (_, i) => `archive ${i} é*.>`);
    const named = await Promise.all(names.map((each, i) => registries[i % 4]!.archive(each)));
    assert.deepEqual(
      named.map((each) => each.name),
      names,
    );
    assert.equal(new Set(named.map(({ number }) => number)).size, 20);
    const again = await Promise.all(names.map((each, i) => registries[(i + 1) % 4]!.archive(each)));
    assert.deepEqual(again, named);
    assert.deepEqual(
      await registries[0]!.archives(),
      [...named].sort((a, b) => a.number - b.number),
    );
  });

  contract('one archive that 20 name at once is one', async (open) => {
    const registries = await Promise.all(Array.from({ length: 20 }, open));
    const named = await Promise.all(registries.map((registry) => registry.archive('same')));
    assert.equal(new Set(named.map(({ number }) => number)).size, 1);
    assert.deepEqual(await registries[0]!.archives(), [named[0]]);
  });

  contract('a scan that is added again is the one that is under way', async (open) => {
    const registries = await Promise.all(Array.from({ length: 8 }, open));
    const added = await Promise.all(registries.map((registry) => registry.add(scan('s1'))));
    assert.deepEqual([added.filter((id) => id === undefined).length, new Set(added)], [1, new Set([undefined, 's1'])]);
    assert.equal((await registries[0]!.all()).length, 1);
  });

  contract('an archive that is claimed is not scanned before the scan that has it is over', async (open) => {
    const [one, other] = [await open(), await open()];
    const b = { name: 'b', number: 2 };
    await one.add(scan('s1'));
    assert.deepEqual([await one.claim(b, 's1'), await other.claim(b, 's1')], [true, true]);
    assert.equal(await other.add({ ...scan('s2'), archive: b }), 's1');
    assert.equal(await other.find('s2'), undefined);
    const { state, revision } = (await one.find('s1'))!;
    await one.replace({ ...state, status: 'done' }, revision);
    assert.equal(await other.add({ ...scan('s2'), archive: b }), undefined);
    await one.add(scan('s3'));
    assert.equal(await one.claim(b, 's3'), false);
    assert.equal((await one.find('s2'))!.state.status, 'scanning');
  });

  contract('those under way are told, whatever has ended or claims an archive', async (open) => {
    const [one, other] = [await open(), await open()];
    const ids = async (registry: ScanRegistry) => (await registry.active()).map(({ state }) => state.id).sort();
    assert.deepEqual(await ids(one), []);
    const archives = await Promise.all(['a', 'b', 'c'].map((each) => one.archive(each)));
    for (const [i, archive] of archives.entries()) await one.add({ ...scan(`s${i}`), archive });
    assert.deepEqual(await ids(other), ['s0', 's1', 's2']);
    const end = async (id: string) => {
      const { state, revision } = (await one.find(id))!;
      await other.replace({ ...state, status: 'done' }, revision);
    };
    await end('s1');
    assert.equal(await other.claim(archives[1]!, 's0'), true);
    assert.deepEqual(
      [await ids(one), await ids(other)],
      [
        ['s0', 's2'],
        ['s0', 's2'],
      ],
    );
    await one.remove('s0');
    await end('s2');
    assert.deepEqual(await ids(one), []);
    await other.add({ ...scan('s3'), archive: archives[2]! });
    assert.deepEqual(await ids(one), ['s3']);
    assert.equal((await one.find('s3'))!.revision, (await one.active())[0]!.revision);
  });

  contract('a state is replaced only as it was read', async (open) => {
    const [one, other] = [await open(), await open()];
    await one.add(scan('s1'));
    const found = (await other.find('s1'))!;
    assert.deepEqual(found.state, scan('s1'));
    assert.ok(Math.abs(found.changedAt - Date.now()) < 5_000);
    assert.equal(await other.replace({ ...scan('s1'), status: 'publishing' }, found.revision), true);
    assert.equal(await one.replace({ ...scan('s1'), status: 'cancelled' }, found.revision), false);
    assert.equal((await one.find('s1'))!.state.status, 'publishing');
    assert.equal(await one.find('s2'), undefined);
    const { revision } = (await one.find('s1'))!;
    const all = await Promise.all(Array.from({ length: 10 }, () => one.replace(scan('s1'), revision)));
    assert.equal(all.filter((replaced) => replaced).length, 1);
  });

  contract('all scans show, the newest first, also what others change', async (open) => {
    const [one, other] = [await open(), await open()];
    assert.deepEqual(await one.all(), []);
    await other.add(scan('s1', '2026-01-01T00:00:00.000Z'));
    const { revision } = (await other.find('s1'))!;
    await other.replace({ ...scan('s1'), status: 'done' }, revision);
    await other.add(scan('s2', '2026-01-02T00:00:00.000Z'));
    assert.deepEqual(
      (await one.all()).map(({ state }) => [state.id, state.status]),
      [
        ['s2', 'scanning'],
        ['s1', 'done'],
      ],
    );
  });

  contract('of scans of one archive that are added at once one is kept', async (open) => {
    const registries = await Promise.all(Array.from({ length: 6 }, open));
    const kept = await Promise.all(registries.map((registry, i) => registry.add(scan(`s${i}`))));
    const winner = kept.indexOf(undefined);
    assert.deepEqual(
      kept,
      kept.map((_, i) => (i === winner ? undefined : `s${winner}`)),
    );
    assert.deepEqual(
      (await registries[0]!.all()).map(({ state }) => state.id),
      [`s${winner}`],
    );
  });

  contract('tallies add up, and each position counts once', async (open) => {
    const [one, other] = [await open(), await open()];
    assert.equal((await one.tally('s1')).files, 0);
    for (let at = 0; at < 1200; at += 100) {
      const positions = Array.from({ length: 100 }, (_, i) => at + i);
      await Promise.all(positions.map((position) => other.addTally('s1', `${position}`, tally(position))));
      if (at === 500) assert.equal((await one.tally('s1')).files, (599 * 600) / 2);
    }
    for (const position of [0, 500, 1199]) await one.addTally('s1', `${position}`, tally(1_000_000));
    const kept = [{ folder: 'x', reason: 'unreadable', detail: 'EIO' }] as const;
    await one.addTally('s1', '5000', tally(7, kept));
    await one.addTally('s2', '1', tally(1));
    for (const registry of [one, other, await open()]) {
      const sum = await registry.tally('s1');
      assert.equal(sum.files, (1199 * 1200) / 2 + 7);
      const { instances, opened, unchanged, vanished, appeared, changedChunks, unread, unreadWork } = sum;
      const times = [instances, opened, unchanged, vanished, appeared, changedChunks, unread, unreadWork];
      assert.deepEqual(
        times,
        [1, 2, 3, 4, 5, 6, 8, 9].map((n) => n * 1201),
      );
      assert.deepEqual(sum.kept, kept);
      assert.equal(sum.unreadFiles.length, 1201);
    }
    await one.remove('s1');
    for (const registry of [one, await open()]) assert.equal((await registry.tally('s1')).files, 0);
    assert.equal((await one.tally('s2')).files, 1);
  });

  contract('changes are held once, in order', async (open) => {
    const registry = await open();
    const gone = (folder: string) => ({ held: 'folder-gone', folder }) as const;
    for (let i = 0; i < 1050; i++) await registry.hold('s1', `${i}`, i % 3, gone(`f${i}`));
    await registry.hold('s1', '4', 1, gone('again'));
    await registry.hold('s1', '4', 2, gone('late'));
    await registry.addTally('s1', '4', tally(1));
    const record = new Uint8Array([1, 2, 3]);
    const headers = [{ SeriesInstanceUID: '1', name: 'n', issues: 1, header: '[]' }];
    const entry = {
      entry: 'chunk',
      archive: ARCHIVE,
      folder: 'c',
      chunk: { bits: 1, index: 1 },
      record,
      headers,
    } as const;
    await registry.hold('s1', '9', 9, { held: 'entry', entry, expected: 3, lost: 2 });
    await registry.hold('s2', '0', 0, gone('of another'));
    const held = await collect(registry.held('s1'));
    const folders = held.map((change) => (change.held === 'folder-gone' ? change.folder : change.entry.entry));
    assert.deepEqual(folders, [...Array.from({ length: 1050 }, (_, i) => `f${i}`), 'late', 'chunk']);
    const last = held.at(-1)!;
    assert.ok(last.held === 'entry' && last.entry.entry === 'chunk');
    assert.deepEqual(
      [[...last.entry.record!], last.entry.headers, last.expected, last.lost],
      [[1, 2, 3], headers, 3, 2],
    );
    // A piece that is done again holds back what is true then.
    await registry.letGo('s1', '9');
    await registry.letGo('s1', 'none');
    await registry.hold('s1', '4', 2, gone('once'));
    assert.equal((await collect(registry.held('s1'))).length, 1050);
    await registry.letGo('s1', '4');
    await registry.hold('s1', '4', 2, gone('anew'));
    const anew = (await collect(registry.held('s1'))).map((change) => change.held === 'folder-gone' && change.folder);
    assert.deepEqual([anew.length, anew.includes('late'), anew.at(-1)], [1049, false, 'anew']);
    await registry.remove('s1');
    assert.deepEqual(await collect(registry.held('s1')), []);
  });
}

export function indexGenerationsContract(name: string, make: () => Promise<Open<IndexGenerations>>): void {
  void test(`${name}: one generation is built at a time, and answers when it is complete`, async (t) => {
    const open = await partOrSkip(t, make);
    if (open === undefined) return;
    const [one, other] = [await open(), await open()];
    assert.deepEqual(await one.get(), { answering: 1, building: undefined });
    const begun = await Promise.allSettled([one.begin(), other.begin(), one.begin()]);
    assert.deepEqual(begun.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const each of begun) if (each.status === 'rejected') assert.equal(each.reason.code, 'rebuild-running');
    assert.deepEqual(await other.get(), { answering: 1, building: 2 });
    await other.complete(7);
    await Promise.all([one.complete(2), other.complete(2), one.complete(2)]);
    assert.deepEqual(await one.get(), { answering: 2, building: undefined });
    assert.equal(await other.begin(), 3);
  });
}
