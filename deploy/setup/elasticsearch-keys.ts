// Runs once in a container of its own: has Elasticsearch make the key that the services use, or the token that Kibana
// uses, and writes it to a file. One that is there and still valid stays. Prints neither.
//   node elasticsearch-keys.ts services URL PASSWORD_FILE KEY_FILE
//   node elasticsearch-keys.ts kibana URL PASSWORD_FILE KIBANA_YML
// Tried against a scripted server only (test/deploy/setup.test.ts).
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [kind, url, passwordFile, outputFile] = process.argv.slice(2);
if ((kind !== 'services' && kind !== 'kibana') || url === undefined || !passwordFile || !outputFile)
  throw new Error('usage: elasticsearch-keys.ts services|kibana URL PASSWORD_FILE OUTPUT_FILE');

/** Elasticsearch answers before its security does, so a start takes a few tries. */
const TRIES = 60;
const TOKEN = '/_security/service/elastic/kibana/credential/token/ditag';
const password = fs.readFileSync(passwordFile, 'utf8').trim();
const elastic = `Basic ${Buffer.from(`elastic:${password}`).toString('base64')}`;

for (let tries = 1; ; tries++) {
  try {
    await (kind === 'services' ? makeKey(outputFile) : makeToken(outputFile));
    break;
  } catch (error) {
    if (tries === TRIES) throw error;
    process.stdout.write(`Elasticsearch does not give one out yet: ${(error as Error).message}\n`);
    await sleep(1000);
  }
}

/** A key for ditag's own indices and nothing else. The API makes missing indices too, so it needs as much as the indexer. */
async function makeKey(file: string): Promise<void> {
  const known = read(file);
  if (known !== undefined && (await isValid(`ApiKey ${known}`))) return said(file, 'is valid, stays');
  const rights = { cluster: ['monitor'], indices: [{ names: ['ditag-*'], privileges: ['all'] }] };
  const body = { name: 'ditag', role_descriptors: { ditag: rights } };
  const { encoded } = (await ask('POST', '/_security/api_key', elastic, body)) as { encoded: string };
  write(file, encoded);
}

/** Kibana takes no secret from a file, but a second configuration file. */
async function makeToken(file: string): Promise<void> {
  const known = /^elasticsearch\.serviceAccountToken: "(.+)"$/m.exec(read(file) ?? '')?.[1];
  if (known !== undefined && (await isValid(`Bearer ${known}`))) return said(file, 'is valid, stays');
  // A token of this name whose value is lost.
  await send('DELETE', TOKEN, elastic);
  const { token } = (await ask('POST', TOKEN, elastic)) as { token: { value: string } };
  write(file, `elasticsearch.serviceAccountToken: "${token.value}"\n`);
}

/** Throws where the answer is neither yes nor no. */
async function isValid(authorization: string): Promise<boolean> {
  const { ok, status } = await send('GET', '/_security/_authenticate', authorization);
  if (!ok && status !== 401) throw new Error(`status ${status}`);
  return ok;
}

async function ask(method: string, path: string, authorization: string, body?: object): Promise<unknown> {
  const response = await send(method, path, authorization, body);
  if (!response.ok) throw new Error(`${method} ${path}: status ${response.status}`);
  return response.json();
}

function send(method: string, path: string, authorization: string, body?: object): Promise<Response> {
  const headers = { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
  return fetch(`${url}${path}`, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
}

function read(file: string): string | undefined {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : undefined;
}

/** A file that others read gets its name when it is whole. */
function write(file: string, text: string): void {
  fs.writeFileSync(`${file}.new`, text, { mode: 0o600 });
  fs.renameSync(`${file}.new`, file);
  said(file, 'made');
}

function said(file: string, what: string): void {
  process.stdout.write(`${file}: ${what}\n`);
}
