// The CSV of `query`: UTF-8 without BOM, `\n`, quotes where needed. One line holds the six columns
// of CSV_COLUMNS; more columns follow on request. The line of a series is made once, when it
// is indexed. Reading is in csv-reader.ts.
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

/** The first line of a CSV with these further columns. */
export function csvHeader(more: readonly string[] = []): string {
  return csvLine([...CSV_COLUMNS, ...more]);
}
