/**
 * Writes an index of synthetic data. The data is made by a second process that
 * this program starts of itself and that sends events as scan workers do, so
 * that the memory and the processor time told are those of the index alone.
 *
 *   node write-synthetic-index.ts DATABASE SHAPE    SHAPE: the SyntheticShape as JSON
 *
 * Prints {"series", "instances", "seconds", "cpuSeconds", "maxRssBytes"}.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { deserialize, serialize } from 'node:v8';
import type { ChunkEvent } from '../../core/jobs/jobs.ts';
import { type SyntheticShape, syntheticFolders } from '../synthetic-data.ts';
import { folderEvent, openIndexWriter } from '../synthetic-index.ts';

/** As many events as a scan worker hands over at a time, about. */
const eventsATime = 64;
/** In place of DATABASE: make the events and send them. */
const makeRole = '--make-events';

/** A frame: its length in four bytes, then the events. */
function frame(events: ChunkEvent[]): Buffer {
  const body = serialize(events);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(body.length);
  return Buffer.concat([head, body]);
}

async function makeEvents(shape: SyntheticShape): Promise<void> {
  let events: ChunkEvent[] = [];
  const send = async () => {
    if (!process.stdout.write(frame(events))) await once(process.stdout, 'drain');
    events = [];
  };
  for await (const folder of syntheticFolders(shape)) {
    events.push(folderEvent(folder));
    if (events.length === eventsATime) await send();
  }
  await send();
}

async function* receiveEvents(shape: SyntheticShape): AsyncGenerator<ChunkEvent[]> {
  const child = spawn(process.execPath, [import.meta.filename, makeRole, JSON.stringify(shape)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let parts: Buffer[] = [];
  let held = 0;
  let wanted = 4;
  for await (const part of child.stdout as AsyncIterable<Buffer>) {
    parts.push(part);
    held += part.length;
    if (held < wanted) continue;
    let bytes = Buffer.concat(parts);
    for (;;) {
      wanted = bytes.length < 4 ? 4 : 4 + bytes.readUInt32LE();
      if (bytes.length < wanted) break;
      yield deserialize(bytes.subarray(4, wanted)) as ChunkEvent[];
      bytes = bytes.subarray(wanted);
    }
    parts = [bytes];
    held = bytes.length;
  }
  if (held > 0) throw new Error('The process that makes the events ended in the middle of one');
}

async function writeIndex(database: string, shape: SyntheticShape): Promise<void> {
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  const tell = (what: string) =>
    console.error(`${what}, ${Math.round(seconds())} s, ${Math.round(process.memoryUsage.rss() / 1e6)} MB`);
  const writer = await openIndexWriter(database);
  let instances = 0;
  let series = 0;
  for await (const events of receiveEvents(shape)) {
    const before = series;
    for (const { headers, tally } of events) {
      series += headers.length;
      instances += tally.instances;
    }
    // Last: the records are handed over to the index thread.
    await writer.stage(events);
    if (Math.floor(before / 100_000) < Math.floor(series / 100_000)) tell(`${series} series staged`);
  }
  tell('all staged');
  await writer.publish({ append: false, acceptDeletions: false });
  await writer.close();
  tell('published');
  const { user, system } = process.cpuUsage();
  const maxRssBytes = process.resourceUsage().maxRSS * 1024;
  console.log(
    JSON.stringify({ series, instances, seconds: seconds(), cpuSeconds: (user + system) / 1e6, maxRssBytes }),
  );
}

const [database, shapeText] = process.argv.slice(2) as [string, string];
const shape = JSON.parse(shapeText) as SyntheticShape;
if (database === makeRole) await makeEvents(shape);
else await writeIndex(database, shape);
