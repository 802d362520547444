// Reads CSV: what csv.ts writes, and lists that people have made or changed.
import { type Info, parse } from 'csv-parse';
import { parse as parseSync } from 'csv-parse/sync';

/** The lines of a text, as arrays of values. Throws csv-parse's error for what is no CSV. */
export function parseCsvLines(text: string): string[][] {
  return parseSync(text, { relax_column_count: false, record_delimiter: '\n' }) as string[][];
}

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

export interface CsvLine {
  readonly values: readonly string[];
  /** In the text, from 1 on. */
  readonly line: number;
}

/** The lines of a list, those of a chunk together: of any number of values, with any line ends. Throws BadList. @param column that is looked for @param mayBeCut its end may be missing */
export async function* csvLines(
  chunks: Chunks,
  column: string,
  mayBeCut = false,
): AsyncGenerator<readonly CsvLine[], void, undefined> {
  let lines: CsvLine[] = [];
  const parser = parse({
    bom: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    skip_empty_lines: true,
    on_record: (values: string[], { lines: line }: Info) => {
      lines.push({ values, line });
      return null;
    },
  });
  const ended = new Promise<void>((resolve, reject) => {
    parser.on('end', resolve).on('error', reject).resume();
  });
  ended.catch(() => {});
  const taken = () => {
    const all = lines;
    lines = [];
    return all;
  };
  for await (const chunk of chunks) {
    if (parser.destroyed) break;
    parser.write(chunk);
    yield taken();
  }
  parser.end();
  try {
    await ended;
  } catch (error) {
    yield taken();
    if (mayBeCut && (error as { code?: string }).code === 'CSV_QUOTE_NOT_CLOSED') return;
    throw new BadList(`line ${(error as { lines?: number }).lines ?? '?'} is no CSV`, column);
  }
  yield taken();
}
