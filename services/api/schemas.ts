// What the API is asked and what it answers, as schemas: what comes in is checked against them, and the OpenAPI document
// is made of them.
import Type, { type Static } from 'typebox';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import { DATE_UNITS, type DateUnit } from '../../core/ports/instance-index.ts';

const Text = Type.String({ maxLength: 10_000 });

/** The language of `ditag query`, option by option. */
const QUERY_TEXT = {
  sdate: Type.Optional(Type.String({ description: 'StudyDate on this day or later, YYYYMMDD' })),
  edate: Type.Optional(Type.String({ description: 'StudyDate on this day or earlier, YYYYMMDD' })),
  date: Type.Optional(Type.String({ description: 'StudyDate on this day, YYYYMMDD' })),
  targets: Type.Optional(Type.String({ maxLength: 10_000, description: 'comma-separated tags of the pattern' })),
  pattern: Type.Optional(
    Type.String({ maxLength: 10_000, description: "regular expression, with the syntax of Python's re.search" }),
  ),
  where: Type.Optional(Type.Array(Text, { maxItems: 100, description: 'TAG=REGEX: the tag matches too' })),
  whereNot: Type.Optional(Type.Array(Text, { maxItems: 100, description: 'TAG=REGEX: the tag does not match' })),
};

export const RowsBody = Type.Object(
  {
    ...QUERY_TEXT,
    columns: Type.Optional(Type.String({ maxLength: 10_000, description: 'comma-separated tags after the six' })),
    format: Type.Optional(Type.Enum(['csv', 'json', 'ndjson'], { description: 'csv where nothing is said' })),
    limit: Type.Optional(Type.Integer({ minimum: 0, description: 'rows at most; all where nothing is said' })),
  },
  { additionalProperties: false },
);
export type RowsBody = Static<typeof RowsBody>;

export const FacetsBody = Type.Object(
  {
    ...QUERY_TEXT,
    attributes: Type.Array(Type.Enum(INDEXED_ATTRIBUTES), { maxItems: INDEXED_ATTRIBUTES.length, uniqueItems: true }),
    mostValues: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: 'values told of an attribute; 10 where nothing is said' }),
    ),
    dates: Type.Optional(
      Type.Enum(Object.keys(DATE_UNITS) as DateUnit[], { description: 'year where nothing is said' }),
    ),
  },
  { additionalProperties: false },
);
export type FacetsBody = Static<typeof FacetsBody>;

const Count = Type.Integer({ minimum: 0 });
const Counted = Type.Object({ value: Type.String(), series: Count, instances: Count });
const CountsByName = Type.Record(Type.String(), Count);

export const FacetsAnswer = Type.Object({
  series: Count,
  instances: Count,
  attributes: Type.Array(
    Type.Object({
      attribute: Type.Enum(INDEXED_ATTRIBUTES),
      values: Type.Array(Counted, { description: 'the most frequent first' }),
      otherSeries: Type.Integer({ minimum: 0, description: 'series with other values' }),
    }),
  ),
  dates: Type.Array(Counted, { description: "ascending; '' for series without a readable StudyDate" }),
});

export type FacetsAnswer = Static<typeof FacetsAnswer>;

export const StatisticsAnswer = Type.Object({
  archives: Type.Array(
    Type.Object({
      name: Type.String(),
      indexedAt: Type.String(),
      files: Count,
      instances: Count,
      skipped: CountsByName,
    }),
  ),
  series: Count,
  studies: Count,
  patients: Count,
  instances: Count,
  firstDate: Type.Optional(Type.Integer({ description: 'of StudyDate, as 20260131' })),
  lastDate: Type.Optional(Type.Integer()),
  mixedSeries: Count,
  issues: CountsByName,
  byModality: Type.Array(Counted),
  byYear: Type.Array(Counted),
});

/** RFC 9457. */
export const Problem = Type.Object({
  status: Type.Integer(),
  title: Type.String(),
  code: Type.Optional(Type.String({ description: 'of docs/errors.md' })),
  field: Type.Optional(Type.String({ description: 'what of the request is wrong' })),
});
export type Problem = Static<typeof Problem>;
