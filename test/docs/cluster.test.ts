// The examples of docs/cluster.md, run as they stand (examples.ts) from top to bottom against a cluster of real parts,
// whose scanner sees the sample archive under the name `samples`. And its tables have what the code has.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type RunningCluster, startCluster } from '../../scripts/parts/cluster.ts';
import { partOrSkip } from '../../scripts/parts/parts.ts';
import { temporaryFolder } from '../cli/run-ditag.ts';
import { compare, examplesOf, makeDitagCommand, runExample } from './examples.ts';
import { PROJECT, readPage } from './markdown.ts';

const PAGE = 'docs/cluster.md';

test('every key of [CLUSTER] and its variable stand in one row', () => {
  const code = fs.readFileSync(path.join(PROJECT, 'cli/configuration/configuration.ts'), 'utf8');
  const inCode = Array.from(code.matchAll(/'(nats[a-z_]*)', '(DITAG_[A-Z_]+)'/g), ([, key, name]) => [key, name]);
  const inPage = Array.from(
    readPage(PAGE).matchAll(/^\| `(nats[a-z_]*)` +\| `(DITAG_[A-Z_]+)` +\|/gm),
    ([, key, name]) => [key, name],
  );
  assert.deepEqual(inPage.sort(), inCode.sort());
});

describe(`examples of ${PAGE}`, () => {
  const home = temporaryFolder({ after });
  const examples = examplesOf(PAGE);
  let started: Promise<RunningCluster>;

  before(async () => {
    makeDitagCommand(home);
    const stateFolder = path.join(home, 'cluster');
    const archives = new Map([['samples', path.join(PROJECT, 'test/samples')]]);
    started = startCluster({ stateFolder, archives });
    // What is missing is told by each test.
    await started.catch(() => undefined);
  });
  after(async () => (await started.catch(() => undefined))?.stop());

  test('there are examples', () => assert.ok(examples.length > 0));

  for (const { block, exitCode, stdout, stderr } of examples) {
    test(`line ${block.line}: ${block.text.split('\n')[0]}`, async (t) => {
      const cluster = await partOrSkip(t, () => started);
      if (cluster === undefined) return;
      const ended = await runExample(block.text, home, home, { DITAG_NATS_URL: cluster.addresses.nats });
      assert.equal(ended.status, exitCode, ended.stderr);
      if (stdout !== undefined) compare(ended.stdout, stdout);
      if (stderr !== undefined) compare(ended.stderr, stderr);
    });
  }
});
