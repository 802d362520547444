// Lists of series as CSV: what `ditag query` prints, in any order of columns and with more of them, or headerless in the
// order of the six; and the results of a send, which have a line an instance.
import { CSV_COLUMNS } from '../instance/attributes.ts';
import { BadList, type Chunks, csvLines } from './csv-reader.ts';

const SERIES = 'SeriesInstanceUID';
/** A UID (PS3.5 9.1): a headerless list is known by one at its place. */
const UID = /^[0-9]+(\.[0-9]+)+$/;

/** The SeriesInstanceUIDs of a list, each once, in its order. Throws BadList. */
export async function readSeriesList(chunks: Chunks): Promise<string[]> {
  const series = new Set<string>();
  let column = -1;
  for await (const lines of csvLines(chunks, SERIES))
    for (const { values, line } of lines) {
      if (column < 0) {
        column = values.findIndex((value) => value.trim() === SERIES);
        if (column >= 0) continue;
        column = CSV_COLUMNS.indexOf(SERIES);
        if (!UID.test(values[column]?.trim() ?? '')) throw noColumn(values, SERIES);
      }
      const uid = values[column]?.trim() ?? '';
      if (uid === '') throw new BadList(`line ${line} has no ${SERIES}`, SERIES);
      series.add(uid);
    }
  if (column < 0) throw new BadList('it is empty', SERIES);
  return [...series];
}

/** Spreadsheets put another separator between columns where a comma is part of numbers. */
function noColumn(values: readonly string[], column: string): BadList {
  const [first = ''] = values.filter((value) => value.includes(column));
  const separator = [';', '\t'].find((one) => first.includes(one));
  if (separator === undefined) return new BadList(`its first line has no column ${column}`, column);
  return new BadList(
    `its columns are separated by ${separator === ';' ? 'semicolons' : 'tabs'}, not by commas`,
    column,
  );
}

/** Calls `each` with the values of these columns, line by line. Throws BadList. @param optional columns that may be missing: then '' @param mayBeCut the end of the last line may be missing */
export async function readColumns(
  chunks: Chunks,
  columns: readonly string[],
  each: (values: readonly string[]) => void,
  optional: readonly string[] = [],
  mayBeCut = false,
): Promise<void> {
  let places: readonly number[] | undefined;
  for await (const lines of csvLines(chunks, columns[0]!, mayBeCut))
    for (const { values } of lines) {
      if (places !== undefined) {
        each(places.map((place) => values[place] ?? ''));
        continue;
      }
      places = [...columns, ...optional].map((column) => {
        const place = values.indexOf(column);
        if (place < 0 && columns.includes(column)) throw noColumn(values, column);
        return place;
      });
    }
  if (places === undefined) throw new BadList('it is empty', columns[0]!);
}
