// `npm test`: what the tests need is installed or named, then everything is checked and every test is run.
//   --long    kills, fuzzing and big folders at length
//   --quick   tests only: no checks, nothing installed
// Further arguments are test files; none means all.
import { globSync } from 'node:fs';
import os from 'node:os';
import { run } from './run-command.ts';
import { installParts } from './test-parts.ts';

const args = process.argv.slice(2);
const long = args.includes('--long');
const quick = args.includes('--quick');
const named = args.filter((arg) => !arg.startsWith('--'));
const env = { ...process.env };
if (long) Object.assign(env, { DITAG_KILL_ROUNDS: '50', DITAG_FUZZ_INPUTS: '500000', DITAG_LONG: '1' });
// In CI a part that is missing is a failure, not a skipped test.
if (env.CI !== undefined && env.CI !== '') env.DITAG_REQUIRE_PARTS = '1';

let failed = false;
if (!quick) {
  await installParts();
  if ((await run('node', ['scripts/check.ts'], env)) !== 0) failed = true;
}
// The compiled program is a part too: some tests start what a user installs.
if ((await run('node', ['scripts/build.ts'])) !== 0) failed = true;
const patterns = ['core', 'adapters', 'services', 'cli', 'test', 'bench', 'scripts'].map(
  (folder) => `${folder}/**/*.test.ts`,
);
const files = named.length > 0 ? named : globSync(patterns).sort();
const concurrency = Math.max(2, os.availableParallelism());
if ((await run('node', ['--test', `--test-concurrency=${concurrency}`, ...files], env)) !== 0) failed = true;
process.exitCode = failed ? 1 : 0;
