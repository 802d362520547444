// Queries about values that are hard for Elasticsearch in particular; the others are those of the contract.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ArchiveIdentity } from '../../core/ports/record-log.ts';
import type { QueryText } from '../../core/query/query.ts';
import { startElasticsearch } from '../../scripts/parts/elasticsearch-node.ts';
import { MissingPart } from '../../scripts/parts/parts.ts';
import { ElasticsearchInstanceIndex } from './instance-index.ts';
import { SeriesReader } from './series-reader.ts';
import { type Aggregate, countDistinct } from './statistics.ts';
import { chunkEntry, elasticsearchNode, lines, describedSeries as series, testIndex } from './test-index.ts';

const FIRST: ArchiveIdentity = { name: 'first', number: 1 };

const node = await elasticsearchNode(startElasticsearch, MissingPart);
if (node !== undefined) {
  test('values that are long, odd or of keys that cannot be searched are found as well', async () => {
    const index = await testIndex(node);
    const { writer, prefix, client } = index;
    const long = `${'x'.repeat(40_000)} end`;
    const one = series('1', 'e'.repeat(4096));
    const more = [
      { key: '00204000', vr: 'LT', text: long },
      { key: '00190010', vr: 'LO', text: 'A*B 1.0' },
      { key: '0019xx02:A*B 1.0', vr: 'LO', text: 'starred' },
      { key: '00104000', vr: 'LT', text: '\0cut 90000:only the start' },
      { key: '00091001', vr: 'OB', text: '\0bytes 12' },
    ];
    const two = series('2', 'other');
    const dotted = [
      { key: '00190010', vr: 'LO', text: '1.2 X. ' },
      { key: '0019xx02:1.2 X.', vr: 'LO', text: 'dotted' },
    ];
    // The second is what the file has besides; the element by its creator speaks.
    const both = [
      { key: '00190010', vr: 'LO', text: 'ACME' },
      { key: '0019xx02:ACME', vr: 'LO', text: 'acme' },
      { key: '00191002', vr: 'LO', text: 'plain' },
    ];
    const three = series('3', 'plain');
    await writer.put([
      chunkEntry(1, FIRST, 'f', [{ ...one, elements: [...one.elements, ...more] }]),
      chunkEntry(2, FIRST, 'g', [
        { ...two, elements: [...two.elements, ...dotted] },
        { ...three, elements: [...three.elements, ...both] },
      ]),
    ]);
    await writer.refresh();
    const found = new ElasticsearchInstanceIndex(client(), { prefix });
    const uids = async (text: QueryText) => (await lines(found, text)).map((line) => line.split(',')[5]);
    assert.deepEqual(await uids({ where: ['ImageComments=end$'] }), ['1']);
    assert.deepEqual(await uids({ where: ['ImageComments=^$'] }), ['2', '3']);
    assert.deepEqual(await uids({ whereNot: ['ImageComments=x'] }), ['2', '3']);
    assert.deepEqual(await uids({ where: ['(0019,xx02,A*B 1.0)=starred'] }), ['1']);
    assert.deepEqual(await uids({ where: ['(0019,1002)=starred'] }), ['1']);
    assert.deepEqual(await uids({ where: ['(0019,1002)=d$'] }), ['1', '2']);
    assert.deepEqual(await uids({ where: ['(0019,1002)=plain'] }), []);
    assert.deepEqual(await uids({ where: ['(0019,1002)=^acme'] }), ['3']);
    assert.deepEqual(await uids({ where: ['(0019,1002)=^$'] }), []);
    assert.deepEqual(await uids({ where: ['PatientComments=start$'] }), ['1']);
    assert.deepEqual(await uids({ where: ['(0009,1001)=.'] }), []);
    assert.deepEqual(await uids({ where: ['SeriesDescription=e{4000}'] }), ['1']);
    assert.deepEqual(await uids({ targets: 'SeriesInstanceUID,ImageComments', pattern: '^3$|end$' }), ['1', '3']);
    assert.deepEqual(await uids({ where: ['SeriesInstanceUID=[34]'] }), ['3']);
    assert.deepEqual(await uids({ whereNot: ['SeriesInstanceUID=3'] }), ['1', '2']);
    // Values that come later are found by the same reader.
    await writer.put([chunkEntry(3, FIRST, 'h', [series('4', 'later')])]);
    await writer.refresh();
    assert.deepEqual(await uids({ where: ['SeriesDescription=^later'] }), ['4']);
    await found.close();
    await writer.close();
  });

  test('more distinct values than one request gives out are all found and counted', async () => {
    const { writer, prefix, client } = await testIndex(node);
    const entries = Array.from({ length: 300 }, (_, i) => {
      const comment = { key: '00204000', vr: 'LT', text: `comment ${i % 150}` };
      const one = series(`1.${i}`, `description ${i % 123}`);
      return chunkEntry(i + 1, FIRST, `f${i}`, [{ ...one, elements: [...one.elements, comment] }]);
    });
    await writer.put(entries);
    await writer.refresh();
    const asked = client();
    const reader = await SeriesReader.open(asked, `${prefix}-series`);
    for (const most of [7, 150, 151]) {
      const found = await reader.distinct('header', { prefix: '00204000=', most });
      assert.deepEqual([found.length, new Set(found).size], [150, 150]);
      const aggregate: Aggregate = async (aggregations) => (await reader.aggregate(aggregations)).aggregations;
      assert.equal(await countDistinct(aggregate, 'SeriesDescription', most), 123);
    }
    await reader.close();
    for (const one of [asked, writer]) await one.close();
  });
}
