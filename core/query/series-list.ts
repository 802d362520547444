// Lists of series as CSV: what `ditag query` prints, in any order of columns and with more of them, or headerless in the
// order of the six; and the results of a send, which have a line an instance.
import { type Info, parse } from 'csv-parse';
import { CSV_COLUMNS } from '../instance/attributes.ts';

const SERIES = 'SeriesInstanceUID';
/** A UID (PS3.5 9.1): a headerless list is known by one at its place. */
const UID = /^[0-9]+(\.[0-9]+)+$/;

/** A list that cannot be read. The message is a reason, with the line's number, and no value. */
export class BadList extends Error {
  readonly column: string;

  constructor(reason: string, column: string) {
    super(reason);
    this.column = column;
  }
}

/** Bytes of a file or a stream, in pieces. */
export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** The SeriesInstanceUIDs of a list, each once, in its order. Throws BadList. */
export async function readSeriesList(chunks: Chunks): Promise<string[]> {
  const series = new Set<string>();
  let column = -1;
  await readLines(chunks, SERIES, (values, line) => {
    if (column < 0) {
      column = values.findIndex((value) => value.trim() === SERIES);
      if (column >= 0) return;
      column = CSV_COLUMNS.indexOf(SERIES);
      if (!UID.test(values[column]?.trim() ?? '')) throw new BadList(`its first line has no column ${SERIES}`, SERIES);
    }
    const uid = values[column]?.trim() ?? '';
    if (uid === '') throw new BadList(`line ${line} has no ${SERIES}`, SERIES);
    series.add(uid);
  });
  return [...series];
}

/** Calls `each` with the values of these columns, line by line. Throws BadList. */
export async function readColumns(
  chunks: Chunks,
  columns: readonly string[],
  each: (values: readonly string[]) => void,
): Promise<void> {
  let places: readonly number[] | undefined;
  await readLines(chunks, columns[0]!, (values) => {
    if (places !== undefined) {
      each(places.map((place) => values[place] ?? ''));
      return;
    }
    places = columns.map((column) => {
      const place = values.indexOf(column);
      if (place < 0) throw new BadList(`its first line has no column ${column}`, column);
      return place;
    });
  });
}

async function readLines(
  chunks: Chunks,
  column: string,
  each: (values: readonly string[], line: number) => void,
): Promise<void> {
  let failure: Error | undefined;
  const parser = parse({
    bom: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    skip_empty_lines: true,
    on_record: (values: string[], { lines }: Info) => {
      // What is thrown here would be the parser's error.
      try {
        if (failure === undefined) each(values, lines);
      } catch (error) {
        failure = error as Error;
      }
      return null;
    },
  });
  const ended = new Promise<void>((resolve, reject) => {
    parser.on('end', resolve).on('error', reject).resume();
  });
  ended.catch(() => {});
  for await (const chunk of chunks) {
    if (parser.destroyed || failure !== undefined) break;
    parser.write(chunk);
  }
  parser.end();
  try {
    await ended;
  } catch (error) {
    failure ??= new BadList(`line ${(error as { lines?: number }).lines ?? '?'} is no CSV`, column);
  }
  if (failure !== undefined) throw failure;
}
