// The messages of a send in a cluster: items of work, their results, and what a command says to the gateways.
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { SEND_OUTCOMES } from '../instance/send-outcome.ts';
import { STORE_FAILURES } from '../ports/instance-store.ts';
import type { ResultPage } from '../ports/store-results.ts';
import type { FindItem, RetrieveItem, WorkItem } from '../ports/work-queue.ts';
import { encodeFrame } from './frame.ts';
import { decodeMessage, SeriesFilesMessage } from './index-messages.ts';

const count = Type.Integer({ minimum: 0 });

const ofItem = {
  send: Type.String(),
  item: count,
  pacs: Type.Object({
    host: Type.String(),
    port: Type.Integer({ minimum: 1, maximum: 65_535 }),
    calledAETitle: Type.String(),
    callingAETitle: Type.String(),
    isTls: Type.Boolean(),
  }),
};

/** Instances that are sent over one association. */
export const StoreItemMessage = Type.Object({ ...ofItem, series: Type.Array(SeriesFilesMessage) });

/** Accession numbers of a project that the PACS is asked for. */
export const FindItemMessage = Type.Object({
  ...ofItem,
  project: Type.String(),
  accessions: Type.Array(Type.String()),
});

/** Series of a project that the PACS is to send to a gateway. */
export const RetrieveItemMessage = Type.Object({
  ...ofItem,
  project: Type.String(),
  folder: Type.String(),
  series: Type.Array(Type.String()),
  method: Type.Union([Type.Literal('move'), Type.Literal('get')]),
  rounds: Type.Integer({ minimum: 1 }),
  patience: count,
  acceptFrom: Type.Optional(Type.Array(Type.String())),
  until: Type.Optional(count),
  isPart: Type.Optional(Type.Boolean()),
  zip: Type.Optional(Type.String()),
});

/** What became of files, each named by its place in the item: no path and no UID travels back. */
export const ResultPageMessage = Type.Object({
  send: Type.String(),
  item: count,
  attempt: count,
  page: count,
  isLast: Type.Boolean(),
  isRefused: Type.Optional(Type.Boolean()),
  results: Type.Array(
    Type.Object({
      file: count,
      outcome: Type.Union(SEND_OUTCOMES.map((outcome) => Type.Literal(outcome))),
      status: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535 })),
      reason: Type.String(),
      bytes: count,
    }),
  ),
});

/** Said to all gateways. */
export const GatewayRequest = Type.Union([
  Type.Object({ ask: Type.Literal('work'), queue: Type.Optional(Type.String()) }),
  Type.Object({ ask: Type.Literal('cancel'), send: Type.String() }),
  Type.Object({ ask: Type.Literal('doing'), send: Type.String() }),
]);
export type GatewayRequest = Static<typeof GatewayRequest>;

/** Of one gateway; `underWay`: items of the send that it is still at. */
export const GatewayAnswer = Type.Object({
  archives: Type.Array(Type.String()),
  /** It has a place for downloads. */
  downloads: Type.Optional(Type.Boolean()),
  /** Bytes that are free there. */
  freeSpace: Type.Optional(count),
  /** Of a download: instances of the series that each of its associations is at; who was refused, and what was not stored. */
  doing: Type.Optional(
    Type.Object({
      series: Type.Array(Type.Object({ received: count, expected: count })),
      refusedCallers: Type.Array(Type.String()),
      notStored: Type.Array(Type.Object({ reason: Type.Enum(STORE_FAILURES), instances: count })),
    }),
  ),
  underWay: count,
});
export type GatewayAnswer = Static<typeof GatewayAnswer>;

const checks = {
  item: Compile(Type.Union([RetrieveItemMessage, FindItemMessage, StoreItemMessage])),
  page: Compile(ResultPageMessage),
  request: Compile(GatewayRequest),
  answer: Compile(GatewayAnswer),
};

export function encodeItem(work: WorkItem): Uint8Array {
  if (!('files' in work)) return encodeFrame(work);
  const { files, ...item } = work;
  const series: (SeriesFilesMessage & { files: unknown[] })[] = [];
  for (const { SeriesInstanceUID, archive, ...file } of files) {
    const last = series.at(-1);
    if (last?.SeriesInstanceUID === SeriesInstanceUID && last.archive === archive) last.files.push(file);
    else series.push({ SeriesInstanceUID, archive, files: [file] });
  }
  return encodeFrame({ ...item, series });
}

/** Throws `newer-message`, `damaged-message`. */
export function decodeItem(frame: Uint8Array): WorkItem {
  const { description } = decodeMessage<Static<typeof StoreItemMessage> | FindItem | RetrieveItem>(checks.item, frame);
  if ('project' in description) return description;
  const { series, ...item } = description;
  const files = series.flatMap(({ SeriesInstanceUID, archive, files: own }) =>
    own.map((file) => ({ SeriesInstanceUID, archive, ...file })),
  );
  return { ...item, files };
}

export function encodePage(page: ResultPage): Uint8Array {
  return encodeFrame(page);
}

/** Throws `newer-message`, `damaged-message`. */
export function decodePage(frame: Uint8Array): ResultPage {
  return decodeMessage<ResultPage>(checks.page, frame).description;
}

export function decodeGatewayRequest(frame: Uint8Array): GatewayRequest {
  return decodeMessage<GatewayRequest>(checks.request, frame).description;
}

export function decodeGatewayAnswer(frame: Uint8Array): GatewayAnswer {
  return decodeMessage<GatewayAnswer>(checks.answer, frame).description;
}
