/**
 * Benchmark `es-index`: synthetic entries into the index of a cluster, with all
 * that it keeps of them (folders, series, values): the speed of the writing side
 * with one indexer, and the size after the segments were merged.
 */
import { elasticsearchClient } from '../adapters/elasticsearch/client.ts';
import { ensureIndices, type Generation, indexNames } from '../adapters/elasticsearch/indices.ts';
import { ElasticsearchRecordIndex } from '../adapters/elasticsearch/record-index.ts';
import type { LoggedEntry } from '../core/ports/record-log.ts';
import { startElasticsearch } from '../scripts/parts/elasticsearch-node.ts';
import { Indexer } from '../services/indexer/app.ts';
import { heapMB, missingPart, notMeasured, StateFolder } from './cluster-parts.ts';
import type { Figures, Target } from './figures.ts';
import { type BenchOptions, scaled } from './options.ts';
import { median, medianAndRange, short } from './statistics.ts';
import type { SyntheticShape } from './synthetic-data.ts';
import { loggedBatches } from './synthetic-entries.ts';

interface Way {
  name: string;
  fullHeaders: number;
  instances: number;
  rates: number[];
  /** The same while the node and the writer were still warming up. */
  coldRates: number[];
  cpuMicroseconds: number[];
  /** Bytes of each index after the merge, of the last round. */
  bytes: Map<string, number>;
}

/** As the indexer does it. */
const atATime = 500;
/** The part of the run in which Java compiles what is hot: it has a figure of its own. */
const warmUp = 0.3;

async function measure(options: BenchOptions, one: Way): Promise<void> {
  const series = scaled(options, 140_000, 2_000);
  const shape: SyntheticShape = { series, fullHeaders: one.fullHeaders, meanFiles: 20.8, seed: 9 };
  using state = new StateFolder(options, 'es-index');
  await using node = await startElasticsearch({ stateFolder: state.folder('elasticsearch'), heapMB, isLasting: true });
  const client = elasticsearchClient({ node: node.url });
  const generation: Generation = { prefix: 'ditag', generation: 1 };
  await ensureIndices(client, generation);
  const index = new ElasticsearchRecordIndex(client, generation);
  try {
    const { batches, events } = loggedBatches(shape, atATime);
    const first = Math.ceil(batches.length * warmUp);
    const part = batches.slice(first).flat().length / series;
    const begin = performance.now();
    await put(index, batches.slice(0, first));
    one.coldRates.push((events * (1 - part)) / ((performance.now() - begin) / 1000));
    const cpu = process.cpuUsage();
    const start = performance.now();
    await put(index, batches.slice(first));
    await index.refresh();
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    one.instances = events;
    one.rates.push((events * part) / seconds);
    one.cpuMicroseconds.push((user + system) / (events * part));
    const names = indexNames(generation);
    await client.indices.forcemerge({ index: Object.values(names), max_num_segments: 1 });
    await client.indices.refresh({ index: Object.values(names) });
    await client.indices.flush({ index: Object.values(names) });
    const { indices } = await client.indices.stats({ index: Object.values(names), metric: 'store' });
    for (const [kind, name] of Object.entries(names))
      one.bytes.set(kind, indices![name]!.primaries!.store!.size_in_bytes);
  } finally {
    await index.close();
  }
}

/** Has the indexer put these batches into the index, and nothing more. */
async function put(index: ElasticsearchRecordIndex, batches: readonly (readonly LoggedEntry[])[]): Promise<void> {
  let failure: string | undefined;
  let indexer: Indexer;
  async function* feed() {
    for (const entries of batches) yield { entries, done: async () => {}, later: () => {}, working: () => {} };
    indexer.stop();
  }
  indexer = new Indexer({
    feed: { batches: feed },
    index,
    failed: { add: async (_origin, _sequence, reason) => void (failure ??= reason) },
    logger: { warn: (_details, message) => void (failure ??= message) },
  });
  await indexer.run();
  if (failure !== undefined) throw new Error(failure);
}

/** Runs the benchmark. */
export async function run(options: BenchOptions): Promise<Figures> {
  const missing = await missingPart();
  const way = (name: string, fullHeaders: number): Way => ({
    name,
    fullHeaders,
    instances: 0,
    rates: [],
    coldRates: [],
    cpuMicroseconds: [],
    bytes: new Map(),
  });
  const ways = [way('100 attributes of every fifth series', 0.2), way('short headers', 0)];
  const title = 'The writing side of a cluster: folders, series and values into Elasticsearch';
  if (missing !== undefined) return notMeasured(title, targets(undefined), missing);
  for (let round = 0; round < (options.runs ?? 3); round++) {
    for (const one of ways) {
      await measure(options, one);
      console.error(`round ${round + 1}: ${one.name}: ${short(one.rates.at(-1)!)} instances/s`);
    }
  }
  return report(title, ways);
}

function each(one: Way): number {
  return [...one.bytes.values()].reduce((a, b) => a + b, 0) / one.instances;
}

function targets(one: Way | undefined): Target[] {
  return [
    {
      what: 'written',
      unit: 'instances/s',
      direction: 'at least',
      wanted: 60_000,
      reached: one === undefined ? null : median(one.rates),
    },
    {
      what: 'folders, series and values',
      unit: 'bytes an instance',
      direction: 'at most',
      wanted: 60,
      reached: one === undefined ? null : each(one),
    },
  ];
}

function report(title: string, ways: Way[]): Figures {
  const [full, plain] = ways as [Way, Way];
  const kinds = ['folders', 'series', 'values'];
  return {
    title,
    tables: [
      {
        caption: 'Instances a second, median and range of interleaved rounds; bytes an instance after a merge',
        columns: [
          'headers',
          'instances',
          'instances/s',
          'the first of them',
          'CPU us an instance of the writer',
          'bytes',
          ...kinds,
        ],
        rows: ways.map((one) => [
          one.name,
          one.instances.toLocaleString('en-US'),
          medianAndRange(one.rates),
          medianAndRange(one.coldRates),
          short(median(one.cpuMicroseconds)),
          short(each(one)),
          ...kinds.map((kind) => short(one.bytes.get(kind)! / one.instances)),
        ]),
      },
    ],
    targets: targets(full),
    numbers: {
      instances: full.instances,
      instancesPerSecond: median(full.rates),
      coldInstancesPerSecond: median(full.coldRates),
      shortHeadersInstancesPerSecond: median(plain.rates),
      bytesPerInstance: each(full),
      shortHeadersBytesPerInstance: each(plain),
      writerCpuMicroseconds: median(full.cpuMicroseconds),
    },
    notes: [
      `20.8 files a series, a folder a series; ${atATime} entries at a time, by the indexer itself; only their way through the log is left out. The entries are made beforehand; the first ${warmUp * 100} %, into a new node, have their own column and are not in the other figures of speed: until Java has compiled what is hot it is several times slower. A heap of ${heapMB} MB.`,
      'The targets are asked of the first row, with the 100 attributes: everything that is kept, and searched, of a series.',
    ],
  };
}
