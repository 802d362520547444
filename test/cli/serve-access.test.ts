// Who may ask `ditag serve` what: tokens and roles, TLS, what is written down, and how much one address can hold of it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROLES, type Role } from '../../core/access/access.ts';
import { isHere } from '../../scripts/parts/parts.ts';
import { makeCertificates } from '../certificates.ts';
import { runDitag, startDitag, temporaryFolder } from './run-ditag.ts';
import { type Serving, startServing } from './serving.ts';
import { assertWholeTable, mayTable, tryEachCell } from './who-may-do-what.ts';

const SAMPLES = path.join(import.meta.dirname, '..', 'samples');
const home = temporaryFolder({ after });
const tokens = new Map<Role, string>();
let beyond: Serving;

async function token(...args: string[]) {
  return runDitag(['token', ...args], { home });
}

before(async () => {
  assert.equal((await runDitag(['index', '--archive', SAMPLES, '--quiet'], { home })).code, 0);
  for (const role of ROLES) {
    const { stdout, stderr, code } = await token('create', `for-${role}`, '--role', role);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^ditag_[\w-]{43}\n$/);
    tokens.set(role, stdout.trim());
  }
  beyond = await startServing(home, '--host', '0.0.0.0', '--plain-http');
});
after(() => beyond.stop());

const UID = '1.2.276.0.7230010.3.1.3.296485376.1.1521713419.1802493';
const MAY = mayTable({ uid: UID, preview: 200, send: 409 });

test('each role may do what it is for, and nothing else; without a token nothing is told', () =>
  tryEachCell(beyond.ask, tokens, MAY));

test('the table above has every route that the API says it has', () => assertWholeTable(beyond.ask, UID, MAY));

test('events are for those with a token', async () => {
  assert.equal((await beyond.ask('GET', '/jobs/events')).status, 401);
  const answer = await beyond.ask('GET', '/jobs/events', { token: tokens.get('read') });
  assert.equal(answer.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  const reader = answer.body!.getReader();
  assert.match(new TextDecoder().decode((await reader.read()).value), /^data: \{"jobs":\[/);
  await reader.cancel();
});

test('what is no token, was revoked or has run out opens nothing', async () => {
  const wrong = [
    '',
    'Bearer',
    'Bearer ',
    `Basic ${tokens.get('admin')}`,
    `Bearer ${tokens.get('admin')}x`,
    'Bearer ditag_',
  ];
  for (const authorization of wrong) {
    const answer = await fetch(`${beyond.url}/statistics`, { headers: { authorization } });
    assert.equal(answer.status, 401, authorization);
  }
  const { stdout } = await token('create', 'short', '--role', 'read', '--days', '1');
  const text = stdout.trim();
  assert.equal((await beyond.ask('GET', '/statistics', { token: text })).status, 200);
  const listed = (await token('list')).stdout;
  assert.match(listed, /^short {2}read {2}since \S+Z {2}until \S+Z$/m);
  assert.match(listed, /^for-admin {2}admin {2}since \S+Z {2}until it is revoked$/m);
  assert.ok(!listed.includes(text.slice(6)), 'the text is nowhere');
  assert.equal((await token('revoke', 'short')).code, 0);
  assert.equal((await beyond.ask('GET', '/statistics', { token: text })).status, 401, 'at once');
});

test('who came without a token that is valid is written down, once for many', async () => {
  const refused = async () =>
    (await token('trail')).stdout.split('\n').filter((line) => /,,127\.0\.0\.1,\w+ \/\w*,401,,/.test(line));
  for (let tries = 0; tries < 20; tries++) assert.equal((await beyond.ask('GET', '/archives')).status, 401);
  const lines = await refused();
  assert.ok(lines.length >= 1 && lines.length < 20, `${lines.length} lines`);
});

test('metrics are numbers of what was asked, and name nobody', async () => {
  const read = async () => (await beyond.ask('GET', '/metrics', { token: tokens.get('read') })).text();
  const value = (text: string, name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)![1]);
  const before = await read();
  await (await beyond.ask('POST', '/query', { token: tokens.get('read'), body: { limit: 3 } })).text();
  await beyond.ask('POST', '/query', { body: {} });
  const after = await read();
  const grown = (name: string) => value(after, name) - value(before, name);
  // Those of before are among them.
  assert.equal(grown('ditag_api_requests_total'), 3);
  assert.equal(grown('ditag_api_rows_total'), 3);
  assert.equal(grown('ditag_api_refused_total'), 1);
  assert.equal(grown('ditag_api_failed_total'), 0);
  assert.ok(grown('ditag_api_seconds_total') > 0);
  assert.equal(value(after, 'ditag_api_requests_running'), 1);
  assert.equal(value(after, 'ditag_api_jobs_running'), 0);
  assert.doesNotMatch(after, /for-read|127\.0\.0\.1/);
});

test('the texts of tokens are kept nowhere', () => {
  const folder = path.join(home, '.ditag');
  for (const name of fs.readdirSync(folder)) {
    const file = path.join(folder, name);
    if (!fs.statSync(file).isFile()) continue;
    const bytes = fs.readFileSync(file).toString('latin1');
    for (const text of tokens.values()) assert.ok(!bytes.includes(text.slice(6)), name);
    if (name.startsWith('dicom.db')) assert.equal(fs.statSync(file).mode & 0o077, 0, name);
  }
});

test('tokens that make no sense are refused with a sentence', async () => {
  const refused = async (sentence: RegExp, ...args: string[]) => {
    const { code, stdout, stderr } = await token(...args);
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, sentence);
  };
  await refused(/"a b" is no name/, 'create', 'a b', '--role', 'read');
  await refused(/--role "" is not valid: choose one of read, export, operate, admin/, 'create', 'x');
  await refused(/--role "root"/, 'create', 'x', '--role', 'root');
  await refused(/--days "0"/, 'create', 'x', '--role', 'read', '--days', '0');
  await refused(/a token for-read already/, 'create', 'for-read', '--role', 'read');
  await refused(/no token nobody/, 'revoke', 'nobody');
});

test('who asked what, and how many rows they got, is written down', async () => {
  const before = (await token('trail')).stdout.split('\n').length;
  const body = { where: ['Modality=^CT$'], limit: 2 };
  assert.equal(
    (await (await beyond.ask('POST', '/query', { token: tokens.get('read'), body })).text()).split('\n').length,
    4,
  );
  assert.equal((await beyond.ask('POST', '/query', { token: tokens.get('read'), body: {} })).status, 403);
  // That it has ended is written when it has.
  let added: string[] = [];
  for (let tries = 0; tries < 50 && added.length < 4; tries++)
    added = (await token('trail')).stdout
      .trimEnd()
      .split('\n')
      .slice(before - 1)
      .filter((line) => !line.includes(',401,'));
  const [asked, ended, refused, refusedEnd] = added.map((line) => line.slice(line.indexOf(',') + 1));
  assert.match(asked!, /^\d{4}-\S+Z,for-read,127\.0\.0\.1,POST \/query,0,,"\{.*Modality=\^CT\$/);
  assert.match(ended!, /^\d{4}-\S+Z,for-read,127\.0\.0\.1,POST \/query,200,2,"\{.*Modality=\^CT\$/);
  assert.match(refused!, /,for-read,127\.0\.0\.1,POST \/query,0,/);
  assert.match(refusedEnd!, /,for-read,127\.0\.0\.1,POST \/query,403,/);
  assert.deepEqual(new Set(added.map((line) => line.split(',')[0])).size, 2, 'an id a request');
  const trail = await beyond.ask('GET', '/trail', { token: tokens.get('admin') });
  const entries = (await trail.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { what: string });
  assert.ok(entries.some(({ what }) => what === 'token create'));
  assert.ok(!JSON.stringify(entries).includes(tokens.get('read')!.slice(6)));
});

test('what is done stands in the trail, whatever else a request says', async () => {
  const admin = tokens.get('admin');
  const trailOf = async () =>
    (await (await beyond.ask('GET', '/trail', { token: admin })).text()).trimEnd().split('\n');
  const detail = async (what: string) => {
    for (let tries = 0; tries < 50; tries++) {
      const found = (await trailOf())
        .map((line) => JSON.parse(line) as { what: string; detail: string; status: number })
        .findLast((entry) => entry.what === what && entry.status !== 0);
      if (found !== undefined) return JSON.parse(found.detail) as Record<string, unknown>;
      await sleep(50);
    }
    throw new Error(`nothing of ${what}`);
  };
  assert.equal((await beyond.ask('GET', `/series/${UID}?uid=9.9.9`, { token: admin })).status, 200);
  assert.equal((await detail('GET /series/:uid'))['uid'], UID);
  const long = '%01'.repeat(4_000);
  const body = { where: ['PatientName=told'], limit: 1 };
  const asked = await beyond.ask('POST', `/query?x=${long}&limit=5`, { token: admin, body });
  assert.equal(asked.status, 200);
  await asked.text();
  assert.ok((await trailOf()).some((line) => line.includes('{\\"where\\":[\\"PatientName=told\\"],\\"limit\\":1')));
  // What cannot be written down is the fault of who asks, not of the trail.
  const deep = JSON.parse(`${'['.repeat(4_000)}${']'.repeat(4_000)}`) as unknown;
  const answer = await beyond.ask('POST', '/query', { token: admin, body: { where: deep } });
  assert.equal(answer.status, 400);
});

test('beyond this machine it wants TLS, or to be told that a proxy has it', async () => {
  const { code, stderr } = await runDitag(['serve', '--port', '0', '--host', '0.0.0.0'], { home });
  assert.equal(code, 2);
  assert.match(stderr, /0\.0\.0\.0 can be reached from other machines.*--tls-cert/);
  const half = await runDitag(['serve', '--port', '0', '--tls-cert', 'a.pem'], { home });
  assert.match(half.stderr, /give both --tls-cert and --tls-key/);
  const useless = path.join(home, 'useless.pem');
  fs.writeFileSync(useless, 'no certificate');
  const notPem = await runDitag(['serve', '--port', '0', '--tls-cert', useless, '--tls-key', useless], { home });
  assert.match(notPem.stderr, /^TLS cannot use \S+useless\.pem: there is no certificate in it\. [^\n]+\n$/);
  assert.equal(notPem.code, 2);
});

test('over TLS it shows its certificate, and speaks nothing older than TLS 1.2', async (t) => {
  if (!isHere(t, makeCertificates(home), 'there is no openssl (Debian package openssl)')) return;
  const args = ['--tls-cert', path.join(home, 'server.pem'), '--tls-key', path.join(home, 'server.key')];
  const served = await startServing(home, '--host', '0.0.0.0', ...args);
  t.after(() => served.stop());
  const port = Number(new URL(served.url).port);
  const get = (options: https.RequestOptions) =>
    new Promise<number>((resolve, reject) => {
      const headers = { authorization: `Bearer ${tokens.get('read')}` };
      https
        .get(
          {
            host: 'localhost',
            port,
            path: '/statistics',
            headers,
            ca: fs.readFileSync(path.join(home, 'ca.pem')),
            ...options,
          },
          (answer) => {
            answer.resume();
            assert.equal(answer.headers['strict-transport-security'], 'max-age=15768000');
            resolve(answer.statusCode!);
          },
        )
        .on('error', reject);
    });
  assert.equal(await get({}), 200);
  assert.equal(await get({ headers: {} }), 401);
  await assert.rejects(get({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }));
  await assert.rejects(get({ ca: undefined }), /self.signed|unable to verify/i);
});

test('a thousand slow connections of one address leave room for others', async () => {
  const port = Number(new URL(beyond.url).port);
  const sockets: net.Socket[] = [];
  try {
    for (let n = 0; n < 1_000; n++) {
      const socket = net.connect({ host: '127.0.0.1', port });
      socket.on('error', () => {});
      socket.write('POST /query HTTP/1.1\r\nHost: localhost\r\n');
      sockets.push(socket);
    }
    const status = await new Promise<number>((resolve, reject) => {
      const request = new net.Socket();
      request.connect({ host: '127.0.0.1', port, localAddress: '127.0.0.2' });
      request.once('data', (data) => resolve(Number(String(data).split(' ')[1])));
      request.once('error', reject);
      request.once('close', () => reject(new Error('refused')));
      request.end('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    });
    assert.equal(status, 200);
    // What the server has ended the client learns a little later.
    const open = () => sockets.filter((socket) => !socket.destroyed && socket.readyState === 'open').length;
    for (let tries = 0; tries < 100 && open() > 64; tries++) await sleep(20);
    assert.ok(open() <= 64, `${open()} are open`);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

test('who does not come to the end of a request is not waited for', async () => {
  const port = Number(new URL(beyond.url).port);
  const seconds = await new Promise<number>((resolve) => {
    const began = performance.now();
    // From an address of its own: of that before it may have as many connections left as it is granted.
    const socket = net.connect({ host: '127.0.0.1', port, localAddress: '127.0.0.3' });
    socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\nX-More: ');
    socket.resume();
    // How it is ended does not matter; an error is followed by 'close'.
    socket.on('error', () => {});
    socket.once('close', () => resolve((performance.now() - began) / 1000));
  });
  assert.ok(seconds > 8 && seconds < 25, `${seconds} s`);
});

test('behind a proxy callers are told apart, and need tokens on loopback, too', async () => {
  const served = await startServing(home, '--proxy', '127.0.0.1,10.1.0.0/16');
  try {
    const rows = (forwarded: string, bearer = tokens.get('read')) =>
      fetch(`${served.url}/query`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-forwarded-for': forwarded,
          ...(bearer === '' ? {} : { authorization: `Bearer ${bearer}` }),
        },
        body: JSON.stringify({ limit: 1 }),
      }).then(async (answer) => {
        await answer.text();
        return answer.status;
      });
    assert.equal(await rows('192.0.2.1', ''), 401);
    assert.equal(await rows('192.0.2.1'), 200);
    // What the caller wrote itself stands on the left, and is not believed.
    assert.equal(await rows('1.2.3.4, 192.0.2.2, 10.1.3.4'), 200);
    const from = new Set(
      (await token('trail')).stdout.split('\n').flatMap((line) => line.match(/\b192\.0\.2\.\d|1\.2\.3\.4/) ?? []),
    );
    assert.deepEqual([...from].sort(), ['192.0.2.1', '192.0.2.2']);
    // A proxy that hands on anything: what is no address is none in the trail.
    assert.equal(await rows('Invented^Name'), 200);
    assert.ok(!(await token('trail')).stdout.includes('Invented'));
    let status = 200;
    for (let n = 0; n < 2_000 && status !== 429; n += 20)
      for (const one of await Promise.all(Array.from({ length: 20 }, () => rows('192.0.2.3', 'none'))))
        if (one === 429) status = one;
    assert.deepEqual([status, await rows('192.0.2.1')], [429, 200]);
  } finally {
    served.stop();
  }
  const wrong = await runDitag(['serve', '--port', '0', '--proxy', 'proxy.example'], { home });
  assert.deepEqual([wrong.code, /"proxy\.example" is not valid: give IP addresses/.test(wrong.stderr)], [2, true]);
});

test('a body that is too large is refused before it is read', async () => {
  const status = await new Promise<number>((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${tokens.get('export')}`,
      'content-type': 'application/json',
      'content-length': 9e6,
    };
    const request = http.request(`${beyond.url}/query`, { method: 'POST', headers }, (answer) => {
      resolve(answer.statusCode!);
      request.destroy();
    });
    request.once('error', reject);
    request.flushHeaders();
  });
  assert.equal(status, 413);
});

test('a body that does not say how long it is is read no further than it may be', async () => {
  const tries: { readonly status: number; readonly sent: number }[] = [];
  // Who goes on sending may find the connection cut before the answer is read.
  while (tries.length < 20 && tries.at(-1)?.status !== 413) tries.push(await sendWithoutEnd());
  assert.equal(tries.at(-1)!.status, 413, JSON.stringify(tries));
  for (const { sent } of tries) assert.ok(sent < 32e6, `${sent} bytes were taken`);
});

/** Status 0: the connection was cut. */
async function sendWithoutEnd(): Promise<{ readonly status: number; readonly sent: number }> {
  let sent = 0;
  const status = await new Promise<number>((resolve, reject) => {
    const headers = { authorization: `Bearer ${tokens.get('export')}`, 'content-type': 'application/json' };
    const request = http.request(`${beyond.url}/query`, { method: 'POST', headers }, (answer) => {
      resolve(answer.statusCode!);
      request.destroy();
    });
    request.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(0) : reject(error),
    );
    const chunk = `"${'x'.repeat(65_534)}"`;
    const send = () => {
      if (request.destroyed || sent > 64e6) return;
      sent += chunk.length;
      request.write(chunk, () => setImmediate(send));
    };
    request.write('{"where": [');
    send();
  });
  return { status, sent };
}

test('no path leads out of the page, and nothing that is asked becomes a header', async () => {
  const port = Number(new URL(beyond.url).port);
  /** As it stands: no client here tidies it up. */
  const raw = (target: string, more = '') =>
    new Promise<string>((resolve, reject) => {
      let told = '';
      const socket = net.connect({ host: '127.0.0.1', port, localAddress: '127.0.0.4' });
      socket.on('data', (data) => (told += String(data)));
      socket.once('close', () => resolve(told));
      socket.once('error', reject);
      const authorization = `Authorization: Bearer ${tokens.get('admin')}\r\n`;
      socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n${authorization}${more}Connection: close\r\n\r\n`);
    });
  const up = ['../', '..%2f', '%2e%2e/', '%2e%2e%2f', '..\\', '..%5c', '....//', '..%00/', '%252e%252e%252f'];
  for (const one of up)
    for (const target of [
      `/${one.repeat(8)}etc/passwd`,
      `/${one.repeat(2)}package.json`,
      `/assets/${one.repeat(3)}cli/main.ts`,
    ]) {
      const told = await raw(target);
      assert.match(told, /^HTTP\/1\.1 (?:400|403|404) /, `${target}: ${told.slice(0, 100)}`);
      assert.doesNotMatch(told, /root:|"dependencies"|commander/);
    }
  const lines = ['%0d%0aSet-Cookie:x=1', '%0aSet-Cookie:x=1', '%E5%98%8ASet-Cookie:x=1', '%00'];
  for (const line of lines)
    for (const target of [
      `/projects/a${line}/report?format=csv`,
      `/series/1.2${line}`,
      `/series/1.2${line}/preview.png`,
      `/archives/skipped?archive=a${line}`,
      `/jobs/a${line}`,
      `/${line}`,
    ]) {
      const [head] = (await raw(target)).split('\r\n\r\n');
      assert.match(head!, /^HTTP\/1\.1 (?:200|400|403|404) /, `${target}: ${head}`);
      assert.doesNotMatch(head!, /^set-cookie/im, target);
    }
  // Two lengths, or a length and chunks: whoever stands between might see other requests than this server.
  for (const more of [
    'Content-Length: 1\r\nContent-Length: 2\r\n',
    'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n',
  ])
    assert.match(await raw('/health', more), /^HTTP\/1\.1 400 /, more);
});

test('an address that asks without end is told to wait', async () => {
  let status = 200;
  for (let n = 0; n < 2_000 && status !== 429; n += 20) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => beyond.ask('GET', '/health')));
    for (const answer of answers) if (answer.status === 429) status = 429;
  }
  assert.equal(status, 429);
});

test('Ctrl-C ends it, with a stream of events open', async () => {
  const served = startDitag(['serve', '--port', '0'], { home });
  let told = '';
  for await (const data of served.child.stderr!) {
    told += String(data);
    if (told.includes('Serving')) break;
  }
  const url = /http:\/\/[^\s/]+/.exec(told)![0];
  const answer = await fetch(`${url}/jobs/events`);
  assert.equal(answer.status, 200);
  served.child.kill('SIGINT');
  assert.equal((await served.ended).code, 0);
  await answer.body?.cancel().catch(() => {});
});
