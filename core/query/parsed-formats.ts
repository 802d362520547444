// The formats for which rows are read again: json, ndjson, and table, which has to see all rows before the first.
import { Buffer } from 'node:buffer';
import stringWidth from 'string-width';
import { ditagError } from '../errors/errors.ts';
import { CSV_COLUMNS } from '../instance/attributes.ts';
import type { RowBatch } from '../ports/instance-index.ts';
import { parseCsvLines } from './csv-reader.ts';
import type { RowFormat, RowFormatName } from './row-format.ts';

/** @param more names of the columns after the six */
export function parsedFormat(name: Exclude<RowFormatName, 'csv'>, more: readonly string[]): RowFormat {
  switch (name) {
    case 'ndjson':
      return {
        begin: () => '',
        batch: (batch) =>
          rowsOf(batch)
            .map((row) => `${namedJson(row, more)}\n`)
            .join(''),
        end: () => '',
      };
    case 'json':
      return jsonFormat(more);
    case 'table':
      return tableFormat(more);
  }
}

/** The rows of a batch as values, further columns included. Throws `damaged-rows`. */
function rowsOf({ lines, more }: RowBatch): string[][] {
  const text = Buffer.from(lines.buffer, lines.byteOffset, lines.length).toString('utf8');
  let rows: string[][];
  try {
    rows = parseCsvLines(text);
  } catch (error) {
    throw ditagError('damaged-rows', {}, error);
  }
  return more === undefined ? rows : rows.map((row, i) => [...row, ...more[i]!]);
}

/**
 * An object in JSON, its keys in the order of the columns: an object of JavaScript has those first that look like numbers.
 * A column that is asked for twice is there once: many readers refuse a key that is repeated.
 */
function namedJson(row: readonly string[], more: readonly string[]): string {
  const names = [...CSV_COLUMNS, ...more];
  const members = names.map((column, i) => `${JSON.stringify(column)}:${JSON.stringify(row[i]!)}`);
  return `{${members.filter((_, i) => names.indexOf(names[i]!) === i).join(',')}}`;
}

function jsonFormat(more: readonly string[]): RowFormat {
  let first = true;
  return {
    begin: () => '[',
    batch: (batch) => {
      const rows = rowsOf(batch).map((row) => `\n  ${namedJson(row, more)}`);
      const text = (first ? '' : ',') + rows.join(',');
      first = false;
      return text;
    },
    end: () => (first ? ']\n' : '\n]\n'),
  };
}

/** Control characters, those of C1 too (U+009B begins a command), line ends, and what changes the direction of text. */
const NOT_FOR_A_TERMINAL = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
/** Columns are as wide as their widest value, which has up to this many characters; those of some scripts take two places. */
const WIDEST = 40;

function tableFormat(more: readonly string[]): RowFormat {
  const rows: string[][] = [[...CSV_COLUMNS, ...more]];
  return {
    begin: () => '',
    batch: (batch) => {
      for (const row of rowsOf(batch)) rows.push(row.map((value) => value.replace(NOT_FOR_A_TERMINAL, ' ')));
      return '';
    },
    end: () => {
      const shown = (value: string) => {
        const characters = [...value];
        return characters.length > WIDEST ? `${characters.slice(0, WIDEST - 1).join('')}…` : value;
      };
      const widths = rows[0]!.map((_, column) =>
        rows.reduce((widest, row) => Math.max(widest, stringWidth(shown(row[column]!))), 0),
      );
      const line = (row: readonly string[]) =>
        row
          .map((value, column) => shown(value) + ' '.repeat(widths[column]! - stringWidth(shown(value))))
          .join('  ')
          .trimEnd();
      const [head, ...body] = rows;
      return `${[line(head!), widths.map((width) => '-'.repeat(width)).join('  '), ...body.map(line)].join('\n')}\n`;
    },
  };
}
