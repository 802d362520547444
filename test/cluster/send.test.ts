// `ditag send` in a cluster: what arrives and what is told is the same as on one machine, whatever becomes of the gateways
// that carry it out. NATS and the gateways are real; the index is served from this process, since it is not the subject.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import type net from 'node:net';
import path from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCluster } from '../../adapters/nats/connection.ts';
import { NatsIndexServer } from '../../adapters/nats/index-server.ts';
import { NatsScanCommandSource } from '../../adapters/nats/scan-commands.ts';
import type { SendOptions, Workspace } from '../../cli/workspaces/workspace.ts';
import type { SendResult } from '../../core/instance/send-outcome.ts';
import type { PublishedIndex } from '../../core/ports/published-index.ts';
import type { StartScan } from '../../core/ports/scan-commands.ts';
import { csvHeader } from '../../core/query/csv.ts';
import { makeQuery } from '../../core/query/query.ts';
import { readSeriesList } from '../../core/query/series-list.ts';
import { type RunningService, startService } from '../../scripts/parts/cluster.ts';
import { startNatsServer } from '../../scripts/parts/nats-server.ts';
import { freePort, partOrSkip } from '../../scripts/parts/parts.ts';
import { temporaryFolder } from '../cli/run-ditag.ts';
import { makeArchive, plainSeries } from '../index/make-archive.ts';
import { type Came, playStorePeer, type StorePlay } from '../store-peer.ts';
import { clusterWorkspace, index, localWorkspace } from './clusters.ts';

const SAMPLES = path.resolve(import.meta.dirname, '../samples');
const SERIES = Array.from({ length: 9 }, (_, i) => `1.2.7.${i}`);
const EACH = 120;
const ALL = SERIES.length * EACH;
/** More than one gateway has with a PACS, and fewer than two have: both have work, and the limit is felt. */
const OF_TWO = 6;

/** A peer that counts the associations over which instances come at the same time, and how often each comes. */
async function countingPeer(t: TestContext, milliseconds: number, play: StorePlay = {}) {
  const sockets = new Set<net.Socket>();
  const times = new Map<string, number>();
  const seen = { most: 0, stored: 0 };
  const whole = (came: Came) => {
    sockets.add(came.socket);
    const standing = [...sockets].filter(({ writable, readableEnded }) => writable && !readableEnded);
    seen.most = Math.max(seen.most, standing.length);
    const uid = came.command.AffectedSOPInstanceUID!;
    times.set(uid, (times.get(uid) ?? 0) + 1);
    seen.stored++;
    setTimeout(() => came.answer(0), milliseconds);
  };
  const peer = await playStorePeer(t, { whole, ...play });
  return { ...peer, seen, times };
}

interface Sent {
  readonly results: SendResult[];
  readonly series: number;
}

/** The cluster. */
interface Running {
  /** Starts a gateway. */
  start(variables?: Readonly<Record<string, string>>): Promise<RunningService>;
  /** With SIGKILL. */
  restartNats(): Promise<void>;
  /** Where scans are asked for. */
  readonly scans: NatsScanCommandSource;
  stop(): Promise<void>;
}

/** Starts a gateway, which ends with the test. */
async function gateway(
  t: TestContext,
  cluster: Running,
  variables: Record<string, string> = {},
): Promise<RunningService> {
  const service = await cluster.start(variables);
  t.after(() => service.stop());
  return service;
}

/** `ditag send`. */
async function send(
  workspace: Workspace,
  port: number,
  series: readonly string[],
  more: Partial<SendOptions> = {},
): Promise<Sent> {
  const results: SendResult[] = [];
  let ended = 0;
  await workspace.send({
    series,
    peer: { host: '127.0.0.1', port, calledAETitle: 'ARCHIVE', callingAETitle: 'DITAG' },
    threads: 4,
    skip: () => false,
    onResult: (result) => {
      results.push(result);
      more.onResult?.(result);
    },
    onSeries: () => void ended++,
    signal: more.signal ?? new AbortController().signal,
    ...Object.fromEntries(Object.entries(more).filter(([name]) => name === 'threads' || name === 'skip')),
  });
  return { results, series: ended };
}

/** Each instance has one result, which says that it was stored, and has come. */
function allStored({ results, series }: Sent, taken: ReadonlyMap<string, unknown>): void {
  assert.equal(taken.size, ALL);
  assert.equal(new Set(results.map(({ file }) => file!.SOPInstanceUID)).size, ALL);
  assert.deepEqual(
    results.filter(({ outcome }) => outcome !== 'stored').map(({ outcome, reason }) => [outcome, reason]),
    [],
  );
  assert.equal(results.length, ALL);
  assert.equal(series, SERIES.length);
}

describe('ditag send in a cluster', () => {
  const home = temporaryFolder({ after });
  const archive = path.join(home, 'archive');
  const here = localWorkspace(home);
  let samples: string[] = [];
  let started: Promise<Running> | undefined;
  let there: Workspace;

  /** One that runs from here to the last test. */
  let running: Promise<RunningService> | undefined;
  const steady = (cluster: Running) => (running ??= cluster.start());

  before(async () => {
    fs.cpSync(SAMPLES, path.join(archive, 'samples'), { recursive: true });
    for (const uid of SERIES)
      makeArchive(archive, plainSeries(uid, uid, EACH, { pixels: 2000, StudyDate: '20260131' }));
    await index(here, archive);
    samples = await seriesOf(here);
    started = start();
    await started.catch(() => {});
  });
  after(async () => {
    await (await running)?.stop();
    const cluster = await started?.catch(() => undefined);
    await cluster?.stop();
  });

  async function start(): Promise<Running> {
    const stateFolder = path.join(home, 'nats');
    let nats = await startNatsServer({ stateFolder });
    const { url, port } = nats;
    const connected = await openCluster({ url }, 'test');
    const answering = await here.openIndex(undefined);
    const server = new NatsIndexServer(connected.connection, answering, {} as PublishedIndex, () => {});
    server.start();
    there = clusterWorkspace(url);
    let gateways = 0;
    return {
      start: (variables) =>
        startService('dimse-gateway', path.join(home, `gateway-${++gateways}.log`), {
          DITAG_NATS_URL: url,
          // On one machine an archive is called by its path.
          DITAG_ARCHIVES: `${archive}=${archive}`,
          ...variables,
        }),
      restartNats: async () => {
        await nats.kill();
        nats = await startNatsServer({ stateFolder, port });
      },
      scans: new NatsScanCommandSource(connected.connection, () => {}),
      stop: async () => {
        await server.stop();
        await connected.close();
        await answering.close();
        await nats.stop();
      },
    };
  }
  test('without a gateway it says so', async (t) => {
    if ((await partOrSkip(t, () => started!)) === undefined) return;
    const message = 'No DIMSE gateway of the cluster is running: start one.';
    await assert.rejects(send(there, await freePort(), SERIES), { code: 'no-gateway', message });
  });

  test('an archive that no gateway sees is told, and the rest is sent', async (t) => {
    const cluster = await partOrSkip(t, () => started!);
    if (cluster === undefined) return;
    await gateway(t, cluster, { DITAG_ARCHIVES: `other=${archive}` });
    const peer = await countingPeer(t, 0);
    const { results } = await send(there, peer.port, SERIES.slice(0, 1));
    assert.equal(results.length, EACH);
    assert.deepEqual(
      new Set(results.map(({ outcome, reason }) => `${outcome}: ${reason}`)),
      new Set([`failed: no gateway of the cluster sees the archive ${archive}`]),
    );
  });

  test('results are those of one machine', async (t) => {
    const cluster = await partOrSkip(t, () => started!);
    if (cluster === undefined) return;
    await steady(cluster);
    const refused = new Set<string>();
    const play: StorePlay = {
      whole: ({ command, answer }) => {
        const uid = command.AffectedSOPInstanceUID!;
        const isRefused = Number(uid.at(-1)) === 3 && !refused.has(uid);
        answer(isRefused ? 0xc000 : Number(uid.at(-1)) === 5 ? 0xb000 : 0);
      },
      accept: (_, syntaxes) => (syntaxes.includes('1.2.840.10008.1.2.4.50') ? undefined : syntaxes[0]),
    };
    const [own, its] = [await playStorePeer(t, play), await playStorePeer(t, play)];
    const asked = [...samples, '9.9.9'];
    const local = await send(here, own.port, asked);
    const remote = await send(there, its.port, asked);
    assert.deepEqual(plain(remote.results), plain(local.results));
    assert.equal(remote.series, asked.length);
    assert.deepEqual(its.taken, own.taken);
    assert.ok(own.taken.size > 50, `${own.taken.size} samples arrived`);
  });

  test('one that is killed gives back what it had', async (t) => {
    const cluster = await partOrSkip(t, () => started!);
    if (cluster === undefined) return;
    const [dying, other] = await Promise.all([gateway(t, cluster), steady(cluster)]);
    const peer = await countingPeer(t, 5);
    const sending = send(there, peer.port, SERIES, { threads: OF_TWO });
    while (peer.seen.stored < ALL / 2) await sleep(10);
    await dying.kill();
    allStored(await sending, peer.times);
    t.diagnostic(`${peer.seen.stored - ALL} instances came twice`);
    assert.match(fs.readFileSync(other.logFile, 'utf8'), /"attempt":2,/);
    assert.ok(peer.seen.stored < 1.5 * ALL);
  });

  test('two keep to the associations that the PACS has; one is stopped, and nothing is sent twice', async (t) => {
    const cluster = await partOrSkip(t, () => started!);
    if (cluster === undefined) return;
    const gateways = await Promise.all([gateway(t, cluster), steady(cluster)]);
    const peer = await countingPeer(t, 4);
    const sending = send(there, peer.port, SERIES, { threads: OF_TWO });
    while (peer.seen.stored < ALL / 2) await sleep(10);
    await gateways[0].stop();
    allStored(await sending, peer.times);
    assert.equal(peer.seen.stored, ALL);
    assert.ok(peer.seen.most > 4 && peer.seen.most <= OF_TWO, `${peer.seen.most} associations`);
    for (const { logFile } of gateways) assert.match(fs.readFileSync(logFile, 'utf8'), /"msg":"sent"/);
  });

  const isLong = process.env['DITAG_LONG'] === '1';
  test('a NATS server that is killed and started anew holds it up, no more', {
    skip: !isLong && 'only with DITAG_LONG=1',
  }, async (t) => {
    const cluster = await partOrSkip(t, () => started!);
    if (cluster === undefined) return;
    await steady(cluster);
    const peer = await countingPeer(t, 4);
    const sending = send(there, peer.port, SERIES);
    while (peer.seen.stored < ALL / 3) await sleep(10);
    await cluster.restartNats();
    allStored(await sending, peer.times);
    t.diagnostic(`${peer.seen.stored - ALL} instances came twice`);
  });

  test('Ctrl-C: what was not begun is not sent, and what was sent is told', async (t) => {
    const cluster = await partOrSkip(t, () => started!);
    if (cluster === undefined) return;
    await steady(cluster);
    const peer = await countingPeer(t, 5);
    const interrupt = new AbortController();
    const sending = send(there, peer.port, SERIES, { threads: 4, signal: interrupt.signal });
    while (peer.seen.stored < ALL / 4) await sleep(10);
    interrupt.abort();
    const { results } = await sending;
    assert.ok(peer.seen.stored < ALL / 2, `${peer.seen.stored} were stored`);
    assert.equal(results.length, peer.seen.stored);
    const { stored } = peer.seen;
    await sleep(1_000);
    assert.equal(peer.seen.stored, stored);
    // The gateway goes on.
    const again = await countingPeer(t, 0);
    const { results: further } = await send(there, again.port, SERIES.slice(0, 1));
    assert.deepEqual([further.length, again.times.size], [EACH, EACH]);
  });

  test('what a gateway receives is kept, and a scan of its archive is asked for', async (t) => {
    const cluster = await partOrSkip(t, () => started!);
    if (cluster === undefined) return;
    const [folder, peersFile, port] = [path.join(home, 'received'), path.join(home, 'peers.json'), await freePort()];
    fs.writeFileSync(peersFile, JSON.stringify([{ aeTitle: 'DITAG', host: '127.0.0.1', may: ['store'] }]));
    const asked = new Promise<StartScan>((resolve) =>
      cluster.scans.serve('received', '/received', async (request) => {
        resolve(request);
        return { scan: 'scan', archive: { name: 'received', number: 1 }, knownFiles: 0 };
      }),
    );
    await gateway(t, cluster, {
      DITAG_GATEWAY_PORT: String(port),
      DITAG_GATEWAY_AETITLE: 'ARCHIVE',
      DITAG_GATEWAY_FOLDER: folder,
      DITAG_GATEWAY_ARCHIVE: 'received',
      DITAG_GATEWAY_PEERS_FILE: peersFile,
    });
    // Through itself.
    const { results } = await send(there, port, SERIES.slice(0, 2));
    assert.deepEqual([results.length, new Set(results.map(({ outcome }) => outcome))], [2 * EACH, new Set(['stored'])]);
    const files = fs.readdirSync(path.join(folder, 'instances'), { recursive: true, withFileTypes: true });
    assert.equal(files.filter((entry) => entry.isFile()).length, 2 * EACH);
    const { scan, ...what } = await asked;
    assert.match(scan, /^[0-9a-f]{8}$/);
    assert.deepEqual(what, { archive: 'received', append: true, acceptDeletions: false });
  });
});

/** Results in an order that is always the same; what a refusal says of decompression hangs on what else was proposed. */
function plain(results: readonly SendResult[]): string[] {
  const line = ({ SeriesInstanceUID, file, outcome, status, reason, bytes }: SendResult) => {
    const why = reason.replace(', and ditag does not decompress', '');
    return [SeriesInstanceUID, file?.path, file?.SOPInstanceUID, outcome, status, why, bytes].join(' ');
  };
  return results.map(line).sort();
}

async function seriesOf(workspace: Workspace): Promise<string[]> {
  const opened = await workspace.openIndex(undefined);
  try {
    const batches = await Array.fromAsync(opened.search(await makeQuery({})));
    const csv = [csvHeader([]), ...batches.map(({ lines }) => Buffer.from(lines).toString('utf8'))];
    return (await readSeriesList(csv.map((text) => Buffer.from(text)))).filter((uid) => !SERIES.includes(uid));
  } finally {
    await opened.close();
  }
}
