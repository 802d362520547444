// The two adapters of InstanceIndex tell the same of the same scan: counts, skipped files, rows, files of series.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { tagOfKeyword } from '../../core/dicom/dictionary.ts';
import { Issue } from '../../core/dicom/issues.ts';
import { tagDigits } from '../../core/dicom/tag-digits.ts';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import { SKIP_REASONS, type SkipReason } from '../../core/instance/skipped.ts';
import type { InstanceIndex } from '../../core/ports/instance-index.ts';
import type { ChunkEntry, LoggedEntry } from '../../core/ports/record-log.ts';
import { makeQuery, type QueryText } from '../../core/query/query.ts';
import { startElasticsearch } from '../../scripts/parts/elasticsearch-node.ts';
import { MissingPart } from '../../scripts/parts/parts.ts';
import { SqliteInstanceIndex } from '../sqlite/instance-index.ts';
import { putArchive } from '../sqlite/test-index.ts';
import { ElasticsearchInstanceIndex } from './instance-index.ts';
import { chunkEntry, elasticsearchNode, testIndex } from './test-index.ts';

const key = (keyword: string) => tagDigits(tagOfKeyword(keyword)!);
const MODALITIES = ['MR', 'CT', '', 'mr', 'US'];
const DATES = ['20200101', '', '19991231', 'soon', '20200615', '2001.02.03'];

/** Folders of two archives with series that lie in several of them, and files that are skipped. */
function scanned(): (LoggedEntry & { readonly entry: ChunkEntry })[] {
  return Array.from({ length: 60 }, (_, i) => {
    const archive = i % 2 === 0 ? { name: '/first', number: 1 } : { name: '/second', number: 2 };
    const series = [0, 1, 2].map((n) => ({
      SeriesInstanceUID: `1.${(i * 3 + n * 7) % 40}.${n}`,
      instances: 1 + ((i + n) % 4),
      issues: (i + n) % 5 === 0 ? Issue.Truncated | Issue.OddLength : 0,
      digest: 1 + (i % 3),
      elements: Object.entries({
        StudyDate: DATES[(i + n) % DATES.length]!,
        Modality: MODALITIES[(i * 2 + n) % MODALITIES.length]!,
        PatientID: i % 7 === 0 ? '' : `P${i % 11}`,
        StudyInstanceUID: i % 9 === 0 ? '' : `2.${i % 17}`,
        SeriesDescription: `d\u00fc${i} \ud83d`,
        ImageComments: i % 3 === 0 ? 'a \udc00' : '',
      }).map(([keyword, text]) => ({ key: key(keyword), vr: 'LO', text })),
    }));
    const skipped: Record<string, SkipReason> =
      i % 4 === 0 ? { ['zz\xff']: SKIP_REASONS[i % SKIP_REASONS.length]!, zy: SKIP_REASONS[0] } : {};
    return chunkEntry(i + 1, archive, i === 5 ? `${'deep/'.repeat(4000)}end` : `f\xe4/${i}`, series, skipped);
  });
}

async function everything(index: InstanceIndex) {
  const skipped: string[] = [];
  for await (const file of index.skippedFiles()) skipped.push(JSON.stringify(file));
  const series: string[] = [];
  for await (const { more } of index.search(await makeQuery({ columns: 'SeriesInstanceUID' })))
    series.push(...more!.map(([uid]) => uid!));
  const files: unknown[] = [];
  for await (const batch of index.instancesOf(series)) files.push(...batch);
  const answers: unknown[] = [];
  for (const text of QUERIES) {
    const query = await makeQuery(text);
    let lines = '';
    const more: unknown[] = [];
    for await (const batch of index.search(query)) {
      lines += Buffer.from(batch.lines).toString();
      more.push(...(batch.more ?? []));
    }
    const counted = { attributes: INDEXED_ATTRIBUTES, mostValues: 7, dates: 'month' } as const;
    answers.push([text, lines, more, await index.count(query), await index.facets(query, counted)]);
  }
  const { archives, ...statistics } = await index.statistics();
  return {
    statistics,
    archives: archives.map(({ indexedAt: _, ...archive }) => archive),
    skipped: skipped.sort(),
    files,
    answers,
  };
}

const QUERIES: readonly QueryText[] = [
  {},
  { sdate: '20000101', where: ['Modality=(?i)mr'], columns: 'ImageComments,Modality' },
  { targets: 'ImageComments', pattern: '\ufffd$' },
  { whereNot: ['SeriesInstanceUID=\\.1$'], where: ['PatientID=^$'] },
];

const node = await elasticsearchNode(startElasticsearch, MissingPart);
if (node !== undefined) {
  test('Elasticsearch and SQLite tell the same', async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-same-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const database = path.join(folder, 'dicom.db');
    const entries = scanned();
    for (const name of ['/first', '/second']) {
      const chunks = entries.map(({ entry }) => entry).filter(({ archive }) => archive.name === name);
      await putArchive(database, { archive: name, append: name === '/second', chunks });
    }
    const { writer, prefix, client } = await testIndex(node);
    assert.deepEqual(await writer.put(entries), []);
    await writer.refresh();
    await writer.close();
    const sqlite = new SqliteInstanceIndex(database, 'config.ini');
    const elasticsearch = new ElasticsearchInstanceIndex(client(), { prefix });
    const expected = await everything(sqlite);
    assert.ok(expected.statistics.mixedSeries > 0 && expected.skipped.length > 0);
    assert.deepEqual(await everything(elasticsearch), expected);
    await sqlite.close();
    await elasticsearch.close();
  });
}
