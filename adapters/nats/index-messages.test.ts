// Answers of any length over NATS: an index that is made up here behind the serving side, the asking side before it.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DitagError } from '../../core/errors/errors.ts';
import type { InstanceIndex, RowBatch, SeriesFile, SkippedFile } from '../../core/ports/instance-index.ts';
import type { PublishedIndex } from '../../core/ports/published-index.ts';
import { makeQuery, type QueryText } from '../../core/query/query.ts';
import { decodeFrame, encodeFrame } from '../../core/wire/frame.ts';
import type { PageMessage } from '../../core/wire/index-messages.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';
import { temporaryFolder } from '../../test/cli/run-ditag.ts';
import { instanceIndexContract } from '../../test/contracts/instance-index.ts';
import { natsHere } from '../../test/contracts/nats-here.ts';
import { scannedIndex } from '../sqlite/test-index.ts';
import type { Cluster } from './connection.ts';
import { NatsInstanceIndex } from './index-client.ts';
import { ASK, NatsIndexServer, OPEN } from './index-server.ts';

/** As a server has it that nobody has configured. */
const nats = natsHere({ after }, 'max_payload: 1MB');
const MB = 1024 * 1024;

interface Made {
  readonly search?: () => AsyncIterable<RowBatch>;
  readonly skipped?: () => AsyncIterable<SkippedFile>;
  readonly files?: (series: readonly string[]) => AsyncIterable<readonly SeriesFile[]>;
}

/** Undefined where there is no server to be had: the test is skipped then. */
async function indexOver(
  context: TestContext,
  { search, skipped, files }: Made,
): Promise<{ index: NatsInstanceIndex; failures: unknown[] } | undefined> {
  const open = await partOrSkip(context, () => Promise.all([nats.open(), nats.open()]));
  if (open === undefined) return undefined;
  const [serving, asking] = open;
  const made = { search, skippedFiles: skipped, instancesOf: files } as unknown as InstanceIndex;
  const failures: unknown[] = [];
  const server = await serve(serving, made, (error) => void failures.push(error));
  context.after(() => server.stop());
  return { index: new NatsInstanceIndex(asking.connection, 'nats://test', async () => {}), failures };
}

async function serve(
  { connection }: Cluster,
  index: InstanceIndex,
  onFailure: (error: unknown) => void,
): Promise<NatsIndexServer> {
  const server = new NatsIndexServer(connection, index, {} as PublishedIndex, onFailure);
  server.start();
  await connection.flush();
  return server;
}

instanceIndexContract('nats', async (scans) => {
  const [serving, asking] = await Promise.all([nats.open(), nats.open()]);
  const behind = await scannedIndex(path.join(temporaryFolder({ after }), 'dicom.db'), scans);
  const server = await serve(serving, behind, (error) => {
    // What is for a person is an answer.
    if (!(error instanceof DitagError)) throw error;
  });
  return new NatsInstanceIndex(asking.connection, 'nats://test', async () => {
    await server.stop();
    await behind.close();
  });
});

const query = (text: QueryText = {}) => makeQuery(text);

async function until(check: () => boolean): Promise<void> {
  for (let i = 0; i < 250 && !check(); i++) await sleep(20);
  assert.ok(check(), 'it never came to be');
}

test('300,000 rows arrive as they are, and neither side holds more than a few pages', async (t) => {
  const line = `${'x'.repeat(299)}\n`;
  const lines = Buffer.from(line.repeat(1000));
  let ahead = 0;
  async function* search() {
    for (let i = 0; i < 300; i++) {
      ahead++;
      yield { rows: 1000, lines, more: undefined };
    }
  }
  const served = await indexOver(t, { search });
  if (served === undefined) return;
  let [rows, bytes, most, taken] = [0, 0, 0, 0];
  for await (const batch of served.index.search(await query())) {
    rows += batch.rows;
    bytes += batch.lines.length;
    most = Math.max(most, ahead - ++taken);
    if (taken === 100) await sleep(300);
  }
  assert.deepEqual([rows, bytes], [300_000, 300_000 * line.length]);
  assert.ok(most <= 5, `the server was ${most} batches ahead`);
});

test('batches of 3 MB pass a server that takes 1 MB, with their further columns', async (t) => {
  const lines = randomBytes(3 * MB);
  const more = Array.from({ length: 100 }, () => [randomBytes(15_000).toString('base64'), 'é脳']);
  async function* search() {
    for (let i = 0; i < 3; i++) yield { rows: 100, lines, more };
    yield { rows: 1, lines: lines.subarray(0, 10), more: [['', '']] };
  }
  const served = await indexOver(t, { search });
  if (served === undefined) return;
  const batches: RowBatch[] = [];
  for await (const batch of served.index.search(await query({ columns: 'Rows,Modality' }))) batches.push(batch);
  assert.deepEqual(
    batches.map((batch) => batch.rows),
    [100, 100, 100, 1],
  );
  for (const batch of batches.slice(0, 3)) {
    assert.ok(Buffer.from(batch.lines).equals(lines));
    assert.deepEqual(batch.more, more);
  }
  assert.deepEqual(batches[3]!.more, [['', '']]);
  assert.deepEqual(served.failures, []);
});

test('skipped files with long names pass it too', async (t) => {
  const files = Array.from({ length: 3000 }, (_, i) => ({
    archive: 'a',
    path: `${i}/${randomBytes(1500).toString('hex')}`,
    reason: 'not-dicom',
  }));
  async function* skipped() {
    yield* files;
  }
  const served = await indexOver(t, { skipped });
  if (served === undefined) return;
  const found: SkippedFile[] = [];
  for await (const file of served.index.skippedFiles()) found.push(file);
  assert.deepEqual(found, files);
});

test('files of series pass it too, small series together and huge ones in batches as they were', async (t) => {
  const batch = (uid: string, count: number, length: number) =>
    Array.from({ length: count }, (_, i) => ({
      SeriesInstanceUID: uid,
      SOPInstanceUID: `${uid}.${i}`,
      SOPClassUID: '1.2',
      archive: 'a',
      path: `${i}/${randomBytes(length).toString('latin1')}`,
      size: 2 ** 40 + i,
      mtime: i % 2 === 0 ? -1 : 1_577_880_000_000_000 + i,
    }));
  const sizes = [1, 5000, 5000, 300, 1, 1, 2000];
  const batches = sizes.map((count, i) => batch(`1.${i}`, count, i === 3 ? 2000 : 20));
  async function* files() {
    yield* batches;
  }
  const served = await indexOver(t, { files });
  if (served === undefined) return;
  const found: (readonly SeriesFile[])[] = [];
  for await (const one of served.index.instancesOf(['1'])) found.push(one);
  assert.deepEqual(
    found.map(({ length }) => length),
    sizes,
  );
  assert.deepEqual(found, batches);
  assert.deepEqual(served.failures, []);
});

test('series are asked for so many at a time that their UIDs pass', async (t) => {
  const asked: number[] = [];
  async function* files(series: readonly string[]) {
    asked.push(series.length);
    for (const SeriesInstanceUID of series.slice(0, 1))
      yield [{ SeriesInstanceUID, SOPInstanceUID: '1', SOPClassUID: '2', archive: 'a', path: 'f', size: 1, mtime: 1 }];
  }
  const served = await indexOver(t, { files });
  if (served === undefined) return;
  const series = Array.from({ length: 40_000 }, () => randomBytes(32).toString('hex'));
  let found = 0;
  for await (const _ of served.index.instancesOf(series)) found++;
  assert.equal(found, asked.length);
  assert.equal(
    asked.reduce((sum, n) => sum + n, 0),
    series.length,
  );
});

test('a reader that stops early ends the answer where it is made', async (t) => {
  let ended = false;
  async function* search() {
    try {
      for (;;) yield { rows: 1, lines: Buffer.from('x\n'), more: undefined };
    } finally {
      ended = true;
    }
  }
  const served = await indexOver(t, { search });
  if (served === undefined) return;
  let taken = 0;
  for await (const _ of served.index.search(await query())) if (++taken === 5) break;
  await until(() => ended);
});

test('600 short answers in a row leave nothing open', async (t) => {
  async function* search() {
    yield { rows: 1, lines: Buffer.from('x\n'), more: undefined };
  }
  const served = await indexOver(t, { search });
  if (served === undefined) return;
  for (let i = 0; i < 600; i++) {
    for await (const batch of served.index.search(await query())) assert.equal(batch.rows, 1);
  }
});

test('600 answers that fail leave nothing open, and say no values', async (t) => {
  // biome-ignore lint/correctness/useYield: fails before the first row
  async function* search(): AsyncGenerator<RowBatch> {
    throw new Error('secret value');
  }
  const served = await indexOver(t, { search });
  if (served === undefined) return;
  for (let i = 0; i < 600; i++) {
    const answer = served.index.search(await query())[Symbol.asyncIterator]();
    await assert.rejects(answer.next(), (error: Error & { code: string }) => {
      assert.equal(error.code, 'cluster-failed');
      return !error.message.includes('secret') && !error.message.includes('too many');
    });
  }
  assert.equal(served.failures.length, 600);
});

test('a question that is lost is asked again, and one whose answer takes long is not', async (t) => {
  const open = await partOrSkip(t, () => Promise.all([nats.open(), nats.open(), nats.open()]));
  if (open === undefined) return;
  const [lossy, serving, asking] = open;
  // One that takes questions and is gone, as an api whose connection breaks.
  const lost = lossy.connection.subscribe(ASK, { queue: 'api', callback: () => {} });
  await lossy.connection.flush();
  const index = new NatsInstanceIndex(asking.connection, 'nats://test');
  const all = await query();
  const counted = index.count(all);
  await until(() => lost.getReceived() === 1);
  lost.unsubscribe();
  let asked = 0;
  const slow = {
    count: async () => {
      asked++;
      await sleep(9_000);
      return 7;
    },
  } as unknown as InstanceIndex;
  const server = await serve(serving, slow, () => assert.fail());
  t.after(() => server.stop());
  await lossy.connection.flush();
  assert.equal(await counted, 7);
  assert.equal(asked, 1);
});

test('a page that is asked for twice while it is made is one page, and the last is there until it has come', async (t) => {
  const open = await partOrSkip(t, () => Promise.all([nats.open(), nats.open()]));
  if (open === undefined) return;
  const [serving, asking] = open;
  const files = Array.from({ length: 4_500 }, (_, i) => ({ archive: 'a', path: String(i), reason: 'not-dicom' }));
  async function* skippedFiles() {
    for (const [i, file] of files.entries()) {
      if (i % 1000 === 0) await sleep(100);
      yield file;
    }
  }
  const failures: unknown[] = [];
  const server = await serve(
    serving,
    { skippedFiles } as unknown as InstanceIndex,
    (error) => void failures.push(error),
  );
  t.after(() => server.stop());
  const ask = async (subject: string, message: object) => {
    const { data } = await asking.connection.request(subject, encodeFrame(message), { timeout: 5_000 });
    return decodeFrame(data).description as PageMessage;
  };
  const found: SkippedFile[] = [];
  let page = await ask(OPEN, { open: 'skipped' });
  const { stream, subject } = page;
  for (; !page.last; ) {
    found.push(...page.files!);
    const next = { stream, page: page.page + 1 };
    const [first, again] = await Promise.all([ask(subject, next), ask(subject, next)]);
    assert.deepEqual(again, first);
    page = first;
  }
  assert.deepEqual(found, files);
  assert.deepEqual(await ask(subject, { stream, page: page.page }), page);
  assert.deepEqual(failures, []);
  await ask(subject, { stream, close: true });
  await ask(subject, { stream, page: page.page });
  assert.match(String(failures[0]), /no longer open/);
});
