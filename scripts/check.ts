// `npm run check`: formatting, lint, types, import boundaries, dead code, and that generated files are what their
// generators make. Goes on after a failure, so that one run shows all of them; ends with 1 if there was any.
import { run } from './run-command.ts';

const CHECKS: readonly (readonly [string, string, readonly string[]])[] = [
  ['formatting and lint', 'biome', ['check', '--error-on-warnings', '.']],
  ['types', 'tsc', ['--noEmit', '-p', 'tsconfig.json']],
  ['types of the page', 'tsc', ['--noEmit', '-p', 'services/api/page/tsconfig.json']],
  ['type-aware lint', 'oxlint', ['--type-aware', '--config', '.oxlintrc.json', '--deny-warnings']],
  [
    'import boundaries',
    'depcruise',
    [
      'core',
      'adapters',
      'services',
      'cli',
      'deploy',
      'scripts',
      'test',
      'bench',
      '--config',
      '.dependency-cruiser.mjs',
    ],
  ],
  ['dead code', 'knip', []],
  ['generated files', 'node', ['scripts/check-generated.ts']],
];

const failed: string[] = [];
for (const [name, command, args] of CHECKS) {
  process.stdout.write(`== ${name}\n`);
  if ((await run(command, args)) !== 0) failed.push(name);
}
if (failed.length > 0) process.stdout.write(`Checks that failed: ${failed.join(', ')}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
