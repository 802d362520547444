// Answers of any length, made while they are sent.
import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';

export interface Streamed {
  readonly stream: Readable;
  readonly isEmpty: boolean;
}

/**
 * A stream of pieces, none of them empty. The first one is looked for before this returns, so that what is wrong by then is told
 * by the answer's status. However the stream ends, read to its end or not, `pieces` is ended with it.
 */
export async function streamed(pieces: AsyncIterable<Uint8Array | string>): Promise<Streamed> {
  const all = pieces[Symbol.asyncIterator]();
  const first = await all.next();
  async function* taken(): AsyncIterable<Uint8Array | string> {
    for (let next = first; next.done !== true; next = await all.next()) yield next.value;
  }
  const stream = Readable.from(taken(), { objectMode: false });
  stream.once('close', () => void all.return?.().catch(() => {}));
  return { stream, isEmpty: first.done === true };
}

export const JSON_LINES = 'application/x-ndjson; charset=utf-8';

/** A JSON object a line, each counted as told. */
export async function* jsonLines(items: AsyncIterable<object>, request: FastifyRequest): AsyncIterable<string> {
  request.rowsTold = 0;
  for await (const item of items) {
    request.rowsTold++;
    yield `${JSON.stringify(item)}\n`;
  }
}
