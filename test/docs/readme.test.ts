// The examples of the pages about one machine, run as they stand (examples.ts), each page from top to bottom in one
// temporary home folder with an index of the sample archive. /mnt/archive and /mnt/archive2 stand for sample archives.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { compare, examplesOf, makeDitagCommand, runExample } from './examples.ts';
import { blocksOf, PROJECT, readPage } from './markdown.ts';

const ARCHIVES: readonly (readonly [string, string])[] = [
  ['archive2', 'test/samples/dicomdirtests'],
  ['archive', 'test/samples'],
];

for (const page of ['README.md', 'docs/queries.md']) {
  describe(`examples of ${page}`, () => {
    const examples = examplesOf(page);
    const home = temporaryFolder({ after });
    const folder = path.join(home, 'work');

    before(async () => {
      for (const name of ['mnt', 'work']) fs.mkdirSync(path.join(home, name));
      makeDitagCommand(home);
      for (const [name, samples] of ARCHIVES) {
        fs.symlinkSync(path.join(PROJECT, samples), path.join(home, 'mnt', name));
      }
      const { code, stderr } = await runDitag(['index', '--archive', path.join(home, 'mnt/archive')], { home });
      assert.equal(code, 0, stderr);
    });

    test('there are examples, and all code in sh is one', () => {
      assert.ok(examples.length > 0);
      for (const { info, text, line } of blocksOf(readPage(page))) {
        if (info.startsWith('sh')) assert.match(text, /^ditag /, `${page}:${line}`);
      }
    });

    for (const { block, exitCode, stdout, stderr } of examples) {
      test(`line ${block.line}: ${block.text.split('\n')[0]}`, async () => {
        const outside = (text: string) => text.replaceAll('/mnt/archive', `${home}/mnt/archive`);
        const inside = (text: string) => text.replaceAll(`${home}/mnt/archive`, '/mnt/archive');
        const ended = await runExample(outside(block.text), home, folder);
        assert.equal(ended.status, exitCode, ended.stderr);
        if (stdout !== undefined) compare(inside(ended.stdout), stdout);
        if (stderr !== undefined) compare(inside(ended.stderr), stderr);
      });
    }
  });
}
