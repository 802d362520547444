// The port InstanceIndex, and that for the end of a scan, asked over NATS of whoever serves the index (index-server.ts).
import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import { headers, NoRespondersError, RequestError, TimeoutError } from '@nats-io/transport-node';
import type { HeaderElement } from '../../core/dicom/header-element.ts';
import { DitagError, ditagError } from '../../core/errors/errors.ts';
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
import type { ArchiveTotals, ChunkInstances, PublishedIndex } from '../../core/ports/published-index.ts';
import type { Query } from '../../core/query/query.ts';
import { pause } from '../../core/stages/pause.ts';
import { encodeFrame } from '../../core/wire/frame.ts';
import {
  type AskMessage,
  checks,
  decodeMessage,
  type OpenMessage,
  type PageMessage,
  type PageRequest,
} from '../../core/wire/index-messages.ts';
import { queryMessage } from '../../core/wire/query-message.ts';
import { ASK, OPEN, REQUEST_HEADER, WORKING } from './index-server.ts';

/** A pattern may have to be tested against millions of values before the first row (milliseconds). */
const PATIENCE = 120_000;
/** An api that is being started, or whose connection NATS has just lost, is asked again for so long (milliseconds). */
const SILENCE = 8_000;
/** Between two such questions (milliseconds). */
const ASK_AGAIN = 250;
/** After so long without an answer it is asked whether somebody works on it, and so long it is waited for that (milliseconds). */
const ASK_WHETHER = 4_000;
/** Series of which the files are asked for at once: their UIDs have to fit into a message. */
const SERIES_AT_ONCE = 1000;

export class NatsInstanceIndex implements InstanceIndex, PublishedIndex {
  private readonly connection: NatsConnection;
  private readonly url: string;
  private readonly end: () => Promise<void>;

  /** @param end is called by `close` */
  constructor(connection: NatsConnection, url: string, end: () => Promise<void> = async () => {}) {
    this.connection = connection;
    this.url = url;
    this.end = end;
  }

  async *search(query: Query): AsyncIterable<RowBatch> {
    yield* this.batches({ open: 'search', query: queryMessage(query) });
  }

  private async *batches(open: OpenMessage): AsyncIterable<RowBatch> {
    let parts: Uint8Array[] = [];
    for await (const { page, bytes } of this.pages(open)) {
      parts.push(bytes);
      if (page.continues) continue;
      const batch = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      const end = batch.length - (page.moreBytes ?? 0);
      if (page.rows > 0) yield { rows: page.rows, lines: batch.subarray(0, end), more: furtherColumns(batch, end) };
      parts = [];
    }
  }

  async count(query: Query): Promise<number> {
    return (await this.ask({ ask: 'count', query: queryMessage(query) })) as number;
  }

  async ordered(query: Query, { orderBy, descending, rows, after }: OrderRequest): Promise<OrderedRows> {
    const order = { orderBy, descending, rows, ...(after === undefined ? {} : { after }) };
    let lines: Uint8Array = new Uint8Array(0);
    const places: string[] = [];
    const more: (readonly string[])[] = [];
    for await (const batch of this.batches({ open: 'ordered', query: queryMessage(query), ...order })) {
      ({ lines } = batch);
      for (const values of batch.more ?? []) {
        places.push(values.at(-1)!);
        more.push(values.slice(0, -1));
      }
    }
    return { rows: places.length, lines, more: query.columns.length === 0 ? undefined : more, places };
  }

  async facets(query: Query, { attributes, mostValues, dates }: FacetsRequest): Promise<Facets> {
    const message = { query: queryMessage(query), attributes: [...attributes], mostValues, dates };
    return (await this.ask({ ask: 'facets', ...message })) as Facets;
  }

  async headerOf(SeriesInstanceUID: string): Promise<readonly HeaderElement[] | undefined> {
    const answer = (await this.ask({ ask: 'header', SeriesInstanceUID })) as readonly HeaderElement[] | null;
    return answer ?? undefined;
  }

  async statistics(): Promise<IndexStatistics> {
    const answer = (await this.ask({ ask: 'statistics' })) as IndexStatistics;
    // JSON leaves out what is undefined.
    return { ...answer, firstDate: answer.firstDate, lastDate: answer.lastDate };
  }

  async *skippedFiles(): AsyncIterable<SkippedFile> {
    for await (const { page } of this.pages({ open: 'skipped' })) yield* page.files ?? [];
  }

  async *instancesOf(series: readonly string[]): AsyncIterable<readonly SeriesFile[]> {
    for (let at = 0; at < series.length; at += SERIES_AT_ONCE) {
      yield* this.files({ open: 'files', series: series.slice(at, at + SERIES_AT_ONCE) });
    }
  }

  async *everyFile(): AsyncIterable<readonly SeriesFile[]> {
    yield* this.files({ open: 'every-file' });
  }

  private async *files(open: OpenMessage): AsyncIterable<readonly SeriesFile[]> {
    let begun: SeriesFile[] = [];
    for await (const { page } of this.pages(open)) {
      const batches = page.batches ?? [];
      for (const [i, { SeriesInstanceUID, archive, files }] of batches.entries()) {
        for (const file of files) begun.push({ SeriesInstanceUID, archive, ...file });
        if (page.continues && i === batches.length - 1) break;
        yield begun;
        begun = [];
      }
    }
  }

  async totals(archive: string): Promise<ArchiveTotals> {
    return (await this.ask({ ask: 'totals', archive })) as ArchiveTotals;
  }

  async instances(archive: string, series: readonly string[]): Promise<readonly ChunkInstances[]> {
    return (await this.ask({ ask: 'instances', archive, series: [...series] })) as readonly ChunkInstances[];
  }

  async refresh(): Promise<void> {
    await this.ask({ ask: 'refresh' });
  }

  close(): Promise<void> {
    return this.end();
  }

  private async ask(message: AskMessage): Promise<unknown> {
    const { description } = decodeMessage<{ answer: unknown }>(ANYTHING, await this.begin(ASK, message));
    return description.answer;
  }

  private async *pages(open: OpenMessage): AsyncIterable<{ page: PageMessage; bytes: Uint8Array }> {
    let answer = decodeMessage<PageMessage>(checks.page, await this.begin(OPEN, open));
    try {
      for (;;) {
        const { description: page, bytes } = answer;
        const { stream, subject } = page;
        // The next page is made while this one is being taken.
        const next = page.last ? undefined : this.request(subject, { stream, page: page.page + 1 });
        next?.catch(() => {});
        yield { page, bytes };
        if (next === undefined) break;
        answer = decodeMessage<PageMessage>(checks.page, await next);
      }
    } finally {
      // The last page is kept until then, too: it may have been lost.
      const { stream, subject } = answer.description;
      if (!this.connection.isClosed()) this.connection.publish(subject, encodeFrame({ stream, close: true }));
    }
  }

  /** Asks whoever serves the index; that of a page (`request`) only one can answer, and whether it is there is known. */
  private async begin(subject: string, message: AskMessage | OpenMessage): Promise<Uint8Array> {
    const end = performance.now() + SILENCE;
    for (;;) {
      try {
        return await this.request(subject, message);
      } catch (error) {
        const isSilent = error instanceof DitagError && error.code === 'cluster-silent';
        if (!isSilent || performance.now() > end) throw error;
        await sleep(ASK_AGAIN);
      }
    }
  }

  /**
   * Asks, and asks again where nobody works on the answer: then the question or the answer was lost on its way, as where a
   * connection broke. Questions change nothing.
   */
  private async request(subject: string, message: AskMessage | OpenMessage | PageRequest): Promise<Uint8Array> {
    const frame = encodeFrame(message);
    const end = performance.now() + PATIENCE;
    const answered = new AbortController();
    const answers: Promise<Uint8Array>[] = [];
    try {
      for (;;) {
        const id = crypto.randomUUID();
        const answer = this.once(subject, frame, id, Math.max(1, end - performance.now()));
        answer.catch(() => {});
        answers.push(answer);
        const first = await Promise.race([...answers, this.untilLost(id, answered.signal)]);
        if (first !== undefined) return first;
      }
    } finally {
      answered.abort();
    }
  }

  private async once(subject: string, frame: Uint8Array, id: string, timeout: number): Promise<Uint8Array> {
    const named = headers();
    named.set(REQUEST_HEADER, id);
    try {
      return (await this.connection.request(subject, frame, { timeout, headers: named })).data;
    } catch (error) {
      if (isSilent(error)) throw ditagError('cluster-silent', { part: 'api', url: this.url }, error);
      const reason = error instanceof TimeoutError ? 'no answer in time' : (error as Error).message;
      throw ditagError('cluster-failed', { reason }, error);
    }
  }

  /** Resolves when nobody works on the answer to this request; never where `signal` aborts before. */
  private async untilLost(id: string, signal: AbortSignal): Promise<undefined> {
    for (;;) {
      await pause(ASK_WHETHER, signal);
      if (signal.aborted) return new Promise<never>(() => {});
      try {
        await this.connection.request(WORKING, id, { timeout: ASK_WHETHER });
      } catch (error) {
        // Other errors are those of the request itself.
        if (error instanceof TimeoutError || isSilent(error)) return undefined;
      }
    }
  }
}

function isSilent(error: unknown): boolean {
  return error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders());
}

/** Throws `damaged-message`. */
function furtherColumns(batch: Uint8Array, start: number): string[][] | undefined {
  if (start === batch.length) return undefined;
  const text = Buffer.from(batch.buffer, batch.byteOffset, batch.length).toString('utf8', start);
  try {
    return JSON.parse(text) as string[][];
  } catch (error) {
    throw ditagError('damaged-message', { reason: (error as Error).message }, error);
  }
}

const ANYTHING = { Check: () => true };
