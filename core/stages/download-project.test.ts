// What a download makes of a PACS, where the scripted one (test/projects/) cannot be told to do it at the right moment:
// here associations and retrievals are played, one by one, and what comes is said to have come.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { text, values } from '../dimse/identifier.ts';
import { ditagError } from '../errors/errors.ts';
import type { StoreFailure } from '../ports/instance-store.ts';
import type { PacsRetrievals, Retrieved } from '../ports/pacs.ts';
import type { DownloadStore } from '../ports/project-store.ts';
import type { ExpectedInstance } from '../projects/expected.ts';
import type { ReceivedInstance } from '../projects/received.ts';
import { DownloadPlan } from './download-plan.ts';
import {
  type DownloadOptions,
  type DownloadOutcome,
  type DownloadProgress,
  downloadSeries,
} from './download-project.ts';

const SUCCESS = 0x0000;
const SOME_FAILED = 0xb000;
const DOES_NOT_MATCH = 0xa900;
const REJECTED = () => ditagError('association-rejected', { peer: 'PACS', reason: 'the local limit is exceeded' });

/** A request that came. */
interface Came {
  readonly level: string;
  readonly series: string;
  /** What is named, or all of the series. */
  readonly uids: readonly string[];
  /** Has the PACS send these. */
  send(...uids: readonly string[]): void;
  /** Has it send these, which the disk does not take. */
  sendInVain(...uids: readonly string[]): void;
}

interface Play {
  /** Gives the status. @param onPending tells of a Pending */
  retrieve?(came: Came, onPending: () => void): Promise<number> | number;
  /** Before each association, with how many stand: throws where there is none. */
  open?(standing: number): Promise<void> | void;
  /** Bytes that are free. */
  readonly free?: number;
  /** Instances that are on their way. */
  underWay?(): number;
}

interface Ran extends DownloadOutcome {
  /** Requests as `SERIES 1.1` and `IMAGE 1.1.2 1.1.3`. */
  readonly asked: readonly string[];
  readonly received: number;
  readonly milliseconds: number;
  readonly standing: number;
  readonly reasons: ReadonlyMap<string, string>;
}

/** Downloads series 1.1 on, with so many instances each, from a played PACS. */
async function run(sizes: readonly number[], play: Play, options: Partial<DownloadOptions> = {}): Promise<Ran> {
  const series = new Map<string, readonly ExpectedInstance[]>(
    sizes.map((size, i) => [
      `1.${i + 1}`,
      Array.from({ length: size }, (_, n) => ({ SOPInstanceUID: `1.${i + 1}.${n + 1}`, SOPClassUID: '1.9' })),
    ]),
  );
  const store = {
    async *series() {
      for (const [SeriesInstanceUID, { length: listed }] of series) {
        const identity = { StudyInstanceUID: '1', SeriesInstanceUID, accession: 'A', attributes: {} };
        yield { ...identity, announced: listed, listed, isListed: true };
      }
    },
    instancesOf: async (uid: string) => series.get(uid)!,
  };
  const download = new DownloadInMemory();
  const files = {
    list: async () => new Map<string, number>(),
    seriesOf: async () => undefined,
    async *notAskedFor() {},
    isThere: async () => true,
    digest: async () => ({ size: 0, sha256: '' }),
    setAside: async () => undefined,
    freeSpace: async () => play.free ?? Number.MAX_SAFE_INTEGER,
  };
  const plan = await DownloadPlan.open({ store, download, files });
  const { signal = new AbortController().signal } = options;
  const open = await plan.prepare(
    () => true,
    () => {},
    signal,
  );
  const asked: string[] = [];
  let standing = 0;
  const send = (...uids: readonly string[]) => {
    for (const SOPInstanceUID of uids) {
      const SeriesInstanceUID = SOPInstanceUID.replace(/\.\d+$/, '');
      const path = `${plan.folderOf(SeriesInstanceUID)}/${SOPInstanceUID}.dcm`;
      const identity = { SOPInstanceUID, SOPClassUID: '1.9', StudyInstanceUID: '1', SeriesInstanceUID };
      plan.stored({ ...identity, path, bytes: 10, outcome: 'stored', sha256: '00' });
    }
  };
  const notStored = new Map<StoreFailure, number>();
  const sendInVain = (...uids: readonly string[]) => {
    for (const uid of uids) plan.notStored(uid, 'no-space');
    notStored.set('no-space', (notStored.get('no-space') ?? 0) + uids.length);
  };
  const retrievals = async (): Promise<PacsRetrievals> => {
    await play.open?.(standing);
    standing++;
    const ended = Promise.withResolvers<never>();
    ended.promise.catch(() => {});
    let isOpen = true;
    const end = () => {
      if (isOpen) standing--;
      isOpen = false;
      ended.reject(ditagError('association-aborted', { peer: 'PACS', reason: 'it was ended' }));
    };
    return {
      get isOpen() {
        return isOpen;
      },
      sendsElsewhere: true,
      retrieve: async (identifier, onPending): Promise<Retrieved> => {
        const level = text(identifier, 'QueryRetrieveLevel');
        const uid = text(identifier, 'SeriesInstanceUID');
        const named = values(identifier, 'SOPInstanceUID');
        const uids = level === 'IMAGE' ? named : series.get(uid)!.map(({ SOPInstanceUID }) => SOPInstanceUID);
        asked.push([level, ...(level === 'IMAGE' ? named : [uid])].join(' '));
        const came = { level, series: uid, uids, send, sendInVain };
        const answered = Promise.resolve(play.retrieve?.(came, onPending) ?? sendAll(came));
        const status = await Promise.race([answered, ended.promise]);
        return { status, completed: undefined, failed: undefined, comment: '' };
      },
      close: async () => end(),
      abort: end,
    };
  };
  const began = performance.now();
  const ports = {
    plan,
    pacs: { queries: () => assert.fail(), retrievals },
    arrivals: {
      get underWay() {
        return play.underWay?.() ?? 0;
      },
      notStored,
    },
    download,
    files,
  };
  const outcome = await downloadSeries(open, ports, {
    ...{ threads: 1, rounds: 3, patience: 200, window: undefined, reserve: 1_000, onProgress: () => {} },
    ...options,
    signal,
  });
  const milliseconds = performance.now() - began;
  return { ...outcome, asked, received: plan.counts.received, milliseconds, standing, reasons: download.reasons };
}

function sendAll({ uids, send }: Came): number {
  send(...uids);
  return SUCCESS;
}

class DownloadInMemory implements DownloadStore {
  readonly startedAt = '2026-01-01T00:00:00.000Z';
  readonly reasons = new Map<string, string>();
  private readonly received = new Map<string, ReceivedInstance[]>();

  async add(SeriesInstanceUID: string, received: ReceivedInstance): Promise<void> {
    this.received.set(SeriesInstanceUID, [...(this.received.get(SeriesInstanceUID) ?? []), received]);
  }

  async receivedOf(SeriesInstanceUID: string): Promise<readonly ReceivedInstance[]> {
    return this.received.get(SeriesInstanceUID) ?? [];
  }

  async setReason(SeriesInstanceUID: string, reason: string): Promise<void> {
    this.reasons.set(SeriesInstanceUID, reason);
  }

  async reasonOf(SeriesInstanceUID: string): Promise<string> {
    return this.reasons.get(SeriesInstanceUID) ?? '';
  }

  begun = async () => new Map<string, string>();
  async addNotAskedFor(): Promise<void> {}
  async remove(): Promise<void> {}
  async setComplete(): Promise<void> {}
  async *notAskedFor(): AsyncIterable<never> {}
}

describe('a download', { concurrency: true, timeout: 30_000 }, () => {
  test('asks for series as a whole, one after the other over one association', async () => {
    const { open, asked, received, standing } = await run([2, 3], {});
    assert.deepEqual([open, asked, received, standing], [[], ['SERIES 1.1', 'SERIES 1.2'], 5, 0]);
  });

  test('asks by name for what the PACS says that it could not send', async () => {
    const { asked, received } = await run([3], {
      retrieve: ({ level, uids, send }) => {
        send(...(level === 'SERIES' ? uids.slice(0, 2) : uids));
        return level === 'SERIES' ? SOME_FAILED : SUCCESS;
      },
    });
    assert.deepEqual([asked, received], [['SERIES 1.1', 'IMAGE 1.1.3'], 3]);
  });

  test('of many that it names, one hundred at a time, one that fails does not keep it from the others', async () => {
    const { asked, received, open } = await run(
      [250],
      {
        retrieve: ({ level, uids, send }) => {
          if (level === 'SERIES') return SUCCESS;
          const there = uids.filter((uid) => uid !== '1.1.7');
          send(...there);
          return there.length === uids.length ? SUCCESS : SOME_FAILED;
        },
      },
      { rounds: 2 },
    );
    assert.equal(received, 249);
    const named = asked.filter((one) => one.startsWith('IMAGE')).map((one) => one.split(' ').length - 1);
    // The others are asked for once.
    assert.deepEqual(named.slice(0, 3), [100, 100, 50]);
    assert.ok(named.slice(3).every((count) => count === 1));
    assert.equal(open[0]![1], 'the PACS could not send all of it (some failed by its count)');
  });

  test('asks for the series where the PACS refuses to send by name', async () => {
    let times = 0;
    const { asked, received } = await run([3], {
      retrieve: (came) => {
        if (came.level === 'IMAGE') return DOES_NOT_MATCH;
        if (times++ > 0) return sendAll(came);
        came.send(...came.uids.slice(0, 2));
        return SUCCESS;
      },
    });
    assert.deepEqual(asked, ['SERIES 1.1', 'IMAGE 1.1.3', 'SERIES 1.1']);
    assert.equal(received, 3);
  });

  test('asks in the same way again where the PACS has too much to do for now', async () => {
    let times = 0;
    const { asked, received } = await run([1], {
      // All is well and nothing comes; then it has too much to do; then it sends.
      retrieve: (came) => ([SUCCESS, 0xa700][times++] as number | undefined) ?? sendAll(came),
    });
    assert.deepEqual([asked, received], [['SERIES 1.1', 'IMAGE 1.1.1', 'IMAGE 1.1.1'], 1]);
  });

  test('breaks off no instance that is on its way, however long it takes', async () => {
    let underWay = 0;
    const { asked, received } = await run([1], {
      underWay: () => underWay,
      retrieve: async (came) => {
        underWay = 1;
        await sleep(1_500);
        underWay = 0;
        return sendAll(came);
      },
    });
    assert.deepEqual([asked, received], [['SERIES 1.1'], 1]);
  });

  test('takes the hours in which it asks nothing for no silence of the PACS', async () => {
    const minute = new Date().getHours() * 60 + new Date().getMinutes();
    const open = { from: (minute + 1439) % 1440, to: (minute + 120) % 1440 };
    const window = { from: open.to, to: (minute + 180) % 1440 };
    setTimeout(() => Object.assign(window, open), 1_000);
    let opened = 0;
    const { received, stopped } = await run(
      [1],
      {
        open: () => {
          if (opened++ === 0) throw ditagError('pacs-unreachable', { peer: 'PACS', reason: 'ECONNREFUSED' });
        },
      },
      { window, patience: 600 },
    );
    assert.deepEqual([received, stopped, opened], [1, undefined, 2]);
  });

  test('does not count what it could not ask', async () => {
    let opened = 0;
    const { asked, received, open } = await run(
      [2],
      {
        open: () => {
          if (opened++ < 2) throw REJECTED();
        },
      },
      { rounds: 1, patience: 5_000 },
    );
    assert.deepEqual([open, asked, received], [[], ['SERIES 1.1'], 2]);
  });

  test('has those that may not ask give up their associations', async () => {
    // The second of two gets the only association that the PACS gives; then only the first may ask.
    let opened = 0;
    const { received, stopped } = await run(
      [1, 1, 1, 1],
      {
        open: async (standing) => {
          if (opened++ === 0) {
            await sleep(50);
            throw REJECTED();
          }
          if (standing > 0) throw REJECTED();
        },
        retrieve: async (came) => {
          await sleep(100);
          return sendAll(came);
        },
      },
      { threads: 2, patience: 3_000 },
    );
    assert.deepEqual([received, stopped], [4, undefined]);
  });

  test('goes on where one association is rejected while another brings something', async () => {
    const { received, stopped, open } = await run(
      [16, 2, 2, 2],
      {
        open: (standing) => {
          if (standing > 0) throw REJECTED();
        },
        retrieve: async ({ uids, send }) => {
          for (const uid of uids) {
            await sleep(100);
            send(uid);
          }
          return SUCCESS;
        },
      },
      { threads: 4, patience: 500 },
    );
    assert.deepEqual([received, stopped, open], [22, undefined, []]);
  });

  test('ends at once where asking again changes nothing', async () => {
    const { stopped, open, milliseconds, reasons } = await run(
      [1, 2],
      {
        open: () => {
          throw ditagError('not-offered', { peer: 'PACS', service: 'C-GET', reason: 'it is not supported' });
        },
      },
      { patience: 60_000 },
    );
    assert.equal(stopped?.code, 'not-offered');
    assert.equal(open.length, 2);
    assert.ok(milliseconds < 2_000);
    assert.deepEqual([...reasons.values()], [stopped.message, stopped.message]);
  });

  test('ends where the PACS is gone for longer than it is waited for', async () => {
    const { stopped, open } = await run([1], {
      open: () => {
        throw ditagError('pacs-unreachable', { peer: 'PACS', reason: 'ECONNREFUSED' });
      },
    });
    assert.equal(stopped?.code, 'pacs-unreachable');
    assert.equal(open.length, 1);
  });

  test('counts what comes after it was given up', async () => {
    const { open, received } = await run(
      [1, 12],
      {
        retrieve: async (came) => {
          if (came.series === '1.1') {
            setTimeout(() => sendAll(came), 800);
            return SUCCESS;
          }
          for (const uid of came.uids) {
            await sleep(100);
            came.send(uid);
          }
          return SUCCESS;
        },
      },
      { threads: 2, rounds: 1, patience: 400 },
    );
    assert.deepEqual([open, received], [[], 13]);
  });

  test('is interrupted while the PACS does not answer: an association that comes later is ended', async () => {
    const controller = new AbortController();
    const answered = Promise.withResolvers<void>();
    setTimeout(() => controller.abort(new Error('interrupted')), 100);
    const ended = await run([1], { open: () => answered.promise }, { signal: controller.signal });
    assert.deepEqual([ended.asked, ended.open.length, ended.stopped], [[], 1, undefined]);
    assert.ok(ended.milliseconds < 2_000);
    answered.resolve();
  });

  test('is interrupted in the middle of a series: nothing more is asked for, and no reason is kept', async () => {
    const controller = new AbortController();
    const { asked, received, open, reasons } = await run(
      [3, 3],
      {
        retrieve: async ({ uids, send }) => {
          send(uids[0]!);
          controller.abort(new Error('interrupted'));
          await sleep(5_000, undefined, { ref: false });
          return SUCCESS;
        },
      },
      { signal: controller.signal },
    );
    assert.deepEqual([asked, received, open.length, reasons.size], [['SERIES 1.1'], 1, 2, 0]);
  });

  test('stops where the disk is nearly full', async () => {
    const { stopped, open } = await run([1], { free: 999, retrieve: () => new Promise(() => {}) }, { reserve: 1_000 });
    assert.equal(stopped?.code, 'disk-full');
    assert.equal(open.length, 1);
  });

  test('stops where the disk takes no more, whatever is free, and says so of each series', async () => {
    const { stopped, open, asked } = await run([2, 1], {
      retrieve: async ({ uids, send, sendInVain }) => {
        send(uids[0]!);
        sendInVain(...uids.slice(1));
        return SUCCESS;
      },
    });
    assert.equal(stopped?.code, 'no-space');
    assert.deepEqual(asked, ['SERIES 1.1']);
    assert.deepEqual(
      open.map(([{ SeriesInstanceUID }, reason]) => [SeriesInstanceUID, reason]),
      ['1.2', '1.1'].map((uid) => [uid, stopped?.message]),
    );
  });

  test('asks for nothing outside its hours, and says when they begin', async () => {
    const controller = new AbortController();
    const minute = new Date().getHours() * 60 + new Date().getMinutes();
    const window = { from: (minute + 120) % 1440, to: (minute + 180) % 1440 };
    let told: DownloadProgress | undefined;
    setTimeout(() => controller.abort(new Error('interrupted')), 300);
    const onProgress = (progress: DownloadProgress) => (told = progress);
    const { asked } = await run([1], {}, { window, onProgress, signal: controller.signal });
    assert.deepEqual(asked, []);
    const hours = told!.opensIn / 3_600_000;
    assert.ok(hours > 1.9 && hours <= 2, String(hours));
  });

  test('ends its associations when its hours end, and goes on when they begin again', async () => {
    const minute = new Date().getHours() * 60 + new Date().getMinutes();
    const open = { from: (minute + 1439) % 1440, to: (minute + 120) % 1440 };
    const closed = { from: open.to, to: (minute + 180) % 1440 };
    const window = { ...open };
    const held: number[] = [];
    let [before, standing] = [0, 0];
    const { asked, received } = await run(
      [1, 1],
      {
        open: (others) => {
          standing = others + 1;
          held.push(performance.now());
        },
        retrieve: (came) => {
          if (isFirst(came)) {
            Object.assign(window, closed);
            before = performance.now();
            setTimeout(() => Object.assign(window, open), 500);
          }
          return sendAll(came);
        },
      },
      { window },
    );
    assert.deepEqual([asked, received, standing], [['SERIES 1.1', 'SERIES 1.2'], 2, 1]);
    // The second association was made when the hours had begun again.
    assert.equal(held.length, 2);
    assert.ok(held[1]! - before >= 450, `${held[1]! - before} ms`);
  });
});

function isFirst({ uids }: Came): boolean {
  return uids[0] === '1.1.1';
}
