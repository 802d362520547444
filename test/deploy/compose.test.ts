// docker-compose.yml without Docker: its services are started with the commands and the environment that it gives them,
// against a real NATS server with its own configuration and a real Elasticsearch. Then its rules: nothing runs with more
// rights than it needs, no secret stands in it, and every variable means something.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import Type from 'typebox';
import { ClusterWorkspace } from '../../cli/workspaces/cluster/cluster-workspace.ts';
import {
  ApiVariables,
  ArchiveVariables,
  ElasticsearchVariables,
  HttpVariables,
  type NatsSettings,
  NatsVariables,
  ReceivingVariables,
  readSettings,
  ScannerVariables,
  SendingVariables,
} from '../../core/settings/settings.ts';
import { startElasticsearch } from '../../scripts/parts/elasticsearch-node.ts';
import { startNatsServer } from '../../scripts/parts/nats-server.ts';
import { freePort, lastLines, partOrSkip, type RunningPart } from '../../scripts/parts/parts.ts';
import { index } from '../cluster/clusters.ts';
import {
  COMPOSE_TEXT,
  type ComposeService,
  mountsOf,
  outside,
  PROJECT,
  readCompose,
  SERVICES,
  usedVariables,
} from './compose-file.ts';

/** Series of test/samples. */
const SAMPLE_SERIES = 38;
const READY_SECONDS = 60;

const compose = readCompose();

test('the services run as docker-compose.yml starts them', { timeout: 300_000 }, async (t) => {
  const folder = temporaryFolder(t);
  const stand = { volumes: path.join(folder, 'volumes'), secrets: path.join(folder, 'secrets') };
  makeSecrets(stand.secrets);
  const parts = await partOrSkip(t, () => startParts(folder, stand.secrets));
  if (parts === undefined) return;
  const { nats, elasticsearch } = parts;
  t.after(() => Promise.all([nats.stop(), elasticsearch.stop()]));
  // This Elasticsearch has no security: the key is sent, and nobody looks at it.
  fs.mkdirSync(path.join(stand.volumes, 'ditag-key'), { recursive: true });
  fs.writeFileSync(path.join(stand.volumes, 'ditag-key/elasticsearch-api-key'), 'a2V5Om9uZQ==');

  const started: StartedService[] = [];
  t.after(() => Promise.all(started.map(stopService)));
  for (const name of SERVICES) {
    const service = compose.services[name]!;
    const mounts = mountsOf(compose, service, stand);
    const port = String(await freePort());
    const variables: Record<string, string> = {};
    for (const [variable, value] of Object.entries(service.environment!)) {
      variables[variable] = outside(value, mounts)
        .replace('nats:4222', `127.0.0.1:${nats.port}`)
        .replace('elasticsearch:9200', `127.0.0.1:${elasticsearch.port}`);
      if (/_FILE$/.test(variable)) assert.ok(fs.existsSync(variables[variable]), `${name} does not see ${value}`);
    }
    // Containers have a network each and may all have the same port; here they share one, and nobody else is to see it.
    Object.assign(variables, { DITAG_HTTP_HOST: '127.0.0.1', DITAG_HTTP_PORT: port });
    started.push(startService(name, service, variables, folder));
  }
  for (const service of started) await ready(service);

  const passwordFile = path.join(stand.secrets, 'nats_password');
  const settings: NatsSettings = {
    url: nats.url,
    user: compose.services['api']!.environment!['DITAG_NATS_USER'],
    passwordFile,
  };
  const workspace = new ClusterWorkspace(settings, undefined, 'config.ini');
  await index(workspace, 'samples');
  const instances = await workspace.openIndex(undefined);
  try {
    assert.equal((await instances.statistics()).series, SAMPLE_SERIES);
  } finally {
    await instances.close();
  }

  const api = started.find(({ name }) => name === 'api')!;
  const answer = await fetch(`http://127.0.0.1:${api.variables['DITAG_HTTP_PORT']}/health`);
  assert.deepEqual(await answer.json(), { status: 'alive' });

  const wrong = path.join(folder, 'wrong');
  fs.writeFileSync(wrong, 'wrong');
  for (const refused of [{ ...settings, passwordFile: wrong }, { url: nats.url }]) {
    const attempt = async () => {
      const opened = await new ClusterWorkspace(refused, undefined, 'config.ini').openIndex(undefined);
      // A connection that is left open would keep the test from ending.
      await opened.close();
    };
    await assert.rejects(attempt, { code: 'cluster-unreachable', message: /authorization/i });
  }

  for (const service of started) assert.equal(await stopService(service), 0, service.name);
});

/** NATS with the whole of deploy/nats/nats-server.conf, but for its addresses and its folder; checked for its health. */
async function startParts(folder: string, secrets: string): Promise<{ nats: RunningPart; elasticsearch: RunningPart }> {
  const stateFolder = path.join(folder, 'nats');
  fs.mkdirSync(stateFolder);
  const service = compose.services['nats']!;
  const mounts = mountsOf(compose, service, { volumes: folder, secrets });
  const file = outside(service.command!.at(-1)!, mounts);
  // What it includes lies beside it, as the file says for containers.
  fs.copyFileSync(mounts.get('/etc/nats/users.conf')!, path.join(stateFolder, 'users.conf'));
  const monitor = `127.0.0.1:${await freePort()}`;
  const config = fs
    .readFileSync(file, 'utf8')
    .replace('host: "0.0.0.0"', 'host: "127.0.0.1"')
    .replace('port: 4222', 'port: -1')
    .replace('127.0.0.1:8222', monitor)
    .replace('/var/lib/nats', stateFolder);
  const nats = await startNatsServer({ stateFolder, config });
  try {
    const health = await fetch(service.healthcheck!.test!.at(-1)!.replace('127.0.0.1:8222', monitor));
    assert.equal(health.status, 200);
    const about = (await (await fetch(`http://${monitor}/jsz?config=1`)).json()) as { config: Record<string, unknown> };
    assert.equal(about.config['sync_always'], true);
    return { nats, elasticsearch: await startElasticsearch({ stateFolder: path.join(folder, 'elasticsearch') }) };
  } catch (error) {
    await nats.stop();
    throw error;
  }
}

interface StartedService {
  readonly name: string;
  readonly service: ComposeService;
  readonly variables: Readonly<Record<string, string>>;
  readonly child: ChildProcess;
  readonly logFile: string;
}

/** The image's folder has dist/, as the checkout has it. */
function startService(
  name: string,
  service: ComposeService,
  variables: Readonly<Record<string, string>>,
  folder: string,
): StartedService {
  const [program, ...args] = service.command!;
  assert.equal(program, 'node');
  assert.ok(fs.existsSync(path.join(PROJECT, args[0]!)), `${args[0]} is not here: npm run build`);
  const logFile = path.join(folder, `${name}.log`);
  const log = fs.openSync(logFile, 'a', 0o600);
  const child = spawn(process.execPath, args, { cwd: PROJECT, stdio: ['ignore', log, log], env: variables });
  fs.closeSync(log);
  return { name, service, variables, child, logFile };
}

/** Asks as the container's own health check does. */
async function ready({ name, service, variables, child, logFile }: StartedService): Promise<void> {
  const [kind, program, ...args] = service.healthcheck!.test!;
  assert.deepEqual([kind, program], ['CMD', 'node']);
  for (let waited = 0; waited < READY_SECONDS * 2; waited++) {
    if (child.exitCode !== null) break;
    if (spawnSync(process.execPath, args, { env: variables }).status === 0) return;
    await sleep(500);
  }
  assert.fail(`The ${name} is not ready:\n${lastLines(fs.readFileSync(logFile, 'utf8'))}`);
}

async function stopService({ child }: StartedService): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    const deadline = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await exit;
    clearTimeout(deadline);
  }
  return child.exitCode;
}

test('secrets are made once, for their owner only, and are not printed', (t) => {
  const folder = path.join(temporaryFolder(t), 'secrets');
  const output = makeSecrets(folder);
  const read = () =>
    Object.fromEntries(fs.readdirSync(folder).map((name) => [name, fs.readFileSync(path.join(folder, name), 'utf8')]));
  const made = read();
  const wanted = Object.values(compose.secrets).map(({ file }) => path.basename(file));
  assert.deepEqual(Object.keys(made).sort(), wanted.sort());
  for (const name of Object.keys(made)) assert.equal(fs.statSync(path.join(folder, name)).mode & 0o777, 0o600, name);
  assert.equal(fs.statSync(folder).mode & 0o777, 0o700);
  for (const name of ['nats_password', 'elastic_password']) {
    assert.match(made[name]!, /^[0-9a-f]{64}$/);
    assert.ok(!output.includes(made[name]!));
  }
  assert.notEqual(made['nats_password'], made['elastic_password']);
  assert.ok(made['nats_users.conf']!.includes(made['nats_password']!));
  makeSecrets(folder);
  assert.deepEqual(read(), made);
});

test('secrets and settings are not for the repository, and no secret goes to the builder', () => {
  const ignored = fs.readFileSync(path.join(PROJECT, '.gitignore'), 'utf8').split('\n');
  assert.ok(ignored.includes('deploy/secrets/') && ignored.includes('.env'));
  for (const { file } of Object.values(compose.secrets)) assert.match(file, /^\.\/deploy\/secrets\/[\w.]+$/);
  const sent = fs.readFileSync(path.join(PROJECT, 'deploy/Dockerfile.dockerignore'), 'utf8').split('\n');
  assert.equal(
    sent.find((line) => !line.startsWith('#')),
    '*',
  );
  assert.ok(!sent.some((line) => /^!(deploy\/?$|deploy\/secrets|\.env)/.test(line)));
});

describe('every service', () => {
  for (const [name, service] of Object.entries(compose.services)) {
    const runsOnce = service.restart === 'no';

    test(`${name} has no more rights than it needs`, () => {
      assert.equal(service.read_only, true);
      assert.match(service.user ?? '', /^[1-9]\d*:\d+$/);
      assert.deepEqual(service.cap_drop, ['ALL']);
      assert.deepEqual([service.cap_add, service.privileged], [undefined, undefined]);
      assert.deepEqual(service.security_opt, ['no-new-privileges:true']);
      assert.ok(service.tmpfs?.some((line) => /^\/tmp(:|$)/.test(line)));
      // One of several has no name of its own.
      assert.equal(service.container_name, undefined);
      assert.match(service.image, /^[\w-]+:[\w.-]+$/);
      for (const port of service.ports ?? []) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/);
      for (const volume of service.volumes ?? [])
        assert.match(volume, volume.startsWith('.') ? /:ro$/ : /^[\w-]+:\//, 'what is the host’s is not written');
    });

    test(`${name} has no secret in its environment or its command`, () => {
      for (const [variable, value] of Object.entries(service.environment ?? {})) {
        if (/PASSWORD|API_KEY|TOKEN|SECRET|CREDENTIALS|NKEY/.test(variable)) assert.match(variable, /_FILE$/);
        if (/_FILE$/.test(variable)) assert.match(value, /^\/run\//);
        assert.doesNotMatch(value, /:\/\/[^/]*@/);
      }
      assert.doesNotMatch((service.command ?? []).join(' '), /:\/\/[^/]*@|--(pass|user)/);
    });

    test(`${name} says when it is ready, and waits for what it needs`, () => {
      if (runsOnce) assert.equal(service.healthcheck?.disable, true);
      else assert.ok((service.healthcheck?.test?.length ?? 0) > 1);
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        const found = compose.services[other];
        assert.ok(found !== undefined, other);
        assert.equal(condition, found.restart === 'no' ? 'service_completed_successfully' : 'service_healthy');
      }
    });

    test(`${name} names volumes and secrets that there are`, () => {
      for (const volume of service.volumes ?? [])
        if (!volume.startsWith('.')) assert.ok(volume.split(':')[0]! in compose.volumes, volume);
      for (const secret of service.secrets ?? [])
        assert.ok((typeof secret === 'string' ? secret : secret.source) in compose.secrets);
    });
  }
});

test('scanners and gateways can be several: they publish nothing', () => {
  for (const name of ['scanner', 'dimse-gateway']) assert.equal(compose.services[name]!.ports, undefined);
});

test('the variables of the services are known, and all that are needed are set', () => {
  const ofIndex = { ...NatsVariables.properties, ...ElasticsearchVariables.properties, ...HttpVariables.properties };
  const ofArchives = { ...NatsVariables.properties, ...ArchiveVariables.properties, ...HttpVariables.properties };
  const groups = {
    indexer: ofIndex,
    api: { ...ofIndex, ...ApiVariables.properties },
    scanner: { ...ofArchives, ...ScannerVariables.properties },
    'dimse-gateway': { ...ofArchives, ...SendingVariables.properties, ...ReceivingVariables.properties },
  };
  for (const name of SERVICES) {
    const known = Type.Object(groups[name]);
    const { environment } = compose.services[name]!;
    for (const variable of Object.keys(environment!)) assert.ok(variable in known.properties, `${name}: ${variable}`);
    // Throws `bad-settings` with what is missing or wrong.
    assert.deepEqual(readSettings(known, environment!), environment);
  }
});

test('.env.example has every variable of the file, with the value that holds without one', () => {
  const example = fs.readFileSync(path.join(PROJECT, '.env.example'), 'utf8');
  const values = Array.from(example.matchAll(/^(\w+)=(.*)$/gm), ([, name, value]) => [name!, value!] as const);
  const used = [...usedVariables()];
  assert.deepEqual([...values].sort(), used.sort());
  // Nothing has another default in another place.
  const all = new Set(Array.from(COMPOSE_TEXT.matchAll(/\$\{[^}]+\}/g), ([text]) => text));
  assert.equal(all.size, used.length);
});

function makeSecrets(folder: string): string {
  const { status, stdout, stderr } = spawnSync('sh', [path.join(PROJECT, 'deploy/make-secrets.sh'), folder], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return stdout + stderr;
}

function temporaryFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-deploy-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}
