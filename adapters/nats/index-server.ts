// Answers requests for an index over NATS: the serving side of index-client.ts. All that serve share the requests; the
// pages of one answer come from the one that began it.
import { Buffer } from 'node:buffer';
import { setImmediate } from 'node:timers/promises';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import type { InstanceIndex, RowBatch, SeriesFile, SkippedFile } from '../../core/ports/instance-index.ts';
import type { PublishedIndex } from '../../core/ports/published-index.ts';
import { encodeFrame } from '../../core/wire/frame.ts';
import {
  type AskMessage,
  checks,
  decodeMessage,
  encodeFailure,
  type OpenMessage,
  type PageMessage,
  type PageRequest,
  type SeriesFilesMessage,
} from '../../core/wire/index-messages.ts';
import { queryOfMessage } from '../../core/wire/query-message.ts';

export const ASK = 'ditag.index.ask';
export const OPEN = 'ditag.index.open';
/** Whether somebody works on the answer to a request, which is named by this header of it: who does says so. */
export const WORKING = 'ditag.index.working';
export const REQUEST_HEADER = 'Ditag-Request';
const GROUP = 'api';
/** An answer whose reader says nothing for so long is dropped (milliseconds). */
const IDLE = 120_000;
const MOST_STREAMS = 512;
/** Room for a page's description in a message. */
const DESCRIPTION = 256 * 1024;
const FILES_A_PAGE = 1000;
const FILES_BYTES = DESCRIPTION / 2;

type Page = Omit<PageMessage, 'stream' | 'subject' | 'page' | 'last'> & { readonly bytes?: Uint8Array };

/** Behind the last page: an empty one. */
const END: Page = { continues: false, rows: 0 };

interface Stream {
  readonly pages: AsyncIterator<Page>;
  /** The next page. */
  ahead: Promise<IteratorResult<Page>>;
  number: number;
  /** The page that was asked for last, in case it is asked for again: also while it is being made. */
  sent: Promise<Uint8Array> | undefined;
  /** The last page was made. */
  isOver: boolean;
  timer: NodeJS.Timeout | undefined;
}

export class NatsIndexServer {
  private readonly connection: NatsConnection;
  private readonly index: InstanceIndex;
  private readonly published: PublishedIndex;
  private readonly onFailure: (error: unknown) => void;
  private readonly subject: string;
  private readonly streams = new Map<string, Stream>();
  private readonly subscriptions: Subscription[] = [];
  /** Requests that are not answered yet. */
  private readonly underWay = new Set<string>();
  private nextStream = 0;

  /** @param onFailure is told of errors that are not the asker's fault */
  constructor(
    connection: NatsConnection,
    index: InstanceIndex,
    published: PublishedIndex,
    onFailure: (error: unknown) => void,
  ) {
    this.connection = connection;
    this.index = index;
    this.published = published;
    this.onFailure = onFailure;
    this.subject = `ditag.index.pages.${crypto.randomUUID()}`;
  }

  start(): void {
    this.serve(ASK, GROUP, (message) => this.answer(message));
    this.serve(OPEN, GROUP, (message) => this.open(message));
    this.serve(this.subject, undefined, (message) => this.page(message));
    const callback = (error: Error | null, message: Msg) => {
      if (error === null && this.underWay.has(message.string())) message.respond();
    };
    this.subscriptions.push(this.connection.subscribe(WORKING, { callback }));
  }

  /** Answers what has come, and takes nothing more. */
  async stop(): Promise<void> {
    await Promise.all(this.subscriptions.map((subscription) => subscription.drain()));
    for (const id of [...this.streams.keys()]) this.drop(id);
  }

  private serve(subject: string, queue: string | undefined, answer: (message: Msg) => Promise<Uint8Array>): void {
    const callback = (error: Error | null, message: Msg) => {
      if (error !== null) return;
      const request = message.headers?.get(REQUEST_HEADER) ?? '';
      this.underWay.add(request);
      answer(message)
        .finally(() => this.underWay.delete(request))
        .then((reply) => message.respond(reply))
        .catch((failure: unknown) => {
          this.onFailure(failure);
          // Without a connection there is nobody to tell.
          if (!this.connection.isClosed()) message.respond(encodeFailure(failure));
        });
    };
    this.subscriptions.push(
      this.connection.subscribe(subject, { callback, ...(queue === undefined ? {} : { queue }) }),
    );
  }

  private async answer(message: Msg): Promise<Uint8Array> {
    const { description: asked } = decodeMessage<AskMessage>(checks.ask, message.data);
    switch (asked.ask) {
      case 'count':
        return encodeFrame({ answer: await this.index.count(await queryOfMessage(asked.query)) });
      case 'facets': {
        const { query, attributes, mostValues, dates } = asked;
        const request = { attributes, mostValues, dates };
        return encodeFrame({ answer: await this.index.facets(await queryOfMessage(query), request) });
      }
      case 'header':
        return encodeFrame({ answer: (await this.index.headerOf(asked.SeriesInstanceUID)) ?? null });
      case 'statistics':
        return encodeFrame({ answer: await this.index.statistics() });
      case 'totals':
        return encodeFrame({ answer: await this.published.totals(asked.archive) });
      case 'instances':
        return encodeFrame({ answer: await this.published.instances(asked.archive, asked.series) });
      case 'refresh':
        await this.published.refresh();
        return encodeFrame({ answer: true });
    }
  }

  private async open(message: Msg): Promise<Uint8Array> {
    const { description: asked } = decodeMessage<OpenMessage>(checks.open, message.data);
    if (this.streams.size >= MOST_STREAMS) this.dropOver();
    if (this.streams.size >= MOST_STREAMS) throw new Error('too many answers are open');
    const pages = await this.pagesOf(asked);
    const id = `${this.nextStream++}`;
    const iterator = pages[Symbol.asyncIterator]();
    const begun = { number: -1, sent: undefined, isOver: false, timer: undefined };
    this.streams.set(id, { ...begun, pages: iterator, ahead: iterator.next() });
    return this.next(id, 0);
  }

  private async pagesOf(asked: OpenMessage): Promise<AsyncIterable<Page>> {
    switch (asked.open) {
      case 'search':
        return this.rowPages(this.index.search(await queryOfMessage(asked.query)));
      case 'ordered':
        return this.rowPages(ordered(this.index, asked));
      case 'skipped':
        return skippedPages(this.index.skippedFiles());
      case 'every-file':
        return filePages(this.index.everyFile());
      case 'files':
        return filePages(this.index.instancesOf(asked.series));
    }
  }

  private async page(message: Msg): Promise<Uint8Array> {
    const { description: asked } = decodeMessage<PageRequest>(checks.pageRequest, message.data);
    if ('close' in asked) {
      this.drop(asked.stream);
      return encodeFrame({ closed: true });
    }
    return this.next(asked.stream, asked.page);
  }

  private async next(id: string, number: number): Promise<Uint8Array> {
    const stream = this.streams.get(id);
    if (stream === undefined) throw new Error('this answer is no longer open');
    clearTimeout(stream.timer);
    stream.timer = setTimeout(() => this.drop(id), IDLE);
    stream.timer.unref();
    if (number === stream.number && stream.sent !== undefined) return stream.sent;
    if (number !== stream.number + 1) throw new Error('pages are asked for in order');
    stream.number = number;
    stream.sent = this.made(id, stream, number);
    try {
      return await stream.sent;
    } catch (error) {
      this.drop(id);
      throw error;
    }
  }

  private async made(id: string, stream: Stream, number: number): Promise<Uint8Array> {
    const here = await stream.ahead;
    stream.isOver = here.done === true;
    const { bytes, ...rest } = here.done === true ? END : here.value;
    // Made while this page is on its way; the reader does not wait to learn whether it is the last, nor for what has to
    // be done before the next one can be asked for.
    if (!stream.isOver) {
      stream.ahead = setImmediate().then(() => stream.pages.next());
      stream.ahead.catch(() => {});
    }
    return encodeFrame({ stream: id, subject: this.subject, page: number, last: stream.isOver, ...rest }, bytes);
  }

  /** The reader says when it has the last page; one that has gone does not. */
  private dropOver(): void {
    for (const [id, { isOver }] of this.streams) if (isOver) this.drop(id);
  }

  private drop(id: string): void {
    const stream = this.streams.get(id);
    if (stream === undefined) return;
    this.streams.delete(id);
    clearTimeout(stream.timer);
    void stream.pages.return?.()?.catch(this.onFailure);
  }

  private rowPages(batches: AsyncIterable<RowBatch>): AsyncIterable<Page> {
    const most = Math.max(64 * 1024, (this.connection.info?.max_payload ?? 1024 * 1024) - DESCRIPTION);
    return rowPages(batches, most);
  }
}

/** The place of each row follows its further columns. */
async function* ordered(
  index: InstanceIndex,
  { query, after, ...order }: OpenMessage & { open: 'ordered' },
): AsyncIterable<RowBatch> {
  const { places, ...batch } = await index.ordered(await queryOfMessage(query), { ...order, after });
  if (batch.rows > 0) yield { ...batch, more: places.map((place, row) => [...(batch.more?.[row] ?? []), place]) };
}

/** The further columns follow the lines as JSON: both are cut wherever a page is full. */
async function* rowPages(batches: AsyncIterable<RowBatch>, most: number): AsyncIterable<Page> {
  for await (const { rows, lines, more } of batches) {
    const further = more === undefined ? undefined : Buffer.from(JSON.stringify(more), 'utf8');
    const bytes = further === undefined ? lines : Buffer.concat([lines, further]);
    let at = 0;
    for (; bytes.length - at > most; at += most) {
      yield { continues: true, rows: 0, bytes: bytes.subarray(at, at + most) };
    }
    const moreBytes = further === undefined ? {} : { moreBytes: further.length };
    yield { continues: false, rows, ...moreBytes, bytes: bytes.subarray(at) };
  }
}

async function* skippedPages(files: AsyncIterable<SkippedFile>): AsyncIterable<Page> {
  let page: SkippedFile[] = [];
  let bytes = 0;
  for await (const file of files) {
    page.push(file);
    bytes += bytesOf(file);
    if (page.length < FILES_A_PAGE && bytes < FILES_BYTES) continue;
    yield { continues: false, rows: 0, files: page };
    page = [];
    bytes = 0;
  }
  if (page.length > 0) yield { continues: false, rows: 0, files: page };
}

/** A page holds batches of several series where they are small. */
async function* filePages(batches: AsyncIterable<readonly SeriesFile[]>): AsyncIterable<Page> {
  let page: SeriesFilesMessage[] = [];
  let room = FILES_BYTES;
  for await (const batch of batches) {
    const { SeriesInstanceUID, archive } = batch[0]!;
    for (let at = 0; at < batch.length; ) {
      const files: SeriesFilesMessage['files'] = [];
      const part = { SeriesInstanceUID, archive, files };
      room -= bytesOf(part);
      for (; at < batch.length && (room > 0 || files.length === 0); at++) {
        const { SOPInstanceUID, SOPClassUID, path, size, mtime } = batch[at]!;
        const file = { SOPInstanceUID, SOPClassUID, path, size, mtime };
        files.push(file);
        room -= bytesOf(file);
      }
      page.push(part);
      if (room > 0) continue;
      yield { continues: at < batch.length, rows: 0, batches: page };
      page = [];
      room = FILES_BYTES;
    }
  }
  if (page.length > 0) yield { continues: false, rows: 0, batches: page };
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value), 'utf8');
}
