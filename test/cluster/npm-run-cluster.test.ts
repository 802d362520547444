// `npm run cluster` as somebody who tries it types it, and the ways in which a command learns of a cluster: what it
// prints, what the folder of its state keeps, and that nothing outlives it, however it ends.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCluster } from '../../adapters/nats/connection.ts';
import { NatsScanRegistry } from '../../adapters/nats/scan-registry.ts';
import { type ClusterAddresses, type RunningService, startService } from '../../scripts/parts/cluster.ts';
import { MissingPart, partOrSkip } from '../../scripts/parts/parts.ts';
import { runDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { makeArchive, plainSeries } from '../index/make-archive.ts';

const SCRIPT = path.resolve(import.meta.dirname, '../../scripts/cluster.ts');
const SERIES = 30;
/** Nothing may run this long after its cluster has ended (milliseconds). */
const GONE_WITHIN = 10_000;

interface Started {
  readonly child: ChildProcess;
  readonly addresses: ClusterAddresses;
}

/** Starts it with a process group of its own, as a terminal does, and reads its line. */
async function npmRunCluster(args: readonly string[]): Promise<Started> {
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let told = '';
  child.stderr.on('data', (text: Buffer) => (told += text));
  for await (const line of createInterface(child.stdout)) return { child, addresses: JSON.parse(line) };
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  throw child.exitCode === 2 ? new MissingPart(told) : new Error(`no line was printed: ${told}`);
}

/** Processes that know of this folder, or of a server's address. */
function processesOf(marks: readonly string[]): string[] {
  return fs.readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      const text = ['cmdline', 'environ'].map((file) => fs.readFileSync(`/proc/${pid}/${file}`, 'latin1')).join('\0');
      return marks.some((mark) => text.includes(mark));
    } catch {
      return false;
    }
  });
}

async function untilGone(marks: readonly string[]): Promise<void> {
  for (let waited = 0; processesOf(marks).length > 0; waited += 100) {
    assert.ok(waited < GONE_WITHIN, `still there: ${processesOf(marks)}`);
    await sleep(100);
  }
}

/** Series, each in a folder of its own. */
function makeSeries(archive: string, first: number): void {
  for (let i = first; i < first + SERIES; i++) makeArchive(archive, plainSeries(`s${i}`, `1.2.3.${i}`, 1));
}

describe('npm run cluster', () => {
  const home = temporaryFolder({ after });
  const state = path.join(home, 'state');
  const [a, b] = ['a', 'b'].map((name) => path.join(home, name)) as [string, string];
  makeSeries(a, 0);
  makeSeries(b, SERIES);
  const config = path.join(home, 'config.ini');
  const args = ['--archive', `a=${a}`, '--scanners', '2', '--state', state];
  const running = new Set<ChildProcess>();
  after(() => running.forEach((child) => void child.kill('SIGKILL')));

  async function start(t: TestContext): Promise<Started | undefined> {
    const started = await partOrSkip(t, () => npmRunCluster(args));
    if (started === undefined) return undefined;
    running.add(started.child);
    started.child.once('exit', () => running.delete(started.child));
    fs.writeFileSync(config, `[CLUSTER]\nnats = ${started.addresses.nats}\n`);
    return started;
  }
  const ditag = (line: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
    runDitag([...line, '--config-file', config], { home, environment });
  const count = async (...line: string[]) => {
    const { code, stdout, stderr } = await ditag(['query', '--count', ...line]);
    assert.equal(code, 0, stderr);
    return Number(stdout);
  };

  test('the line of JSON, the command that knows the cluster by its config file, and Ctrl-C', async (t) => {
    const started = await start(t);
    if (started === undefined) return;
    const { child, addresses } = started;
    assert.equal((await fetch(`${addresses.api}/health`)).status, 200);
    assert.equal((await fetch(`${addresses.elasticsearch}/_cluster/health`)).status, 200);
    // Two scanners, the indexer, the api: each tells which server it serves.
    assert.equal(processesOf([`DITAG_NATS_URL=${addresses.nats}`]).length, 4);
    const indexed = await ditag(['index', '--archive', 'a']);
    assert.equal(indexed.code, 0, indexed.stderr);
    assert.equal(await count(), SERIES);
    const exit = once(child, 'exit');
    // Ctrl-C comes to the whole process group.
    process.kill(-child.pid!, 'SIGINT');
    assert.deepEqual(await exit, [0, null]);
    await untilGone([state, `DITAG_NATS_URL=${addresses.nats}`]);
    // Each was asked to end, and ended.
    for (const log of fs.readdirSync(state).filter((name) => /^(scanner|indexer|api)-\d+\.log$/.test(name)))
      assert.doesNotMatch(fs.readFileSync(path.join(state, log), 'utf8'), /"level":[56]0/, log);
  });

  test('what is in the state is there again; a scanner with other mounts; which address counts', async (t) => {
    const started = await start(t);
    if (started === undefined) return;
    const { child, addresses } = started;
    const { nats, elasticsearch } = addresses;
    assert.equal(await count(), SERIES);

    const unknown = await ditag(['index', '--append', '--archive', 'b']);
    assert.notEqual(unknown.code, 0);
    let other: RunningService | undefined;
    try {
      other = await startService('scanner', path.join(home, 'other.log'), {
        DITAG_NATS_URL: nats,
        DITAG_ELASTICSEARCH_URL: elasticsearch,
        DITAG_ARCHIVES: `b=${b}`,
      });
      // The scanners of a do not see b, nor this one a: each archive is scanned by who sees it.
      const indexed = await ditag(['index', '--append', '--archive', 'b']);
      assert.equal(indexed.code, 0, indexed.stderr);
      assert.equal(await count(), 2 * SERIES);
      makeSeries(a, 2 * SERIES);
      assert.equal((await ditag(['index', '--append', '--archive', 'a'])).code, 0);
      assert.equal(await count(), 3 * SERIES);
      assert.equal((await ditag(['index', '--append', '--archive', 'b'])).code, 0);
      assert.equal(await count(), 3 * SERIES);
      await underScan(nats, 'b', async () => {
        const beside = await ditag(['index', '--archive', 'a']);
        assert.equal(beside.code, 0, beside.stderr);
        assert.doesNotMatch(beside.stderr, /No longer in the index/);
        assert.equal(await count(), 3 * SERIES);
      });
      const alone = await ditag(['index', '--archive', 'a']);
      assert.match(alone.stderr, /^No longer in the index: b \(--append keeps/m);
      assert.equal(await count(), 2 * SERIES);
      assert.equal((await ditag(['index', '--append', '--archive', 'b'])).code, 0);
      assert.equal(await count(), 3 * SERIES);
    } finally {
      await other?.stop();
    }

    // --nats before DITAG_NATS_URL before the config file; --local before all.
    const nobody = 'nats://127.0.0.1:9';
    const query = ['query', '--count'];
    const away = await ditag(query, { DITAG_NATS_URL: nobody });
    assert.notEqual(away.code, 0);
    assert.match(away.stderr, /127\.0\.0\.1:9/);
    assert.equal(
      (await ditag([...query, '--nats', nats], { DITAG_NATS_URL: nobody })).stdout.trim(),
      String(3 * SERIES),
    );
    const local = await ditag([...query, '--local'], { DITAG_NATS_URL: nats });
    assert.equal(local.code, 2);
    assert.match(local.stderr, /ditag index/);

    // Killed, it can do nothing more about its parts.
    child.kill('SIGKILL');
    await untilGone([state, `DITAG_NATS_URL=${nats}`]);
  });

  test('ended while it starts, it leaves nothing', async () => {
    const child = spawn(process.execPath, [SCRIPT, '--archive', `a=${a}`], {
      stdio: 'ignore',
      env: { ...process.env, TMPDIR: home },
    });
    running.add(child);
    const temporary = () => fs.readdirSync(home).filter((name) => name.startsWith('ditag-cluster-'));
    while (temporary().length === 0 || !fs.existsSync(path.join(home, temporary()[0]!, 'nats'))) await sleep(20);
    const mark = path.join(home, temporary()[0]!);
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
    running.delete(child);
    await untilGone([mark]);
    assert.deepEqual(temporary(), []);
  });
});

/** While a scan of an archive is under way, that never gets any work. */
async function underScan(nats: string, name: string, check: () => Promise<void>): Promise<void> {
  const cluster = await openCluster({ url: nats }, 'test');
  try {
    const registry = await NatsScanRegistry.open(cluster);
    const archive = await registry.archive(name);
    const flags = { append: true, acceptDeletions: false, knownFiles: 0, knownInstances: 0 };
    const startedAt = new Date().toISOString();
    assert.equal(await registry.add({ id: 'beside', archive, ...flags, startedAt, status: 'starting' }), undefined);
    await check();
    const { state, revision } = (await registry.find('beside'))!;
    assert.equal(await registry.replace({ ...state, status: 'cancelled', endedAt: startedAt }, revision), true);
  } finally {
    await cluster.close();
  }
}
