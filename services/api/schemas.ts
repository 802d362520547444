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

export const OrderedBody = Type.Object(
  {
    ...QUERY_TEXT,
    columns: Type.Optional(Type.String({ maxLength: 10_000, description: 'comma-separated tags after the six' })),
    orderBy: Type.Optional(Type.Enum(INDEXED_ATTRIBUTES, { description: 'StudyDate where nothing is said' })),
    descending: Type.Optional(Type.Boolean()),
    rows: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: '100 where nothing is said' })),
    after: Type.Optional(Type.String({ maxLength: 20_000, description: '`next` of an answer in the same order' })),
  },
  { additionalProperties: false },
);
export type OrderedBody = Static<typeof OrderedBody>;

export const OrderedAnswer = Type.Object({
  rows: Type.Array(Type.Record(Type.String(), Type.String())),
  next: Type.Optional(Type.String({ description: 'where to go on; missing at the end' })),
});
export type OrderedAnswer = Static<typeof OrderedAnswer>;

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
const FacetValue = Type.Object({ value: Type.String(), series: Count });
const CountedDate = Type.Object({
  ...FacetValue.properties,
  studies: Type.Integer({ minimum: 0, description: 'a study counts at each StudyDate that its series have' }),
});
const CountsByName = Type.Record(Type.String(), Count);

export const FacetsAnswer = Type.Object({
  series: Count,
  instances: Count,
  attributes: Type.Array(
    Type.Object({
      attribute: Type.Enum(INDEXED_ATTRIBUTES),
      values: Type.Array(FacetValue, { description: 'the most frequent first' }),
      otherSeries: Type.Integer({ minimum: 0, description: 'series with other values' }),
    }),
  ),
  dates: Type.Array(CountedDate, { description: "ascending; '' for series without a readable StudyDate" }),
  areStudiesExact: Type.Boolean({ description: 'false where `studies` say about how many there are' }),
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

/** What any route may answer in the place of an answer. */
export const PROBLEMS = Object.fromEntries(
  [400, 401, 403, 404, 409, 413, 415, 421, 429, 503].map((status) => [
    status,
    { description: 'what is wrong', content: { 'application/problem+json': { schema: Problem } } },
  ]),
);

/** An answer that is not one JSON value. */
export function answerOf(...types: string[]) {
  const isText = (type: string) => type.startsWith('text/') && type !== 'text/event-stream';
  const content = Object.fromEntries(
    types.map((type) => [type, { schema: isText(type) ? Type.String() : Type.Any() }]),
  );
  return { description: 'as it is made', content };
}

export const UidParameter = Type.Object({
  uid: Type.String({ pattern: '^[0-9.]{1,64}$', description: 'a UID: digits and dots' }),
});
export type UidParameter = Static<typeof UidParameter>;
export const IdParameter = Type.Object({ id: Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' }) });
export type IdParameter = Static<typeof IdParameter>;
export const ProjectParameter = Type.Object({ project: Type.String({ maxLength: 200, minLength: 1 }) });
export type ProjectParameter = Static<typeof ProjectParameter>;
export const ReportQuery = Type.Object(
  { format: Type.Optional(Type.Enum(['text', 'json', 'csv'], { description: 'json where nothing is said' })) },
  { additionalProperties: false },
);
export type ReportQuery = Static<typeof ReportQuery>;

export const SeriesAnswer = Type.Object({
  SeriesInstanceUID: Type.String(),
  archive: Type.String(),
  instances: Count,
  bytes: Count,
  header: Type.Array(
    Type.Object({
      key: Type.String({ description: '8 hexadecimal digits, or those of a private tag with its creator' }),
      keyword: Type.String({ description: "'' where the dictionary has none" }),
      vr: Type.String(),
      text: Type.String({ description: 'sequences as JSON' }),
      note: Type.Optional(Type.String({ description: 'what of the value is not kept' })),
    }),
    { description: 'of the file that speaks for the series' },
  ),
  files: Type.Array(
    Type.Object({
      SOPInstanceUID: Type.String(),
      SOPClassUID: Type.String(),
      archive: Type.String(),
      path: Type.String(),
      size: Count,
    }),
    { description: 'the first hundred' },
  ),
});
export type SeriesAnswer = Static<typeof SeriesAnswer>;

export const StudyAnswer = Type.Object({
  StudyInstanceUID: Type.String(),
  series: Type.Array(Type.Record(Type.String(), Type.String())),
});

export const ArchivesAnswer = Type.Object({ archives: StatisticsAnswer.properties.archives });

export const HealthAnswer = Type.Object({
  series: Count,
  mixedSeries: Type.Integer({ minimum: 0, description: 'series whose files disagree in an indexed attribute' }),
  issues: Type.Record(Type.String(), Count, { description: 'series with such files, by the issue' }),
  skipped: Type.Array(Type.Object({ reason: Type.String(), text: Type.String(), files: Count })),
});
export type HealthAnswer = Static<typeof HealthAnswer>;

const Uid = Type.String({ pattern: '^[0-9.]{1,64}$' });
const ProjectName = Type.String({ minLength: 1, maxLength: 200, description: 'name of the project' });
/** An accession number: VR SH has 16 characters at most, but some PACSs take more. None that is a comment or nothing in a list. */
const Accession = Type.String({ minLength: 1, maxLength: 64, pattern: '^(?!\\s*(#|$))[^\\x00-\\x1f\\x7f]+$' });

const OPERATIONS = [
  Type.Object({ operation: Type.Literal('copies') }, { additionalProperties: false }),
  Type.Object(
    {
      operation: Type.Literal('index'),
      archive: Type.String({ minLength: 1, maxLength: 4_096, description: 'one that is indexed already' }),
      acceptDeletions: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
  Type.Object(
    { operation: Type.Literal('send'), series: Type.Array(Uid, { minItems: 1, maxItems: 100_000 }) },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      operation: Type.Literal('project-index'),
      project: ProjectName,
      accessions: Type.Array(Accession, { minItems: 1, maxItems: 100_000 }),
      refresh: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      operation: Type.Literal('project-download'),
      project: ProjectName,
      method: Type.Optional(Type.Enum(['move', 'get'])),
      zip: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  ),
] as const;

/** Told apart by `operation`, so that what is wrong is told of the one that is meant. */
export const OperationBody = Type.Unsafe<Static<(typeof OPERATIONS)[number]>>({
  type: 'object',
  required: ['operation'],
  discriminator: { propertyName: 'operation' },
  oneOf: [...OPERATIONS],
});

const JOB = {
  id: Type.String(),
  operation: Type.String(),
  subject: Type.String(),
  who: Type.String(),
  startedAt: Type.String(),
  endedAt: Type.Optional(Type.String()),
  status: Type.Enum(['running', 'done', 'incomplete', 'failed', 'cancelled']),
  hasResults: Type.Boolean(),
  progress: Type.Optional(Type.Object({ step: Type.String(), done: Type.Number(), text: Type.String() })),
};
export const JobAnswer = Type.Object({ ...JOB, lines: Type.Array(Type.String()) });
export type JobAnswer = Static<typeof JobAnswer>;

export const JobsAnswer = Type.Object({
  jobs: Type.Array(Type.Object(JOB)),
  scans: Type.Array(
    Type.Object({
      id: Type.String(),
      archive: Type.String(),
      status: Type.String(),
      startedAt: Type.String(),
      endedAt: Type.Optional(Type.String()),
      failure: Type.Optional(Type.String()),
      files: Count,
      instances: Count,
      opened: Count,
    }),
  ),
  projects: Type.Array(
    Type.Object({ id: Type.String(), project: Type.String(), what: Type.String(), startedAt: Type.String() }),
  ),
});
export type JobsAnswer = Static<typeof JobsAnswer>;

export const ProjectsAnswer = Type.Object({
  projects: Type.Array(Type.String()),
  canDownload: Type.Boolean(),
  pacs: Type.Optional(Type.String({ description: 'where sends go' })),
});
export type ProjectsAnswer = Static<typeof ProjectsAnswer>;
