// How rows are printed. A format is what comes before the rows, what a batch becomes, and
// what comes after. Rows are printed as they come; only a table has to see all of them first.
import type { RowBatch } from '../ports/instance-index.ts';
import { csvHeader, csvLine } from './csv.ts';

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

/** Puts the further values behind each line. A quoted value may hold line ends: lines end where quotes are closed. */
function extendedLines(lines: Uint8Array, more: readonly (readonly string[])[]): string {
  const text = Buffer.from(lines.buffer, lines.byteOffset, lines.length).toString('utf8');
  let out = '';
  let start = 0;
  let row = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') quoted = !quoted;
    else if (text[i] === '\n' && !quoted) {
      out += `${text.slice(start, i)},${csvLine(more[row++]!)}`;
      start = i + 1;
    }
  }
  return out;
}
