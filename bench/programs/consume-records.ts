/**
 * Takes the entries of the log as an indexer does, and says of each that it is
 * done without any index behind it.
 *
 *   node consume-records.ts URL GENERATION ENTRIES
 *
 * Says `ready` when it waits for entries. Ends when it has had ENTRIES of them and
 * prints {"entries", "seconds", "cpuSeconds"}; the time is that from the first batch on.
 */
import { openCluster } from '../../adapters/nats/connection.ts';
import { NatsRecordFeed } from '../../adapters/nats/record-feed.ts';
import { ensureIndexer } from '../../adapters/nats/streams.ts';

/** As many as the indexer puts at a time. */
const atATime = 500;

const [url, generationText, entriesText] = process.argv.slice(2) as [string, string, string];
const generation = Number(generationText);
const wanted = Number(entriesText);
const cluster = await openCluster({ url }, 'ditag bench');
await ensureIndexer(cluster.manager, generation);
const feed = new NatsRecordFeed(
  cluster,
  async () => generation,
  async (sequence, reason) => {
    throw new Error(`entry ${sequence}: ${reason}`);
  },
);
console.log('ready');
let start = 0;
let entries = 0;
for await (const batch of feed.batches(atATime, new AbortController().signal)) {
  if (entries === 0) start = performance.now();
  await batch.done();
  entries += batch.entries.length;
  if (entries >= wanted) break;
}
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ entries, seconds, cpuSeconds: (user + system) / 1e6 }));
await cluster.close();
