// The containers that run once, with the commands of docker-compose.yml, against a scripted server that answers as the
// documentation of Elasticsearch and Kibana says. No real one with security was there to try them on.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { mountsOf, outside, PROJECT, readCompose } from './compose-file.ts';

const compose = readCompose();
const ELASTIC = `Basic ${Buffer.from('elastic:of elastic').toString('base64')}`;

interface Asked {
  readonly request: string;
  readonly authorization: string | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

type Answer = readonly [status: number, body: object];

/** Answers one request after the other; `asked` is what came. */
async function scriptedServer(t: TestContext, answers: Answer[]): Promise<{ host: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = http.createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const { method, url, headers } = request;
      const body = Buffer.concat(pieces).toString();
      asked.push({ request: `${method} ${url}`, authorization: headers.authorization, headers, body });
      const [status, answer] = answers.shift() ?? [500, {}];
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => server.close());
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** Runs a container that runs once; gives what it prints and the folder that stands for its volume. */
async function runOnce(t: TestContext, name: string, host: string, volume: string) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-setup-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const stand = { volumes: folder, secrets: folder };
  fs.mkdirSync(path.join(folder, volume));
  fs.writeFileSync(path.join(folder, 'elastic_password'), 'of elastic\n');
  const service = compose.services[name]!;
  const mounts = mountsOf(compose, service, stand);
  const [program, ...args] = service.command!.map((arg) =>
    outside(arg, mounts).replace(/(elasticsearch:9200|kibana:5601)$/, host),
  );
  assert.equal(program, 'node');
  const run = async () => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: PROJECT });
    return stdout + stderr;
  };
  return { folder: path.join(folder, volume), run };
}

test('the key of the services is made once, tried for again while nothing answers, and never printed', async (t) => {
  const { host, asked } = await scriptedServer(t, [
    [503, {}],
    [200, { id: 'id', encoded: 'a2V5' }],
    [200, {}],
    [401, {}],
    [200, { id: 'id', encoded: 'bmV3' }],
  ]);
  const { folder, run } = await runOnce(t, 'elasticsearch-key', host, 'ditag-key');
  const file = path.join(
    folder,
    path.basename(compose.services['api']!.environment!['DITAG_ELASTICSEARCH_API_KEY_FILE']!),
  );

  const output = await run();
  assert.equal(fs.readFileSync(file, 'utf8'), 'a2V5');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  assert.doesNotMatch(output, /a2V5|of elastic/);
  assert.deepEqual(
    asked.map(({ request, authorization }) => [request, authorization]),
    Array(2).fill(['POST /_security/api_key', ELASTIC]),
  );
  assert.deepEqual(JSON.parse(asked[1]!.body).role_descriptors.ditag.indices[0].names, ['ditag-*']);

  await run();
  assert.equal(fs.readFileSync(file, 'utf8'), 'a2V5');
  assert.deepEqual([asked[2]!.request, asked[2]!.authorization], ['GET /_security/_authenticate', 'ApiKey a2V5']);

  await run();
  assert.equal(fs.readFileSync(file, 'utf8'), 'bmV3');
  assert.deepEqual(fs.readdirSync(folder), [path.basename(file)]);
});

test('Kibana gets its token as a configuration file', async (t) => {
  const { host, asked } = await scriptedServer(t, [
    [404, { found: false }],
    [200, { created: true, token: { name: 'ditag', value: 'dG9rZW4' } }],
    [200, {}],
  ]);
  const { folder, run } = await runOnce(t, 'kibana-token', host, 'kibana-token');
  assert.doesNotMatch(await run(), /dG9rZW4/);
  const file = path.join(folder, path.basename(compose.services['kibana']!.command!.at(-1)!));
  assert.equal(fs.readFileSync(file, 'utf8'), 'elasticsearch.serviceAccountToken: "dG9rZW4"\n');
  await run();
  const token = '/_security/service/elastic/kibana/credential/token/ditag';
  assert.deepEqual(
    asked.map(({ request, authorization }) => [request, authorization]),
    [
      [`DELETE ${token}`, ELASTIC],
      [`POST ${token}`, ELASTIC],
      ['GET /_security/_authenticate', 'Bearer dG9rZW4'],
    ],
  );
});

test('the data view is sent to Kibana as a file', async (t) => {
  const { host, asked } = await scriptedServer(t, [
    [200, { success: true, successCount: 1 }],
    [200, { success: false, errors: [{ id: 'ditag-series' }] }],
  ]);
  const { run } = await runOnce(t, 'kibana-view', host, 'none');
  assert.match(await run(), /imported/);
  const [{ request, authorization, headers, body }] = asked as [Asked];
  assert.deepEqual([request, authorization], ['POST /api/saved_objects/_import?overwrite=true', ELASTIC]);
  assert.ok(headers['kbn-xsrf'] !== undefined);
  assert.match(headers['content-type']!, /^multipart\/form-data/);
  assert.ok(body.includes(fs.readFileSync(path.join(PROJECT, 'deploy/kibana/ditag.ndjson'), 'utf8').trim()));
  await assert.rejects(run(), /ditag-series/);
});
