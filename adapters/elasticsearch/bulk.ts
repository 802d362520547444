// Many documents at once: requests bounded by bytes and by number, a few at a time, and what became of each document.
// An answer that another time may be better rejects the whole; the caller decides about the others.
import { type Client, errors } from '@elastic/elasticsearch';

/** A document to be written. */
export interface DocumentWrite {
  /** The action's line of a bulk request. */
  readonly action: string;
  /** The document as JSON. */
  readonly body: string;
}

/** What became of it. */
export interface WriteOutcome {
  readonly status: 'written' | 'conflict' | 'refused';
  /** Why it was refused. */
  readonly reason: string;
}

/** A document as it is stored. */
export interface StoredDocument<T> {
  readonly source: T;
  readonly version: number;
  readonly sequence: number;
  readonly term: number;
}

const MOST_BYTES = 5 * 1024 * 1024;
const MOST_WRITES = 2000;
const AT_ONCE = 2;

/** Writes documents. Rejects where Elasticsearch cannot take them now; outcomes are in the order of `writes`. */
export async function writeDocuments(
  client: Client,
  index: string,
  writes: readonly DocumentWrite[],
): Promise<WriteOutcome[]> {
  const requests: DocumentWrite[][] = [];
  let bytes = 0;
  for (const write of writes) {
    const size = write.action.length + write.body.length;
    const last = requests.at(-1);
    if (last === undefined || last.length >= MOST_WRITES || bytes + size > MOST_BYTES) {
      requests.push([write]);
      bytes = size;
    } else {
      last.push(write);
      bytes += size;
    }
  }
  return (await inTurns(requests, AT_ONCE, (request) => oneRequest(client, index, request))).flat();
}

async function oneRequest(client: Client, index: string, writes: readonly DocumentWrite[]): Promise<WriteOutcome[]> {
  const operations: string[] = [];
  for (const { action, body } of writes) operations.push(action, body);
  try {
    const { items } = await client.bulk<string>({
      index,
      operations,
      filter_path: ['items.*.status', 'items.*.error.type', 'items.*.error.reason', 'items.*.error.caused_by.type'],
    });
    return items.map((item) => outcomeOf(Object.values(item)[0] as BulkItem));
  } catch (error) {
    // Only a document that is larger than any request may be makes a request of its own that is too large.
    if (error instanceof errors.ResponseError && error.statusCode === 413 && writes.length === 1)
      return [{ status: 'refused', reason: 'the document is larger than Elasticsearch takes' }];
    throw error;
  }
}

interface BulkItem {
  readonly status: number;
  readonly error?: {
    readonly type?: string;
    readonly reason?: string;
    /** Its reason quotes the value more often than not. */
    readonly caused_by?: { readonly type?: string };
  };
}

function outcomeOf({ status, error }: BulkItem): WriteOutcome {
  if (status < 300) return { status: 'written', reason: '' };
  if (status === 409) return { status: 'conflict', reason: '' };
  const reasons = [error?.reason, error?.caused_by?.type].filter((part) => part !== undefined);
  const reason = reasons.map(withoutValues).join(': ').slice(0, 1000);
  // 403 and 429 are a full disk, a block or a full queue; 404 is an index that is being made; the rest is the document.
  if (status === 403 || status === 404 || status === 408 || status === 429 || status >= 500)
    throw new Error(`Elasticsearch cannot take documents now: ${status} ${error?.type ?? ''}: ${reason}`);
  return { status: 'refused', reason };
}

/** Elasticsearch quotes the values that it does not take: they may be a patient's, and reasons end up in logs. */
function withoutValues(reason: string): string {
  return reason.replace(
    /( in document with id | The prefix of the first immense term |, value starting with )[\s\S]*/,
    '',
  );
}

/** Reads documents by id as they are now, also those that do not yet show in answers; absent ones are left out. */
export async function readDocuments<T>(
  client: Client,
  index: string,
  ids: readonly string[],
  fields: readonly string[],
  atOnce: number,
): Promise<Map<string, StoredDocument<T>>> {
  const found = new Map<string, StoredDocument<T>>();
  const requests: string[][] = [];
  for (let at = 0; at < ids.length; at += atOnce) requests.push(ids.slice(at, at + atOnce));
  await inTurns(requests, AT_ONCE, async (request) => {
    const { docs } = await client.mget<T>({ index, ids: request, _source_includes: [...fields] });
    for (const doc of docs) {
      if ('error' in doc) throw new Error(`Elasticsearch cannot read documents now: ${doc.error.reason}`);
      if (!doc.found) continue;
      found.set(doc._id, {
        source: doc._source!,
        version: doc._version!,
        sequence: doc._seq_no!,
        term: doc._primary_term!,
      });
    }
  });
  return found;
}

/** Does `work` for each item, `atOnce` at a time. Results are in the order of the items. */
export async function inTurns<T, R>(items: readonly T[], atOnce: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const turn = async () => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, turn));
  return results;
}
