// How rows are printed. A format is what comes before the rows, what a batch becomes, and
// what comes after. Rows are printed as they come; only a table has to see all of them first.
import type { RowBatch } from '../ports/instance-index.ts';
import { csvHeader, csvLine } from './csv.ts';
import { lineEnd } from './row-lines.ts';

export const ROW_FORMATS = ['csv', 'json', 'ndjson', 'table'] as const;
export type RowFormatName = (typeof ROW_FORMATS)[number];

export interface RowFormat {
  begin(): string;
  batch(batch: RowBatch): Uint8Array | string;
  end(): string;
}

/** CSV: the lines as they are kept, further columns behind them. @param more names of the columns after the six */
export function csvFormat(more: readonly string[]): RowFormat {
  return {
    begin: () => csvHeader(more),
    batch: (batch) => (batch.more === undefined ? batch.lines : extendedLines(batch.lines, batch.more)),
    end: () => '',
  };
}

/** Puts the further values behind each line. */
function extendedLines(lines: Uint8Array, more: readonly (readonly string[])[]): string {
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.length);
  let out = '';
  let start = 0;
  for (const values of more) {
    const end = lineEnd(lines, start);
    out += `${bytes.toString('utf8', start, end - 1)},${csvLine(values)}`;
    start = end;
  }
  return out;
}
