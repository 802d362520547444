// The first rows of a batch, for answers of which only so many rows are wanted.
import type { RowBatch } from '../ports/instance-index.ts';

const LINE_END = 0x0a;
const QUOTE = 0x22;

/** At most `count` rows of a batch. A quoted value may hold line ends: lines end where quotes are closed. */
export function firstRows(batch: RowBatch, count: number): RowBatch {
  if (batch.rows <= count) return batch;
  const { lines, more } = batch;
  let end = 0;
  let isQuoted = false;
  for (let rows = 0; rows < count; end++) {
    if (lines[end] === QUOTE) isQuoted = !isQuoted;
    else if (lines[end] === LINE_END && !isQuoted) rows++;
  }
  return { rows: count, lines: lines.subarray(0, end), more: more?.slice(0, count) };
}
