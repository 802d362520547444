// What no real index does on demand: an answer that breaks off, errors that hold values, readers that go away.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEntry } from '../../core/access/access.ts';
import { ditagError } from '../../core/errors/errors.ts';
import type { AccessStore } from '../../core/ports/access-store.ts';
import type { InstanceIndex, RowBatch } from '../../core/ports/instance-index.ts';
import type { Operations, OperationWatch } from '../../core/ports/operations.ts';
import { buildApi } from './app.ts';

const BATCH: RowBatch = { rows: 1000, lines: Buffer.from('a,b,c,d,e,1.2.3\n'.repeat(1000)), more: undefined };

const NO_TRAIL = { record: async () => {} } as unknown as AccessStore;
const NOTHING = {
  clusterWork: async () => ({ scans: [], projects: [] }),
  check: async () => {},
  close: async () => {},
} as unknown as Operations;

/** Serves an index that is made up; counts how often it was opened and closed. */
async function served(t: TestContext, index: Partial<InstanceIndex>, access = NO_TRAIL, operations = NOTHING) {
  const counts = { opened: 0, closed: 0 };
  const open = async () => {
    counts.opened++;
    return { ...index, close: async () => void counts.closed++ } as InstanceIndex;
  };
  const server = await buildApi({ open, access, operations, isLocal: true });
  await server.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  const get = (where: string) => fetch(`${url}${where}`);
  const ask = (where: string, body: object, signal?: AbortSignal) =>
    fetch(`${url}${where}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  return { ask, get, counts, close: () => server.close() };
}

async function closed({ opened, closed }: { opened: number; closed: number }, counts: { closed: number }) {
  for (let tries = 0; tries < 200 && counts.closed < opened; tries++) await sleep(10);
  assert.equal(counts.closed, opened, `closed ${closed} of ${opened}`);
}

test('an answer that breaks off does not look whole', async (t) => {
  const { ask, counts } = await served(t, {
    search: async function* () {
      yield BATCH;
      yield BATCH;
      throw new Error('of Doe^Jane');
    },
  });
  const response = await ask('/query', {});
  assert.equal(response.status, 200);
  await assert.rejects(response.text());
  await closed({ ...counts }, counts);
});

test('what goes wrong before the first rows is told by the status, without values', async (t) => {
  for (const [error, status, title] of [
    [new Error('of Doe^Jane'), 500, /^The API failed\.$/],
    [Object.assign(new Error('of Doe^Jane'), { name: 'ConnectionError' }), 503, /^The index .* cannot be reached\.$/],
    [ditagError('no-index', { database: 'x' }), 503, /^There is no index/],
  ] as const) {
    const fail = () => {
      throw error;
    };
    const { ask, counts } = await served(t, {
      // biome-ignore lint/correctness/useYield: it fails before there is a row
      search: async function* () {
        fail();
      },
      facets: async () => fail(),
    });
    for (const [where, body] of [
      ['/query', {}],
      ['/facets', { attributes: [] }],
    ] as const) {
      const response = await ask(where, body);
      const text = await response.text();
      assert.equal(response.status, status);
      assert.match((JSON.parse(text) as { title: string }).title, title);
      assert.ok(!text.includes('Doe'));
    }
    await closed({ ...counts }, counts);
  }
});

test('a reader that goes away ends the search, and the index is closed', async (t) => {
  let batches = 0;
  let isEnded = false;
  const { ask, counts } = await served(t, {
    search: async function* () {
      try {
        for (; ; batches++) yield BATCH;
      } finally {
        isEnded = true;
      }
    },
  });
  const aborter = new AbortController();
  const response = await ask('/query', {}, aborter.signal);
  await response.body!.getReader().read();
  await sleep(100);
  const before = batches;
  await sleep(100);
  // A reader that takes nothing is waited for: nothing is made ahead of it without a bound.
  assert.equal(batches, before);
  aborter.abort();
  await closed({ ...counts }, counts);
  assert.ok(isEnded);
});

test('a limit is kept across batches', async (t) => {
  let batches = 0;
  const { ask, counts } = await served(t, {
    search: async function* () {
      for (; ; batches++) yield BATCH;
    },
  });
  const text = await (await ask('/query', { limit: 2345 })).text();
  assert.equal(text.split('\n').length, 2345 + 2);
  // Those before the third, which is the last that was asked for.
  assert.equal(batches, 2);
  await closed({ ...counts }, counts);
});

test('an answer that is broken off is in the trail, and nothing is answered while the trail cannot be written', async (t) => {
  const entries: AuditEntry[] = [];
  let isFull = false;
  const access = {
    record: async (entry: AuditEntry) => {
      if (isFull) throw new Error('no space');
      entries.push(entry);
    },
  } as unknown as AccessStore;
  const { ask } = await served(
    t,
    {
      search: async function* () {
        yield BATCH;
        throw new Error('secret value');
      },
    },
    access,
  );
  await assert.rejects(async () => (await ask('/query', {})).text());
  for (let tries = 0; tries < 200 && entries.length < 2; tries++) await sleep(10);
  assert.deepEqual(
    entries.map(({ status, rows }) => [status, rows]),
    [
      [0, undefined],
      [0, BATCH.rows],
    ],
  );
  isFull = true;
  const refused = await ask('/query', {});
  assert.equal(refused.status, 503);
  assert.match(await refused.text(), /audit trail cannot be written/);
  isFull = false;
  await assert.rejects(async () => (await ask('/query', {})).text());
  for (let tries = 0; tries < 200 && entries.length < 4; tries++) await sleep(10);
  assert.equal(entries.length, 4, 'what was refused was not begun');
});

test('one that fails before it has begun has no results', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-test-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  for (const [text, hasResults] of [
    ['', false],
    ['SeriesInstanceUID,outcome\n', true],
  ] as const) {
    const file = path.join(folder, 'results.csv');
    const operations = {
      ...NOTHING,
      run: async (_: unknown, { onResults }: OperationWatch) => {
        fs.writeFileSync(file, text);
        onResults(file);
        throw ditagError('no-pacs', {});
      },
    } as unknown as Operations;
    const { ask, get } = await served(t, {}, NO_TRAIL, operations);
    const { id } = (await (await ask('/jobs', { operation: 'copies' })).json()) as { id: string };
    const told = (await (await get(`/jobs/${id}`)).json()) as { status: string; hasResults: boolean };
    assert.deepEqual([told.status, told.hasResults], ['failed', hasResults]);
    assert.equal((await get(`/jobs/${id}/results`)).status, hasResults ? 200 : 404);
    assert.equal(fs.existsSync(file), hasResults);
  }
});

test('eight operations run at a time, and end with the server', async (t) => {
  let ended = 0;
  const operations = {
    ...NOTHING,
    run: (_: unknown, { signal }: OperationWatch) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          ended++;
          resolve(130);
        }),
      ),
  } as unknown as Operations;
  const { ask, close } = await served(t, {}, NO_TRAIL, operations);
  const statuses: number[] = [];
  for (let n = 0; n < 9; n++) statuses.push((await ask('/jobs', { operation: 'copies' })).status);
  assert.deepEqual(statuses, [...new Array<number>(8).fill(202), 429]);
  await close();
  assert.equal(ended, 8);
});
