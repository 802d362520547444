// Parts of a cluster are killed at random points of a scan, alone and together, and started again: the scan ends by
// itself, and what is indexed then is the truth, nothing lost and nothing doubled. DITAG_KILL_ROUNDS=20 for the long run;
// DITAG_SEED repeats one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Workspace } from '../../cli/workspaces/workspace.ts';
import { type RunningCluster, type RunningService, startCluster } from '../../scripts/parts/cluster.ts';
import { MissingPart } from '../../scripts/parts/parts.ts';
import { temporaryFolder } from '../cli/run-ditag.ts';
import { indexAnswers } from '../index/index-here.ts';
import { dicomFile, LONG_AGO, writeFile } from '../index/make-archive.ts';
import { clusterWorkspace, index, localWorkspace } from './clusters.ts';

const ROUNDS = Math.min(20, Number(process.env['DITAG_KILL_ROUNDS'] ?? 4));
const SEED = Number(process.env['DITAG_SEED'] ?? Date.now() % 1_000_000);
const FILES = 3000;
const FOLDERS = 150;
/** Kills fall into this long after the start of a scan (milliseconds). */
const SPAN = 2500;

let state = SEED;
/** 0 to 1, always the same for one seed (mulberry32). */
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

describe('a cluster whose parts are killed', () => {
  const home = temporaryFolder({ after });
  const archive = path.join(home, 'archive');
  let cluster: RunningCluster | undefined;
  let missing = '';
  let here: Workspace;
  let there: Workspace;
  let generation = 0;
  let scanners: RunningService[] = [];
  let indexer: RunningService;

  /** Changes a third of the folders; every generation has its own descriptions. Some files go, too. */
  function change(): void {
    generation++;
    for (let i = 0; i < FILES; i++) {
      if (generation > 1 && (i % FOLDERS) % 3 !== generation % 3) continue;
      const name = `y${i % 5}/f${i % FOLDERS}/${i}`;
      if (generation > 1 && i % 97 === generation) {
        fs.rmSync(path.join(archive, name), { force: true });
        continue;
      }
      const content = dicomFile({
        SeriesInstanceUID: `1.2.${Math.floor(i / 4)}`,
        SOPInstanceUID: `1.9.${i}`,
        StudyInstanceUID: `1.3.${i % 500}`,
        StudyDate: String(20000101 + (i % 28)),
        SeriesDescription: `generation ${generation} of ${i % 50}`,
      });
      writeFile(archive, name, content, LONG_AGO + generation * 10);
    }
  }

  async function answers(workspace: Workspace): Promise<unknown> {
    const opened = await workspace.openIndex(undefined);
    try {
      return await indexAnswers(opened, () => 'archive');
    } finally {
      await opened.close();
    }
  }

  before(async () => {
    change();
    const stateFolder = path.join(home, 'cluster');
    fs.mkdirSync(stateFolder);
    try {
      cluster = await startCluster({ stateFolder, archives: new Map([['killed', archive]]), scanners: 0 });
    } catch (error) {
      if (!(error instanceof MissingPart) || process.env['DITAG_REQUIRE_PARTS'] === '1') throw error;
      missing = error.message;
      return;
    }
    indexer = cluster.service('indexer');
    scanners = [await cluster.start('scanner'), await cluster.start('scanner')];
    here = localWorkspace(home);
    there = clusterWorkspace(cluster.addresses.nats);
  });
  after(() => cluster?.stop());

  const KILLS: Record<string, () => Promise<void>> = {
    scanner: async () => {
      await scanners[0]!.kill();
      scanners = [scanners[1]!, await cluster!.start('scanner')];
    },
    indexer: async () => {
      await indexer.kill();
      indexer = await cluster!.start('indexer');
    },
    'nats-server': () => cluster!.restartNats(),
    Elasticsearch: () => cluster!.restartElasticsearch(),
  };
  const NAMES = Object.keys(KILLS);

  test(`SIGKILL, ${ROUNDS} rounds, seed ${SEED}`, { timeout: 120_000 + ROUNDS * 90_000 }, async (t) => {
    if (cluster === undefined) return t.skip(`NOT RUN: ${missing}`);
    for (let round = 0; round < ROUNDS; round++) {
      if (round > 0) change();
      // One part in each of the first rounds, then one to three at once.
      const first = round % NAMES.length;
      const more = round < NAMES.length ? 0 : Math.floor(random() * 3);
      const killed = [...new Set([first, ...Array.from({ length: more }, () => Math.floor(random() * NAMES.length))])];
      const where = `round ${round}: ${killed.map((n) => NAMES[n]).join(', ')}, seed ${SEED}`;
      t.diagnostic(where);
      const scan = index(there, 'killed');
      scan.catch(() => {});
      await sleep(random() * SPAN);
      await Promise.all(killed.map((n) => KILLS[NAMES[n]!]!()));
      const outcome = await scan;
      await index(here, archive);
      assert.deepEqual(await answers(there), await answers(here), where);
      assert.deepEqual(outcome.unreadable, [], where);
      assert.equal(outcome.report.instances, countFiles(archive), where);
    }
  });
});

function countFiles(folder: string): number {
  return fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
}
