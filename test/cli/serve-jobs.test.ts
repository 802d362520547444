// What is started over HTTP, against a real Orthanc: a send, and a project from accession numbers to a download; and looking
// at an archive again. Watched by events, ended when asked.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { partOrSkip } from '../../scripts/parts/parts.ts';
import type { JobAnswer, JobsAnswer, Problem } from '../../services/api/schemas.ts';
import { type MadeSeries, makeAccessionArchive } from '../projects/accession-archive.ts';
import { HOST, type RunningOrthanc } from '../projects/orthanc-here.ts';
import { runDitag, temporaryFolder } from './run-ditag.ts';
import { orthancOf, type Serving, startServing } from './serving.ts';

const INSTANCES = 60;

describe('jobs of the API', { concurrency: 1 }, () => {
  const releases: (() => void)[] = [];
  const home = temporaryFolder({ after: (release) => releases.push(release) });
  const archive = path.join(home, 'archive');
  const output = path.join(home, 'downloads');
  let made: MadeSeries[] = [];
  let served: Serving;
  let orthanc: Promise<RunningOrthanc>;

  before(async () => {
    made = makeAccessionArchive(archive, 'plain', INSTANCES);
    assert.equal((await runDitag(['index', '--archive', archive, '--quiet'], { home })).code, 0);
    orthanc = orthancOf(home);
    // Each test that needs it says so.
    await orthanc.catch(() => {});
    served = await startServing(home, '--output', output);
  });
  after(async () => {
    served.stop();
    await orthanc.then(
      (pacs) => pacs.stop(),
      () => {},
    );
    for (const release of releases) release();
  });

  async function start(operation: object): Promise<string> {
    const answer = await served.ask('POST', '/jobs', { body: operation });
    const job = (await answer.json()) as JobAnswer;
    assert.equal(answer.status, 202, JSON.stringify(job));
    assert.equal(job.status, 'running');
    return job.id;
  }

  /** Watches the events until the job has ended; gives what each event said of it. */
  async function watch(id: string): Promise<JobsAnswer['jobs']> {
    const answer = await served.ask('GET', '/jobs/events');
    const told: JobsAnswer['jobs'] = [];
    let rest = '';
    for await (const part of answer.body!.pipeThrough(new TextDecoderStream())) {
      const events = (rest + part).split('\n\n');
      rest = events.pop()!;
      for (const event of events.filter((each) => each.startsWith('data: '))) {
        const { jobs } = JSON.parse(event.slice('data: '.length)) as JobsAnswer;
        told.push(jobs.find((job) => job.id === id)!);
      }
      if (told.at(-1)?.status !== 'running') break;
    }
    return told;
  }

  const job = async (id: string) => (await (await served.ask('GET', `/jobs/${id}`)).json()) as JobAnswer;

  test('an archive that is known is looked at again; any other is not', async () => {
    const id = await start({ operation: 'index', archive });
    assert.equal((await watch(id)).at(-1)!.status, 'done');
    assert.match((await job(id)).lines.join('\n'), /^Files: \d+ \(0 read, \d+ unchanged/m);
    const other = await served.ask('POST', '/jobs', { body: { operation: 'index', archive: home } });
    assert.equal(other.status, 400);
    const { field, title } = (await other.json()) as Problem;
    assert.equal(field, 'archive');
    assert.match(title, /has to be one that is indexed already/);
  });

  test('copies are looked for, and listed', async () => {
    const id = await start({ operation: 'copies' });
    const last = (await watch(id)).at(-1)!;
    assert.deepEqual([last.status, last.hasResults], ['done', true], (await job(id)).lines.join('\n'));
    const results = await (await served.ask('GET', `/jobs/${id}/results`)).text();
    assert.match(results, /^SOPInstanceUID,kind,SeriesInstanceUID,archive,/);
    assert.equal(results, (await runDitag(['copies', '--quiet'], { home })).stdout);
  });

  test('series are sent, and the results say of each instance what became of it', async (t) => {
    const pacs = await partOrSkip(t, () => orthanc);
    if (pacs === undefined) return;
    const known = (await (await served.ask('GET', '/projects')).json()) as { pacs: string };
    assert.equal(known.pacs, `ORTHANC at ${HOST}:${pacs.port}`);
    const series = [...new Set(made.map(({ SeriesInstanceUID }) => SeriesInstanceUID))];
    const id = await start({ operation: 'send', series });
    const last = (await watch(id)).at(-1)!;
    assert.deepEqual([last.status, last.hasResults], ['done', true], (await job(id)).lines.join('\n'));
    const results = (await (await served.ask('GET', `/jobs/${id}/results`)).text()).trimEnd().split('\n');
    const instances = made.reduce((sum, { files }) => sum + files.size, 0);
    assert.equal(results.length - 1, instances);
    assert.ok(
      results.slice(1).every((line) => line.includes(',stored,')),
      results[1],
    );
  });

  test('accession numbers become a project, a report and a complete download', async (t) => {
    const pacs = await partOrSkip(t, () => orthanc);
    if (pacs === undefined) return;
    const accessions = [...new Set(made.map(({ AccessionNumber }) => AccessionNumber))];
    const asked = await start({ operation: 'project-index', project: 'over-http', accessions });
    assert.equal((await watch(asked)).at(-1)!.status, 'done', (await job(asked)).lines.join('\n'));
    assert.deepEqual(((await (await served.ask('GET', '/projects')).json()) as { projects: string[] }).projects, [
      'over-http',
    ]);
    const loaded = await start({ operation: 'project-download', project: 'over-http', method: 'get' });
    assert.equal((await watch(loaded)).at(-1)!.status, 'done', (await job(loaded)).lines.join('\n'));
    const instances = made.reduce((sum, { files }) => sum + files.size, 0);
    const report = (await (await served.ask('GET', '/projects/over-http/report')).json()) as Record<string, number>;
    assert.deepEqual([report['expected'], report['received'], report['missing']], [instances, instances, 0]);
    const text = await (await served.ask('GET', '/projects/over-http/report?format=text')).text();
    assert.equal(text, (await runDitag(['project', 'report', '--project-name', 'over-http'], { home })).stdout);
    const folder = path.join(output, fs.readdirSync(output)[0]!);
    assert.equal((await runDitag(['project', 'verify', '--folder', folder], { home })).code, 0);
  });

  test("a project's own list stays its own, and an operation that is not begun leaves no list behind", async (t) => {
    const pacs = await partOrSkip(t, () => orthanc);
    if (pacs === undefined) return;
    const projects = path.join(home, '.ditag', 'projects');
    const [one, two] = [...new Set(made.map(({ AccessionNumber }) => AccessionNumber))];
    const list = path.join(home, 'own-list.txt');
    fs.writeFileSync(list, `${one}\n`);
    const command = ['project', 'index', '--project-name', 'own-list', '--target-list', list];
    const indexed = await runDitag(command, { home });
    assert.equal(indexed.code, 0, indexed.stderr);
    const asked = await start({ operation: 'project-index', project: 'own-list', accessions: [two] });
    assert.equal((await watch(asked)).at(-1)!.status, 'done', (await job(asked)).lines.join('\n'));
    const files = () =>
      fs.readdirSync(path.join(projects, 'own-list')).filter((name) => name.startsWith('accessions-'));
    assert.equal(files().length, 1);
    const yml = path.join(projects, 'own-list', 'own-list.yml');
    assert.ok(fs.readFileSync(yml, 'utf8').includes(list));
    // Nobody listens there.
    fs.writeFileSync(yml, fs.readFileSync(yml, 'utf8').replace(/port: \d+/, 'port: 1'));
    const failed = await start({ operation: 'project-index', project: 'own-list', accessions: ['A9'] });
    assert.equal((await watch(failed)).at(-1)!.status, 'failed');
    assert.equal(files().length, 1);
  });

  test('names and lists that are none are refused', async () => {
    const refused = async (body: object, field: string, status = 400) => {
      const answer = await served.ask('POST', '/jobs', { body });
      assert.deepEqual([answer.status, ((await answer.json()) as Problem).field], [status, field]);
    };
    await refused({ operation: 'project-index', project: '../elsewhere', accessions: ['A1'] }, 'project');
    await refused({ operation: 'project-download', project: 'nobody-has-it' }, 'project', 404);
    await refused({ operation: 'index', archive: '/etc' }, 'archive');
    await refused({}, 'operation');
    await refused({ operation: 'remove' }, 'operation');
    await refused({ operation: 'send' }, 'series');
    await refused({ operation: 'send', series: [] }, 'series');
    await refused({ operation: 'send', series: ['1.2', '../../etc'] }, 'series.1');
    await refused({ operation: 'send', series: ['1.2'], destination: 'elsewhere' }, 'destination');
    await refused({ operation: 'project-index', project: 'p', accessions: ['a\nb'] }, 'accessions.0');
    // They would be comments and nothing in a list.
    await refused({ operation: 'project-index', project: 'p', accessions: ['#A1'] }, 'accessions.0');
    await refused({ operation: 'project-index', project: 'p', accessions: ['A1', ' '] }, 'accessions.1');
    assert.equal((await served.ask('DELETE', '/jobs/none')).status, 404);
  });

  test('a job ends when that is asked for', async (t) => {
    const pacs = await partOrSkip(t, () => orthanc);
    if (pacs === undefined) return;
    const id = await start({ operation: 'send', series: made.map(({ SeriesInstanceUID }) => SeriesInstanceUID) });
    const answer = await served.ask('DELETE', `/jobs/${id}`);
    assert.equal(answer.status, 202);
    const { status } = (await watch(id)).at(-1)!;
    assert.equal(status, 'cancelled');
  });
});
