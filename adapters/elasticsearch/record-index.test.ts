// What entries of the log become in Elasticsearch, whatever their order, their number and the number of writers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, type estypes } from '@elastic/elasticsearch';
import { Issue } from '../../core/dicom/issues.ts';
import type { ArchiveIdentity, LoggedEntry } from '../../core/ports/record-log.ts';
import { startElasticsearch } from '../../scripts/parts/elasticsearch-node.ts';
import { MissingPart } from '../../scripts/parts/parts.ts';
import { ElasticsearchInstanceIndex } from './instance-index.ts';
import { ElasticsearchRecordIndex } from './record-index.ts';
import {
  chunkEntry,
  elasticsearchNode,
  goneEntry,
  lines,
  describedSeries as series,
  type TestIndex,
  testIndex,
} from './test-index.ts';

const FIRST: ArchiveIdentity = { name: 'first', number: 1 };
const SECOND: ArchiveIdentity = { name: 'second', number: 2 };

/** SeriesDescription, SeriesInstanceUID and number of instances of all series. */
async function rows({ writer, prefix, client }: TestIndex): Promise<string[]> {
  await writer.refresh();
  const index = new ElasticsearchInstanceIndex(client(), { prefix });
  try {
    const { instances } = await index.statistics();
    return [...(await lines(index)).map((line) => `${line.split(',')[1]} ${line.split(',')[5]}`), String(instances)];
  } finally {
    await index.close();
  }
}

/** Every document that queries look at, as it is stored, but what is only remembered of pieces that are gone. */
async function documents({ writer, prefix, client }: TestIndex): Promise<unknown[]> {
  await writer.refresh();
  const asked = client();
  const found: unknown[] = [];
  for (const kind of ['folders', 'series', 'archives']) {
    const query: estypes.QueryDslQueryContainer =
      kind === 'series'
        ? { term: { alive: true } }
        : kind === 'folders'
          ? { term: { gone: false } }
          : { match_all: {} };
    const { hits } = await asked.search<Record<string, unknown>>({ index: `${prefix}-${kind}`, size: 10_000, query });
    const sorted = hits.hits.sort((a, b) => (a._id! < b._id! ? -1 : 1));
    found.push(...sorted.map(({ _id, _source }) => [kind, _id, { ..._source, parts: '' }]));
  }
  await asked.close();
  return found;
}

/** A history of folders that appear, change, move and go. */
function history(): LoggedEntry[] {
  const entries: LoggedEntry[] = [];
  let sequence = 0;
  for (let round = 0; round < 4; round++) {
    for (let folder = 0; folder < 12; folder++) {
      const archive = folder % 3 === 0 ? SECOND : FIRST;
      sequence++;
      if ((folder + round) % 5 === 4) {
        entries.push(goneEntry(sequence, archive, `f${folder}`));
        continue;
      }
      const own = [0, 1, 2].map((n) =>
        series(`1.2.${(folder * 2 + n * round) % 9}`, `d${folder}-${round}`, {
          names: [`n${n}a`, `n${n}b`],
          digest: 1 + (folder % 2),
          issues: n === 2 ? Issue.NoFileMeta : 0,
        }),
      );
      const distinct = [...new Map(own.map((one) => [one.SeriesInstanceUID, one])).values()];
      entries.push(chunkEntry(sequence, archive, `f${folder}`, distinct, round % 2 === 0 ? { junk: 'not-dicom' } : {}));
    }
  }
  entries.push({
    sequence: ++sequence,
    entry: { entry: 'archive', archive: FIRST, indexedAt: '2026-01-01T00:00:00Z' },
  });
  entries.push({
    sequence: ++sequence,
    entry: { entry: 'archive', archive: FIRST, indexedAt: '2026-01-02T00:00:00Z' },
  });
  return entries;
}

/** The same for the same seed. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return items
    .map((item) => [random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}

async function putInParts(writer: ElasticsearchRecordIndex, entries: readonly LoggedEntry[], size: number) {
  for (let at = 0; at < entries.length; at += size)
    assert.deepEqual(await writer.put(entries.slice(at, at + size)), []);
}

const node = await elasticsearchNode(startElasticsearch, MissingPart);
if (node !== undefined) {
  test('the same entries in any order, any number of times, by two writers, give the same documents', async () => {
    const entries = history();
    const expected = await testIndex(node);
    await putInParts(expected.writer, entries, 1);
    const wanted = await documents(expected);
    assert.ok(wanted.length > 12);
    for (const [seed, size] of [
      [1, 7],
      [2, 1],
      [3, 1000],
    ] as const) {
      const other = await testIndex(node);
      await putInParts(other.writer, shuffled(entries, seed), size);
      assert.deepEqual(await documents(other), wanted, `shuffled by ${seed}`);
      await putInParts(other.writer, shuffled([...entries, ...entries], seed), size);
      assert.deepEqual(await documents(other), wanted, `again, shuffled by ${seed}`);
      await other.writer.close();
    }
    const shared = await testIndex(node);
    const second = new ElasticsearchRecordIndex(shared.client(), { prefix: shared.prefix, generation: 1 });
    const third = new ElasticsearchRecordIndex(shared.client(), { prefix: shared.prefix, generation: 1 });
    await Promise.all([
      putInParts(shared.writer, shuffled(entries, 4), 5),
      putInParts(second, shuffled(entries, 5), 9),
      putInParts(third, entries.toReversed(), 3),
    ]);
    assert.deepEqual(await documents(shared), wanted, 'three writers');
    for (const writer of [second, third, shared.writer, expected.writer]) await writer.close();
  });

  test('an older entry changes nothing, also after the folder is gone', async () => {
    const index = await testIndex(node);
    const { writer } = index;
    await writer.put([chunkEntry(5, FIRST, 'f', [series('1', 'new')])]);
    await writer.put([chunkEntry(3, FIRST, 'f', [series('1', 'old'), series('2', 'old')])]);
    assert.deepEqual(await rows(index), ['new 1', '1']);
    await writer.put([goneEntry(8, FIRST, 'f')]);
    await writer.put([chunkEntry(7, FIRST, 'f', [series('1', 'late')])]);
    assert.deepEqual(await rows(index), ['0']);
    await writer.put([chunkEntry(9, FIRST, 'f', [series('1', 'back')])]);
    assert.deepEqual(await rows(index), ['back 1', '1']);
    await writer.close();
  });

  test('what a writer that crashed left half done is taken back', async () => {
    const index = await testIndex(node);
    const { writer, prefix } = index;
    await writer.put([chunkEntry(3, FIRST, 'f', [series('1', 'one')])]);
    const outdated = chunkEntry(5, FIRST, 'f', [series('1', 'two'), series('2', 'two')]);
    const client = index.client();
    const bulk = client.bulk.bind(client) as (request: unknown) => Promise<never>;
    client.bulk = (async (request: { index: string }) => {
      if (request.index === `${prefix}-folders-1`) throw new Error('crash');
      return await bulk(request);
    }) as never;
    const crashing = new ElasticsearchRecordIndex(client, { prefix, generation: 1 });
    await assert.rejects(crashing.put([outdated]), /crash/);
    assert.deepEqual(await rows(index), ['two 1', 'two 2', '2']);
    // The outdated entry may never come again.
    await writer.put([chunkEntry(7, FIRST, 'f', [series('1', 'three')])]);
    assert.deepEqual(await rows(index), ['three 1', '1']);
    await assert.rejects(crashing.put([chunkEntry(8, FIRST, 'g', [series('3', 'new')])]), /crash/);
    // Nobody has refreshed since. That there was an entry in between, which may never come again, tells to do it.
    await writer.put([{ ...goneEntry(9, FIRST, 'g'), replaces: 8 }]);
    assert.deepEqual(await rows(index), ['three 1', '1']);
    await assert.rejects(crashing.put([chunkEntry(10, FIRST, 'f', [series('4', 'four')])]), /crash/);
    const [late, last] = [
      chunkEntry(11, FIRST, 'f', [series('1', 'three')]),
      chunkEntry(12, FIRST, 'f', [series('1', 'five')]),
    ];
    await writer.put([
      { ...late, replaces: 10 },
      { ...last, replaces: 11 },
    ]);
    assert.deepEqual(await rows(index), ['five 1', '1']);
    await writer.put([outdated]);
    assert.deepEqual(await rows(index), ['five 1', '1']);
    await crashing.close();
    await writer.close();
  });

  test('what a writer that was overtaken wrote of an outdated entry is taken back', async () => {
    const index = await testIndex(node);
    const { writer, prefix } = index;
    const client = index.client();
    const overtaken = new ElasticsearchRecordIndex(client, { prefix, generation: 1 });
    const bulk = client.bulk.bind(client) as (request: unknown) => Promise<never>;
    let times = 0;
    client.bulk = (async (request: { index: string }) => {
      if (request.index === `${prefix}-folders-1` && times++ === 0)
        await writer.put([chunkEntry(7, FIRST, 'f', [series('1', 'new')])]);
      return await bulk(request);
    }) as never;
    await overtaken.put([chunkEntry(5, FIRST, 'f', [series('1', 'old'), series('2', 'old')])]);
    assert.equal(times, 1);
    assert.deepEqual(await rows(index), ['new 1', '1']);
    await overtaken.close();
    await writer.close();
  });

  test('of a series in two archives the least number speaks, then the other', async () => {
    const index = await testIndex(node);
    const { writer } = index;
    await writer.put([chunkEntry(1, SECOND, 'f', [series('1', 'second', { instances: 5 })])]);
    assert.deepEqual(await rows(index), ['second 1', '5']);
    await writer.put([chunkEntry(2, FIRST, 'z', [series('1', 'first', { instances: 2 })])]);
    assert.deepEqual(await rows(index), ['first 1', '2']);
    await writer.put([goneEntry(3, FIRST, 'z')]);
    assert.deepEqual(await rows(index), ['second 1', '5']);
    await writer.close();
  });

  test('a file that moves, and the next file in path order when the speaker goes', async () => {
    const index = await testIndex(node);
    const { writer } = index;
    await writer.put([
      chunkEntry(1, FIRST, 'a/b', [series('1', 'a/b')]),
      chunkEntry(2, FIRST, 'a-b', [series('1', 'a-b')]),
      chunkEntry(3, FIRST, 'c', [series('1', 'c')]),
    ]);
    assert.deepEqual(await rows(index), ['a/b 1', '3']);
    await writer.put([goneEntry(4, FIRST, 'a/b'), chunkEntry(5, FIRST, 'd', [series('1', 'moved')])]);
    assert.deepEqual(await rows(index), ['a-b 1', '3']);
    await writer.put([chunkEntry(6, FIRST, 'a-b', [])]);
    assert.deepEqual(await rows(index), ['c 1', '2']);
    await writer.put([goneEntry(7, FIRST, 'c')]);
    assert.deepEqual(await rows(index), ['moved 1', '1']);
    await writer.close();
  });

  test('what can never be stored is refused by itself', async () => {
    const index = await testIndex(node);
    const { writer } = index;
    const refused = await writer.put([
      chunkEntry(1, FIRST, 'good', [series('1', 'good')]),
      chunkEntry(2, FIRST, 'bad', [series('9'.repeat(40_000), 'bad'), series('2', 'beside')]),
      chunkEntry(3, FIRST, 'also-good', [series('3', 'also good')]),
      { sequence: 4, entry: { ...chunkEntry(4, FIRST, 'newer', []).entry, record: Uint8Array.of(200, 1, 2) } },
    ]);
    assert.deepEqual(refused.map(({ sequence }) => sequence).sort(), [2, 4]);
    const { reason } = refused.find(({ sequence }) => sequence === 2)!;
    assert.match(reason, /SeriesInstanceUID/);
    assert.doesNotMatch(reason, /Preview|57, 57/);
    assert.match(refused.find(({ sequence }) => sequence === 4)!.reason, /format 100/);
    assert.deepEqual(await rows(index), ['good 1', 'beside 2', 'also good 3', '3']);
    await writer.close();
  });

  test('a node that is away or takes no documents is for another time', async () => {
    const away = new ElasticsearchRecordIndex(new Client({ node: 'http://127.0.0.1:1', maxRetries: 0 }), {
      generation: 1,
    });
    await assert.rejects(away.put([chunkEntry(1, FIRST, 'f', [series('1', 'one')])]));
    await away.close();
    const index = await testIndex(node);
    const { writer, prefix } = index;
    const client = index.client();
    const block = (isBlocked: boolean, setting: string) =>
      client.indices.putSettings({ index: `${prefix}-series-1`, settings: { blocks: { [setting]: isBlocked } } });
    for (const setting of ['write', 'read_only_allow_delete']) {
      await block(true, setting);
      await assert.rejects(writer.put([chunkEntry(1, FIRST, 'f', [series('1', 'one')])]), /cannot take documents now/);
      await block(false, setting);
    }
    assert.deepEqual(await writer.put([chunkEntry(1, FIRST, 'f', [series('1', 'one')])]), []);
    assert.deepEqual(await rows(index), ['one 1', '1']);
    await client.close();
    await writer.close();
  });
}
