// The lines of a batch of rows, taken apart without reading their values.
import { ditagError } from '../errors/errors.ts';
import type { RowBatch } from '../ports/instance-index.ts';

const LINE_END = 0x0a;
const QUOTE = 0x22;

/**
 * Behind the line that begins at `start`. A quoted value may hold line ends: a line ends where quotes are closed. Throws
 * `damaged-rows` where it never does.
 */
export function lineEnd(lines: Uint8Array, start: number): number {
  let isQuoted = false;
  for (let at = start; at < lines.length; at++) {
    if (lines[at] === QUOTE) isQuoted = !isQuoted;
    else if (lines[at] === LINE_END && !isQuoted) return at + 1;
  }
  throw ditagError('damaged-rows', {});
}

/** At most `count` rows of a batch. */
export function firstRows(batch: RowBatch, count: number): RowBatch {
  if (batch.rows <= count) return batch;
  const { lines, more } = batch;
  let end = 0;
  for (let row = 0; row < count; row++) end = lineEnd(lines, end);
  return { rows: count, lines: lines.subarray(0, end), more: more?.slice(0, count) };
}
