/**
 * Runs the queries of the benchmark `query` in ditag's own process against an
 * index written by write-synthetic-index.ts, and prints what the Python programs
 * print: for each query the rows, and milliseconds to the first and the last.
 *
 *   node query-index.ts DATABASE QUERIES.json ROUNDS
 */
import { readFileSync } from 'node:fs';
import type { BenchQuery, TagQuery } from '../query-list.ts';
import { openIndexReader } from '../synthetic-index.ts';

const [database, file, roundsText] = process.argv.slice(2) as [string, string, string];
const asked = JSON.parse(readFileSync(file, 'utf8')) as { queries: BenchQuery[]; tags: TagQuery[] };
const reader = openIndexReader(database);

async function time(query: BenchQuery): Promise<{ rows: number; first: number; last: number }> {
  const start = performance.now();
  let first = Number.NaN;
  let rows = 0;
  for await (const count of reader.find(query)) {
    if (rows === 0 && count > 0) first = performance.now() - start;
    rows += count;
  }
  const last = performance.now() - start;
  return { rows, first: rows === 0 ? last : first, last };
}

async function answer(query: BenchQuery) {
  const runs = [];
  for (let round = 0; round < Number(roundsText); round++) runs.push(await time(query));
  return { rows: runs[0]!.rows, first: runs.map((run) => run.first), last: runs.map((run) => run.last) };
}

const answers: Record<'queries' | 'tags', unknown[]> = { queries: [], tags: [] };
for (const query of asked.queries) answers.queries.push(await answer(query));
for (const { keyword, pattern } of asked.tags)
  answers.tags.push(await answer({ targets: [keyword], pattern, from: '', to: '' }));
await reader.close();
console.log(JSON.stringify(answers));
