// The port InstanceIndex over Elasticsearch. Each call sees one state of the index, however long it takes: a point in
// time of the generation that answers when the call begins.
import { Buffer } from 'node:buffer';
import type { Client, estypes } from '@elastic/elasticsearch';
import type { HeaderElement } from '../../core/dicom/header-element.ts';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import { headerElements } from '../../core/instance/header-codec.ts';
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
import { parsePlace, placeText } from '../../core/query/row-place.ts';
import type { Target } from '../../core/query/target.ts';
import { DistinctValues } from './distinct-values.ts';
import { countFacets } from './facets.ts';
import { fullHeader, HEADER_FIELDS, headerText, WHOLE_HEADER_FIELDS } from './header-fields.ts';
import { answeringIndices, DEFAULT_PREFIX, type IndexNames, refuseOtherFormats } from './indices.ts';
import { selectSeries } from './selection.ts';
import { csvLineOf } from './series-document.ts';
import { everyFile, seriesFiles } from './series-files.ts';
import { type OrderedHit, type PageRequest, type PageSizes, type SeriesHit, SeriesReader } from './series-reader.ts';
import { skippedFiles } from './skipped-files.ts';
import { indexStatistics } from './statistics.ts';

export interface InstanceIndexOptions {
  /** What the names of the indices start with: `ditag`. */
  readonly prefix?: string | undefined;
  readonly pages?: PageSizes | undefined;
}

/** Several pages are on their way at a time. */
const PAGES: PageSizes = { first: 200, others: 3_000 };

export class ElasticsearchInstanceIndex implements InstanceIndex {
  private readonly client: Client;
  private readonly prefix: string;
  private readonly pages: PageSizes;
  private values: DistinctValues | undefined;
  /** The indices that answered last. */
  private guessed: IndexNames | undefined;

  /** Nothing is asked before the first call. The index closes the client. */
  constructor(client: Client, { prefix = DEFAULT_PREFIX, pages = PAGES }: InstanceIndexOptions = {}) {
    this.client = client;
    this.prefix = prefix;
    this.pages = pages;
  }

  async *search(query: Query): AsyncIterable<RowBatch> {
    const { reader, values } = await this.open();
    try {
      const { filter, named, test } = await selectSeries(reader, values, query);
      const request: PageRequest = { filter, named, docValues: rowFields(query.columns) };
      for await (const page of reader.pages(request, this.pages)) {
        const hits = test === undefined ? page : page.filter(test);
        if (hits.length > 0) yield rowBatch(hits, query.columns);
      }
    } finally {
      await reader.close();
    }
  }

  async count(query: Query): Promise<number> {
    const { reader, values } = await this.open();
    try {
      const { filter, named, test } = await selectSeries(reader, values, query);
      if (test === undefined) return await reader.count(filter);
      let count = 0;
      const sizes = { first: this.pages.others, others: this.pages.others };
      for await (const page of reader.pages({ filter, named }, sizes)) for (const hit of page) if (test(hit)) count++;
      return count;
    } finally {
      await reader.close();
    }
  }

  async ordered(query: Query, { orderBy, descending, rows, after }: OrderRequest): Promise<OrderedRows> {
    const place = after === undefined ? undefined : parsePlace(after);
    const { reader, values } = await this.open();
    try {
      const { filter, named, test } = await selectSeries(reader, values, query);
      const isByDate = orderBy === 'StudyDate';
      const order = descending ? 'desc' : 'asc';
      const fields = [...(isByDate ? [] : [orderBy]), 'date', 'SeriesInstanceUID'];
      const request: PageRequest = { filter, named, docValues: rowFields(query.columns) };
      const from = place && [...(isByDate ? [] : [place.value]), place.date, place.SeriesInstanceUID];
      const sort = fields.map((field) => ({ [field]: order }) as estypes.SortCombinations);
      const hits: OrderedHit[] = [];
      // What is tested here may leave nothing of a page.
      const size = test === undefined ? rows : this.pages.others;
      for await (const page of reader.ordered(request, { sort, after: from, size })) {
        for (const hit of page) if (hits.length < rows && (test === undefined || test(hit))) hits.push(hit);
        if (hits.length === rows) break;
      }
      return { ...rowBatch(hits, query.columns), places: hits.map(({ sort: own }) => placeOfHit(own, isByDate)) };
    } finally {
      await reader.close();
    }
  }

  async facets(query: Query, request: FacetsRequest): Promise<Facets> {
    const { reader, values } = await this.open();
    try {
      return await countFacets(reader, values, query, request);
    } finally {
      await reader.close();
    }
  }

  async statistics(): Promise<IndexStatistics> {
    const { reader, names } = await this.open();
    try {
      return await indexStatistics(this.client, names, reader);
    } finally {
      await reader.close();
    }
  }

  async *skippedFiles(): AsyncIterable<SkippedFile> {
    yield* skippedFiles(this.client, await this.indices());
  }

  async *instancesOf(series: readonly string[]): AsyncIterable<readonly SeriesFile[]> {
    yield* seriesFiles(this.client, await this.indices(), series);
  }

  async *everyFile(): AsyncIterable<readonly SeriesFile[]> {
    yield* everyFile(this.client, await this.indices());
  }

  async headerOf(SeriesInstanceUID: string): Promise<readonly HeaderElement[] | undefined> {
    const { reader } = await this.open();
    try {
      const filter = { term: { SeriesInstanceUID } };
      // A page that is not full is the last.
      for await (const [hit] of reader.pages({ filter, docValues: WHOLE_HEADER_FIELDS }, { first: 2, others: 2 }))
        if (hit !== undefined) return headerElements(fullHeader(hit.fields)).filter(({ text }) => text !== '');
      return undefined;
    } finally {
      await reader.close();
    }
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  private async open(): Promise<{ reader: SeriesReader; values: DistinctValues; names: IndexNames }> {
    // Mostly the same generation answers as before.
    const { guessed } = this;
    const guess = guessed === undefined ? undefined : SeriesReader.open(this.client, guessed.series);
    const [names, begun] = await Promise.all([this.indices(), guess?.catch(() => undefined)]).catch(async (error) => {
      await (await guess?.catch(() => undefined))?.close();
      throw error;
    });
    this.guessed = names;
    this.values ??= new DistinctValues(this.client, names.values);
    const { values } = this;
    if (begun !== undefined && names.series === guessed?.series) return { reader: begun, values, names };
    await begun?.close();
    return { reader: await SeriesReader.open(this.client, names.series), values, names };
  }

  /** The indices that answer now; what is remembered of another generation is forgotten. */
  private async indices(): Promise<IndexNames> {
    const names = await answeringIndices(this.client, this.prefix);
    if (this.values?.index !== names.values) {
      await refuseOtherFormats(this.client, names.series);
      this.values = new DistinctValues(this.client, names.values);
    }
    return names;
  }
}

/** Fields from which the line and the columns besides its six are made. */
function rowFields(columns: readonly Target[]): string[] {
  const fields = new Set(['line']);
  for (const { attribute, isSeriesInstanceUID, isIssues } of columns) {
    if (attribute >= 0) fields.add(INDEXED_ATTRIBUTES[attribute]!);
    else if (isIssues) fields.add('issuesText');
    else if (!isSeriesInstanceUID) for (const field of HEADER_FIELDS) fields.add(field);
  }
  return [...fields];
}

function rowBatch(hits: readonly SeriesHit[], columns: readonly Target[]): RowBatch {
  const lines = Buffer.from(
    hits.map(({ fields, SeriesInstanceUID }) => csvLineOf(fields['line']![0]!, SeriesInstanceUID)).join(''),
    'utf8',
  );
  return {
    rows: hits.length,
    lines,
    more: columns.length === 0 ? undefined : hits.map((hit) => moreValues(hit, columns)),
  };
}

function placeOfHit(sort: estypes.SortResults, isByDate: boolean): string {
  const [value, date, SeriesInstanceUID] = (isByDate ? ['', ...sort] : sort) as [string, number, string];
  return placeText({ value, date, SeriesInstanceUID });
}

function moreValues({ SeriesInstanceUID, fields }: SeriesHit, columns: readonly Target[]): string[] {
  const header = fullHeader(fields);
  return columns.map((target) => {
    if (target.isSeriesInstanceUID) return SeriesInstanceUID;
    if (target.isIssues) return fields['issuesText']?.[0] ?? '';
    if (target.attribute >= 0) return fields[INDEXED_ATTRIBUTES[target.attribute]!]?.[0] ?? '';
    return headerText(header, target);
  });
}
