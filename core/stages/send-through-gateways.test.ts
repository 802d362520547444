// What the command's side of a send in a cluster makes of what gateways tell it, with gateways that are played. Real ones
// are in test/cluster/send.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SendResult } from '../instance/send-outcome.ts';
import type { SeriesFile } from '../ports/instance-index.ts';
import type { ResultPage, StoredFile } from '../ports/store-results.ts';
import type { StoreItem } from '../ports/work-queue.ts';
import { type GatewaySendOptions, type GatewaySendPorts, sendThroughGateways } from './send-through-gateways.ts';

const PACS = { host: 'pacs', port: 104, calledAETitle: 'A', callingAETitle: 'B', isTls: false };

/** What the cluster does with an item. */
type Play = (item: StoreItem, tell: (page: Partial<ResultPage>) => void, done: () => void) => void;

const stored = (file: number): StoredFile => ({ file, outcome: 'stored', status: 0, reason: '', bytes: 10 });
const all = ({ files }: StoreItem) => files.map((_, i) => stored(i));

class Played {
  readonly items: StoreItem[] = [];
  readonly calls: string[] = [];
  private readonly pages: ResultPage[] = [];
  private readonly open = new Set<number>();
  archives: ReadonlySet<string> | undefined = new Set(['a']);
  most = 0;
  underWay = 0;
  /** How often the reading of results breaks off after the first page. */
  breaks = 0;

  /** Archives of the files of each instance, in path order. */
  archivesOf: (instance: number) => readonly string[] = () => ['a'];

  private readonly play: Play;
  private readonly length: number;

  /** @param length instances of each series */
  constructor(play: Play, length = 1) {
    this.play = play;
    this.length = length;
  }

  ports(): GatewaySendPorts {
    const files = (SeriesInstanceUID: string, i: number) =>
      this.archivesOf(i).map(
        (archive): SeriesFile => ({
          ...{ SeriesInstanceUID, SOPInstanceUID: `${SeriesInstanceUID}.${i}`, SOPClassUID: '1.2', archive },
          ...{ path: `${i}`, size: 10, mtime: -1 },
        }),
      );
    const { length } = this;
    return {
      index: {
        async *instancesOf(series) {
          for (const uid of series) if (uid !== 'none') yield Array.from({ length }, (_, i) => files(uid, i)).flat();
        },
      },
      queue: {
        open: async (pacs, associations) => {
          this.calls.push(`open ${pacs.host} ${associations}`);
          return 'queue';
        },
        add: async (work) => {
          const item = work as StoreItem;
          this.items.push(item);
          this.open.add(item.item);
          this.most = Math.max(this.most, this.open.size);
          const tell = (page: Partial<ResultPage>) =>
            void this.pages.push({
              send: 's',
              item: item.item,
              attempt: 1,
              page: 0,
              results: [],
              isLast: false,
              ...page,
            });
          this.play(item, tell, () => this.open.delete(item.item));
        },
        busy: async () => [],
        take: async () => undefined,
        left: async () => this.open.size,
        drop: async (send) => void this.calls.push(`drop ${send}`),
      },
      results: {
        add: async () => {},
        pages: async function* (this: Played, _: string, from: number) {
          for (const [i, page] of [...this.pages].entries()) {
            if (i < from) continue;
            yield { page, next: i + 1 };
            if (this.breaks-- > 0) throw new Error('no connection');
          }
        }.bind(this),
        known: async () => ({ files: new Set<number>(), tries: 0, refusals: 0 }),
        remove: async (send) => void this.calls.push(`remove ${send}`),
      },
      gateways: {
        call: async () => this.archives,
        canDownload: async () => false,
        freeSpace: async () => undefined,
        doing: async () => [],
        cancel: async (send) => {
          if (this.underWay === 0) this.calls.push(`cancel ${send}`);
          return this.underWay;
        },
      },
    };
  }

  async send(series: readonly string[], more: Partial<GatewaySendOptions> = {}) {
    const results: SendResult[] = [];
    const seen = { series: 0 };
    await sendThroughGateways(series, this.ports(), {
      send: 's',
      pacs: PACS,
      associations: 3,
      onResult: (result) => void results.push(result),
      onSeries: () => void seen.series++,
      signal: new AbortController().signal,
      ...more,
    });
    return { results, series: seen.series };
  }
}

const outcomes = (results: readonly SendResult[]) =>
  results.map(({ file, outcome, reason }) => `${file?.SOPInstanceUID} ${outcome} ${reason}`.trim());

test('what is told twice counts once, whichever attempt tells it', async () => {
  const played = new Played((item, tell, done) => {
    tell({ results: [stored(0)] });
    tell({ attempt: 2, results: [{ ...stored(0), outcome: 'failed' }, stored(1)] });
    tell({ results: [stored(1)], page: 1 });
    tell({ attempt: 2, page: 1, results: all(item), isLast: true });
    tell({ attempt: 3, results: [stored(99)], isLast: true });
    done();
  }, 3);
  const { results, series } = await played.send(['1', 'none']);
  assert.deepEqual(outcomes(results), [
    'undefined not-indexed the series is not in the index',
    ...['1.0 stored', '1.1 stored', '1.2 stored'],
  ]);
  assert.equal(series, 2);
  assert.deepEqual(played.calls, ['open pacs 3', 'remove s']);
});

test('pages of which the reading breaks off are read again', async () => {
  const played = new Played((item, tell, done) => {
    tell({ results: [stored(0)] });
    tell({ page: 1, results: all(item), isLast: true });
    done();
  }, 2);
  played.breaks = 1;
  const { results } = await played.send(['1']);
  assert.deepEqual(outcomes(results), ['1.0 stored', '1.1 stored']);
});

test('no more than 64 items are ahead, and every series is told', async () => {
  const waiting: (() => void)[] = [];
  const endAll = () => {
    for (const end of waiting.splice(0)) end();
  };
  const played = new Played((item, tell, done) => {
    waiting.push(() => {
      tell({ results: all(item), isLast: true });
      done();
    });
    if (waiting.length >= 64 || item.item === 199) setTimeout(endAll, 50);
  }, 100);
  const { results, series } = await played.send(Array.from({ length: 200 }, (_, i) => `1.${i}`));
  assert.deepEqual([results.length, series, played.items.length], [20_000, 200, 200]);
  assert.ok(played.most <= 64, `${played.most} items`);
});

test('instances that are not wanted are not in the items, and those of no archive have failed', async () => {
  const played = new Played((item, tell, done) => {
    tell({ results: all(item), isLast: true });
    done();
  }, 3);
  const { results } = await played.send(['1'], { skip: (uid) => uid === '1.1' });
  assert.deepEqual(outcomes(results), ['1.0 stored', '1.2 stored']);
  played.archives = new Set(['b']);
  const { results: failed, series } = await played.send(['1']);
  assert.deepEqual(outcomes(failed)[2], '1.2 failed no gateway of the cluster sees the archive a');
  assert.deepEqual([failed.length, series], [3, 1]);
});

test('an item that is gone without a word has failed', async () => {
  const played = new Played((_, tell, done) => {
    tell({ results: [stored(1)] });
    done();
  }, 2);
  const { results, series } = await played.send(['1']);
  assert.deepEqual(outcomes(results), ['1.1 stored', '1.0 failed no gateway said what became of it']);
  assert.equal(series, 1);
});

test('an interrupted send tells what came until it ended', async () => {
  const interrupt = new AbortController();
  const played: Played = new Played((item, tell, done) => {
    tell({ results: [stored(0)] });
    played.underWay = 1;
    setTimeout(() => interrupt.abort(), 50);
    setTimeout(() => {
      tell({ results: all(item).slice(0, 2), page: 1 });
      played.underWay = 0;
      done();
    }, 250);
  }, 4);
  const { results } = await played.send(['1'], { signal: interrupt.signal });
  assert.deepEqual(outcomes(results), ['1.0 stored', '1.1 stored']);
  assert.deepEqual(played.calls.slice(1), ['drop s', 'cancel s', 'remove s']);
});

test('what fails here ends the send there', async () => {
  const played = new Played((item, tell, done) => {
    tell({ results: all(item), isLast: true });
    done();
  });
  const onResult = () => {
    throw new Error('the disk is full');
  };
  await assert.rejects(played.send(['1'], { onResult }), /the disk is full/);
  assert.deepEqual(played.calls.slice(1), ['drop s', 'cancel s', 'remove s']);
  played.archives = undefined;
  await assert.rejects(played.send(['1']), { code: 'no-gateway' });
});

test('an instance goes from an archive that a gateway sees; an item is of one archive', async () => {
  const played = new Played((item, tell, done) => {
    tell({ results: all(item), isLast: true });
    done();
  }, 6);
  // Nobody sees the first copy of 1 and 4; 2 and 5 lie elsewhere alone.
  played.archivesOf = (instance) => [['a'], ['away', 'b', 'a'], ['b']][instance % 3]!;
  played.archives = new Set(['a', 'b']);
  await played.send(['1']);
  const files = played.items.map((item) =>
    item.files.map(({ SOPInstanceUID, archive }) => `${SOPInstanceUID} ${archive}`),
  );
  assert.deepEqual(files, [
    ['1.0 a', '1.3 a'],
    ['1.1 b', '1.1 a', '1.1 away', '1.2 b', '1.4 b', '1.4 a', '1.4 away', '1.5 b'],
  ]);
  played.archives = new Set(['c']);
  const { results } = await played.send(['1']);
  assert.deepEqual(outcomes(results).slice(-4), [
    '1.4 failed no gateway of the cluster sees the archive away',
    '1.4 copy no gateway of the cluster sees the archive b',
    '1.4 copy no gateway of the cluster sees the archive a',
    '1.5 failed no gateway of the cluster sees the archive b',
  ]);
});
