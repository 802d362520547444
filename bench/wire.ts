/**
 * Benchmark `wire`: entries of 20 to 100 files, without headers, through the log
 * of a cluster: published and stored, consumed by another process meanwhile, and
 * consumed again from the beginning; each once with every message on the disk
 * before it is confirmed, once as the server does it of itself.
 */
import { join } from 'node:path';
import { openCluster } from '../adapters/nats/connection.ts';
import { NatsRecordLog } from '../adapters/nats/record-log.ts';
import { ensureStreams, RECORDS } from '../adapters/nats/streams.ts';
import { installNatsServer, startNatsServer } from '../scripts/parts/nats-server.ts';
import { MissingPart } from '../scripts/parts/parts.ts';
import { notMeasured, StateFolder } from './cluster-parts.ts';
import type { Figures, Target } from './figures.ts';
import { type BenchOptions, scaled } from './options.ts';
import { startConsumer } from './record-consumer.ts';
import { settle } from './run-process.ts';
import { median, medianAndRange, short } from './statistics.ts';
import type { SyntheticShape } from './synthetic-data.ts';
import { flight, type SyntheticEntry, syntheticEntry, writeEntries } from './synthetic-entries.ts';

interface Way {
  name: string;
  /** Further lines of the server's configuration. */
  config: (stateFolder: string) => string;
  /** Events a second. */
  published: number[];
  through: number[];
  again: number[];
  /** Of the process that publishes and of the one that consumes, a microsecond an event. */
  publishCpu: number[];
  consumeCpu: number[];
  /** Stored bytes an event. */
  bytes: number[];
}

const way = (name: string, config: Way['config']): Way => ({
  name,
  config,
  published: [],
  through: [],
  again: [],
  publishCpu: [],
  consumeCpu: [],
  bytes: [],
});

/** Entries of 20 to 100 files, until there are `events`. */
function makeEntries(events: number): SyntheticEntry[] {
  const shape: SyntheticShape = { series: Math.ceil(events / 40), fullHeaders: 0, meanFiles: 60, seed: 8 };
  const entries: SyntheticEntry[] = [];
  let made = 0;
  for (let number = 0; made < events; number++) {
    const { entry, events: files } = syntheticEntry(shape, number);
    if (files < 20 || files > 100) continue;
    entries.push({ entry: { ...entry, headers: [] }, events: files });
    made += files;
  }
  return entries;
}

async function measure(options: BenchOptions, one: Way, entries: readonly SyntheticEntry[]): Promise<void> {
  using state = new StateFolder(options, 'wire');
  const stateFolder = state.folder('nats');
  await using server = await startNatsServer({ stateFolder, config: one.config(stateFolder) });
  const cluster = await openCluster({ url: server.url }, 'ditag bench');
  try {
    await ensureStreams(cluster.manager);
    settle();
    using consumer = await startConsumer(server.url, 1, entries.length);
    const cpu = process.cpuUsage();
    const start = performance.now();
    const events = await writeEntries(new NatsRecordLog(cluster), entries);
    one.published.push(events / ((performance.now() - start) / 1000));
    const { user, system } = process.cpuUsage(cpu);
    const { cpuSeconds } = await consumer.done;
    one.through.push(events / ((performance.now() - start) / 1000));
    one.publishCpu.push((user + system) / events);
    one.consumeCpu.push((cpuSeconds * 1e6) / events);
    using again = await startConsumer(server.url, 2, entries.length);
    one.again.push(events / (await again.done).seconds);
    one.bytes.push((await cluster.manager.streams.info(RECORDS)).state.bytes / events);
  } finally {
    await cluster.close();
  }
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const title = (events: number) =>
    `${events.toLocaleString('en-US')} events through the log, 20 to 100 in an entry, without headers`;
  try {
    await installNatsServer();
  } catch (error) {
    if (!(error instanceof MissingPart)) throw error;
    return notMeasured(title(scaled(options, 4_000_000, 20_000)), targets(undefined), error.message);
  }
  const entries = makeEntries(scaled(options, 4_000_000, 20_000));
  const events = entries.reduce((sum, entry) => sum + entry.events, 0);
  const ways = [
    way('each message on the disk first (sync_interval: always)', () => ''),
    // A block that is given again replaces the one before it.
    way("the server's own setting (a sync every 2 minutes)", (stateFolder) => {
      return `jetstream { store_dir: ${JSON.stringify(join(stateFolder))} }`;
    }),
  ];
  for (let round = 0; round < (options.runs ?? 3); round++) {
    for (const one of ways) {
      await measure(options, one, entries);
      console.error(`round ${round + 1}: ${one.name}: ${short(one.through.at(-1)!)} events/s`);
    }
  }
  return report(title(events), ways, entries.length, events);
}

function targets(one: Way | undefined): Target[] {
  const reached = (values: number[] | undefined) => (values === undefined ? null : median(values));
  return [
    {
      what: 'published, stored and consumed',
      unit: 'events/s',
      direction: 'at least',
      wanted: 80_000,
      reached: reached(one?.through),
    },
    { what: 'stored', unit: 'bytes an event', direction: 'at most', wanted: 35, reached: reached(one?.bytes) },
  ];
}

function report(title: string, ways: Way[], entries: number, events: number): Figures {
  const [always, own] = ways as [Way, Way];
  return {
    title,
    tables: [
      {
        caption: 'Events a second, median and range of interleaved rounds',
        columns: [
          'way',
          'published, stored and consumed',
          'published and stored',
          'consumed again',
          'CPU us an event: publishing',
          'consuming',
          'bytes an event',
        ],
        rows: ways.map((one) => [
          one.name,
          medianAndRange(one.through),
          medianAndRange(one.published),
          medianAndRange(one.again),
          short(median(one.publishCpu)),
          short(median(one.consumeCpu)),
          short(median(one.bytes)),
        ]),
      },
    ],
    targets: targets(always),
    numbers: {
      events,
      entries,
      eventsPerSecond: median(always.through),
      publishedPerSecond: median(always.published),
      consumedAgainPerSecond: median(always.again),
      ownSyncEventsPerSecond: median(own.through),
      bytesPerEvent: median(always.bytes),
    },
    notes: [
      `An event is the metadata of one file. ${entries.toLocaleString('en-US')} entries, made beforehand; up to ${flight} of them wait for the server at a time, each on the condition that nobody was there before. The consumer is another process, which takes entries as the indexer does and keeps nothing.`,
      "The targets are asked of the first row: what the cluster's servers are set to. Stored bytes are by the server's account, subjects and heads with them.",
    ],
  };
}
