// Indexes and asks in this process: the stages over the real adapters, without threads and without the command line,
// so that a property test has time for many runs. And what an index answers, as values that can be compared.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { DatabaseSync } from 'node:sqlite';
import { FilesystemArchiveFiles } from '../../adapters/filesystem/archive-files.ts';
import { FolderTree } from '../../adapters/sqlite/folder-tree.ts';
import { SqliteIndexWriter } from '../../adapters/sqlite/index-writer.ts';
import { SqliteInstanceIndex } from '../../adapters/sqlite/instance-index.ts';
import { SqliteScanLedger } from '../../adapters/sqlite/scan-ledger.ts';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import { joinPath, typedPath } from '../../core/instance/byte-path.ts';
import { decodeFolderRecord } from '../../core/instance/folder-record.ts';
import type { ScanEvent, ScanJob } from '../../core/jobs/jobs.ts';
import type { ArchiveFiles } from '../../core/ports/archive-files.ts';
import type { PublishReport } from '../../core/ports/index-writer.ts';
import type { InstanceIndex } from '../../core/ports/instance-index.ts';
import { makeQuery, type QueryText } from '../../core/query/query.ts';
import { readFiles } from '../../core/stages/read-files.ts';
import { readHeader } from '../../core/stages/read-header.ts';
import { scanFolder } from '../../core/stages/scan-folder.ts';

export interface IndexHereOptions {
  readonly append?: boolean;
  readonly acceptDeletions?: boolean;
  readonly holdDeletions?: boolean;
  /** Ends the run before it is published, as an interruption does, after so many jobs. */
  readonly stopAfter?: number;
  /** Takes jobs in another order than they come: a function from the number of waiting jobs to the one to take. */
  readonly pick?: (waiting: number) => number;
  /** The archive's files, where a test puts its own in between. */
  readonly files?: (files: FilesystemArchiveFiles) => ArchiveFiles;
}

export interface IndexedHere {
  readonly report: PublishReport | undefined;
  readonly opened: number;
  /** Folders of which the known content was kept. */
  readonly kept: number;
  readonly resumed: boolean;
}

export async function indexHere(
  databasePath: string,
  archive: string,
  options: IndexHereOptions = {},
): Promise<IndexedHere> {
  const { append = false, acceptDeletions = false, pick = (waiting) => waiting - 1 } = options;
  const own = new FilesystemArchiveFiles(typedPath(archive), { mostCalls: 4 });
  const files = options.files?.(own) ?? own;
  const readNow = (folder: string, name: string) => {
    try {
      return own.runNow(readHeader(joinPath(folder, name)));
    } catch {
      return undefined;
    }
  };
  const ports = { readHeader: readNow, progress: () => {} };
  const writer = new SqliteIndexWriter(databasePath, archive, { append, config: 'config.ini', ports });
  const { resumed } = writer.start;
  try {
    const ledger = new SqliteScanLedger(writer.start.databasePath, archive);
    let opened = 0;
    let kept = 0;
    let jobsDone = 0;
    try {
      const waiting: ScanJob[] = [{ job: 'scan-folder', folder: '' }];
      while (waiting.length > 0) {
        if (options.stopAfter !== undefined && jobsDone++ >= options.stopAfter) {
          return { report: undefined, opened, kept, resumed };
        }
        const [job] = waiting.splice(pick(waiting.length), 1);
        let events: ScanEvent[];
        if (job!.job === 'read-files') events = [await readFiles(job!, { files, ledger }, { acceptDeletions })];
        else {
          const outcome = await scanFolder(job!, { files, ledger }, { acceptDeletions });
          for (const name of outcome.subfolders)
            waiting.push({ job: 'scan-folder', folder: joinPath(job!.folder, name) });
          waiting.push(...outcome.jobs);
          events = outcome.events;
        }
        for (const event of events) {
          if (event.event === 'chunk') opened += event.tally.opened;
          else if (event.event === 'folder-kept' && event.reason === 'unreadable') kept++;
        }
        await writer.stage(events);
      }
    } finally {
      ledger.close();
    }
    const { holdDeletions = false } = options;
    const report = await writer.publish({ append, acceptDeletions, holdDeletions });
    return { report, opened, kept: kept + report.keptFolders.length, resumed };
  } finally {
    await writer.close();
  }
}

/** Columns of all indexed attributes and some tags of the full header. */
const COLUMNS = [
  ...INDEXED_ATTRIBUTES,
  'SeriesInstanceUID',
  'SOPInstanceUID',
  'EchoTime',
  '(0019,xx10,ACME)',
  'RequestAttributesSequence',
];

/** The rows of an answer as arrays: the six columns' CSV line, then further columns. */
export async function rowsOf(databasePath: string, query: QueryText = {}): Promise<string[][]> {
  const index = new SqliteInstanceIndex(databasePath, 'config.ini');
  try {
    return await indexRows(index, query);
  } finally {
    await index.close();
  }
}

async function indexRows(index: InstanceIndex, query: QueryText): Promise<string[][]> {
  const rows: string[][] = [];
  for await (const batch of index.search(await makeQuery({ columns: COLUMNS.join(','), ...query }))) {
    const lines = Buffer.from(batch.lines).toString('utf8');
    rows.push([lines], ...(batch.more ?? []).map((row) => [...row]));
  }
  return rows;
}

/** The files of every series, without times: which of them are fresh depends on when the scan was. */
async function filesOfSeries(index: InstanceIndex, nameOf: (archive: string) => string) {
  const series: string[] = [];
  for await (const { more } of index.search(await makeQuery({ columns: 'SeriesInstanceUID' })))
    series.push(...more!.map(([uid]) => uid!));
  const files: string[] = [];
  const speakers = new Map<string, string>();
  let ofSpeakers = 0;
  for await (const batch of index.instancesOf(series)) {
    // The first archive of a series is the one that speaks.
    const [{ SeriesInstanceUID: uid, archive: first } = assert.fail()] = batch;
    if (!speakers.has(uid)) speakers.set(uid, first);
    if (speakers.get(uid) === first) ofSpeakers += batch.length;
    for (const { SeriesInstanceUID, SOPInstanceUID, SOPClassUID, archive, path, size } of batch)
      files.push(`${SeriesInstanceUID} ${nameOf(archive)}: ${path}: ${SOPInstanceUID} ${SOPClassUID} ${size}`);
  }
  return { files, ofSpeakers };
}

/** Everything that an index answers, without times. @param nameOf names archives in the same way in both modes */
export async function indexAnswers(index: InstanceIndex, nameOf = (archive: string) => archive) {
  const statistics = await index.statistics();
  const skipped: string[] = [];
  for await (const file of index.skippedFiles()) skipped.push(`${nameOf(file.archive)}: ${file.path}: ${file.reason}`);
  const rows = await indexRows(index, {});
  const { files: instances, ofSpeakers } = await filesOfSeries(index, nameOf);
  let files = 0;
  for await (const batch of index.everyFile()) files += batch.length;
  // Of a series in several archives one speaks, and it is that one's that are counted; every file is of all of them.
  const ofArchives = statistics.archives.reduce((sum, archive) => sum + archive.instances, 0);
  for (const [told, found] of [
    [statistics.instances, ofSpeakers],
    [ofArchives, files],
  ])
    if (found !== told) throw new Error(`${told} instances counted, ${found} there`);
  return {
    // One text: pages may be cut elsewhere.
    lines: rows.filter((row) => row.length === 1).join(''),
    more: rows.filter((row) => row.length > 1),
    statistics: sortedKeys({
      ...statistics,
      archives: statistics.archives.map((archive) => ({ ...archive, name: nameOf(archive.name), indexedAt: '' })),
    }),
    skipped: skipped.sort(),
    instances,
  };
}

/** The same of an index file, and the files that it knows. */
export async function answersOf(databasePath: string): Promise<unknown> {
  const index = new SqliteInstanceIndex(databasePath, 'config.ini');
  try {
    return { ...(await indexAnswers(index)), files: filesOf(databasePath) };
  } finally {
    await index.close();
  }
}

/** Files of every series from the folder records; checks that the table which finds them says the same. */
export function filesOf(databasePath: string): string[] {
  const database = new DatabaseSync(databasePath, { readOnly: true });
  try {
    const out: string[] = [];
    const parts = new Set<string>();
    for (const { id: archive, name } of database.prepare('SELECT id, name FROM archive').all() as {
      id: number;
      name: string;
    }[]) {
      const tree = new FolderTree(database, archive, false);
      const rows = database
        .prepare(
          'SELECT id, parent, bits, record, files, instances FROM folder WHERE archive = ? AND record IS NOT NULL',
        )
        .all(archive) as {
        id: number;
        parent: number;
        bits: number;
        record: Uint8Array;
        files: number;
        instances: number;
      }[];
      for (const { id, parent, bits, record, files, instances } of rows) {
        const folder = tree.pathOf(bits === 0 ? id : parent);
        const decoded = decodeFolderRecord(record);
        if (decoded.files.length !== files)
          throw new Error(`${folder}: ${files} files noted, ${decoded.files.length} there`);
        let own = 0;
        for (const file of decoded.files) {
          const kind = decoded.kinds[file.kind]!;
          const uid = kind.series < 0 ? '' : decoded.series[kind.series]!;
          if (uid !== '') {
            own++;
            parts.add(`${archive} ${uid} ${id}`);
          }
          out.push(
            `${name} ${joinPath(folder, file.name)} ${file.size} ${file.mtime} ${file.SOPInstanceUID} ${uid} ${kind.skipped}`,
          );
        }
        if (own !== instances) throw new Error(`${folder}: ${instances} instances noted, ${own} there`);
      }
    }
    const noted = (
      database.prepare('SELECT s.archive, s.uid, p.folder FROM part p LEFT JOIN series s ON s.id = p.series').all() as {
        archive: number;
        uid: string;
        folder: number;
      }[]
    ).map((row) => `${row.archive} ${row.uid} ${row.folder}`);
    if (noted.sort().join('\n') !== [...parts].sort().join('\n'))
      throw new Error(
        `parts of series differ:\n${noted.join('\n')}\n-- records say --\n${[...parts].sort().join('\n')}`,
      );
    return out.sort();
  } finally {
    database.close();
  }
}

function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, of]) => [key, sortedKeys(of)]),
  );
}
