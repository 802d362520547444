// The tables of an index file, version 1. What each is for stands beside it; docs/index-format.md tells the whole.
// Everything but `page…` and `value…` is the truth; those are derived from it and can be made anew.

/** PRAGMA application_id of an index: "DITG". */
export const APPLICATION_ID = 0x44495447;
/** PRAGMA user_version: another one is refused by name. */
export const FORMAT = 1;

export const SCHEMA = `
-- Archives in the order in which they were indexed first: the first speaks for a series that lies in several.
CREATE TABLE archive (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  indexed_at TEXT NOT NULL
);
-- One row a folder, under its parent; the root's parent is 0 and its hash the archive. A folder that is cut into
-- chunks has a row without record for itself and a nameless one below it for each chunk.
CREATE TABLE folder (
  id INTEGER PRIMARY KEY,
  archive INTEGER NOT NULL,
  parent INTEGER NOT NULL,
  hash INTEGER NOT NULL,
  name TEXT NOT NULL,
  bits INTEGER NOT NULL,
  chunk INTEGER NOT NULL,
  files INTEGER NOT NULL,
  instances INTEGER NOT NULL,
  skipped TEXT,
  record BLOB
);
CREATE INDEX folder_key ON folder (parent, hash);
-- Which folder rows hold files of a series.
CREATE TABLE part (
  series INTEGER NOT NULL,
  folder INTEGER NOT NULL,
  PRIMARY KEY (series, folder)
) WITHOUT ROWID;
-- A series of one archive: where its row and its header are, and which file speaks for it.
CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  archive INTEGER NOT NULL,
  hash INTEGER NOT NULL,
  uid TEXT NOT NULL,
  date INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  speaker INTEGER NOT NULL,
  stamp INTEGER NOT NULL,
  issues INTEGER NOT NULL,
  hidden INTEGER NOT NULL
);
CREATE INDEX series_hash ON series (hash);
-- Full headers by tag, in blocks of 4,096 series; slot = block * 4,096 + position.
CREATE TABLE header_key (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, vr TEXT NOT NULL);
CREATE TABLE header_block (id INTEGER PRIMARY KEY, count INTEGER NOT NULL, live INTEGER NOT NULL);
CREATE TABLE header_column (
  id INTEGER PRIMARY KEY,
  key INTEGER NOT NULL,
  block INTEGER NOT NULL,
  data BLOB NOT NULL
);
CREATE INDEX header_column_key ON header_column (key, block);
CREATE INDEX header_column_block ON header_column (block);
-- The distinct values of the indexed attributes, a superset of those in use: joined, 4,096 at a time, and found by digest.
-- id = attribute * 2^32 + chunk.
CREATE TABLE value_chunk (id INTEGER PRIMARY KEY, texts TEXT NOT NULL);
CREATE TABLE value_code (
  attribute INTEGER NOT NULL,
  digest BLOB NOT NULL,
  code INTEGER NOT NULL,
  PRIMARY KEY (attribute, digest)
) WITHOUT ROWID;
-- The rows in the order in which queries answer (StudyDate, SeriesInstanceUID), up to 4,096 a page.
CREATE TABLE page (
  id INTEGER PRIMARY KEY,
  first_date INTEGER NOT NULL,
  last_date INTEGER NOT NULL,
  first_uid TEXT NOT NULL,
  rows INTEGER NOT NULL,
  columns BLOB NOT NULL
);
CREATE INDEX page_order ON page (first_date, first_uid);
-- id = page * 64 + attribute: the value code of every row.
CREATE TABLE page_codes (id INTEGER PRIMARY KEY, codes BLOB NOT NULL);
-- The CSV lines of the rows, 512 together: id = page * 128 + their number in the page.
CREATE TABLE page_lines (id INTEGER PRIMARY KEY, lines BLOB NOT NULL);
`;
