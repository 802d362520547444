// Generations of indices: made once by several at once, switched in one step, refused when they are of a newer ditag.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeQuery } from '../../core/query/query.ts';
import { startElasticsearch } from '../../scripts/parts/elasticsearch-node.ts';
import { MissingPart } from '../../scripts/parts/parts.ts';
import { answeringIndices, currentGeneration, ensureIndices, switchGeneration } from './indices.ts';
import { ElasticsearchInstanceIndex } from './instance-index.ts';
import { INDEX_FORMAT } from './mappings.ts';
import { ElasticsearchRecordIndex } from './record-index.ts';
import { chunkEntry, elasticsearchNode, testIndex } from './test-index.ts';

const ARCHIVE = { name: 'a', number: 1 };
const series = (SeriesInstanceUID: string, PatientID: string) => ({
  SeriesInstanceUID,
  elements: [{ key: '00100020', vr: 'LO', text: PatientID }],
});

const node = await elasticsearchNode(startElasticsearch, MissingPart);
if (node !== undefined) {
  test('indices are made once, also by several at once', async () => {
    const { prefix, client } = await testIndex(node);
    const asked = client();
    await Promise.all([1, 2, 3, 4].map(() => ensureIndices(asked, { prefix: `${prefix}-more`, generation: 3 })));
    const names = await answeringIndices(asked, `${prefix}-more`);
    assert.equal(names.series, `${prefix}-more-series-3`);
    assert.deepEqual(await currentGeneration(asked, `${prefix}-more`), { prefix: `${prefix}-more`, generation: 3 });
    assert.deepEqual(await currentGeneration(asked, `${prefix}-none`), { prefix: `${prefix}-none`, generation: 1 });
    await asked.close();
  });

  test('a new generation takes the place of the old one, also for a reader that knows the old one', async () => {
    const { writer, prefix, client } = await testIndex(node);
    await writer.put([chunkEntry(1, ARCHIVE, 'f', [series('1', 'old')])]);
    await writer.refresh();
    const index = new ElasticsearchInstanceIndex(client(), { prefix });
    const query = await makeQuery({ where: ['PatientID=.'] });
    assert.equal(await index.count(query), 1);
    const asked = client();
    await ensureIndices(asked, { prefix, generation: 2 });
    const second = new ElasticsearchRecordIndex(asked, { prefix, generation: 2 });
    await second.put([1, 2, 3].map((n) => chunkEntry(n, ARCHIVE, `f${n}`, [series(String(n), `new${n}`)])));
    await second.refresh();
    assert.equal(await index.count(query), 1);
    await switchGeneration(asked, { prefix, generation: 2 });
    assert.equal(await index.count(query), 3);
    assert.deepEqual(Object.keys(await asked.indices.get({ index: `${prefix}-*` })).length, 4);
    await switchGeneration(asked, { prefix, generation: 2 });
    assert.equal(await index.count(query), 3);
    for (const one of [index, second, writer]) await one.close();
  });

  test('what is missing or of another format is said by name', async () => {
    const { writer, prefix, client } = await testIndex(node);
    const asked = client();
    const none = new ElasticsearchInstanceIndex(client(), { prefix: `${prefix}-none` });
    await assert.rejects(none.count(await makeQuery({})), { code: 'no-index' });
    await asked.indices.putMapping({ index: `${prefix}-series-1`, _meta: { format: INDEX_FORMAT - 1 } });
    const index = new ElasticsearchInstanceIndex(client(), { prefix });
    await assert.rejects(index.count(await makeQuery({})), {
      code: 'older-index',
      message: /-series-1 has index format \d+.*`ditag index --rebuild`/,
    });
    // It is kept up to date until it has been rebuilt.
    await ensureIndices(asked, { prefix, generation: 1 });
    await writer.put([chunkEntry(1, ARCHIVE, 'f', [series('1', 'x')])]);
    await asked.indices.putMapping({ index: `${prefix}-series-1`, _meta: { format: INDEX_FORMAT + 1 } });
    await assert.rejects(index.count(await makeQuery({})), {
      code: 'newer-database',
      message: new RegExp(`-series-1 has index format ${INDEX_FORMAT + 1}`),
    });
    await assert.rejects(ensureIndices(asked, { prefix, generation: 1 }), { code: 'newer-database' });
    for (const one of [none, index, writer, asked]) await one.close();
  });

  test('a point in time is closed when the reader stops early', async () => {
    const { writer, prefix, client } = await testIndex(node);
    await writer.put([1, 2, 3].map((n) => chunkEntry(n, ARCHIVE, `f${n}`, [series(String(n), 'x')])));
    await writer.refresh();
    const asked = client();
    const open = async () => {
      const { nodes } = await asked.nodes.stats({ metric: 'indices', index_metric: 'search' });
      return Object.values(nodes).reduce((sum, { indices }) => sum + (indices?.search?.open_contexts ?? 0), 0);
    };
    const before = await open();
    const index = new ElasticsearchInstanceIndex(client(), { prefix, pages: { first: 1, others: 1 } });
    for await (const { rows } of index.search(await makeQuery({}))) {
      assert.equal(rows, 1);
      assert.equal(await open(), before + 1);
      break;
    }
    assert.equal(await open(), before);
    for (const one of [index, writer, asked]) await one.close();
  });
}
