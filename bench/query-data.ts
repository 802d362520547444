/**
 * The rows of the benchmark `query` as files that the other ways load: tab
 * separated text, and the queries as JSON. ditag gets the same rows through its
 * own index (synthetic-index.ts).
 */
import { closeSync, existsSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { headerValues } from './header-attributes.ts';
import { type BenchOptions, scaled, workingFolder } from './options.ts';
import type { BenchQuery, TagQuery } from './query-list.ts';
import { hasFullHeader, type SyntheticShape, syntheticSeries } from './synthetic-data.ts';

export interface QueryData {
  shape: SyntheticShape;
  folder: string;
  series: string;
  headers: string;
  queries: string;
}

/** To be raised with every change of the data, so that older files are made anew. */
const generation = 1;

/** 1,000,000 series, every fifth with 100 attributes more; few files, which no query reads. */
export function sparseShape(options: BenchOptions): SyntheticShape {
  return { series: scaled(options, 1_000_000, 1000), fullHeaders: 0.2, meanFiles: 1, seed: 5 };
}

/** 200,000 series, each with 100 attributes more. */
export function fullShape(options: BenchOptions): SyntheticShape {
  return { series: scaled(options, 200_000, 200), fullHeaders: 1, meanFiles: 1, seed: 5 };
}

function writeLines(file: string, lines: Iterable<string>): void {
  const fd = openSync(`${file}.part`, 'w');
  let block: string[] = [];
  for (const line of lines) {
    block.push(line);
    if (block.length === 5_000) {
      writeSync(fd, `${block.join('\n')}\n`);
      block = [];
    }
  }
  if (block.length > 0) writeSync(fd, `${block.join('\n')}\n`);
  closeSync(fd);
  renameSync(`${file}.part`, file);
}

function* seriesLines(shape: SyntheticShape): Generator<string> {
  for (let number = 0; number < shape.series; number++) {
    const row = syntheticSeries(shape, number);
    yield [
      row.StudyDescription,
      row.SeriesDescription,
      row.PatientName,
      row.PatientID,
      row.StudyDate,
      row.SeriesInstanceUID,
    ].join('\t');
  }
}

/** As JSON, whose escapes leave no tab or newline in a line. */
function* headerLines(shape: SyntheticShape): Generator<string> {
  for (let number = 0; number < shape.series; number++) {
    if (!hasFullHeader(shape, number)) continue;
    const { SeriesInstanceUID } = syntheticSeries(shape, number);
    yield `${SeriesInstanceUID}\t${JSON.stringify(Object.fromEntries(headerValues(shape.seed, number)))}`;
  }
}

/** Writes what is not there yet of the rows of `shape`, and what is asked of them. */
export function writeQueryData(
  options: BenchOptions,
  shape: SyntheticShape,
  asked: { queries: readonly BenchQuery[]; tags: readonly TagQuery[] },
): QueryData {
  const folder = workingFolder(options, 'databases', `query-${generation}-${shape.series}-${shape.fullHeaders}`);
  const data = {
    shape,
    folder,
    series: join(folder, 'series.tsv'),
    headers: join(folder, 'headers.tsv'),
    queries: join(folder, 'queries.json'),
  };
  if (!existsSync(data.series)) writeLines(data.series, seriesLines(shape));
  if (!existsSync(data.headers)) writeLines(data.headers, headerLines(shape));
  writeFileSync(data.queries, JSON.stringify(asked));
  return data;
}
