// A cluster whose parts let nobody in who is not known: NATS with TLS on both sides and an nkey, Elasticsearch behind a
// gate that takes only TLS and an API key (a node without Docker has no security of its own). The services and the
// commands reach them by their settings, and whoever has others is told which. The gate also answers as a node in need
// does, 429 and 503 to a whole request and to single documents: nothing is lost by it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { nkeys } from '@nats-io/transport-node';
import { type RunningService, startService } from '../../scripts/parts/cluster.ts';
import { startElasticsearch } from '../../scripts/parts/elasticsearch-node.ts';
import { startNatsServer } from '../../scripts/parts/nats-server.ts';
import { MissingPart, partOrSkip, type RunningPart } from '../../scripts/parts/parts.ts';
import { makeCertificates } from '../certificates.ts';
import { runDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { makeArchive, plainSeries } from '../index/make-archive.ts';

const SERIES = 300;
const API_KEY = Buffer.from('id:secret').toString('base64');
/** How often the gate answers writes for the node, each time in the next of its ways. */
const REFUSALS = 6;

/** A gate before a node: TLS, a key, and refusals that a node gives under load. */
class Gate {
  readonly server: https.Server;
  refused = 0;
  strangers = 0;

  constructor(node: string, files: { readonly cert: Buffer; readonly key: Buffer }) {
    const target = new URL(node);
    this.server = https.createServer(files, (request, response) => {
      if (request.headers.authorization !== `ApiKey ${API_KEY}`) {
        this.strangers++;
        response
          .writeHead(401, { 'content-type': 'application/json' })
          .end('{"error":"security_exception","status":401}');
        return;
      }
      const { method, url: asked, headers } = request;
      const body: Buffer[] = [];
      request.on('data', (piece: Buffer) => void body.push(piece));
      request.on('end', () => {
        const whole = Buffer.concat(body);
        if (/\/_bulk/.test(asked!) && this.refused < REFUSALS) return this.refuse(response, whole);
        const { host, port } = target;
        const onward = http.request({ host: host.split(':')[0], port, method, path: asked, headers }, (answer) => {
          response.writeHead(answer.statusCode!, answer.headers);
          answer.pipe(response);
        });
        onward.on('error', () => response.destroy());
        onward.end(whole);
      });
    });
  }

  private refuse(response: http.ServerResponse, body: Buffer): void {
    const way = this.refused++ % 3;
    const type = 'es_rejected_execution_exception';
    const head = { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' };
    if (way < 2) {
      const status = way === 0 ? 429 : 503;
      response.writeHead(status, head).end(JSON.stringify({ error: { type, reason: 'queue is full' }, status }));
      return;
    }
    // Each document by itself; none is written.
    const items = Array.from({ length: body.toString('latin1').split('\n').filter(Boolean).length / 2 }, () => ({
      index: { status: 429, error: { type, reason: 'queue is full' } },
    }));
    response.writeHead(200, head).end(JSON.stringify({ errors: true, items }));
  }
}

/** An indexer that is to end by itself. */
async function runIndexer(variables: Readonly<Record<string, string>>): Promise<{ code: number | null; told: string }> {
  const child = spawn(process.execPath, ['services/indexer/main.ts'], {
    cwd: path.resolve(import.meta.dirname, '../..'),
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  let told = '';
  child.stdout.on('data', (text: Buffer) => (told += text));
  const [code] = await once(child, 'close');
  return { code, told };
}

describe('a cluster of guarded parts', () => {
  const home = temporaryFolder({ after });
  const at = (name: string) => path.join(home, name);
  const archive = at('archive');
  const config = at('config.ini');
  const services: RunningService[] = [];
  let parts: RunningPart[] = [];
  let gate: Gate;
  let variables: Record<string, string>;
  let started: Promise<void>;

  async function start(): Promise<void> {
    if (!makeCertificates(home)) throw new MissingPart('openssl is not here');
    for (let i = 0; i < SERIES; i++) makeArchive(archive, plainSeries(`s${i}`, `1.2.3.${i}`, 1));
    const user = nkeys.createUser();
    fs.writeFileSync(at('nkey'), Buffer.from(user.getSeed()));
    fs.writeFileSync(at('other-nkey'), Buffer.from(nkeys.createUser().getSeed()));
    fs.writeFileSync(at('api-key'), `${API_KEY}\n`);
    fs.writeFileSync(at('other-key'), 'bm9ib2R5Om5vYm9keQ==\n');
    const tls = `cert_file: "${at('server.pem')}", key_file: "${at('server.key')}", ca_file: "${at('ca.pem')}", verify: true`;
    const users = `users: [ { nkey: "${user.getPublicKey()}" } ]`;
    for (const name of ['nats', 'elasticsearch']) fs.mkdirSync(at(name));
    parts = await Promise.all([
      startNatsServer({ stateFolder: at('nats'), config: `tls { ${tls} }\nauthorization { ${users} }` }),
      startElasticsearch({ stateFolder: at('elasticsearch'), heapMB: 512 }),
    ]);
    const [nats, elasticsearch] = parts as [RunningPart, RunningPart];
    gate = new Gate(elasticsearch.url, {
      cert: fs.readFileSync(at('server.pem')),
      key: fs.readFileSync(at('server.key')),
    });
    await new Promise<void>((resolve) => gate.server.listen(0, '127.0.0.1', resolve));
    variables = {
      DITAG_NATS_URL: `tls://localhost:${nats.port}`,
      DITAG_NATS_NKEY: at('nkey'),
      DITAG_NATS_CA: at('ca.pem'),
      DITAG_NATS_CERT: at('client.pem'),
      DITAG_NATS_KEY: at('client.key'),
      DITAG_ELASTICSEARCH_URL: `https://localhost:${(gate.server.address() as AddressInfo).port}`,
      DITAG_ELASTICSEARCH_API_KEY_FILE: at('api-key'),
      DITAG_ELASTICSEARCH_CA: at('ca.pem'),
      DITAG_ARCHIVES: `guarded=${archive}`,
      DITAG_HTTP_PORT: '0',
    };
    for (const name of ['indexer', 'api', 'scanner'] as const)
      services.push(await startService(name, at(`${name}.log`), variables));
    fs.writeFileSync(
      config,
      `[CLUSTER]\nnats = ${variables['DITAG_NATS_URL']}\nnats_nkey = nkey\nnats_ca = ca.pem\nnats_cert = client.pem\nnats_key = client.key\n`,
    );
  }

  before(() => {
    started = start();
    return started.catch(() => {});
  });
  after(async () => {
    await Promise.all(services.map((service) => service.stop()));
    gate?.server.close();
    gate?.server.closeAllConnections();
    await Promise.all(parts.map((part) => part.stop()));
  });

  const ditag = (...line: string[]) => runDitag([...line, '--config-file', config], { home });

  test('services and commands come in by their settings; what is refused for now is written later', async (t) => {
    await partOrSkip(t, () => started);
    const indexed = await ditag('index', '--archive', 'guarded');
    assert.equal(indexed.code, 0, indexed.stderr);
    assert.match(indexed.stderr, new RegExp(`Instances: ${SERIES}, series: ${SERIES}`));
    assert.equal((await ditag('query', '--count')).stdout.trim(), String(SERIES));
    assert.deepEqual([gate.refused, gate.strangers], [REFUSALS, 0]);
    assert.match((await ditag('jobs', 'failed')).stdout, /^$|nothing/i);
    const log = fs.readFileSync(at('indexer.log'), 'utf8');
    assert.match(log, /the index takes nothing now/);
    assert.doesNotMatch(log, /secret|1\.2\.3\.\d/);
  });

  test('who has other keys is not let in, and is told by what', async (t) => {
    await partOrSkip(t, () => started);
    const other = at('other.ini');
    fs.writeFileSync(other, fs.readFileSync(config, 'utf8').replace('nats_nkey = nkey', 'nats_nkey = other-nkey'));
    const refused = await runDitag(['query', '--count', '--config-file', other], { home });
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /^.*localhost.*\n$/);
    const plain = await runDitag(
      ['query', '--count', '--config-file', at('none.ini'), '--nats', variables['DITAG_NATS_URL']!],
      { home },
    );
    assert.notEqual(plain.code, 0);
    for (const [variable, file] of [
      ['DITAG_ELASTICSEARCH_API_KEY_FILE', 'other-key'],
      ['DITAG_NATS_NKEY', 'other-nkey'],
    ] as const) {
      const { code, told } = await runIndexer({ ...variables, [variable]: at(file) });
      assert.ok(code !== null && code > 0, `${variable}: ${code} ${told}`);
      assert.match(told, /localhost/, variable);
      assert.doesNotMatch(told, /bm9ib2R5|SU[A-Z0-9]{20}/);
    }
    assert.ok(gate.strangers > 0);
  });
});
