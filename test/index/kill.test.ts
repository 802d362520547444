// `ditag index` is killed at random points, also while it publishes: queries answer as before, and the run that follows
// ends with what an undisturbed one has. DITAG_KILL_ROUNDS=50 for the long run; DITAG_SEED repeats one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { runDitag, startDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { Random } from '../random.ts';
import { answersOf, indexHere } from './index-here.ts';
import { writeGeneration } from './make-archive.ts';

const ROUNDS = Number(process.env['DITAG_KILL_ROUNDS'] ?? 5);
const SEED = Number(process.env['DITAG_SEED'] ?? Date.now() % 1_000_000);
const FILES = 4000;
const FOLDERS = 120;

const random = new Random(SEED);

describe('killed runs', () => {
  const home = temporaryFolder({ after }, 'memory');
  const archive = path.join(home, 'archive');
  const database = path.join(home, '.ditag/dicom.db');
  let generation = 0;
  let wholeRun = 0;

  /** Changes a third of the folders; every generation has its own descriptions. */
  function change(): void {
    generation++;
    for (let i = 0; i < FILES; i++) {
      if (generation > 1 && (i % FOLDERS) % 3 !== generation % 3) continue;
      writeGeneration(archive, `f${i % FOLDERS}/${i}`, i, generation);
    }
  }

  async function fresh(): Promise<unknown> {
    const file = path.join(home, 'fresh.db');
    fs.rmSync(file, { force: true });
    await indexHere(file, archive);
    return answersOf(file);
  }

  before(async () => {
    change();
    const start = performance.now();
    const { code, stderr } = await runDitag(['index', '--archive', archive, '--quiet'], { home });
    assert.equal(code, 0, stderr);
    wholeRun = performance.now() - start;
  });

  test(`SIGKILL, ${ROUNDS} rounds, seed ${SEED}`, { timeout: 60_000 + ROUNDS * 20_000 }, async (t) => {
    let whole = await answersOf(database);
    let inside = 0;
    let publishing = 0;
    for (let round = 0; round < ROUNDS; round++) {
      change();
      const where = `round ${round}, seed ${SEED}`;
      // One or two kills, then a run that may end. Every other round waits for the publication.
      for (let kill = 0; kill <= round % 2; kill++) {
        const { child, ended } = startDitag(['index', '--quiet', '--threads', '2'], { home });
        if (kill === 0 && round % 2 === 0) {
          await publicationBegins(database, () => child.exitCode !== null);
          await new Promise((resolve) => setTimeout(resolve, random.fraction() * 60));
        } else await new Promise((resolve) => setTimeout(resolve, random.fraction() * wholeRun));
        child.kill('SIGKILL');
        const { signal } = await ended;
        if (signal === 'SIGKILL') {
          inside++;
          if (kill === 0 && round % 2 === 0 && stagedChunks(database) > 0) publishing++;
        }
        const asked = await runDitag(['query', '--count'], { home });
        assert.deepEqual([asked.code, asked.stdout], [0, `${FILES / 4}\n`], where);
        const now = await answersOf(database);
        // It may have been done before it was killed; half done is never seen.
        if (signal === 'SIGKILL' && !same(now, whole)) assert.deepEqual(now, await fresh(), where);
        whole = now;
      }
      const { code, stderr } = await runDitag(['index'], { home });
      assert.equal(code, 0, `${where}: ${stderr}`);
      whole = await answersOf(database);
      assert.deepEqual(whole, await fresh(), where);
      const left = fs.readdirSync(path.dirname(database)).filter((name) => name.includes('-scan'));
      assert.deepEqual(left, [], 'nothing is left of the interrupted runs');
    }
    t.diagnostic(`${inside} runs were killed before their end, ${publishing} of them about the time of publication`);
    assert.ok(inside > 0, 'no run was killed before its end');
  });

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 130],
  ] as const) {
    test(`${signal} ends quickly with ${code} and says how to go on`, async () => {
      const old = await answersOf(database);
      change();
      const { child, ended } = startDitag(['index'], { home });
      await new Promise<void>((resolve) => child.stderr!.once('data', () => resolve()));
      const start = performance.now();
      child.kill(signal);
      const { code: ending, stderr } = await ended;
      const took = performance.now() - start;
      assert.equal(ending, code, stderr);
      assert.match(stderr, /\nInterrupted\. [^\n]*the same command again[^\n]*\.\n$/i);
      assert.ok(took < 3000, `${took} ms`);
      assert.ok(same(await answersOf(database), old), 'nothing has changed');
      assert.equal((await runDitag(['index', '--quiet'], { home })).code, 0);
      assert.deepEqual(await answersOf(database), await fresh());
    });
  }

  test('the very first run, killed, leaves no index; the next one makes it', async (t) => {
    const other = temporaryFolder(t, 'memory');
    const { child, ended } = startDitag(['index', '--archive', archive], { home: other });
    await new Promise<void>((resolve) => child.stderr!.once('data', () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, random.fraction() * 300));
    child.kill('SIGKILL');
    const { signal } = await ended;
    if (signal === 'SIGKILL') {
      const { code, stderr } = await runDitag(['query'], { home: other });
      assert.match(stderr, /^There is no index at |^Found /);
      assert.equal(code, stderr.startsWith('Found') ? 0 : 2);
    }
    assert.equal((await runDitag(['index', '--archive', archive, '--quiet'], { home: other })).code, 0);
    assert.deepEqual(await answersOf(path.join(other, '.ditag/dicom.db')), await fresh());
  });
});

/** Resolves when the publication begins: what was scanned is committed to the file beside the index then at the latest. */
async function publicationBegins(database: string, ended: () => boolean): Promise<void> {
  while (stagedChunks(database) === 0 && !ended()) await new Promise((resolve) => setTimeout(resolve, 1));
}

function stagedChunks(database: string): number {
  let staging: DatabaseSync | undefined;
  try {
    staging = new DatabaseSync(`${database}-scan`, { readOnly: true });
    return (staging.prepare('SELECT count(*) AS n FROM chunk').get() as { n: number }).n;
  } catch {
    return 0;
  } finally {
    staging?.close();
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
