/**
 * Benchmark `rebuild`: the whole log of a cluster, 20,000,000 events, replayed
 * into a new index, and the memory of the indexer meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openCluster } from '../adapters/nats/connection.ts';
import { NatsInstanceIndex } from '../adapters/nats/index-client.ts';
import { NatsRecordLog } from '../adapters/nats/record-log.ts';
import { ensureStreams, RECORDS } from '../adapters/nats/streams.ts';
import { ClusterWorkspace } from '../cli/workspaces/cluster/cluster-workspace.ts';
import { startNatsServer } from '../scripts/parts/nats-server.ts';
import {
  BenchCluster,
  heapMB,
  memoryMB,
  missingPart,
  notMeasured,
  type PartCosts,
  partNames,
  StateFolder,
  spent,
} from './cluster-parts.ts';
import type { Figures, Target } from './figures.ts';
import { type BenchOptions, scaled } from './options.ts';
import { startConsumer } from './record-consumer.ts';
import { settle } from './run-process.ts';
import { short } from './statistics.ts';
import type { SyntheticShape } from './synthetic-data.ts';
import { type SyntheticEntry, syntheticArchive, syntheticEntry, writeEntries } from './synthetic-entries.ts';

const meanFiles = 20.8;
const sampleEvery = 1_000;

interface Measured {
  events: number;
  entries: number;
  seconds: number;
  /** MB, one a second. */
  memory: number[];
  costs: PartCosts;
  logBytes: number;
}

function* entriesOf(shape: SyntheticShape): Generator<SyntheticEntry> {
  for (let number = 0; number < shape.series; number++) yield syntheticEntry(shape, number);
}

/**
 * Fills the log before there is an indexer. The generation that answers takes every entry and keeps none: its index
 * stays empty, and only the new one is written later.
 */
async function fillLog(state: StateFolder, shape: SyntheticShape): Promise<{ events: number; bytes: number }> {
  console.error(`Writing ${shape.series.toLocaleString('en-US')} entries into the log`);
  // Their own time does not matter here, so not each of them has to be on the disk.
  const stateFolder = state.folder('nats');
  const config = `jetstream { store_dir: ${JSON.stringify(stateFolder)} }`;
  await using server = await startNatsServer({ stateFolder, config });
  const cluster = await openCluster({ url: server.url }, 'ditag bench');
  try {
    await ensureStreams(cluster.manager);
    const log = new NatsRecordLog(cluster);
    using consumer = await startConsumer(server.url, 1, shape.series + 1);
    const events = await writeEntries(log, entriesOf(shape));
    await log.write({ entry: 'archive', archive: syntheticArchive, indexedAt: new Date(0).toISOString() }, 0);
    await consumer.done;
    return { events, bytes: (await cluster.manager.streams.info(RECORDS)).state.bytes };
  } finally {
    await cluster.close();
  }
}

async function measure(options: BenchOptions, shape: SyntheticShape): Promise<Measured> {
  using state = new StateFolder(options, 'rebuild');
  const { events, bytes: logBytes } = await fillLog(state, shape);
  settle();
  await using bench = await BenchCluster.start(options, state, new Map());
  const { pid } = bench.cluster.service('indexer');
  const ended = new AbortController();
  const memory: number[] = [];
  const sampling = (async () => {
    while (!ended.signal.aborted) {
      memory.push(memoryMB(pid).now);
      await sleep(sampleEvery, undefined, { signal: ended.signal }).catch(() => {});
    }
  })();
  try {
    const before = bench.costs();
    let told = 0;
    const { entries, seconds } = await new ClusterWorkspace({ url: bench.nats }, undefined, '').rebuild({
      onWaiting: () => {},
      signal: new AbortController().signal,
      onProgress: (done) => {
        if (done < told + 0.1) return;
        told = done;
        console.error(`${Math.round(done * 100)} % of the log`);
      },
    });
    const costs = spent(before, bench.costs());
    await checkIndex(bench.nats, events, shape.series);
    return { events, entries, seconds, memory, costs, logBytes };
  } finally {
    ended.abort();
    await sampling;
  }
}

/** All of it has to be there. */
async function checkIndex(nats: string, events: number, series: number): Promise<void> {
  const cluster = await openCluster({ url: nats }, 'ditag bench');
  const index = new NatsInstanceIndex(cluster.connection, nats, () => cluster.close());
  try {
    const found = await index.totals(syntheticArchive.name);
    if (found.instances !== events || found.series !== series) {
      throw new Error(
        `the new index has ${found.instances} instances in ${found.series} series, not ${events} in ${series}`,
      );
    }
  } finally {
    await index.close();
  }
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const events = scaled(options, 20_000_000, 20_000);
  const missing = await missingPart();
  if (missing !== undefined) return notMeasured(titleOf(events), targets(undefined), missing);
  const shape: SyntheticShape = { series: Math.ceil(events / meanFiles), fullHeaders: 0, meanFiles, seed: 10 };
  return report(await measure(options, shape));
}

function titleOf(events: number): string {
  return `A new index from ${events.toLocaleString('en-US')} events of the log`;
}

/** Mean of a quarter (1 to 4) of the samples. */
function quarter(memory: readonly number[], which: 1 | 2 | 3 | 4): number {
  const part = memory.slice(Math.floor((memory.length * (which - 1)) / 4), Math.ceil((memory.length * which) / 4));
  return part.reduce((a, b) => a + b, 0) / part.length;
}

function targets(measured: Measured | undefined): Target[] {
  return [
    {
      what: 'replayed',
      unit: 'events/s',
      direction: 'at least',
      wanted: 60_000,
      reached: measured === undefined ? null : measured.events / measured.seconds,
    },
    {
      what: 'memory of the indexer, last quarter against second',
      unit: 'x',
      direction: 'at most',
      wanted: 1.1,
      reached: measured === undefined ? null : quarter(measured.memory, 4) / quarter(measured.memory, 2),
    },
  ];
}

function report(measured: Measured): Figures {
  const { events, entries, seconds, memory, costs, logBytes } = measured;
  const parts = partNames.filter((name) => name !== 'scanners');
  return {
    title: titleOf(events),
    tables: [
      {
        caption: 'From the request to the new index that answers',
        columns: ['events', 'entries', 'seconds', 'events/s', 'log bytes an event'],
        rows: [
          [
            events.toLocaleString('en-US'),
            entries.toLocaleString('en-US'),
            short(seconds),
            short(events / seconds),
            short(logBytes / events),
          ],
        ],
      },
      {
        caption: 'Processor time in us an event',
        columns: parts,
        rows: [parts.map((name) => short((costs[name] * 1e6) / events))],
      },
      {
        caption: 'Memory of the indexer in MB, mean of each quarter of the time',
        columns: ['first', 'second', 'third', 'last', 'most'],
        rows: [[...([1, 2, 3, 4] as const).map((which) => short(quarter(memory, which))), short(Math.max(...memory))]],
      },
    ],
    targets: targets(measured),
    numbers: {
      events,
      entries,
      seconds,
      eventsPerSecond: events / seconds,
      indexerCpuMicroseconds: (costs.indexer * 1e6) / events,
      elasticsearchCpuMicroseconds: (costs.Elasticsearch * 1e6) / events,
      memorySecondQuarterMB: quarter(memory, 2),
      memoryLastQuarterMB: quarter(memory, 4),
      memoryMaxMB: Math.max(...memory),
    },
    notes: [
      `${meanFiles} files an entry, a folder and a series an entry, headers of eight elements; one indexer, a heap of ${heapMB} MB for Elasticsearch. The log is filled before the cluster starts, and the index that answers until then is empty. Afterwards the new index has to hold every series and every instance.`,
    ],
  };
}
