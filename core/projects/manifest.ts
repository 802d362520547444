// `manifest.csv` of a download: every expected instance with what became of it, and what came besides. A line is one
// instance. Values stand as they are, also those that a spreadsheet would run. Hashing and files are elsewhere.
import { Buffer } from 'node:buffer';
import { csvLine } from '../query/csv.ts';
import { BadList, type Chunks, csvLines } from '../query/csv-reader.ts';
import { INSTANCE_OUTCOMES, type InstanceOutcome, type ManifestEntry } from './received.ts';
import { isBelow } from './relative-path.ts';

export const MANIFEST_COLUMNS = [
  'AccessionNumber',
  'StudyInstanceUID',
  'SeriesInstanceUID',
  'SOPInstanceUID',
  'outcome',
  'reason',
  'path',
  'size',
  'sha256',
] as const satisfies readonly (keyof ManifestEntry)[];
type Column = (typeof MANIFEST_COLUMNS)[number];

/** One line with its `\n`. */
export function manifestLine(entry: ManifestEntry): string {
  return csvLine(MANIFEST_COLUMNS.map((column) => `${entry[column] ?? ''}`));
}

/** The first line with its `\n`. */
export function manifestHeader(): string {
  return csvLine(MANIFEST_COLUMNS);
}

/**
 * The entries, as they are read: columns in any order and with more of them, with any line ends. Throws BadList for what
 * ditag has not written like this: a line that is cut, a value that cannot be, a path that leads elsewhere.
 */
export async function* readManifest(chunks: Chunks): AsyncGenerator<ManifestEntry, void, undefined> {
  let places: ReadonlyMap<Column, number> | undefined;
  let width = 0;
  let lastByte = 0;
  async function* watched(): AsyncIterable<Uint8Array> {
    for await (const chunk of chunks) {
      lastByte = chunk.at(-1) ?? lastByte;
      yield chunk;
    }
  }
  for await (const lines of csvLines(watched(), 'outcome'))
    for (const { values, line } of lines) {
      if (places === undefined) {
        width = values.length;
        places = placesOf(values);
        continue;
      }
      if (values.length !== width)
        throw new BadList(`line ${line} has ${values.length} values, not ${width}`, 'outcome');
      const known = places;
      yield entryOf((column) => values[known.get(column)!]!, line);
    }
  if (places === undefined) throw new BadList('it is empty', 'outcome');
  // A value that is cut may look like a whole one.
  if (!LINE_ENDS.has(lastByte)) throw new BadList('its last line is cut', 'outcome');
}

const LINE_ENDS: ReadonlySet<number> = new Set(Buffer.from('\r\n'));

function placesOf(header: readonly string[]): ReadonlyMap<Column, number> {
  const places = MANIFEST_COLUMNS.map((column): [Column, number] => {
    const place = header.indexOf(column);
    if (place < 0) throw new BadList(`its first line has no column ${column}`, column);
    return [column, place];
  });
  return new Map(places);
}

function entryOf(value: (column: Column) => string, line: number): ManifestEntry {
  const outcome = INSTANCE_OUTCOMES.find((one) => one === value('outcome'));
  if (outcome === undefined) throw new BadList(`line ${line} has no outcome that is known`, 'outcome');
  const bad = badColumn(outcome, value);
  if (bad !== undefined) throw new BadList(`line ${line} has a ${bad} that cannot be for ${outcome}`, bad);
  return {
    AccessionNumber: value('AccessionNumber'),
    StudyInstanceUID: value('StudyInstanceUID'),
    SeriesInstanceUID: value('SeriesInstanceUID'),
    SOPInstanceUID: value('SOPInstanceUID'),
    outcome,
    reason: value('reason'),
    path: value('path'),
    size: value('size') === '' ? undefined : Number(value('size')),
    sha256: value('sha256'),
  };
}

/** The first column whose value cannot be in a line of this outcome. */
function badColumn(outcome: InstanceOutcome, value: (column: Column) => string): Column | undefined {
  const onDisk: readonly Column[] = ['path', 'size', 'sha256'];
  if (outcome === 'missing') return onDisk.find((column) => value(column) !== '');
  if (value('SOPInstanceUID') === '') return 'SOPInstanceUID';
  if (!isBelow(value('path'))) return 'path';
  if (!/^(0|[1-9][0-9]{0,14})$/.test(value('size'))) return 'size';
  if (!/^[0-9a-f]{64}$/.test(value('sha256'))) return 'sha256';
  return undefined;
}
