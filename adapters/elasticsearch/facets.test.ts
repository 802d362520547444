// Studies by date are listed over as many pages as they take; where there are too many series for that, the answer says
// that its numbers are not exact, and they are close.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeQuery } from '../../core/query/query.ts';
import { startElasticsearch } from '../../scripts/parts/elasticsearch-node.ts';
import { MissingPart } from '../../scripts/parts/parts.ts';
import { DistinctValues } from './distinct-values.ts';
import { countFacets } from './facets.ts';
import { indexNames } from './indices.ts';
import { EVERY, SeriesReader } from './series-reader.ts';
import { studiesByDay } from './studies-by-date.ts';
import { chunkEntry, elasticsearchNode, elements, testIndex } from './test-index.ts';

const DATES = ['20200101', '20200102', '20210101', ''];

const node = await elasticsearchNode(startElasticsearch, MissingPart);
if (node !== undefined) {
  test('studies by date', async () => {
    const { writer, prefix, client } = await testIndex(node);
    const series = Array.from({ length: 900 }, (_, i) => ({
      SeriesInstanceUID: `1.${i}`,
      elements: elements({
        StudyDate: DATES[i % 4]!,
        // 70 studies, each of one day, and series of no study.
        StudyInstanceUID: i % 8 === 7 ? '' : `2.${i % 80}`,
      }),
    }));
    await writer.put([chunkEntry(1, { name: '/archive', number: 1 }, 'a', series)]);
    await writer.refresh();
    const own = client();
    const names = indexNames({ prefix, generation: 1 });
    const reader = await SeriesReader.open(own, names.series);
    const days = [
      [0, 10],
      [20200101, 20],
      [20200102, 20],
      [20210101, 20],
    ];
    for (const page of [3, 70, 1000])
      assert.deepEqual(
        [...(await studiesByDay(reader, EVERY, page))].sort(([a], [b]) => a! - b!),
        days,
      );
    const values = new DistinctValues(own, names.values);
    const facets = async (dates: 'year' | 'day', mostListed?: number) =>
      countFacets(reader, values, await makeQuery({}), { attributes: [], mostValues: 1, dates }, mostListed);
    const listed = await facets('year');
    assert.equal(listed.areStudiesExact, true);
    assert.deepEqual(
      listed.dates.map(({ value, studies }) => [value, studies]),
      [
        ['', 10],
        ['2020', 40],
        ['2021', 20],
      ],
    );
    const about = await facets('day', 899);
    assert.equal(about.areStudiesExact, false);
    for (const [i, { value, studies }] of about.dates.entries()) {
      assert.equal(value === '' ? 0 : Number(value), days[i]![0]);
      assert.ok(Math.abs(studies - days[i]![1]!) <= 1, `${value}: ${studies}`);
    }
    await reader.close();
    await writer.close();
    await own.close();
  });
}
