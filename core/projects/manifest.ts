// `manifest.csv` of a download: every expected instance with what became of it, and what came besides. A line is one
// instance. Values stand as they are, also those that a spreadsheet would run. Hashing and files are elsewhere.
import { Buffer } from 'node:buffer';
import { type Info, parse } from 'csv-parse';
import { csvLine } from '../query/csv.ts';
import { BadList, type Chunks } from '../query/series-list.ts';
import { INSTANCE_OUTCOMES, type InstanceOutcome, type ManifestEntry } from './received.ts';

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
  const lines = new ManifestLines();
  for await (const chunk of chunks) yield* lines.read(chunk);
  yield* await lines.end();
}

/** csv-parse, asked chunk by chunk, so that no more than a chunk's entries are held. */
class ManifestLines {
  private places: ReadonlyMap<Column, number> | undefined;
  private width = 0;
  private entries: ManifestEntry[] = [];
  private failure: Error | undefined;
  private lastByte = 0;
  private readonly ended: Promise<void>;
  private readonly parser = parse({
    bom: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    skip_empty_lines: true,
    on_record: (values: string[], { lines }: Info) => {
      // What is thrown here would be the parser's error.
      try {
        if (this.failure === undefined) this.take(values, lines);
      } catch (error) {
        this.failure = error as Error;
      }
      return null;
    },
  });

  constructor() {
    this.ended = new Promise((resolve, reject) => {
      this.parser.on('end', resolve).on('error', reject).resume();
    });
    this.ended.catch(() => {});
  }

  read(chunk: Uint8Array): ManifestEntry[] {
    if (chunk.length > 0) this.lastByte = chunk.at(-1)!;
    if (!this.parser.destroyed) this.parser.write(chunk);
    return this.taken();
  }

  async end(): Promise<ManifestEntry[]> {
    this.parser.end();
    try {
      await this.ended;
    } catch (error) {
      this.failure ??= new BadList(`line ${(error as { lines?: number }).lines ?? '?'} is no CSV`, 'outcome');
    }
    if (this.places === undefined) this.failure ??= new BadList('it is empty', 'outcome');
    // A value that is cut may look like a whole one.
    if (!LINE_ENDS.has(this.lastByte)) this.failure ??= new BadList('its last line is cut', 'outcome');
    return this.taken();
  }

  private taken(): ManifestEntry[] {
    if (this.failure !== undefined) throw this.failure;
    const taken = this.entries;
    this.entries = [];
    return taken;
  }

  private take(values: readonly string[], line: number): void {
    if (this.places === undefined) {
      this.width = values.length;
      this.places = placesOf(values);
      return;
    }
    if (values.length !== this.width)
      throw new BadList(`line ${line} has ${values.length} values, not ${this.width}`, 'outcome');
    const places = this.places;
    this.entries.push(entryOf((column) => values[places.get(column)!]!, line));
  }
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

/** Whether a path stays below the folder that it is relative to, on every system. */
function isBelow(path: string): boolean {
  if (/[\\\0]/.test(path) || /^[A-Za-z]:/.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}
