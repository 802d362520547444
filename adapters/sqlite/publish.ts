// From staged chunks to the index's new state, in one transaction: folder rows, series, headers, rows of the answers.
// What a series is comes from a fold over the records of its folders (core/instance/series-fold.ts), so the order in
// which they were staged does not show.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { nameHash } from '../../core/instance/folder-chunks.ts';
import type { FileEntry } from '../../core/instance/folder-record.ts';
import { flatHeader } from '../../core/instance/header-codec.ts';
import { foldSeries, type SeriesFold } from '../../core/instance/series-fold.ts';
import type { PublishOptions, PublishPorts, PublishReport } from '../../core/ports/index-writer.ts';
import { indexedValues, rowDate, rowLine } from '../../core/query/series-row.ts';
import { type Deletions, FolderChanges } from './folder-changes.ts';
import { FolderTree } from './folder-tree.ts';
import { HeaderBlockWriter } from './header-blocks.ts';
import { PageMerge } from './page-merge.ts';
import { FLAG_MIXED, ISSUES_SHIFT } from './series-page.ts';
import { SeriesParts } from './series-parts.ts';
import type { StagedHeader, Staging } from './staging.ts';
import { skippedCounts } from './statistics.ts';
import { ValueCodes } from './value-codes.ts';

/** Progress is told every so many series. */
const PROGRESS_EVERY = 1000;

interface Archive {
  readonly id: number;
  readonly name: string;
}

interface SeriesRow {
  readonly id: number;
  readonly archive: number;
  readonly uid: string;
  readonly date: number;
  readonly slot: number;
  readonly speaker: number;
  readonly stamp: number;
  /** Bits of `Issue` of the speaker's full header. */
  readonly issues: number;
  readonly hidden: number;
}

/** One publication. Made inside a transaction that the caller commits or rolls back. */
export class Publication {
  private readonly database: DatabaseSync;
  private readonly staging: Staging;
  private readonly archive: Archive;
  private readonly options: PublishOptions;
  private readonly ports: PublishPorts;
  private readonly tree: FolderTree;
  private readonly parts: SeriesParts;
  private readonly headers: HeaderBlockWriter;
  private readonly codes: ValueCodes;
  private readonly pages: PageMerge;
  /** Then no series can lie in another one too. */
  private isOnlyArchive = false;
  private readonly sql: Record<'series' | 'ofUid' | 'update' | 'remove' | 'setHidden', StatementSync>;

  constructor(
    database: DatabaseSync,
    staging: Staging,
    archive: Archive,
    options: PublishOptions,
    ports: PublishPorts,
  ) {
    this.database = database;
    this.staging = staging;
    this.archive = archive;
    this.options = options;
    this.ports = ports;
    this.tree = new FolderTree(database, archive.id, true);
    this.parts = new SeriesParts(database, archive.id, this.tree);
    this.headers = new HeaderBlockWriter(database);
    this.codes = new ValueCodes(database);
    this.pages = new PageMerge(database);
    const sql = (text: string) => database.prepare(text);
    this.sql = {
      series: sql('SELECT * FROM series WHERE id = ?'),
      ofUid: sql('SELECT * FROM series WHERE hash = ? AND uid = ? ORDER BY archive'),
      update: sql('UPDATE series SET date = ?, slot = ?, speaker = ?, stamp = ?, issues = ? WHERE id = ?'),
      remove: sql('DELETE FROM series WHERE id = ?'),
      setHidden: sql('UPDATE series SET hidden = ? WHERE id = ?'),
    };
  }

  /** Throws `too-many-deletions`. The report's `studies` are counted by the caller, from the new rows. */
  run(deletions: Deletions): PublishReport {
    const { append } = this.options;
    const changes = new FolderChanges(this.database, this.archive, this.tree, this.parts);
    const { changedChunks, keptFolders, ...gone } = changes.apply(this.staging, deletions, this.ports.throwIfEnded);
    const others = this.otherArchives();
    if (!append) this.remove(others);
    this.isOnlyArchive = others.length === 0;
    // Series whose speaker could not be read when it was wanted are tried again.
    this.parts.touchStamp(NO_STAMP);
    const { count, ids } = this.parts.touched();
    let done = 0;
    for (const { series } of ids) {
      this.ports.throwIfEnded?.();
      this.foldOne(series);
      if (++done % PROGRESS_EVERY === 0) this.ports.progress(done, count);
    }
    this.headers.flush();
    this.codes.flush();
    this.pages.apply();
    const removedArchives = append ? [] : others.map(({ name }) => name);
    return { ...this.totals(), changedChunks, keptFolders, ...gone, removedArchives };
  }

  private foldOne(id: number): void {
    const row = this.sql.series.get(id) as SeriesRow | undefined;
    if (row === undefined) return;
    const fold = row.archive === this.archive.id ? foldSeries(this.parts.of(id, row.uid)) : undefined;
    if (fold === undefined) this.removeSeries(row);
    else this.putSeries(row, fold);
    if (!this.isOnlyArchive) this.chooseShown(row.uid);
  }

  private removeSeries(row: SeriesRow): void {
    if (row.slot >= 0) {
      this.headers.free(row.slot);
      this.pages.remove(row.date, row.uid, row.id);
    }
    this.sql.remove.run(row.id);
  }

  private putSeries(row: SeriesRow, fold: SeriesFold): void {
    const { speaker, instances } = fold;
    const folder = this.tree.ensure(speaker.folder);
    const stamp = stampOf(speaker.file);
    const known = row.slot >= 0;
    const isSame = known && row.speaker === folder && row.stamp === stamp && stamp !== NO_STAMP;
    const full = isSame ? undefined : this.headerOf(row.uid, speaker);
    const issues = full?.issues ?? row.issues;
    const flags = (fold.mixed ? FLAG_MIXED : 0) | ((fold.issues | issues) << ISSUES_SHIFT);
    if (known && full === undefined) {
      // The speaker is the same, or the new one cannot be read now: then the old header stays until the next run.
      if (!isSame) this.sql.update.run(row.date, row.slot, row.speaker, NO_STAMP, issues, row.id);
      this.pages.amend(row.date, row.uid, row.id, { instances, flags });
      return;
    }
    if (known) {
      this.headers.free(row.slot);
      this.pages.remove(row.date, row.uid, row.id);
    }
    const values = indexedValues(full?.header ?? []);
    const slot = this.headers.add(full?.header ?? []);
    const date = rowDate(values);
    const codes = Int32Array.from(values, (value, attribute) => this.codes.code(attribute, value));
    const line = rowLine(values, row.uid);
    this.pages.put({ date, uid: row.uid, series: row.id, slot, instances, flags, codes, line });
    if (row.hidden === 1) this.pages.amend(date, row.uid, row.id, { hidden: true });
    this.sql.update.run(date, slot, folder, full === undefined ? NO_STAMP : stamp, issues, row.id);
  }

  private headerOf(uid: string, { folder, file }: SeriesFold['speaker']): StagedHeader | undefined {
    const staged = this.staging.header(uid, folder, file.name);
    if (staged !== undefined) return staged;
    const read = this.ports.readHeader(folder, file.name);
    return read === undefined ? undefined : { header: flatHeader(read.elements), issues: read.issues };
  }

  /** A series that lies in several archives is shown once: as the archive that was indexed first has it. */
  private chooseShown(uid: string): void {
    const rows = (this.sql.ofUid.all(nameHash(uid), uid) as unknown as SeriesRow[]).filter((row) => row.slot >= 0);
    rows.forEach((row, i) => {
      const hidden = i > 0 ? 1 : 0;
      if (row.hidden === hidden) return;
      this.sql.setHidden.run(hidden, row.id);
      this.pages.amend(row.date, row.uid, row.id, { hidden: hidden === 1 });
    });
  }

  private otherArchives(): Archive[] {
    return this.database
      .prepare('SELECT id, name FROM archive WHERE id <> ? ORDER BY id')
      .all(this.archive.id) as unknown as Archive[];
  }

  private remove(archives: readonly Archive[]): void {
    for (const { id } of archives) {
      this.parts.touchArchive(id);
      this.database.prepare('DELETE FROM part WHERE series IN (SELECT id FROM series WHERE archive = ?)').run(id);
      this.database.prepare('DELETE FROM folder WHERE archive = ?').run(id);
      this.database.prepare('DELETE FROM archive WHERE id = ?').run(id);
    }
  }

  private totals() {
    const { files, instances } = this.database
      .prepare(
        'SELECT coalesce(sum(files), 0) AS files, coalesce(sum(instances), 0) AS instances FROM folder WHERE archive = ?',
      )
      .get(this.archive.id) as { files: number; instances: number };
    const { n } = this.database.prepare('SELECT count(*) AS n FROM series WHERE archive = ?').get(this.archive.id) as {
      n: number;
    };
    return { files, instances, series: n, studies: 0, skipped: skippedCounts(this.database, this.archive.id) };
  }
}

/** Of a series without a header, and of a file that is to be read again: never the same as another. */
const NO_STAMP = -1;

/** Tells whether a file is still the one whose header was read. */
function stampOf(file: FileEntry): number {
  if (file.mtime < 0) return NO_STAMP;
  return nameHash(`${file.name}\n${file.size}\n${file.mtime}\n${file.SOPInstanceUID}`);
}
