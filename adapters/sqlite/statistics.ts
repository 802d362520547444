// What an index holds, counted from its rows and folder records: exact, never from the distinct values, which are a
// superset.
import type { DatabaseSync } from 'node:sqlite';
import { countsInOrder, issueNames } from '../../core/dicom/issues.ts';
import { joinPath } from '../../core/instance/byte-path.ts';
import { decodeFolderRecord } from '../../core/instance/folder-record.ts';
import { reasonsInOrder } from '../../core/instance/skipped.ts';
import type { ArchiveStatistics, IndexStatistics, SkippedFile } from '../../core/ports/instance-index.ts';
import type { Query } from '../../core/query/query.ts';
import { CodeCounts } from './code-counts.ts';
import { FolderTree } from './folder-tree.ts';
import { allPages, selectPages } from './search.ts';
import { FLAG_MIXED, ISSUES_SHIFT } from './series-page.ts';

const EVERYTHING: Query = { from: undefined, to: undefined, conditions: [], columns: [] };

/** Counts of the whole index. */
export function indexStatistics(database: DatabaseSync): IndexStatistics {
  const studies = new CodeCounts(database, 'StudyInstanceUID');
  const patients = new CodeCounts(database, 'PatientID');
  const modalities = new CodeCounts(database, 'Modality');
  const years = new Map<number, { series: number; instances: number }>();
  const issues: Record<string, number> = {};
  let series = 0;
  let instances = 0;
  let mixedSeries = 0;
  let firstDate: number | undefined;
  let lastDate: number | undefined;
  for (const { page, rows } of selectPages(database, EVERYTHING)) {
    const { columns } = page;
    for (const one of [studies, patients, modalities]) one.addRows(page.codes(one.attribute), columns.instances, rows);
    for (const row of rows) {
      series++;
      const files = columns.instances[row]!;
      instances += files;
      const date = columns.dates[row]!;
      if (date !== 0) {
        firstDate = Math.min(firstDate ?? date, date);
        lastDate = Math.max(lastDate ?? date, date);
      }
      const year = years.get(Math.floor(date / 10000)) ?? { series: 0, instances: 0 };
      years.set(Math.floor(date / 10000), { series: year.series + 1, instances: year.instances + files });
      const flags = columns.flags[row]!;
      if ((flags & FLAG_MIXED) !== 0) mixedSeries++;
      for (const name of issueNames(flags >> ISSUES_SHIFT)) issues[name] = (issues[name] ?? 0) + 1;
    }
  }
  return {
    archives: archives(database),
    series,
    studies: studies.distinct(),
    patients: patients.distinct(),
    instances,
    firstDate,
    lastDate,
    mixedSeries,
    issues: countsInOrder(issues),
    byModality: modalities.counted(),
    byYear: [...years]
      .sort(([a], [b]) => a - b)
      .map(([year, counts]) => ({ value: year === 0 ? '' : String(year).padStart(4, '0'), ...counts })),
  };
}

/** Number of distinct studies of one archive. */
export function countStudies(database: DatabaseSync, archive: number): number {
  const last = database.prepare('SELECT max(id) AS id FROM series').get() as { id: number | null };
  const isOwn = new Uint8Array((last.id ?? 0) + 1);
  const own = database.prepare('SELECT id FROM series WHERE archive = ?').iterate(archive) as Iterable<{ id: number }>;
  for (const { id } of own) isOwn[id] = 1;
  const studies = new CodeCounts(database, 'StudyInstanceUID');
  // Series that another archive speaks for are counted too.
  for (const page of allPages(database)) {
    const { series } = page.columns;
    const codes = page.codes(studies.attribute);
    for (let row = 0; row < page.rows; row++) if (isOwn[series[row]!] === 1) studies.add(codes[row]!, 1);
  }
  return studies.distinct();
}

function archives(database: DatabaseSync): ArchiveStatistics[] {
  const rows = database.prepare('SELECT id, name, indexed_at FROM archive ORDER BY id').all() as {
    id: number;
    name: string;
    indexed_at: string;
  }[];
  return rows.map(({ id, name, indexed_at }) => {
    const { files, instances } = database
      .prepare(
        'SELECT coalesce(sum(files), 0) AS files, coalesce(sum(instances), 0) AS instances FROM folder WHERE archive = ?',
      )
      .get(id) as { files: number; instances: number };
    return { name, indexedAt: indexed_at, files, instances, skipped: skippedCounts(database, id) };
  });
}

/** Skipped files of an archive by reason. */
export function skippedCounts(database: DatabaseSync, archive: number): Record<string, number> {
  const counts: Record<string, number> = {};
  const rows = database
    .prepare('SELECT skipped FROM folder WHERE archive = ? AND skipped IS NOT NULL')
    .iterate(archive);
  for (const { skipped } of rows as Iterable<{ skipped: string }>) {
    for (const [reason, n] of Object.entries(JSON.parse(skipped) as Record<string, number>))
      counts[reason] = (counts[reason] ?? 0) + n;
  }
  return reasonsInOrder(counts);
}

/**
 * Every skipped file, archive by archive, by path of its folder. The paths are sorted in a table of the connection's own,
 * which the memory need not hold.
 */
export function* skippedFiles(database: DatabaseSync): Iterable<SkippedFile> {
  // Several may be read side by side.
  const table = `skipped_folder_${skippedTables++}`;
  const archives = database.prepare('SELECT id, name FROM archive ORDER BY id').all() as { id: number; name: string }[];
  database.exec(`CREATE TEMP TABLE ${table} (archive INTEGER, path TEXT, folder INTEGER)`);
  try {
    for (const { id, name } of archives) {
      putSkippedFolders(database, table, id);
      const rows = database.prepare(
        `SELECT path, record FROM ${table} AS place JOIN folder ON folder.id = place.folder WHERE place.archive = ? ORDER BY path, chunk`,
      );
      for (const { path, record } of rows.iterate(id) as Iterable<{ path: string; record: Uint8Array }>) {
        const { kinds, files } = decodeFolderRecord(record);
        for (const file of files) {
          const reason = kinds[file.kind]!.skipped;
          if (reason !== '') yield { archive: name, path: joinPath(path, file.name), reason };
        }
      }
    }
  } finally {
    database.exec(`DROP TABLE ${table}`);
  }
}

let skippedTables = 0;

function putSkippedFolders(database: DatabaseSync, table: string, archive: number): void {
  const tree = new FolderTree(database, archive, false);
  const put = database.prepare(`INSERT INTO ${table} VALUES (?, ?, ?)`);
  const rows = database.prepare('SELECT id, parent, bits FROM folder WHERE archive = ? AND skipped IS NOT NULL');
  for (const row of rows.iterate(archive) as Iterable<{ id: number; parent: number; bits: number }>)
    put.run(archive, tree.pathOf(row.bits === 0 ? row.id : row.parent), row.id);
}
