// Parts of a cluster are killed at random points of a scan, alone and together, and started again: the scan ends by
// itself, and what is indexed then is the truth, nothing lost and nothing doubled. DITAG_KILL_ROUNDS=50 for the long run;
// DITAG_SEED repeats one.
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningCluster, RunningService } from '../../scripts/parts/cluster.ts';
import { writeGeneration } from '../index/make-archive.ts';
import { Random } from '../random.ts';
import { ComparedCluster } from './clusters.ts';

const ROUNDS = Number(process.env['DITAG_KILL_ROUNDS'] ?? 5);
const SEED = Number(process.env['DITAG_SEED'] ?? Date.now() % 1_000_000);
const FILES = 3000;
const FOLDERS = 150;
/** Kills fall into this long after the start of a scan (milliseconds). */
const SPAN = 2500;

const random = new Random(SEED);

describe('a cluster whose parts are killed', () => {
  const compared = new ComparedCluster({ after }, 'killed');
  const { archive } = compared;
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
      writeGeneration(archive, name, i, generation);
    }
  }

  before(() => {
    change();
    return compared.start(0, async (cluster) => {
      indexer = cluster.service('indexer');
      scanners = [await cluster.start('scanner'), await cluster.start('scanner')];
    });
  });

  const KILLS: Record<string, (cluster: RunningCluster) => Promise<void>> = {
    scanner: async (cluster) => {
      await scanners[0]!.kill();
      scanners = [scanners[1]!, await cluster.start('scanner')];
    },
    indexer: async (cluster) => {
      await indexer.kill();
      indexer = await cluster.start('indexer');
    },
    'nats-server': (cluster) => cluster.restartNats(),
    Elasticsearch: (cluster) => cluster.restartElasticsearch(),
  };
  const NAMES = Object.keys(KILLS);

  test(`SIGKILL, ${ROUNDS} rounds, seed ${SEED}`, { timeout: 120_000 + ROUNDS * 90_000 }, async (t) => {
    const cluster = await compared.orSkip(t);
    if (cluster === undefined) return;
    for (let round = 0; round < ROUNDS; round++) {
      if (round > 0) change();
      // One part in each of the first rounds, then two to four at once.
      const first = round % NAMES.length;
      const others = NAMES.map((_, n) => n).filter((n) => n !== first);
      while (others.length > 1 + Math.floor(random.fraction() * 3))
        others.splice(Math.floor(random.fraction() * others.length), 1);
      const killed = round < NAMES.length ? [first] : [first, ...others];
      const where = `round ${round}: ${killed.map((n) => NAMES[n]).join(', ')}, seed ${SEED}`;
      t.diagnostic(where);
      const scan = compared.begin();
      await sleep(random.fraction() * SPAN);
      await Promise.all(killed.map((n) => KILLS[NAMES[n]!]!(cluster)));
      await compared.isRight(await scan, where);
    }
  });
});
