// The port InstanceIndex over an index file. Each call sees one state of the index, however long it takes and
// whatever `ditag index` does meanwhile; calls that overlap share it.
import type { DatabaseSync } from 'node:sqlite';
import type { HeaderElement } from '../../core/dicom/header-element.ts';
import { ditagError } from '../../core/errors/errors.ts';
import type {
  Facets,
  FacetsRequest,
  IndexStatistics,
  InstanceIndex,
  OrderedRows,
  OrderRequest,
  RowBatch,
  SeriesFile,
  SkippedFile,
} from '../../core/ports/instance-index.ts';
import type { Query } from '../../core/query/query.ts';
import { countFacets } from './facets.ts';
import { HeaderBlockReader } from './header-blocks.ts';
import { KeptNumbers, NOTHING_KEPT } from './kept-numbers.ts';
import { openForReading } from './open-database.ts';
import { orderedRows } from './ordered-rows.ts';
import { type Known, searchRows, selectPages } from './search.ts';
import { everyFile, seriesFiles, slotOf } from './series-files.ts';
import { explained } from './sqlite-errors.ts';
import { indexStatistics, skippedFiles } from './statistics.ts';
import { ValueTexts } from './value-texts.ts';

export class SqliteInstanceIndex implements InstanceIndex {
  private readonly database: DatabaseSync;
  private readonly path: string;
  /** What answers that are being read have in common. */
  private readonly texts = new Map<number, ValueTexts>();
  private numbers = NOTHING_KEPT;
  /** Answers that are being read. */
  private readers = 0;
  /** SQLite's number of the state that was read last: another one where somebody has written. */
  private state = -1;

  /** Throws `no-index`, `old-database`, `newer-database`, `not-a-database`. @param config named in messages */
  constructor(path: string, config: string) {
    this.path = path;
    this.database = openForReading(path, config);
    let isEmpty: boolean;
    try {
      isEmpty = this.database.prepare('SELECT 1 FROM archive LIMIT 1').get() === undefined;
    } catch (error) {
      this.database.close();
      throw explained(error, path);
    }
    if (!isEmpty) return;
    this.database.close();
    throw ditagError('no-index', { database: path });
  }

  async *search(query: Query): AsyncIterable<RowBatch> {
    yield* this.reading(() => searchRows(this.database, query, this.known));
  }

  async count(query: Query): Promise<number> {
    let count = 0;
    for (const { rows } of this.reading(() => selectPages(this.database, query, { known: this.known })))
      count += rows.length;
    return count;
  }

  async ordered(query: Query, request: OrderRequest): Promise<OrderedRows> {
    const [ordered] = this.reading(() => [orderedRows(this.database, query, request, this.known)]);
    return ordered!;
  }

  async facets(query: Query, request: FacetsRequest): Promise<Facets> {
    const [facets] = this.reading(() => [countFacets(this.database, query, request, this.known)]);
    return facets!;
  }

  async statistics(): Promise<IndexStatistics> {
    const [statistics] = this.reading(() => [indexStatistics(this.database)]);
    return statistics!;
  }

  async *skippedFiles(): AsyncIterable<SkippedFile> {
    yield* this.reading(() => skippedFiles(this.database));
  }

  async *instancesOf(series: readonly string[]): AsyncIterable<readonly SeriesFile[]> {
    yield* this.reading(() => seriesFiles(this.database, series));
  }

  async *everyFile(): AsyncIterable<readonly SeriesFile[]> {
    yield* this.reading(() => everyFile(this.database));
  }

  async headerOf(SeriesInstanceUID: string): Promise<readonly HeaderElement[] | undefined> {
    const [header] = this.reading(() => {
      const slot = slotOf(this.database, SeriesInstanceUID);
      return [slot === undefined ? undefined : new HeaderBlockReader(this.database).header(slot)];
    });
    return header;
  }

  async close(): Promise<void> {
    this.database.close();
  }

  private readonly textsOf = (attribute: number): ValueTexts => {
    let texts = this.texts.get(attribute);
    if (texts === undefined) this.texts.set(attribute, (texts = new ValueTexts(this.database, attribute)));
    return texts;
  };

  private get known(): Known {
    return { texts: this.textsOf, numbers: this.numbers };
  }

  private *reading<T>(read: () => Iterable<T>): Iterable<T> {
    try {
      if (this.readers++ === 0) this.beginReading();
      yield* read();
    } catch (error) {
      throw explained(error, this.path);
    } finally {
      if (--this.readers === 0) this.endReading();
    }
  }

  /** What was read of the state before is forgotten where there is another one. */
  private beginReading(): void {
    this.database.exec('BEGIN');
    const { data_version: state } = this.database.prepare('PRAGMA data_version').get() as { data_version: number };
    if (state !== this.state) this.texts.clear();
    // From the second question on: who asks once has no use for it.
    if (state !== this.state) this.numbers = NOTHING_KEPT;
    else if (this.numbers === NOTHING_KEPT) this.numbers = new KeptNumbers();
    this.state = state;
  }

  private endReading(): void {
    try {
      if (this.database.isTransaction) this.database.exec('COMMIT');
    } catch {
      // A damaged file has been reported already, and closing it ends what was begun.
    }
  }
}
