// From a full header to a series' row: its indexed values, its date, its CSV line. Every adapter of the index makes its rows
// here, so that all give the same bytes.
import { Buffer } from 'node:buffer';
import { tagOfKeyword } from '../dicom/dictionary.ts';
import { matchText } from '../dicom/kept-text.ts';
import { tagDigits } from '../dicom/tag-digits.ts';
import { CSV_COLUMNS, INDEXED_ATTRIBUTES } from '../instance/attributes.ts';
import type { FlatHeader } from '../instance/header-codec.ts';
import { csvLine } from './csv.ts';
import { dateNumber } from './dates.ts';

/** Values of INDEXED_ATTRIBUTES in a header, in the table's order; a missing one is ''. */
export function indexedValues(header: FlatHeader): string[] {
  keys ??= new Map(INDEXED_ATTRIBUTES.map((keyword, i) => [tagDigits(tagOfKeyword(keyword)!), i]));
  const values: string[] = new Array(INDEXED_ATTRIBUTES.length).fill('');
  for (let at = 0; at < header.length; at += 3) {
    const i = keys.get(header[at]!);
    if (i !== undefined) values[i] = matchText(header[at + 2]!);
  }
  return values;
}

let keys: Map<string, number> | undefined;

const STUDY_DATE = INDEXED_ATTRIBUTES.indexOf('StudyDate');
const COLUMN_SOURCES = CSV_COLUMNS.map((keyword) => (INDEXED_ATTRIBUTES as readonly string[]).indexOf(keyword));

/** StudyDate as a number. */
export function rowDate(values: readonly string[]): number {
  return dateNumber(values[STUDY_DATE]!);
}

/** The CSV line of a series. */
export function rowLine(values: readonly string[], SeriesInstanceUID: string): Uint8Array {
  return Buffer.from(csvLine(COLUMN_SOURCES.map((i) => (i < 0 ? SeriesInstanceUID : values[i]!))), 'utf8');
}
