// Flat folders that are cut into chunks: twenty thousand files here, a million with DITAG_LONG=1.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { ReadFilesJob, ScanJob } from '../../core/jobs/jobs.ts';
import type { ArchiveFiles, FileTask } from '../../core/ports/archive-files.ts';
import { scanFolder } from '../../core/stages/scan-folder.ts';
import { runDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { answersOf, indexHere } from './index-here.ts';
import { dicomFile, LONG_AGO } from './make-archive.ts';

function add(folder: string, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const file = path.join(folder, `IM${String(i).padStart(7, '0')}`);
    fs.writeFileSync(
      file,
      dicomFile({ SeriesInstanceUID: `1.2.${i % 97}`, SOPInstanceUID: `1.3.${i}`, PatientName: `P${i}` }),
    );
    fs.utimesSync(file, LONG_AGO, LONG_AGO);
  }
}

function chunks(database: string): number {
  const index = new DatabaseSync(database, { readOnly: true });
  const { n } = index.prepare('SELECT count(*) AS n FROM folder WHERE record IS NOT NULL AND bits > 0').get() as {
    n: number;
  };
  index.close();
  return n;
}

async function sameAsFresh(database: string, archive: string): Promise<void> {
  const fresh = `${database}-fresh`;
  fs.rmSync(fresh, { force: true });
  await indexHere(fresh, archive);
  assert.deepEqual(await answersOf(database), await answersOf(fresh));
}

test('a folder that grows past its chunks and shrinks again', { timeout: 180_000 }, async (t) => {
  const folder = temporaryFolder(t);
  const archive = path.join(folder, 'archive');
  const flat = path.join(archive, 'flat');
  const database = path.join(folder, 'dicom.db');
  fs.mkdirSync(flat, { recursive: true });
  add(flat, 0, 8000);
  assert.equal((await indexHere(database, archive)).opened, 8000);
  assert.equal(chunks(database), 0);
  add(flat, 8000, 20_000);
  assert.equal(
    (await indexHere(database, archive)).opened,
    12_000,
    'those that are known are not opened when chunks are cut',
  );
  assert.equal(chunks(database), 4);
  assert.equal((await indexHere(database, archive)).opened, 0);
  await sameAsFresh(database, archive);
  add(flat, 20_000, 20_010);
  for (let i = 0; i < 1500; i++) fs.rmSync(path.join(flat, `IM${String(i).padStart(7, '0')}`));
  assert.equal((await indexHere(database, archive, { stopAfter: 3 })).report, undefined);
  await indexHere(database, archive);
  await sameAsFresh(database, archive);
  // Chunks are only ever split: few files stay in many chunks, and that does not show.
  for (let i = 1500; i < 19_900; i++) fs.rmSync(path.join(flat, `IM${String(i).padStart(7, '0')}`));
  await assert.rejects(indexHere(database, archive), /more than 10 %/);
  await indexHere(database, archive, { acceptDeletions: true });
  assert.equal(chunks(database), 4);
  await sameAsFresh(database, archive);
  assert.equal((await indexHere(database, archive)).opened, 0);
});

test('a folder that is cut into chunks and lists empty is kept, and leaves when that is right', async (t) => {
  const folder = temporaryFolder(t);
  const archive = path.join(folder, 'archive');
  const flat = path.join(archive, 'flat');
  const database = path.join(folder, 'dicom.db');
  fs.mkdirSync(flat, { recursive: true });
  add(flat, 0, 8_200);
  fs.writeFileSync(path.join(archive, 'other'), dicomFile({ SeriesInstanceUID: '1.9', SOPInstanceUID: '1.9.1' }));
  await indexHere(database, archive);
  assert.ok(chunks(database) > 0);
  const before = await answersOf(database);
  for (const name of fs.readdirSync(flat)) fs.rmSync(path.join(flat, name));
  const { kept, report } = await indexHere(database, archive);
  assert.deepEqual([kept, report?.keptFolders, report?.instances], [1, ['flat'], 8_201]);
  assert.deepEqual(await answersOf(database), before);
  assert.equal((await indexHere(database, archive, { acceptDeletions: true })).report?.instances, 1);
  await sameAsFresh(database, archive);
});

test('a huge folder whose mount goes while it is listed is kept', async () => {
  const files: ArchiveFiles = {
    run: async <T>(task: FileTask<T>) => {
      let step = task.next();
      while (step.done !== true) step = task.next();
      return step.value;
    },
    runAll: async () => {},
  };
  const ledger = { subfolders: () => [], chunkBits: () => 2, chunk: () => undefined };
  const job = { job: 'scan-folder', folder: 'f', slice: { index: 1, bits: 2, total: 300_000 } } as unknown as ScanJob;
  const outcome = await scanFolder(
    job as Parameters<typeof scanFolder>[0],
    { files, ledger },
    { acceptDeletions: false },
  );
  assert.deepEqual(outcome, {
    subfolders: [],
    jobs: [],
    events: [{ event: 'folder-kept', folder: 'f', reason: 'lists-empty', detail: '' }],
  });
});

test('the slices of a huge folder agree on how it is cut', async () => {
  // More names than are listed at once, and just as many as two sizes of chunk would fit.
  const names = Array.from({ length: 262_400 }, (_, i) => `IM${i}`);
  const files: ArchiveFiles = {
    run: async <T>(task: FileTask<T>) => {
      let step = task.next();
      while (step.done !== true) {
        assert.equal(step.value.call, 'list');
        if (step.value.call === 'list') for (const name of names) step.value.entry(name, 'file');
        step = task.next();
      }
      return step.value;
    },
    runAll: async () => {},
  };
  const ledger = { subfolders: () => [], chunkBits: () => 0, chunk: () => undefined };
  const waiting: ScanJob[] = [{ job: 'scan-folder', folder: '' }];
  const read: ReadFilesJob[] = [];
  for (let job = waiting.pop(); job !== undefined; job = waiting.pop()) {
    if (job.job === 'read-files') read.push(job);
    else waiting.push(...(await scanFolder(job, { files, ledger }, { acceptDeletions: false })).jobs);
  }
  assert.equal(
    read.reduce((sum, job) => sum + job.names.length, 0),
    names.length,
  );
  assert.deepEqual([...new Set(read.map((job) => job.chunk.bits))].length, 1, 'one number of bits');
  assert.equal(new Set(read.map((job) => job.chunk.index)).size, 2 ** read[0]!.chunk.bits);
});

test('a folder of a million files', {
  skip: process.env['DITAG_LONG'] === undefined && 'only with DITAG_LONG=1',
}, async (t) => {
  const home = temporaryFolder(t);
  const archive = path.join(home, 'archive');
  fs.mkdirSync(archive);
  add(archive, 0, 1_000_000);
  const run = (...args: string[]) => runDitag(args, { home });
  const first = await run('index', '--archive', archive);
  assert.match(
    first.stderr,
    /^Files: 1,000,000 \(1,000,000 read, 0 unchanged; 1,000,000 new, 0 gone from their place\)$/m,
  );
  assert.equal(first.code, 0);
  add(archive, 1_000_000, 1_000_050);
  for (let i = 0; i < 100; i++) fs.rmSync(path.join(archive, `IM${String(i).padStart(7, '0')}`));
  const second = await run('index');
  assert.match(second.stderr, /^Files: 999,950 \(50 read, 999,900 unchanged; \d+ new, \d+ gone from their place\)$/m);
  assert.equal(second.code, 0);
  await sameAsFresh(path.join(home, '.ditag/dicom.db'), archive);
});
