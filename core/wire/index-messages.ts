// What is asked of the index in a cluster and answered, request by request. An answer of any length is pulled page by
// page, each by its number, so that neither side ever holds more than a page, and a page that was lost is asked for
// again (core NATS cuts off slow readers).
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { DitagError, ditagError, ERRORS, type ErrorCode } from '../errors/errors.ts';
import { INDEXED_ATTRIBUTES } from '../instance/attributes.ts';
import { DATE_UNITS, type DateUnit } from '../ports/instance-index.ts';
import { decodeFrame, encodeFrame, type Frame } from './frame.ts';
import { QueryMessage } from './query-message.ts';

/** A question with one answer. */
export const AskMessage = Type.Union([
  Type.Object({ ask: Type.Literal('count'), query: QueryMessage }),
  Type.Object({
    ask: Type.Literal('facets'),
    query: QueryMessage,
    attributes: Type.Array(Type.Enum(INDEXED_ATTRIBUTES)),
    mostValues: Type.Integer({ minimum: 1, maximum: 1000 }),
    dates: Type.Enum(Object.keys(DATE_UNITS) as DateUnit[]),
  }),
  Type.Object({ ask: Type.Literal('header'), SeriesInstanceUID: Type.String() }),
  Type.Object({ ask: Type.Literal('statistics') }),
  Type.Object({ ask: Type.Literal('totals'), archive: Type.String() }),
  Type.Object({ ask: Type.Literal('instances'), archive: Type.String(), series: Type.Array(Type.String()) }),
  Type.Object({ ask: Type.Literal('refresh') }),
]);
export type AskMessage = Static<typeof AskMessage>;

/** A question whose answer comes in pages; the reply is the first of them. */
export const OpenMessage = Type.Union([
  Type.Object({ open: Type.Literal('search'), query: QueryMessage }),
  Type.Object({
    open: Type.Literal('ordered'),
    query: QueryMessage,
    orderBy: Type.Enum(INDEXED_ATTRIBUTES),
    descending: Type.Boolean(),
    rows: Type.Integer({ minimum: 1, maximum: 10_000 }),
    after: Type.Optional(Type.String()),
  }),
  Type.Object({ open: Type.Literal('skipped') }),
  Type.Object({ open: Type.Literal('every-file') }),
  Type.Object({ open: Type.Literal('files'), series: Type.Array(Type.String()) }),
]);
export type OpenMessage = Static<typeof OpenMessage>;

/** Asks for a page by its number, from 0 on; or says that no more are wanted. */
export const PageRequest = Type.Union([
  Type.Object({ stream: Type.String(), page: Type.Integer({ minimum: 0 }) }),
  Type.Object({ stream: Type.String(), close: Type.Literal(true) }),
]);
export type PageRequest = Static<typeof PageRequest>;

/** Files of one series. */
export const SeriesFilesMessage = Type.Object({
  SeriesInstanceUID: Type.String(),
  archive: Type.String(),
  files: Type.Array(
    Type.Object({
      SOPInstanceUID: Type.String(),
      SOPClassUID: Type.String(),
      path: Type.String(),
      size: Type.Integer(),
      mtime: Type.Integer(),
    }),
  ),
});
export type SeriesFilesMessage = Static<typeof SeriesFilesMessage>;

/** A page: rows of a search as bytes, skipped files, or files of series. A batch may take several pages. */
export const PageMessage = Type.Object({
  stream: Type.String(),
  /** Where further pages are asked for. */
  subject: Type.String(),
  page: Type.Integer({ minimum: 0 }),
  /** No page follows. */
  last: Type.Boolean(),
  /** The batch (of several the last) goes on in the next page; a number of rows comes with its last one. */
  continues: Type.Boolean(),
  rows: Type.Integer({ minimum: 0 }),
  /** The last bytes of the batch are its further columns, as JSON. */
  moreBytes: Type.Optional(Type.Integer({ minimum: 0 })),
  files: Type.Optional(Type.Array(Type.Object({ archive: Type.String(), path: Type.String(), reason: Type.String() }))),
  batches: Type.Optional(Type.Array(SeriesFilesMessage)),
});
export type PageMessage = Static<typeof PageMessage>;

const FailureMessage = Type.Object({ failure: Type.Object({ code: Type.String(), message: Type.String() }) });

export const checks = {
  ask: Compile(AskMessage),
  open: Compile(OpenMessage),
  pageRequest: Compile(PageRequest),
  page: Compile(PageMessage),
  failure: Compile(FailureMessage),
};

/** Takes a request or an answer apart. Throws what the other side says went wrong, and `damaged-message`. */
export function decodeMessage<Shape>(
  check: { Check(value: unknown): boolean },
  frame: Uint8Array,
): Frame & { description: Shape } {
  const { description, bytes } = decodeFrame(frame);
  if (checks.failure.Check(description)) throw failureOf(description.failure);
  if (!check.Check(description))
    throw ditagError('damaged-message', { reason: 'it is not of the shape that it should have' });
  return { description: description as Shape, bytes };
}

/** The answer that says what went wrong. Of errors that are not for a person only the kind is told: they may hold values. */
export function encodeFailure(error: unknown): Uint8Array {
  const failure =
    error instanceof DitagError
      ? { code: error.code, message: error.message }
      : { code: 'cluster-failed', message: ditagError('cluster-failed', { reason: nameOf(error) }).message };
  return encodeFrame({ failure });
}

/** Of the clients of Elasticsearch and NATS: by these it shows that one of them is away. */
const UNREACHABLE: ReadonlySet<string> = new Set(['ConnectionError', 'NoLivingConnectionsError', 'TimeoutError']);

/** Messages may hold what was asked. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  return UNREACHABLE.has(error.name)
    ? `its index or its messages cannot be reached (Elasticsearch or NATS: ${error.name})`
    : error.name;
}

/** Whether what was to answer could not be reached. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof Error && UNREACHABLE.has(error.name);
}

function failureOf({ code, message }: { code: string; message: string }): DitagError {
  return new DitagError(Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'cluster-failed', message);
}
