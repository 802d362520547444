// What C-MOVE and C-GET count, with an index and a peer that are played. Real ones are in test/cli/retrieve.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dicomFile } from '../../test/index/make-archive.ts';
import { identifierOf } from '../dimse/identifier.ts';
import type { InstanceIndex, SeriesFile } from '../ports/instance-index.ts';
import type { SubOperations } from '../ports/scp.ts';
import { RetrieveError, retrieveInstances } from './retrieve-instances.ts';

const MR = '1.2.840.10008.5.1.4.1.1.4';
const EXPLICIT = '1.2.840.10008.1.2.1';

const bytesOf = (SOPInstanceUID: string) => dicomFile({ SOPInstanceUID, SeriesInstanceUID: '1.2', SOPClassUID: MR });

function fileOf(SOPInstanceUID: string, SeriesInstanceUID: string, path = SOPInstanceUID): SeriesFile {
  const size = bytesOf(SOPInstanceUID).length;
  return { SeriesInstanceUID, SOPInstanceUID, SOPClassUID: MR, archive: 'a', path, size, mtime: -1 };
}

interface Play {
  /** Files each time that the index is asked for them. */
  readonly files: readonly (readonly SeriesFile[])[];
  /** Paths of files that are not there any more. */
  readonly gone?: ReadonlySet<string>;
  readonly statusOf?: (SOPInstanceUID: string) => number;
  readonly signal?: AbortSignal;
}

async function retrieve(keys: Readonly<Record<string, string>>, { files, gone, statusOf, signal }: Play) {
  let asked = 0;
  const index = {
    async *instancesOf(series: readonly string[]) {
      const all = files[Math.min(asked++, files.length - 1)]!;
      for (const uid of series) {
        const own = all.filter(({ SeriesInstanceUID }) => SeriesInstanceUID === uid);
        if (own.length > 0) yield own;
      }
    },
  } as unknown as InstanceIndex;
  const sent: string[] = [];
  const told: SubOperations[] = [];
  const outcome = await retrieveInstances(
    { identifier: identifierOf(keys), model: 'study-root' },
    {
      index,
      files: {
        open: async (_, path) => {
          if (gone?.has(path) === true) throw Object.assign(new Error('gone'), { code: 'ENOENT' });
          const bytes = bytesOf(path.split('/').at(-1)!);
          const read = async (buffer: Uint8Array, length: number, position: number) =>
            bytes.copy(buffer, 0, position, position + length);
          return { size: bytes.length, read, close: async () => {} };
        },
      },
      peer: {
        open: async () => ({
          isOpen: true,
          accepted: () => [EXPLICIT],
          store: async ({ SOPInstanceUID }, dataSet) => {
            for await (const _ of dataSet);
            sent.push(SOPInstanceUID);
            return statusOf?.(SOPInstanceUID) ?? 0;
          },
          release: async () => {},
          abort: () => {},
        }),
      },
    },
    {
      threads: 1,
      onProgress: (counts) => told.push({ ...counts }),
      signal: signal ?? new AbortController().signal,
      abandon: undefined,
    },
  );
  const { reasons, ...counts } = outcome;
  return { sent, told, counts, reasons };
}

const SERIES = { QueryRetrieveLevel: 'SERIES', StudyInstanceUID: '1', SeriesInstanceUID: '1.2' };
/** Alone, a SeriesInstanceUID needs no search. */
const ALONE = { QueryRetrieveLevel: 'SERIES', SeriesInstanceUID: '1.2' };
const three = ['1', '2', '3'].map((uid) => fileOf(uid, '1.2'));

test('every answer of the peer is counted as what it is', async () => {
  const statuses: Readonly<Record<string, number>> = { 1: 0, 2: 0xb000, 3: 0xc000 };
  const { counts, told, sent } = await retrieve(ALONE, { files: [three], statusOf: (uid) => statuses[uid]! });
  assert.deepEqual(counts, {
    ...{ remaining: 0, completed: 1, failed: 1, warning: 1 },
    ...{ failures: ['3'], isCancelled: false },
  });
  assert.deepEqual(told, [
    { remaining: 2, completed: 1, failed: 0, warning: 0 },
    { remaining: 1, completed: 1, failed: 0, warning: 1 },
    { remaining: 0, completed: 1, failed: 1, warning: 1 },
  ]);
  assert.deepEqual(sent, ['1', '2', '3']);
});

test('what leaves the index after it was counted has failed', async () => {
  const { counts, reasons } = await retrieve(ALONE, { files: [three, three.slice(0, 1)] });
  assert.deepEqual(counts, {
    ...{ remaining: 0, completed: 1, failed: 2, warning: 0 },
    ...{ failures: ['2', '3'], isCancelled: false },
  });
  assert.deepEqual([...reasons], [['it has left the index meanwhile', 2]]);
});

test('an instance of two series is one: where the file of one is gone that of the other counts', async () => {
  const files = [fileOf('1', '1.2', 'gone/1'), fileOf('1', '1.3', 'there/1')];
  const keys = { ...ALONE, SeriesInstanceUID: '1.2\\1.3\\1.2' };
  const { counts, sent, told } = await retrieve(keys, { files: [files], gone: new Set(['gone/1']) });
  assert.deepEqual([counts.completed, counts.failed, counts.failures], [1, 0, []]);
  assert.deepEqual(sent, ['1']);
  assert.deepEqual(told.at(-1), { remaining: 0, completed: 1, failed: 0, warning: 0 });
});

test('what was cancelled says so, and what was not sent remains', async () => {
  const ending = new AbortController();
  const statusOf = (uid: string) => {
    if (uid === '1') ending.abort();
    return 0;
  };
  const { counts } = await retrieve(ALONE, { files: [three], statusOf, signal: ending.signal });
  assert.deepEqual(counts, {
    ...{ remaining: 2, completed: 1, failed: 0, warning: 0 },
    ...{ failures: [], isCancelled: true },
  });
  // A cancel that comes with the last one cancels nothing.
  const late = new AbortController();
  const last = await retrieve(ALONE, {
    files: [three],
    statusOf: (uid) => {
      if (uid === '3') late.abort();
      return 0;
    },
    signal: late.signal,
  });
  assert.deepEqual([last.counts.completed, last.counts.isCancelled], [3, false]);
});

test('an identifier that names nothing to be retrieved is refused', async () => {
  const wrong: readonly Readonly<Record<string, string>>[] = [
    { ...SERIES, QueryRetrieveLevel: 'PATIENT' },
    { ...SERIES, QueryRetrieveLevel: 'FRAME' },
    { QueryRetrieveLevel: 'IMAGE', StudyInstanceUID: '1' },
    { QueryRetrieveLevel: 'STUDY', SeriesInstanceUID: '1.2' },
  ];
  for (const keys of wrong)
    await assert.rejects(retrieve(keys, { files: [three] }), RetrieveError, JSON.stringify(keys));
});
