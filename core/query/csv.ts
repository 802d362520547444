// The CSV of `query` and what reads it: UTF-8 without BOM, `\n`, quotes where needed. One line holds the six columns
// of CSV_COLUMNS; more columns follow on request. Written and read by csv-stringify and csv-parse; the line of a
// series is made once, when it is indexed.
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { CSV_COLUMNS } from '../instance/attributes.ts';

/** One line with its `\n`. */
export function csvLine(values: readonly string[]): string {
  // Most values need no quotes; the library decides for the rest.
  const plain = values.join(',');
  if (!/["\n\r]/.test(plain) && plain.split(',').length === values.length && !/^\s|\s$|^$/.test(plain))
    return `${plain}\n`;
  return stringify([values as string[]]);
}

/** The lines of a text, as arrays of values. */
export function parseCsvLines(text: string): string[][] {
  return parse(text, { relax_column_count: false, record_delimiter: '\n' }) as string[][];
}

/** The first line of a CSV with these further columns. */
export function csvHeader(more: readonly string[] = []): string {
  return csvLine([...CSV_COLUMNS, ...more]);
}
