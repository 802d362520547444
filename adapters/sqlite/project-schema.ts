// The tables of a project's file, version 1: what the PACS says, and what its downloads have received.

/** PRAGMA application_id: "DITP". */
export const PROJECT_APPLICATION_ID = 0x44495450;
/** PRAGMA user_version: a newer one is refused by name. */
export const PROJECT_FORMAT = 1;

export const PROJECT_SCHEMA = `
-- The accession numbers of the list, each with what became of it.
CREATE TABLE target (
  id INTEGER PRIMARY KEY,
  accession TEXT NOT NULL UNIQUE,
  line INTEGER NOT NULL,
  outcome TEXT NOT NULL DEFAULT 'open',
  reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX target_outcome ON target (outcome, line);
-- attributes: JSON, by keyword.
CREATE TABLE study (
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  patient TEXT NOT NULL,
  attributes TEXT NOT NULL
);
CREATE TABLE target_study (
  target INTEGER NOT NULL,
  study INTEGER NOT NULL,
  PRIMARY KEY (target, study)
) WITHOUT ROWID;
CREATE INDEX target_study_study ON target_study (study);
CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  study INTEGER NOT NULL,
  uid TEXT NOT NULL UNIQUE,
  attributes TEXT NOT NULL,
  announced INTEGER,
  listed INTEGER NOT NULL,
  is_listed INTEGER NOT NULL
);
CREATE INDEX series_study ON series (study);
CREATE TABLE sop_class (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE);
CREATE TABLE instance (
  series INTEGER NOT NULL,
  uid TEXT NOT NULL,
  class INTEGER NOT NULL,
  PRIMARY KEY (series, uid)
) WITHOUT ROWID;
CREATE TABLE download (
  id INTEGER PRIMARY KEY,
  folder TEXT NOT NULL UNIQUE,
  started_at TEXT NOT NULL,
  completed_at TEXT
);
-- series: by UID, since what was not asked for may be of any.
CREATE TABLE received_series (id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE);
CREATE TABLE received (
  download INTEGER NOT NULL,
  series INTEGER NOT NULL,
  uid TEXT NOT NULL,
  path TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  PRIMARY KEY (download, series, uid)
) WITHOUT ROWID;
-- Kept aside; the same instance may have come several times, each time with other bytes.
CREATE TABLE not_asked_for (
  download INTEGER NOT NULL,
  path TEXT NOT NULL,
  series INTEGER NOT NULL,
  uid TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  PRIMARY KEY (download, path)
) WITHOUT ROWID;
-- Why the rest of a series is missing.
CREATE TABLE missing_reason (
  download INTEGER NOT NULL,
  series INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (download, series)
) WITHOUT ROWID;
`;
