// The parts start, answer, end, and find their state again: also after they, or the process that started them, were
// killed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { installElasticsearch, startElasticsearch } from './elasticsearch-node.ts';
import { installNatsServer, startNatsServer } from './nats-server.ts';
import { freePort, installOnce, partOrSkip } from './parts.ts';

describe('a folder that is installed once', () => {
  test('is filled by one of those that want it at the same time', async (t) => {
    const folder = join(temporaryFolder(t), 'installed');
    let times = 0;
    const install = async (empty: string) => {
      times++;
      await sleep(50);
      writeFileSync(join(empty, 'program'), 'x');
    };
    await Promise.all([installOnce(folder, install), installOnce(folder, install), installOnce(folder, install)]);
    assert.equal(times, 1);
    assert.deepEqual(readdirSync(folder), ['program']);
    assert.deepEqual(readdirSync(join(folder, '..')), ['installed']);
  });

  test('is not there after an installation that failed', async (t) => {
    const folder = join(temporaryFolder(t), 'installed');
    await assert.rejects(
      installOnce(folder, async (empty) => {
        writeFileSync(join(empty, 'half'), 'x');
        throw new Error('no network');
      }),
      /no network/,
    );
    assert.deepEqual(readdirSync(join(folder, '..')), []);
  });

  test('is installed although one that was killed has left its lock and its half of the work', async (t) => {
    const folder = join(temporaryFolder(t), 'installed');
    const gone = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(gone, 'exit');
    writeFileSync(`${folder}.lock`, String(gone.pid));
    writeFileSync(`${folder}.unfinished-abc`, 'half');
    await installOnce(folder, async (empty) => writeFileSync(join(empty, 'program'), 'x'));
    assert.deepEqual(readdirSync(join(folder, '..')), ['installed']);
  });
});

describe('nats-server', () => {
  test('starts, stops, and starts again on the same folder and port, also after a kill', async (t) => {
    const stateFolder = temporaryFolder(t);
    const first = await partOrSkip(t, () => startNatsServer({ stateFolder }));
    if (first === undefined) return;
    await using server = first;
    const info = await natsInfo(server.port);
    assert.deepEqual([info.jetstream, info.max_payload, info.host], [true, 16 * 1024 * 1024, '127.0.0.1']);
    assert.equal(server.url, `nats://127.0.0.1:${server.port}`);
    await server.stop();
    assert.ok(!isAlive(server.pid));

    await using second = await startNatsServer({ stateFolder, port: server.port });
    assert.equal(second.port, server.port);
    await second.kill();
    assert.ok(!isAlive(second.pid));

    await using third = await startNatsServer({ stateFolder, port: server.port });
    assert.equal((await natsInfo(third.port)).jetstream, true);
    // Stopping what has ended is nothing.
    await second.stop();
  });

  test('takes further configuration', async (t) => {
    const port = await freePort();
    const config = 'authorization { users: [{ user: scanner, password: secret }] }';
    const started = await partOrSkip(t, () => startNatsServer({ stateFolder: temporaryFolder(t), port, config }));
    if (started === undefined) return;
    await using server = started;
    const info = await natsInfo(server.port);
    assert.deepEqual([server.port, info.auth_required], [port, true]);
  });

  test('says what its log says when it does not start', async (t) => {
    const stateFolder = temporaryFolder(t);
    const server = await partOrSkip(t, () => startNatsServer({ stateFolder }));
    if (server === undefined) return;
    await server.stop();
    await assert.rejects(startNatsServer({ stateFolder, config: 'nonsense {' }), (error: Error) => {
      assert.match(error.message, /^nats-server ended while it started \(1\)\. .*nats-server\.log:\n.*[Pp]arse error/s);
      // The log of the first start is in the same file.
      assert.doesNotMatch(error.message, /Server is ready/);
      return true;
    });
  });

  test('does not outlive a process that is killed', async (t) => {
    if ((await partOrSkip(t, installNatsServer)) === undefined) return;
    await endsWithItsStarter(temporaryFolder(t), 'nats-server.ts', 'startNatsServer');
  });
});

describe('Elasticsearch', () => {
  test('has a document that it has acknowledged, after a kill', async (t) => {
    const stateFolder = temporaryFolder(t);
    const first = await partOrSkip(t, () => startElasticsearch({ stateFolder }));
    if (first === undefined) return;
    await using server = first;
    assert.equal(server.url, `http://127.0.0.1:${server.port}`);
    await put(`${server.url}/series`, { settings: { number_of_replicas: 0 } });
    await put(`${server.url}/series/_doc/1`, { Modality: 'CT' });
    await server.kill();
    assert.ok(!isAlive(server.pid));

    await using second = await startElasticsearch({ stateFolder, port: server.port });
    assert.equal(second.port, server.port);
    const response = await fetch(`${second.url}/series/_search`);
    const found = (await response.json()) as { hits: { hits: { _source: unknown }[] } };
    assert.deepEqual(
      found.hits.hits.map((hit) => hit._source),
      [{ Modality: 'CT' }],
    );
    const before = performance.now();
    await second.stop();
    assert.ok(performance.now() - before < 20_000);
  });

  test('does not outlive a process that is killed', async (t) => {
    if ((await partOrSkip(t, installElasticsearch)) === undefined) return;
    await endsWithItsStarter(temporaryFolder(t), 'elasticsearch-node.ts', 'startElasticsearch');
  });
});

/** Starts a part in a process of its own, kills that process, and waits for the part to be gone. */
async function endsWithItsStarter(stateFolder: string, module: string, start: string): Promise<void> {
  const program = `
    const { ${start} } = await import(${JSON.stringify(join(import.meta.dirname, module))});
    const { pid } = await ${start}({ stateFolder: ${JSON.stringify(stateFolder)} });
    console.log(pid);
    setInterval(() => {}, 1000);`;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(starter.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  assert.ok(isAlive(pid));
  starter.kill('SIGKILL');
  for (let tries = 0; isAlive(pid) && tries < 300; tries++) await sleep(100);
  assert.ok(!isAlive(pid), `process ${pid} is still there`);
}

async function natsInfo(port: number): Promise<Record<string, unknown>> {
  const socket = connect({ host: '127.0.0.1', port });
  const [data] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return JSON.parse(data.toString().replace(/^INFO /, ''));
}

async function put(url: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'PUT', headers, body: JSON.stringify(body) });
  assert.ok(response.ok, await response.text());
}

/** Is there such a process? One that has ended and that nobody has collected yet (Z) does not count. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !existsSync('/proc/self/stat') || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ditag-parts-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
