// The port ProjectStore over a file of its own beside the project's index.
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { ditagError } from '../../core/errors/errors.ts';
import type { DownloadState, DownloadStore, ProjectStore, ProjectTotals } from '../../core/ports/project-store.ts';
import {
  ACCESSION_OUTCOMES,
  type AccessionAnswer,
  type AccessionOutcome,
  type Attributes,
  type ExpectedInstance,
  type ExpectedSeries,
  type FoundStudy,
  patientOf,
  type Target,
  type TargetState,
} from '../../core/projects/expected.ts';
import { withoutSharedSeries } from '../../core/projects/shared-series.ts';
import { makeFolders } from '../system/make-folders.ts';
import { SqliteDownloadStore } from './download-store.ts';
import { createPrivateFile, setJournal } from './open-database.ts';
import { PROJECT_APPLICATION_ID, PROJECT_FORMAT, PROJECT_SCHEMA } from './project-schema.ts';
import { explained, explainedOpen, isNotADatabase } from './sqlite-errors.ts';
import { WriteBatch } from './write-batch.ts';

/** Rows that are read at a time where all are gone through. */
const AT_A_TIME = 1_000;
/** As `expectedCount` has it. */
const EXPECTED = 'CASE WHEN is_listed THEN listed ELSE max(listed, coalesce(announced, 1)) END';

interface SeriesRow {
  readonly uid: string;
  readonly study: string;
  readonly attributes: string;
  readonly study_attributes: string;
  readonly announced: number | null;
  readonly listed: number;
  readonly is_listed: number;
  readonly accession: string;
}

export class SqliteProjectStore implements ProjectStore {
  private readonly database: DatabaseSync;
  private readonly batch: WriteBatch;
  private readonly listed: StatementSync;
  private readonly explain: (error: unknown) => unknown;

  /** Opens the file, which is made if need be. Throws `cannot-write`, `damaged-database`, `newer-database`, `not-a-project`. */
  constructor(file: string) {
    this.explain = (error) => explained(error, file, 'project');
    try {
      makeFolders(path.dirname(file), 0o700);
      this.database = openProject(file);
    } catch (error) {
      throw explainedOpen(error, file, 'project');
    }
    this.batch = new WriteBatch(this.database, this.explain);
    this.listed = this.database.prepare(
      `SELECT i.uid AS SOPInstanceUID, c.uid AS SOPClassUID FROM series s JOIN instance i ON i.series = s.id
       JOIN sop_class c ON c.id = i.class WHERE s.uid = ? ORDER BY i.uid`,
    );
  }

  async addTargets(targets: readonly Target[]): Promise<number> {
    let added = 0;
    await this.batch.add(() => {
      const insert = this.database.prepare('INSERT INTO target (accession, line) VALUES (?, ?) ON CONFLICT DO NOTHING');
      for (const { accession, line } of targets) added += Number(insert.run(accession, line).changes);
    });
    return added;
  }

  async targetsToAsk(refresh: boolean): Promise<readonly Target[]> {
    return this.reading((database) => {
      const wanted = refresh ? "outcome <> 'refused'" : "outcome IN ('open', 'failed')";
      const rows = database
        .prepare(`SELECT accession, line FROM target WHERE ${wanted} ORDER BY outcome = 'failed', id`)
        .all();
      return rows.map(({ accession, line }) => ({ accession, line }) as Target);
    });
  }

  async keep(answer: AccessionAnswer): Promise<AccessionAnswer> {
    let kept = answer;
    await this.batch.add(() => {
      kept = this.replace(answer);
    });
    return kept;
  }

  async *targets(): AsyncIterable<TargetState> {
    for await (const row of this.pages<TargetState & { id: number }>(
      `SELECT t.id, t.accession, t.line, t.outcome, t.reason, count(s.id) AS studies, count(DISTINCT s.patient) AS patients
       FROM target t LEFT JOIN target_study ts ON ts.target = t.id LEFT JOIN study s ON s.id = ts.study
       WHERE t.id > ? GROUP BY t.id ORDER BY t.id LIMIT ${AT_A_TIME}`,
      ({ id }) => [id],
      [0],
    )) {
      const { id: _, ...target } = row;
      yield target;
    }
  }

  async totals(): Promise<ProjectTotals> {
    return this.reading((database) => {
      const row = (sql: string) => database.prepare(sql).get() as Record<string, number>;
      const outcomes = Object.fromEntries(ACCESSION_OUTCOMES.map((outcome) => [outcome, 0]));
      const counted = database.prepare('SELECT outcome, count(*) AS n FROM target GROUP BY outcome').all();
      for (const { outcome, n } of counted) outcomes[outcome as AccessionOutcome] = n as number;
      const { studies, patients } = row('SELECT count(*) AS studies, count(DISTINCT patient) AS patients FROM study');
      const { series, instances } = row(
        `SELECT count(*) AS series, coalesce(sum(${EXPECTED}), 0) AS instances FROM series`,
      );
      const { accessions } = row('SELECT count(*) AS accessions FROM target');
      const totals = { accessions, studies, patients, series, instances } as Record<keyof ProjectTotals, number>;
      return { ...totals, outcomes: outcomes as Record<AccessionOutcome, number> };
    });
  }

  async *series(): AsyncIterable<ExpectedSeries & { readonly accession: string }> {
    for await (const row of this.pages<SeriesRow>(
      `SELECT series.uid, study.uid AS study, series.attributes, study.attributes AS study_attributes, announced, listed, is_listed,
         (SELECT accession FROM target_study ts JOIN target t ON t.id = ts.target WHERE ts.study = study.id ORDER BY t.line LIMIT 1) AS accession
       FROM study JOIN series ON series.study = study.id
       WHERE (study.uid, series.uid) > (?, ?) ORDER BY study.uid, series.uid LIMIT ${AT_A_TIME}`,
      ({ study, uid }) => [study, uid],
      ['', ''],
    )) {
      yield {
        StudyInstanceUID: row.study,
        SeriesInstanceUID: row.uid,
        attributes: { ...parsed(row.study_attributes), ...parsed(row.attributes) },
        announced: row.announced ?? undefined,
        listed: row.listed,
        isListed: row.is_listed === 1,
        accession: row.accession,
      };
    }
  }

  async instancesOf(SeriesInstanceUID: string): Promise<readonly ExpectedInstance[]> {
    return this.reading(() => {
      const rows = this.listed.all(SeriesInstanceUID);
      return rows.map(({ SOPInstanceUID, SOPClassUID }) => ({ SOPInstanceUID, SOPClassUID }) as ExpectedInstance);
    });
  }

  async download(folder: string): Promise<DownloadStore> {
    await this.batch.add(() => {
      this.database
        .prepare('INSERT INTO download (folder, started_at) VALUES (?, ?) ON CONFLICT DO NOTHING')
        .run(folder, new Date().toISOString());
    });
    const found = this.database
      .prepare('SELECT id, started_at AS startedAt FROM download WHERE folder = ?')
      .get(folder);
    return new SqliteDownloadStore(this.database, this.batch, found as { id: number; startedAt: string });
  }

  async downloads(): Promise<readonly DownloadState[]> {
    return this.reading((database) => {
      const sums = 'count(*) AS n, coalesce(sum(size), 0) AS bytes';
      const received = database.prepare(`SELECT ${sums} FROM received WHERE download = ?`);
      const aside = database.prepare(`SELECT ${sums} FROM not_asked_for WHERE download = ?`);
      const rows = database.prepare('SELECT * FROM download ORDER BY started_at DESC, id DESC').all() as unknown as {
        readonly id: number;
        readonly folder: string;
        readonly started_at: string;
        readonly completed_at: string | null;
      }[];
      return rows.map(({ id, folder, started_at: startedAt, completed_at }) => {
        const { n, bytes } = received.get(id) as { n: number; bytes: number };
        const { n: notAskedFor } = aside.get(id) as { n: number };
        return { folder, startedAt, completedAt: completed_at ?? undefined, received: n, notAskedFor, bytes };
      });
    });
  }

  async close(): Promise<void> {
    this.batch.flush();
    this.database.close();
  }

  /** What the PACS says now takes the place of what it said before. */
  private replace(answer: AccessionAnswer): AccessionAnswer {
    const { database } = this;
    const { accession } = answer;
    const { id: target } = database
      .prepare('UPDATE target SET outcome = ?, reason = ? WHERE accession = ? RETURNING id')
      .get(answer.outcome, answer.reason, accession) as { id: number };
    // What could not be asked says nothing of what was known before.
    if (answer.outcome === 'failed') return answer;
    const before = database.prepare('DELETE FROM target_study WHERE target = ? RETURNING study AS id').all(target);
    const ids = answer.studies.map((study) => this.replaceStudy(study));
    for (const id of ids)
      database.prepare('INSERT INTO target_study (target, study) VALUES (?, ?) ON CONFLICT DO NOTHING').run(target, id);
    for (const { id } of before) this.removeUnlessFound(id as number);
    const owner = database.prepare('SELECT st.uid FROM series s JOIN study st ON st.id = s.study WHERE s.uid = ?');
    const kept = withoutSharedSeries(answer, (uid) => (owner.get(uid) as { uid: string } | undefined)?.uid);
    for (const [i, { series }] of kept.studies.entries()) this.addSeries(ids[i]!, series);
    if (kept !== answer) {
      database.prepare('UPDATE target SET outcome = ?, reason = ? WHERE id = ?').run(kept.outcome, kept.reason, target);
    }
    return kept;
  }

  /** Removes a study that no accession number leads to any more. */
  private removeUnlessFound(id: number): void {
    const { database } = this;
    if (database.prepare('SELECT 1 FROM target_study WHERE study = ?').get(id) !== undefined) return;
    database.prepare('DELETE FROM instance WHERE series IN (SELECT id FROM series WHERE study = ?)').run(id);
    database.prepare('DELETE FROM series WHERE study = ?').run(id);
    database.prepare('DELETE FROM study WHERE id = ?').run(id);
  }

  /** The study, of which no series is known from now on. */
  private replaceStudy({ StudyInstanceUID, attributes }: FoundStudy): number {
    const { database } = this;
    const { id } = database
      .prepare(
        `INSERT INTO study (uid, patient, attributes) VALUES (?, ?, ?)
         ON CONFLICT (uid) DO UPDATE SET patient = excluded.patient, attributes = excluded.attributes RETURNING id`,
      )
      .get(StudyInstanceUID, patientOf(attributes, StudyInstanceUID), JSON.stringify(attributes)) as { id: number };
    database.prepare('DELETE FROM instance WHERE series IN (SELECT id FROM series WHERE study = ?)').run(id);
    database.prepare('DELETE FROM series WHERE study = ?').run(id);
    return id;
  }

  private addSeries(study: number, all: FoundStudy['series']): void {
    const { database } = this;
    const addSeries = database.prepare(
      'INSERT INTO series (study, uid, attributes, announced, listed, is_listed) VALUES (?, ?, ?, ?, ?, ?) RETURNING id',
    );
    const addInstance = database.prepare(
      'INSERT INTO instance (series, uid, class) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    );
    for (const { SeriesInstanceUID, attributes, announced, instances, isListed } of all) {
      const listed = instances.length;
      const { id } = addSeries.get(
        ...[study, SeriesInstanceUID, JSON.stringify(attributes), announced ?? null, listed, isListed ? 1 : 0],
      ) as { id: number };
      for (const { SOPInstanceUID, SOPClassUID } of instances)
        addInstance.run(id, SOPInstanceUID, this.classId(SOPClassUID));
    }
  }

  private classId(uid: string): number {
    const { id } = this.database
      .prepare('INSERT INTO sop_class (uid) VALUES (?) ON CONFLICT (uid) DO UPDATE SET uid = uid RETURNING id')
      .get(uid) as { id: number };
    return id;
  }

  /** Reads with what was written before; throws what a person is told. */
  private reading<T>(read: (database: DatabaseSync) => T): T {
    this.batch.flush();
    try {
      return read(this.database);
    } catch (error) {
      throw this.explain(error);
    }
  }

  /** All rows of a query, page by page: whoever takes them may write in between. @param after the parameters for the page behind a row */
  private async *pages<Row>(
    sql: string,
    after: (row: Row) => (string | number)[],
    first: (string | number)[],
  ): AsyncIterable<Row> {
    for (let from = first; ; ) {
      const rows = this.reading((database) => database.prepare(sql).all(...from)) as unknown as Row[];
      yield* rows;
      if (rows.length < AT_A_TIME) return;
      from = after(rows.at(-1)!);
    }
  }
}

function parsed(attributes: string): Attributes {
  return JSON.parse(attributes) as Attributes;
}

function openProject(file: string): DatabaseSync {
  const isNew = (fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0;
  if (isNew) createPrivateFile(file);
  const database = new DatabaseSync(file, { timeout: 60_000 });
  try {
    const pragma = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get()!)[0] as number;
    setJournal(database, file);
    // What a power cut takes is found again: on disk what was received, at the PACS what it said.
    database.exec('PRAGMA synchronous = NORMAL');
    const hasTables = database.prepare('SELECT 1 FROM sqlite_master LIMIT 1').get() !== undefined;
    if (!hasTables) {
      const head = `PRAGMA application_id = ${PROJECT_APPLICATION_ID}; PRAGMA user_version = ${PROJECT_FORMAT};`;
      database.exec(`BEGIN IMMEDIATE; ${head} ${PROJECT_SCHEMA} COMMIT`);
    } else if (pragma('application_id') !== PROJECT_APPLICATION_ID) {
      throw ditagError('not-a-project', { file });
    } else if (pragma('user_version') > PROJECT_FORMAT) {
      const found = pragma('user_version');
      throw ditagError('newer-database', { database: file, found, known: PROJECT_FORMAT });
    }
    return database;
  } catch (error) {
    database.close();
    throw isNotADatabase(error) ? ditagError('not-a-project', { file }, error) : error;
  }
}
