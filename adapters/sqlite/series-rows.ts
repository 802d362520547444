// From a full header to a series' row: its date, its value codes, its CSV line.
import { Buffer } from 'node:buffer';
import { tagOfKeyword } from '../../core/dicom/dictionary.ts';
import type { HeaderElement } from '../../core/dicom/header-values.ts';
import { matchText } from '../../core/dicom/kept-text.ts';
import { CSV_COLUMNS, INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import { csvLine } from '../../core/query/csv.ts';
import { dateNumber } from '../../core/query/dates.ts';

/** Values of INDEXED_ATTRIBUTES in a header, in the table's order; a missing one is ''. */
export function indexedValues(elements: Iterable<HeaderElement>): string[] {
  keys ??= new Map(
    INDEXED_ATTRIBUTES.map((keyword, i) => [tagOfKeyword(keyword)!.toString(16).toUpperCase().padStart(8, '0'), i]),
  );
  const values: string[] = new Array(INDEXED_ATTRIBUTES.length).fill('');
  for (const { key, text } of elements) {
    const i = keys.get(key);
    if (i !== undefined) values[i] = matchText(text);
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
