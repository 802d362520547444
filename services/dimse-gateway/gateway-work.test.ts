// How a gateway carries out items, with a queue and a PACS that are played.
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DitagError, ditagError } from '../../core/errors/errors.ts';
import type { GatewayAnswers } from '../../core/ports/gateways.ts';
import type { SeriesFile } from '../../core/ports/instance-index.ts';
import type { ResultPage } from '../../core/ports/store-results.ts';
import type { FindItem, StoreItem, TakenItem } from '../../core/ports/work-queue.ts';
import { dicomFile } from '../../test/index/make-archive.ts';
import { GatewayWork } from './gateway-work.ts';

const MR = '1.2.840.10008.5.1.4.1.1.4';
const PACS = { host: 'pacs', port: 104, calledAETitle: 'A', callingAETitle: 'B', isTls: false };
const DETAILS = { peer: 'pacs:104', reason: 'played', called: 'A', calling: 'B' };

const AWAY = ditagError('pacs-unreachable', DETAILS);

const bytesOf = (SOPInstanceUID: string) => dicomFile({ SOPInstanceUID, SeriesInstanceUID: '1.2', SOPClassUID: MR });

function itemOf(number: number, instances: number, more: Partial<StoreItem> = {}): StoreItem {
  const files = Array.from({ length: instances }, (_, i): SeriesFile => {
    const SOPInstanceUID = `1.2.${number}.${i}`;
    return {
      SeriesInstanceUID: '1.2',
      SOPInstanceUID,
      SOPClassUID: MR,
      archive: 'a',
      path: SOPInstanceUID,
      size: bytesOf(SOPInstanceUID).length,
      mtime: -1,
    };
  });
  return { send: 's', item: number, pacs: PACS, files, ...more };
}

interface Play {
  /** Why there is no association. */
  readonly open?: (times: number) => DitagError | undefined;
  readonly store?: (SOPInstanceUID: string) => number | Promise<number>;
  readonly known?: ReadonlySet<number>;
  readonly isMounted?: boolean;
  /** Whether another gateway sees the archive. */
  readonly isSeenByAny?: boolean;
  /** Attempts that were begun before; all before this one unless said. */
  readonly tries?: number;
  /** Pages of results of other items, after so many associations were asked for. */
  readonly ofOthers?: (opened: number) => ResultPage[];
  readonly add?: () => Promise<void>;
  readonly find?: (signal: AbortSignal) => Promise<boolean>;
}

/** A gateway that carries out what `give` gives it. */
function played(t: TestContext, play: Play = {}, { pauses = [1, 1], associations = 1 } = {}) {
  const pages: ResultPage[] = [];
  const sent: string[] = [];
  const lines: string[] = [];
  const given: TakenItem[] = [];
  let opened = 0;
  let refusals = 0;
  let attempts = 1;
  let answers: GatewayAnswers | undefined;
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const resolve of waiting) resolve();
    waiting.clear();
  };
  const log = (_: object, message: string) => void lines.push(message);
  const work = new GatewayWork(
    {
      queue: {
        open: async () => 'q',
        add: async () => {},
        busy: async () => ['q'],
        take: async (_, signal) => {
          signal.addEventListener('abort', wake, { once: true });
          if (given.length === 0 && !signal.aborted) await new Promise<void>((resolve) => waiting.add(resolve));
          return given.shift();
        },
        left: async () => 0,
        drop: async () => {},
      },
      results: {
        add: async (page) => {
          await play.add?.();
          if (page.isRefused === true) refusals++;
          // An empty one says that the item is begun with.
          if (page.results.length > 0 || page.isLast) pages.push(page);
        },
        async *pages(_, from) {
          for (const [at, page] of [...pages, ...(play.ofOthers?.(opened) ?? [])].entries())
            if (at >= from) yield { page, next: at + 1 };
        },
        known: async () => ({ files: play.known ?? new Set(), tries: play.tries ?? attempts - 1, refusals }),
        remove: async () => {},
      },
      commands: { serve: (one) => void (answers = one), stop: async () => {} },
      files: {
        open: async (_, path) => {
          const bytes = bytesOf(path);
          const read = async (buffer: Uint8Array, length: number, position: number) =>
            bytes.copy(buffer, 0, position, position + length);
          return { size: bytes.length, read, close: async () => {} };
        },
      },
      peerOf: () => ({
        open: async () => {
          const refusal = play.open?.(opened++);
          if (refusal !== undefined) throw refusal;
          let isLost = false;
          return {
            get isOpen() {
              return !isLost;
            },
            accepted: () => ['1.2.840.10008.1.2.1'],
            store: async ({ SOPInstanceUID }, dataSet) => {
              await Array.fromAsync(dataSet as AsyncIterable<Buffer>);
              sent.push(SOPInstanceUID);
              try {
                return (await play.store?.(SOPInstanceUID)) ?? 0;
              } catch (error) {
                isLost = true;
                throw error;
              }
            },
            release: async () => {},
            abort: () => {},
          };
        },
      }),
      find: (_, signal) => play.find?.(signal) ?? Promise.resolve(true),
      isMounted: async () => play.isMounted ?? true,
      isSeenByAny: async () => play.isSeenByAny ?? false,
      log: { info: log, warn: log },
    },
    { archives: ['a'], associations, pauses },
  );
  const running = work.run(() => {});
  t.after(async () => {
    await work.stop();
    await running;
  });
  /** Resolves with what became of it: `done`, or after how many milliseconds it is to come again. */
  let working = 0;
  const give = (item: StoreItem | FindItem, attempt = 1) =>
    new Promise<'done' | number>((resolve) => {
      attempts = attempt;
      given.push({
        item,
        attempt,
        done: async () => resolve('done'),
        later: resolve,
        working: () => working++,
      });
      wake();
    });
  const results = () =>
    pages.flatMap((page) => page.results.map(({ file, outcome }) => `${page.item}.${file} ${outcome}`));
  const cancel = (send: string) => answers!.cancelled(send);
  const call = () => answers!.called('q');
  return { work, give, wake, call, pages, sent, lines, results, cancel, said: () => working };
}

test('an item is done when its results are told, the last page as such', async (t) => {
  const { work, give, pages, results, sent, lines } = played(t, { store: (uid) => (uid === '1.2.0.1' ? 0xc000 : 0) });
  assert.equal(await give(itemOf(0, 3)), 'done');
  assert.equal(await give(itemOf(1, 1)), 'done');
  assert.deepEqual(results(), ['0.0 stored', '0.1 refused', '0.2 stored', '1.0 stored']);
  assert.deepEqual(
    pages.map(({ item, attempt, page, isLast }) => [item, attempt, page, isLast]),
    [
      [0, 1, 1, true],
      [1, 1, 1, true],
    ],
  );
  assert.equal(sent.length, 4);
  assert.deepEqual(lines, ['sent', 'sent']);
  const { bytes, ...counts } = work.counts;
  assert.deepEqual(counts, { items: 2, sent: 3, notSent: 1 });
  assert.ok(bytes > 100);
});

test('results are told while it lasts', async (t) => {
  const { give, pages } = played(t, { store: () => sleep(150, 0) });
  assert.equal(await give(itemOf(0, 6)), 'done');
  assert.ok(pages.length > 2, `${pages.length} pages`);
  assert.deepEqual(
    pages.flatMap((page) => page.results.map(({ file }) => file)),
    [0, 1, 2, 3, 4, 5],
  );
});

test('what an earlier attempt has told is left out', async (t) => {
  const { give, sent, pages } = played(t, { known: new Set([0, 2]) });
  assert.equal(await give(itemOf(0, 4), 2), 'done');
  assert.deepEqual(sent, ['1.2.0.1', '1.2.0.3']);
  assert.ok(pages.at(-1)!.isLast);
});

test('an item for which the PACS has no association comes again, without results', async (t) => {
  const { give, results } = played(t, {
    open: (times) => (times < 3 ? ditagError('association-rejected', DETAILS) : undefined),
  });
  assert.equal(await give(itemOf(0, 2)), 2_000);
  assert.deepEqual(results(), []);
  assert.equal(await give(itemOf(0, 2), 2), 'done');
  assert.deepEqual(results(), ['0.0 stored', '0.1 stored']);
});

test('an item that a PACS refuses waits as long as it takes others of the send, and fails in the end', async (t) => {
  let told = 0;
  const ofOthers = (): ResultPage[] =>
    Array.from({ length: told }, (_, page) => ({
      ...{ send: 's', item: 9, attempt: 1, page, isLast: false },
      results: [{ file: page, outcome: 'stored', reason: '', bytes: 1 }],
    }));
  const { give, results } = played(
    t,
    { open: () => ditagError('association-rejected', DETAILS), ofOthers },
    { pauses: [] },
  );
  let attempt = 0;
  for (; told < 60; told++) assert.equal(await give(itemOf(0, 1), ++attempt), 2_000, `attempt ${attempt}`);
  // From now on it takes nothing.
  for (let times = 1; times < 30; times++)
    assert.equal(await give(itemOf(0, 1), ++attempt), 2_000, `${times} in a row`);
  assert.deepEqual(results(), []);
  assert.equal(await give(itemOf(0, 1), ++attempt), 'done');
  assert.deepEqual(results(), ['0.0 failed']);
});

test('of a PACS that is not to be had an item fails after some attempts, the next ones at once', async (t) => {
  let opened = 0;
  const open = () => {
    opened++;
    return ditagError('pacs-unreachable', DETAILS);
  };
  const { give, pages, results } = played(t, { open });
  for (const attempt of [1, 2, 3]) assert.equal(await give(itemOf(0, 2), attempt), 2_000);
  assert.equal(await give(itemOf(0, 2), 4), 'done');
  assert.deepEqual(results().sort(), ['0.0 failed', '0.1 failed']);
  assert.match(pages[0]!.results[0]!.reason, /cannot be reached \(played\)/);
  opened = 0;
  assert.equal(await give(itemOf(1, 1)), 'done');
  assert.equal(opened, 1);
});

test('an item whose archive is not here comes again, and fails in the end', async (t) => {
  // That others say they see it helps nothing where its mount is gone.
  const { give, pages, sent } = played(t, { isMounted: false, isSeenByAny: true });
  assert.equal(await give(itemOf(0, 2)), 2_000);
  assert.equal(await give(itemOf(0, 2), 30), 'done');
  assert.equal(pages[0]!.results[1]!.reason, 'no gateway that took it sees the archive a');
  assert.deepEqual([pages.length, sent.length], [1, 0]);
});

test('an item whose archive another gateway sees waits for it, however often it was passed on', async (t) => {
  const { give, pages } = played(t, { isSeenByAny: true });
  const { files, ...item } = itemOf(0, 2);
  const elsewhere = { ...item, files: files.map((file) => ({ ...file, archive: 'b' })) };
  for (const attempt of [1, 30, 1000]) assert.equal(await give(elsewhere, attempt), 2_000);
  assert.deepEqual(pages, []);
  const { give: giveHere, results } = played(t, { tries: 0, open: (times) => (times < 3 ? AWAY : undefined) });
  assert.equal(await giveHere(itemOf(0, 1), 1000), 2_000, 'that were no tries of its own');
  assert.equal(await giveHere(itemOf(0, 1), 1001), 'done');
  assert.deepEqual(results(), ['0.0 stored']);
});

test('a PACS that goes away in the middle: what it has not got comes again', async (t) => {
  let isAway = false;
  const open = () => (isAway ? AWAY : undefined);
  const store = async (uid: string) => {
    if (uid !== '1.2.0.2') return 0;
    isAway = true;
    throw ditagError('association-aborted', DETAILS);
  };
  const { give, results } = played(t, { open, store });
  assert.equal(await give(itemOf(0, 5)), 2_000);
  assert.deepEqual(results(), ['0.0 stored', '0.1 stored']);
});

test('what fails for now takes its further files with it: another of them may go the next time', async (t) => {
  let isAway = true;
  const store = async () => {
    if (!isAway) return 0;
    throw ditagError('association-aborted', DETAILS);
  };
  const { give, results } = played(t, { open: (times) => (isAway && times > 0 ? AWAY : undefined), store });
  const { files, ...item } = itemOf(0, 1);
  const twice = { ...item, files: [...files, ...files.map((file) => ({ ...file }))] };
  assert.equal(await give(twice), 2_000);
  assert.deepEqual(results(), []);
  isAway = false;
  assert.equal(await give(twice, 2), 'done');
  assert.deepEqual(results().sort(), ['0.0 stored', '0.1 copy']);
});

test('what has failed for its file is told, also where the PACS goes away or the send is cancelled', async (t) => {
  const item = itemOf(0, 3);
  // It has another size than was indexed.
  const files = item.files.map((file, n) => (n === 0 ? { ...file, size: file.size + 1 } : file));
  let isAway = false;
  const store = async () => {
    if (!isAway) {
      isAway = true;
      return 0;
    }
    throw ditagError('association-aborted', DETAILS);
  };
  const { give, results } = played(t, { open: () => (isAway ? AWAY : undefined), store });
  assert.equal(await give({ ...item, files }), 2_000);
  assert.deepEqual(results().sort(), ['0.0 failed', '0.1 stored']);
});

test('a PACS that is there again is not taken for one that is away', async (t) => {
  let away: DitagError | undefined = AWAY;
  const { give, results } = played(t, { open: () => away });
  assert.equal(await give(itemOf(0, 1), 4), 'done');
  away = undefined;
  assert.equal(await give(itemOf(1, 1)), 'done');
  away = ditagError('association-rejected', DETAILS);
  assert.equal(await give(itemOf(2, 1)), 2_000);
  assert.deepEqual(results(), ['0.0 failed', '1.0 stored']);
});

test('an item that may have ended those that took it is not tried for ever', async (t) => {
  const { give, results, sent } = played(t);
  assert.equal(await give(itemOf(0, 1), 41), 'done');
  assert.deepEqual([results(), sent], [['0.0 failed'], []]);
});

test('an item whose results cannot be told comes again', async (t) => {
  const { give, lines } = played(t, { add: () => Promise.reject(new Error('no room')) });
  assert.equal(await give(itemOf(0, 1)), 2_000);
  assert.ok(lines.includes('an item failed'));
});

test('a send that is cancelled ends after the instance that is under way', async (t) => {
  const { give, cancel, results } = played(t, { store: () => sleep(50, 0) });
  const ended = give(itemOf(0, 20));
  await sleep(30);
  assert.equal(cancel('s'), 1);
  assert.equal(await ended, 'done');
  assert.ok(results().length <= 2, `${results().length} were sent`);
  await sleep(5);
  assert.equal(cancel('s'), 0);
  // What was still on its way here.
  assert.equal(await give(itemOf(1, 5)), 'done');
  assert.ok(results().every((line) => line.startsWith('0.')));
  assert.equal(await give(itemOf(2, 1, { send: 'other' })), 'done');
});

test('a gateway that is stopped tells what it has sent and gives back the rest', async (t) => {
  const { work, give, pages } = played(t, { store: () => sleep(50, 0) });
  const ended = give(itemOf(0, 20));
  await sleep(70);
  await work.stop();
  assert.equal(await ended, 0);
  assert.ok(pages.length > 0 && pages.every(({ isLast }) => !isLast));
});

test('a gateway that is stopped while the PACS is away says of nothing that it failed', async (t) => {
  const open = (times: number) => (times > 0 ? ditagError('pacs-unreachable', DETAILS) : undefined);
  const store = () => {
    throw ditagError('association-aborted', DETAILS);
  };
  const { work, give, results } = played(t, { open, store }, { pauses: [5_000] });
  const ended = give(itemOf(0, 3));
  await sleep(50);
  await work.stop();
  assert.equal(await ended, 0);
  assert.deepEqual(results(), []);
});

test('work that comes while one item lasts is taken, though the others had nothing to do for long', async (t) => {
  const long = Promise.withResolvers<number>();
  const store = (uid: string) => (uid === '1.2.0.0' ? long.promise : 0);
  const { give, wake, call, sent } = played(t, { store }, { associations: 3 });
  const first = give(itemOf(0, 1));
  for (let i = 0; i < 100 && sent.length === 0; i++) await sleep(10);
  const now = performance.now();
  // They find nothing, and end.
  t.mock.method(performance, 'now', () => now + 61_000);
  wake();
  await sleep(20);
  t.mock.restoreAll();
  call();
  assert.deepEqual(await Promise.all([give(itemOf(1, 1)), give(itemOf(2, 1))]), ['done', 'done']);
  long.resolve(0);
  assert.equal(await first, 'done');
});

test('the queue is told that an item is worked on, as long as it lasts', async (t) => {
  const { give, said } = played(t, { store: () => sleep(3_300, 0) });
  assert.equal(await give(itemOf(0, 1)), 'done');
  assert.equal(said(), 2);
});

const FIND: FindItem = { send: 's', item: 0, pacs: PACS, project: 'p', accessions: ['1'] };

test('an item that broke off is given back, until it has been tried often enough', async (t) => {
  const { give } = played(t, { find: async () => false });
  assert.equal(await give(FIND, 1), 2_000);
  assert.equal(await give(FIND, 3), 2_000);
  assert.equal(await give(FIND, 4), 'done');
});

test('an item that fails for good is not tried again', async (t) => {
  let failure: Error = ditagError('not-dicom', DETAILS);
  const { give } = played(t, { find: () => Promise.reject(failure) });
  assert.equal(await give(FIND), 'done');
  failure = ditagError('pacs-unreachable', DETAILS);
  assert.deepEqual([await give(FIND), await give(FIND, 4)], [2_000, 'done']);
  failure = new Error('of ours');
  assert.deepEqual([await give(FIND), await give(FIND, 4)], [2_000, 'done']);
});

test('what is under way when the gateway stops is given back at once', async (t) => {
  const { work, give } = played(t, {
    find: (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(false))),
  });
  const given = give(FIND);
  await sleep(50);
  await work.stop();
  assert.equal(await given, 0);
});
