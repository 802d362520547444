// The reading side of the index: queries, statistics, files of series. Queries cross as our own values (core/query/query.ts), never
// as an adapter's dialect; rows come in the one order of all answers: StudyDate (missing first), then
// SeriesInstanceUID, byte by byte.
import type { HeaderElement } from '../dicom/header-element.ts';
import type { IndexedAttribute } from '../instance/attributes.ts';
import type { Query } from '../query/query.ts';

/** Rows of an answer, in order: their CSV lines of the six columns, and the values of the columns asked for besides. */
export interface RowBatch {
  readonly rows: number;
  /** `rows` lines, UTF-8, each with its `\n`. */
  readonly lines: Uint8Array;
  /** One array of values a row; undefined where the query asks for no further columns. */
  readonly more: readonly (readonly string[])[] | undefined;
}

/** What the index holds. Counts are exact. */
export interface IndexStatistics {
  readonly archives: readonly ArchiveStatistics[];
  readonly series: number;
  readonly studies: number;
  readonly patients: number;
  readonly instances: number;
  /** First and last StudyDate as numbers (20260131); undefined where no series has one. */
  readonly firstDate: number | undefined;
  readonly lastDate: number | undefined;
  /** Series whose files disagree in an indexed attribute. */
  readonly mixedSeries: number;
  /** Series with files that have an issue, by name of issue. */
  readonly issues: Readonly<Record<string, number>>;
  /** The most frequent first, then by the code points of the value. */
  readonly byModality: readonly CountedValue[];
  /** By year of StudyDate, ascending; '' for series without a date. */
  readonly byYear: readonly CountedValue[];
}

export interface ArchiveStatistics {
  readonly name: string;
  readonly indexedAt: string;
  readonly files: number;
  readonly instances: number;
  readonly skipped: Readonly<Record<string, number>>;
}

export interface CountedValue {
  readonly value: string;
  readonly series: number;
  readonly instances: number;
}

/** What is to be counted of the series that a query selects. */
export interface FacetsRequest {
  readonly attributes: readonly IndexedAttribute[];
  /** Most values of an attribute that are told, at least 1. */
  readonly mostValues: number;
  /** How finely StudyDate is counted. */
  readonly dates: DateUnit;
}

/** By how much a date as a number (20260131) is divided to count it. */
export const DATE_UNITS = { year: 10_000, month: 100, day: 1 } as const;
export type DateUnit = keyof typeof DATE_UNITS;

/** Counts of the series that a query selects; exact, but for studies where it is said. */
export interface Facets {
  readonly series: number;
  readonly instances: number;
  /** In the order of the request. */
  readonly attributes: readonly AttributeFacet[];
  /** Ascending; '' for series without a readable date, else `2026`, `202601` or `20260131`. */
  readonly dates: readonly CountedDate[];
  /** False where `studies` say about how many there are: of very many series an adapter may estimate them. */
  readonly areStudiesExact: boolean;
}

export interface CountedDate extends FacetValue {
  /**
   * Different StudyInstanceUIDs at each day, added up: a study whose series disagree in their StudyDate is counted at each, so a
   * year is the sum of its months. A series without StudyInstanceUID is of no study.
   */
  readonly studies: number;
}

/** Instances are not counted by value: series are what a page of counts is about, and sums may take several times as long. */
export interface FacetValue {
  readonly value: string;
  readonly series: number;
}

export interface AttributeFacet {
  readonly attribute: IndexedAttribute;
  /** The most frequent first (by series), of equally frequent ones the lesser by code points; '' where it is missing. */
  readonly values: readonly FacetValue[];
  /** Series with other values. */
  readonly otherSeries: number;
}

/** Some rows of an answer in another order than its own. */
export interface OrderRequest {
  /** By its text, code point by code point, missing ones first; StudyDate by the date. Equal ones come in the order of all answers. */
  readonly orderBy: IndexedAttribute;
  /** The whole order reversed. */
  readonly descending: boolean;
  /** Most rows, at least 1. */
  readonly rows: number;
  /** A place of an earlier answer in the same order: rows behind it. */
  readonly after: string | undefined;
}

/** Rows in an order of the asker's, each with its place. */
export interface OrderedRows extends RowBatch {
  readonly places: readonly string[];
}

/** A file that is not in the index. */
export interface SkippedFile {
  readonly archive: string;
  /** Byte path relative to the archive's root. */
  readonly path: string;
  readonly reason: string;
}

/** A file that holds an instance of a series. */
export interface SeriesFile {
  readonly SeriesInstanceUID: string;
  readonly SOPInstanceUID: string;
  readonly SOPClassUID: string;
  /** Name of the archive. On one machine its absolute path, as a byte path (core/instance/byte-path.ts). */
  readonly archive: string;
  /** Byte path relative to the archive's root. */
  readonly path: string;
  readonly size: number;
  /** Microseconds since 1970; -1 where it was too fresh to be relied on. */
  readonly mtime: number;
}

export interface InstanceIndex {
  /** The answer, batch by batch; nothing is computed ahead of what is taken. */
  search(query: Query): AsyncIterable<RowBatch>;
  /** The number of rows of the answer. */
  count(query: Query): Promise<number>;
  /** Some rows of the answer in another order. Throws `bad-place`. */
  ordered(query: Query, request: OrderRequest): Promise<OrderedRows>;
  /** Counts of the answer by values of attributes and by date. */
  facets(query: Query, request: FacetsRequest): Promise<Facets>;
  statistics(): Promise<IndexStatistics>;
  /** Files that were looked at and not taken. */
  skippedFiles(): AsyncIterable<SkippedFile>;
  /**
   * The files of these series, series by series in the order given, those of one archive by archive, the one that speaks
   * first, and in path order: an instance may lie in several of them. Not of an archive in which it is another study's or
   * patient's (core/instance/series-identity.ts). A batch holds files of one series and archive, of
   * a huge one at most some thousand. A series that is not in the index gives nothing. Nothing is computed far ahead of what is taken.
   */
  instancesOf(series: readonly string[]): AsyncIterable<readonly SeriesFile[]>;
  /**
   * Every file that holds an instance, of every archive, those of series for which another archive speaks included; in no
   * order. A batch holds files of one series and folder.
   */
  everyFile(): AsyncIterable<readonly SeriesFile[]>;
  /**
   * The full header of a series, in the order of keys: that of the file which speaks for it, as texts (core/dicom/kept-text.ts).
   * Elements without a value are left out. Undefined where the series is not in the index.
   */
  headerOf(SeriesInstanceUID: string): Promise<readonly HeaderElement[] | undefined>;
  close(): Promise<void>;
}
