/**
 * The classic way to keep an archive: one row an instance with its full path,
 * an index by SOPInstanceUID and one by series, no attributes. The other side of
 * the benchmark `grow`.
 *
 *   node write-classic-table.ts DATABASE SHAPE    SHAPE: the SyntheticShape as JSON
 *
 * Prints {"series", "instances", "seconds", "cpuSeconds", "maxRssBytes"}; time and memory
 * hold the making of the data.
 */
import { DatabaseSync } from 'node:sqlite';
import { type SyntheticShape, syntheticFolders } from '../synthetic-data.ts';

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE series (id INTEGER PRIMARY KEY, SeriesInstanceUID TEXT NOT NULL UNIQUE);
  CREATE TABLE instance (
    id INTEGER PRIMARY KEY, SOPInstanceUID TEXT NOT NULL UNIQUE, series INTEGER NOT NULL REFERENCES series(id), path TEXT NOT NULL);
  CREATE INDEX instance_series ON instance(series);
`;
const seriesATransaction = 2_000;

const [database, shapeText] = process.argv.slice(2) as [string, string];
const shape = JSON.parse(shapeText) as SyntheticShape;
const start = performance.now();
const connection = new DatabaseSync(database);
connection.exec(schema);
const addSeries = connection.prepare('INSERT INTO series (SeriesInstanceUID) VALUES (?)');
const addInstance = connection.prepare('INSERT INTO instance (SOPInstanceUID, series, path) VALUES (?, ?, ?)');
let series = 0;
let instances = 0;
connection.exec('BEGIN');
for await (const folder of syntheticFolders(shape)) {
  const id = addSeries.run(folder.headers[0]!.SeriesInstanceUID).lastInsertRowid;
  for (const file of folder.files) addInstance.run(file.SOPInstanceUID, id, `/archive/${folder.path}/${file.name}`);
  instances += folder.files.length;
  if (++series % seriesATransaction === 0) connection.exec('COMMIT; BEGIN');
}
connection.exec('COMMIT');
connection.close();
const { user, system } = process.cpuUsage();
const maxRssBytes = process.resourceUsage().maxRSS * 1024;
const seconds = (performance.now() - start) / 1000;
console.log(JSON.stringify({ series, instances, seconds, cpuSeconds: (user + system) / 1e6, maxRssBytes }));
