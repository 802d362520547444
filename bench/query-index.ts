/**
 * The index of ditag on the rows that `query` and `find-scp` ask, written by the
 * index writer of this checkout.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './options.ts';
import type { QueryData } from './query-data.ts';
import { reasonOf, runProcess } from './run-process.ts';

const dataSources = new Set([
  'synthetic-data.ts',
  'synthetic-index.ts',
  'header-attributes.ts',
  'vocabulary.ts',
  'random.ts',
]);

/** Tells apart what the index is written by: the adapter, the records, the data. */
function writerDigest(): string {
  const hash = createHash('sha256');
  for (const folder of ['adapters/sqlite', 'core/instance', 'bench']) {
    for (const name of readdirSync(join(root, folder)).sort()) {
      if (/^(?!.*\.test\.).*\.ts$/.test(name) && (folder !== 'bench' || dataSources.has(name))) {
        hash.update(readFileSync(join(root, folder, name)));
      }
    }
  }
  return hash.digest('hex');
}

/** Gives the index of these rows, written again where its writer has changed; or the sentence why there is none. */
export async function writeQueryIndex(
  data: QueryData,
  measure: string,
): Promise<{ database: string } | { missing: string }> {
  const database = join(data.folder, 'ditag.db');
  const mark = `${database}.writer`;
  const digest = writerDigest();
  if (existsSync(mark) && readFileSync(mark, 'utf8') === digest) return { database };
  for (const end of ['', '-wal', '-shm', '-scan', '.writer']) rmSync(database + end, { force: true });
  console.error(`Writing an index of ${data.shape.series.toLocaleString('en-US')} series`);
  try {
    const program = join(import.meta.dirname, 'programs/write-synthetic-index.ts');
    await runProcess(measure, [process.execPath, program, database, JSON.stringify(data.shape)]);
  } catch (error) {
    return { missing: reasonOf(error) };
  }
  writeFileSync(mark, digest);
  return { database };
}
