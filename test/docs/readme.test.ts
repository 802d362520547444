// The examples of the pages, run as they stand. A block ```sh whose lines start with `ditag ` is an example; the blocks
// of a page run from top to bottom, each with bash, in one temporary home folder with an index of the sample archive.
//   ```sh exit=2      the exit code that is expected, if not 0
//   ```text stderr    (or csv) right behind an example: what it prints, exactly; without `stderr`, on stdout
// `…` in an expected output stands for any text; /mnt/archive and /mnt/archive2 stand for sample archives.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runDitag, temporaryFolder } from '../cli/run-ditag.ts';
import { type Block, blocksOf, PROJECT, readPage } from './markdown.ts';

const ARCHIVES: readonly (readonly [string, string])[] = [
  ['archive2', 'test/samples/dicomdirtests'],
  ['archive', 'test/samples'],
];

interface Example {
  readonly block: Block;
  readonly exitCode: number;
  readonly stdout: string | undefined;
  readonly stderr: string | undefined;
}

function examplesOf(page: string): Example[] {
  const examples: { block: Block; exitCode: number; stdout?: string; stderr?: string }[] = [];
  let behindExample = false;
  for (const block of blocksOf(readPage(page))) {
    const [language, ...words] = block.info.split(' ');
    if (language === 'sh' && block.text.startsWith('ditag ')) {
      const exitCode = Number(words.find((word) => word.startsWith('exit='))?.slice('exit='.length) ?? 0);
      examples.push({ block, exitCode });
      behindExample = true;
    } else if (behindExample && block.follows && language !== 'sh') {
      examples.at(-1)![words.includes('stderr') ? 'stderr' : 'stdout'] = block.text;
    } else behindExample = false;
  }
  return examples.map((example) => ({ stdout: undefined, stderr: undefined, ...example }));
}

function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** A text of the page as a regular expression: literal but for `…`. */
function expectation(text: string): RegExp {
  return new RegExp(`^${text.split('…').map(literal).join('[\\s\\S]*?')}$`);
}

for (const page of ['README.md', 'docs/queries.md']) {
  describe(`examples of ${page}`, () => {
    const examples = examplesOf(page);
    const home = temporaryFolder({ after });
    const folder = path.join(home, 'work');

    before(async () => {
      for (const name of ['bin', 'mnt', 'work']) fs.mkdirSync(path.join(home, name));
      const shim = `#!/bin/sh\nexec "${process.execPath}" "${path.join(PROJECT, 'cli/main.ts')}" "$@"\n`;
      fs.writeFileSync(path.join(home, 'bin/ditag'), shim, { mode: 0o755 });
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
      test(`line ${block.line}: ${block.text.split('\n')[0]}`, () => {
        const outside = (text: string) => text.replaceAll('/mnt/archive', `${home}/mnt/archive`);
        const inside = (text: string) => text.replaceAll(`${home}/mnt/archive`, '/mnt/archive');
        const ended = spawnSync('bash', ['-euo', 'pipefail', '-c', outside(block.text)], {
          cwd: folder,
          env: { ...process.env, HOME: home, PATH: `${home}/bin:${process.env['PATH']}`, NODE_NO_WARNINGS: '1' },
          encoding: 'utf8',
        });
        assert.equal(ended.status, exitCode, ended.stderr);
        if (stdout !== undefined) compare(inside(ended.stdout), stdout);
        if (stderr !== undefined) compare(inside(ended.stderr), stderr);
      });
    }
  });
}

function compare(actual: string, expected: string): void {
  if (expected.includes('…') && expectation(expected).test(actual)) return;
  assert.equal(actual, expected);
}
