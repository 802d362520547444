// Options that a command's --help prints are in the pages, and options that the pages speak of exist.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { readPage } from './markdown.ts';

const JOBS = ['jobs', 'jobs list', 'jobs cancel', 'jobs resume', 'jobs failed', 'jobs retry'];
const PROJECT = ['project index', 'project query', 'project report', 'project download', 'project verify'];
const TOKEN = ['token create', 'token list', 'token revoke', 'token trail'];
/** Commands, and the page that tells each of their options. */
const PAGE_OF = new Map([
  ['index', 'README.md'],
  ['query', 'docs/queries.md'],
  ['stats', 'docs/queries.md'],
  ['echo', 'docs/pacs.md'],
  ['send', 'docs/pacs.md'],
  ['gateway', 'docs/pacs.md'],
  ['copies', 'docs/queries.md'],
  ['serve', 'docs/api.md'],
  ...TOKEN.map((command) => [command, 'docs/api.md'] as const),
  ...JOBS.map((command) => [command, 'docs/cluster.md'] as const),
  ...PROJECT.map((command) => [command, 'docs/projects.md'] as const),
  // It takes those of query.
  ['project query', 'docs/queries.md'],
]);
const PAGES = ['README.md', 'docs/queries.md', 'docs/cluster.md', 'docs/pacs.md', 'docs/projects.md', 'docs/api.md'];
/** What every command has. */
const GLOBAL = ['--config-file', '--help', '--local', '--nats'];
const help = new Map<string, Set<string>>();

const home = temporaryFolder({ after });

before(async () => {
  for (const command of ['', ...PAGE_OF.keys()]) {
    const { code, stdout } = await runDitag([...command.split(' ').filter((word) => word !== ''), '--help'], { home });
    assert.equal(code, 0);
    const listed = Array.from(stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm), (match) => match[1]!);
    help.set(command, new Set(listed));
  }
});

function optionsIn(text: string): Set<string> {
  return new Set(Array.from(text.matchAll(/(?<![\w-])--[a-z][a-z-]*/g), (match) => match[0]));
}

/** What a page says of ditag: calls of npm are npm's own, and one whole line in the README. */
function aboutDitag(page: string): string {
  return readPage(page)
    .replaceAll(/npm run (--silent )?ditag --/g, 'ditag')
    .replaceAll(/`npm [^`]+`/g, '')
    .replaceAll(/npm run cluster --.*$/gm, '')
    .replaceAll('`--state DIR`', '')
    .replaceAll(/<!--.*?-->/g, '');
}

test('the commands are those of the program', () => {
  assert.deepEqual([...help.get('')!].sort(), GLOBAL);
  for (const command of JOBS) assert.deepEqual([...help.get(command)!].sort(), GLOBAL);
});

test('the table of jobs has its commands', () => {
  const rows = Array.from(readPage('docs/cluster.md').matchAll(/^\| `ditag (jobs [a-z]+)/gm), (match) => match[1]!);
  assert.deepEqual(rows, JOBS.slice(1));
});

for (const [command, page] of PAGE_OF) {
  test(`every option of "${command}" is in ${page}`, () => {
    const written = optionsIn(aboutDitag(page));
    assert.deepEqual(
      [...help.get(command)!].filter((option) => !GLOBAL.includes(option) && !written.has(option)),
      [],
    );
  });
}

for (const page of PAGES) {
  test(`every option in ${page} exists`, () => {
    const known = new Set([...help.values()].flatMap((options) => [...options]));
    assert.deepEqual(
      [...optionsIn(aboutDitag(page))].filter((option) => !known.has(option)),
      [],
    );
  });
}

test('the table of an option names the command that has it', () => {
  const queries = readPage('docs/queries.md');
  const section = (heading: string) => queries.slice(queries.indexOf(heading)).split(/\n## /)[0]!;
  const rows = (text: string) => Array.from(text.matchAll(/^\| `(--[a-z-]+)/gm), (match) => match[1]!).sort();
  const of = (command: string) => [...help.get(command)!].sort();
  const readme = readPage('README.md');
  assert.deepEqual(rows(section('## Options of `query`')), of('query'));
  assert.deepEqual([...rows(section('## `stats`')), '--help'].sort(), of('stats'));
  const index = readme.slice(readme.indexOf('## Options of `index`')).split(/\n## /)[0]!;
  assert.deepEqual([...rows(index), ...GLOBAL].sort(), of('index'));
  const [serve, access] = readPage('docs/api.md').split('## Who may ask') as [string, string];
  assert.deepEqual([...rows(serve), '--help'].sort(), of('serve'));
  assert.deepEqual([...rows(access), '--help'].sort(), of('token create'));
  const projects = readPage('docs/projects.md');
  for (const command of PROJECT) {
    // That of `project query` is the table of `query`.
    if (command === 'project query') assert.deepEqual(of(command), of('query'));
    else {
      const own = projects.slice(projects.indexOf(`## \`${command}\``)).split(/\n## /)[0]!;
      assert.deepEqual([...rows(own), ...GLOBAL].sort(), of(command));
    }
  }
  assert.deepEqual([...rows(readme.slice(readme.indexOf('## A cluster')).split(/\n## /)[0]!)], ['--local', '--nats']);
});
