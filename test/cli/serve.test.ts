// `ditag serve`: the HTTP API over an index on this machine, started as users do, asked over a real socket.
import assert from 'node:assert/strict';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Problem } from '../../services/api/schemas.ts';
import { blocksOf, readPage } from '../docs/markdown.ts';
import { runDitag, startDitag, temporaryFolder } from './run-ditag.ts';

const SAMPLES = path.join(import.meta.dirname, '..', 'samples');
const home = temporaryFolder({ after });
let url = '';
let served: ReturnType<typeof startDitag>;

before(async () => {
  assert.equal((await runDitag(['index', '--archive', SAMPLES, '--quiet'], { home })).code, 0);
  served = startDitag(['serve', '--port', '0'], { home });
  let told = '';
  for await (const data of served.child.stderr!) {
    told += String(data);
    url = /http:\/\/[^\s/]+/.exec(told)?.[0] ?? '';
    if (url !== '') break;
  }
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/, told);
});

after(() => served.child.kill('SIGKILL'));

const ask = (where: string, body: unknown) =>
  fetch(`${url}${where}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const printed = async (...args: string[]) => (await runDitag(['query', ...args], { home })).stdout;

test('what is wrong with a question is told with the field', async () => {
  for (const [where, body, field] of [
    ['/query', { targets: 'Modality', pattern: '(' }, 'pattern'],
    ['/query', { sdate: '20269901' }, 'sdate'],
    ['/query', { edate: 'yesterday' }, 'edate'],
    ['/query', { columns: 'Modalty' }, 'columns'],
    ['/query', { where: ['Modality'] }, 'where'],
    ['/query', { limit: 'all' }, 'limit'],
    ['/query', { limits: 1 }, 'limits'],
    ['/facets', {}, 'attributes'],
    ['/facets', { attributes: ['Modality', 'Modalty'] }, 'attributes.1'],
    ['/rows', { orderBy: 'PatientID', after: 'nowhere' }, 'after'],
  ] as const) {
    const answer = await ask(where, body);
    const problem = (await answer.json()) as Problem;
    assert.deepEqual(
      [answer.status, problem.field],
      [400, field],
      `${where} ${JSON.stringify(body)}: ${problem.title}`,
    );
  }
});

test('rows are those of the command line, byte for byte, in each format', async () => {
  const asked = {
    sdate: '19900101',
    where: ['Modality=^(CT|MR)$'],
    whereNot: ['PatientName=^$'],
    columns: 'Modality,Rows',
  };
  const options = [
    '--sdate=19900101',
    '--where=Modality=^(CT|MR)$',
    '--where-not=PatientName=^$',
    '--columns=Modality,Rows',
  ];
  for (const format of ['csv', 'json', 'ndjson'] as const) {
    const response = await ask('/query', { ...asked, format });
    assert.equal(response.status, 200);
    const text = await response.text();
    assert.equal(text, await printed(...options, `--format=${format}`));
    assert.ok(text.length > 200, text);
  }
  const everything = await (await ask('/query', {})).text();
  assert.equal(everything, await printed());
  const three = await (await ask('/query', { limit: 3 })).text();
  assert.equal(three, everything.split('\n').slice(0, 4).join('\n').concat('\n'));
  assert.equal(await (await ask('/query', { limit: 0, format: 'ndjson' })).text(), '');
  assert.equal(await (await ask('/query', { where: ['Modality=no such'], format: 'ndjson' })).text(), '');
});

test('rows come in any order, page by page', async () => {
  const everything = JSON.parse(await printed('--format=json', '--columns=Modality')) as Record<string, string>[];
  for (const descending of [false, true]) {
    const got: Record<string, string>[] = [];
    let after: string | undefined;
    do {
      const body = { columns: 'Modality', orderBy: 'Modality', descending, rows: 7, ...(after && { after }) };
      const page = (await (await ask('/rows', body)).json()) as { rows: Record<string, string>[]; next?: string };
      got.push(...page.rows);
      after = page.next;
    } while (after !== undefined);
    // A sort that is stable keeps the order of all answers.
    const wanted = everything.toSorted((a, b) =>
      a['Modality']! < b['Modality']! ? -1 : a['Modality']! > b['Modality']! ? 1 : 0,
    );
    assert.deepEqual(got, descending ? wanted.reverse() : wanted);
  }
  assert.equal((await ask('/rows', { after: 'x' })).status, 400);
});

test('facets count what the query selects', async () => {
  const answer = await ask('/facets', { where: ['Modality=^(CT|MR)$'], attributes: ['Modality'], dates: 'year' });
  const { series, attributes, dates } = (await answer.json()) as {
    series: number;
    attributes: [{ values: { value: string; series: number }[]; otherSeries: number }];
    dates: { series: number }[];
  };
  const [{ values, otherSeries }] = attributes;
  assert.deepEqual(values.map(({ value }) => value).sort(), ['CT', 'MR']);
  for (const { value, series: n } of values)
    assert.equal(`${n}\n`, await printed(`--where=Modality=^${value}$`, '--count'));
  assert.equal(otherSeries, 0);
  assert.equal(
    dates.reduce((sum, { series: n }) => sum + n, 0),
    series,
  );
});

test('a study is told with its series', async () => {
  const columns = '--columns=StudyInstanceUID,Modality,SeriesNumber,AccessionNumber';
  const all = JSON.parse(await printed('--format=json', columns)) as Record<string, string>[];
  const [StudyInstanceUID, wanted] = Object.entries(Object.groupBy(all, (one) => one['StudyInstanceUID']!))
    .filter(([uid]) => uid !== '')
    .sort(([, a], [, b]) => b!.length - a!.length)[0]!;
  assert.ok(wanted!.length > 1);
  const series = wanted!.map(({ StudyInstanceUID: _, ...one }) => one);
  assert.deepEqual(await (await fetch(`${url}/studies/${StudyInstanceUID}`)).json(), { StudyInstanceUID, series });
});

test('statistics are those of `ditag stats`', async () => {
  const { stdout } = await runDitag(['stats', '--format=json'], { home });
  assert.deepEqual(await (await fetch(`${url}/statistics`)).json(), JSON.parse(stdout));
});

test('what is wrong with a request is told as a problem, with the field or the sentence of the command line', async () => {
  const { next } = (await (await ask('/rows', { rows: 3 })).json()) as { next: string };
  const cases: [where: string, body: unknown, expected: Record<string, unknown>][] = [
    ['/rows', { columns: new Array(101).fill('Rows').join(',') }, { status: 400 }],
    ['/query', { limit: -1 }, { status: 400, field: 'limit' }],
    ['/query', { limit: '3' }, { status: 400, field: 'limit' }],
    ['/query', { wheer: [] }, { status: 400, field: 'wheer' }],
    ['/query', { where: [1] }, { status: 400, field: 'where.0' }],
    ['/facets', { attributes: ['Rows'] }, { status: 400, field: 'attributes.0' }],
    ['/facets', {}, { status: 400 }],
    ['/query', { where: ['Modalty=CT'] }, { status: 400, code: 'unknown-tag' }],
    ['/query', { date: 'today' }, { status: 400, code: 'bad-date' }],
    ['/query', { targets: 'Modality', pattern: '(' }, { status: 400, code: 'bad-pattern', field: 'pattern' }],
    ['/query', { targets: 'Modality', pattern: 'M', where: ['Modality=('] }, { code: 'bad-pattern', field: 'where' }],
    ['/facets', { attributes: [], where: ['Modality=M'], whereNot: ['Modality=('] }, { field: 'whereNot' }],
    ['/query', { sdate: '20300101', edate: '20200101' }, { code: 'date-order', field: 'sdate' }],
    ['/query', { sdate: 'x', edate: '20200101' }, { code: 'bad-date', field: 'sdate' }],
    ['/rows', { after: 'anywhere' }, { code: 'bad-place', field: 'after' }],
    ['/rows', { after: next, orderBy: 'Modality' }, { code: 'bad-place', field: 'after' }],
  ];
  for (const [where, body, expected] of cases) {
    const response = await ask(where, body);
    assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json\b/);
    const problem = (await response.json()) as Record<string, unknown>;
    assert.equal(response.status, 400);
    for (const [name, value] of Object.entries(expected)) assert.equal(problem[name], value, JSON.stringify(problem));
    assert.ok(typeof problem['title'] === 'string');
  }
  const huge = await ask('/query', { pattern: 'x'.repeat(2 * 1024 * 1024) });
  assert.equal(huge.status, 413);
  // An address that no handler ever sees.
  const unreadable = await fetch(`${url}/series/%ff%00`);
  assert.equal(unreadable.status, 400);
  assert.match(unreadable.headers.get('content-type') ?? '', /^application\/problem\+json/);
  assert.doesNotMatch(await unreadable.text(), /%ff/);
});

test('the examples of its page are answered', async () => {
  const blocks = blocksOf(readPage('docs/api.md'));
  const rows = await ask('/query', JSON.parse(blocks.find(({ info }) => info === 'json')!.text));
  assert.equal(rows.status, 200, await rows.text());
  const curl = blocks.find(({ text }) => text.startsWith('curl '))!.text;
  const [, where, body] = /127\.0\.0\.1:8080(\/\w+) .* -d '(.*)'$/m.exec(curl)!;
  const counts = await ask(where!, JSON.parse(body!));
  assert.equal(counts.status, 200, await counts.text());
});

test('the API describes itself', async () => {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as {
    openapi: string;
    paths: Record<string, unknown>;
  };
  assert.equal(document.openapi, '3.1.0');
  // Which routes these are, and who may call them: serve-access.test.ts.
  for (const route of ['/query', '/facets', '/series/{uid}', '/jobs']) assert.ok(document.paths[route], route);
});

test('a page from elsewhere cannot read it: by another name, or as another origin', async () => {
  const byName = await new Promise<number | undefined>((resolve, reject) => {
    const request = http.get(`${url}/statistics`, { headers: { host: 'elsewhere.example' } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on('error', reject);
  });
  assert.equal(byName, 421);
  const answer = await fetch(`${url}/statistics`, { headers: { origin: 'http://elsewhere.example' } });
  assert.equal(answer.headers.get('access-control-allow-origin'), null);
  const header = (name: string) => answer.headers.get(name) ?? '';
  assert.equal(header('strict-transport-security'), '');
  assert.equal(header('x-content-type-options'), 'nosniff');
  assert.match(header('content-security-policy'), /^default-src 'none'; script-src 'self';.*frame-ancestors 'none'$/);
  assert.deepEqual(
    ['cache-control', 'cross-origin-opener-policy', 'cross-origin-resource-policy', 'referrer-policy'].map(header),
    ['no-store', 'same-origin', 'same-origin', 'no-referrer'],
  );
  assert.equal((await fetch(`${url}/query`, { method: 'POST', body: '{}' })).status, 415);
});

test('paths that lead elsewhere lead nowhere', async () => {
  const statusOf = (where: string) =>
    new Promise<[number | undefined, string | undefined]>((resolve, reject) => {
      const { hostname, port } = new URL(url);
      // As it stands: `fetch` would make the path plain first.
      http
        .get({ hostname, port, path: where }, (response) => {
          response.resume();
          resolve([response.statusCode, response.headers['content-type']]);
        })
        .on('error', reject);
    });
  for (const where of [
    '/../package.json',
    '/%2e%2e/main.js',
    '/..%2fmain.js',
    '/nothing',
    '/page.js%00.html',
    '//etc/passwd',
  ]) {
    const [status, type] = await statusOf(where);
    assert.ok(status === 403 || status === 404 || status === 400, `${where}: ${status}`);
    assert.match(type ?? '', /^application\/problem\+json/, where);
  }
});

test('it lives, is ready, and has metrics', async () => {
  for (const where of ['health', 'ready', 'metrics']) assert.equal((await fetch(`${url}/${where}`)).status, 200, where);
});

test('it needs an index and a free port, and beyond loopback TLS', async () => {
  const open = await runDitag(['serve', '--host', '0.0.0.0', '--port', '0'], { home });
  assert.equal(open.code, 2);
  assert.match(open.stderr, /^0\.0\.0\.0 can be reached from other machines/);
  const taken = await runDitag(['serve', '--port', new URL(url).port], { home });
  assert.deepEqual([taken.code, /EADDRINUSE/.test(taken.stderr)], [2, true], taken.stderr);
  const none = await runDitag(['serve', '--port', '0'], { home: temporaryFolder({ after }) });
  assert.deepEqual([none.code, /^There is no index/.test(none.stderr)], [2, true], none.stderr);
});

test('Ctrl-C ends it', async () => {
  served.child.kill('SIGINT');
  const { code, stderr } = await served.ended;
  assert.equal(code, 0, stderr);
});
