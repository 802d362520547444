// For tests: a node of Elasticsearch (DITAG_ELASTICSEARCH_URL, else one that is started here), indices of one's own on
// it, and log entries made of series.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { Client } from '@elastic/elasticsearch';
import { tagOfKeyword } from '../../core/dicom/dictionary.ts';
import type { HeaderElement } from '../../core/dicom/header-element.ts';
import { tagDigits } from '../../core/dicom/tag-digits.ts';
import { encodeFolderRecord, type FileEntry, type FileKind } from '../../core/instance/folder-record.ts';
import { encodeHeader } from '../../core/instance/header-codec.ts';
import type { SkipReason } from '../../core/instance/skipped.ts';
import type { InstanceIndex } from '../../core/ports/instance-index.ts';
import type { ArchiveIdentity, ChunkEntry, LoggedEntry } from '../../core/ports/record-log.ts';
import { WHOLE_FOLDER } from '../../core/ports/scan-ledger.ts';
import { makeQuery, type QueryText } from '../../core/query/query.ts';
import { elasticsearchClient } from './client.ts';
import { ensureIndices } from './indices.ts';
import { ElasticsearchRecordIndex } from './record-index.ts';

/** A writer to new, empty indices, which are deleted when the test file has run. */
export interface TestIndex {
  readonly node: string;
  readonly prefix: string;
  readonly writer: ElasticsearchRecordIndex;
  /** Another client of the same node. */
  client(): Client;
}

const undo: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const step of undo.reverse()) await step();
});

/** A part that is started for tests: scripts/parts/ has them. */
type Start = (options: { readonly stateFolder: string }) => Promise<{ readonly url: string; stop(): Promise<unknown> }>;

/**
 * The address of a node; undefined where there is none, which a skipped test says then.
 * @param missing the error with which `start` says that the part is not on this machine.
 */
export async function elasticsearchNode(
  start: Start,
  missing: new (...values: never[]) => Error,
): Promise<string | undefined> {
  const given = process.env['DITAG_ELASTICSEARCH_URL'];
  if (given !== undefined) return given;
  const stateFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-elasticsearch-'));
  undo.push(async () => fs.rmSync(stateFolder, { recursive: true, force: true }));
  try {
    const node = await start({ stateFolder });
    undo.push(() => node.stop());
    return node.url;
  } catch (error) {
    if (!(error instanceof missing) || process.env['DITAG_REQUIRE_PARTS'] === '1') throw error;
    test('Elasticsearch', { skip: `NOT RUN: ${error.message}` });
    return undefined;
  }
}

let indices = 0;

/** Makes new, empty indices on a node. */
export async function testIndex(node: string): Promise<TestIndex> {
  const prefix = `ditag-test-${process.pid}-${++indices}`;
  const client = elasticsearchClient({ node });
  await ensureIndices(client, { prefix, generation: 1 });
  undo.push(async () => {
    const cleaner = elasticsearchClient({ node });
    const all = Object.keys(await cleaner.indices.get({ index: `${prefix}-*` }));
    await cleaner.indices.delete({ index: all });
    await cleaner.close();
  });
  const writer = new ElasticsearchRecordIndex(client, { prefix, generation: 1 });
  return { node, prefix, writer, client: () => elasticsearchClient({ node }) };
}

/** What a test says of a series in a folder. */
export interface TestSeries {
  readonly SeriesInstanceUID: string;
  readonly elements: readonly HeaderElement[];
  readonly instances?: number;
  /** Names of its files instead of `instances` made-up ones. */
  readonly names?: readonly string[];
  readonly issues?: number;
  readonly digest?: number;
}

/** The entry of a folder that is one chunk, with files of these series and skipped ones. */
export function chunkEntry(
  sequence: number,
  archive: ArchiveIdentity,
  folder: string,
  series: readonly TestSeries[],
  skipped: Readonly<Record<string, SkipReason>> = {},
): LoggedEntry & { readonly entry: ChunkEntry } {
  const kinds: FileKind[] = [];
  const files: FileEntry[] = [];
  const add = (kind: FileKind, names: readonly string[], uid: string) => {
    kinds.push(kind);
    for (const name of names) {
      const SOPInstanceUID = uid === '' ? '' : `${uid}.${files.length + 1}`;
      files.push({ name, size: 1000 + files.length, mtime: 1, SOPInstanceUID, kind: kinds.length - 1 });
    }
  };
  const headers = series.map(({ SeriesInstanceUID, elements, instances = 1, names, issues = 0, digest = 1 }, i) => {
    const kind = { series: i, SOPClassUID: '1.2', TransferSyntaxUID: '1.2', issues, digest, skipped: '' } as const;
    const own = names ?? Array.from({ length: instances }, (_, n) => `f${i}-${n}`);
    add(kind, own, SeriesInstanceUID);
    return { SeriesInstanceUID, name: [...own].sort()[0]!, issues, header: encodeHeader(elements) };
  });
  for (const [name, reason] of Object.entries(skipped))
    add({ series: -1, SOPClassUID: '', TransferSyntaxUID: '', issues: 0, digest: 0, skipped: reason }, [name], '');
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  const record = encodeFolderRecord({ kinds, series: series.map((one) => one.SeriesInstanceUID), files });
  return { sequence, entry: { entry: 'chunk', archive, folder, chunk: WHOLE_FOLDER, record, headers } };
}

/** The entry that says that a folder is no more. */
export function goneEntry(sequence: number, archive: ArchiveIdentity, folder: string): LoggedEntry {
  return { sequence, entry: { entry: 'chunk', archive, folder, chunk: WHOLE_FOLDER, record: undefined, headers: [] } };
}

/** Elements of a header by their keywords. */
export function elements(values: Readonly<Record<string, string>>): HeaderElement[] {
  return Object.entries(values).map(([keyword, text]) => ({
    key: tagDigits(tagOfKeyword(keyword)!),
    vr: 'LO',
    text,
  }));
}

/** A series of which only the description tells which file speaks. */
export function describedSeries(
  SeriesInstanceUID: string,
  SeriesDescription: string,
  more: Partial<TestSeries> = {},
): TestSeries {
  const StudyDate = '20200101';
  return { SeriesInstanceUID, elements: elements({ SeriesDescription, StudyDate, Modality: 'MR' }), ...more };
}

/** The CSV lines of an answer. */
export async function lines(index: InstanceIndex, text: QueryText = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of index.search(await makeQuery(text)))
    found.push(...Buffer.from(batch.lines).toString().trimEnd().split('\n'));
  return found;
}
