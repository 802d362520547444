// Lists of series that commands are given: a file, or standard input.
import fs from 'node:fs';
import { ditagError } from '../core/errors/errors.ts';
import { readFailure } from '../core/errors/file-failure.ts';
import { BadList, type Chunks } from '../core/query/csv-reader.ts';
import { readSeriesList } from '../core/query/series-list.ts';

/** The name of standard input as that of a file. */
export const STDIN = '-';

/** The SeriesInstanceUIDs of `--input`, or of stdin for `-` and undefined. Throws `no-input`, `bad-series-list`, `cannot-read`. */
export function readSeriesInput(input: string | undefined, stdin: NodeJS.ReadStream): Promise<readonly string[]> {
  if (input !== undefined && input !== STDIN)
    return readingInput(input, () => readSeriesList(fs.createReadStream(input)));
  if (stdin.isTTY) throw ditagError('no-input', {});
  return readingInput('standard input', () => readSeriesList(stdin as Chunks));
}

/** Says of what `read` throws which source it is about. @param bad what it is not */
export async function readingInput<T>(
  source: string,
  read: () => Promise<T>,
  bad: 'bad-series-list' | 'bad-results' = 'bad-series-list',
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof BadList) {
      throw ditagError(bad, { source, reason: error.message, column: error.column }, error);
    }
    throw readFailure(source, error);
  }
}
