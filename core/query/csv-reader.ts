// Reads the CSV that csv.ts writes.
import { parse } from 'csv-parse/sync';

/** The lines of a text, as arrays of values. Throws csv-parse's error for what is no CSV. */
export function parseCsvLines(text: string): string[][] {
  return parse(text, { relax_column_count: false, record_delimiter: '\n' }) as string[][];
}
