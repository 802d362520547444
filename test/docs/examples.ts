// Examples in the pages. A block ```sh whose lines start with `ditag ` is an example; it is run with bash, as it stands.
//   ```sh exit=2      the exit code that is expected, if not 0
//   ```text stderr    (or csv) right behind an example: what it prints, exactly; without `stderr`, on stdout
// `…` in an expected output stands for any text.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { type Block, blocksOf, PROJECT, readPage } from './markdown.ts';

export interface Example {
  readonly block: Block;
  readonly exitCode: number;
  readonly stdout: string | undefined;
  readonly stderr: string | undefined;
}

export function examplesOf(page: string): Example[] {
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

/** Puts `ditag` into the folder bin of a home folder. */
export function makeDitagCommand(home: string): void {
  fs.mkdirSync(path.join(home, 'bin'));
  const shim = `#!/bin/sh\nexec "${process.execPath}" "${path.join(PROJECT, 'cli/main.ts')}" "$@"\n`;
  fs.writeFileSync(path.join(home, 'bin/ditag'), shim, { mode: 0o755 });
}

/** What is told of work that lasts: how often, the machine decides. */
const PROGRESS = /^\w+: \d+%, .* left\n/gm;

export interface EndedExample {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs an example in a folder; what it tells has no progress in it. Whoever waits can serve it meanwhile.
 * @param variables further environment variables
 */
export async function runExample(
  text: string,
  home: string,
  folder: string,
  variables: Record<string, string> = {},
): Promise<EndedExample> {
  const PATH = `${home}/bin:${process.env['PATH']}`;
  const child = spawn('bash', ['-euo', 'pipefail', '-c', text], {
    cwd: folder,
    env: { ...process.env, HOME: home, PATH, NODE_NO_WARNINGS: '1', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [status]] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { status, stdout, stderr: stderr.replaceAll(PROGRESS, '') };
}

export function compare(actual: string, expected: string): void {
  if (expected.includes('…') && expectation(expected).test(actual)) return;
  assert.equal(actual, expected);
}
