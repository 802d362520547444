// The examples of docs/projects.md, run as they stand (examples.ts) from top to bottom against a scripted PACS, which
// pacs.example stands for. Where an example is to end with exit code 1, the PACS keeps an instance to itself. And its tables
// have what the code has.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ACCESSION_OUTCOMES } from '../../core/projects/expected.ts';
import { MANIFEST_COLUMNS } from '../../core/projects/manifest.ts';
import { INSTANCE_OUTCOMES } from '../../core/projects/received.ts';
import { temporaryFolder } from '../cli/run-ditag.ts';
import { type DescribedStudy, pacsContent } from '../projects/pacs-content.ts';
import { ScriptedPacs } from '../projects/scripted-pacs.ts';
import { compare, examplesOf, makeDitagCommand, runExample } from './examples.ts';
import { blocksOf, codeSpans, readPage } from './markdown.ts';

const PAGE = 'docs/projects.md';
/** What the page has in place of the day of a download. */
const DAY = '_20260301';

const uid = (numbers: string) => `1.2.826.0.1.3680043.9.7.${numbers}`;
const KEPT_BACK = uid('1.1.3');

/** @param series descriptions, each with its number of instances */
function study(n: number, attributes: Partial<DescribedStudy>, series: Readonly<Record<string, number>>) {
  return {
    StudyInstanceUID: uid(`${n}`),
    ...attributes,
    series: Object.entries(series).map(([SeriesDescription, instances], i) => {
      const [SeriesInstanceUID, SeriesNumber] = [uid(`${n}.${i + 1}`), `${i + 1}`];
      return { SeriesInstanceUID, SeriesDescription, SeriesNumber, Modality: 'MR', instances };
    }),
  };
}

const JANE = { PatientID: 'P-17', PatientName: 'Doe^Jane' };
const RICHARD = { PatientID: 'P-18', PatientName: 'Roe^Richard' };
const EDGAR = { AccessionNumber: 'A1003', PatientID: 'P-19', PatientName: 'Poe^Edgar^A', StudyDescription: 'Brain' };
const STUDIES = [
  study(
    1,
    { ...JANE, AccessionNumber: 'A1001', StudyDate: '20210304', StudyDescription: 'Brain' },
    { 'T1 MPRAGE': 3, FLAIR: 2 },
  ),
  study(2, { ...RICHARD, AccessionNumber: '0002', StudyDate: '20210412', StudyDescription: 'Brain' }, { FLAIR: 2 }),
  study(3, { ...EDGAR, StudyDate: '20210501' }, { PD: 2 }),
  study(4, { ...EDGAR, StudyDate: '20210502' }, { PD: 2 }),
];

/** A port that nobody listens on now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

describe(`examples of ${PAGE}`, () => {
  const home = temporaryFolder({ after });
  const folder = path.join(home, 'work');
  const examples = examplesOf(PAGE);
  let pacs: ScriptedPacs | undefined;
  let scpPort: number;
  let isKeptBack = false;

  before(async () => {
    for (const name of ['mnt/download/flair', 'work']) fs.mkdirSync(path.join(home, name), { recursive: true });
    makeDitagCommand(home);
    for (const { info, text } of blocksOf(readPage(PAGE))) {
      const [, name] = /^text (\S+\.txt)$/.exec(info) ?? [];
      if (name !== undefined) fs.writeFileSync(path.join(folder, name), text);
    }
    scpPort = await freePort();
    pacs = new ScriptedPacs({
      content: pacsContent(STUDIES),
      faults: { loses: (SOPInstanceUID) => isKeptBack && SOPInstanceUID === KEPT_BACK },
      destinations: new Map([['DITAG', { host: '127.0.0.1', port: scpPort }]]),
      aeTitle: 'PACSAET',
    });
    await pacs.begin();
  });
  after(() => pacs?.close());

  /** What stands in the page, with what is here. */
  function here(text: string): string {
    return text
      .replaceAll('pacs.example --port 11112', `127.0.0.1 --port ${pacs!.port}`)
      .replaceAll('ditag project download', `ditag project download --scp-port ${scpPort}`)
      .replaceAll('/mnt/download', `${home}/mnt/download`);
  }

  function inPage(text: string): string {
    return text.replaceAll(`${home}/mnt/download`, '/mnt/download').replaceAll(/(?<=Brains)_\d{8}\b/g, DAY);
  }

  test('there are examples, and all code in sh is one', () => {
    assert.ok(examples.length > 0);
    for (const { info, text, line } of blocksOf(readPage(PAGE)))
      if (info.startsWith('sh')) assert.match(text, /^ditag /, `${PAGE}:${line}`);
  });

  for (const { block, exitCode, stdout, stderr } of examples) {
    test(`line ${block.line}: ${block.text.split('\n')[0]}`, async () => {
      isKeptBack = exitCode === 1;
      const ended = await runExample(here(block.text), home, folder);
      assert.equal(ended.status, exitCode, ended.stderr);
      if (stdout !== undefined) compare(inPage(ended.stdout), stdout);
      if (stderr !== undefined) compare(inPage(ended.stderr), stderr);
    });
  }

  test('the files of a project are those of the table, readable by their owner only', () => {
    const projects = path.join(home, '.ditag/projects/Brains');
    const named = codeSpans(rowsBelow('## Files').join('\n'))
      .filter((span) => span.startsWith('NAME'))
      .map((span) => span.replace('NAME', 'Brains'));
    const made = fs.readdirSync(projects);
    assert.deepEqual(made.filter((name) => !/-(lock|wal|shm)$/.test(name)).sort(), named.sort());
    for (const name of made) assert.equal(fs.statSync(path.join(projects, name)).mode & 0o777, 0o600, name);
    assert.equal(fs.statSync(projects).mode & 0o777, 0o700);
  });

  test('the keys of the YAML file are those of the table', () => {
    const yaml = fs.readFileSync(path.join(home, '.ditag/projects/Brains/Brains.yml'), 'utf8');
    const keys = Array.from(yaml.matchAll(/^(\w+):/gm), (match) => match[1]!);
    assert.deepEqual(firstColumn('The keys of `NAME.yml`').sort(), keys.sort());
  });
});

test('the columns of the manifest', () => {
  const spans = rowsBelow('**`manifest.csv`**').flatMap((row) => codeSpans(row.split('|')[1]!));
  assert.deepEqual(spans, [...MANIFEST_COLUMNS]);
  const [outcomes] = rowsBelow('**`manifest.csv`**').filter((row) => row.startsWith('| `outcome`'));
  assert.deepEqual(codeSpans(outcomes!).slice(1), [...INSTANCE_OUTCOMES]);
});

test('the outcomes of an accession number', () => {
  assert.deepEqual(firstColumn('| outcome ').sort(), [...ACCESSION_OUTCOMES].sort());
});

/** Rows of the first table below a text. */
function rowsBelow(text: string): string[] {
  const page = readPage(PAGE);
  const at = page.indexOf(text);
  assert.ok(at >= 0, `${PAGE} has no "${text}"`);
  const lines = page.slice(at).split('\n');
  const head = lines.findIndex((line) => line.startsWith('| --'));
  const rows = lines.slice(head + 1);
  return rows.slice(
    0,
    rows.findIndex((line) => !line.startsWith('|')),
  );
}

function firstColumn(text: string): string[] {
  return rowsBelow(text).map((row) => codeSpans(row)[0]!);
}
