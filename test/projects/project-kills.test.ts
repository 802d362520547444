// `ditag project index` and `project download` are killed at random points and started again: they end with what an
// undisturbed run has, and nothing that was on disk is asked for again. DITAG_KILL_ROUNDS=30 for the long run; DITAG_SEED
// repeats one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectReport } from '../../cli/commands/project-report.ts';
import { projectVerify } from '../../cli/commands/project-verify.ts';
import { projectQuery } from '../../cli/commands/query.ts';
import { readConfiguration } from '../../cli/configuration/configuration.ts';
import { LocalWorkspace } from '../../cli/workspaces/local/local-workspace.ts';
import { freePort } from '../../scripts/parts/parts.ts';
import { commandIn } from '../cli/query-here.ts';
import { type Ended, startDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { Random } from '../random.ts';
import { pacsContent } from './pacs-content.ts';
import { ScriptedPacs } from './scripted-pacs.ts';

const ROUNDS = Number(process.env['DITAG_KILL_ROUNDS'] ?? 3);
const SEED = Number(process.env['DITAG_SEED'] ?? Date.now() % 1_000_000);
const ACCESSIONS = 40;
/** Milliseconds before each answer and each instance: so there is time in which to kill. */
const SLOW = 2;
/** After the last request or instance a run is killed within this (milliseconds). */
const LATEST = 500;
const UNDISTURBED = 'undisturbed';

const random = new Random(SEED);

interface Kill {
  /** What is counted while it runs, how much of it there has to be, and milliseconds from then on. */
  readonly count: () => number;
  readonly after: number;
  readonly wait: number;
}

/** Mostly in the middle, sometimes in what follows the last of `left`. */
function randomKill(count: () => number, left: number, isLate: boolean): Kill {
  if (isLate) return { count, after: left, wait: random.fraction() * LATEST };
  return { count, after: 1 + random.below(left), wait: random.fraction() * 10 };
}

const CONTENT = pacsContent(
  Array.from({ length: ACCESSIONS }, (_, i) => ({
    ...{
      StudyInstanceUID: `1.2.${i}`,
      AccessionNumber: `Acc${i}`,
      PatientID: `P${i % 30}`,
      PatientName: `Doe^${i % 30}`,
    },
    series: [
      { SeriesInstanceUID: `1.2.${i}.1`, SeriesDescription: 'AX', SeriesNumber: '1', instances: 7 },
      { SeriesInstanceUID: `1.2.${i}.2`, SeriesDescription: 'SAG', SeriesNumber: '2', instances: 3, pixels: 200_000 },
    ],
  })),
);

describe('killed projects', () => {
  const home = temporaryFolder({ after }, 'memory');
  const list = path.join(home, 'list.txt');
  const destinations = new Map<string, { host: string; port: number }>();
  const pacs = new ScriptedPacs({ content: CONTENT, destinations, faults: { slow: SLOW } });
  let scpPort = 0;
  /** Of the undisturbed index. */
  let requests = 0;

  const indexArguments = (name: string) => [
    ...['project', 'index', '--project-name', name, '--quiet', '--target-list', list],
    ...['--pacs', '127.0.0.1', '--port', String(pacs.port), '--aetitle', pacs.aeTitle],
  ];
  const downloadArguments = (output: string, method: string) => [
    ...['project', 'download', '--project-name', UNDISTURBED, '--quiet', '--output', path.join(home, output)],
    ...['--method', method, ...(method === 'move' ? ['--scp-port', String(scpPort)] : [])],
  ];
  const folderIn = (output: string) => {
    const [folder, ...others] = fs.readdirSync(path.join(home, output));
    assert.deepEqual(others, []);
    return path.join(home, output, folder!);
  };
  const workspaceHere = () =>
    new LocalWorkspace(readConfiguration(path.join(home, '.ditag/config.ini'), { environment: {} }));
  /** What the project knows, without its name and folders. */
  const known = async (projectName: string, output = '') => {
    const workspace = workspaceHere();
    const columns = 'AccessionNumber,PatientID';
    const answers = [
      await commandIn(workspace, (context) => projectReport({ projectName }, context)),
      await commandIn(workspace, (context) => projectQuery({ projectName, columns }, context)),
    ];
    return answers.map(({ code, stdout, stderr }) => {
      assert.equal(code, 0, stderr);
      return stdout.replaceAll(path.join(home, output), 'OUTPUT').replaceAll(projectName, 'NAME');
    });
  };

  /** Starts ditag. @param kill when it is killed; undefined: it may end */
  async function run(args: readonly string[], kill?: Kill): Promise<Ended> {
    const from = kill?.count() ?? 0;
    const { child, ended } = startDitag(args, { home });
    if (kill !== undefined) {
      const isOver = () => child.exitCode !== null || child.signalCode !== null;
      while (kill.count() - from < kill.after && !isOver()) await sleep(1);
      await Promise.race([sleep(kill.wait), ended]);
      child.kill('SIGKILL');
    }
    const end = await ended;
    // What it had asked for is sent to nobody.
    while (pacs.associations.standing > 0 || pacs.senders.size > 0) await sleep(2);
    return end;
  }

  before(async () => {
    fs.writeFileSync(list, `${CONTENT.studies.map((_, i) => `Acc${i}`).join('\n')}\nAccNone\n`);
    await pacs.begin();
    scpPort = await freePort();
    destinations.set('DITAG', { host: '127.0.0.1', port: scpPort });
    const indexed = await run(indexArguments(UNDISTURBED));
    assert.equal(indexed.code, 0, indexed.stderr);
    requests = pacs.requests.length;
    const downloaded = await run(downloadArguments(UNDISTURBED, 'move'));
    assert.equal(downloaded.code, 0, downloaded.stderr);
  });
  after(() => pacs.close());

  test(`index, SIGKILL, ${ROUNDS} rounds, seed ${SEED}`, { timeout: 60_000 + ROUNDS * 20_000 }, async (t) => {
    const whole = await known(UNDISTURBED, UNDISTURBED);
    let inside = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const name = `killed-${round}`;
      const where = `round ${round}, seed ${SEED}`;
      let answered = new Set<string>();
      for (let tries = 0; ; tries++) {
        const from = pacs.requests.length;
        // One or two kills, then a run that may end.
        const mayEnd = tries > round % 2;
        const left = Math.ceil(requests * (1 - answered.size / (ACCESSIONS + 1)));
        const kill = randomKill(() => pacs.requests.length, left, random.chance(4));
        const ended = await run(indexArguments(name), mayEnd ? undefined : kill);
        const asked = pacs.requests
          .slice(from)
          .flatMap(({ level, keys }) => (level === 'STUDY' ? keys['AccessionNumber']! : []));
        assert.deepEqual(
          asked.filter((accession) => answered.has(accession)),
          [],
          where,
        );
        if (ended.signal === 'SIGKILL') inside++;
        answered = answeredOf(path.join(home, '.ditag/projects', name));
        if (!mayEnd) continue;
        assert.equal(ended.code, 0, `${where}: ${ended.stderr}`);
        break;
      }
      assert.equal(answered.size, ACCESSIONS + 1);
      const [report, rows] = await known(name);
      assert.equal(rows, whole[1], where);
      assert.equal(report, withoutDownload(whole[0]!), where);
      assert.deepEqual(filesOf(name), filesOf(UNDISTURBED), 'nothing is left of the killed runs');
    }
    t.diagnostic(`${inside} runs were killed before their end`);
    assert.ok(inside > 0, 'no run was killed before its end');
  });

  const filesOf = (name: string) =>
    fs
      .readdirSync(path.join(home, '.ditag/projects', name))
      .map((file) => file.replace(name, 'NAME'))
      .sort();

  test(`download, SIGKILL, ${ROUNDS} rounds, seed ${SEED}`, { timeout: 60_000 + ROUNDS * 30_000 }, async (t) => {
    const undisturbed = folderIn(UNDISTURBED);
    const [report] = await known(UNDISTURBED, UNDISTURBED);
    const manifest = fs.readFileSync(path.join(undisturbed, 'manifest.csv'), 'utf8');
    const files = filesBelow(undisturbed);
    let inside = 0;
    let kept = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const output = `round-${round}`;
      const method = round % 2 === 0 ? 'move' : 'get';
      const isZipped = round % 3 === 2;
      const args = [...downloadArguments(output, method), ...(isZipped ? ['--zip-project'] : [])];
      const where = `round ${round}, ${method}, seed ${SEED}`;
      let kills = 1 + random.below(3);
      for (let here = new Set<string>(); ; kills--) {
        const from = pacs.sent.length;
        const left = CONTENT.instances.size - here.size;
        const kill = randomKill(() => pacs.sent.length, left, random.chance(isZipped ? 2 : 4));
        const ended = await run(args, kills > 0 ? kill : undefined);
        const again = pacs.sent.slice(from).filter((uid) => here.has(uid));
        assert.deepEqual(again, [], `${where}: fetched again`);
        if (ended.signal === 'SIGKILL') inside++;
        if (kills === 0) {
          assert.equal(ended.code, 0, `${where}: ${ended.stderr}`);
          break;
        }
        const stored = fs.existsSync(path.join(home, output)) ? filesBelow(folderIn(output)) : [];
        here = new Set(
          files
            .filter((file) => file.endsWith('.dcm'))
            .filter((file) => stored.includes(file) || stored.includes(zipOf(file)))
            .map(uidOf),
        );
        kept += here.size;
      }
      const folder = folderIn(output);
      assert.equal(fs.readFileSync(path.join(folder, 'manifest.csv'), 'utf8'), manifest, where);
      const expected = isZipped ? [...new Set(files.map(zipOf))].sort() : files;
      assert.deepEqual(filesBelow(folder), expected, 'nothing is left of the killed runs');
      const verified = await commandIn(workspaceHere(), (context) => projectVerify({ folder }, context));
      assert.equal(verified.code, 0, `${where}: ${verified.stdout}`);
      assert.equal((await known(UNDISTURBED, output))[0], report, where);
      fs.rmSync(path.join(home, output), { recursive: true });
    }
    t.diagnostic(`${inside} runs were killed before their end; ${kept} instances were there then`);
    assert.ok(inside > 0 && kept > 0, 'no run was killed in the middle');
  });
});

/** The zip that a file of a download comes into. */
function zipOf(file: string): string {
  return file.includes('/') ? `${file.split('/', 1)[0]}.zip` : file;
}

function uidOf(file: string): string {
  return path.basename(file, '.dcm');
}

/** Accession numbers of which the project knows the outcome; read from a copy, so that what a killed run left stays as it is. */
function answeredOf(folder: string): Set<string> {
  const copy = `${folder}.copy`;
  if (!fs.existsSync(folder)) return new Set();
  fs.cpSync(folder, copy, { recursive: true });
  try {
    const file = fs.readdirSync(copy).find((name) => name.endsWith('.state.db'));
    if (file === undefined) return new Set();
    using database = new DatabaseSync(path.join(copy, file));
    const rows = database.prepare("SELECT accession FROM target WHERE outcome <> 'open'").all();
    return new Set((rows as { accession: string }[]).map(({ accession }) => accession));
  } catch (error) {
    // It was killed before there were tables.
    assert.match(String(error), /no such table/);
    return new Set();
  } finally {
    fs.rmSync(copy, { recursive: true });
  }
}

/** The report as it is before the first download. */
function withoutDownload(report: string): string {
  return report
    .replace(/, [0-9,]+ received, none missing\./, ', not downloaded yet.')
    .replace(/( {2}expected) +([0-9,]+)\n(?: {2}.*\n)+/, '$1  $2\n  received, missing, bytes: not downloaded yet\n');
}

/** Relative paths of all files. */
function filesBelow(folder: string): string[] {
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}
